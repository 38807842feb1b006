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
use crate::xen::testing::KEYS_TREE;

mod mistakes;
mod places;
mod plans;
mod sources;

const MIB: u64 = 1 << 20;

/// Where the board's own tree lies.
const BOARD: u64 = RAM + 0x1000;

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

/// The tree of keys with the memory that was meant.
fn keys_tree() -> Tree {
    let mut tree = Tree::parse(KEYS_TREE).unwrap();
    for (path, kib) in [("/chosen/domU1", 8192), ("/chosen/domU2", 9216)] {
        tree.set_u64(tree.find(path).unwrap(), "memory", kib).unwrap();
    }
    tree
}

/// [`SHORT`] for a domain whose addresses have one cell.
fn one_cell() -> Vec<u8> {
    [SHORT, b"domu1_property=address-cells=1\nkernel=Image-0\n"].concat()
}
