//! Dialogues about devices and partitions, on disks in memory. What U-Boot 2025.01 has as well was read off it.

use alloc::vec;
use alloc::vec::Vec;

use hal::block::BlockFault;
use hal::fakes::{DiskAccess, FakeDisk};

use crate::commands::testing::Bench;
use crate::context::CommandError;

/// A disk with an MBR: partition 1 is bootable, FAT by its type, 64 blocks at block 8; 2 is Linux's, 32 blocks at block 72; their first bytes
/// are 1 and 2.
fn mbr() -> FakeDisk {
    let mut bytes = vec![0; 128 * 512];
    bytes[440..444].copy_from_slice(&0x1234_5678_u32.to_le_bytes());
    for (index, (boot, kind, start, blocks)) in [(0x80, 0x0c, 8_u32, 64_u32), (0, 0x83, 72, 32)].into_iter().enumerate()
    {
        let entry = &mut bytes[446 + 16 * index..][..16];
        entry[0] = boot;
        entry[4] = kind;
        entry[8..12].copy_from_slice(&start.to_le_bytes());
        entry[12..16].copy_from_slice(&blocks.to_le_bytes());
    }
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    bytes[8 * 512] = 1;
    bytes[72 * 512] = 2;
    FakeDisk::new(bytes)
}

fn bench(disks: &[FakeDisk]) -> Bench {
    let mut bench = Bench::new();
    bench.attach(disks);
    bench
}

#[test]
fn tables_are_listed_as_u_boot_does() {
    bench(&[FakeDisk::zeroed(64), mbr()]).dialogue(
        "\
=> part list virtio 1

Partition Map for virtio device 1  --   Partition Type: DOS

Part\tStart Sector\tNum Sectors\tUUID\t\tType
  1\t8         \t64        \t12345678-01\t0c Boot
  2\t72        \t32        \t12345678-02\t83
=> virtio part 1

Partition Map for virtio device 1  --   Partition Type: DOS

Part\tStart Sector\tNum Sectors\tUUID\t\tType
  1\t8         \t64        \t12345678-01\t0c Boot
  2\t72        \t32        \t12345678-02\t83
=> part list virtio 0; echo $?
** No partition table - virtio 0 **
1
=> part list virtio 1 all; printenv all
all=1 2
=> part list virtio 1 -bootable one; printenv one
one=1
=> part start virtio 1 2; part size virtio 1 2; part uuid virtio 1:2; part type virtio 1:2
48
20
12345678-02
83
=> part start virtio 1 1 s; printenv s
s=8
=> part number virtio 1 2
0x2
=> part uuid virtio 1:3; echo $?
** Invalid partition 3 **
Couldn't find partition virtio 1:3: its partitions are 1, 2
1
=> part size virtio 1 root; echo $?
Could not find \"root\" partition
Couldn't find partition virtio 1: its partitions are 1, 2
1
",
    );
}

/// `part number` prints `0x2`, and scripts hand that on.
#[test]
fn numbers_may_have_their_prefix() {
    let mut bench = bench(&[mbr(), mbr()]);
    bench.dialogue(
        "\
=> part number virtio 1 2 n; echo $n; part start virtio 1 $n
0x2
48
=> part start virtio 0x1 0X2; part start virtio 0:0x2 02
48
48
=> part type virtio 0:0x2; part type virtio 0x0:1; part type virtio 0x1:0x2
83
0c
83
=> part type virtio 0:+1
** Bad partition specification virtio 0:+1 **
Couldn't find partition virtio 0:+1: a partition is a hexadecimal number, or auto
=> part type virtio +0:1
** Bad device specification virtio +0 **
Couldn't find partition virtio +0:1: the device is no hexadecimal number
=> part start virtio 0 +1
Could not find \"+1\" partition
Couldn't find partition virtio 0: its partitions are 1, 2
",
    );
    for word in [
        "",
        "0x",
        "0x0x1",
        "-1",
        "+1",
        " 1",
        "1 ",
        "100000000",
        "0x100000000",
        "g",
    ] {
        assert_eq!(super::number(word), None, "{word}");
    }
    assert_eq!(super::number("0xffffffff"), Some(u32::MAX));
}

