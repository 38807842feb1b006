use alloc::string::String;
use alloc::vec::Vec;

use hal::ExceptionLevel;

use super::super::super::Severity::{Error, Note, Warning};
use super::super::super::prepare::prepare;
use super::super::super::testing::{cpio, kernel, load, region, request, sentences};
use super::super::tests::{TREE, XEN, found, virt};
use super::judge_memory;
use crate::boot::plan::Ramdisk;
use crate::image::arm64::tests::image;
use crate::image::gzip::tests::gzip;

const GIB: u64 = 1 << 30;

#[test]
fn a_domain_without_a_kernel() {
    let memory = virt(|tree| {
        let node = tree.find("/chosen/domU2/module@44000000").unwrap();
        tree.remove(node).unwrap();
    });
    assert_eq!(
        found(&memory, Error),
        ["/chosen/domU2 has no kernel: no module in it is \"multiboot,kernel\""]
    );
}

#[test]
fn a_domain_with_two_kernels() {
    let memory = virt(|tree| {
        let node = tree.find("/chosen/domU2/module@43000000").unwrap();
        tree.set_strings(node, "compatible", &["multiboot,kernel", "multiboot,module"])
            .unwrap();
    });
    let errors = found(&memory, Error);
    assert!(
        errors.contains(&String::from(
            "domU2 has two kernels, /chosen/domU2/module@44000000 at 0x44000000 and /chosen/domU2/module@43000000 at \
             0x43000000"
        )),
        "{errors:?}"
    );
}

#[test]
fn nothing_to_start_names_the_files_that_were_loaded() {
    let memory = virt(|tree| {
        for name in ["/chosen/domU1", "/chosen/domU2"] {
            let node = tree.find(name).unwrap();
            tree.remove(node).unwrap();
        }
    });
    assert_eq!(
        found(&memory, Error),
        [
            "Xen would have nothing to start: /chosen names neither a kernel for dom0 nor a xen,domain; loaded and not \
          named: Image-1 at 0x42000000, initrd at 0x43000000, Image-2 at 0x44000000"
        ]
    );
}

#[test]
fn a_ramdisk_for_a_dom0_that_has_no_kernel() {
    let mut memory = virt(|_| {});
    load(&mut memory, 0x4900_0000, "rootfs", &cpio(64));
    let mut request = request(&memory, XEN, TREE);
    request.ramdisk = Some(Ramdisk {
        name: "rootfs".into(),
        region: region(0x4900_0000, 64),
    });
    let prepared = prepare(&memory, ExceptionLevel::El2, request).unwrap();
    assert_eq!(
        sentences(&prepared.findings, Warning),
        ["dom0 has a ramdisk (rootfs) and no kernel: Xen will not start it"]
    );
}

#[test]
fn two_ramdisks() {
    let memory = virt(|tree| {
        let domain = tree.find("/chosen/domU1").unwrap();
        let node = tree.add(domain, "module@43000400").unwrap();
        tree.set_strings(node, "compatible", &["multiboot,ramdisk", "multiboot,module"])
            .unwrap();
        tree.set(node, "reg", &[0x43, 0, 0, 0, 0, 0, 0x04, 0]).unwrap();
    });
    let warnings = found(&memory, Warning);
    assert!(
        warnings.contains(&String::from(
            "domU1 has two ramdisks, /chosen/domU1/module@43000000 and /chosen/domU1/module@43000400; Xen takes one of them"
        )),
        "{warnings:?}"
    );
}

#[test]
fn memory_must_be_there_with_64_bits() {
    let memory = virt(|tree| {
        let [first, second] = ["/chosen/domU1", "/chosen/domU2"].map(|path| tree.find(path).unwrap());
        tree.set_u32(first, "memory", 131_072).unwrap();
        tree.remove_property(second, "memory").unwrap();
    });
    assert_eq!(
        found(&memory, Error),
        [
            "/chosen/domU1: memory has 4 bytes; Xen reads a 64-bit number of KiB, such as <0 131072>",
            "/chosen/domU2 has no memory property; it is a number of KiB, such as <0 131072>"
        ]
    );
}

