use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::prepare::Prepared;
use super::super::testing::{VIRT, ZYNQMP, cpio, edited, kernel, machine, printed, reg, region, run, xen};
use super::super::{Severity, testing};
use crate::devicetree::Tree;
use crate::image::arm64;
use crate::image::gzip::tests::gzip;
use crate::image::uimage::{Compression, Type, tests::uimage};
use crate::memory::Memory;

const DOCUMENT_VIRT: &[u8] = include_bytes!("../../../tests/fixtures/boot/document-virt.dtb");
const DOCUMENT_ZYNQMP: &[u8] = include_bytes!("../../../tests/fixtures/boot/document-zynqmp.dtb");
const DOM0LESS: &[u8] = include_bytes!("../../../tests/fixtures/boot/dom0less.dtb");
const LEGACY: &[u8] = include_bytes!("../../../tests/fixtures/boot/legacy.dtb");

const XEN: u64 = 0x4140_0000;
const TREE: u64 = 0x4128_0000;

/// The virt machine with Xen, `tree` and a kernel and ramdisk for each of `at`, whose lengths are odd numbers.
fn virt(tree: &[u8], kernels: &[u64], ramdisks: &[u64]) -> Memory {
    let mut files = Vec::from([(TREE, "xen.dtb", tree.to_vec()), (XEN, "xen", xen())]);
    files.extend(kernels.iter().map(|at| (*at, "Image-DomU", kernel(5001))));
    files.extend(ramdisks.iter().map(|at| (*at, "ramdisk-DomU", cpio(3003))));
    machine(VIRT, &files)
}

#[test]
fn the_documents_block_on_virt() {
    let mut memory = virt(DOCUMENT_VIRT, &[0x4200_0000], &[0x4300_0000]);
    testing::load(&mut memory, 0x4008_0000, "xen-Image", &kernel(7007));
    let prepared = run(&memory, XEN, TREE);
    let tree = Tree::parse(&prepared.blob).unwrap();
    assert_eq!(reg(&tree, "/chosen/dom0"), [(0x4008_0000, 7007)]);
    assert_eq!(reg(&tree, "/chosen/domU1/module@42000000"), [(0x4200_0000, 5001)]);
    assert_eq!(reg(&tree, "/chosen/domU1/module@43000000"), [(0x4300_0000, 3003)]);
    assert_eq!(
        printed(&prepared.findings),
        [
            "Note: /chosen/dom0: reg said 51380224 bytes (0x3100000), xen-Image has 7007: corrected",
            "Note: /chosen/domU1/module@42000000: reg said 16777215 bytes (0xffffff), Image-DomU has 5001: corrected",
            "Warning: /chosen/domU1/module@430000000: the unit address says 0x430000000, reg says 0x43000000; \
             ramdisk-DomU was loaded at 0x43000000: both now say 0x43000000",
            "Note: /chosen/domU1/module@430000000: reg said 16777215 bytes (0xffffff), ramdisk-DomU has 3003: corrected",
        ]
    );
}

#[test]
fn the_documents_block_on_zynqmp() {
    let files = [
        (0x128_0000, "xen.dtb", DOCUMENT_ZYNQMP.to_vec()),
        (0x8_0000, "xen-Image", kernel(7007)),
        (0x140_0000, "xen", xen()),
        (0x200_0000, "Image-DomU", kernel(5001)),
        (0x300_0000, "ramdisk-DomU", cpio(3003)),
    ];
    let prepared = run(&machine(ZYNQMP, &files), 0x140_0000, 0x128_0000);
    let tree = Tree::parse(&prepared.blob).unwrap();
    assert_eq!(reg(&tree, "/chosen/dom0"), [(0x8_0000, 7007)]);
    assert_eq!(reg(&tree, "/chosen/domU1/module@3000000"), [(0x300_0000, 3003)]);
    assert_eq!(prepared.errors(), 0, "{:?}", prepared.findings);
}

#[test]
fn the_unit_address_wins_where_only_it_has_a_file() {
    let blob = edited(DOM0LESS, |tree| {
        let node = tree.find("/chosen/domU1/module@43000000").unwrap();
        tree.set(node, "reg", &[0x03, 0, 0, 0, 0, 0xff, 0xff, 0xff]).unwrap();
    });
    let prepared = run(&virt(&blob, &[0x4200_0000, 0x4400_0000], &[0x4300_0000]), XEN, TREE);
    let tree = Tree::parse(&prepared.blob).unwrap();
    assert_eq!(reg(&tree, "/chosen/domU1/module@43000000"), [(0x4300_0000, 3003)]);
    assert!(printed(&prepared.findings).contains(&String::from(
        "Warning: /chosen/domU1/module@43000000: the unit address says 0x43000000, reg says 0x3000000; \
         ramdisk-DomU was loaded at 0x43000000: both now say 0x43000000"
    )));
    assert_eq!(prepared.errors(), 0);
}

