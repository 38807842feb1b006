//! Writing to FAT: what `fsck.fat` and mtools say of it, and what is left when the power fails at any block.

use hal::BlockDevice;
use hal::fakes::{DiskAccess, FakeDisk};
use loader_core::fs::{FileSystem, FsError};

use crate::images::{Folder, content, fat, fsck_fat, noise, tool, with};

/// KiB of the image and options: both widths, small and large clusters.
pub(crate) const KINDS: [(u32, &[&str]); 4] = [
    (2_400, &["-F", "16", "-s", "1"]),
    (40_000, &["-F", "16", "-s", "16"]),
    (3_000, &["-F", "32", "-s", "1"]),
    (8_000, &["-F", "32", "-s", "8", "-f", "1"]),
];

/// What an image has before a test, put there by the loader itself: mtools takes a small FAT32 for a FAT16.
pub(crate) fn prepared(kib: u32, options: &[&str]) -> FakeDisk {
    let mut disk = FakeDisk::new(fat(kib, options, &[]));
    with(&mut disk, |fs| {
        fs.write("boot.scr", None, &noise(1, 1800)).unwrap();
        fs.write("Other File.bin", None, &noise(2, 9000)).unwrap();
        fs.make_dir("dir").unwrap();
        fs.write("dir/full name of a file.txt", None, b"text").unwrap();
        fs.write("gap", None, &noise(3, 3000)).unwrap();
        fs.write("behind", None, &noise(4, 3000)).unwrap();
        fs.remove("gap").unwrap();
        fs.make_dir("empty directory").unwrap();
    });
    assert_eq!(fsck_fat(&disk.bytes()), [""; 0], "{options:?}");
    disk
}

#[test]
fn what_is_written_is_read_and_sound() {
    for (kib, options) in KINDS {
        let mut disk = prepared(kib, options);
        for (path, bytes) in [
            ("boot.scr", noise(10, 5000)),
            ("boot.scr", noise(11, 10)),
            ("BOOT.scr", noise(12, 0)),
            ("boot.scr", noise(13, 70_001)),
            ("new", noise(14, 1)),
            ("new file with a long name, indeed.conf", noise(15, 4096)),
            ("dir/Image", noise(16, 300_000)),
            ("/dir\\überlänge-日本.dtb", noise(17, 513)),
            ("empty directory/x.y", noise(18, 512)),
        ] {
            with(&mut disk, |fs| fs.write(path, None, &bytes)).unwrap();
            assert!(content(&mut disk, path).unwrap() == bytes, "{options:?} {path}");
            assert_eq!(fsck_fat(&disk.bytes()), [""; 0], "{options:?} {path}");
        }
        let kept = content(&mut disk, "other file.bin").unwrap();
        assert!(kept == noise(2, 9000));
    }
}

#[test]
fn mtools_read_what_was_written() {
    let bytes = noise(20, 123_456);
    for (kib, options) in [(20_000, ["-F", "16", "-s", "4"]), (36_000, ["-F", "32", "-s", "1"])] {
        let mut disk = FakeDisk::new(fat(kib, &options, &[]));
        let names = [
            "KERNEL.IMG",
            "small.txt",
            "Mixed.Txt",
            "a rather long name.with.dots",
            "schön 日本.bin",
        ];
        with(&mut disk, |fs| {
            fs.make_dir("sub").unwrap();
            for name in names {
                fs.write(&format!("sub/{name}"), None, &bytes).unwrap();
            }
        });
        let folder = Folder::new();
        let image = folder.file("fat.img", &disk.bytes());
        for name in names {
            let out = folder.path("out");
            tool("mcopy", &["-o", "-i", &image, &format!("::sub/{name}"), &out]);
            assert!(folder.read("out") == bytes, "{options:?} {name}");
        }
    }
}

#[test]
fn a_part_of_a_file_is_replaced() {
    for (kib, options) in KINDS {
        let mut disk = prepared(kib, options);
        let mut expected = noise(1, 1800);
        for (offset, len) in [
            (0, 1),
            (1799, 1),
            (500, 600),
            (1000, 800),
            (1500, 4000),
            (5500, 1),
            (0, 0),
            (5501, 70_000),
            (65_530, 10),
        ] {
            let bytes = noise(30, len);
            with(&mut disk, |fs| fs.write("boot.scr", Some(offset as u64), &bytes)).unwrap();
            expected.resize(expected.len().max(offset + len), 0);
            expected[offset..offset + len].copy_from_slice(&bytes);
            assert!(
                content(&mut disk, "boot.scr").unwrap() == expected,
                "{options:?} {offset} {len}"
            );
        }
        with(&mut disk, |fs| {
            fs.write("begun", Some(0), b"abc").unwrap();
            let error = fs.write("begun", Some(4), b"x").unwrap_err();
            assert_eq!(
                error.to_string(),
                "'begun' has 3 bytes: a write at byte 4 would leave a gap"
            );
        });
        assert_eq!(fsck_fat(&disk.bytes()), [""; 0], "{options:?}");
    }
}

