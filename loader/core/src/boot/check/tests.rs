use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use hal::{ExceptionLevel, PhysAddr};

use super::super::Severity::{self, Error, Warning};
use super::super::prepare::{Prepared, prepare};
use super::super::testing::{VIRT, cpio, edited, kernel, load, machine, region, request, run, sentences, xen};
use crate::boot::plan::Ramdisk;
use crate::devicetree::Tree;
use crate::image::arm64::tests::image;
use crate::memory::Memory;

pub(super) const DOM0LESS: &[u8] = include_bytes!("../../../tests/fixtures/boot/dom0less.dtb");
pub(super) const XEN: u64 = 0x4140_0000;
pub(super) const TREE: u64 = 0x4128_0000;

/// Two good domains on the virt machine, with the tree as `edit` leaves it.
pub(super) fn virt(edit: impl FnOnce(&mut Tree)) -> Memory {
    let files = [
        (TREE, "xen.dtb", edited(DOM0LESS, edit)),
        (XEN, "xen", xen()),
        (0x4200_0000, "Image-1", kernel(5001)),
        (0x4300_0000, "initrd", cpio(3003)),
        (0x4400_0000, "Image-2", kernel(6001)),
    ];
    machine(VIRT, &files)
}

pub(super) fn found(memory: &Memory, severity: Severity) -> Vec<String> {
    sentences(&run(memory, XEN, TREE).findings, severity)
}

#[test]
fn two_good_domains_are_started() {
    let memory = virt(|_| {});
    assert_eq!(found(&memory, Error), [""; 0]);
    assert_eq!(found(&memory, Warning), [""; 0]);
}

#[test]
fn xen_is_refused_at_el1_and_linux_is_not() {
    let mut memory = virt(|_| {});
    load(&mut memory, 0x4600_0000, "Image", &kernel(4096));
    let at = |image| prepare(&memory, ExceptionLevel::El1, request(&memory, image, TREE)).unwrap();
    assert_eq!(
        sentences(&at(XEN).findings, Error),
        ["xen is Xen and needs EL2, this machine runs at EL1; plain Linux can be started here"]
    );
    let linux = at(0x4600_0000);
    assert_eq!(linux.errors(), 0);
    assert_eq!(
        sentences(&linux.findings, Warning),
        ["the tree describes domains for Xen, but Image does not look like Xen and may ignore them"]
    );
}

#[test]
fn a_file_that_was_written_over_is_not_started() {
    let mut memory = virt(|_| {});
    load(&mut memory, 0x4300_0800, "late", &cpio(64));
    assert_eq!(
        found(&memory, Error),
        [
            "/chosen/domU1/module@43000000: initrd at 0x43000000..0x43000bbb was written over by late after it was \
             loaded",
            "/chosen/domU2/module@43000000: initrd at 0x43000000..0x43000bbb was written over by late after it was \
             loaded",
        ]
    );
    load(&mut memory, XEN + 0x800, "later", &cpio(64));
    let errors = found(&memory, Error);
    assert_eq!(
        errors[0],
        "xen at 0x41400000..0x41401000 was written over by later after it was loaded"
    );
}

#[test]
fn a_tree_that_was_written_over_is_not_used() {
    let mut memory = virt(|_| {});
    let len = u64::try_from(edited(DOM0LESS, |_| {}).len()).unwrap();
    load(&mut memory, TREE + len - 8, "late", &cpio(64));
    assert_eq!(
        found(&memory, Error),
        [format!(
            "xen.dtb at {} was written over by late after it was loaded",
            region(TREE, len)
        )]
    );
}

#[test]
fn room_at_the_end_of_a_tree_may_be_written_over() {
    let mut memory = virt(|_| {});
    let roomy = Tree::parse(DOM0LESS).unwrap().emit(0x4000).unwrap();
    load(&mut memory, TREE, "xen.dtb", &roomy);
    load(&mut memory, TREE + 0x2000, "late", &cpio(64));
    assert_eq!(found(&memory, Error), [""; 0]);
}

