//! The GUID partition table (UEFI specification, 5.3): a header and an array of entries, both with CRC-32, and a copy at the end of the
//! disk.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use hal::BlockIdx;

use super::super::field::{bytes, le16, le32, le64, put, utf16};
use super::super::volume::{BLOCK, Volume, VolumeError};
use super::{GptFault, Guid, Kind, Partition, PartitionError, Scheme, Table, byte_count};

const SIGNATURE: &[u8; 8] = b"EFI PART";

/// Bytes of the fields of a header, the least that it may have.
const HEADER_SIZE: u32 = 92;

/// The most entries that are read. 128 is what everybody makes.
const MAX_ENTRIES: u32 = 1024;

/// The most bytes that entries may take.
const MAX_BYTES: u64 = 512 * 1024;

/// Bytes of the fields of an entry.
const ENTRY_SIZE: u32 = 128;

/// The attribute bit of what a BIOS boots (UEFI specification, table 24).
const LEGACY_BOOT: u64 = 1 << 2;

/// Reads the table: the primary one at block 1, or else the backup in the last block.
pub(super) fn read(disk: &mut Volume<'_>) -> Result<Table, PartitionError> {
    let last = disk.blocks().saturating_sub(1);
    let primary = match read_copy(disk, 1)? {
        Ok((mut table, backup)) => {
            // Said while it can still be repaired. It is where the primary says: a card may be larger than the image written to it.
            if let Err(fault) = check_backup(disk, backup)? {
                table
                    .warnings
                    .push(format!("The backup GPT in block {backup} is damaged: {fault}."));
            }
            return Ok(table);
        }
        Err(fault) => fault,
    };
    match read_copy(disk, last)? {
        Ok((mut table, _)) => {
            let warning = format!("The primary GPT is damaged, the backup in block {last} is used: {primary}.");
            table.warnings.push(warning);
            Ok(table)
        }
        Err(backup) => Err(PartitionError::Gpt { primary, backup }),
    }
}

/// Whether the backup's header is whole. Its entries are left alone: nobody waits for them.
fn check_backup(disk: &mut Volume<'_>, at: u64) -> Result<Result<(), GptFault>, VolumeError> {
    Ok(read_block(disk, at)?.and_then(|sector| header(&sector, at)).map(drop))
}

/// What a whole header says.
struct Header {
    /// Where the other copy's header is.
    other: u64,
    disk: Guid,
    first_entry: u64,
    count: u32,
    size: u32,
    entries_crc: u32,
}

/// One copy of the table and where the other one is, or what is wrong with it.
fn read_copy(disk: &mut Volume<'_>, at: u64) -> Result<Result<(Table, u64), GptFault>, VolumeError> {
    let header = match read_block(disk, at)?.and_then(|sector| header(&sector, at)) {
        Ok(header) => header,
        Err(fault) => return Ok(Err(fault)),
    };
    let entries = match read_entries(disk, &header)? {
        Ok(entries) => entries,
        Err(fault) => return Ok(Err(fault)),
    };
    let size = usize::try_from(header.size).unwrap_or(usize::MAX);
    let partitions = (1..).zip(entries.chunks_exact(size));
    let table = Table {
        scheme: Scheme::Gpt,
        partitions: partitions
            .filter_map(|(number, entry)| partition(number, entry))
            .collect(),
        disk_id: header.disk.to_string(),
        warnings: Vec::new(),
    };
    Ok(Ok((table, header.other)))
}

/// A block; a bad one does not keep the other copy from being read, anything else does.
fn read_block(disk: &mut Volume<'_>, at: u64) -> Result<Result<[u8; 512], GptFault>, VolumeError> {
    let mut sector = [0; 512];
    match disk.read_blocks(at, &mut sector) {
        Ok(()) => Ok(Ok(sector)),
        Err(VolumeError::Device(_) | VolumeError::Outside { .. }) => Ok(Err(GptFault::Unreadable(at))),
        Err(error) => Err(error),
    }
}

fn header(sector: &[u8; 512], at: u64) -> Result<Header, GptFault> {
    if bytes::<8>(sector, 0) != *SIGNATURE {
        return Err(GptFault::Signature(at));
    }
    let len = le32(sector, 12);
    let covered = usize::try_from(len).ok().filter(|_| len >= HEADER_SIZE);
    let covered = covered
        .and_then(|len| sector.get(..len))
        .ok_or(GptFault::HeaderSize(len))?;
    let mut covered = covered.to_vec();
    put(&mut covered, 16, &[0; 4]);
    let (stored, computed) = (le32(sector, 16), crc32fast::hash(&covered));
    if stored != computed {
        return Err(GptFault::HeaderCrc { stored, computed });
    }
    let said = le64(sector, 24);
    if said != at {
        return Err(GptFault::Misplaced { found: at, said });
    }
    let (count, size) = (le32(sector, 80), le32(sector, 84));
    let sound = count <= MAX_ENTRIES && (ENTRY_SIZE..=4096).contains(&size) && size.is_power_of_two();
    if !sound || u64::from(count).saturating_mul(size.into()) > MAX_BYTES {
        return Err(GptFault::Entries { count, size });
    }
    Ok(Header {
        other: le64(sector, 32),
        disk: Guid(bytes(sector, 56)),
        first_entry: le64(sector, 72),
        count,
        size,
        entries_crc: le32(sector, 88),
    })
}

/// The array of entries, if its checksum is right.
fn read_entries(disk: &mut Volume<'_>, header: &Header) -> Result<Result<Vec<u8>, GptFault>, VolumeError> {
    let len = u64::from(header.count).saturating_mul(header.size.into());
    let blocks = len.div_ceil(BLOCK);
    let end = header.first_entry.checked_add(blocks);
    if end.is_none_or(|end| end > disk.blocks()) {
        return Ok(Err(GptFault::EntriesOutside(header.first_entry)));
    }
    let mut entries = vec![0; byte_count(blocks)];
    match disk.read_blocks(header.first_entry, &mut entries) {
        Ok(()) => {}
        Err(VolumeError::Device(_)) => return Ok(Err(GptFault::Unreadable(header.first_entry))),
        Err(error) => return Err(error),
    }
    entries.truncate(usize::try_from(len).unwrap_or(0));
    let (stored, computed) = (header.entries_crc, crc32fast::hash(&entries));
    if stored != computed {
        return Ok(Err(GptFault::EntriesCrc { stored, computed }));
    }
    Ok(Ok(entries))
}

/// The partition of an entry; `None` if it is unused (UEFI specification, table 21).
fn partition(number: u32, entry: &[u8]) -> Option<Partition> {
    let kind = Guid(bytes(entry, 0));
    let (first, last) = (le64(entry, 32), le64(entry, 40));
    if kind == Guid::default() || last < first {
        return None;
    }
    let attributes = le64(entry, 48);
    let units = entry.get(56..128).unwrap_or_default();
    Some(Partition {
        number,
        start: BlockIdx(first),
        blocks: last.saturating_sub(first).saturating_add(1),
        name: utf16(units.chunks_exact(2).map(|unit| le16(unit, 0))),
        kind: Kind::Gpt(kind),
        uuid: Guid(bytes(entry, 16)).to_string(),
        bootable: attributes & LEGACY_BOOT != 0,
        attributes,
    })
}
