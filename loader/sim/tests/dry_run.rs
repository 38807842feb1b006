//! `slipway-sim` as a person or a CI job runs it: files in, status and device tree out.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use loader_core::devicetree::Tree;

mod lab;

use lab::{Lab, Run, cpio, image, xen};

/// Two domains, no dom0, and 0xffffff for every size.
const DOM0LESS: &[u8] = include_bytes!("../../core/tests/fixtures/boot/dom0less.dtb");

const BOOT: &str = "setenv autoload no; dhcp
tftpb 0x40400000 xen
tftpb 0x42000000 guests/Image
tftpb 0x43000000 /initrd.cpio
tftpb 0x44000000 guests/Image
tftpb 0x41280000 dom0less.dtb
booti 0x40400000 - 0x41280000
echo never
";

const KERNEL_LEN: usize = 1_234_567;
const RAMDISK_LEN: usize = 54_321;

/// The lab of that script.
fn lab(name: &str) -> Lab {
    let lab = Lab::new(name);
    lab.add("xen", &xen());
    lab.add("guests/Image", &image(0x100_0000, KERNEL_LEN));
    lab.add("initrd.cpio", &cpio(RAMDISK_LEN));
    lab.add("dom0less.dtb", DOM0LESS);
    lab.add("boot.txt", BOOT.as_bytes());
    lab
}

/// Runs the program with `input` at its console.
fn type_in(lab: &Lab, args: &[&str], input: &[u8]) -> Run {
    let mut child = lab
        .command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    Run::of(child.wait_with_output().unwrap())
}

/// Runs `script` alone.
fn run_script(lab: &Lab, script: &str) -> Run {
    lab.add("script.txt", script.as_bytes());
    lab.run(&["script.txt"])
}

/// `text` as `mkimage -T script` packs it.
fn mkimage(text: &str) -> Vec<u8> {
    let word = |number: usize| u32::try_from(number).unwrap().to_be_bytes();
    let data = [&word(text.len())[..], &[0; 4], text.as_bytes()].concat();
    let mut file = vec![0; 64];
    file[..4].copy_from_slice(&[0x27, 0x05, 0x19, 0x56]);
    file[12..16].copy_from_slice(&word(data.len()));
    file[24..28].copy_from_slice(&crc32fast::hash(&data).to_be_bytes());
    file[28..32].copy_from_slice(&[5, 22, 6, 0]);
    let crc = crc32fast::hash(&file);
    file[4..8].copy_from_slice(&crc.to_be_bytes());
    file.extend(data);
    file
}

/// A FIT of the lab's files, as `mkimage -E -f` makes it: image name, type, file.
fn fit(lab: &Lab, images: &[(&str, &str, &str)]) -> Vec<u8> {
    let mut tree = Tree::new();
    let parent = tree.add(tree.root(), "images").unwrap();
    let mut data = Vec::new();
    for (name, kind, file) in images {
        let bytes = fs::read(lab.path(file)).unwrap();
        let image = tree.add(parent, name).unwrap();
        let number = |number: usize| u32::try_from(number).unwrap();
        tree.set_strings(image, "type", &[kind]).unwrap();
        tree.set_strings(image, "compression", &["none"]).unwrap();
        tree.set_u32(image, "data-offset", number(data.len())).unwrap();
        tree.set_u32(image, "data-size", number(bytes.len())).unwrap();
        let hash = tree.add(image, "hash-1").unwrap();
        tree.set_strings(hash, "algo", &["crc32"]).unwrap();
        tree.set_u32(hash, "value", crc32fast::hash(&bytes)).unwrap();
        data.extend(bytes);
        data.resize(data.len().next_multiple_of(4), 0);
    }
    let mut file = tree.emit(0).unwrap();
    file.resize(file.len().next_multiple_of(4), 0);
    file.extend(data);
    file
}

fn reg(tree: &Tree, path: &str) -> (u64, u64) {
    let node = tree.find(path).unwrap_or_else(|| panic!("no node {path}"));
    tree.reg(node).unwrap()[0]
}

