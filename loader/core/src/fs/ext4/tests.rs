use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use hal::fakes::FakeDisk;

use super::super::field::{le32, put};
use super::super::{FileSystem, FsError, Unwatched, Volume, mount};
use super::superblock::crc32c;

mod journal;

const BLOCK: usize = 1024;

/// Blocks of the smallest file system of these tests: superblock 1, descriptors 2, inodes from 5 on, data from 20 on.
const BLOCKS: usize = 200;

/// Inodes of 128 bytes, in the order of their numbers.
const INODES: usize = 5 * BLOCK;

/// An ext2 with a root directory and a file, made by hand.
struct Image(Vec<u8>);

impl Image {
    fn new() -> Self {
        let mut image = Self(vec![0; BLOCKS * BLOCK]);
        for (at, value) in [
            (0, 64),
            (4, 200),
            (0x14, 1),
            (0x18, 0),
            (0x20, 8192),
            (0x28, 64),
            (0x4c, 1),
            (0x60, 0x42),
        ] {
            image.put(1, at, &u32::to_le_bytes(value));
        }
        image.put(1, 0x38, &[0x53, 0xef]);
        image.put(1, 0x58, &[128, 0]);
        image.put(1, 0x68, &[0x5a; 16]);
        image.put(1, 0x78, b"label");
        image.put(2, 8, &[5, 0, 0, 0]);
        image.inode(2, (0x41ed, 1024, 0x8_0000), &extents(0, &[(0, 1, 20)]));
        image.inode(12, (0x81a4, 2500, 0x8_0000), &extents(0, &[(0, 2, 30), (2, 1, 40)]));
        image.put(20, 0, &name(2, 12, 2, "."));
        image.put(20, 12, &name(2, 12, 2, ".."));
        image.put(20, 24, &name(12, 1000, 1, "file"));
        for block in [30, 31, 40] {
            image.0[block * BLOCK..][..BLOCK].fill(u8::try_from(block).unwrap());
        }
        image
    }

    fn put(&mut self, block: usize, at: usize, value: &[u8]) {
        put(&mut self.0, block * BLOCK + at, value);
    }

    /// An inode: mode, size and flags, and its map.
    fn inode(&mut self, number: usize, (mode, size, flags): (u16, u64, u32), map: &[u8]) {
        let at = INODES + (number - 1) * 128;
        self.0[at..at + 128].fill(0);
        put(&mut self.0, at, &mode.to_le_bytes());
        put(&mut self.0, at + 4, &(size as u32).to_le_bytes());
        put(&mut self.0, at + 0x6c, &((size >> 32) as u32).to_le_bytes());
        put(&mut self.0, at + 0x20, &flags.to_le_bytes());
        put(&mut self.0, at + 0x28, map);
    }

    fn with<T>(&self, work: impl FnOnce(&mut dyn FileSystem) -> T) -> Result<T, FsError> {
        let (mut disk, mut watch) = (FakeDisk::new(self.0.clone()), Unwatched);
        let mut fs = mount(Volume::whole(&mut disk, &mut watch)?)?;
        Ok(work(&mut *fs))
    }

    /// What `path` holds, or what is said.
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let result = self.with(|fs| {
            let file = fs.open(path)?;
            let mut bytes = vec![0xaa; usize::try_from(file.size()).unwrap().min(100_000)];
            fs.read(&file, 0, &mut bytes).map(|()| bytes)
        });
        result.and_then(|result| result).map_err(|error| error.to_string())
    }

    fn error(&self, path: &str) -> String {
        self.read(path).unwrap_err()
    }
}

/// A node of extents with these entries: block of the file, how many, block of the volume.
fn extents(depth: u16, entries: &[(u32, u16, u32)]) -> Vec<u8> {
    let count = u16::try_from(entries.len()).unwrap();
    let mut node = [0xf30a, count, 84, depth, 0, 0].map(u16::to_le_bytes).concat();
    for (block, len, start) in entries {
        node.extend(block.to_le_bytes());
        if depth == 0 {
            node.extend([&len.to_le_bytes()[..], &[0, 0], &start.to_le_bytes()].concat());
        } else {
            node.extend([&start.to_le_bytes()[..], &[0; 4]].concat());
        }
    }
    node
}

/// An entry of a directory.
fn name(inode: u32, len: u16, kind: u8, name: &str) -> Vec<u8> {
    let head = [&inode.to_le_bytes()[..], &len.to_le_bytes(), &[name.len() as u8, kind]].concat();
    [&head, name.as_bytes()].concat()
}

