//! ext2, ext3 and ext4 as `mke2fs` makes them.

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

use hal::fakes::{DiskAccess, FakeDisk};
use loader_core::fs::{EntryKind, FsError};

use crate::images::{Folder, content, noise, run, tool, with};

/// Each kind, with the options that make it.
const KINDS: [(&str, &[&str]); 6] = [
    ("ext4", &["-t", "ext4", "-b", "4096"]),
    ("ext4 in small blocks", &["-t", "ext4", "-b", "1024"]),
    (
        "ext4 without checksums",
        &["-t", "ext4", "-O", "^metadata_csum,^64bit", "-b", "2048"],
    ),
    ("ext3", &["-t", "ext3", "-b", "1024"]),
    ("ext2", &["-t", "ext2", "-b", "4096"]),
    ("ext2 in small blocks", &["-t", "ext2", "-b", "1024", "-I", "128"]),
];

/// Makes a file system of so many MiB from a folder.
fn ext(mib: u32, options: &[&str], folder: &Folder, root: &str) -> Vec<u8> {
    let image = folder.path("ext.img");
    let _ = fs::remove_file(&image);
    let size = format!("{mib}M");
    tool(
        "mke2fs",
        &[options, &["-q", "-F", "-d", root, "-L", "ROOTFS", &image, &size]].concat(),
    );
    folder.read("ext.img")
}

