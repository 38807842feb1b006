//! From disks and from RAM; what comes over the network is in the simulation's tests, which have one.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::fakes::VecRam;
use hal::{PhysAddr, Region};

use crate::commands::start::tests::linux;
use crate::commands::testing::disks::{fat, partitioned};
use crate::commands::testing::{Bench, RAM};
use crate::context::{CommandError, Status};
use crate::devicetree::Tree;
use crate::image::arm64::tests::image;
use crate::image::gzip::tests::gzip;
use crate::image::uimage::tests::uimage;
use crate::image::uimage::{Compression, Type};
use crate::memory::Memory;

const MIB: u64 = 1 << 20;

/// Where the board's own tree lies.
const BOARD: u64 = RAM + 0x1000;

/// The example by which `binary=` was proposed: the tree.
const KEYS_TREE: &[u8] = include_bytes!("../../../tests/fixtures/boot/uefi-binary.dtb");

/// Two domains beside dom0, one of which needs nothing but a kernel.
const CONFIG: &[u8] = b"\
options=console=dtuart
kernel=Image root=/dev/ram0
ramdisk=initrd
domu1_kernel=Image-1 console=ttyAMA0
domu1_ramdisk=initrd-1
domu1_property=memory=8M
domu1_property=cpus=1
domu1_property=vpl011
domu2_kernel=Image
domu2_property=memory=8M
domu2_property=cpus=1
domu2_property=vpl011
";

/// One domain, as short as it can be.
const SHORT: &[u8] = b"domu1_kernel=Image\ndomu1_property=memory=8M\ndomu1_property=cpus=1\ndomu1_property=vpl011\n";

fn region(start: u64, len: u64) -> Region {
    Region::new(PhysAddr(start), len).unwrap()
}

/// Something that looks like Xen: 128 KiB in memory, 4 KiB of file.
fn xen() -> Vec<u8> {
    let mut bytes = image(0, 0x2_0000, 0xa, 4096);
    bytes[1000..1016].copy_from_slice(b"xen,xen-bootargs");
    bytes
}

fn cpio(letter: u8, len: usize) -> Vec<u8> {
    let mut bytes = alloc::vec![letter; len];
    bytes[..6].copy_from_slice(b"070701");
    bytes
}

/// A board's tree, which leaves it to the machine to say where RAM is.
fn board() -> Tree {
    let mut tree = Tree::new();
    tree.set_u32(tree.root(), "#size-cells", 2).unwrap();
    tree.set_u32(tree.root(), "#address-cells", 2).unwrap();
    tree
}

/// A machine with such RAM, the board's tree in the first of it.
fn machine(banks: &[Region], tree: &Tree) -> Bench {
    let mut bench = Bench::new();
    bench.context.memory = Memory::new(Box::new(VecRam::new(banks)), banks);
    let at = banks[0].start().get() + (BOARD - RAM);
    bench.load(at, "board.dtb", &tree.emit(0).unwrap());
    bench.context.working_tree = Some(PhysAddr(at));
    bench
}

/// A machine with 32 MiB of RAM and a disk with these files on its first partition.
fn bench(files: &[(&str, &[u8])]) -> Bench {
    let mut bench = machine(&[region(RAM, 32 * MIB)], &board());
    bench.attach(&[disk(files)]);
    bench
}

fn disk(files: &[(&str, &[u8])]) -> hal::fakes::FakeDisk {
    partitioned(&[(true, &fat(files))])
}

/// As [`bench`], with Xen and a kernel on the disk, too.
fn with_xen(files: &[(&str, &[u8])]) -> Bench {
    let (xen, kernel) = (xen(), linux());
    let mut all: Vec<(&str, &[u8])> = Vec::from([("xen.efi", &xen[..]), ("Image", &kernel)]);
    all.extend(files);
    bench(&all)
}

/// The files of [`CONFIG`].
fn lab() -> Bench {
    let (first, second) = (cpio(b'0', 5000), cpio(b'1', 6000));
    let kernel = image(0, 0x1_0000, 0xa, 7777);
    with_xen(&[
        ("xen.cfg", CONFIG),
        ("initrd", &first),
        ("initrd-1", &second),
        ("Image-1", &kernel),
    ])
}

/// The tree that a plan has left in RAM.
fn left(bench: &Bench) -> Tree {
    let at = bench.context.env.hex("xen_fdt_addr").expect("there is a plan");
    Tree::parse(bench.context.memory.bytes_from(PhysAddr(at)).unwrap()).unwrap()
}

/// The modules of a tree by their paths without the address, and what lies where they say.
fn modules(bench: &Bench, tree: &Tree) -> Vec<(String, Region, Vec<u8>)> {
    let chosen = tree.child(tree.root(), "chosen").unwrap();
    let nodes = tree.descendants(chosen).map(|(_, node)| node);
    let modules = nodes.filter(|node| tree.compatible(*node, "multiboot,module"));
    modules
        .map(|node| {
            let [(start, len)] = tree.reg(node).unwrap()[..] else {
                panic!("one place");
            };
            let (path, unit) = tree
                .path(node)
                .rsplit_once('@')
                .map(|(a, b)| (a.to_string(), b.to_string()))
                .unwrap();
            assert_eq!(unit, format!("{start:x}"));
            let place = region(start, len);
            (path, place, bench.context.memory.bytes(place).unwrap().to_vec())
        })
        .collect()
}

/// The regions of all files that the map knows, but the board's tree.
fn known(bench: &Bench) -> Vec<(String, Region)> {
    let files = bench.context.memory.files().iter();
    files
        .filter(|file| file.name != "board.dtb")
        .map(|file| (file.name.clone(), file.region))
        .collect()
}

/// Runs the line and gives what it says; it fails and leaves nothing.
#[track_caller]
fn refused(bench: &mut Bench, line: &str) -> String {
    let before = known(bench);
    let output = bench.enter_untimed(line);
    assert_eq!(bench.status(), Status::Failure, "{output}");
    assert_eq!(known(bench), before, "{output}");
    assert_eq!(bench.context.env.get("xen_addr"), None);
    assert_eq!(bench.context.env.get("xen_fdt_addr"), None);
    assert_eq!(bench.jumps(), []);
    output
}

/// The last line of what a line says that fails.
#[track_caller]
fn last_words(bench: &mut Bench, line: &str) -> String {
    let output = refused(bench, line);
    output.lines().last().unwrap_or_default().to_string()
}

/// Which files are asked for.
fn asked(output: &str) -> Vec<&str> {
    let lines = output.lines();
    lines
        .filter_map(|line| line.strip_prefix("Retrieving file: "))
        .collect()
}

