//! The master boot record: four primary partitions, and a chain of records for the logical ones.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use hal::BlockIdx;

use super::super::field::{bytes, le16, le32};
use super::super::volume::Volume;
use super::{Kind, Partition, PartitionError, Scheme, Table};

/// Where the disk's signature, the entries, and the record's own signature are.
const DISK_SIGNATURE: usize = 0x1b8;
const ENTRIES: usize = 0x1be;
const ENTRY_SIZE: usize = 16;
const SIGNATURE: usize = 510;

/// Type byte of the entry that protects a GPT (UEFI specification, 5.2.3).
const PROTECTIVE: u8 = 0xee;

/// How many logical partitions are followed; Linux stops at 60 partitions, U-Boot at 128.
const MAX_LOGICAL: usize = 124;

/// One of the four entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    status: u8,
    kind: u8,
    /// In an extended partition's records it counts from elsewhere.
    start: u32,
    blocks: u32,
}

impl Entry {
    fn is_used(self) -> bool {
        self.kind != 0 && self.blocks != 0
    }

    fn is_extended(self) -> bool {
        Kind::Mbr(self.kind).is_extended()
    }
}

fn entry(sector: &[u8; 512], index: usize) -> Entry {
    let at = ENTRIES.saturating_add(index.saturating_mul(ENTRY_SIZE));
    let [status] = bytes(sector, at);
    let [kind] = bytes(sector, at.saturating_add(4));
    Entry {
        status,
        kind,
        start: le32(sector, at.saturating_add(8)),
        blocks: le32(sector, at.saturating_add(12)),
    }
}

/// The entries, all unused if the record has no signature.
pub(super) fn entries(sector: &[u8; 512]) -> [Entry; 4] {
    if le16(sector, SIGNATURE) == 0xaa55 {
        [0, 1, 2, 3].map(|index| entry(sector, index))
    } else {
        [entry(&[0; 512], 0); 4]
    }
}

/// Whether the record says that the disk has a GPT.
pub(super) fn is_protective(entries: &[Entry; 4]) -> bool {
    entries.iter().any(|entry| entry.kind == PROTECTIVE)
}

/// Whether it has partitions of its own besides.
pub(super) fn has_others(entries: &[Entry; 4]) -> bool {
    entries.iter().any(|entry| entry.is_used() && entry.kind != PROTECTIVE)
}

/// Whether it is a partition table at all. The boot sector of a FAT file system has the same signature, and what stands there in place of
/// the entries is code, text or nothing.
pub(super) fn is_table(sector: &[u8; 512], disk: u64, boots_fat: bool) -> bool {
    let entries = entries(sector);
    let sound = entries.iter().all(|entry| entry.status & 0x7f == 0);
    let used = entries.iter().filter(|entry| entry.is_used());
    let inside = |entry: &Entry| {
        let end = u64::from(entry.start).saturating_add(entry.blocks.into());
        entry.start > 0 && end <= disk
    };
    if boots_fat {
        sound && used.clone().count() > 0 && used.clone().all(inside)
    } else {
        sound && le16(sector, SIGNATURE) == 0xaa55
    }
}

/// Reads the record in `sector`, and the chain of records that it leads to.
pub(super) fn read(disk: &mut Volume<'_>, sector: &[u8; 512]) -> Result<Table, PartitionError> {
    let id = le32(sector, DISK_SIGNATURE);
    let mut table = Table {
        scheme: Scheme::Mbr,
        partitions: Vec::new(),
        disk_id: format!("{id:08x}"),
        warnings: Vec::new(),
    };
    let entries = entries(sector);
    for (number, entry) in (1..).zip(entries) {
        if entry.is_used() && entry.kind != PROTECTIVE {
            let start = BlockIdx(entry.start.into());
            table.partitions.push(partition(id, (number, start), entry));
        }
    }
    let extended = entries.iter().filter(|entry| entry.is_used() && entry.is_extended());
    let extended: Vec<Entry> = extended.copied().collect();
    if let Some(first) = extended.first() {
        read_logical(disk, *first, (&mut table, id))?;
    }
    if extended.len() > 1 {
        let warning = "The MBR has several extended partitions; the logical partitions of the first are read.";
        table.warnings.push(warning.into());
    }
    Ok(table)
}

fn partition(id: u32, (number, start): (u32, BlockIdx), entry: Entry) -> Partition {
    Partition {
        number,
        start,
        blocks: entry.blocks.into(),
        name: String::new(),
        kind: Kind::Mbr(entry.kind),
        uuid: format!("{id:08x}-{number:02x}"),
        bootable: entry.status == 0x80,
        attributes: 0,
    }
}

/// Follows the chain: each record has a logical partition, which counts from the record, and a link, which counts from the extended
/// partition.
fn read_logical(disk: &mut Volume<'_>, extended: Entry, (table, id): (&mut Table, u32)) -> Result<(), PartitionError> {
    let base = u64::from(extended.start);
    let end = base.saturating_add(extended.blocks.into());
    let mut seen = vec![base];
    let mut number: u32 = 5;
    let mut at = base;
    loop {
        let mut sector = [0; 512];
        if at >= disk.blocks() {
            let warning =
                format!("The chain of logical partitions leads to block {at}, beyond the medium; it ends there.");
            table.warnings.push(warning);
            return Ok(());
        }
        disk.read_blocks(at, &mut sector)?;
        if le16(&sector, SIGNATURE) != 0xaa55 {
            let warning =
                format!("Block {at} should describe a logical partition, and has no signature; the chain ends there.");
            table.warnings.push(warning);
            return Ok(());
        }
        let mut next = None;
        for entry in entries(&sector).into_iter().filter(|entry| entry.is_used()) {
            if entry.is_extended() {
                next = next.or(Some(base.saturating_add(entry.start.into())));
            } else {
                let start = BlockIdx(at.saturating_add(entry.start.into()));
                table.partitions.push(partition(id, (number, start), entry));
                number = number.saturating_add(1);
            }
        }
        let Some(next) = next else { return Ok(()) };
        if let Some(warning) = stop(next, &seen, base..end) {
            table.warnings.push(warning);
            return Ok(());
        }
        seen.push(next);
        at = next;
    }
}

/// Why the chain is not followed to block `next`.
fn stop(next: u64, seen: &[u64], extended: core::ops::Range<u64>) -> Option<String> {
    if seen.contains(&next) {
        Some(format!(
            "The chain of logical partitions comes back to block {next}; it ends there."
        ))
    } else if !extended.contains(&next) {
        Some(format!(
            "The chain of logical partitions leads to block {next}, out of the extended partition; it ends there."
        ))
    } else if seen.len() >= MAX_LOGICAL {
        Some(format!("Only the first {MAX_LOGICAL} logical partitions are read."))
    } else {
        None
    }
}
