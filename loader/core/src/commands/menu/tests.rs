//! Menus on a disk in memory. What U-Boot 2025.01 prints for the same menu was read off it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::PhysAddr;
use hal::fakes::FakeDisk;

use crate::commands::fit::tests::bootable;
use crate::commands::start::tests::linux;
use crate::commands::testing::Bench;
use crate::commands::testing::disks::{fat, partitioned};
use crate::context::Status;
use crate::devicetree::Tree;
use crate::image::uimage::{Compression, Type, tests::uimage};

mod choices;
mod texts;
mod trees;

const KERNEL: u64 = 0x4020_0000;
const RAMDISK: u64 = 0x4070_0000;
const FDT: u64 = 0x4080_0000;
const OVERLAY: u64 = 0x4090_0000;
const MACHINE: u64 = 0x40a0_0000;

/// What `sysboot` is typed as below.
const SYSBOOT: &str = "sysboot virtio 0:1 any 40100000 /extlinux/extlinux.conf";

/// A tree with the bench's RAM, a name, and a label that overlays find.
fn tree(model: &str) -> Vec<u8> {
    let mut tree = Tree::new();
    let root = tree.root();
    tree.set_u32(root, "#size-cells", 2).unwrap();
    tree.set_u32(root, "#address-cells", 2).unwrap();
    tree.set_strings(root, "model", &[model]).unwrap();
    let memory = tree.add(root, "memory@40000000").unwrap();
    tree.set_strings(memory, "device_type", &["memory"]).unwrap();
    let reg = tree.encode_reg(root, 0x4000_0000, 16 << 20).unwrap();
    tree.set(memory, "reg", &reg).unwrap();
    tree.add(root, "chosen").unwrap();
    tree.emit(0).unwrap()
}

/// An overlay that sets a property of `/chosen`.
fn overlay(name: &str) -> Vec<u8> {
    let mut tree = Tree::new();
    let fragment = tree.add(tree.root(), "fragment@0").unwrap();
    tree.set_strings(fragment, "target-path", &["/chosen"]).unwrap();
    let content = tree.add(fragment, "__overlay__").unwrap();
    tree.set_u32(content, name, 1).unwrap();
    tree.emit(0).unwrap()
}

fn disk(menu: &str, more: &[(&str, &[u8])]) -> FakeDisk {
    let (linux, own) = (linux(), tree("of the label"));
    let files: [(&str, &[u8]); 5] = [
        ("extlinux/", b""),
        ("extlinux/extlinux.conf", menu.as_bytes()),
        ("Image", &linux),
        ("initrd", b"070701ramdisk"),
        ("x.dtb", &own),
    ];
    partitioned(&[(true, &fat(&[&files, more].concat()))])
}

fn bench_with(menu: &str, more: &[(&str, &[u8])]) -> Bench {
    let mut bench = Bench::new();
    bench.attach(&[disk(menu, more)]);
    for (name, address) in [
        ("kernel_addr_r", KERNEL),
        ("ramdisk_addr_r", RAMDISK),
        ("fdt_addr_r", FDT),
        ("fdtoverlay_addr_r", OVERLAY),
        ("fdt_addr", MACHINE),
    ] {
        bench.context.env.set_hex(name, address);
    }
    bench.load(MACHINE, "the machine's", &tree("of the machine"));
    bench
}

fn bench(menu: &str) -> Bench {
    bench_with(menu, &[])
}

/// What was handed over: the kernel's start, the tree's model, bootargs, and the ramdisk's start.
#[track_caller]
fn started(bench: &Bench) -> (PhysAddr, String, String, Option<u64>) {
    let jumps = bench.jumps();
    let [jump] = &jumps[..] else {
        panic!("one jump: {jumps:?}")
    };
    let tree = Tree::parse(bench.context.memory.bytes_from(jump.device_tree).unwrap()).unwrap();
    let chosen = tree.find("/chosen").unwrap();
    let text = |node, name| tree.str(node, name).unwrap_or_default().to_string();
    (
        jump.entry,
        text(tree.root(), "model"),
        text(chosen, "bootargs"),
        tree.u64(chosen, "linux,initrd-start"),
    )
}

