//! Scans over disks in memory; those over the network are in the simulation's tests, which have one.

use alloc::format;
use alloc::vec;

use hal::block::BlockFault;
use hal::fakes::FakeDisk;

use crate::commands::start::tests::linux;
use crate::commands::testing::Bench;
use crate::commands::testing::disks::{fat, partitioned};
use crate::context::{CommandError, Status};

fn bench(disks: &[FakeDisk]) -> Bench {
    let mut bench = Bench::new();
    bench.attach(disks);
    bench.context.env.set_hex("scriptaddr", 0x4010_0000);
    bench.context.env.set_hex("pxefile_addr_r", 0x4018_0000);
    bench.context.env.set_hex("kernel_addr_r", 0x4020_0000);
    bench
}

const MENU: &[u8] = b"label one\nkernel /nothere\n";

#[test]
fn a_script_comes_before_a_menu_and_knows_where_it_was_found() {
    let script = b"echo from $devtype $devnum:$distro_bootpart $prefix\n";
    let files: [(&str, &[u8]); 4] = [
        ("boot/", b""),
        ("boot/boot.scr", script),
        ("extlinux/", b""),
        ("extlinux/extlinux.conf", MENU),
    ];
    let mut bench = bench(&[
        FakeDisk::zeroed(64),
        partitioned(&[(false, &fat(&[])), (true, &fat(&files))]),
    ]);
    assert_eq!(
        bench.enter_untimed("bootflow scan -b virtio1; echo $?"),
        "\
virtio 1:2: boot.scr ... Found U-Boot script /boot/boot.scr
52 bytes read
## Executing script at 40100000
from virtio 1:2 /boot/
0
"
    );
}

#[test]
fn what_fails_is_said_and_the_next_is_tried() {
    let first: [(&str, &[u8]); 3] = [
        ("boot.scr.uimg", b"echo first; false"),
        ("extlinux/", b""),
        ("extlinux/extlinux.conf", MENU),
    ];
    let second: [(&str, &[u8]); 1] = [("boot.scr", b"nosuchcommand")];
    let third: [(&str, &[u8]); 1] = [("boot.scr", b"echo third")];
    let card = partitioned(&[(false, &fat(&first)), (false, &fat(&second))]).as_card();
    let disk = FakeDisk::new(fat(&third));
    let mut bench = bench(&[card, disk]);
    assert_eq!(
        bench.enter_untimed("bootflow scan -lb; echo $?"),
        "\
mmc 0:1: boot.scr ... Found U-Boot script /boot.scr.uimg
17 bytes read
## Executing script at 40100000
first
SCRIPT FAILED: continuing...
mmc 0:1: extlinux.conf ... Found /extlinux/extlinux.conf
Retrieving file: /extlinux/extlinux.conf
26 bytes read
1:\tone
Retrieving file: /nothere
Failed to load '/nothere': File not found: '/nothere'
Skipping one for failure retrieving kernel
No label of the menu could be started
mmc 0:1: xen.cfg ... not there
mmc 0:2: boot.scr ... Found U-Boot script /boot.scr
13 bytes read
## Executing script at 40100000
Unknown command 'nosuchcommand' - try 'help'
SCRIPT FAILED: continuing...
mmc 0:2: extlinux.conf ... not there
mmc 0:2: xen.cfg ... not there
virtio 0:0: boot.scr ... Found U-Boot script /boot.scr
10 bytes read
## Executing script at 40100000
third
0
"
    );
}

