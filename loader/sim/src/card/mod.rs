//! A card with the files of a folder, as `scripts/make-sd` makes it, but in memory: the folder never changes by it.
//!
//! Equal folders make equal cards: their order, numbers and times do not depend on the host.

mod listing;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::path::Path;

use fatfs::{FatType, FormatVolumeOptions, FsOptions, format_volume};
use hal::block::BLOCK_SIZE;
use hal::{BlockDevice, BlockIdx};
use loader_core::fs::{FileSystem, FsError, Unwatched, Volume, mount};

use self::listing::{CLUSTER, Kind, needed, unreadable};
pub(crate) use self::listing::{CardError, Node, list};
use crate::ram;

const MIB: u64 = 1 << 20;
/// Where the partition begins, in bytes: where cards like it.
const START: usize = 1 << 20;
/// The smallest card, in bytes, which has enough clusters for a FAT32.
const SMALLEST: u64 = 64 * MIB;
/// From this size on, in bytes, a card has clusters of [`CLUSTER`] bytes. Of these, smaller ones would have too few for a FAT32.
const LARGE: u64 = 512 * MIB;
/// The smallest size, in bytes, that is too large for a card: FAT32 does not number so many clusters.
const TOO_LARGE: u64 = 1 << 40;
/// Bytes of a sector.
const SECTOR: u64 = BLOCK_SIZE as u64;

/// The volume's name, and the number of disk and volume, which are random on other cards.
const LABEL: [u8; 11] = *b"SLIPWAY    ";
const ID: u32 = 0x534c_4950;

/// The bytes of a card with an empty file system that has room for the nodes that were found in `folder`. Those that nothing is written
/// to cost the host no memory.
///
/// # Errors
/// [`CardError`].
pub(crate) fn empty(folder: &Path, nodes: &[Node]) -> Result<Vec<u8>, CardError> {
    make(folder, size(needed(nodes)))
}

/// The bytes of an empty card of `size` bytes, for what is in `folder`.
fn make(folder: &Path, size: u64) -> Result<Vec<u8>, CardError> {
    let no_room = |source| CardError::NoRoom {
        path: folder.to_owned(),
        mib: size / MIB,
        source,
    };
    if size >= TOO_LARGE {
        return Err(no_room(None));
    }
    let mut card = ram::zeros(size).map_err(|error| no_room(Some(error)))?;
    let (start, partition) = card.split_at_mut(START);
    let made = write_table(start, size).and_then(|()| format(partition, size));
    made.map_err(|source| unreadable(folder, source))?;
    Ok(card)
}

/// Bytes of a card whose files take `content` bytes: a quarter more, rounded up to a power of two.
fn size(content: u64) -> u64 {
    let least = content.saturating_add(content / 4).saturating_add(START as u64);
    least.max(SMALLEST).checked_next_power_of_two().unwrap_or(u64::MAX)
}

/// Writes the master boot record: one partition of type 0x0c (FAT32, counted in blocks), marked bootable.
fn write_table(mut start: &mut [u8], size: u64) -> io::Result<()> {
    // Cylinder, head and sector of what lies beyond them.
    const BEYOND: [u8; 3] = [0xfe, 0xff, 0xff];
    let first = START as u64 / SECTOR;
    let blocks = (size / SECTOR).saturating_sub(first);
    let [first, blocks] = [first, blocks].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    // No code, the disk's number, four entries, the mark at the end.
    start.write_all(&[0; 440])?;
    start.write_all(&ID.to_le_bytes())?;
    start.write_all(&[0, 0, 0x80])?;
    start.write_all(&BEYOND)?;
    start.write_all(&[0x0c])?;
    start.write_all(&BEYOND)?;
    start.write_all(&first.to_le_bytes())?;
    start.write_all(&blocks.to_le_bytes())?;
    start.write_all(&[0; 3 * 16])?;
    start.write_all(&[0x55, 0xaa])
}

fn format(partition: &mut [u8], size: u64) -> io::Result<()> {
    let cluster = if size < LARGE { SECTOR } else { CLUSTER };
    let options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat32)
        .bytes_per_cluster(u32::try_from(cluster).unwrap_or(u32::MAX))
        .volume_id(ID)
        .volume_label(LABEL);
    format_volume(Cursor::new(&mut *partition), options)?;
    // Counts what is free, which is kept on the card.
    let volume = fatfs::FileSystem::new(Cursor::new(partition), FsOptions::new())?;
    volume.stats()?;
    volume.unmount()
}

/// Copies the nodes that were found in `folder` to the empty card, as the loader writes to any.
///
/// # Errors
/// [`CardError`].
pub(crate) fn fill(card: &mut dyn BlockDevice, folder: &Path, nodes: &[Node]) -> Result<(), CardError> {
    let partition = (BlockIdx(START as u64 / SECTOR), u64::MAX);
    let mut watch = Unwatched;
    let volume = Volume::new(card, &mut watch, partition).map_err(FsError::from);
    let mut volume = volume.and_then(mount).map_err(|error| refused(folder, error))?;
    copy_all(&mut *volume, "", nodes)
}

/// Copies nodes to the directory `parent` of the card. They are at most as deep as [`list`] goes.
fn copy_all(volume: &mut dyn FileSystem, parent: &str, nodes: &[Node]) -> Result<(), CardError> {
    for node in nodes {
        let path = format!("{parent}/{}", node.name);
        match volume.open(&path) {
            Err(FsError::NotFound(_)) => (),
            Ok(_) | Err(FsError::IsDirectory(_)) => return Err(CardError::Twice(node.path.clone())),
            Err(error) => return Err(refused(&node.path, error)),
        }
        match &node.kind {
            Kind::File(len) => {
                let bytes = read(&node.path, *len).map_err(|source| unreadable(&node.path, source))?;
                let written = volume.write(&path, None, &bytes);
                written.map_err(|error| refused(&node.path, error))?;
            }
            Kind::Folder(inside) => {
                volume.make_dir(&path).map_err(|error| refused(&node.path, error))?;
                copy_all(volume, &path, inside)?;
            }
        }
    }
    Ok(())
}

/// A file, not more than the `len` bytes that there is room for.
fn read(path: &Path, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(len).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn refused(path: &Path, error: FsError) -> CardError {
    unreadable(path, io::Error::other(error))
}