/// A folder with a bit of everything.
fn tree(folder: &Folder) -> (String, Vec<(&'static str, Vec<u8>)>) {
    let root = folder.path("root");
    fs::create_dir_all(folder.path("root/boot/deep/er")).unwrap();
    let files = vec![
        ("boot/empty", Vec::new()),
        ("boot/one", noise(1, 1)),
        ("boot/f1023", noise(2, 1023)),
        ("boot/f1024", noise(3, 1024)),
        ("boot/f1025", noise(4, 1025)),
        ("boot/f4097", noise(5, 4097)),
        ("boot/deep/er/Image", noise(6, 5 << 20)),
        ("boot/naïve name.txt", b"text".to_vec()),
    ];
    for (name, bytes) in &files {
        fs::write(folder.path(&format!("root/{name}")), bytes).unwrap();
    }
    for (target, link) in [
        ("deep/er/Image", "boot/kernel"),
        ("/boot/kernel", "kernel"),
        ("../boot", "boot/up"),
        ("loop", "loop"),
        ("none", "dangling"),
        (&"./".repeat(40), "boot/long"),
        (&format!("{}boot/one", "./".repeat(60)), "far"),
    ] {
        std::os::unix::fs::symlink(target, folder.path(&format!("root/{link}"))).unwrap();
    }
    (root, files)
}

#[test]
fn files_of_all_kinds_are_read() {
    let folder = Folder::new();
    let (root, files) = tree(&folder);
    for (kind, options) in KINDS {
        let mut disk = FakeDisk::new(ext(24, options, &folder, &root));
        for (name, bytes) in &files {
            assert!(content(&mut disk, name).unwrap() == *bytes, "{kind}: {name}");
        }
        for (link, name) in [
            ("kernel", 6),
            ("/boot/kernel", 6),
            ("boot/up/up/./one", 1),
            ("boot/long/one", 1),
            ("far", 1),
        ] {
            assert!(content(&mut disk, link).unwrap() == files[name].1, "{kind}: {link}");
        }
        with(&mut disk, |fs| {
            assert_eq!(
                (fs.kind(), fs.label(), fs.uuid().len(), fs.warnings().len()),
                ("ext4", Ok("ROOTFS".into()), 36, 0)
            );
            for path in ["none", "dangling", "BOOT/one"] {
                assert_eq!(fs.open(path), Err(FsError::NotFound(path.into())), "{kind}");
            }
            assert_eq!(
                fs.open("boot/none/x"),
                Err(FsError::NotFound("boot/none/x".into())),
                "{kind}"
            );
            assert_eq!(fs.open("boot"), Err(FsError::IsDirectory("boot".into())));
            assert_eq!(fs.open("boot/one/x"), Err(FsError::NotDirectory("boot/one/x".into())));
            assert_eq!(
                fs.open("loop").unwrap_err().to_string(),
                "'loop' leads over more than 8 symbolic links"
            );
            assert!(fs.open(&"x".repeat(300)).is_err());
            let error = fs.write("x", None, b"").unwrap_err().to_string();
            assert_eq!(error, "ext4 is only read here; save to a FAT partition");
        });
    }
}

#[test]
fn a_file_in_a_row_is_read_in_requests_of_a_mebibyte() {
    let folder = Folder::new();
    let (root, files) = tree(&folder);
    let mut disk = FakeDisk::new(ext(24, &["-t", "ext4", "-b", "4096"], &folder, &root));
    let accesses = disk.clone();
    with(&mut disk, |fs| {
        let file = fs.open("kernel").unwrap();
        let opening: u64 = accesses.take_accesses().iter().map(blocks).sum();
        assert!(opening < 2000, "opening takes {opening} blocks");
        let mut bytes = vec![0; 5 << 20];
        fs.read(&file, 0, &mut bytes).unwrap();
        assert!(bytes == files[6].1);
        let lengths: Vec<u64> = accesses.take_accesses().iter().map(blocks).collect();
        assert!(file.pieces() <= 2 && lengths.len() <= 7, "{lengths:?}");
        fs.read(&file, 1_234_567, &mut bytes[..7_654]).unwrap();
        assert!(bytes[..7_654] == files[6].1[1_234_567..][..7_654]);
    });
}

fn blocks(access: &DiskAccess) -> u64 {
    match access {
        DiskAccess::Read(_, blocks) | DiskAccess::Write(_, blocks) => *blocks,
    }
}

/// A folder with a file that has more holes than an inode tells of, and what the file holds.
fn sparse(folder: &Folder) -> (String, Vec<u8>) {
    let root = folder.path("root");
    fs::create_dir_all(&root).unwrap();
    let sparse = fs::File::create(folder.path("root/sparse")).unwrap();
    sparse.set_len(9_000_000).unwrap();
    let mut expected = vec![0; 9_000_000];
    // Every other block: more extents than the inode holds, and in small blocks more than one node does.
    for number in (0..700).step_by(2).chain([1500, 2100]) {
        let at = number * 4096;
        let bytes = noise(number as u32, 4096);
        sparse.write_all_at(&bytes, at as u64).unwrap();
        expected[at..at + 4096].copy_from_slice(&bytes);
    }
    (root, expected)
}

#[test]
fn holes_are_zeros_and_fragments_are_put_together() {
    let folder = Folder::new();
    let (root, expected) = sparse(&folder);
    let end_hole = fs::File::create(folder.path("root/nothing")).unwrap();
    end_hole.set_len(100_000).unwrap();
    for (kind, options) in KINDS {
        let mut disk = FakeDisk::new(ext(24, options, &folder, &root));
        assert!(content(&mut disk, "sparse").unwrap() == expected, "{kind}");
        assert!(content(&mut disk, "nothing").unwrap() == vec![0; 100_000], "{kind}");
        with(&mut disk, |fs| {
            let file = fs.open("sparse").unwrap();
            assert!(file.pieces() > 300, "{kind}: {}", file.pieces());
            let mut bytes = vec![0xaa; 50_000];
            fs.read(&file, 2_850_000, &mut bytes).unwrap();
            assert!(bytes == expected[2_850_000..2_900_000], "{kind}");
        });
    }
}

#[test]
fn a_damaged_node_of_extents_is_told() {
    let folder = Folder::new();
    let (root, expected) = sparse(&folder);
    let options = ["-t", "ext4", "-O", "metadata_csum", "-b", "4096"];
    let mut image = ext(24, &options, &folder, &root);
    let node = image
        .chunks(4096)
        .position(|block| block.starts_with(&[0x0a, 0xf3]))
        .unwrap();
    assert!(content(&mut FakeDisk::new(image.clone()), "sparse").unwrap() == expected);
    // A byte of its generation, which nobody needs: only the checksum tells.
    image[node * 4096 + 8] ^= 1;
    let error = content(&mut FakeDisk::new(image), "sparse").unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "'sparse' cannot be read from the ext4 file system: the node of its extents in block {node} has a wrong checksum"
        )
    );
}