#[test]
fn what_names_no_volume_is_told() {
    bench(&[mbr()]).dialogue(
        "\
=> ls virtio 1:1
** Bad device specification virtio 1 **
Couldn't find partition virtio 1:1: there is only virtio 0
=> ls virtio x:1
** Bad device specification virtio x **
Couldn't find partition virtio x:1: the device is no hexadecimal number
=> ls usb 0:1
** Bad device specification usb 0 **
Couldn't find partition usb 0:1: the interfaces are mmc and virtio
=> ls mmc 0
** Bad device specification mmc 0 **
Couldn't find partition mmc 0: this machine has no mmc device
=> ls virtio 0:x
** Bad partition specification virtio 0:x **
Couldn't find partition virtio 0:x: a partition is a hexadecimal number, or auto
=> ls virtio 0.1:1
** Bad device specification virtio 0 **
Couldn't find partition virtio 0.1:1: only hardware partition 0, the user area, can be used
=> ls virtio
** No device specified **
Couldn't find partition virtio -
=> ls virtio -
** No device specified **
Couldn't find partition virtio -
=> ls virtio 0#root
Could not find \"root\" partition
Couldn't find partition virtio 0#root: its partitions are 1, 2
=> load virtio 0:5 40200000 x; echo $?
** Invalid partition 5 **
Couldn't find partition virtio 0:5: its partitions are 1, 2
Can't set block device
1
=> load virtio 0:1 40200000 x; echo $?
Can't set block device: there is no file system that is known: neither FAT nor ext4
1
=> load virtio 0:1 40200000; echo $?
** No boot file defined **
1
=> load virtio 0:1; echo $?
*** ERROR: `loadaddr' not set
1
=> test -e virtio 0:1 x; echo $?
there is no file system that is known: neither FAT nor ext4
1
=> test -e virtio 7:1 x; echo $?
** Bad device specification virtio 7 **
Couldn't find partition virtio 7:1: there is only virtio 0
1
",
    );
}

#[test]
fn volumes_are_chosen_as_in_u_boot() {
    let mut bench = bench(&[mbr()]);
    for (volume, first) in [
        ("0:1", "01"),
        ("0", "01"),
        ("0:", "01"),
        ("0:auto", "01"),
        ("0:2", "02"),
        ("0:0", "00"),
        ("0.0:2", "02"),
    ] {
        bench.enter("mw.b 40200000 ff 200");
        assert_eq!(
            bench.enter(&alloc::format!("read virtio {volume} 40200000 0 1")),
            "",
            "{volume}"
        );
        let shown = bench.enter("md.b 40200000 1");
        assert!(
            shown.starts_with(&alloc::format!("40200000: {first} ")),
            "{volume}: {shown}"
        );
    }
    bench.enter("setenv bootdevice 0:2");
    assert!(
        bench.enter("ls virtio").contains("no file system"),
        "the variable names the volume"
    );
}

#[test]
fn blocks_are_read_and_written() {
    let disk = mbr();
    let mut bench = bench(core::slice::from_ref(&disk));
    bench.dialogue(
        "\
=> mw.b 40200000 aa 400
=> virtio write 40200000 a 2

virtio write: device 0 block # 10, count 2 ... 2 blocks written: OK
=> virtio read 40300000 9 3

virtio read: device 0 block # 9, count 3 ... 3 blocks read: OK
=> cmp.b 40200000 40300200 400
Total of 1024 byte(s) were the same
=> virtio read 40300000 0 0

virtio read: device 0 block # 0, count 0 ... 0 blocks read: OK
=> virtio read 40300000 7f 2; echo $?

virtio read: device 0 block # 127, count 2 ... 0 blocks read: ERROR
blocks 0x7f to 0x81 of fake-disk are not all there: it has 0x80
1
=> read virtio 0:2 40300000 1f 2; echo $?
blocks 0x1f to 0x21 of fake-disk are not all there: it has 0x20
1
=> virtio read 40300000 ffffffffffffffff 2; echo $?

virtio read: device 0 block # 18446744073709551615, count 2 ... 0 blocks read: ERROR
blocks 0xffffffffffffffff to 0xffffffffffffffff of fake-disk are not all there: it has 0x80
1
=> virtio read 40efff00 0 1; echo $?

virtio read: device 0 block # 0, count 1 ... 0 blocks read: ERROR
0x40efff00..0x40f00100 runs into the loader at 0x40f00000..0x41000000
1
=> write virtio 0:1 40200000 0 1
",
    );
    assert_eq!(disk.bytes()[8 * 512..][..512], [0xaa; 512]);
    let writes = disk
        .take_accesses()
        .into_iter()
        .filter(|access| matches!(access, DiskAccess::Write(..)));
    assert_eq!(writes.count(), 2);
}

#[test]
fn a_device_that_fails_is_told() {
    let disk = mbr();
    disk.break_blocks(72..74, BlockFault::Crc);
    let mut bench = bench(&[disk]);
    bench.dialogue(
        "\
=> mw.b 40200000 77 10
=> read virtio 0:2 40200000 0 2; echo $?
fake-disk, block 72: the data arrives damaged (CRC), time and again
1
=> ls virtio 0:2; echo $?
fake-disk, block 72: the data arrives damaged (CRC), time and again
1
=> virtio read 40200000 48 1; echo $?

virtio read: device 0 block # 72, count 1 ... 0 blocks read: ERROR
fake-disk, block 72: the data arrives damaged (CRC), time and again
1
",
    );
}

#[test]
fn ctrl_c_ends_it() {
    let mut bench = bench(&[mbr()]);
    let result = bench.interrupted("read virtio 0:1 40200000 0 1");
    assert_eq!(result, Err(CommandError::Interrupted));
}

#[test]
fn ctrl_c_and_the_pager_end_a_table() {
    let mut bench = bench(&[mbr()]);
    for line in ["part list virtio 0", "virtio part 0"] {
        let result = bench.interrupted_at("-01\t", line);
        assert_eq!(result, Err(CommandError::Interrupted), "{line}");
        let output = bench.wire.take_output();
        assert!(
            output.ends_with("  1\t8         \t64        \t12345678-01\t0c Boot\r\n"),
            "{output}"
        );
    }
    let mut paged = self::bench(&[mbr()]);
    paged.context.env.set("pager", "6").unwrap();
    let output = paged.type_in("part list virtio 0\rq");
    assert!(output.contains("-01") && !output.contains("-02"), "{output}");
    assert!(output.ends_with("<INTERRUPT>\n=> "), "{output}");
}

#[test]
fn each_interface_has_a_current_device() {
    bench(&[mbr(), FakeDisk::zeroed(8), FakeDisk::zeroed(4096).as_card()]).dialogue(
        "\
=> virtio info
Device 0: Slipway fake disk
            Type: Hard Disk
            Capacity: 0.0 MB = 0.0 GB (128 x 512)
Device 1: Slipway fake disk
            Type: Hard Disk
            Capacity: 0.0 MB = 0.0 GB (8 x 512)
=> virtio device

Device 0: Slipway fake disk
            Type: Hard Disk
            Capacity: 0.0 MB = 0.0 GB (128 x 512)
=> virtio dev 1

Device 1: Slipway fake disk
            Type: Hard Disk
            Capacity: 0.0 MB = 0.0 GB (8 x 512)
... is now current device
=> virtio device 2; echo $?

Device 2: unknown device: there are virtio 0 to 1
1
=> virtio read 40200000 8 1; echo $?

virtio read: device 1 block # 8, count 1 ... 0 blocks read: ERROR
blocks 0x8 to 0x9 of fake-disk are not all there: it has 0x8
1
=> mmc list
fake-disk: 0 (SD)
=> mmc dev
mmc0 is current device
=> mmc dev 0
switch to partitions #0, OK
mmc0 is current device
=> mmc dev 1; echo $?
MMC Device 1 not found
no mmc device at slot 1: there is only mmc 0
1
=> mmc dev 0 1; echo $?
only hardware partition 0, the user area, can be used
1
=> mmc info; mmc rescan; echo $?
Device: fake-disk
0
=> mmc read 40200000 0 1

MMC read: dev # 0, block # 0, count 1 ... 1 blocks read: OK
=> mmc part; echo $?
** No partition table - mmc 0 **
1
",
    );
}

#[test]
fn usage() {
    let mut bench = bench(&[mbr(), FakeDisk::zeroed(1).as_card()]);
    let lines: Vec<&str> = vec![
        "load",
        "load virtio 0 1 2 3 4 5",
        "ls",
        "ls a b c d",
        "size virtio 0",
        "save virtio 0 1 x",
        "fatwrite virtio 0 1",
        "part",
        "part list virtio",
        "part list virtio 0 -x y",
        "part start virtio 0",
        "virtio",
        "virtio x",
        "virtio read 1 2",
        "mmc",
        "mmc x",
        "mmc read 1",
        "read virtio 0 1 2",
        "fstype virtio",
        "cat virtio 0",
        "fatmkdir virtio",
        "fatrm virtio",
        "fatinfo",
    ];
    for line in lines {
        let (name, _) = line.split_once(' ').unwrap_or((line, ""));
        assert!(bench.enter(line).starts_with(&alloc::format!("{name} - ")), "{line}");
    }
}