#[test]
fn a_configuration_on_a_disk() {
    let mut bench = lab();
    assert_eq!(
        bench.enter_untimed("xen plan virtio 0:1 xen.cfg; echo $?"),
        "\
Retrieving file: xen.cfg
283 bytes read
Retrieving file: xen.efi
4096 bytes read
Retrieving file: Image
8192 bytes read
Retrieving file: initrd
5000 bytes read
Retrieving file: Image-1
7777 bytes read
Retrieving file: initrd-1
6000 bytes read
Note: /memory@40000000 did not say where RAM is: filled in from the machine
domain  module   file         address  size
Xen     image    xen.efi   0x41800000  4096
Xen     dtb                0x41ffe000  5243
dom0    kernel   Image     0x41600000  8192
dom0    ramdisk  initrd    0x417f0000  5000
domU1   kernel   Image-1   0x41400000  7777
domU1   ramdisk  initrd-1  0x417e0000  6000
domU2   kernel   Image     0x41600000  8192

0x0040000000..0x0042000000     32 MiB  RAM
0x0041400000..0x0041401e61    7.6 KiB    Image-1 (/chosen/domU1/module@41400000)
0x0041600000..0x0041602000      8 KiB    Image (/chosen/module@41600000)
0x00417e0000..0x00417e1770    5.9 KiB    initrd-1 (/chosen/domU1/module@417e0000)
0x00417f0000..0x00417f1388    4.9 KiB    initrd (/chosen/module@417f0000)
0x0041800000..0x0041820000    128 KiB    xen.efi (with BSS)
0x0041ffe000..0x0041fff47b    5.1 KiB    the device tree
0
"
    );
}