#[test]
fn a_menu_boots() {
    let kernel = linux();
    let files: [(&str, &[u8]); 4] = [
        ("boot/", b""),
        ("boot/extlinux/", b""),
        ("boot/extlinux/extlinux.conf", b"label one\nkernel /Image\nappend a\n"),
        ("Image", &kernel),
    ];
    let mut bench = bench(&[partitioned(&[(true, &fat(&files))])]);
    bench.load(
        0x4080_0000,
        "tree",
        &crate::commands::start::tests::tree().emit(0).unwrap(),
    );
    bench.context.env.set_hex("fdt_addr", 0x4080_0000);
    let output = bench.enter_untimed("bootflow scan -b");
    assert!(
        output.starts_with(
            "\
virtio 0:1: boot.scr ... not there
virtio 0:1: extlinux.conf ... Found /boot/extlinux/extlinux.conf
Retrieving file: /boot/extlinux/extlinux.conf
33 bytes read
1:\tone
Retrieving file: /Image
"
        ),
        "{output}"
    );
    assert_eq!(bench.jumps().len(), 1, "{output}");
    assert_eq!(bench.context.env.get("bootargs"), Some("a"));
}

#[test]
fn what_cannot_be_read_is_said() {
    let broken = partitioned(&[(true, &fat(&[]))]);
    broken.break_blocks(8..9, BlockFault::Crc);
    let tableless = partitioned(&[(true, &vec![0; 4096])]);
    let unreadable = FakeDisk::zeroed(8);
    unreadable.break_blocks(0..8, BlockFault::Crc);
    let mut bench = bench(&[broken, tableless, unreadable]);
    assert_eq!(
        bench.enter_untimed("bootflow scan -b virtio; echo $?"),
        "\
virtio 0:1: fake-disk, block 8: the data arrives damaged (CRC), time and again
virtio 1:1: there is no file system that is known: neither FAT nor ext4
virtio 2: fake-disk, block 0: the data arrives damaged (CRC), time and again
Nothing was booted: no target is left
1
"
    );
}

#[test]
fn places_that_are_not_set_are_named() {
    let files: [(&str, &[u8]); 3] = [
        ("boot.scr", b"echo"),
        ("extlinux/", b""),
        ("extlinux/extlinux.conf", MENU),
    ];
    let mut bench = bench(&[partitioned(&[(true, &fat(&files))])]);
    bench.enter("setenv scriptaddr; setenv pxefile_addr_r");
    let output = bench.enter_untimed("bootflow scan -b");
    for line in [
        "virtio 0:1: *** ERROR: `scriptaddr' not set\n",
        "virtio 0:1: missing environment variable: pxefile_addr_r\n",
    ] {
        assert!(output.contains(line), "{output}");
    }
    bench.enter("setenv loadaddr 40100000");
    assert!(
        bench
            .enter_untimed("bootflow scan -b")
            .contains("## Executing script at 40100000\n")
    );
    // A variable that may not be changed is as good a reason.
    bench.enter("setenv devnum 5; setenv .flags devnum:dr");
    let output = bench.enter_untimed("bootflow scan -b");
    assert!(
        output.contains("virtio 0:1: ") && !output.contains("Executing"),
        "{output}"
    );
}

#[test]
fn folders_of_such_names_are_no_files() {
    let files: [(&str, &[u8]); 2] = [("boot.scr/", b""), ("extlinux", b"a file")];
    let mut bench = bench(&[partitioned(&[(true, &fat(&files))])]);
    assert_eq!(
        bench.enter_untimed("bootflow scan -b virtio0"),
        "\
virtio 0:1: boot.scr ... not there
virtio 0:1: extlinux.conf ... not there
virtio 0:1: xen.cfg ... not there
Nothing was booted: no target is left
"
    );
}

#[test]
fn what_is_there_is_listed() {
    let files: [(&str, &[u8]); 3] = [
        ("boot.scr", b"echo"),
        ("extlinux/", b""),
        ("extlinux/extlinux.conf", MENU),
    ];
    let disk = partitioned(&[(false, &fat(&[])), (false, &fat(&files))]);
    let card = FakeDisk::zeroed(8).as_card();
    let list = "\
mmc 0:0: there is no file system that is known: neither FAT nor ext4
Seq  Method       Uclass    Part  Name                      Filename
---  -----------  --------  ----  ------------------------  ----------------
  0  script       virtio       2  virtio 0:2                /boot.scr
  1  extlinux     virtio       2  virtio 0:2                /extlinux/extlinux.conf
---  -----------  --------  ----  ------------------------  ----------------
(2 bootflows)
";
    let mut bench = bench(&[card, disk]);
    assert_eq!(bench.enter("bootflow list; echo $?"), format!("{list}0\n"));
    assert_eq!(bench.enter("bootflow scan -l"), list);
    assert_eq!(bench.enter("bootflow scan virtio0"), "(2 bootflows)\n");
    bench.dialogue(
        "\
=> bootflow list mmc dhcp; echo $?
mmc 0:0: there is no file system that is known: neither FAT nor ext4
network: what its server has is seen when it is booted
Seq  Method       Uclass    Part  Name                      Filename
---  -----------  --------  ----  ------------------------  ----------------
---  -----------  --------  ----  ------------------------  ----------------
(0 bootflows)
1
",
    );
}