/// Xen's own form may be longer than the form that was loaded.
#[test]
fn the_room_begins_where_the_tree_ends_that_was_loaded() {
    let loaded = edited(DOM0LESS, |tree| {
        let domain = tree.find("/chosen/domU1").unwrap();
        tree.remove_property(domain, "compatible").unwrap();
    });
    let mut memory = virt(|_| {});
    let roomy = Tree::parse(&loaded).unwrap().emit(0x4000).unwrap();
    load(&mut memory, TREE, "xen.dtb", &roomy);
    load(
        &mut memory,
        TREE + u64::try_from(loaded.len()).unwrap(),
        "late",
        &cpio(64),
    );
    assert_eq!(found(&memory, Error), [""; 0]);
}

#[test]
fn where_nothing_was_loaded_the_bytes_decide() {
    let move_to = |address: u32| {
        move |tree: &mut Tree| {
            let node = tree.find("/chosen/domU1/module@42000000").unwrap();
            tree.rename(node, &format!("module@{address:x}")).unwrap();
            tree.set(node, "reg", &[address.to_be_bytes(), 0x1000_u32.to_be_bytes()].concat())
                .unwrap();
        }
    };
    let memory = virt(move_to(0x4500_0000));
    assert_eq!(
        found(&memory, Error),
        [
            "/chosen/domU1/module@45000000: nothing was loaded at 0x45000000, and what lies there is unknown data \
             ([00, 00, \
          00, 00])"
        ]
    );
    // Bytes that another program put there: the loader wrote them and forgot.
    let mut memory = virt(move_to(0x4500_0000));
    let claim = memory.claim(PhysAddr(0x4500_0000), 4096, "by hand").unwrap();
    memory.write(&claim, 0, &kernel(4096)).unwrap();
    memory.abandon(claim, 4096);
    assert_eq!(found(&memory, Error), [""; 0]);
    assert_eq!(
        found(&memory, Warning),
        [
            "/chosen/domU1/module@45000000: nothing was loaded at 0x45000000, but an arm64 Image lies there; its \
             size of \
          4096 bytes is the tree's and not checked"
        ]
    );
    let errors = found(&virt(move_to(0x9000_0000)), Error);
    assert!(
        errors.contains(&String::from(
            "(not loaded here) (/chosen/domU1/module@90000000): 0x90000000..0x90001000 is not all RAM: RAM is \
             0x40000000..0x80000000"
        )),
        "{errors:?}"
    );
}

#[test]
fn contents_that_do_not_fit_the_role() {
    let mut memory = virt(|_| {});
    load(&mut memory, 0x4200_0000, "swapped", &cpio(64));
    load(&mut memory, 0x4300_0000, "swapped-too", &kernel(64));
    assert_eq!(
        found(&memory, Error),
        [
            "/chosen/domU1/module@42000000: swapped is a cpio archive; Xen starts an arm64 Image, plain, gzip'd or \
             in a \
          uImage, and a 32-bit zImage",
            "/chosen/domU1/module@43000000: swapped-too is an arm64 Image; a ramdisk is expected",
            "/chosen/domU2/module@43000000: swapped-too is an arm64 Image; a ramdisk is expected"
        ]
    );
    let memory = virt(|tree| {
        let node = tree.find("/chosen/domU1/module@43000000").unwrap();
        tree.set_strings(node, "compatible", &["multiboot,device-tree", "multiboot,module"])
            .unwrap();
    });
    assert_eq!(
        found(&memory, Error)[0],
        "/chosen/domU1/module@43000000: initrd is a cpio archive, not a device tree"
    );
}

#[test]
fn an_empty_module_is_refused() {
    let mut memory = virt(|_| {});
    load(&mut memory, 0x4300_0000, "empty", &[]);
    assert_eq!(
        found(&memory, Error)[0],
        "/chosen/domU1/module@43000000: the module at 0x43000000 has no bytes"
    );
}

#[test]
fn reserved_memory_is_kept_free() {
    let memory = virt(|tree| {
        let optee = tree.find("/reserved-memory/optee@7e000000").unwrap();
        tree.set(optee, "reg", &[0, 0, 0, 0, 0x44, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x10, 0])
            .unwrap();
    });
    assert_eq!(
        found(&memory, Error),
        [
            "Image-2 (/chosen/domU2/module@44000000) at 0x44000000..0x44001771 lies in \
             /reserved-memory/optee@7e000000 at \
          0x44001000..0x44002000"
        ]
    );
}