#[test]
fn one_two_and_three_cells() {
    let prepared = run(&virt(DOM0LESS, &[0x4200_0000, 0x4400_0000], &[0x4300_0000]), XEN, TREE);
    let tree = Tree::parse(&prepared.blob).unwrap();
    let three = tree.find("/chosen/domU2/module@44000000").unwrap();
    assert_eq!(tree.cells(three, "reg").unwrap(), [0, 0, 0x4400_0000, 0, 5001]);
    let one = tree.find("/chosen/domU1/module@42000000").unwrap();
    assert_eq!(tree.cells(one, "reg").unwrap(), [0x4200_0000, 5001]);
    assert_eq!(prepared.errors(), 0, "{:?}", prepared.findings);
}

#[test]
fn legacy_nodes_keep_their_numbers() {
    let prepared = run(&virt(LEGACY, &[0x4200_0000], &[0x4300_0000]), XEN, TREE);
    let tree = Tree::parse(&prepared.blob).unwrap();
    assert_eq!(reg(&tree, "/chosen/modules/module@0"), [(0x4200_0000, 5001)]);
    assert_eq!(reg(&tree, "/chosen/modules/module@1"), [(0x4300_0000, 3003)]);
    assert_eq!(roles(&prepared), ["kernel", "ramdisk"]);
    assert_eq!(prepared.errors(), 0, "{:?}", prepared.findings);
}

fn roles(prepared: &Prepared) -> Vec<String> {
    prepared
        .layout
        .plan
        .modules
        .iter()
        .map(|module| module.role.to_string())
        .collect()
}

#[test]
fn modules_without_a_type_are_taken_as_xen_takes_them() {
    let untyped = |tree: &mut Tree, names: &[&str]| {
        for name in names {
            let node = tree.find(&format!("/chosen/modules/{name}")).unwrap();
            tree.set_strings(node, "compatible", &["multiboot,module"]).unwrap();
        }
    };
    let both = edited(LEGACY, |tree| untyped(tree, &["module@0", "module@1"]));
    let prepared = run(&virt(&both, &[0x4200_0000], &[0x4300_0000]), XEN, TREE);
    assert_eq!(
        (roles(&prepared), prepared.errors()),
        (["kernel", "ramdisk"].map(String::from).to_vec(), 0)
    );

    // The first without a type is a kernel, even behind a kernel that says so.
    let second = edited(LEGACY, |tree| untyped(tree, &["module@1"]));
    let prepared = run(&virt(&second, &[0x4200_0000], &[0x4300_0000]), XEN, TREE);
    assert_eq!(roles(&prepared), ["kernel", "kernel"]);
    let errors = testing::sentences(&prepared.findings, Severity::Error);
    assert!(
        errors.contains(&String::from(
            "dom0 has two kernels, /chosen/modules/module@0 at 0x42000000 and /chosen/modules/module@1 at 0x43000000"
        )),
        "{errors:?}"
    );

    let mut memory = virt(&both, &[0x4200_0000], &[]);
    testing::load(
        &mut memory,
        0x4300_0000,
        "policy",
        &[0x8c, 0xff, 0x7c, 0xf9, 8, 0, 0, 0],
    );
    assert_eq!(roles(&run(&memory, XEN, TREE)), ["kernel", "xsm"]);
}

#[test]
fn cells_that_are_missing_are_those_of_the_node_above_as_xen_reads_them() {
    let blob = edited(DOM0LESS, |tree| {
        let node = tree.find("/chosen/domU2").unwrap();
        tree.remove_property(node, "#address-cells").unwrap();
        tree.remove_property(node, "#size-cells").unwrap();
        for (name, address) in [("module@44000000", 0x44), ("module@43000000", 0x43)] {
            let module = tree.child(node, name).unwrap();
            tree.set(
                module,
                "reg",
                &[0, 0, 0, 0, address, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff],
            )
            .unwrap();
        }
    });
    let prepared = run(&virt(&blob, &[0x4200_0000, 0x4400_0000], &[0x4300_0000]), XEN, TREE);
    let tree = Tree::parse(&prepared.blob).unwrap();
    let domain = tree.find("/chosen/domU2").unwrap();
    assert_eq!(
        (tree.u32(domain, "#address-cells"), tree.u32(domain, "#size-cells")),
        (Some(2), Some(2))
    );
    assert_eq!(reg(&tree, "/chosen/domU2/module@44000000"), [(0x4400_0000, 5001)]);
    assert_eq!(
        testing::sentences(&prepared.findings, Severity::Warning),
        [
            "/chosen/domU2 has no #address-cells and #size-cells; Xen then goes by the node above: 2 and 2 cells, now \
          written into it"
        ]
    );
}

