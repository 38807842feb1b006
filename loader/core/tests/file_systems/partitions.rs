//! Partition tables as `sfdisk` and `sgdisk` make them.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use hal::BlockDevice;
use hal::fakes::FakeDisk;
use loader_core::fs::partition::Guid;
use loader_core::fs::{Kind, Scheme, Table, Unwatched, Volume, mount, read_table};

use crate::images::{Folder, fat, noise, tool};

fn table(image: Vec<u8>) -> Table {
    let (mut disk, mut watch) = (FakeDisk::new(image), Unwatched);
    let mut volume = Volume::whole(&mut disk, &mut watch).unwrap();
    read_table(&mut volume).unwrap()
}

/// A disk of so many MiB that `sfdisk` made of a script.
fn sfdisk(mib: usize, script: &str) -> Vec<u8> {
    let folder = Folder::new();
    let image = folder.file("disk.img", &vec![0; mib << 20]);
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let mut child = Command::new("sfdisk")
        .args(["-q", &image])
        .env("PATH", path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("sfdisk cannot be run ({error}): scripts/setup installs fdisk"));
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{script}");
    folder.read("disk.img")
}

/// A disk of 8 MiB with [`GPT`]. It is made once: sgdisk waits until all disks of the machine have written what they hold.
pub(crate) fn gpt() -> Vec<u8> {
    static IMAGE: OnceLock<Vec<u8>> = OnceLock::new();
    let make = || {
        let folder = Folder::new();
        let image = folder.file("disk.img", &vec![0; 8 << 20]);
        tool("sgdisk", &[&GPT[..], &[&image]].concat());
        folder.read("disk.img")
    };
    IMAGE.get_or_init(make).clone()
}

#[test]
fn an_mbr_with_logical_partitions() {
    let script = "label: dos\nlabel-id: 0x89abcdef\n\
        start=2048, size=2048, type=c, bootable\n\
        start=4096, size=20480, type=5\n\
        start=24576, size=2048, type=83\n\
        start=6144, size=2048, type=83\n\
        start=10240, size=4096, type=82\n\
        start=16384, size=100, type=e\n";
    let table = table(sfdisk(16, script));
    assert_eq!((table.scheme, table.disk_id.as_str()), (Scheme::Mbr, "89abcdef"));
    assert_eq!(table.warnings, [""; 0]);
    let seen: Vec<_> = table
        .partitions
        .iter()
        .map(|part| (part.number, part.start.get(), part.blocks, part.kind, part.bootable))
        .collect();
    let mbr = Kind::Mbr;
    let expected = [
        (1, 2048, 2048, mbr(0xc), true),
        (2, 4096, 20480, mbr(5), false),
        (3, 24576, 2048, mbr(0x83), false),
        (5, 6144, 2048, mbr(0x83), false),
        (6, 10240, 4096, mbr(0x82), false),
        (7, 16384, 100, mbr(0xe), false),
    ];
    assert_eq!(seen, expected);
    assert_eq!(table.partition(7).unwrap().uuid, "89abcdef-07");
    assert!(table.partition(2).unwrap().kind.is_extended());
    assert_eq!(table.partition(4), None);
}

const GPT: [&str; 11] = [
    "-U",
    "01234567-89AB-CDEF-0123-456789ABCDEF",
    "-n1:2048:+1M",
    "-t1:ef00",
    "-c1:EFI Ωmega",
    "-u1:11111111-2222-3333-4444-555555555555",
    "-n5:6144:8191",
    "-c5:root",
    "-A5:set:2",
    "-t5:8300",
    "-n7:8192:14999",
];

#[test]
fn a_gpt() {
    let table = table(gpt());
    assert_eq!(
        (table.scheme, table.disk_id.as_str()),
        (Scheme::Gpt, "01234567-89ab-cdef-0123-456789abcdef")
    );
    assert_eq!(table.warnings, [""; 0]);
    let [efi, root, _] = &table.partitions[..] else {
        panic!("{table:?}")
    };
    assert_eq!((efi.number, efi.start.get(), efi.blocks), (1, 2048, 2048));
    assert_eq!(
        (efi.name.as_str(), efi.uuid.as_str()),
        ("EFI Ωmega", "11111111-2222-3333-4444-555555555555")
    );
    let Kind::Gpt(kind) = efi.kind else { panic!("{efi:?}") };
    assert_eq!(kind.to_string(), "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    assert_eq!(
        (root.number, root.start.get(), root.blocks, root.attributes),
        (5, 6144, 2048, 4)
    );
    assert!(root.bootable && !efi.bootable);
    assert_ne!(root.kind, Kind::Gpt(Guid::default()));
}