#[test]
fn memory_in_bytes_or_mib() {
    let judge = |kib, need| judge_memory(kib, need, GIB).map(|finding| (finding.severity, finding.sentence));
    assert_eq!(judge(131_072, 30 << 20), None);
    assert_eq!(
        judge(128 << 20, 30 << 20),
        Some((
            Error,
            "memory = 134217728 KiB is more than the machine's 1048576 KiB; if bytes were meant, write 131072".into()
        ))
    );
    assert_eq!(
        judge(2 << 20, 0).unwrap().1,
        "memory = 2097152 KiB is more than the machine's 1048576 KiB; if bytes were meant, write 2048"
    );
    assert_eq!(judge(u64::MAX, 0).unwrap().0, Error);
    assert_eq!(
        judge(128, 30 << 20),
        Some((Error, "memory = 128 KiB do not hold the domain's own files, which need 30720 KiB; if MiB were meant, write 131072".into()))
    );
    assert_eq!(
        judge(0, 30 << 20).unwrap().1,
        "memory = 0 KiB do not hold the domain's own files, which need 30720 KiB"
    );
    assert_eq!(
        judge(20_000, 30 << 20),
        Some((
            Error,
            "memory = 20000 KiB do not hold the domain's own files, which need 30720 KiB".into()
        ))
    );
    assert_eq!(
        judge(512, 1000),
        Some((
            Warning,
            "memory = 512 KiB is very little; if MiB were meant, write 524288".into()
        ))
    );
}

#[test]
fn domains_that_do_not_fit_together() {
    let memory = virt(|tree| {
        for path in ["/chosen/domU1", "/chosen/domU2"] {
            let node = tree.find(path).unwrap();
            tree.set_u64(node, "memory", 600_000).unwrap();
        }
    });
    assert_eq!(
        found(&memory, Error),
        ["the domains ask for 1200000 KiB together, the machine has 1048576 KiB"]
    );
}

#[test]
fn a_domain_without_a_console_is_noted() {
    let notes: Vec<_> = found(&virt(|_| {}), Note)
        .into_iter()
        .filter(|note| note.contains("vpl011"))
        .collect();
    assert_eq!(notes, ["/chosen/domU2 has no vpl011: its console will not be seen"]);
    let silent = virt(|tree| {
        let node = tree.find("/chosen/domU2").unwrap();
        tree.set(node, "vpl011", &[]).unwrap();
    });
    assert!(!found(&silent, Note).iter().any(|note| note.contains("vpl011")));
}

#[test]
fn a_domain_has_processors() {
    let with = |value: Option<&[u8]>| {
        let memory = virt(|tree| {
            let node = tree.find("/chosen/domU2").unwrap();
            match value {
                Some(value) => tree.set(node, "cpus", value).unwrap(),
                None => tree.remove_property(node, "cpus").unwrap(),
            }
        });
        found(&memory, Error)
    };
    assert_eq!(
        with(None),
        ["/chosen/domU2 has no cpus property; Xen stops without it: write cpus = <1>"]
    );
    assert_eq!(
        with(Some(b"2\0")),
        ["/chosen/domU2: cpus has 2 bytes; Xen reads one cell, such as <1>"]
    );
    for count in [0_u32, 129, u32::MAX] {
        assert_eq!(
            with(Some(&count.to_be_bytes())),
            [alloc::format!(
                "/chosen/domU2: cpus = {count}; a domain has from 1 to 128"
            )]
        );
    }
    assert_eq!(with(Some(&128_u32.to_be_bytes())), [""; 0]);
}

/// Seen with 4.17: "Error creating domain domU2".
#[test]
fn guests_with_a_gic_of_version_2_have_8_processors() {
    let with = |gic: &'static str, count: u32| {
        let memory = virt(|tree| {
            let node = tree.add(tree.root(), "intc@8000000").unwrap();
            tree.set_strings(node, "compatible", &[gic]).unwrap();
            let node = tree.find("/chosen/domU2").unwrap();
            tree.set_u32(node, "cpus", count).unwrap();
        });
        found(&memory, Error)
    };
    assert_eq!(
        with("arm,gic-400", 9),
        ["/chosen/domU2: cpus = 9; with the machine's GIC of version 2 a domain has 8 at most"]
    );
    assert_eq!(with("arm,cortex-a15-gic", 8), [""; 0]);
    assert_eq!(with("arm,gic-v3", 9), [""; 0]);
}