#[test]
fn a_reg_in_the_wrong_cells_is_written_anew() {
    let blob = edited(DOM0LESS, |tree| {
        let module = tree.find("/chosen/domU1/module@42000000").unwrap();
        tree.rename(module, "kernel").unwrap();
        tree.set(
            module,
            "reg",
            &[0, 0, 0, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff],
        )
        .unwrap();
    });
    let prepared = run(&virt(&blob, &[0x4200_0000, 0x4400_0000], &[0x4300_0000]), XEN, TREE);
    let tree = Tree::parse(&prepared.blob).unwrap();
    assert_eq!(reg(&tree, "/chosen/domU1/kernel"), [(0x4200_0000, 5001)]);
    assert_eq!(
        testing::sentences(&prepared.findings, Severity::Warning),
        [
            "/chosen/domU1/kernel: reg is not written in the cells of the node above; Image-DomU was loaded at 0x42000000, \
          so that is meant: written anew"
        ]
    );
}

#[test]
fn a_wrapped_ramdisk_is_unwrapped_and_verified() {
    let wrapped = uimage(Type::RAMDISK, Compression::NONE, 0, &cpio(3003));
    let mut memory = virt(DOM0LESS, &[0x4200_0000, 0x4400_0000], &[]);
    testing::load(&mut memory, 0x4300_0000, "ramdisk.u-boot", &wrapped);
    let prepared = run(&memory, XEN, TREE);
    let tree = Tree::parse(&prepared.blob).unwrap();
    assert_eq!(reg(&tree, "/chosen/domU1/module@43000040"), [(0x4300_0040, 3003)]);
    assert_eq!(prepared.errors(), 0, "{:?}", prepared.findings);

    let mut damaged = wrapped;
    damaged[100] ^= 1;
    testing::load(&mut memory, 0x4300_0000, "ramdisk.u-boot", &damaged);
    let errors = testing::sentences(&run(&memory, XEN, TREE).findings, Severity::Error);
    assert!(
        errors[0].starts_with(
            "/chosen/domU1/module@43000000: the uImage ramdisk.u-boot at 0x43000000 is damaged: the data's CRC-32 is"
        ),
        "{errors:?}"
    );
}

/// Where domU1's kernel is after it was loaded as that file, and what was found.
fn kernel_of_domu1(file: &[u8]) -> (Vec<(u64, u64)>, Prepared) {
    let mut memory = virt(DOM0LESS, &[0x4400_0000], &[0x4300_0000]);
    testing::load(&mut memory, 0x4200_0000, "uImage", file);
    let prepared = run(&memory, XEN, TREE);
    let tree = Tree::parse(&prepared.blob).unwrap();
    let domain = tree.find("/chosen/domU1").unwrap();
    let kernel = tree.children(domain).next().unwrap();
    (tree.reg(kernel).unwrap(), prepared)
}