#[test]
fn a_dom0less_boot_up_to_the_jump_tells_the_true_sizes() {
    let lab = lab("dom0less");
    let run = lab.run(&["--dtb-out", "out.dtb", "boot.txt"]);
    assert_eq!((run.status, run.errors.as_str()), (0, ""), "{}", run.output);
    assert!(
        !run.output.contains("never") && !run.output.contains('\r'),
        "{}",
        run.output
    );
    let last = run.output.lines().last().unwrap();
    assert!(
        last.starts_with("Jump to 0x40400000 at EL2, device tree at 0x"),
        "{last}"
    );
    for region in ["0x40400000..", "0x42000000..", "0x43000000..0x4300d431", "0x44000000.."] {
        assert!(last.contains(region), "{region}: {last}");
    }
    let blob = fs::read(lab.path("out.dtb")).unwrap();
    let tree = Tree::parse(&blob).unwrap();
    let (kernel, ramdisk) = (KERNEL_LEN as u64, RAMDISK_LEN as u64);
    assert_eq!(reg(&tree, "/chosen/domU1/module@42000000"), (0x4200_0000, kernel));
    assert_eq!(reg(&tree, "/chosen/domU1/module@43000000"), (0x4300_0000, ramdisk));
    assert_eq!(reg(&tree, "/chosen/domU2/module@44000000"), (0x4400_0000, kernel));
    assert_eq!(reg(&tree, "/chosen/domU2/module@43000000"), (0x4300_0000, ramdisk));
}

/// What ImageBuilder makes with `-f`: a script in the FIT takes the files out of it.
#[test]
fn a_fit_boots_by_the_script_in_it() {
    let lab = lab("fit");
    let script = "fit_addr=$fileaddr
        imxtract $fit_addr host_kernel 0x40400000
        imxtract $fit_addr domU_kernel 0x42000000
        imxtract $fit_addr domU_ramdisk 0x43000000
        imxtract $fit_addr domU_kernel 0x44000000
        imxtract $fit_addr host_fdt 0x41280000
        fdt addr 0x41280000
        fdt resize 1024
        booti 0x40400000 - 0x41280000";
    lab.add("boot.source", script.as_bytes());
    let images = [
        ("boot_scr", "script", "boot.source"),
        ("host_kernel", "kernel", "xen"),
        ("domU_kernel", "kernel", "guests/Image"),
        ("domU_ramdisk", "ramdisk", "initrd.cpio"),
        ("host_fdt", "flat_dt", "dom0less.dtb"),
    ];
    lab.add("boot.fit", &fit(&lab, &images));
    lab.add(
        "typed.txt",
        b"setenv autoload no; dhcp\ntftpb 0x50000000 boot.fit; source 0x50000000:boot_scr\n",
    );
    let run = lab.run(&["--dtb-out", "out.dtb", "typed.txt"]);
    assert_eq!((run.status, run.errors.as_str()), (0, ""), "{}", run.output);
    let table = |name: &str| {
        run.output
            .lines()
            .any(|line| line.contains(&format!(" boot.fit:{name} ")))
    };
    assert!(table("domU_kernel") && table("domU_ramdisk"), "{}", run.output);
    let tree = Tree::parse(&fs::read(lab.path("out.dtb")).unwrap()).unwrap();
    let (kernel, ramdisk) = (KERNEL_LEN as u64, RAMDISK_LEN as u64);
    assert_eq!(reg(&tree, "/chosen/domU1/module@42000000"), (0x4200_0000, kernel));
    assert_eq!(reg(&tree, "/chosen/domU1/module@43000000"), (0x4300_0000, ramdisk));
    assert_eq!(reg(&tree, "/chosen/domU2/module@44000000"), (0x4400_0000, kernel));
    // One bit of an image, and nothing is started.
    let mut damaged = fs::read(lab.path("boot.fit")).unwrap();
    let last = damaged.len() - 100_000;
    damaged[last] ^= 1;
    lab.add("boot.fit", &damaged);
    let run = lab.run(&["typed.txt"]);
    assert!(run.output.contains("crc32 error!"), "{}", run.output);
    assert!(!run.output.contains("Starting kernel"), "{}", run.output);
}