#[test]
fn directories_are_listed() {
    let folder = Folder::new();
    let (root, _) = tree(&folder);
    fs::create_dir_all(folder.path("root/many")).unwrap();
    for number in 0..1500 {
        fs::write(folder.path(&format!("root/many/a file with number {number}")), []).unwrap();
    }
    for (kind, options) in KINDS {
        let mut disk = FakeDisk::new(ext(24, options, &folder, &root));
        // The index of names is made by e2fsck.
        if kind == "ext4" {
            let image = folder.file("ext.img", &disk.bytes());
            run("e2fsck", &["-fyD", &image]);
            disk = FakeDisk::new(folder.read("ext.img"));
        }
        with(&mut disk, |fs| {
            let mut names = Vec::new();
            let mut list = |path: &str| {
                names.clear();
                fs.list(path, &mut |entry| {
                    names.push((entry.name.clone(), entry.kind, entry.size));
                    ControlFlow::Continue(())
                })
                .map(|()| names.clone())
            };
            let many = list("many").unwrap();
            assert_eq!(many.len(), 1502, "{kind}");
            assert!(many.contains(&("a file with number 1499".into(), EntryKind::File, 0)));
            let boot = list("/boot/up").unwrap();
            assert!(boot.contains(&("f1025".into(), EntryKind::File, 1025)));
            assert!(boot.contains(&("kernel".into(), EntryKind::Link, 13)));
            assert!(
                boot.iter()
                    .any(|(name, kind, _)| name == "deep" && *kind == EntryKind::Directory)
            );
            assert_eq!(list("kernel").unwrap(), [("Image".into(), EntryKind::File, 5 << 20)]);
            assert_eq!(list("none"), Err(FsError::NotFound("none".into())));
            assert!(fs.open("many/a file with number 777").is_ok(), "{kind}");
        });
    }
}

/// Names in a row of an index of names have their inodes anywhere: here those of a few names are on more pages than are held.
#[test]
fn a_directory_whose_inodes_are_far_apart_is_listed() {
    const COUNT: usize = 2000;
    let folder = Folder::new();
    let root = folder.path("root");
    fs::create_dir_all(folder.path("root/many")).unwrap();
    for number in 0..COUNT {
        fs::write(folder.path(&format!("root/many/{number}")), []).unwrap();
    }
    let count = (COUNT + 100).to_string();
    let options = ["-t", "ext4", "-b", "4096", "-I", "4096", "-N", &count];
    let image = folder.file("many.img", &ext(24, &options, &folder, &root));
    run("e2fsck", &["-fyD", &image]);
    let mut names = std::collections::BTreeSet::new();
    with(&mut FakeDisk::new(folder.read("many.img")), |fs| {
        fs.list("many", &mut |entry| {
            names.insert(entry.name.clone());
            ControlFlow::Continue(())
        })
    })
    .unwrap();
    assert_eq!(names.len(), COUNT + 2);
    assert!((0..COUNT).all(|number| names.contains(&number.to_string())));
}

/// A file system before and after some changes, and one that has the changes in its journal alone: as after a power cut.
pub(crate) struct Unclean {
    before: Vec<u8>,
    after: Vec<u8>,
    pub(crate) waiting: Vec<u8>,
}

impl Unclean {
    /// Of `options`, with a journal of that version; `end` are commands for debugfs behind the first transaction.
    pub(crate) fn new(options: &[&str], version: &str, end: &str) -> Self {
        let folder = Folder::new();
        let (root, _) = tree(&folder);
        let before = ext(24, options, &folder, &root);
        let image = folder.file("changed.img", &before);
        let fresh = folder.file("fresh", &noise(70, 9000));
        let changes = format!("cd boot\nwrite {fresh} fresh\nrm one\nmkdir sub\n");
        debugfs(&folder, &changes, &image);
        let after = folder.read("changed.img");
        let size = options
            .iter()
            .position(|option| *option == "-b")
            .map_or(4096, |at| options[at + 1].parse().unwrap());
        // The superblock has the mark of an unclean file system, and stays.
        let numbers: Vec<usize> = (2..before.len() / size)
            .filter(|block| before[block * size..][..size] != after[block * size..][..size])
            .collect();
        let blocks: Vec<u8> = numbers
            .iter()
            .flat_map(|block| &after[block * size..][..size])
            .copied()
            .collect();
        let blocks = folder.file("blocks", &blocks);
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        let image = folder.file("waiting.img", &before);
        let commands = format!("jo {version}\njw -b {} {blocks}\n{end}\njc\n", numbers.join(","));
        debugfs(
            &folder,
            &commands.replace("OLD", &before_block(&folder, &before, size)),
            &image,
        );
        let waiting = folder.read("waiting.img");
        Self { before, after, waiting }
    }

    /// What is seen: the new file, the removed one, the new directory.
    fn seen(image: &[u8]) -> (bool, bool, bool) {
        let mut disk = FakeDisk::new(image.to_vec());
        let fresh = content(&mut disk, "boot/fresh");
        assert!(fresh.is_err() || fresh == Ok(noise(70, 9000)));
        let one = content(&mut disk, "boot/one");
        let sub = with(&mut disk, |fs| fs.list("boot/sub", &mut |_| ControlFlow::Continue(())));
        (fresh.is_ok(), one.is_ok(), sub.is_ok())
    }
}