/// Xen 4.17 starts what is packed in a uImage without unpacking it; later ones load it to an address of the board's.
#[test]
fn a_wrapped_kernel_is_unwrapped_unless_only_its_header_says_where_it_goes() {
    let plain = kernel(5001);
    let packed = gzip(&plain);
    for (payload, compression, load) in [
        (&plain, Compression::NONE, 0),
        (&plain, Compression::NONE, 0x8_0000),
        (&packed, Compression::GZIP, 0x8_0000),
        (&packed, Compression::GZIP, 0x4000_0000),
    ] {
        let (reg, prepared) = kernel_of_domu1(&uimage(Type::KERNEL, compression, load, payload));
        assert_eq!(reg, [(0x4200_0040, u64::try_from(payload.len()).unwrap())]);
        assert!(printed(&prepared.findings).contains(&String::from(
            "Note: /chosen/domU1/module@42000000: uImage is a uImage; reg names the kernel behind its 64-byte header"
        )));
        assert_eq!(prepared.errors(), 0, "{:?}", prepared.findings);
    }
    let raw = [0x55_u8; 5001];
    for (payload, compression, load) in [
        (plain.as_slice(), Compression::NONE, 0x4008_0000),
        (&raw, Compression::NONE, 0x4000_0000),
        (&gzip(&raw), Compression::GZIP, 0x4000_0000),
    ] {
        let (reg, prepared) = kernel_of_domu1(&uimage(Type::KERNEL, compression, load, payload));
        assert_eq!(reg, [(0x4200_0000, 64 + u64::try_from(payload.len()).unwrap())]);
        assert_eq!(prepared.errors(), 0, "{:?}", prepared.findings);
    }
    let mut damaged = uimage(Type::KERNEL, Compression::GZIP, 0, &packed);
    damaged[100] ^= 1;
    let (_, prepared) = kernel_of_domu1(&damaged);
    let errors = testing::sentences(&prepared.findings, Severity::Error);
    assert!(
        errors[0].contains("the uImage uImage at 0x42000000 is damaged: the data's CRC-32 is"),
        "{errors:?}"
    );
}

/// To Xen any node of `/chosen` holds modules of dom0 that is no domain: what would be started is not what was meant.
#[test]
fn modules_in_a_node_that_is_no_domain_are_dom0s() {
    let blob = edited(DOM0LESS, |tree| {
        let domain = tree.find("/chosen/domU1").unwrap();
        tree.rename(domain, "guest").unwrap();
        for name in ["compatible", "memory", "cpus"] {
            tree.remove_property(domain, name).unwrap();
        }
        let ramdisk = tree.child(domain, "module@43000000").unwrap();
        tree.set_strings(ramdisk, "compatible", &["multiboot,ramdisk"]).unwrap();
    });
    let prepared = run(&virt(&blob, &[0x4200_0000, 0x4400_0000], &[0x4300_0000]), XEN, TREE);
    let tree = Tree::parse(&prepared.blob).unwrap();
    assert_eq!(reg(&tree, "/chosen/guest/module@42000000"), [(0x4200_0000, 5001)]);
    assert_eq!(
        testing::sentences(&prepared.findings, Severity::Warning),
        ["/chosen/guest has modules and is not \"xen,domain\": Xen takes them for dom0's"]
    );
    let of_dom0: Vec<_> = prepared
        .layout
        .plan
        .modules_of(0)
        .map(|module| module.path.as_str())
        .collect();
    assert_eq!(
        of_dom0,
        ["/chosen/guest/module@42000000"],
        "what Xen does not see is none"
    );
}

#[test]
fn an_unwrapped_address_stays_unwrapped() {
    let wrapped = uimage(Type::RAMDISK, Compression::NONE, 0, &cpio(3003));
    let blob = edited(DOM0LESS, |tree| {
        let module = tree.find("/chosen/domU1/module@43000000").unwrap();
        tree.rename(module, "module@43000040").unwrap();
        tree.set(module, "reg", &[0x43, 0, 0, 0x40, 0, 0xff, 0xff, 0xff])
            .unwrap();
    });
    let mut memory = virt(&blob, &[0x4200_0000, 0x4400_0000], &[]);
    testing::load(&mut memory, 0x4300_0000, "ramdisk.u-boot", &wrapped);
    let prepared = run(&memory, XEN, TREE);
    let tree = Tree::parse(&prepared.blob).unwrap();
    assert_eq!(reg(&tree, "/chosen/domU1/module@43000040"), [(0x4300_0040, 3003)]);
}

#[test]
fn a_file_above_4_gib_does_not_fit_one_cell() {
    let blob = edited(DOCUMENT_ZYNQMP, |tree| {
        let module = tree.find("/chosen/domU1/module@30000000").unwrap();
        tree.rename(module, "module@800000000").unwrap();
    });
    let files = [
        (0x128_0000, "xen.dtb", blob),
        (0x8_0000, "xen-Image", kernel(7007)),
        (0x140_0000, "xen", xen()),
        (0x200_0000, "Image-DomU", kernel(5001)),
        (0x8_0000_0000, "ramdisk-DomU", cpio(3003)),
    ];
    let prepared = run(&machine(ZYNQMP, &files), 0x140_0000, 0x128_0000);
    assert_eq!(
        testing::sentences(&prepared.findings, Severity::Error),
        [
            "/chosen/domU1/module@800000000: 0x800000000 does not fit the 1 cell(s) that #address-cells of /chosen/domU1 \
          gives it; load the file below 4 GiB or give the parent more cells"
        ]
    );
}