#[test]
fn a_packed_script_builds_its_domain_in_the_machines_own_tree() {
    let lab = lab("own-tree");
    let script = "setenv autoload no; dhcp
        tftpb 0x40400000 xen && tftpb 0x42000000 guests/Image || exit 1
        fdt addr ${fdtcontroladdr}
        fdt set /chosen \\#address-cells <1>
        fdt set /chosen \\#size-cells <1>
        fdt mknod /chosen domU1
        fdt set /chosen/domU1 compatible xen,domain
        fdt set /chosen/domU1 \\#address-cells <1>
        fdt set /chosen/domU1 \\#size-cells <1>
        fdt set /chosen/domU1 memory <0 0x20000>
        fdt set /chosen/domU1 cpus <1>
        fdt mknod /chosen/domU1 module@42000000
        fdt set /chosen/domU1/module@42000000 compatible multiboot,kernel multiboot,module
        fdt set /chosen/domU1/module@42000000 reg <0x42000000 0xffffff>
        booti 0x40400000 - ${fdtcontroladdr}";
    lab.add("boot.scr", &mkimage(script));
    for machine in [&[][..], &["--memory=8G"], &["--dtb", "machine.dtb"]] {
        let args = [machine, &["--dtb-out", "out.dtb", "boot.scr"]].concat();
        let run = lab.run(&args);
        assert_eq!((run.status, run.errors.as_str()), (0, ""), "{args:?}: {}", run.output);
        let blob = fs::read(lab.path("out.dtb")).unwrap();
        let tree = Tree::parse(&blob).unwrap();
        let module = reg(&tree, "/chosen/domU1/module@42000000");
        assert_eq!(module, (0x4200_0000, KERNEL_LEN as u64), "{args:?}");
        let ram = if machine == ["--memory=8G"] { 8 << 30 } else { 1 << 30 };
        assert_eq!(tree.memory().unwrap(), [(0x4000_0000, ram)], "{args:?}");
        // The next machine has this one's tree, its domain taken out.
        let mut tree = tree;
        tree.remove(tree.find("/chosen/domU1").unwrap()).unwrap();
        if machine.is_empty() {
            lab.add("machine.dtb", &tree.emit(0).unwrap());
        }
    }
}

#[test]
fn el1_refuses_xen() {
    let lab = lab("el1");
    let run = lab.run(&["--el1", "--dtb-out", "out.dtb", "boot.txt"]);
    assert!(
        run.output.contains("needs EL2, this machine runs at EL1"),
        "{}",
        run.output
    );
    // Without a jump the script goes on, and its last command succeeds; but there is no tree.
    assert!(run.output.ends_with("never\n"), "{}", run.output);
    assert_eq!(
        (run.status, run.errors.as_str()),
        (
            1,
            "slipway-sim: there was neither a jump nor a plan of one, so no device tree is written to out.dtb\n"
        )
    );
    assert!(!lab.path("out.dtb").exists());
}

#[test]
fn the_scripts_status_is_the_programs() {
    let lab = lab("status");
    for (script, status) in [
        ("true", 0),
        ("false", 1),
        ("exit 1; true", 1),
        ("exit; false", 0),
        ("sleep 3600", 0),
        ("poweroff; false", 0),
        ("reset; true", 1),
        ("if", 1),
        ("nosuch", 1),
    ] {
        let run = run_script(&lab, script);
        assert_eq!(run.status, status, "{script}: {run:?}");
        assert_eq!(run.errors.is_empty(), status == 0, "{script}: {run:?}");
    }
    let run = run_script(&lab, "echo off; poweroff; while true; do echo on; done");
    assert_eq!((run.status, run.output.as_str()), (0, "off\npoweroff ...\n"));
    lab.add("first.txt", b"setenv a 1; false");
    lab.add("second.txt", b"echo a is $a");
    assert_eq!(lab.run(&["first.txt", "second.txt"]).output, "");
    lab.add("first.txt", b"setenv a 1");
    assert_eq!(lab.run(&["first.txt", "second.txt"]).output, "a is 1\n");
}

#[test]
fn the_server_gives_what_is_in_its_folder_only() {
    let lab = lab("folder");
    lab.add("guests/script.txt", b"x");
    for (name, answer) in [
        ("nosuch", "TFTP error: 'File not found' (1)"),
        ("../folder/boot.txt", "TFTP error: 'Access violation' (2)"),
        ("a/../../b", "TFTP error: 'Access violation' (2)"),
        ("guests", "TFTP error: 'Is a directory"),
    ] {
        lab.add(
            "load.txt",
            format!("setenv autoload no; dhcp; tftpb 0x42000000 {name}").as_bytes(),
        );
        let run = lab.run(&["--files", ".", "load.txt"]);
        assert!(run.output.contains(answer), "{name}: {}", run.output);
        assert_eq!(
            (run.status, run.errors.as_str()),
            (1, "slipway-sim: load.txt: the script failed\n")
        );
    }
    lab.add("load.txt", b"setenv autoload no; dhcp; tftpb 0x42000000 Image");
    let run = lab.run(&["--files", "guests", "load.txt"]);
    assert_eq!(run.status, 0, "{}", run.output);
}

