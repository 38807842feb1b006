//! FAT as `mkfs.fat` and mtools make it.

use std::ops::ControlFlow;

use hal::fakes::{DiskAccess, FakeDisk};
use loader_core::fs::{EntryKind, FsError};

use crate::images::{Folder, content, fat, noise, tool, with};

/// KiB of the image, options, bytes of a cluster.
const KINDS: [(u32, &[&str], usize); 5] = [
    (2_400, &["-F", "16", "-s", "1"], 512),
    (20_000, &["-F", "16", "-s", "4"], 2048),
    (40_000, &["-F", "16", "-s", "16", "-f", "1"], 8192),
    (36_000, &["-F", "32", "-s", "1"], 512),
    (70_000, &["-F", "32", "-s", "2"], 1024),
];

#[test]
fn files_of_all_sizes_are_read() {
    for (kib, options, cluster) in KINDS {
        let mut sizes = vec![
            0,
            1,
            511,
            512,
            513,
            cluster - 1,
            cluster,
            cluster + 1,
            3 * cluster,
            70_000,
        ];
        if kib > 10_000 {
            sizes.push(5 << 20);
        }
        let files: Vec<(String, Vec<u8>)> = (0_u32..)
            .zip(sizes)
            .map(|(seed, size)| (format!("f{seed}-{size}.bin"), noise(seed, size)))
            .collect();
        let files: Vec<(&str, &[u8])> = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        let mut disk = FakeDisk::new(fat(kib, options, &files));
        for (name, bytes) in files {
            let read = content(&mut disk, name).unwrap();
            let differs = read.iter().zip(bytes).position(|(one, other)| one != other);
            assert_eq!((read.len(), differs), (bytes.len(), None), "{options:?} {name}");
        }
    }
}

#[test]
fn a_file_in_a_row_is_read_in_requests_of_a_mebibyte() {
    let bytes = noise(1, 5 << 20);
    let mut disk = FakeDisk::new(fat(36_000, &["-F", "32", "-s", "1"], &[("five", &bytes)]));
    with(&mut disk.clone(), |fs| {
        let file = fs.open("five").unwrap();
        assert_eq!(file.pieces(), 1);
        let _ = disk.take_accesses();
        let mut read = vec![0; 5 << 20];
        fs.read(&file, 0, &mut read).unwrap();
        assert!(read == bytes);
        let lengths: Vec<u64> = disk.take_accesses().iter().map(blocks).collect();
        assert_eq!(lengths, [2048; 5]);
        // Any part of it, and not what it does not have.
        fs.read(&file, 1_000_001, &mut read[..777_777]).unwrap();
        assert!(read[..777_777] == bytes[1_000_001..1_777_778]);
        let error = fs.read(&file, 5 << 20, &mut read[..1]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "'five' has 5242880 bytes; bytes 5242880 to 5242881 are not all there"
        );
    });
    // Looking it up takes little: boot sector, root, some of the FAT.
    let _ = disk.take_accesses();
    with(&mut disk, |fs| fs.open("FIVE").map(drop)).unwrap();
    assert!(disk.take_accesses().len() < 10);
}

fn blocks(access: &DiskAccess) -> u64 {
    match access {
        DiskAccess::Read(_, blocks) | DiskAccess::Write(_, blocks) => *blocks,
    }
}

#[test]
fn fragments_are_put_together() {
    for (kib, options, cluster) in KINDS {
        let folder = Folder::new();
        let image = folder.file("fat.img", &fat(kib, options, &[]));
        let small = noise(7, cluster);
        let names: Vec<String> = (0..60).map(|number| format!("s{number}")).collect();
        let sources: Vec<String> = names.iter().map(|name| folder.file(name, &small)).collect();
        let sources = sources.iter().map(String::as_str);
        tool(
            "mcopy",
            &["-i", &image]
                .into_iter()
                .chain(sources)
                .chain(["::"])
                .collect::<Vec<&str>>(),
        );
        let every_other: Vec<String> = names.iter().step_by(2).map(|name| format!("::{name}")).collect();
        let every_other = every_other.iter().map(String::as_str);
        tool(
            "mdel",
            &["-i", &image].into_iter().chain(every_other).collect::<Vec<&str>>(),
        );
        // On a FAT32 the search for free clusters begins where the last was taken; without that note, at the beginning.
        let mut image = folder.read("fat.img");
        if options[1] == "32" {
            image[512 + 492..512 + 496].fill(0xff);
        }
        let mut disk = FakeDisk::new(image);
        let bytes = noise(8, 20 * cluster + 5);
        with(&mut disk, |fs| {
            fs.write("whole", None, &bytes).unwrap();
            assert_eq!(fs.open("whole").unwrap().pieces(), 21, "{options:?}");
        });
        assert!(content(&mut disk, "whole").unwrap() == bytes, "{options:?}");
        let image = folder.file("fat.img", &disk.bytes());
        tool("mcopy", &["-n", "-i", &image, "::whole", &folder.path("out")]);
        assert!(folder.read("out") == bytes, "{options:?}");
    }
}