#[test]
fn a_label_with_everything_starts() {
    let menu = "\
label one
    menu label The first
    kernel /Image
    append console=ttyAMA0 at=${kernel_addr_r}
    initrd /initrd
    fdt ../x.dtb
";
    let mut bench = bench(&menu.replace("../x.dtb", "/x.dtb"));
    let output = bench.enter_untimed(SYSBOOT);
    assert!(
        output.starts_with(
            "\
Retrieving file: /extlinux/extlinux.conf
134 bytes read
1:\tThe first
Retrieving file: /Image
8192 bytes read
Retrieving file: /initrd
13 bytes read
append: console=ttyAMA0 at=40200000
Retrieving file: /x.dtb
"
        ),
        "{output}"
    );
    assert!(output.ends_with("\nStarting kernel ...\n\n"), "{output}");
    assert_eq!(bench.status(), Status::Success);
    assert_eq!(
        started(&bench),
        (
            PhysAddr(KERNEL),
            "of the label".into(),
            "console=ttyAMA0 at=40200000".into(),
            Some(RAMDISK)
        )
    );
}

#[test]
fn names_without_a_slash_begin_at_the_menu() {
    let kernel = linux();
    let mut bench = bench_with("label one\nkernel vmlinuz\n", &[("extlinux/vmlinuz", &kernel)]);
    let output = bench.enter_untimed(SYSBOOT);
    assert!(output.contains("Retrieving file: /extlinux/vmlinuz\n"), "{output}");
    assert_eq!(started(&bench).1, "of the machine");
}

#[test]
fn bootargs_stay_where_a_label_says_nothing_of_them() {
    let mut bench = bench("label one\nkernel /Image\n");
    bench.enter("setenv bootargs mine");
    bench.enter_untimed(SYSBOOT);
    assert_eq!(started(&bench).2, "mine");
}

/// A label that fails says why and leaves no command line behind; the default comes first, then the others in their order.
#[test]
fn the_default_comes_first_and_then_the_others() {
    let menu = "\
default three
label one
    append only=this
label two
    kernel /Image
label three
    kernel /nothere
    append of=three
label four
    kernel /Image
";
    let mut bench = bench(menu);
    bench.enter("setenv bootargs mine");
    let output = bench.enter_untimed(SYSBOOT);
    assert!(
        output.contains(
            "\
3:\tthree
Retrieving file: /nothere
Failed to load '/nothere': File not found: '/nothere'
Skipping three for failure retrieving kernel
1:\tone
No kernel given, skipping one
2:\ttwo
Retrieving file: /Image
"
        ),
        "{output}"
    );
    assert!(!output.contains("four"), "{output}");
    assert_eq!(started(&bench).2, "mine");
}

#[test]
fn a_menu_of_which_nothing_starts_fails() {
    let menu = "\
label one
    kernel /Image
    initrd /nothere
    append a
label two
    kernel /Image
    fdt /nothere
label three
    kernel /initrd
label four
    kernel /Image#conf
";
    let mut bench = bench(menu);
    let output = bench.enter_untimed(&format!("{SYSBOOT}; echo $?"));
    for lines in [
        "Failed to load '/nothere': File not found: '/nothere'\nSkipping one for failure retrieving initrd\n2:\ttwo\n",
        "Failed to load '/nothere': File not found: '/nothere'\nSkipping two for failure retrieving FDT\n3:\tthree\n",
        "Bad Linux ARM64 Image magic!\n",
        "booti starts what lies at an address; bootm starts a part of the FIT at 0x40200000\n",
        "\nNo label of the menu could be started\n1\n",
    ] {
        assert!(output.contains(lines), "{lines}\n--\n{output}");
    }
    assert_eq!(bench.jumps(), []);
    assert_eq!(bench.context.env.get("bootargs"), None);
}

#[test]
fn places_that_are_not_set_are_named() {
    let mut bench = bench("label one\nkernel /Image\ninitrd /initrd\n");
    bench.enter("setenv ramdisk_addr_r");
    let output = bench.enter_untimed(SYSBOOT);
    let expected = "missing environment variable: ramdisk_addr_r\nSkipping one for failure retrieving initrd\n";
    assert!(output.contains(expected), "{output}");
    bench.enter("setenv kernel_addr_r");
    let output = bench.enter_untimed(SYSBOOT);
    let expected = "missing environment variable: kernel_addr_r\nSkipping one for failure retrieving kernel\n";
    assert!(output.contains(expected), "{output}");
}

#[test]
fn localboot_runs_a_variable() {
    let mut bench = bench("label disk\nappend a\nlocalboot 1\nlabel one\nkernel /Image\n");
    bench.enter("setenv localcmd 'echo local $bootargs'");
    let output = bench.enter_untimed(&format!("{SYSBOOT}; echo $?"));
    assert!(output.ends_with("1:\tdisk\nlocal a\n0\n"), "{output}");
    bench.enter("setenv localcmd");
    let output = bench.enter_untimed(&format!("{SYSBOOT}; echo $?"));
    assert!(
        output.ends_with("1:\tdisk\nmissing environment variable: localcmd\n1\n"),
        "{output}"
    );
    assert_eq!(bench.jumps(), []);
}

