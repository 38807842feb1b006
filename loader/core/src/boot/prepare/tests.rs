use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::ExceptionLevel;

use super::super::place::Loaded;
use super::super::plan::Packing;
use super::super::plan::Ramdisk;
use super::super::report::{memory_map, table};
use super::super::testing::{VIRT, cpio, edited, kernel, load, loaded, machine, printed, region, request};
use super::{PrepareError, Prepared, Request, prepare};
use crate::boot::testing::xen;
use crate::devicetree::Tree;
use crate::image::gzip::tests::gzip;
use crate::memory::Memory;

const DOCUMENT_VIRT: &[u8] = include_bytes!("../../../tests/fixtures/boot/document-virt.dtb");
const XEN: u64 = 0x4140_0000;
const TREE: u64 = 0x4128_0000;

/// The document's six files at virt's addresses, and the request that `bootm 0x1400000 0x9000000 0x1280000` makes.
fn document() -> (Memory, Request) {
    let files = [
        (TREE, "xen.dtb", DOCUMENT_VIRT.to_vec()),
        (0x4008_0000, "xen-Image", kernel(0x11_2233)),
        (XEN, "xen", xen()),
        (0x4900_0000, "xen-rootfs.cpio.gz", cpio(54_321)),
        (0x4200_0000, "Image-DomU", kernel(0x1a_09fc)),
        (0x4300_0000, "ramdisk-DomU", cpio(1_000_000)),
    ];
    let memory = machine(VIRT, &files);
    let mut request = request(&memory, XEN, TREE);
    request.ramdisk = Some(Ramdisk {
        name: "xen-rootfs.cpio.gz".into(),
        region: region(0x4900_0000, 54_321),
    });
    (memory, request)
}

fn document_prepared() -> (Memory, Prepared) {
    let (memory, request) = document();
    let prepared = prepare(&memory, ExceptionLevel::El2, request).unwrap();
    (memory, prepared)
}

fn text(lines: Vec<String>) -> String {
    lines.into_iter().flat_map(|line| [line, "\n".into()]).collect()
}

#[test]
fn the_table_of_the_document() {
    let (_, prepared) = document_prepared();
    assert_eq!(prepared.errors(), 0, "{:?}", prepared.findings);
    assert_eq!(
        text(table(&prepared.layout)),
        "\
domain  module   file                   address     size
Xen     image    xen                 0x41400000     4096
Xen     dtb                          0x41280000     5233
dom0    kernel   xen-Image           0x40080000  1122867
dom0    ramdisk  xen-rootfs.cpio.gz  0x49000000    54321
domU1   kernel   Image-DomU          0x42000000  1706492
domU1   ramdisk  ramdisk-DomU        0x43000000  1000000
"
    );
}

#[test]
fn the_map_of_the_document() {
    let (memory, prepared) = document_prepared();
    assert_eq!(
        text(memory_map(&prepared.layout, &memory)),
        "\
0x0040000000..0x0080000000      1 GiB  RAM
0x0040080000..0x0040192233    1.1 MiB    xen-Image (/chosen/dom0)
0x0041280000..0x0041281471    5.1 KiB    the device tree
0x0041400000..0x0041530000    1.2 MiB    xen (with BSS)
0x0042000000..0x00421a09fc    1.6 MiB    Image-DomU (/chosen/domU1/module@42000000)
0x0043000000..0x00430f4240  976.6 KiB    ramdisk-DomU (/chosen/domU1/module@43000000)
0x0049000000..0x004900d431     53 KiB    xen-rootfs.cpio.gz (ramdisk)
0x007f000000..0x0080000000     16 MiB    [the loader]
"
    );
}

#[test]
fn the_ramdisk_and_the_command_line_are_in_the_tree() {
    let (memory, mut request) = document();
    request.bootargs = Some("console=ttyAMA0".into());
    let prepared = prepare(&memory, ExceptionLevel::El2, request).unwrap();
    let tree = Tree::parse(&prepared.blob).unwrap();
    let chosen = tree.find("/chosen").unwrap();
    assert_eq!(tree.u64(chosen, "linux,initrd-start"), Some(0x4900_0000));
    assert_eq!(tree.u64(chosen, "linux,initrd-end"), Some(0x4900_0000 + 54_321));
    assert_eq!(tree.str(chosen, "bootargs"), Some("console=ttyAMA0"));
    assert_eq!(tree.str(chosen, "xen,dom0-bootargs"), Some("console=hvc0"));
}

