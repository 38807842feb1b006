//! A card with the files of a folder, as `scripts/make-sd` makes it, but in memory: the folder never changes by it.
//!
//! Equal folders make equal cards: their order, numbers and times do not depend on the host.

mod listing;
mod mend;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::path::Path;

use fatfs::{
    Date, DateTime, Dir, FatType, FileSystem, FormatVolumeOptions, FsOptions, Time, TimeProvider, format_volume,
};

pub(crate) use self::listing::CardError;
use self::listing::{CLUSTER, Kind, Node, list, needed, unreadable};
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
const SECTOR: u64 = 512;

/// The volume's name, and the number of disk and volume, which are random on other cards.
const LABEL: [u8; 11] = *b"SLIPWAY    ";
const ID: u32 = 0x534c_4950;

/// The part of the card that has the file system.
type Partition<'a> = Cursor<&'a mut [u8]>;

/// When all files were made: FAT's first day.
#[derive(Debug)]
struct Epoch;

impl TimeProvider for Epoch {
    fn get_current_date(&self) -> Date {
        Date {
            year: 1980,
            month: 1,
            day: 1,
        }
    }

    fn get_current_date_time(&self) -> DateTime {
        DateTime {
            date: self.get_current_date(),
            time: Time {
                hour: 0,
                min: 0,
                sec: 0,
                millis: 0,
            },
        }
    }
}

/// The bytes of a card with all that is in `folder`. Those that nothing was written to cost the host no memory.
///
/// # Errors
/// [`CardError`].
pub(crate) fn of_folder(folder: &Path) -> Result<Vec<u8>, CardError> {
    let nodes = list(folder)?;
    make(folder, &nodes, size(needed(&nodes)))
}

/// The bytes of a card of `size` bytes with the nodes that were found in `folder`.
fn make(folder: &Path, nodes: &[Node], size: u64) -> Result<Vec<u8>, CardError> {
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
    let failed = |source| unreadable(folder, source);
    write_table(start, size).map_err(failed)?;
    format(partition, size).map_err(failed)?;
    let options = FsOptions::new().time_provider(&Epoch);
    let volume = FileSystem::new(Cursor::new(&mut *partition), options).map_err(failed)?;
    fill(&volume.root_dir(), nodes)?;
    // Counts what is free, which is kept on the card.
    volume.stats().map_err(failed)?;
    volume.unmount().map_err(failed)?;
    mend::mend(partition).ok_or_else(|| failed(io::Error::other("no FAT32 was made")))?;
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
    format_volume(Cursor::new(partition), options)
}

/// Copies the nodes to a directory of the card. They are at most as deep as [`list`] goes.
fn fill(directory: &Dir<'_, Partition<'_>>, nodes: &[Node]) -> Result<(), CardError> {
    for node in nodes {
        // fatfs would open what is there.
        match directory.open_file(&node.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (),
            _ => return Err(CardError::Twice(node.path.clone())),
        }
        let failed = |source| unreadable(&node.path, source);
        match &node.kind {
            Kind::File(len) => copy(directory, node, *len).map_err(failed)?,
            Kind::Folder(inside) => fill(&directory.create_dir(&node.name).map_err(failed)?, inside)?,
        }
    }
    Ok(())
}

/// Copies a file, not more than the `len` bytes that there is room for.
fn copy(directory: &Dir<'_, Partition<'_>>, node: &Node, len: u64) -> io::Result<()> {
    let mut content = File::open(&node.path)?.take(len);
    let mut file = directory.create_file(&node.name)?;
    io::copy(&mut content, &mut file)?;
    file.flush()
}