#[test]
fn old_strings_in_a_domain_are_completed() {
    let blob = edited(DOM0LESS, |tree| {
        let module = tree.find("/chosen/domU1/module@42000000").unwrap();
        tree.set_strings(module, "compatible", &["xen,linux-zimage"]).unwrap();
    });
    let prepared = run(&virt(&blob, &[0x4200_0000, 0x4400_0000], &[0x4300_0000]), XEN, TREE);
    let tree = Tree::parse(&prepared.blob).unwrap();
    let module = tree.find("/chosen/domU1/module@42000000").unwrap();
    let strings: Vec<_> = tree.strings(module, "compatible").collect();
    assert_eq!(strings, ["multiboot,kernel", "multiboot,module", "xen,linux-zimage"]);
    assert_eq!(prepared.errors(), 0);
}

#[test]
fn memory_is_filled_in_where_the_tree_is_silent() {
    for remove in [false, true] {
        let blob = edited(DOM0LESS, |tree| {
            let node = tree.find("/memory@40000000").unwrap();
            match remove {
                true => tree.remove(node).unwrap(),
                false => tree.set(node, "reg", &[0; 16]).unwrap(),
            }
        });
        let prepared = run(&virt(&blob, &[0x4200_0000, 0x4400_0000], &[0x4300_0000]), XEN, TREE);
        let tree = Tree::parse(&prepared.blob).unwrap();
        assert_eq!(tree.memory().unwrap(), [(0x4000_0000, 0x4000_0000)]);
        assert_eq!(reg(&tree, "/memory@40000000"), [(0x4000_0000, 0x4000_0000)]);
    }
}

#[test]
fn the_initrd_that_the_tree_names_gets_its_true_end() {
    let blob = edited(DOM0LESS, |tree| {
        let chosen = tree.find("/chosen").unwrap();
        tree.set_u32(chosen, "linux,initrd-start", 0x4900_0000).unwrap();
        tree.set_u32(chosen, "linux,initrd-end", 0x49ff_ffff).unwrap();
    });
    let prepared = run(
        &virt(&blob, &[0x4200_0000, 0x4400_0000], &[0x4300_0000, 0x4900_0000]),
        XEN,
        TREE,
    );
    let tree = Tree::parse(&prepared.blob).unwrap();
    let chosen = tree.find("/chosen").unwrap();
    assert_eq!(tree.u64(chosen, "linux,initrd-end"), Some(0x4900_0000 + 3003));
    assert_eq!(prepared.layout.ramdisk.unwrap().region, region(0x4900_0000, 3003));
}

#[test]
fn a_wrapped_initrd_is_named_without_its_header() {
    let wrapped = uimage(Type::RAMDISK, Compression::NONE, 0, &cpio(3003));
    let blob = edited(DOM0LESS, |tree| {
        let chosen = tree.find("/chosen").unwrap();
        tree.set_u64(chosen, "linux,initrd-start", 0x4900_0000).unwrap();
        tree.set_u64(chosen, "linux,initrd-end", 0x4900_0000 + 64 + 3003)
            .unwrap();
    });
    let mut memory = virt(&blob, &[0x4200_0000, 0x4400_0000], &[0x4300_0000]);
    testing::load(&mut memory, 0x4900_0000, "rootfs.ub", &wrapped);
    let prepared = run(&memory, XEN, TREE);
    let tree = Tree::parse(&prepared.blob).unwrap();
    let chosen = tree.find("/chosen").unwrap();
    let ends = ["linux,initrd-start", "linux,initrd-end"].map(|name| tree.u64(chosen, name));
    assert_eq!(ends, [Some(0x4900_0040), Some(0x4900_0040 + 3003)]);
    assert!(printed(&prepared.findings).contains(&String::from(
        "Note: /chosen: rootfs.ub is a uImage; linux,initrd-start names the ramdisk behind its 64-byte header"
    )));
}