#[test]
fn a_gpt_whose_primary_is_damaged_has_a_backup() {
    let image = gpt();
    let whole = table(image.clone());
    // A byte of the header, one of the entries, the signature.
    for at in [512 + 60, 1024 + 57, 512] {
        let mut image = image.clone();
        image[at] ^= 1;
        let table = table(image);
        assert_eq!(table.partitions, whole.partitions);
        assert_eq!(table.warnings.len(), 1);
        let warning = &table.warnings[0];
        assert!(
            warning.starts_with("The primary GPT is damaged, the backup in block 16383 is used: "),
            "{warning}"
        );
    }
    let mut image = image.clone();
    image[16383 * 512 + 60] ^= 1;
    let table = table(image);
    assert_eq!(table.partitions, whole.partitions);
    assert!(table.warnings[0].starts_with("The backup GPT in block 16383 is damaged: its header's CRC-32 is "));
}

#[test]
fn an_image_on_a_larger_card_is_no_damage() {
    let mut image = gpt();
    image.resize(12 << 20, 0);
    assert_eq!(table(image).warnings, [""; 0]);
    // A smaller one is.
    let mut image = gpt();
    image.truncate(4096 * 512 + 100 * 512);
    let table = table(image);
    assert_eq!(table.partitions.len(), 3);
    let warnings = table.warnings;
    assert!(warnings[0].contains("block 16383 cannot be read"), "{warnings:?}");
    assert_eq!(warnings[1], "Partition 5 ends at block 8192, the medium at block 4196.");
}

#[test]
fn a_partition_is_mounted() {
    let file = noise(1, 10_000);
    let image = fat(2_400, &["-F", "16", "-s", "1"], &[("file", &file)]);
    let mut whole = gpt();
    whole[8192 * 512..8192 * 512 + image.len()].copy_from_slice(&image);
    let mut disk = FakeDisk::new(whole);
    let mut watch = Unwatched;
    let table = read_table(&mut Volume::whole(&mut disk, &mut watch).unwrap()).unwrap();
    let partition = table.partition(7).unwrap();
    let volume = Volume::new(&mut disk, &mut watch, (partition.start, partition.blocks)).unwrap();
    let mut fs = mount(volume).unwrap();
    let opened = fs.open("file").unwrap();
    let mut bytes = vec![0; 10_000];
    fs.read(&opened, 0, &mut bytes).unwrap();
    assert!(bytes == file);
}

#[test]
fn a_file_system_over_the_whole_disk_has_no_table() {
    for options in [
        ["-F", "16", "-s", "1"],
        ["-F", "32", "-s", "1"],
        ["-F", "12", "-s", "4"],
    ] {
        let table = table(fat(3_000, &options, &[]));
        assert_eq!(
            (table.scheme, table.partitions.len(), table.warnings.len()),
            (Scheme::None, 0, 0)
        );
    }
    assert_eq!(table(vec![0; 4096]).scheme, Scheme::None);
    // mkfs.fat writes an MBR into its boot sector if asked to.
    let table = table(fat(3_000, &["-F", "16", "-s", "1", "--mbr=y"], &[]));
    assert_eq!(table.scheme, Scheme::None);
    let mut disk = FakeDisk::zeroed(1);
    assert_eq!(disk.medium().unwrap().blocks, 1);
    let mut watch = Unwatched;
    assert!(read_table(&mut Volume::whole(&mut disk, &mut watch).unwrap()).is_ok());
}

/// A disk of 16 MiB with what `parted` makes of its commands.
fn parted(commands: &[&str]) -> Table {
    let folder = Folder::new();
    let image = folder.file("disk.img", &vec![0; 16 << 20]);
    tool("parted", &[&["-s", "-a", "none", &image], commands].concat());
    table(folder.read("disk.img"))
}

#[test]
fn what_parted_makes() {
    let line = "mklabel msdos mkpart primary fat32 2048s 8191s mkpart extended 8192s 32767s mkpart logical ext4 10240s 20479s set 1 boot on";
    let mbr = parted(&line.split(' ').collect::<Vec<_>>());
    assert_eq!(mbr.scheme, Scheme::Mbr);
    let places = |table: &Table| -> Vec<(u32, u64, u64, bool)> {
        let parts = table.partitions.iter();
        parts
            .map(|part| (part.number, part.start.get(), part.blocks, part.bootable))
            .collect()
    };
    assert_eq!(
        places(&mbr),
        [(1, 2048, 6144, true), (2, 8192, 24576, false), (5, 10240, 10240, false)]
    );
    let line =
        "mklabel gpt mkpart boot fat32 2048s 8191s mkpart root ext4 8192s 30000s set 1 esp on set 2 legacy_boot on";
    let gpt = parted(&line.split(' ').collect::<Vec<_>>());
    assert_eq!((gpt.scheme, gpt.warnings.as_slice()), (Scheme::Gpt, &[] as &[String]));
    assert_eq!(places(&gpt), [(1, 2048, 6144, false), (2, 8192, 21809, true)]);
    assert_eq!(gpt.partitions[0].name, "boot");
}