#[test]
fn the_image_and_the_tree_keep_out_of_reserved_memory_by_themselves() {
    let memory = virt(|tree| {
        let optee = tree.find("/reserved-memory/optee@7e000000").unwrap();
        tree.set(optee, "reg", &[0, 0, 0, 0, 0x41, 0x20, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0])
            .unwrap();
    });
    let prepared = run(&memory, XEN, TREE);
    assert_eq!(prepared.errors(), 0);
    assert!(prepared.layout.tree.start() > PhysAddr(0x7000_0000));
    assert!(prepared.layout.image.target.start() > PhysAddr(0x7000_0000));
}

#[test]
fn what_xen_hands_to_domains_is_kept_free() {
    let pin = |node: &'static str, name: &'static str, start: u32| {
        move |tree: &mut Tree| {
            let node = tree.find(node).unwrap();
            let cells = [start, 0x10_0000].map(u32::to_be_bytes).concat();
            for what in ["address", "size"] {
                tree.set_u32(node, &format!("#{name}-{what}-cells"), 1).unwrap();
            }
            tree.set(node, name, &cells).unwrap();
        }
    };
    let errors = found(&virt(pin("/chosen/domU1", "xen,static-mem", 0x4300_0000)), Error);
    assert_eq!(
        errors[0],
        "initrd (/chosen/domU1/module@43000000) at 0x43000000..0x43000bbb lies in 0x43000000..0x43100000, which \
         xen,static-mem of /chosen/domU1 gives away"
    );
    assert_eq!(
        found(&virt(pin("/chosen", "xen,static-heap", 0x6000_0000)), Error),
        [""; 0]
    );
    // The image and the tree go elsewhere by themselves.
    let prepared = run(&virt(pin("/chosen", "xen,static-heap", 0x4140_0000)), XEN, TREE);
    assert_eq!(prepared.errors(), 0, "{:?}", prepared.findings);
    assert_ne!(prepared.layout.image.target.start(), PhysAddr(XEN));
}

#[test]
fn the_reservation_block_may_mark_modules_but_not_cut_them() {
    let whole = virt(|tree| tree.add_reservation(0x4300_0000, 0x1000).unwrap());
    assert_eq!(found(&whole, Warning), [""; 0]);
    let part = virt(|tree| tree.add_reservation(0x4300_0800, 0x1000).unwrap());
    assert_eq!(
        found(&part, Warning),
        [
            "initrd (/chosen/domU1/module@43000000) at 0x43000000..0x43000bbb lies partly in \
             0x43000800..0x43001800, which \
          the tree's reservation block keeps"
        ]
    );
}

#[test]
fn files_outside_the_trees_memory_are_refused() {
    let memory = virt(|tree| {
        let node = tree.find("/memory@40000000").unwrap();
        tree.set(node, "reg", &[0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x04, 0, 0, 0])
            .unwrap();
        for name in ["domU1", "domU2"] {
            let domain = tree.find(&format!("/chosen/{name}")).unwrap();
            tree.set_u64(domain, "memory", 20_000).unwrap();
        }
    });
    assert_eq!(
        found(&memory, Error),
        [
            "Image-2 (/chosen/domU2/module@44000000): 0x44000000..0x44001771 is not in the RAM that the tree's /memory \
          describes (0x40000000..0x44000000)"
        ]
    );
}

#[test]
fn ram_that_is_not_there_is_noticed() {
    let memory = virt(|tree| {
        let node = tree.find("/memory@40000000").unwrap();
        tree.set(node, "reg", &[0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0])
            .unwrap();
    });
    assert_eq!(
        found(&memory, Warning),
        ["the tree's /memory says that 0x40000000..0xc0000000 is RAM, this machine has 0x40000000..0x80000000"]
    );
}

#[test]
fn modules_that_overlap_are_refused() {
    let memory = virt(|tree| {
        let node = tree.find("/chosen/domU1/module@43000000").unwrap();
        tree.rename(node, "module@44001000").unwrap();
        tree.set(node, "reg", &[0x44, 0, 0x10, 0, 0, 0, 0x10, 0]).unwrap();
    });
    assert_eq!(
        found(&memory, Error),
        [
            "Image-2 (/chosen/domU2/module@44000000) at 0x44000000..0x44001771 and Image-2 \
             (/chosen/domU1/module@44001000) \
          at 0x44001000..0x44001771 overlap"
        ]
    );
}