#[test]
fn a_packed_xen_is_known_by_its_tree() {
    let (mut memory, mut request) = document();
    load(&mut memory, XEN, "xen.gz", &gzip(&xen()));
    request.image = Loaded {
        packing: Packing::Gzip,
        wanted: None,
        ..loaded(&memory, XEN)
    };
    let prepared = prepare(&memory, ExceptionLevel::El1, request).unwrap();
    assert_eq!(
        printed(&prepared.findings)
            .iter()
            .filter(|line| line.starts_with("Error"))
            .count(),
        1,
        "{:?}",
        prepared.findings
    );
    assert!(prepared.layout.image.is_xen);
}

#[test]
fn nothing_is_written_before_the_jump() {
    let (memory, request) = document();
    let before: Vec<Vec<u8>> = memory
        .files()
        .iter()
        .map(|file| memory.bytes(file.region).unwrap().to_vec())
        .collect();
    prepare(&memory, ExceptionLevel::El2, request).unwrap();
    let after: Vec<Vec<u8>> = memory
        .files()
        .iter()
        .map(|file| memory.bytes(file.region).unwrap().to_vec())
        .collect();
    assert!(before == after);
}

#[test]
fn a_plain_linux_needs_no_chosen() {
    let mut tree = Tree::new();
    let root = tree.root();
    tree.set_u32(root, "#address-cells", 2).unwrap();
    tree.set_u32(root, "#size-cells", 2).unwrap();
    let files = [
        (0x4800_0000, "virt.dtb", tree.emit(0).unwrap()),
        (0x4040_0000, "Image", kernel(4096)),
    ];
    let memory = machine(VIRT, &files);
    let mut request = request(&memory, 0x4040_0000, 0x4800_0000);
    request.bootargs = Some("quiet".into());
    let prepared = prepare(&memory, ExceptionLevel::El1, request).unwrap();
    assert_eq!(
        printed(&prepared.findings),
        ["Note: /memory@40000000 did not say where RAM is: filled in from the machine"]
    );
    let tree = Tree::parse(&prepared.blob).unwrap();
    assert_eq!(tree.str(tree.find("/chosen").unwrap(), "bootargs"), Some("quiet"));
}

#[test]
fn what_is_no_tree_gets_the_words_that_lab_tools_know() {
    let files = [(TREE, "xen.dtb", DOCUMENT_VIRT[..200].to_vec()), (XEN, "xen", xen())];
    let memory = machine(VIRT, &files);
    let error = prepare(&memory, ExceptionLevel::El2, request(&memory, XEN, TREE)).unwrap_err();
    assert!(matches!(error, PrepareError::Tree { .. }));
    let text = alloc::format!("{error}");
    assert!(
        text.starts_with("ERROR: Did not find a cmdline Flattened Device Tree\n0x41280000..0x412800c8: the devicetree"),
        "{text}"
    );
}

/// Flips bytes of the blob at places that a fixed generator picks: whatever it makes of the tree, nothing may panic, and
/// what is accepted must be a tree again.
#[test]
fn no_blob_makes_it_panic() {
    let mut state = 0x5eed_u64;
    let mut next = |bound: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % bound
    };
    let (mut memory, request) = document();
    let (mut parsed, mut refused) = (0, 0);
    for _ in 0..3000 {
        let mut blob = DOCUMENT_VIRT.to_vec();
        for _ in 0..=next(4) {
            // Past the header: the structure block is what this is about.
            let at = 56 + next(blob.len() - 56);
            blob[at] = u8::try_from(next(256)).unwrap();
        }
        crate::boot::testing::load(&mut memory, TREE, "xen.dtb", &blob);
        match prepare(&memory, ExceptionLevel::El2, request.clone()) {
            Ok(prepared) => {
                parsed += 1;
                assert!(Tree::parse(&prepared.blob).is_ok());
            }
            Err(_) => refused += 1,
        }
    }
    assert!(parsed > 500 && refused > 50, "{parsed} parsed, {refused} refused");
}