/// A file with one block of zeros, for transactions that nobody may see.
fn before_block(folder: &Folder, before: &[u8], size: usize) -> String {
    assert!(before.len() > size);
    folder.file("old", &vec![0; size])
}

fn debugfs(folder: &Folder, commands: &str, image: &str) {
    let commands = folder.file("commands", commands.as_bytes());
    tool("debugfs", &["-w", "-f", &commands, image]);
}

fn warnings(image: &[u8]) -> Vec<String> {
    with(&mut FakeDisk::new(image.to_vec()), |fs| fs.warnings().to_vec())
}

#[test]
fn what_waits_in_the_journal_is_read_from_there() {
    for (options, version) in [
        (&["-t", "ext4", "-b", "4096"][..], "-c -v 3"),
        (&["-t", "ext4", "-b", "1024"], "-c -v 3"),
        (&["-t", "ext4", "-O", "^metadata_csum", "-b", "2048"], "-c -v 2"),
        (&["-t", "ext4", "-O", "^metadata_csum,^64bit", "-b", "4096"], "-c -v 2"),
        (&["-t", "ext4", "-O", "^metadata_csum,^64bit", "-b", "4096"], ""),
        (&["-t", "ext3", "-b", "1024"], ""),
    ] {
        // A transaction without its commit counts for nothing.
        let unclean = Unclean::new(options, version, "jw -c -b 30-40 OLD");
        assert_eq!(Unclean::seen(&unclean.before), (false, true, false), "{options:?}");
        assert_eq!(Unclean::seen(&unclean.after), (true, false, true), "{options:?}");
        assert_eq!(
            Unclean::seen(&unclean.waiting),
            (true, false, true),
            "{options:?} {version}"
        );
        let said = warnings(&unclean.waiting);
        assert!(
            said[0].ends_with("of its blocks are read from its journal."),
            "{said:?}"
        );
        // Nothing is written; and other files are where they were.
        let mut disk = FakeDisk::new(unclean.waiting.clone());
        assert!(content(&mut disk, "kernel").unwrap() == noise(6, 5 << 20));
        assert!(disk.bytes() == unclean.waiting);
    }
}

#[test]
fn a_journal_that_makes_no_sense_is_left_alone_with_a_warning() {
    let good = Unclean::new(&["-t", "ext4", "-b", "4096"], "-c -v 3", "").waiting;
    let head = good
        .chunks(4096)
        .position(|block| block[..8] == [0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 4])
        .unwrap()
        * 4096;
    for (at, value, why) in [
        (0, 0, "it is damaged"),
        (12, 1024, "it is damaged"),
        (16, u32::MAX, "it is damaged"),
        (20, 0, "it is damaged"),
        (28, u32::MAX, "it is damaged"),
        (0x28, 0x1000, "it has features that are not supported (0x1000)"),
    ] {
        let mut image = good.clone();
        image[head + at..head + at + 4].copy_from_slice(&u32::to_be_bytes(value));
        assert_eq!(Unclean::seen(&image), (false, true, false), "{at:#x}");
        let said = format!(
            "The file system was not unmounted, and its journal is left alone: {why}. What was written last may be missing."
        );
        assert_eq!(warnings(&image), [said]);
    }
    // A log that breaks off counts as far as it is complete: not at all.
    let mut image = good.clone();
    image[head + 4096 + 8] ^= 1;
    assert_eq!(Unclean::seen(&image), (false, true, false));
    assert_eq!(
        warnings(&image),
        ["The file system was not unmounted: 0 of its blocks are read from its journal."]
    );
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let folder = Folder::new();
    let (root, _) = tree(&folder);
    for (feature, word) in [
        ("inline_data", "inline_data"),
        ("meta_bg,^resize_inode", "meta_bg"),
        ("ea_inode", "ea_inode"),
        ("mmp", "mmp"),
    ] {
        let mut disk = FakeDisk::new(ext(24, &["-t", "ext4", "-O", feature], &folder, &root));
        let mut watch = loader_core::fs::Unwatched;
        let volume = loader_core::fs::Volume::whole(&mut disk, &mut watch).unwrap();
        let error = loader_core::fs::mount(volume).err().expect(feature).to_string();
        assert_eq!(
            error,
            format!("the ext4 file system cannot be used: it has features that are not supported: {word}")
        );
    }
}