#[test]
fn enhanced_domains_need_a_dom0() {
    let said = |value: &'static str, dom0: bool, severity| {
        let memory = virt(|tree| {
            let node = tree.find("/chosen/domU2").unwrap();
            tree.set_strings(node, "xen,enhanced", &[value]).unwrap();
            if dom0 {
                let chosen = tree.find("/chosen").unwrap();
                let kernel = tree.add(chosen, "module@44000000").unwrap();
                tree.set_strings(kernel, "compatible", &["multiboot,kernel", "multiboot,module"])
                    .unwrap();
                let reg = tree.encode_reg(chosen, 0x4400_0000, 6001).unwrap();
                tree.set(kernel, "reg", &reg).unwrap();
            }
        });
        found(&memory, severity)
    };
    let with = |value, dom0| said(value, dom0, Error);
    let sentence =
        "/chosen/domU2: xen,enhanced needs a dom0, and there is none: Xen would stop; \"no-xenstore\" does without";
    assert_eq!(with("enabled", false), [sentence]);
    assert_eq!(with("", false), [sentence]);
    assert_eq!(with("no-xenstore", false), [""; 0]);
    assert_eq!(with("disabled", false), [""; 0]);
    assert_eq!(with("enabled", true), [""; 0]);
    assert_eq!(with("legacy", false), [""; 0]);
    assert_eq!(
        said("legacy", false, Warning),
        [
            "/chosen/domU2: xen,enhanced = \"legacy\" needs a dom0, and there is none: Xen stops since 4.20; \"no-xenstore\" does without"
        ]
    );
    assert!(
        !said("legacy", true, Warning)
            .iter()
            .any(|warning| warning.contains("xen,enhanced"))
    );
}

/// Xen 4.21: control, hardware and xenstore domain are bits 0 to 2.
#[test]
fn a_domain_may_answer_for_the_xenstore() {
    let with = |capabilities: u32| {
        let memory = virt(|tree| {
            let node = tree.find("/chosen/domU2").unwrap();
            tree.set(node, "xen,enhanced", &[]).unwrap();
            let node = tree.find("/chosen/domU1").unwrap();
            tree.set_u32(node, "capabilities", capabilities).unwrap();
        });
        found(&memory, Error).len()
    };
    assert_eq!([0, 1, 2, 3, 4, 7].map(with), [1, 1, 1, 1, 0, 0]);
}

/// Seen with 4.17: "Not enough memory in the first bank for the kernel+dtb+initrd".
#[test]
fn files_lie_in_pieces_of_2_mib() {
    let with = |kib: u64, packed: bool| {
        let mut memory = virt(|tree| {
            let node = tree.find("/chosen/domU1").unwrap();
            tree.set_u64(node, "memory", kib).unwrap();
        });
        let image = image(0, 0x28_0000, 0xa, 0x28_0000);
        load(
            &mut memory,
            0x4200_0000,
            "Image-1",
            &if packed { gzip(&image) } else { image },
        );
        found(&memory, Error)
    };
    for packed in [false, true] {
        assert_eq!(
            with(8192, packed),
            [
                "/chosen/domU1: memory = 8192 KiB do not hold the domain's own files: Xen puts kernel, ramdisk and device tree into pieces \
                 of 2 MiB, which needs more than 8192 KiB"
            ]
        );
        assert_eq!(with(8196, packed), [""; 0]);
    }
}

#[test]
fn a_domain_that_is_switched_off_is_told() {
    let memory = virt(|tree| {
        let node = tree.find("/chosen/domU2").unwrap();
        tree.set_strings(node, "status", &["disabled"]).unwrap();
    });
    assert_eq!(
        found(&memory, Warning),
        ["/chosen/domU2: its status says that it is not to be used, which Xen does not look at: it starts the domain"]
    );
}

#[test]
fn two_domains_do_not_share_a_packed_kernel() {
    let shared = |kernel: alloc::vec::Vec<u8>| {
        let mut memory = virt(|tree| {
            let node = tree.find("/chosen/domU2/module@44000000").unwrap();
            let reg = tree
                .encode_reg(tree.parent(node).unwrap(), 0x4200_0000, 0x1000)
                .unwrap();
            tree.set(node, "reg", &reg).unwrap();
        });
        load(&mut memory, 0x4200_0000, "Image-1", &kernel);
        found(&memory, Error)
    };
    assert_eq!(shared(kernel(5001)), [""; 0]);
    assert_eq!(
        shared(gzip(&kernel(5001))),
        [
            "/chosen/domU1/module@42000000 and /chosen/domU2/module@42000000 share Image-1 at 0x42000000: Xen unpacks a gzip'd kernel for \
             one domain only; load it once more for the other"
        ]
    );
}