#[test]
fn one_file_as_kernel_and_ramdisk_is_refused_as_two_domains_kernel_it_is_not() {
    let same = |name: &'static str| {
        move |tree: &mut Tree| {
            let node = tree.find(name).unwrap();
            let parent = tree.parent(node).unwrap();
            let reg = tree.encode_reg(parent, 0x4200_0000, 1).unwrap();
            tree.set(node, "reg", &reg).unwrap();
            let _ = tree.rename(node, "kernel");
        }
    };
    assert_eq!(found(&virt(same("/chosen/domU2/module@44000000")), Error), [""; 0]);
    assert_eq!(
        found(&virt(same("/chosen/domU2/module@43000000")), Error),
        [
            "/chosen/domU2/kernel: Image-1 is an arm64 Image; a ramdisk is expected",
            "Image-1 (/chosen/domU1/module@42000000) at 0x42000000..0x42001389 and Image-1 (/chosen/domU2/kernel) at \
          0x42000000..0x42001389 overlap"
        ]
    );
}

#[test]
fn a_ramdisk_over_the_image_gets_the_words_that_lab_tools_know() {
    let mut memory = virt(|_| {});
    load(&mut memory, 0x4600_0000, "Image", &kernel(0x10_0000));
    load(&mut memory, 0x4608_0000, "initrd.gz", &cpio(64));
    let mut request = request(&memory, 0x4600_0000, TREE);
    request.ramdisk = Some(Ramdisk {
        name: "initrd.gz".into(),
        region: region(0x4608_0000, 64),
    });
    let prepared: Prepared = prepare(&memory, ExceptionLevel::El2, request).unwrap();
    let first = prepared
        .findings
        .iter()
        .find(|finding| finding.severity == Error)
        .unwrap();
    assert_eq!(
        format!("{first}"),
        "ERROR: RD image overlaps OS image: initrd.gz at 0x46080000..0x46080040, Image at 0x46000000..0x46100000"
    );
}

#[test]
fn a_tree_of_more_than_2_mib_is_refused() {
    let memory = virt(|tree| {
        let chosen = tree.find("/chosen").unwrap();
        tree.set(chosen, "large", &[7; 0x20_0000 - 2000]).unwrap();
    });
    let sentence = "the device tree has 2100481 bytes, Xen and Linux take 2097152";
    assert!(found(&memory, Error).contains(&String::from(sentence)));
}

#[test]
fn xen_stays_below_10_tib() {
    let high = region(11 << 40, 0x1000_0000);
    let memory = virt(|_| {});
    let mut layout = run(&memory, XEN, TREE).layout;
    layout.image.target = high;
    let tree = Tree::parse(DOM0LESS).unwrap();
    let subject = super::Subject {
        layout: &layout,
        tree: &tree,
        memory: &memory,
        level: ExceptionLevel::El2,
    };
    let mut findings = Vec::new();
    super::xen_address(&subject, &mut findings);
    assert_eq!(
        sentences(&findings, Error),
        ["xen is Xen and must lie below 10 TiB, not at 0xb0000000000..0xb0010000000"]
    );
}

#[test]
fn old_kernels_and_large_ones_count_with_their_bss() {
    let mut memory = virt(|_| {});
    load(&mut memory, 0x4200_0000, "huge", &image(0, 0x900_0000, 0xa, 4096));
    assert_eq!(
        found(&memory, Error),
        ["/chosen/domU1: memory = 131072 KiB do not hold the domain's own files, which need 147459 KiB"]
    );
}

#[test]
fn memory_that_cannot_be_read() {
    let memory = virt(|tree| {
        let node = tree.find("/memory@40000000").unwrap();
        tree.set(node, "reg", &[0; 12]).unwrap();
        let reserved = tree.find("/reserved-memory").unwrap();
        tree.set_u32(reserved, "#size-cells", 1).unwrap();
    });
    assert_eq!(
        found(&memory, Error)[0],
        "the tree does not say where RAM is: /memory@40000000: reg has 12 bytes, which is no multiple of 16 (the cells \
         of its parent)"
    );
    assert!(found(&memory, Warning)[0].starts_with("what is reserved cannot be read: /reserved-memory/optee@7e000000"));
}