#[test]
fn directories_grow_and_shrink() {
    for (kib, options) in KINDS {
        let mut disk = prepared(kib, options);
        let name = |number: u32| {
            format!(
                "dir/a name of {} letters {number}",
                "many ".repeat(number as usize % 30)
            )
        };
        with(&mut disk, |fs| {
            for number in 0..120 {
                fs.write(&name(number), None, &number.to_le_bytes()).unwrap();
            }
            for number in (0..120).filter(|number| number % 3 != 0) {
                fs.remove(&name(number)).unwrap();
            }
            for number in 120..160 {
                fs.write(&name(number), None, &number.to_le_bytes()).unwrap();
            }
        });
        assert_eq!(fsck_fat(&disk.bytes()), [""; 0], "{options:?}");
        for number in 0..160_u32 {
            let kept = number >= 120 || number % 3 == 0;
            let found = content(&mut disk, &name(number));
            assert_eq!(found.is_ok(), kept, "{options:?} {number}");
            assert!(found.is_err() || found == Ok(number.to_le_bytes().to_vec()));
        }
    }
}

#[test]
fn what_is_full_says_so_and_stays_sound() {
    let mut disk = prepared(2_400, &["-F", "16", "-s", "1"]);
    let before = disk.bytes();
    with(&mut disk, |fs| {
        let error = fs.write("large", None, &vec![0; 3 << 20]).unwrap_err().to_string();
        assert!(
            error.starts_with("no room: 6144 clusters of 512 bytes are needed, 46"),
            "{error}"
        );
    });
    assert!(disk.bytes() == before);
    // The root directory of a FAT16 does not grow.
    let error = with(&mut disk, |fs| {
        (0..600)
            .find_map(|number| fs.write(&format!("n{number}"), None, b"").err())
            .unwrap()
    });
    assert!(error.to_string().starts_with("no room for 'n"), "{error}");
    assert_eq!(fsck_fat(&disk.bytes()), [""; 0]);
}

#[test]
fn what_cannot_be_is_refused() {
    for (kib, options) in KINDS {
        let mut disk = prepared(kib, options);
        let before = disk.bytes();
        with(&mut disk, |fs| {
            for (name, why) in [
                ("a:b", "it has one of"),
                ("what?", "it has one of"),
                ("tab\t", "it has one of"),
                ("dot.", "it ends with"),
                ("blank ", "it ends with"),
                (&"x".repeat(196), "it is longer"),
            ] {
                let error = fs.write(name, None, b"").unwrap_err().to_string();
                assert!(error.contains(why), "{name}: {error}");
                assert!(fs.make_dir(name).is_err());
            }
            for path in ["dir", "/", "dir/.."] {
                assert_eq!(fs.write(path, None, b""), Err(FsError::IsDirectory(path.into())));
                assert_eq!(fs.make_dir(path), Err(FsError::Exists(path.into())));
            }
            assert_eq!(fs.make_dir("boot.scr"), Err(FsError::Exists("boot.scr".into())));
            assert_eq!(fs.write("no/file", None, b""), Err(FsError::NotFound("no/file".into())));
            assert_eq!(
                fs.write("boot.scr/file", None, b""),
                Err(FsError::NotDirectory("boot.scr/file".into()))
            );
            assert_eq!(fs.remove("none"), Err(FsError::NotFound("none".into())));
            assert_eq!(fs.remove("dir"), Err(FsError::NotEmpty("dir".into())));
            assert_eq!(fs.remove("/"), Err(FsError::IsDirectory("/".into())));
        });
        assert!(disk.bytes() == before, "{options:?}");
    }
}

/// A change of a file system: what it does, and whether the old state or the new one is there.
pub(crate) struct Change {
    pub(crate) name: &'static str,
    pub(crate) work: fn(&mut dyn FileSystem) -> Result<(), FsError>,
    pub(crate) old: fn(&mut FakeDisk) -> bool,
    pub(crate) new: fn(&mut FakeDisk) -> bool,
}

pub(crate) fn is(disk: &mut FakeDisk, path: &str, seed: u32, len: usize) -> bool {
    content(disk, path).is_ok_and(|bytes| bytes == noise(seed, len))
}

pub(crate) fn exists(disk: &mut FakeDisk, path: &str) -> bool {
    match content(disk, path) {
        Ok(_) | Err(FsError::IsDirectory(_)) => true,
        Err(FsError::NotFound(_)) => false,
        Err(error) => panic!("{path}: {error}"),
    }
}