#[test]
fn every_module_is_where_the_tree_says() {
    let mut bench = lab();
    let output = bench.enter_untimed("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let tree = left(&bench);
    let found = modules(&bench, &tree);
    let expected = [
        ("/chosen/module", linux()),
        ("/chosen/module", cpio(b'0', 5000)),
        ("/chosen/domU1/module", image(0, 0x1_0000, 0xa, 7777)),
        ("/chosen/domU1/module", cpio(b'1', 6000)),
        ("/chosen/domU2/module", linux()),
    ];
    assert_eq!(found.len(), expected.len());
    for ((path, _, bytes), (wanted, content)) in found.iter().zip(&expected) {
        assert_eq!(path, wanted);
        assert_eq!(bytes, content, "{path}");
    }
    // Two domains start the same file.
    assert_eq!(found[0].1, found[4].1);
    let chosen = tree.find("/chosen").unwrap();
    assert_eq!(tree.str(chosen, "xen,xen-bootargs"), Some("console=dtuart"));
}

#[test]
fn a_plan_is_started_by_hand() {
    for wrapped in [
        xen(),
        gzip(&xen()),
        uimage(Type::KERNEL, Compression::NONE, 0x4080_0000, &xen()),
    ] {
        let kernel = linux();
        let mut bench = bench(&[("xen.cfg", SHORT), ("xen", &wrapped), ("Image", &kernel)]);
        let output = bench.enter_untimed("xen plan virtio 0:1");
        assert_eq!(bench.status(), Status::Success, "{output}");
        let output = bench.enter("booti ${xen_addr} - ${xen_fdt_addr}");
        assert_eq!(bench.jumps().len(), 1, "{output}");
        let jump = &bench.jumps()[0];
        assert_eq!(Some(jump.entry.get()), bench.context.env.hex("xen_addr"));
        assert_eq!(Some(jump.device_tree.get()), bench.context.env.hex("xen_fdt_addr"));
        assert_eq!(
            bench.context.memory.bytes(region(jump.entry.get(), 4096)).unwrap(),
            xen()
        );
        assert!(!output.contains("Warning"), "{output}");
    }
}

#[test]
fn boot_jumps() {
    let mut bench = lab();
    let output = bench.enter_untimed("xen boot virtio 0:1");
    assert!(output.ends_with("\nStarting kernel ...\n\n"), "{output}");
    assert_eq!(bench.jumps().len(), 1);
    assert!(!output.contains("Warning"), "{output}");
}

#[test]
fn the_next_plan_has_the_ram_of_the_last_one() {
    let mut bench = lab();
    bench.enter("xen plan virtio 0:1");
    let (first, tree) = (known(&bench), left(&bench).emit(0));
    for goal in ["plan", "boot", "plan"] {
        let output = bench.enter(&format!("xen {goal} virtio 0:1"));
        assert_eq!(bench.status(), Status::Success, "{output}");
        assert_eq!(known(&bench), first);
        assert_eq!(left(&bench).emit(0), tree);
    }
    // A file that was loaded over one of them since is somebody's own.
    let (_, place) = first.iter().find(|(name, _)| name == "/initrd").unwrap();
    let (start, own) = (place.start().get(), cpio(b'x', 77));
    bench.load(start, "mine", &own);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let mine = bench.context.memory.file_at(PhysAddr(start)).unwrap();
    assert_eq!((mine.name.as_str(), &mine.overwritten_by), ("mine", &None));
}

#[test]
fn check_says_what_is_wrong_and_leaves_the_map_as_it_is() {
    let mut bench = lab();
    bench.enter("xen plan virtio 0:1");
    let output = bench.enter("xen check virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    assert_eq!(known(&bench), []);
    assert_eq!(bench.context.env.get("xen_addr"), None);
    let mut bench = with_xen(&[("xen.cfg", b"domu1_kernel=Image\ndomu1_property=memory=8M\n")]);
    for goal in ["check", "plan", "boot"] {
        let output = refused(&mut bench, &format!("xen {goal} virtio 0:1"));
        assert!(
            output.ends_with(
                "Error: /chosen/domU1 has no cpus property; Xen stops without it: write cpus = <1>\n\
                 Note: /chosen/domU1 has no vpl011: its console will not be seen\n\
                 /xen.efi is not started: 1 error above; nothing was written\n"
            ),
            "{output}"
        );
    }
}

#[test]
fn folders_and_the_places_of_distributions() {
    let (xen, kernel) = (xen(), linux());
    for (folder, line, names) in [
        ("", "xen boot virtio 0:1 /", &["/xen.cfg", "/xen.efi", "/Image"][..]),
        ("", "xen boot virtio 0:1 xen.cfg", &["xen.cfg", "xen.efi", "Image"]),
        ("", "xen boot virtio 0:1", &["/xen.cfg", "/xen.efi", "/Image"]),
        (
            "lab/",
            "xen boot virtio 0:1 lab/",
            &["lab/xen.cfg", "lab/xen.efi", "lab/Image"],
        ),
        (
            "boot/",
            "xen boot virtio 0:1",
            &["/xen.cfg", "/boot/xen.cfg", "/boot/xen.efi", "/boot/Image"],
        ),
        (
            "EFI/xen/",
            "xen boot virtio 0:1",
            &[
                "/xen.cfg",
                "/boot/xen.cfg",
                "/EFI/xen/xen.cfg",
                "/EFI/xen/xen.efi",
                "/EFI/xen/Image",
            ],
        ),
    ] {
        let own = ["xen.cfg", "xen.efi", "Image"].map(|name| format!("{folder}{name}"));
        let mut files: Vec<(&str, &[u8])> = Vec::new();
        files.extend((folder == "EFI/xen/").then_some(("EFI/", &b""[..])));
        files.extend((!folder.is_empty()).then_some((folder, &b""[..])));
        files.extend(own.iter().map(String::as_str).zip([SHORT, &xen, &kernel]));
        let mut bench = bench(&files);
        let output = bench.enter(line);
        assert_eq!(bench.status(), Status::Success, "{line}: {output}");
        assert_eq!(asked(&output), names, "{line}");
    }
    let mut bench = with_xen(&[]);
    assert_eq!(
        last_words(&mut bench, "xen boot virtio 0:1"),
        "Failed to load '/EFI/xen/xen.cfg': File not found: '/EFI/xen/xen.cfg'"
    );
}

#[test]
fn names_begin_where_the_configuration_is_or_at_the_root() {
    let (xen, kernel) = (xen(), linux());
    let config = [b"kernel=/Image\nxen=bin/xen\n", SHORT].concat();
    let mut bench = bench(&[
        ("lab/", b""),
        ("lab/bin/", b""),
        ("lab/bin/xen", &xen),
        ("lab/a.cfg", &config),
        ("Image", &kernel),
        ("lab/Image", &cpio(b'n', 8)),
    ]);
    let output = bench.enter("xen plan virtio 0:1 /lab/a.cfg");
    assert_eq!(asked(&output), ["/lab/a.cfg", "/lab/bin/xen", "/Image", "/lab/Image"]);
    assert!(output.contains("/chosen/domU1/module@"), "{output}");
}

#[test]
fn xen_is_looked_for_under_the_configurations_name_first() {
    let mut bench = bench(&[("lab.cfg", SHORT)]);
    let output = refused(&mut bench, "xen plan virtio 0:1 lab.cfg");
    assert_eq!(
        asked(&output),
        ["lab.cfg", "lab.efi", "lab", "xen.efi", "xen", "xen.gz"]
    );
    assert!(
        output.ends_with(
            "Xen was not found under the names lab.efi, lab, xen.efi, xen, xen.gz; the line xen=FILE of a xen.cfg names it: \
             Failed to load 'xen.gz': File not found: 'xen.gz'\n"
        ),
        "{output}"
    );
    // One that was loaded by hand may be called anything, but not where a line names it.
    bench.load(RAM + MIB, "hypervisor", &xen());
    bench.attach(&[disk(&[("lab.cfg", SHORT), ("Image", &linux())])]);
    let output = bench.enter("xen plan virtio 0:1 lab.cfg");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let named = [b"xen=other.efi\n", SHORT].concat();
    bench.attach(&[disk(&[("lab.cfg", &named), ("Image", &linux())])]);
    bench.enter("xen check 0");
    let output = refused(&mut bench, "xen plan virtio 0:1 lab.cfg");
    assert_eq!(asked(&output), ["lab.cfg", "other.efi"]);
    assert!(
        output.ends_with("lab.cfg:1:5: xen=other.efi: Failed to load 'other.efi': File not found: 'other.efi'\n"),
        "{output}"
    );
}

#[test]
fn started_by_xens_image() {
    let (xen, kernel) = (xen(), linux());
    let packed = gzip(&xen);
    let wrapped = uimage(Type::KERNEL, Compression::NONE, 0x4080_0000, &xen);
    for (name, image, config) in [
        ("xen-4.17.efi", &xen, "xen-4.17.cfg"),
        ("xen-4.17.efi", &packed, "xen-4.cfg"),
        ("xen-4.17.efi", &wrapped, "xen.cfg"),
    ] {
        let mut bench = bench(&[(name, image), (config, SHORT), ("Image", &kernel)]);
        let output = bench.enter(&format!("xen boot virtio 0:1 {name}"));
        let mut names = Vec::from([name, "xen-4.17.cfg", "xen-4.cfg", "xen.cfg"]);
        names.truncate(1 + names.iter().position(|name| *name == config).unwrap());
        names.push("Image");
        assert_eq!(asked(&output), names);
        assert_eq!(bench.jumps().len(), 1, "{output}");
        assert!(!output.contains("Warning"), "{output}");
    }
    let mut bench = bench(&[("xen-4.17.efi", &xen)]);
    assert_eq!(
        last_words(&mut bench, "xen boot virtio 0:1 xen-4.17.efi"),
        "xen-4.17.efi has no configuration beside it: Failed to load 'xen.cfg': File not found: 'xen.cfg'"
    );
    // Another one, if the configuration says so.
    let config = [b"xen=debug.efi\n", SHORT].concat();
    let mut bench = self::bench(&[
        ("xen.efi", &xen),
        ("xen.cfg", &config),
        ("debug.efi", &xen),
        ("Image", &kernel),
    ]);
    let output = bench.enter("xen boot virtio 0:1 xen.efi");
    assert_eq!(asked(&output), ["xen.efi", "xen.cfg", "debug.efi", "Image"]);
    assert!(output.contains("debug.efi (with BSS)"), "{output}");
    assert!(!known(&bench).iter().any(|(name, _)| name == "xen.efi"), "{output}");
}

#[test]
fn files_lie_behind_xens_bss() {
    // As much as there is, so that something has to lie next to it.
    let (xen, kernel) = (xen(), linux());
    let mut bench = machine(&[region(RAM, 10 * MIB)], &board());
    bench.attach(&[disk(&[("xen.efi", &xen), ("xen.cfg", SHORT), ("Image", &kernel)])]);
    let output = bench.enter("xen boot virtio 0:1 xen.efi");
    assert_eq!(bench.jumps().len(), 1, "{output}");
    assert!(!output.contains("Warning"), "{output}");
    let at = |name: &str| known(&bench).into_iter().find(|(file, _)| file == name).unwrap().1;
    assert_eq!(at("xen.efi").start(), PhysAddr(RAM + 2 * MIB));
    assert!(at("Image").end() <= at("xen.efi").start());
    // The same for one that was loaded by hand.
    let mut bench = machine(&[region(RAM, 10 * MIB)], &board());
    bench.load(RAM + 2 * MIB, "hypervisor", &self::xen());
    bench.attach(&[disk(&[("xen.cfg", SHORT), ("Image", &kernel)])]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    assert!(
        modules(&bench, &left(&bench))[0].1.end() <= PhysAddr(RAM + 2 * MIB),
        "{output}"
    );
}

#[test]
fn chains_are_followed() {
    let last = [b"[a]\nkernel=nothere\n[two]\n", SHORT].concat();
    let mut bench = with_xen(&[
        ("xen.cfg", b"[global]\nchain=b.cfg\ndefault=two\n[two]\noptions=a\n"),
        ("b.cfg", b"[global]\nchain=c.cfg\ndefault=a\n"),
        ("c.cfg", &last),
    ]);
    let output = bench.enter("xen plan virtio 0:1 xen.cfg");
    assert_eq!(asked(&output), ["xen.cfg", "b.cfg", "c.cfg", "xen.efi", "Image"]);
    assert_eq!(bench.status(), Status::Success, "{output}");
    // Configurations are read and gone.
    assert!(!known(&bench).iter().any(|(name, _)| name.ends_with(".cfg")));
}

#[test]
fn chains_end() {
    let mut bench = bench(&[
        ("xen.cfg", b"[global]\nchain=b.cfg\n"),
        ("b.cfg", b"[global]\nchain=xen.cfg\n"),
        ("gone.cfg", b"[global]\nchain=nothere.cfg\n"),
    ]);
    assert_eq!(
        last_words(&mut bench, "xen plan virtio 0:1 xen.cfg"),
        "b.cfg:2:7: chain=xen.cfg leads in a circle, or further than 16 files"
    );
    assert_eq!(
        last_words(&mut bench, "xen plan virtio 0:1 gone.cfg"),
        "gone.cfg:2:7: chain=nothere.cfg: Failed to load 'nothere.cfg': File not found: 'nothere.cfg'"
    );
    let names: Vec<String> = (0..20).map(|number| format!("{number}.cfg")).collect();
    let texts: Vec<String> = (1..21)
        .map(|number| format!("[global]\nchain={number}.cfg\n"))
        .collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(String::as_str)
        .zip(texts.iter().map(String::as_bytes))
        .collect();
    let mut bench = self::bench(&files);
    let output = refused(&mut bench, "xen plan virtio 0:1 0.cfg");
    assert_eq!(asked(&output).len(), 16);
    assert!(
        output.ends_with("15.cfg:2:7: chain=16.cfg leads in a circle, or further than 16 files\n"),
        "{output}"
    );
}

#[test]
fn sections_by_name_and_by_default() {
    let text = [
        &b"[global]\ndefault=one\n[one]\noptions=1\n"[..],
        SHORT,
        b"[two]\noptions=2\n",
        SHORT,
    ]
    .concat();
    let mut bench = with_xen(&[("xen.cfg", &text)]);
    for (line, options) in [
        ("xen plan virtio 0:1 xen.cfg", "1"),
        ("xen plan virtio 0:1 xen.cfg two", "2"),
        ("xen plan virtio 0:1 / one", "1"),
    ] {
        let output = bench.enter(line);
        assert_eq!(bench.status(), Status::Success, "{output}");
        let tree = left(&bench);
        assert_eq!(
            tree.str(tree.find("/chosen").unwrap(), "xen,xen-bootargs"),
            Some(options)
        );
    }
    bench.enter("xen check 0");
    assert_eq!(
        last_words(&mut bench, "xen plan virtio 0:1 xen.cfg three"),
        "xen.cfg: there is no section [three]; there is [one], [two]"
    );
}

#[test]
fn a_tree_of_its_own() {
    let mut tree = board();
    tree.set_strings(tree.root(), "model", &["mine"]).unwrap();
    let (blob, text) = (tree.emit(0).unwrap(), [b"dtb=mine.dtb\n", SHORT].concat());
    let mut bench = with_xen(&[("xen.cfg", &text), ("mine.dtb", &blob)]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(asked(&output), ["/xen.cfg", "/mine.dtb", "/xen.efi", "/Image"]);
    let tree = left(&bench);
    assert_eq!(tree.str(tree.root(), "model"), Some("mine"));
    let mut bench = with_xen(&[("xen.cfg", &text)]);
    assert_eq!(
        last_words(&mut bench, "xen plan virtio 0:1"),
        "xen.cfg:1:5: dtb=mine.dtb: Failed to load '/mine.dtb': File not found: '/mine.dtb'"
    );
    let mut bench = with_xen(&[("xen.cfg", &text), ("mine.dtb", b"no tree")]);
    assert_eq!(
        last_words(&mut bench, "xen plan virtio 0:1"),
        "/mine.dtb is no device tree: the devicetree is not usable: 7 bytes are too few for a header of 40 (at offset 0x0)"
    );
    let mut bench = with_xen(&[("xen.cfg", SHORT)]);
    bench.context.working_tree = None;
    let output = refused(&mut bench, "xen plan virtio 0:1");
    assert!(
        output.ends_with("no device tree was named or set by fdt addr\n"),
        "{output}"
    );
}

/// The tree of keys with the memory that was meant.
fn keys_tree() -> Tree {
    let mut tree = Tree::parse(KEYS_TREE).unwrap();
    for (path, kib) in [("/chosen/domU1", 8192), ("/chosen/domU2", 9216)] {
        tree.set_u64(tree.find(path).unwrap(), "memory", kib).unwrap();
    }
    tree
}

#[test]
fn the_example_of_keys_boots() {
    let text = b"dtb=devtree.dtb\nkernel=Image [domain 0 command line options]\n\
        binary=vmlinuz-guest domu-kernel\nbinary=ramdisk-domA.img domA-ramdisk\nbinary=ramdisk-domB.img domB-ramdisk\n";
    let (kernel, ramdisk) = (image(0, 0x1_0000, 0xa, 7777), cpio(b'a', 999));
    let files = |tree: &Tree| tree.emit(0).unwrap();
    let (written, meant) = (files(&Tree::parse(KEYS_TREE).unwrap()), files(&keys_tree()));
    let others: [(&str, &[u8]); 3] = [
        ("xen.cfg", text),
        ("vmlinuz-guest", &kernel),
        ("ramdisk-domA.img", &ramdisk),
    ];
    // As it was written memory is in bytes.
    let mut bench = with_xen(&[&others[..], &[("devtree.dtb", &written)]].concat());
    let output = refused(&mut bench, "xen boot virtio 0:1");
    for (domain, kib) in [(1, 134_217_728), (2, 536_870_912)] {
        let sentence =
            format!("Error: /chosen/domU{domain}: memory = {kib} KiB is more than the machine's 32768 KiB\n");
        assert!(output.contains(&sentence), "{output}");
    }
    let mut bench = with_xen(&[&others[..], &[("devtree.dtb", &meant)]].concat());
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let found = modules(&bench, &left(&bench));
    let places: Vec<Region> = found.iter().map(|(_, place, _)| *place).collect();
    assert_eq!(places.len(), 5);
    assert_eq!((places[0], places[1]), (places[2], places[3]));
    assert_eq!((&found[2].2, &found[3].2), (&kernel, &ramdisk));
    assert_eq!(output.matches("vmlinuz-guest\n").count(), 1, "{output}");
}

#[test]
fn a_tree_that_names_its_files() {
    let mut tree = keys_tree();
    let blob = tree.emit(0).unwrap();
    let (kernel, ramdisk) = (linux(), cpio(b'r', 100));
    let files: [(&str, &[u8]); 3] = [("domu-kernel", &kernel), ("domA-ramdisk", &ramdisk), ("lab.dtb", &blob)];
    let mut bench = with_xen(&files);
    let output = bench.enter("xen plan virtio 0:1 lab.dtb");
    assert_eq!(asked(&output), ["lab.dtb", "xen.efi", "domu-kernel", "domA-ramdisk"]);
    assert_eq!(bench.status(), Status::Success, "{output}");
    bench.enter("xen check 0");
    assert_eq!(
        last_words(&mut bench, "xen plan virtio 0:1 lab.dtb two"),
        "lab.dtb is a device tree without xen,uefi-cfg-load in /chosen: no configuration is read that could have a section two"
    );
    // With a configuration beside it.
    let chosen = tree.find("/chosen").unwrap();
    tree.set(chosen, "xen,uefi-cfg-load", &[]).unwrap();
    tree.set_strings(chosen, "xen,xen-bootargs", &["old"]).unwrap();
    let blob = tree.emit(0).unwrap();
    let config = b"[one]\noptions=new\nkernel=Image\ndtb=other.dtb\n[two]\noptions=2\n";
    let mut bench = with_xen(&[&files[..2], &[("lab.dtb", &blob), ("lab.cfg", config)]].concat());
    let output = bench.enter("xen plan virtio 0:1 lab.dtb one");
    assert_eq!(
        asked(&output),
        ["lab.dtb", "lab.cfg", "xen.efi", "domu-kernel", "domA-ramdisk", "Image"]
    );
    assert!(
        output.contains(
            "Warning: lab.cfg:4:5: dtb=other.dtb is not read: the tree is lab.dtb, which had the configuration read\n"
        ),
        "{output}"
    );
    let tree = left(&bench);
    assert_eq!(tree.str(chosen, "xen,xen-bootargs"), Some("new"));
    assert_eq!(tree.property(chosen, "xen,uefi-cfg-load"), None);
    let mut bench = with_xen(&[("lab.dtb", &blob)]);
    let output = refused(&mut bench, "xen plan virtio 0:1 lab.dtb");
    assert_eq!(asked(&output), ["lab.dtb", "lab.cfg", "xen.cfg"]);
}

#[test]
fn a_missing_file_is_named_with_its_module() {
    let mut bench = with_xen(&[("xen.cfg", b"kernel=Image\ndomu1_kernel=nothere\n")]);
    assert_eq!(
        last_words(&mut bench, "xen boot virtio 0:1"),
        "/chosen/domU1/module@0 wants nothere: Failed to load '/nothere': File not found: '/nothere'"
    );
    let mut bench = with_xen(&[("xen.cfg", b"kernel=Image\ndomu1_kernel=sub\n"), ("sub/", b"")]);
    let output = refused(&mut bench, "xen boot virtio 0:1");
    assert!(output.contains("'/sub'"), "{output}");
}

#[test]
fn ctrl_c_at_each_file_leaves_nothing() {
    let before = known(&lab());
    for name in ["/xen.cfg", "/xen.efi", "/Image\r", "/initrd\r", "/Image-1", "/initrd-1"] {
        let text: &'static str = Box::leak(format!("Retrieving file: {name}").into_boxed_str());
        let mut bench = lab();
        assert_eq!(
            bench.interrupted_at(text, "xen boot virtio 0:1"),
            Err(CommandError::Interrupted),
            "{name}"
        );
        assert_eq!(known(&bench), before, "{name}");
        assert_eq!(bench.jumps(), []);
    }
    // While the image is put in its place, which is not where it was loaded.
    let (mut moved, kernel) = (xen(), linux());
    moved[8..16].copy_from_slice(&0x8_0000_u64.to_le_bytes());
    let mut bench = bench(&[("xen.cfg", SHORT), ("xen", &moved), ("Image", &kernel)]);
    assert_eq!(
        bench.interrupted_at("the device tree\r", "xen boot virtio 0:1"),
        Err(CommandError::Interrupted)
    );
    assert_eq!(known(&bench), []);
    assert_eq!(bench.jumps(), []);
}

#[test]
fn wrapped_files_are_what_is_in_them() {
    let wrapped = uimage(Type::RAMDISK, Compression::NONE, 0, &cpio(b'w', 333));
    let (kernel, text) = (gzip(&linux()), [SHORT, b"domu1_ramdisk=initrd.uimg\n"].concat());
    let xen = xen();
    let mut bench = bench(&[
        ("xen.cfg", &text),
        ("xen", &xen),
        ("Image", &kernel),
        ("initrd.uimg", &wrapped),
    ]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let found = modules(&bench, &left(&bench));
    // Xen unpacks kernels, and needs the exact size for that; ramdisks go to the guest as they are.
    assert_eq!(found[0].2, kernel);
    assert_eq!(found[1].2, cpio(b'w', 333));
    assert!(
        output.contains("initrd.uimg is a uImage; reg names the ramdisk behind its 64-byte header"),
        "{output}"
    );
    let mut broken = wrapped;
    broken[100] ^= 1;
    let mut bench = self::bench(&[
        ("xen.cfg", &text),
        ("xen", &xen),
        ("Image", &kernel),
        ("initrd.uimg", &broken),
    ]);
    let output = refused(&mut bench, "xen plan virtio 0:1");
    assert!(output.contains("the uImage /initrd.uimg at "), "{output}");
}

/// [`SHORT`] for a domain whose addresses have one cell.
fn one_cell() -> Vec<u8> {
    [SHORT, b"domu1_property=address-cells=1\nkernel=Image-0\n"].concat()
}

#[test]
fn a_domain_of_one_cell_has_its_files_below_4_gib() {
    let (xen, kernel, config) = (xen(), linux(), one_cell());
    let files: [(&str, &[u8]); 4] = [
        ("xen.cfg", &config),
        ("xen", &xen),
        ("Image", &kernel),
        ("Image-0", &kernel),
    ];
    let high = region(0x1_8000_0000, 32 * MIB);
    let mut bench = machine(&[region(RAM, 16 * MIB), high], &board());
    bench.attach(&[disk(&files)]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let tree = left(&bench);
    let found = modules(&bench, &tree);
    assert_eq!(
        (found[1].0.as_str(), found[0].0.as_str()),
        ("/chosen/domU1/module", "/chosen/module")
    );
    assert!(found[1].1.end().get() <= RAM + 16 * MIB, "{output}");
    assert!(high.covers(found[0].1), "{output}");
    assert_eq!(tree.u32(tree.find("/chosen/domU1").unwrap(), "#address-cells"), Some(1));
    // There is nothing below.
    let mut bench = machine(&[high], &board());
    bench.attach(&[disk(&files)]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let tree = left(&bench);
    assert_eq!(tree.u32(tree.find("/chosen/domU1").unwrap(), "#address-cells"), Some(2));
    assert_eq!(modules(&bench, &tree).len(), 2);
    // A copy of a packed kernel, for the second of two domains.
    let (packed, second) = (
        gzip(&kernel),
        String::from_utf8(config.clone()).unwrap().replace("domu1", "domu2"),
    );
    let both = [&config[..], second.as_bytes()].concat();
    let mut bench = machine(&[high], &board());
    bench.attach(&[disk(&[
        ("xen.cfg", &both),
        ("xen", &xen),
        ("Image", &packed),
        ("Image-0", &kernel),
    ])]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let found = modules(&bench, &left(&bench));
    assert_eq!((&found[1].2, &found[2].2), (&packed, &packed));
    assert!(!found[1].1.overlaps(found[2].1));
    // /chosen keeps the one that it has.
    let mut tree = board();
    let chosen = tree.add(tree.root(), "chosen").unwrap();
    tree.set_u32(chosen, "#address-cells", 1).unwrap();
    let mut bench = machine(&[high], &tree);
    bench.attach(&[disk(&files)]);
    assert_eq!(
        last_words(&mut bench, "xen plan virtio 0:1"),
        "** Reading file would overwrite reserved memory **\n\
         Failed to load '/Image-0': 0x2000 bytes of free RAM in one piece below 0x100000000 are needed, and there is no such place left"
            .lines()
            .last()
            .unwrap()
    );
}

#[test]
fn what_xen_gives_away_is_left_alone() {
    let mut tree = board();
    let chosen = tree.add(tree.root(), "chosen").unwrap();
    let domain = tree.add(chosen, "domU1").unwrap();
    tree.set_strings(domain, "compatible", &["xen,domain"]).unwrap();
    // In the cells of the root, which nobody repeats: all but the lowest 12 MiB.
    let given = [0, 0x40c0_0000, 0, 0x0140_0000_u32].map(u32::to_be_bytes).concat();
    tree.set(domain, "xen,static-mem", &given).unwrap();
    let (xen, kernel) = (xen(), linux());
    let mut bench = machine(&[region(RAM, 32 * MIB)], &tree);
    let config = [
        SHORT,
        b"domu1_property=address-cells=2\ndomu1_property=size-cells=2\nkernel=Image\n",
    ]
    .concat();
    bench.attach(&[disk(&[("xen.cfg", &config), ("xen", &xen), ("Image", &kernel)])]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    for (path, place, _) in modules(&bench, &left(&bench)) {
        assert!(place.end().get() <= 0x40c0_0000, "{path} at {place}");
    }
    // Nothing is left.
    let mut tree = tree.clone();
    let given = [0, 0x4000_0000, 0, 0x0200_0000_u32].map(u32::to_be_bytes).concat();
    tree.set(domain, "xen,static-mem", &given).unwrap();
    bench.load(BOARD, "board.dtb", &tree.emit(0).unwrap());
    bench.enter("xen check 0");
    let words = last_words(&mut bench, "xen plan virtio 0:1");
    assert!(
        words.contains("0x800000 bytes of free RAM in one piece are needed"),
        "{words}"
    );
}

#[test]
fn what_somebody_put_into_ram_before_is_left_alone() {
    // As QEMU's guest-loader does: a kernel that no command has loaded.
    let mut tree = board();
    let chosen = tree.add(tree.root(), "chosen").unwrap();
    tree.set_u32(chosen, "#address-cells", 2).unwrap();
    tree.set_u32(chosen, "#size-cells", 2).unwrap();
    let node = tree.add(chosen, "module@41600000").unwrap();
    tree.set_strings(node, "compatible", &["multiboot,kernel", "multiboot,module"])
        .unwrap();
    tree.set(
        node,
        "reg",
        &[0, 0x4160_0000, 0, 8192_u32].map(u32::to_be_bytes).concat(),
    )
    .unwrap();
    let (xen, kernel) = (xen(), linux());
    let mut bench = machine(&[region(RAM, 32 * MIB)], &tree);
    bench.load(0x4160_0000, "kernel", &kernel);
    bench.context.memory.forget(PhysAddr(0x4160_0000));
    bench.attach(&[disk(&[("xen.cfg", SHORT), ("xen", &xen), ("Image", &kernel)])]);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let found = modules(&bench, &left(&bench));
    assert_eq!((found[0].1, &found[0].2), (region(0x4160_0000, 8192), &kernel));
    assert!(!found[1].1.overlaps(found[0].1));
}

#[test]
fn what_people_get_wrong_is_said_before_the_jump() {
    let ramdisk = cpio(b'r', 64);
    for (edit, sentence) in [
        (
            "domu1_kernel=initrd\n",
            "initrd is a cpio archive; Xen starts an arm64 Image",
        ),
        (
            "domu1_ramdisk=Image\n",
            "Image is an arm64 Image; a ramdisk is expected",
        ),
        ("domu1_dtb=initrd\n", "initrd is a cpio archive, not a device tree"),
        ("domu1_kernel=empty\n", "the module at "),
        (
            "domu1_property=memory=0x1000000\n",
            "memory = 16777216 KiB is more than the machine's 32768 KiB; if bytes were meant, write 16384",
        ),
        (
            "domu1_property=memory=32\n",
            "memory = 32 KiB do not hold the domain's own files",
        ),
        ("domu1_property=cpus=0\n", "cpus = 0; a domain has from 1 to 128"),
        (
            "domu1_property=size-cells=0\n",
            "0x2000 does not fit the 0 cell(s) that #size-cells of /chosen/domU1 gives it",
        ),
        (
            "domu1_property=address-cells=7\n",
            "#address-cells is 7, only 1 to 3 can be used",
        ),
        (
            "domu2_kernel=Image\ndomu2_property=memory=30M\ndomu2_property=cpus=1\n",
            "the domains ask for 38912 KiB together, the machine has 32768 KiB",
        ),
    ] {
        let replaced = edit.split_once('=').map_or("", |(key, _)| key);
        let kept = core::str::from_utf8(SHORT).unwrap().lines();
        let kept = kept.filter(|line| !line.starts_with(replaced) || replaced == "domu1_property");
        let text: String = kept.map(|line| format!("{line}\n")).collect::<String>() + edit;
        let mut bench = with_xen(&[("xen.cfg", text.as_bytes()), ("initrd", &ramdisk), ("empty", b"")]);
        let output = refused(&mut bench, "xen boot virtio 0:1");
        assert!(output.contains(sentence), "{text}\n{output}");
    }
    let mut bench = with_xen(&[("xen.cfg", b"options=a\n")]);
    let output = refused(&mut bench, "xen boot virtio 0:1");
    assert!(output.contains("Xen would have nothing to start"), "{output}");
    let mut bench = with_xen(&[("xen.cfg", b"xen=Image\nkernel=Image\n")]);
    let output = bench.enter("xen plan virtio 0:1");
    assert!(output.contains("Image does not look like Xen"), "{output}");
    let mut bench = with_xen(&[("xen.cfg", b"xen=initrd\nkernel=Image\n"), ("initrd", &ramdisk)]);
    let output = refused(&mut bench, "xen plan virtio 0:1");
    assert!(output.contains("Bad Linux ARM64 Image magic!"), "{output}");
}

#[test]
fn what_is_wrong_in_a_tree_is_said_before_the_jump() {
    let (kernel, ramdisk) = (linux(), cpio(b'r', 100));
    let run = |edit: &dyn Fn(&mut Tree)| {
        let mut tree = keys_tree();
        edit(&mut tree);
        let blob = tree.emit(0).unwrap();
        let mut bench = with_xen(&[("domu-kernel", &kernel), ("domA-ramdisk", &ramdisk), ("lab.dtb", &blob)]);
        (bench.enter("xen plan virtio 0:1 lab.dtb"), bench.status())
    };
    let (output, status) = run(&|tree| {
        let node = tree.find("/chosen/domU2/module@2").unwrap();
        tree.set_strings(node, "compatible", &["multiboot,kernel", "multiboot,module"])
            .unwrap();
        tree.set_strings(node, "uefi,binary", &["domu-kernel"]).unwrap();
    });
    assert_eq!(status, Status::Failure);
    assert!(output.contains("Error: domU2 has two kernels, "), "{output}");
    let (output, status) = run(&|tree| {
        let node = tree.find("/chosen/domU2").unwrap();
        tree.remove_property(node, "#address-cells").unwrap();
    });
    assert_eq!(status, Status::Success, "{output}");
    assert!(
        output.contains(
            "Warning: /chosen/domU2 has no #address-cells; Xen then goes by the node above: 2 and 1 cells, now written into it\n"
        ),
        "{output}"
    );
    let (output, status) = run(&|tree| {
        let node = tree.find("/chosen/domU2/module@1").unwrap();
        tree.remove(node).unwrap();
    });
    assert_eq!(status, Status::Failure);
    assert!(output.contains("Error: /chosen/domU2 has no kernel: "), "{output}");
    let (output, status) = run(&|tree| {
        let node = tree.find("/chosen/domU1/module@1").unwrap();
        tree.set(node, "uefi,binary", b"a\0b\0").unwrap();
    });
    assert_eq!(status, Status::Failure);
    assert!(
        output.ends_with(
            "/chosen/domU1/module@1: uefi,binary is no name of a file: one string of printable characters is expected\n"
        ),
        "{output}"
    );
}

#[test]
fn many_domains() {
    let (xen, kernel) = (xen(), linux());
    let names: Vec<String> = (1..=64).map(|number| format!("r{number}")).collect();
    let ramdisks: Vec<Vec<u8>> = (1..=64).map(|number| cpio(number, 10 + usize::from(number))).collect();
    let group = |number: u32| {
        format!(
            "domu{number}_kernel=Image\ndomu{number}_ramdisk=r{number}\ndomu{number}_dtb=part.dtb\n\
             domu{number}_property=memory=400\ndomu{number}_property=cpus=1\n"
        )
    };
    let text: String = (1..=64).map(group).collect();
    let part = board().emit(0).unwrap();
    let mut files: Vec<(&str, &[u8])> = Vec::from([
        ("xen.cfg", text.as_bytes()),
        ("xen", &xen),
        ("Image", &kernel),
        ("part.dtb", &part),
    ]);
    files.extend(names.iter().map(String::as_str).zip(ramdisks.iter().map(Vec::as_slice)));
    let mut bench = bench(&files);
    let output = bench.enter("xen plan virtio 0:1");
    assert_eq!(bench.status(), Status::Success, "{output}");
    assert_eq!(asked(&output).len(), 2 + 1 + 1 + 64 + 1);
    let found = modules(&bench, &left(&bench));
    assert_eq!(found.len(), 192);
    for (domain, ramdisk) in found.chunks(3).zip(&ramdisks) {
        assert_eq!((&domain[0].2, &domain[1].2, &domain[2].2), (&kernel, ramdisk, &part));
    }
    assert!(
        output.contains("a Xen built as usual takes 30 and ignores the others"),
        "{output}"
    );
}

#[test]
fn files_that_were_loaded_by_hand() {
    let mut bench = bench(&[]);
    let (config, other) = ([SHORT, b"kernel=boot/other\n"].concat(), image(0, 0x1_0000, 0xa, 9999));
    for (at, name, bytes) in [
        (0x10_0000, "lab/two.cfg", &config),
        (0x20_0000, "somewhere/hypervisor", &xen()),
        (0x40_0000, "lab/Image", &linux()),
        (0x50_0000, "other", &other),
    ] {
        bench.load(RAM + at, name, bytes);
    }
    let before = known(&bench);
    let output = bench.enter("xen plan 40100000; echo $?");
    assert!(output.ends_with("\n0\n"), "{output}");
    assert_eq!(asked(&output), [""; 0]);
    let found = modules(&bench, &left(&bench));
    assert_eq!((&found[0].2, &found[1].2), (&other, &linux()));
    assert_eq!(found[1].1.start(), PhysAddr(RAM + 0x40_0000));
    // They stay, whatever becomes of the plan.
    bench.enter("xen check 40100000");
    assert_eq!(known(&bench), before);
    bench.context.memory.forget(PhysAddr(RAM + 0x50_0000));
    assert_eq!(
        last_words(&mut bench, "xen plan 40100000"),
        "/chosen/module@0 wants boot/other: boot/other was not loaded, and there is no serverip to ask for it; \
         loaded: board.dtb, lab/two.cfg, somewhere/hypervisor, lab/Image"
    );
    // The name alone may mean several.
    for at in [0x60_0000, 0x70_0000] {
        bench.load(RAM + at, &format!("{at:x}/other"), &other);
    }
    bench.enter("xen plan 40100000");
    assert_eq!(
        modules(&bench, &left(&bench))[0].1.start(),
        PhysAddr(RAM + 0x60_0000),
        "the same bytes twice"
    );
    bench.enter("xen check 0");
    bench.load(RAM + 0x70_0000, "700000/other", &linux());
    assert_eq!(
        last_words(&mut bench, "xen plan 40100000"),
        "boot/other may be 600000/other at 0x40600000 or 700000/other at 0x40700000: load one of them only, or say which by its whole name"
    );
    // One that was written over since is not it.
    bench.load(RAM + 0x60_0004, "something", b"else");
    bench.enter("xen plan 40100000");
    assert_eq!(modules(&bench, &left(&bench))[0].1.start(), PhysAddr(RAM + 0x70_0000));
    bench.load(RAM + 0x80_0000, "boot/other", &other);
    bench.enter("xen plan 40100000");
    assert_eq!(modules(&bench, &left(&bench))[0].1.start(), PhysAddr(RAM + 0x80_0000));
}

#[test]
fn trees_and_images_that_were_loaded_by_hand() {
    let mut bench = bench(&[]);
    for (at, name, bytes) in [
        (0x10_0000, "lab.dtb", &keys_tree().emit(0).unwrap()),
        (0x20_0000, "xen-4.17.efi", &xen()),
        (0x40_0000, "domu-kernel", &linux()),
        (0x50_0000, "domA-ramdisk", &cpio(b'a', 44)),
        (0x60_0000, "xen.cfg", &SHORT.to_vec()),
        (0x70_0000, "Image", &linux()),
    ] {
        bench.load(RAM + at, name, bytes);
    }
    for line in ["xen plan 40100000", "xen plan 40200000"] {
        let before = known(&bench);
        let output = bench.enter(line);
        assert_eq!(bench.status(), Status::Success, "{line}: {output}");
        assert!(!output.contains("Warning"), "{output}");
        bench.enter("xen check 0");
        // Xen itself is where it may run.
        assert_eq!(known(&bench), before);
    }
}

#[test]
fn a_file_above_4_gib_widens_the_domain_that_names_it() {
    let high = 0x1_8000_0000;
    let mut bench = machine(&[region(RAM, 16 * MIB), region(high, 16 * MIB)], &board());
    let config = [SHORT, b"domu1_property=address-cells=1\ndomu1_ramdisk=initrd\n"].concat();
    for (at, name, bytes) in [
        (RAM + MIB, "xen.cfg", &config),
        (RAM + 2 * MIB, "xen", &xen()),
        (RAM + 4 * MIB, "Image", &linux()),
        (high, "initrd", &cpio(b'h', 77)),
    ] {
        bench.load(at, name, bytes);
    }
    let output = bench.enter("xen plan 40100000");
    assert_eq!(bench.status(), Status::Success, "{output}");
    let found = modules(&bench, &left(&bench));
    assert_eq!((&found[0].2, &found[1].2), (&linux(), &cpio(b'h', 77)));
}

#[test]
fn words_that_are_none() {
    let mut bench = with_xen(&[("xen.cfg", SHORT)]);
    for line in [
        "xen",
        "xen boot",
        "xen start virtio 0:1",
        "xen virtio 0:1",
        "xen boot virtio",
        "xen boot virtio 0:1 xen.cfg a b",
        "xen boot 40000000 a b",
        "xen boot tftp xen.cfg a b",
        "xen boot http://10.0.2.2/ a b",
    ] {
        let output = refused(&mut bench, line);
        assert!(output.starts_with("xen - boot Xen by xen.cfg"), "{line}: {output}");
    }
    for (line, words) in [
        ("xen boot usb 0:1", "'usb' is not a hexadecimal number"),
        ("xen boot virtio 7:1", "** Bad device specification virtio 7 **"),
        (
            "xen boot 41000000",
            "nothing was loaded at 0x41000000: load the file before",
        ),
        ("xen boot tftp", "*** ERROR: `serverip' not set"),
        (
            "xen boot https://10.0.2.2/xen.cfg",
            "'https://10.0.2.2/xen.cfg' is not an http:// URL; there is no TLS here",
        ),
    ] {
        let output = refused(&mut bench, line);
        assert!(output.contains(words), "{line}: {output}");
    }
}

/// The machine's own tree lies in RAM without having been loaded as a file.
#[test]
fn a_tree_that_nobody_loaded() {
    let mut bench = machine(&[region(RAM, 32 * MIB)], &board());
    bench.context.memory.forget(PhysAddr(BOARD));
    let line = format!("xen check {BOARD:#x}");
    assert!(last_words(&mut bench, &line).contains("Xen was not found"));
    let line = format!("xen check {:#x}", BOARD + 0x1000);
    assert!(last_words(&mut bench, &line).contains("nothing was loaded at"));
}

#[test]
fn a_tree_that_describes_too_much_has_nothing_loaded_for_it() {
    let mut tree = board();
    let chosen = tree.add(tree.root(), "chosen").unwrap();
    for index in 0..600_u32 {
        let node = tree.add(chosen, &format!("module@{index:x}")).unwrap();
        tree.set_strings(node, "compatible", &["multiboot,ramdisk", "multiboot,module"])
            .unwrap();
        tree.set_strings(node, "xen,uefi-binary", &[&format!("file-{index}")])
            .unwrap();
    }
    let blob = tree.emit(0).unwrap();
    let mut bench = bench(&[("xen", &xen()), ("many.dtb", &blob)]);
    let output = bench.enter_untimed("xen check virtio 0:1 many.dtb");
    assert_eq!(asked(&output), ["many.dtb"]);
    assert!(output.contains("the limit is 512"), "{output}");
}
