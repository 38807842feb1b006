//! Disks that hold whatever the fuzzer makes up.

use std::ops::ControlFlow;

use hal::BlockIdx;
use hal::fakes::{DiskAccess, FakeDisk};
use loader_core::fs::{EntryKind, FileSystem, FsError, Unwatched, Volume, mount, read_table};

/// Blocks of the disk: room for the smallest FAT16.
const BLOCKS: usize = 4600;

/// Blocks on both sides of the volume, which nobody may touch.
const MARGIN: usize = 8;

/// How many requests one input may cause.
const PATIENCE: usize = 200_000;

/// A disk of zeros with pieces in it: each has its block (two bytes, little-endian), its place there in units of two bytes, its length, its bytes.
fn disk(mut data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; (BLOCKS + 2 * MARGIN) * 512];
    while let [low, high, place, len, rest @ ..] = data {
        let block = usize::from(u16::from_le_bytes([*low, *high])) % BLOCKS + MARGIN;
        let (piece, behind) = rest.split_at(usize::from(*len).min(rest.len()));
        let at = block * 512 + usize::from(*place) * 2;
        let to = &mut bytes[at..];
        let len = piece.len().min(to.len());
        to[..len].copy_from_slice(&piece[..len]);
        data = behind;
    }
    bytes
}

/// Does something with the volume, and looks where it was.
fn with_volume(bytes: Vec<u8>, work: impl FnOnce(Volume<'_>)) {
    let disk = FakeDisk::new(bytes);
    let (mut device, mut watch) = (disk.clone(), Unwatched);
    let window = (BlockIdx(MARGIN as u64), BLOCKS as u64);
    work(Volume::new(&mut device, &mut watch, window).expect("a volume on the disk"));
    let accesses = disk.take_accesses();
    assert!(accesses.len() < PATIENCE, "{} requests", accesses.len());
    for access in accesses {
        let (DiskAccess::Read(first, count) | DiskAccess::Write(first, count)) = access;
        let inside = first.get() >= window.0.get() && first.get() + count <= window.0.get() + window.1;
        assert!(inside, "{access:?} is outside of the volume");
    }
}

/// A number of four bytes, little-endian.
fn number(bytes: &[u8], at: usize) -> usize {
    let bytes = bytes[at..at + 4].try_into().expect("four bytes");
    usize::try_from(u32::from_le_bytes(bytes)).expect("a host of 64 bits")
}

/// Makes the checksums of the GPT right whose header is in a block of the volume.
fn seal(bytes: &mut [u8], block: usize) {
    let header = (MARGIN + block) * 512;
    let (first, size) = (
        number(bytes, header + 72),
        number(bytes, header + 80).saturating_mul(number(bytes, header + 84)),
    );
    let first = first.saturating_add(MARGIN).saturating_mul(512);
    let entries = bytes.get(first..first.saturating_add(size)).map_or(0, crc32fast::hash);
    bytes[header + 88..header + 92].copy_from_slice(&entries.to_le_bytes());
    bytes[header + 16..header + 20].fill(0);
    let size = number(bytes, header + 12);
    let sum = bytes
        .get(header..header.saturating_add(size))
        .map_or(0, crc32fast::hash);
    bytes[header + 16..header + 20].copy_from_slice(&sum.to_le_bytes());
}

/// A partition table. The first byte says which copies of a GPT get right checksums.
pub(super) fn partition(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    let mut bytes = disk(data);
    for (bit, block) in [(1, 1), (2, BLOCKS - 1)] {
        if kind & bit != 0 {
            seal(&mut bytes, block);
        }
    }
    with_volume(bytes, |mut volume| {
        let Ok(table) = read_table(&mut volume) else { return };
        let numbers: Vec<u32> = table.partitions.iter().map(|partition| partition.number).collect();
        assert!(numbers.is_sorted_by(|one, other| one < other), "{numbers:?}");
        assert!(numbers.len() <= 1024);
    });
}

/// Reads a file, as much as there is room for.
fn read(fs: &mut dyn FileSystem, path: &str) -> Result<Vec<u8>, FsError> {
    let file = fs.open(path)?;
    let mut bytes = vec![0; usize::try_from(file.size()).unwrap_or(usize::MAX).min(100_000)];
    fs.read(&file, 0, &mut bytes)?;
    Ok(bytes)
}

/// Lists directories and reads files, some of them.
fn explore(fs: &mut dyn FileSystem) {
    let mut open = vec![String::new()];
    let mut looked = 0;
    while let Some(path) = open.pop() {
        let mut found = Vec::new();
        let _ = fs.list(&path, &mut |entry| {
            found.push(entry.clone());
            if found.len() < 100 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        for entry in found {
            let path = format!("{path}/{}", entry.name);
            looked += 1;
            if looked > 20 {
                return;
            }
            if entry.kind == EntryKind::Directory && !entry.name.starts_with('.') {
                open.push(path.clone());
            }
            let _ = read(fs, &path);
        }
    }
}

/// A FAT. The first byte says what is written to it.
pub(super) fn fat(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    with_volume(disk(data), |volume| {
        let Ok(mut fs) = mount(volume) else { return };
        explore(&mut *fs);
        let bytes = vec![*kind; 1500];
        for path in ["dir/Another long name", "file", "dir/sub/x"] {
            let written = if kind & 1 == 0 {
                fs.write(path, None, &bytes)
            } else {
                fs.write(path, Some(100), &bytes)
            };
            if let (Ok(()), Ok(read)) = (written, read(&mut *fs, path)) {
                let at = usize::from(kind & 1) * 100;
                assert!(
                    read[at..at + bytes.len()] == bytes,
                    "{path} has something else than was written"
                );
            }
        }
        let _ = fs.make_dir("dir/new");
        let _ = fs.remove("dir/Another long name");
        let _ = fs.remove(if kind & 2 == 0 { "dir/sub" } else { "file" });
        explore(&mut *fs);
    });
}

/// An ext2, ext3 or ext4.
pub(super) fn ext4(data: &[u8]) {
    with_volume(disk(data), |volume| {
        let Ok(mut fs) = mount(volume) else { return };
        explore(&mut *fs);
        for path in ["link", "dir/../link/x", "dir/sub/../../file"] {
            let _ = read(&mut *fs, path);
        }
    });
}