#[test]
fn the_image_made_by_hand_is_good() {
    let image = Image::new();
    let expected = [[30; 1024], [31; 1024], [40; 1024]].concat();
    assert_eq!(image.read("file"), Ok(expected[..2500].to_vec()));
    image
        .with(|fs| {
            assert_eq!(
                (fs.label().unwrap().as_str(), fs.uuid()),
                ("label", "5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a")
            );
            assert_eq!(fs.open("file").unwrap().pieces(), 2);
        })
        .unwrap();
}

/// Where the superblock has something, what, and what is said.
const BAD_SUPERBLOCKS: &[(usize, u32, &str)] = &[
    (0x18, 7, "its blocks would have 2^7 KiB; 1 to 64 KiB are possible"),
    (0x18, 22, "its blocks would have 2^22 KiB; 1 to 64 KiB are possible"),
    (
        4,
        u32::MAX,
        "it has 4294967295 blocks of 1024 bytes, and the partition only 204800 bytes",
    ),
    (
        4,
        201,
        "it has 201 blocks of 1024 bytes, and the partition only 204800 bytes",
    ),
    (
        0x150,
        1,
        "it has 4294967496 blocks of 1024 bytes, and the partition only 204800 bytes",
    ),
    (4, 0, "its first data block of 1 makes no sense"),
    (0x14, 0, "its first data block of 0 makes no sense"),
    (
        0x20,
        0,
        "its 199 blocks would be in groups of 0; up to 32768 groups are read",
    ),
    (0x28, 0, "its number of inodes in a group of 0 makes no sense"),
    (
        0x28,
        u32::MAX,
        "its number of inodes in a group of 4294967295 makes no sense",
    ),
    (0x4c, 0, "it is of revision 0; revision 1 is supported"),
    (0x58, 0, "its inode size of 0 makes no sense"),
    (0x58, 129, "its inode size of 129 makes no sense"),
    (0x58, 2048, "its inode size of 2048 makes no sense"),
    (0x60, 0xc2, "its group descriptor size of 0 makes no sense"),
    (0x60, 0x40, "it has features that are not supported: no filetype"),
    (0x60, 0x8042, "it has features that are not supported: inline_data"),
    (
        0x60,
        0xff04_0042,
        "it has features that are not supported: unknown (0xff040000)",
    ),
    (0x64, 0x400, "its superblock's CRC-32C is "),
];

#[test]
fn superblocks_that_make_no_sense_are_refused() {
    for (at, value, said) in BAD_SUPERBLOCKS {
        let mut image = Image::new();
        image.put(1, *at, &u32::to_le_bytes(*value));
        let error = image.error("file");
        let shown = error
            .strip_prefix("the ext4 file system cannot be used: ")
            .unwrap_or(&error);
        assert!(shown.starts_with(said), "{at:#x} {value:#x}: {error}");
    }
    let mut image = Image::new();
    image.put(1, 0x60, &[0xc2]);
    for size in [1_u16, 32, 63, 65, 2048, u16::MAX] {
        image.put(1, 0xfe, &size.to_le_bytes());
        assert!(
            image
                .error("file")
                .contains(&format!("its group descriptor size of {size} makes no sense"))
        );
    }
}

#[test]
fn many_small_groups_are_refused_before_memory_is_taken() {
    let mut image = Image(vec![0; 40_000 * BLOCK]);
    image.0[..BLOCKS * BLOCK].copy_from_slice(&Image::new().0);
    image.put(1, 4, &40_000_u32.to_le_bytes());
    image.put(1, 0x20, &1_u32.to_le_bytes());
    assert!(
        image
            .error("file")
            .contains("its 39999 blocks would be in groups of 1; up to 32768")
    );
}

#[test]
fn truncated_images_are_refused() {
    let image = Image::new();
    for blocks in 0..BLOCKS {
        assert!(
            Image(image.0[..blocks * BLOCK].to_vec()).read("file").is_err(),
            "{blocks}"
        );
    }
}