/// A tree that describes so much that comparing everything with everything would take the loader's time and heap.
#[test]
fn a_tree_that_describes_too_much_is_refused_at_once() {
    let cells = |count: u32, size: u32| -> Vec<u8> {
        let entry = |at: u32| [0, 0x4800_0000 + at * 0x20, 0, size];
        (0..count).flat_map(entry).flat_map(u32::to_be_bytes).collect()
    };
    let refused = |edit: &dyn Fn(&mut Tree)| {
        let blob = edited(DOCUMENT_VIRT, |tree| edit(tree));
        let memory = machine(VIRT, &[(TREE, "xen.dtb", blob), (XEN, "xen", xen())]);
        let request = request(&memory, XEN, TREE);
        prepare(&memory, ExceptionLevel::El2, request).unwrap_err().to_string()
    };
    let nodes = |tree: &mut Tree, compatible: &str| {
        let chosen = tree.find("/chosen").unwrap();
        for index in 0..7000 {
            let node = tree
                .add(chosen, &alloc::format!("n@{:x}", 0x4800_0000 + index))
                .unwrap();
            tree.set_strings(node, "compatible", &[compatible]).unwrap();
        }
    };
    for compatible in ["multiboot,module", "xen,domain"] {
        let error = refused(&|tree| nodes(tree, compatible));
        assert!(error.starts_with("ERROR: the device tree describes 70"), "{error}");
        assert!(error.ends_with(" domains and modules, the limit is 512"), "{error}");
    }
    let error = refused(&|tree| {
        let memory = tree
            .children(tree.root())
            .find(|id| tree.name(*id).starts_with("memory"));
        tree.set(memory.unwrap(), "reg", &cells(100_000, 0x10)).unwrap();
    });
    assert_eq!(
        error,
        "ERROR: the device tree describes 100000 memory banks, the limit is 256"
    );
    let error = refused(&|tree| {
        let reserved = tree.ensure(tree.root(), "reserved-memory").unwrap();
        tree.set_u32(reserved, "#size-cells", 2).unwrap();
        tree.set_u32(reserved, "#address-cells", 2).unwrap();
        let node = tree.add(reserved, "all").unwrap();
        tree.set(node, "reg", &cells(100_000, 0x2000_0000)).unwrap();
    });
    assert_eq!(
        error,
        "ERROR: the device tree describes 100001 reserved regions, the limit is 512"
    );
}

/// As much as a tree may describe, all of it wrong.
#[test]
fn what_is_said_of_the_worst_tree_is_bounded() {
    let blob = edited(DOCUMENT_VIRT, |tree| {
        let chosen = tree.find("/chosen").unwrap();
        for index in 0..240 {
            let node = tree
                .add(chosen, &alloc::format!("m@{:x}", 0x4800_0000 + index))
                .unwrap();
            tree.set_strings(node, "compatible", &["multiboot,module"]).unwrap();
            tree.set(node, "reg", &[0x48, 0, 0, 0, 0, 1, 0, 0]).unwrap();
        }
        let reserved = tree.ensure(tree.root(), "reserved-memory").unwrap();
        tree.set_u32(reserved, "#size-cells", 2).unwrap();
        tree.set_u32(reserved, "#address-cells", 2).unwrap();
        for index in 0..511 {
            let node = tree.add(reserved, &alloc::format!("r@{index:x}")).unwrap();
            tree.set(node, "reg", &[0, 0, 0, 0, 0x47, 0xff, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0])
                .unwrap();
        }
        for index in 0..1000 {
            tree.add_reservation(0x4800_0010 + index, 0x1000_0000).unwrap();
        }
    });
    let memory = machine(VIRT, &[(TREE, "xen.dtb", blob), (XEN, "xen", xen())]);
    let prepared = prepare(&memory, ExceptionLevel::El2, request(&memory, XEN, TREE)).unwrap();
    let said: usize = prepared.findings.iter().map(|finding| finding.sentence.len()).sum();
    assert!(
        prepared.errors() > 200 && said < 400_000,
        "{} errors, {said} bytes",
        prepared.errors()
    );
}