pub(crate) const CHANGES: [Change; 7] = [
    Change {
        name: "a save over a file",
        work: |fs| fs.write("boot.scr", None, &noise(50, 9000)),
        old: |disk| is(disk, "boot.scr", 1, 1800),
        new: |disk| is(disk, "boot.scr", 50, 9000),
    },
    Change {
        name: "a write into a file",
        work: |fs| fs.write("boot.scr", Some(100), &noise(1, 1800)[100..900]),
        old: |disk| is(disk, "boot.scr", 1, 1800),
        new: |disk| is(disk, "boot.scr", 1, 1800),
    },
    Change {
        name: "a new file",
        work: |fs| fs.write("new", None, &noise(51, 2000)),
        old: |disk| !exists(disk, "new"),
        new: |disk| is(disk, "new", 51, 2000),
    },
    Change {
        name: "a new file with a long name",
        work: |fs| {
            fs.write(
                "dir/A name that needs more entries than its directory's first block has",
                None,
                &noise(52, 20),
            )
        },
        old: |disk| {
            !exists(
                disk,
                "dir/A name that needs more entries than its directory's first block has",
            )
        },
        new: |disk| {
            is(
                disk,
                "dir/A name that needs more entries than its directory's first block has",
                52,
                20,
            )
        },
    },
    Change {
        name: "a new directory",
        work: |fs| fs.make_dir("dir/sub.dir"),
        old: |disk| !exists(disk, "dir/sub.dir"),
        new: |disk| exists(disk, "dir/sub.dir"),
    },
    Change {
        name: "a file removed",
        work: |fs| fs.remove("Other File.bin"),
        old: |disk| is(disk, "Other File.bin", 2, 9000),
        new: |disk| !exists(disk, "Other File.bin"),
    },
    Change {
        name: "a directory removed",
        work: |fs| fs.remove("empty directory"),
        old: |disk| exists(disk, "empty directory"),
        new: |disk| !exists(disk, "empty directory"),
    },
];

/// What a cut may leave: clusters that nobody has, a wrong count of free ones, copies of the table of which either is right.
fn harmless(line: &str) -> bool {
    const LINES: [&str; 6] = [
        "Reclaimed ",
        "  Auto-correcting.",
        "Free cluster summary wrong",
        "FATs differ but appear to be intact.",
        "  Using first FAT.",
        "Leaving filesystem unchanged.",
    ];
    line.is_empty() || LINES.iter().any(|harmless| line.starts_with(harmless))
}

#[test]
fn a_power_cut_leaves_the_old_or_the_new() {
    let mut complaints = 0;
    for (kib, options) in [KINDS[0], KINDS[2]] {
        let before = prepared(kib, options).bytes();
        for change in &CHANGES {
            let name = format!("{options:?}: {}", change.name);
            let mut became_new = None;
            for blocks in 0.. {
                let mut disk = FakeDisk::new(before.clone());
                let power = disk.clone();
                let result = with(&mut disk, |fs| {
                    power.fail_power_after(blocks);
                    (change.work)(fs)
                });
                disk.restore_power();
                let (old, new) = ((change.old)(&mut disk), (change.new)(&mut disk));
                assert!(old || new, "{name}, cut after {blocks} blocks: neither old nor new");
                if new && !old {
                    became_new = became_new.or(Some(blocks));
                }
                // Once it is new, it stays so.
                assert!(became_new.is_none() || new, "{name}, cut after {blocks} blocks");
                assert!(is(&mut disk, "behind", 4, 3000), "{name}: another file is hurt");
                let judged = fsck_fat(&disk.bytes());
                complaints += judged.len();
                let bad: Vec<&String> = judged.iter().filter(|line| !harmless(line)).collect();
                assert!(bad.is_empty(), "{name}, cut after {blocks} blocks: {judged:#?}");
                if result.is_ok() {
                    assert!(new && judged.is_empty(), "{name}: {judged:?}");
                    break;
                }
                assert!(blocks < 200, "{name}: {result:?}");
            }
        }
    }
    assert!(complaints > 0, "a cut leaves lost clusters: who judges sees nothing");
}

#[test]
fn data_go_out_in_long_requests() {
    let mut disk = FakeDisk::new(fat(36_000, &["-F", "32", "-s", "1"], &[]));
    let _ = disk.take_accesses();
    let accesses = disk.clone();
    with(&mut disk, |fs| fs.write("large", None, &noise(60, 5 << 20))).unwrap();
    let long = accesses
        .take_accesses()
        .into_iter()
        .filter(|access| matches!(access, DiskAccess::Write(_, 2048)))
        .count();
    assert_eq!(long, 5);
    assert_eq!(disk.medium().unwrap().blocks, 72_000);
}