#[test]
fn damaged_extents_are_told() {
    let said = |map: &[u8]| {
        let mut image = Image::new();
        image.inode(12, (0x81a4, 5000, 0x8_0000), map);
        let error = image.error("file");
        error
            .strip_prefix("'file' cannot be read from the ext4 file system: ")
            .unwrap_or(&error)
            .to_string()
    };
    // What is in the inode itself the crate sees first.
    assert!(said(&[0; 60]).contains("extent in inode 12 has invalid magic"));
    assert!(said(&extents(6, &[(0, 0, 50)])).contains("depth"));
    let mut many = extents(0, &[(0, 1, 20)]);
    put(&mut many, 2, &5_u16.to_le_bytes());
    assert!(said(&many).contains("inode 12"), "{}", said(&many));
    assert_eq!(
        said(&extents(0, &[(0, 1, 199), (1, 2, 199)])),
        "its block 199 is not on the volume"
    );
    assert_eq!(said(&extents(0, &[(0, 1, 0)])), "its block 0 is not on the volume");
    assert_eq!(
        said(&extents(0, &[(0, 1, u32::MAX)])),
        "its block 4294967295 is not on the volume"
    );
    assert_eq!(
        said(&extents(0, &[(0, 32_768, 20)])),
        "its block 20 is not on the volume"
    );
    assert_eq!(
        said(&extents(0, &[(0, 0, 20)])),
        "an extent has no blocks, at block 0 of the file"
    );
    assert_eq!(
        said(&extents(0, &[(0, 2, 20), (1, 1, 30)])),
        "its extents are out of order at block 1 of the file"
    );
    assert_eq!(
        said(&extents(0, &[(9, 1, 20), (3, 1, 30)])),
        "its extents are out of order at block 3 of the file"
    );
    assert_eq!(said(&extents(1, &[(0, 0, 300)])), "its block 300 is not on the volume");
    assert_eq!(
        said(&extents(1, &[(0, 0, 60)])),
        "a node of its extents begins with 0x0000 in place of 0xf30a"
    );
}

#[test]
fn trees_of_extents_that_loop_end() {
    // Each level leads to itself, or to one that is as deep: neither is a level down.
    let mut image = Image::new();
    image.inode(12, (0x81a4, 5000, 0x8_0000), &extents(2, &[(0, 0, 50)]));
    image.put(50, 0, &extents(2, &[(0, 0, 50)]));
    assert!(image.error("file").contains("says that it is 2 levels deep"));
    // Nodes without entries, as many as there can be.
    image.inode(12, (0x81a4, 5000, 0x8_0000), &extents(4, &[(0, 0, 50); 4]));
    for (block, depth) in [(50, 3), (51, 2), (52, 1)] {
        image.put(block, 0, &extents(depth, &vec![(0, 0, block as u32 + 1); 84]));
    }
    image.put(53, 0, &extents(0, &[]));
    assert!(
        image.error("file").contains("more than 32768 blocks tell where it is"),
        "{}",
        image.error("file")
    );
}

#[test]
fn holes_and_blocks_nobody_has_written_are_zeros() {
    let mut image = Image::new();
    image.inode(
        12,
        (0x81a4, 5000, 0x8_0000),
        &extents(0, &[(1, 1, 30), (2, 32_769, 31), (4, 9, 40)]),
    );
    let bytes = image.read("file").unwrap();
    let expected = [[0; 1024], [30; 1024], [0; 1024], [0; 1024], [40; 1024]].concat();
    assert!(bytes == expected[..5000]);
    // A file of nothing, however long it says that it is.
    image.inode(12, (0x81a4, 1 << 40, 0x8_0000), &extents(0, &[]));
    assert_eq!(image.read("file"), Ok(vec![0; 100_000]));
}

#[test]
fn block_numbers_of_ext2_are_checked() {
    let numbers = |numbers: &[(usize, u32)]| {
        let mut map = [0; 60];
        for (index, number) in numbers {
            put(&mut map, index * 4, &number.to_le_bytes());
        }
        map
    };
    let mut image = Image::new();
    image.inode(
        12,
        (0x81a4, 13 * 1024 + 5, 0),
        &numbers(&[(0, 30), (1, 31), (11, 40), (12, 60)]),
    );
    image.put(60, 0, &30_u32.to_le_bytes());
    image.put(60, 4, &31_u32.to_le_bytes());
    let bytes = image.read("file").unwrap();
    assert_eq!(
        [0, 1024, 2048, 11 * 1024, 12 * 1024, 13 * 1024].map(|at| bytes[at]),
        [30, 31, 0, 40, 30, 31]
    );
    for bad in [1, 200, u32::MAX] {
        image.inode(12, (0x81a4, 13 * 1024, 0), &numbers(&[(0, bad)]));
        assert!(
            image
                .error("file")
                .contains(&format!("its block {bad} is not on the volume"))
        );
        image.inode(12, (0x81a4, 13 * 1024, 0), &numbers(&[(12, bad)]));
        assert!(
            image
                .error("file")
                .contains(&format!("its block {bad} is not on the volume"))
        );
    }
    // Three levels that are the same block.
    image.inode(12, (0x81a4, u64::from(u32::MAX), 0), &numbers(&[(14, 70)]));
    for index in 0..256 {
        image.put(70, index * 4, &70_u32.to_le_bytes());
    }
    let error = image.error("file");
    assert!(
        error.contains("it lies in more than") || error.contains("more than 32768 blocks tell"),
        "{error}"
    );
    // A terabyte of holes costs nothing.
    image.inode(12, (0x81a4, 1 << 40, 0), &numbers(&[]));
    assert_eq!(image.read("file"), Ok(vec![0; 100_000]));
}

