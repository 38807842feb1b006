//! Partition tables: MBR with logical partitions, and GPT (UEFI specification, section 5).
//!
//! What is wrong with a table but leaves it readable is a warning, a sentence for people: a card with a damaged backup table still boots.

mod choose;
mod gpt;
mod mbr;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use hal::BlockIdx;
use thiserror::Error;

use super::fat;
use super::field::{hyphenated, put};
use super::volume::{BLOCK, Volume, VolumeError};

pub use choose::{ChoiceError, Which};

/// The kind of table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// None: a file system over the whole medium, or nothing that is known.
    None,
    /// A master boot record.
    Mbr,
    /// A GUID partition table.
    Gpt,
}

/// A 128-bit identifier as it stands on the disk: the first three numbers little-endian (UEFI specification, appendix A).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guid(pub [u8; 16]);

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g, h, i, ..] = self.0;
        let mut ordered = self.0;
        put(&mut ordered, 0, &[d, c, b, a, g, e, i, h]);
        f.write_str(&hyphenated(&ordered))
    }
}

/// What a partition is for, as its table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The type byte of an MBR.
    Mbr(u8),
    /// The type GUID of a GPT.
    Gpt(Guid),
}

impl Kind {
    /// Whether it holds logical partitions, and no file system.
    #[must_use]
    pub fn is_extended(self) -> bool {
        matches!(self, Self::Mbr(0x05 | 0x0f | 0x85))
    }
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number in commands, from 1; logical partitions from 5.
    pub number: u32,
    /// Its first block.
    pub start: BlockIdx,
    /// How many blocks it has by its table; the medium may have fewer.
    pub blocks: u64,
    /// Its name; an MBR has none.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// What Linux calls its PARTUUID.
    pub uuid: String,
    /// Whether it is marked as the one to boot from.
    pub bootable: bool,
    /// The attribute bits of a GPT; 0 for an MBR.
    pub attributes: u64,
}

impl Partition {
    /// The block behind its last one.
    fn end(&self) -> u64 {
        self.start.get().saturating_add(self.blocks)
    }
}

/// A partition table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The kind of table.
    pub scheme: Scheme,
    /// The partitions by number.
    pub partitions: Vec<Partition>,
    /// The disk's own identifier: 8 digits for an MBR, a GUID for a GPT, nothing without a table.
    pub disk_id: String,
    /// What is wrong with it, in sentences.
    pub warnings: Vec<String>,
}

impl Table {
    /// The partition with that number.
    #[must_use]
    pub fn partition(&self, number: u32) -> Option<&Partition> {
        self.partitions.iter().find(|partition| partition.number == number)
    }
}

/// Why a partition table cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PartitionError {
    /// The medium cannot be read.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// Both copies of a GPT are damaged.
    #[error("neither GPT is whole. The primary: {primary}. The backup: {backup}")]
    Gpt {
        /// What is wrong with the one at block 1.
        primary: GptFault,
        /// What is wrong with the one at the end.
        backup: GptFault,
    },
}

/// What is wrong with one copy of a GPT (UEFI specification, 5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum GptFault {
    /// There is none.
    #[error("block {0} does not begin with \"EFI PART\"")]
    Signature(u64),
    /// The header has an impossible length.
    #[error("its header has {0} bytes, 92 to 512 are possible")]
    HeaderSize(u32),
    /// The header is damaged.
    #[error("its header's CRC-32 is {computed:08x}, the header says {stored:08x}")]
    HeaderCrc {
        /// As stored.
        stored: u32,
        /// As computed.
        computed: u32,
    },
    /// The header was written for another place.
    #[error("the header in block {found} says that it is in block {said}")]
    Misplaced {
        /// Where it is.
        found: u64,
        /// Where it says that it is.
        said: u64,
    },
    /// More or larger entries than anybody makes.
    #[error("it has {count} entries of {size} bytes; up to 1024 of 128 to 4096 bytes, 512 KiB in all, are read")]
    Entries {
        /// How many.
        count: u32,
        /// Bytes of each.
        size: u32,
    },
    /// The entries are damaged.
    #[error("its entries' CRC-32 is {computed:08x}, the header says {stored:08x}")]
    EntriesCrc {
        /// As stored.
        stored: u32,
        /// As computed.
        computed: u32,
    },
    /// The entries are outside the medium.
    #[error("its entries would begin at block {0}, beyond the medium")]
    EntriesOutside(u64),
    /// The medium cannot be read there.
    #[error("block {0} cannot be read")]
    Unreadable(u64),
}

/// Reads the table of `disk`, which is the whole medium.
///
/// # Errors
/// [`PartitionError`]. A medium without a table is [`Scheme::None`].
pub fn read_table(disk: &mut Volume<'_>) -> Result<Table, PartitionError> {
    let mut sector = [0; 512];
    disk.read_blocks(0, &mut sector)?;
    let entries = mbr::entries(&sector);
    let protective = mbr::is_protective(&entries);
    let mut table = if protective {
        match gpt::read(disk) {
            // A disk that is used with its MBR, and has the remains of a GPT.
            Err(PartitionError::Gpt { primary, .. }) if mbr::has_others(&entries) => {
                let mut table = mbr::read(disk, &sector)?;
                table
                    .warnings
                    .push(format!("The MBR is used, since the GPT is damaged: {primary}."));
                table
            }
            table => table?,
        }
    } else if mbr::is_table(&sector, disk.blocks(), fat::is_boot_sector(&sector)) {
        mbr::read(disk, &sector)?
    } else {
        Table {
            scheme: Scheme::None,
            partitions: Vec::new(),
            disk_id: String::new(),
            warnings: Vec::new(),
        }
    };
    warn_of_places(&mut table, disk.blocks());
    Ok(table)
}

/// Partitions that the medium does not have, or that share blocks.
fn warn_of_places(table: &mut Table, blocks: u64) {
    let mut warnings = Vec::new();
    for partition in &table.partitions {
        let (number, end) = (partition.number, partition.end());
        if end > blocks {
            warnings.push(format!(
                "Partition {number} ends at block {end}, the medium at block {blocks}."
            ));
        }
    }
    let mut by_start: Vec<&Partition> = table.partitions.iter().collect();
    // What holds logical partitions shares its blocks with them.
    by_start.retain(|partition| !partition.kind.is_extended());
    by_start.sort_by_key(|partition| partition.start);
    for (first, second) in by_start.iter().zip(by_start.iter().skip(1)) {
        if first.end() > second.start.get() {
            let (one, other) = (first.number, second.number);
            warnings.push(format!(
                "Partitions {one} and {other} overlap at block {}.",
                second.start
            ));
        }
    }
    table.warnings.append(&mut warnings);
}

/// `blocks` blocks from `start` on as bytes, for tables that are read whole.
fn byte_count(blocks: u64) -> usize {
    usize::try_from(blocks.saturating_mul(BLOCK)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