#[test]
fn localboot_with_a_negative_number_leaves_the_menu() {
    let mut bench = bench("label disk\nlocalboot -1\nlabel one\nkernel /Image\n");
    bench.enter("setenv localcmd 'echo no'");
    let output = bench.enter_untimed(&format!("{SYSBOOT}; echo $?"));
    assert!(output.ends_with("1:\tdisk\n1\n"), "{output}");
}

#[test]
fn addresses_are_appended() {
    let mut bench = bench("label one\nkernel /Image\nappend a\nipappend 1\n");
    bench.enter("setenv ipaddr 10.0.2.15; setenv serverip 10.0.2.2; setenv netmask 255.255.255.0");
    let output = bench.enter_untimed(SYSBOOT);
    assert!(
        output.contains("append: a ip=10.0.2.15:10.0.2.2::255.255.255.0\n"),
        "{output}"
    );
}

#[test]
fn a_command_line_that_is_too_long_is_refused() {
    let long = "${a}".repeat(1000);
    let mut bench = bench(&format!("label one\nkernel /Image\nappend {long}\n"));
    bench.enter("setenv a 01234567890123456789");
    let output = bench.enter_untimed(SYSBOOT);
    assert!(output.contains("bootarg overflow: "), "{output}");
    assert_eq!(bench.jumps(), []);
}

#[test]
fn a_uimage_is_started_by_bootm() {
    let kernel = uimage(Type::KERNEL, Compression::NONE, 0x4030_0000, &linux());
    let mut bench = bench_with("label one\nkernel /uImage\n", &[("uImage", &kernel)]);
    let output = bench.enter_untimed(SYSBOOT);
    assert!(
        output.contains("## Booting kernel from Legacy Image at 40200000 ...\n"),
        "{output}"
    );
    assert_eq!(bench.jumps().len(), 1, "{output}");
}

/// A FIT's own tree and ramdisk are used, unless the label names others.
#[test]
fn a_fit_is_started_by_bootm() {
    let fit = bootable(|_| {});
    for (label, own, ramdisk) in [
        ("kernel /boot.itb", true, true),
        ("kernel /boot.itb#conf-1\ninitrd /initrd", true, false),
        ("kernel /boot.itb#conf-1\nfdt /x.dtb", false, false),
    ] {
        let mut bench = bench_with(&format!("label one\n{label}\n"), &[("boot.itb", &fit)]);
        let output = bench.enter_untimed(SYSBOOT);
        assert!(output.contains("   Using 'conf-1' configuration\n"), "{output}");
        let (entry, model, _, start) = started(&bench);
        assert_eq!(entry, PhysAddr(0x4060_0000));
        assert_eq!(model, if own { "" } else { "of the label" }, "{label}");
        assert_eq!(start.is_some(), ramdisk || label.contains("initrd"), "{label}");
        assert_eq!(start == Some(0x4070_0000), label.contains("initrd"), "{label}");
    }
    let mut bench = bench_with("label one\nkernel /boot.itb#nosuch\n", &[("boot.itb", &fit)]);
    let output = bench.enter_untimed(SYSBOOT);
    assert!(
        output.contains("nosuch") && output.ends_with("No label of the menu could be started\n"),
        "{output}"
    );
}

/// A command line that may not be changed is one of its own reasons, and the next label is tried.
#[test]
fn a_write_protected_command_line_stays() {
    let mut bench = bench("label one\nkernel /Image\nappend a\nlabel two\nkernel /Image\n");
    bench.enter("setenv bootargs mine; setenv .flags bootargs:sr");
    let output = bench.enter_untimed(SYSBOOT);
    assert!(output.contains("\n2:\ttwo\n"), "{output}");
    assert_eq!(started(&bench).2, "mine");
}

/// A command line that cannot be taken back is told, and the next label is tried all the same.
#[test]
fn a_command_line_that_may_be_set_once_does_not_end_the_menu() {
    let mut bench = bench("label one\nkernel /Image\nappend a\nfdt /nothere\nlabel two\nkernel /Image\n");
    bench.enter("setenv .flags bootargs:so");
    let output = bench.enter_untimed(SYSBOOT);
    let told = output
        .split_once("Skipping one for failure retrieving FDT\n")
        .unwrap()
        .1;
    let (why, rest) = told.split_once('\n').unwrap();
    assert!(why.contains("bootargs") && rest.starts_with("2:\ttwo\n"), "{output}");
    assert_eq!(started(&bench).2, "a");
}