#[test]
fn what_is_wrong_with_the_arguments_is_said() {
    let lab = lab("arguments");
    lab.add("small.dtb", &Tree::new().emit(0).unwrap());
    lab.add("noise", &[0xff; 10]);
    let mut other = mkimage("echo never");
    other[30] = 3;
    other[4..8].fill(0);
    let crc = crc32fast::hash(&other[..64]);
    other[4..8].copy_from_slice(&crc.to_be_bytes());
    lab.add("ramdisk.ub", &other);
    other[32] ^= 1;
    lab.add("damaged.scr", &other);
    for (args, message) in [
        (&["--nosuch"][..], "unknown option --nosuch"),
        (&["--memory", "1", "boot.txt"], "--memory 1: expected a size"),
        (
            &["--board", "nosuch", "boot.txt"],
            "there is no board nosuch; boards are: ",
        ),
        (&["--files", "nosuch", "boot.txt"], "--files nosuch: not a folder"),
        (&["--dtb", "nosuch", "boot.txt"], "nosuch: No such file"),
        (
            &["--dtb", "boot.txt", "boot.txt"],
            "boot.txt: the devicetree is not usable",
        ),
        (
            &["--dtb", "small.dtb", "boot.txt"],
            "the device tree describes 0 MiB of RAM",
        ),
        (&["boot.txt", "nosuch"], "nosuch: No such file"),
        (&["noise"], "noise: it is neither text nor a script"),
        (
            &["ramdisk.ub"],
            "ramdisk.ub: it is a uImage of type RAMDisk Image, not a script",
        ),
        (&["damaged.scr"], "damaged.scr: the header's CRC-32 is"),
    ] {
        let run = lab.run(args);
        assert_eq!((run.status, run.output.as_str()), (2, ""), "{args:?}: {run:?}");
        assert!(
            run.errors.starts_with("slipway-sim: ") && run.errors.contains(message),
            "{args:?}: {}",
            run.errors
        );
    }
    let help = lab.run(&["--help"]);
    assert!(help.status == 0 && help.output.starts_with("usage: "), "{help:?}");
    let unwritable = lab.run(&["--dtb-out", "nosuch/out.dtb", "boot.txt"]);
    assert!(
        unwritable.errors.contains("nosuch/out.dtb: No such file"),
        "{unwritable:?}"
    );
    assert_eq!(unwritable.status, 1);
}

#[test]
fn a_console_at_a_pipe() {
    let lab = lab("console");
    let run = type_in(&lab, &[], b"echo one; false\necho $?\n");
    assert_eq!((run.status, run.errors.as_str()), (0, ""), "{run:?}");
    assert!(run.output.contains("Board: qemu-virt ("), "{}", run.output);
    assert!(run.output.contains("\none\n=> echo $?\n1\n=> "), "{}", run.output);
    assert_eq!(type_in(&lab, &[], b"false\n").status, 1);
    let left = type_in(&lab, &[], b"echo one\n\x1decho two\n");
    assert!(left.status == 0 && !left.output.contains("two"), "{left:?}");
    let mut typed = BOOT.as_bytes().to_vec();
    typed.splice(..0, *b"setenv x 1\n");
    let booted = type_in(&lab, &["--dtb-out", "out.dtb"], &typed);
    assert_eq!((booted.status, booted.errors.as_str()), (0, ""), "{}", booted.output);
    assert!(
        booted.output.contains("\nJump to 0x40400000 at EL2"),
        "{}",
        booted.output
    );
    assert!(lab.path("out.dtb").exists());
}

/// As from `<(generator)` in a shell: it can be read once.
#[test]
fn a_script_from_a_pipe_is_read_whole() {
    let lab = lab("piped-script");
    let run = type_in(&lab, &["/dev/stdin"], b"echo first; echo last");
    assert_eq!((run.status, run.output.as_str()), (0, "first\nlast\n"), "{run:?}");
}