#[test]
fn inodes_that_are_nowhere_are_told() {
    for (number, table) in [(65, 5), (0, 5), (u32::MAX, 5), (12, 0), (12, u32::MAX), (12, 199)] {
        let mut image = Image::new();
        image.put(2, 8, &u32::to_le_bytes(table));
        image.put(20, 24, &name(number, 1000, 1, "file"));
        let error = image.error("file");
        assert!(!error.is_empty(), "{number} {table}");
    }
}

#[test]
fn links_are_bounded() {
    let mut image = Image::new();
    let mut link = |target: &[u8], size: u64| {
        let mut map = [0; 60];
        put(&mut map, 0, target);
        image.inode(12, (0xa1ff, size, 0), &map);
        image.error("file")
    };
    assert_eq!(link(b"file", 4), "'file' leads over more than 8 symbolic links");
    assert_eq!(link(b"./x/../file", 11), "File not found: 'file'");
    assert_eq!(link(b"/", 1), "'file' is a directory");
    for size in [4096, u64::from(u32::MAX), 1 << 62, u64::MAX] {
        let said = link(b"file", size);
        assert!(
            said.contains("has no target of up to 4095 bytes")
                || said.contains("cannot be read from the ext4 file system"),
            "{said}"
        );
    }
    assert!(
        link(&[0xff, 0xfe], 2).contains("has no target"),
        "{}",
        link(&[0xff, 0xfe], 2)
    );
    assert!(!link(b"", 0).is_empty());
}

#[test]
fn directories_without_end_are_refused() {
    let mut image = Image::new();
    for size in [(16 << 20) + 1024, 1 << 40] {
        image.inode(2, (0x41ed, size, 0x8_0000), &extents(0, &[(0, 1, 20)]));
        assert!(
            image.error("file").contains("more than the 16 MiB that are read"),
            "{}",
            image.error("file")
        );
        assert!(
            image
                .with(|fs| fs.list("/", &mut |_| ControlFlow::Continue(())))
                .unwrap()
                .is_err()
        );
    }
    // The same block over and over.
    let map = extents(0, &[(0, 100, 20), (100, 100, 20), (200, 100, 20)]);
    image.inode(2, (0x41ed, 300 * 1024, 0x8_0000), &map);
    let mut count = 0;
    let _ = image.with(|fs| {
        fs.list("/", &mut |_| {
            count += 1;
            ControlFlow::Continue(())
        })
    });
    assert!(count < 2000);
}

#[test]
fn long_directories_are_not_searched_for_ever() {
    // The root contains itself, and says that it has 15 MiB.
    let mut image = Image::new();
    image.inode(2, (0x41ed, 15 << 20, 0x8_0000), &extents(0, &[(0, 1, 20)]));
    image.put(20, 24, &name(12, 16, 1, "file"));
    image.put(20, 40, &name(2, 984, 2, "d"));
    assert!(image.read("d/file").is_ok());
    assert_eq!(
        image.error("d/d/d/d/file"),
        "'d/d/d/d/file' leads through more than 64 MiB of directories"
    );
    // So it is if a link of a few bytes leads there.
    let mut map = [0; 60];
    put(&mut map, 0, b"d/d/d/d/d/d/d/x");
    image.inode(12, (0xa1ff, 15, 0), &map);
    assert_eq!(
        image.error("file"),
        "'file' leads through more than 64 MiB of directories"
    );
}

#[test]
fn a_file_in_place_of_a_directory_is_told() {
    let image = Image::new();
    assert_eq!(image.error("file/x"), "'file/x' is not a directory");
    assert_eq!(image.error("."), "'.' is a directory");
    assert_eq!(image.error("../none"), "File not found: '../none'");
    assert_eq!(image.error("file/../file"), "'file/../file' is not a directory");
    let mut image = Image::new();
    image.inode(12, (0x21a4, 0, 0), &[0; 60]);
    assert_eq!(image.error("file"), "'file' is no regular file");
}

#[test]
fn the_checksum_is_that_of_ext4() {
    // CRC-32C's check value, not inverted.
    assert_eq!(crc32c(u32::MAX, b"123456789"), !0xe306_9283);
    let image = Image::new();
    assert_eq!(le32(&image.0, BLOCK + 0x60), 0x42);
}