#[test]
fn names_are_found_whatever_their_letters() {
    let files: [(&str, &[u8]); 6] = [
        ("UPPER.TXT", b"1"),
        ("lower.txt", b"2"),
        ("Mixed Case Name.config", b"3"),
        ("a/b/deep.txt", b"4"),
        ("überlänge-привет-日本.dat", b"5"),
        ("a/xen,4.17+debug.efi", b"6"),
    ];
    for (kib, options, _) in KINDS {
        let mut disk = FakeDisk::new(fat(kib, options, &files));
        for (name, content) in [
            ("upper.txt", "1"),
            ("/Lower.TXT", "2"),
            ("mixed case NAME.config", "3"),
            ("mixedc~1.con", "3"),
            ("/A/B/deep.TXT", "4"),
            ("a\\b\\deep.txt", "4"),
            ("//a/./b/../b//deep.txt", "4"),
            ("../../a/b/deep.txt", "4"),
            ("überlänge-привет-日本.DAT", "5"),
            ("a/XEN,4.17+DEBUG.efi", "6"),
        ] {
            let found = crate::images::content(&mut disk, name);
            assert_eq!(found, Ok(content.as_bytes().to_vec()), "{options:?} {name}");
        }
        with(&mut disk, |fs| {
            for name in ["nothing", "a/nothing", "ÜBERLÄNGE-привет-日本.dat"] {
                assert_eq!(fs.open(name), Err(FsError::NotFound(name.into())));
            }
            assert_eq!(fs.open("nothing/x"), Err(FsError::NotFound("nothing/x".into())));
            assert_eq!(fs.open("a/b"), Err(FsError::IsDirectory("a/b".into())));
            assert_eq!(fs.open("/"), Err(FsError::IsDirectory("/".into())));
            assert_eq!(fs.open("lower.txt/x"), Err(FsError::NotDirectory("lower.txt/x".into())));
            assert_eq!(fs.open(&"x".repeat(2000)), Err(FsError::Path(2000)));
        });
    }
}

#[test]
fn directories_are_listed() {
    let names: Vec<String> = (0..400)
        .map(|number| format!("dir/A long name of file {number}.txt"))
        .collect();
    let mut files: Vec<(&str, &[u8])> = names.iter().take(100).map(|name| (name.as_str(), &b"xy"[..])).collect();
    files.push(("dir/sub/file", b""));
    let mut disk = FakeDisk::new(fat(36_000, &["-F", "32", "-s", "1", "-n", "CARD"], &files));
    with(&mut disk, |fs| {
        let list = |fs: &mut dyn loader_core::fs::FileSystem, path: &str| {
            let mut names = Vec::new();
            fs.list(path, &mut |entry| {
                names.push((entry.name.clone(), entry.kind, entry.size));
                ControlFlow::Continue(())
            })
            .map(|()| names)
        };
        assert_eq!(list(fs, "/").unwrap(), [("dir".into(), EntryKind::Directory, 0)]);
        let dir = list(fs, "DIR").unwrap();
        assert_eq!(dir.len(), 103);
        assert!(dir.contains(&("A long name of file 99.txt".into(), EntryKind::File, 2)));
        assert!(dir.contains(&("sub".into(), EntryKind::Directory, 0)));
        assert_eq!(list(fs, "dir/sub/file").unwrap(), [("file".into(), EntryKind::File, 0)]);
        assert_eq!(list(fs, "dir/none"), Err(FsError::NotFound("dir/none".into())));
        let mut seen = 0;
        fs.list("dir", &mut |_| {
            seen += 1;
            ControlFlow::Break(())
        })
        .unwrap();
        assert_eq!(seen, 1);
        assert_eq!((fs.kind(), fs.label()), ("fat", Ok("CARD".into())));
    });
}

#[test]
fn label_and_serial_number_are_told() {
    for (bits, kib) in [("16", 20_000), ("32", 40_000)] {
        let mut disk = FakeDisk::new(fat(kib, &["-F", bits, "-n", "BOOT", "-i", "1234abcd"], &[]));
        with(&mut disk, |fs| {
            assert_eq!((fs.label(), fs.uuid()), (Ok("BOOT".into()), "1234-ABCD"))
        });
        let mut disk = FakeDisk::new(fat(kib, &["-F", bits], &[]));
        with(&mut disk, |fs| assert_eq!(fs.label(), Ok(String::new())));
    }
}