/// Properties of a domain by `booting.txt` (Xen 4.21) and the documents on static memory, and one that nobody knows.
const OF_A_DOMAIN: [(&str, &[u8]); 21] = [
    ("nr_spis", &[0, 0, 0, 64]),
    ("passthrough", b"enabled\0"),
    ("sve", &[0, 0, 0, 128]),
    ("llc-colors", b"2-6\0"),
    ("capabilities", &[0, 0, 0, 3]),
    ("trap-unmapped-accesses", &[0, 0, 0, 1]),
    ("xen,enhanced", b"no-xenstore\0"),
    ("xen,domain-p2m-mem-mb", &[0, 0, 0, 9]),
    ("max_grant_version", &[0, 0, 0, 2]),
    ("max_grant_frames", &[0, 0, 0, 32]),
    ("max_maptrack_frames", &[0, 0, 0, 0]),
    ("xen,sci_type", b"scmi_smc\0"),
    ("v8r_el1_msa", b"pmsa\0"),
    ("domain-cpupool", &[0, 0, 0, 7]),
    ("direct-map", &[]),
    ("#xen,static-mem-address-cells", &[0, 0, 0, 1]),
    ("#xen,static-mem-size-cells", &[0, 0, 0, 1]),
    ("xen,static-mem", &[0x50, 0, 0, 0, 8, 0, 0, 0]),
    ("vpl011", &[]),
    ("unknown,to-everybody", &[1, 2, 3]),
    ("cpus", &[0, 0, 0, 1]),
];

/// What stands in a domain besides its modules, and what the documents have in `/chosen`, is for Xen to read.
#[test]
fn what_xen_reads_of_a_domain_stays_as_it_is() {
    let nodes = [
        ("vcpu0", "xen,vcpu"),
        ("ec1", "xen,evtchn-v1"),
        ("shared", "xen,domain-shared-memory-v1"),
    ];
    let blob = edited(DOCUMENT_VIRT, |tree| {
        let domain = tree.find("/chosen/domU1").unwrap();
        for (name, value) in OF_A_DOMAIN {
            tree.set(domain, name, value).unwrap();
        }
        for (name, compatible) in nodes {
            let node = tree.add(domain, name).unwrap();
            tree.set_strings(node, "compatible", &[compatible]).unwrap();
            tree.set(node, "xen,shm-id", b"a\0").unwrap();
        }
        let chosen = tree.find("/chosen").unwrap();
        let heap = [0x60, 0, 0, 0, 1, 0, 0, 0];
        tree.set(chosen, "xen,static-heap", &heap).unwrap();
        let pool = tree.add(chosen, "cpupool0").unwrap();
        tree.set_strings(pool, "compatible", &["xen,cpupool"]).unwrap();
        tree.set_u32(pool, "phandle", 7).unwrap();
    });
    let before = Tree::parse(&blob).unwrap();
    let (mut memory, _) = document();
    load(&mut memory, TREE, "xen.dtb", &blob);
    let prepared = prepare(&memory, ExceptionLevel::El2, request(&memory, XEN, TREE)).unwrap();
    assert_eq!(prepared.errors(), 0, "{:?}", prepared.findings);
    let after = Tree::parse(&prepared.blob).unwrap();
    let paths = ["", "/vcpu0", "/ec1", "/shared"].map(|below| alloc::format!("/chosen/domU1{below}"));
    for path in paths.iter().map(String::as_str).chain(["/chosen/cpupool0", "/chosen"]) {
        let properties = |tree: &Tree| {
            let node = tree.find(path).unwrap();
            let all = tree.properties(node);
            all.map(|(name, value)| (name.to_string(), value.to_vec()))
                .collect::<Vec<_>>()
        };
        assert_eq!(properties(&after), properties(&before), "{path}");
    }
}