/// Xen 4.17 does not read on there, and says "Missing kernel boot module?".
#[test]
fn an_initrd_that_is_none_is_taken_out() {
    let with = |values: &[(&str, &[u8])]| {
        let blob = edited(DOM0LESS, |tree| {
            let chosen = tree.find("/chosen").unwrap();
            for (name, value) in values {
                tree.set(chosen, name, value).unwrap();
            }
        });
        let prepared = run(&virt(&blob, &[0x4200_0000, 0x4400_0000], &[0x4300_0000]), XEN, TREE);
        let tree = Tree::parse(&prepared.blob).unwrap();
        let chosen = tree.find("/chosen").unwrap();
        let left = values.iter().filter(|(name, _)| tree.property(chosen, name).is_some());
        (left.count(), testing::sentences(&prepared.findings, Severity::Warning))
    };
    let sentence = |names: &str| {
        format!(
            "/chosen: {names} does not say where a ramdisk begins and ends: taken out, since Xen would not read on there"
        )
    };
    let (start, end) = ("linux,initrd-start", "linux,initrd-end");
    let both = sentence("linux,initrd-start with linux,initrd-end");
    assert_eq!(
        with(&[(start, &[0; 8]), (end, &[0; 8])]),
        (0, Vec::from([both.clone()]))
    );
    assert_eq!(
        with(&[(start, &[0x49, 0, 0, 1]), (end, &[0x49, 0, 0, 0])]),
        (0, Vec::from([both.clone()]))
    );
    assert_eq!(
        with(&[(start, &[0x49, 0, 0, 0, 0, 0]), (end, &[0x4a, 0, 0, 0])]),
        (0, Vec::from([both]))
    );
    assert_eq!(with(&[(start, &[0x49, 0, 0, 0])]), (0, Vec::from([sentence(start)])));
    let (left, warnings) = with(&[(start, &[0x49, 0, 0, 0]), (end, &[0x49, 0, 0, 1])]);
    assert_eq!(left, 2);
    assert!(
        warnings[0].ends_with("nothing was loaded there; kept as it is"),
        "{warnings:?}"
    );
}

#[test]
fn sixty_four_domains_with_three_modules_each() {
    let blob = edited(DOM0LESS, |tree| {
        let chosen = tree.find("/chosen").unwrap();
        for name in ["domU1", "domU2"] {
            let old = tree.child(chosen, name).unwrap();
            tree.remove(old).unwrap();
        }
        for index in 0..64_u32 {
            let domain = tree.add(chosen, &format!("domU{index}")).unwrap();
            tree.set_strings(domain, "compatible", &["xen,domain"]).unwrap();
            tree.set_u32(domain, "#address-cells", 1).unwrap();
            tree.set_u32(domain, "#size-cells", 1).unwrap();
            tree.set_u32(domain, "cpus", 1).unwrap();
            tree.set_u64(domain, "memory", 16384).unwrap();
            for (offset, role) in [
                (0, "multiboot,kernel"),
                (0x1000, "multiboot,ramdisk"),
                (0x2000, "multiboot,device-tree"),
            ] {
                let at = 0x5000_0000 + index * 0x20_0000 + offset;
                let module = tree.add(domain, &format!("module@{at:x}")).unwrap();
                tree.set_strings(module, "compatible", &[role, "multiboot,module"])
                    .unwrap();
                tree.set(module, "reg", &[at.to_be_bytes(), 0xff_ffff_u32.to_be_bytes()].concat())
                    .unwrap();
            }
        }
    });
    let mut files = Vec::from([(TREE, "xen.dtb", blob), (XEN, "xen", xen())]);
    let mut partial = Tree::new();
    partial.add(partial.root(), "passthrough").unwrap();
    let partial = partial.emit(0).unwrap();
    for index in 0..64 {
        let at = 0x5000_0000 + index * 0x20_0000;
        files.push((at, "Image", arm64::tests::image(0, 0x40_0000, 0xa, 1001)));
        files.push((at + 0x1000, "initrd", cpio(333)));
        files.push((at + 0x2000, "part.dtb", partial.clone()));
    }
    let prepared = run(&machine(VIRT, &files), XEN, TREE);
    let tree = Tree::parse(&prepared.blob).unwrap();
    for index in 0..64 {
        let at = 0x5000_0000 + index * 0x20_0000;
        let path = |offset| format!("/chosen/domU{index}/module@{:x}", at + offset);
        assert_eq!(reg(&tree, &path(0)), [(at, 1001)]);
        assert_eq!(reg(&tree, &path(0x1000)), [(at + 0x1000, 333)]);
        assert_eq!(
            reg(&tree, &path(0x2000)),
            [(at + 0x2000, u64::try_from(partial.len()).unwrap())]
        );
    }
    assert_eq!(testing::sentences(&prepared.findings, Severity::Error), [] as [&str; 0]);
    assert_eq!(
        testing::sentences(&prepared.findings, Severity::Warning),
        ["the tree names 192 modules; a Xen built as usual takes 30 and ignores the others"]
    );
}