#[test]
fn each_target_counts_once() {
    let files: [(&str, &[u8]); 3] = [
        ("boot.scr", b"echo"),
        ("extlinux/", b""),
        ("extlinux/extlinux.conf", MENU),
    ];
    let disk = partitioned(&[(true, &fat(&files))]);
    let mut bench = bench(&[disk.clone(), disk]);
    bench.dialogue(
        "\
=> bootflow scan virtio0 virtio0
(2 bootflows)
=> bootflow scan virtio1 virtio virtio0
(4 bootflows)
=> bootflow list dhcp dhcp pxe
network: what its server has is seen when it is booted
Seq  Method       Uclass    Part  Name                      Filename
---  -----------  --------  ----  ------------------------  ----------------
---  -----------  --------  ----  ------------------------  ----------------
(0 bootflows)
=> setenv boot_targets 'virtio0 virtio0'; bootflow scan
(2 bootflows)
",
    );
    bench.attach(&[partitioned(&[(true, &fat(&files))])]);
    assert_eq!(bench.enter("bootflow scan virtio0 virtio"), "(2 bootflows)\n");
}

#[test]
fn targets_come_from_the_variable() {
    let mut bench = bench(&[partitioned(&[(true, &fat(&[("boot.scr", b"echo booted")]))])]);
    bench.enter("setenv boot_targets 'qfw mmc0 virtio1 virtiox pxe virtio0 virtio'");
    assert_eq!(
        bench.enter_untimed("bootflow scan -b"),
        "\
qfw: there is no such target; mmc, virtio, dhcp and pxe are
mmc0: this machine has no mmc device
virtio1: there is only virtio 0
virtiox: there is only virtio 0
pxe: No ethernet found.
The machine has no network device that there is a driver for
virtio 0:1: boot.scr ... Found U-Boot script /boot.scr
11 bytes read
## Executing script at 40100000
booted
"
    );
    bench.enter("setenv boot_targets ''");
    assert_eq!(
        bench.enter_untimed("bootflow scan -b virtio0").lines().last(),
        Some("booted")
    );
    bench.context.storage = crate::storage::Storage::default();
    bench.enter("setenv boot_targets");
    assert_eq!(
        bench.enter("bootflow scan -b"),
        "Nothing was booted: no target is left\n"
    );
    assert_eq!(bench.status(), Status::Failure);
}

#[test]
fn ctrl_c_ends_the_scan() {
    let disk = partitioned(&[(true, &fat(&[("boot.scr", b"echo booted")]))]);
    let mut bench = bench(&[disk]);
    assert_eq!(bench.interrupted("bootflow scan -b"), Err(CommandError::Interrupted));
    assert_eq!(bench.interrupted("bootflow list"), Err(CommandError::Interrupted));
}

#[test]
fn usage() {
    let mut bench = bench(&[]);
    for line in [
        "bootflow",
        "bootflow boot",
        "bootflow scan -x",
        "bootflow list -l",
        "bootflow scan virtio -b",
    ] {
        assert!(
            bench.enter(line).starts_with("bootflow - find what can be booted"),
            "{line}"
        );
    }
    for line in ["bootflow scan -b -l", "bootflow scan -bl"] {
        assert!(bench.enter(line).starts_with("Nothing was booted"), "{line}");
    }
}
