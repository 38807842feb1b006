//! The superblock of ext2, ext3 and ext4 (Linux, Documentation/filesystems/ext4/super.rst), judged before anything relies on it.

use alloc::format;
use alloc::string::String;

use crc::{CRC_32_ISCSI, Crc};
use thiserror::Error;

use super::super::field::{bytes, hyphenated, le16, le32, put};

/// Where the superblock is on the volume, and how long it is.
pub(super) const AT: u64 = 1024;
pub(super) const SIZE: usize = 1024;

/// How many block groups are read: 4 TiB in blocks of 4 KiB.
const MAX_GROUPS: u64 = 32_768;

/// Incompatible features, and whether they can be read here: what `ext4-view` knows.
const FEATURES: &[(u32, &str, bool)] = &[
    (0x1, "compression", false),
    (0x2, "filetype", true),
    (RECOVERY, "needs_recovery", true),
    (0x8, "journal_dev", false),
    (0x10, "meta_bg", false),
    (0x40, "extent", true),
    (WIDE, "64bit", true),
    (0x100, "mmp", false),
    (0x200, "flex_bg", true),
    (0x400, "ea_inode", false),
    (0x1000, "dirdata", false),
    (SEED, "metadata_csum_seed", true),
    (0x4000, "large_dir", false),
    (0x8000, "inline_data", false),
    (0x1_0000, "encrypt", true),
    (0x2_0000, "casefold", false),
];

/// The journal has what the file system has not yet.
const RECOVERY: u32 = 0x4;
/// Block numbers have 64 bits.
const WIDE: u32 = 0x80;
/// The seed of checksums is in the superblock.
const SEED: u32 = 0x2000;

/// The read-only compatible feature that gives everything a checksum.
const CHECKSUMS: u32 = 0x400;

const UUID_AT: usize = 0x68;
const CHECKSUM_AT: usize = 0x3fc;

/// Why a superblock cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SuperblockError {
    /// It is damaged.
    #[error("its superblock's CRC-32C is {computed:08x}, the superblock says {stored:08x}")]
    Checksum {
        /// As stored.
        stored: u32,
        /// As computed.
        computed: u32,
    },
    /// Features that change what everything means.
    #[error("it has features that are not supported: {0}")]
    Features(String),
    /// A file system of before 1996.
    #[error("it is of revision {0}; revision 1 is supported")]
    Revision(u32),
    /// Blocks of another size.
    #[error("its blocks would have 2^{0} KiB; 1 to 64 KiB are possible")]
    BlockSize(u32),
    /// The file system is longer than the partition.
    #[error("it has {blocks} blocks of {size} bytes, and the partition only {volume} bytes")]
    Truncated {
        /// Blocks of the file system.
        blocks: u64,
        /// Bytes of each.
        size: u64,
        /// Bytes of the partition.
        volume: u64,
    },
    /// Block groups that make no sense.
    #[error("its {blocks} blocks would be in groups of {group}; up to {MAX_GROUPS} groups are read")]
    Groups {
        /// Blocks of the file system.
        blocks: u64,
        /// Blocks of a group.
        group: u32,
    },
    /// A number that nobody writes.
    #[error("its {0} of {1} makes no sense")]
    Field(&'static str, u32),
}

/// What the superblock says, all of it possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Superblock {
    pub(super) block_size: u64,
    pub(super) blocks: u64,
    pub(super) first_data_block: u64,
    pub(super) inodes_per_group: u32,
    pub(super) inode_size: u64,
    pub(super) descriptor_size: u64,
    pub(super) groups: u64,
    /// What checksums of metadata begin with, if there are any.
    pub(super) seed: Option<u32>,
    pub(super) label: String,
    pub(super) uuid: String,
    /// The inode of the journal, if that has what the file system has not yet; 0 if it has none.
    pub(super) journal: Option<u32>,
}

impl Superblock {
    /// Reads it, on a volume of `volume` bytes.
    pub(super) fn read(raw: &[u8; SIZE], volume: u64) -> Result<Self, SuperblockError> {
        let incompatible = le32(raw, 0x60);
        let seed = seed(raw)?;
        check_features(incompatible)?;
        let revision = le32(raw, 0x4c);
        if revision != 1 {
            return Err(SuperblockError::Revision(revision));
        }
        let log = le32(raw, 0x18);
        if log > 6 {
            return Err(SuperblockError::BlockSize(log));
        }
        let size = 1024_u64 << log;
        let wide = incompatible & WIDE != 0;
        // Without the feature 64bit the upper half is zero; Linux and `ext4-view` count it all the same.
        let blocks = u64::from(le32(raw, 0x150)) << 32 | u64::from(le32(raw, 4));
        if blocks.checked_mul(size).is_none_or(|bytes| bytes > volume) {
            return Err(SuperblockError::Truncated { blocks, size, volume });
        }
        let first = first_data_block(le32(raw, 0x14), size, blocks)?;
        Ok(Self {
            block_size: size,
            blocks,
            first_data_block: first,
            inodes_per_group: inodes_per_group(le32(raw, 0x28))?,
            inode_size: power_of_two(le16(raw, 0x58), 128..=size)
                .ok_or(SuperblockError::Field("inode size", le16(raw, 0x58).into()))?,
            descriptor_size: descriptor_size(wide, le16(raw, 0xfe), size)?,
            groups: groups(blocks.saturating_sub(first), le32(raw, 0x20))?,
            seed,
            label: label(&bytes(raw, 0x78)),
            uuid: hyphenated(&bytes(raw, UUID_AT)),
            journal: (incompatible & RECOVERY != 0).then_some(le32(raw, 0xe0)),
        })
    }

    /// Where an inode is on the volume, given its group's table.
    pub(super) fn group_of(&self, inode: u32) -> Option<(u64, u64)> {
        let index = inode.checked_sub(1)?;
        let group = u64::from(index.checked_div(self.inodes_per_group)?);
        let within = u64::from(index.checked_rem(self.inodes_per_group)?);
        (group < self.groups).then_some((group, within))
    }

    /// Whether `count` blocks from `first` on are all on the volume, behind the superblock.
    pub(super) fn has(&self, first: u64, count: u64) -> bool {
        let end = first.checked_add(count);
        first > self.first_data_block && end.is_some_and(|end| end <= self.blocks)
    }
}

/// Makes `ext4-view` leave the journal alone.
pub(super) fn without_journal(raw: &mut [u8; SIZE]) {
    let incompatible = le32(raw, 0x60) & !RECOVERY;
    put(raw, 0x60, &incompatible.to_le_bytes());
    if le32(raw, 0x64) & CHECKSUMS != 0 {
        let sum = sum_of(raw);
        put(raw, CHECKSUM_AT, &sum.to_le_bytes());
    }
}

/// What checksums of metadata begin with, if there are any; the superblock's own is right then.
fn seed(raw: &[u8; SIZE]) -> Result<Option<u32>, SuperblockError> {
    if le32(raw, 0x64) & CHECKSUMS == 0 {
        return Ok(None);
    }
    let (stored, computed) = (le32(raw, CHECKSUM_AT), sum_of(raw));
    if stored != computed {
        return Err(SuperblockError::Checksum { stored, computed });
    }
    let stored = le32(raw, 0x60) & SEED != 0;
    Ok(Some(if stored {
        le32(raw, 0x270)
    } else {
        crc32c(u32::MAX, &bytes::<16>(raw, UUID_AT))
    }))
}

fn sum_of(raw: &[u8; SIZE]) -> u32 {
    crc32c(u32::MAX, raw.get(..CHECKSUM_AT).unwrap_or_default())
}

/// CRC-32C as ext4 has it: begun with a seed, and not inverted at the end.
pub(super) fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    const ALGORITHM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
    let mut digest = ALGORITHM.digest_with_initial(seed.reverse_bits());
    digest.update(bytes);
    !digest.finalize()
}

fn check_features(incompatible: u32) -> Result<(), SuperblockError> {
    let mut names = String::new();
    let mut known = 0;
    for (bit, name, supported) in FEATURES {
        known |= bit;
        if incompatible & bit != 0 && !supported {
            names.push_str(name);
            names.push(' ');
        }
    }
    if incompatible & !known != 0 {
        names.push_str(&format!("unknown ({:#x})", incompatible & !known));
    }
    if incompatible & 0x2 == 0 {
        names.push_str("no filetype");
    }
    if names.is_empty() {
        Ok(())
    } else {
        Err(SuperblockError::Features(names.trim_end().into()))
    }
}

fn power_of_two(value: u16, range: core::ops::RangeInclusive<u64>) -> Option<u64> {
    Some(u64::from(value)).filter(|value| value.is_power_of_two() && range.contains(value))
}

fn first_data_block(first: u32, size: u64, blocks: u64) -> Result<u64, SuperblockError> {
    let right = u32::from(size == 1024);
    if first != right || blocks <= u64::from(first).saturating_add(1) {
        return Err(SuperblockError::Field("first data block", first));
    }
    Ok(first.into())
}

fn inodes_per_group(inodes: u32) -> Result<u32, SuperblockError> {
    // A bit of a block of up to 64 KiB for each.
    let possible = (1..=8 * 65_536).contains(&inodes);
    possible
        .then_some(inodes)
        .ok_or(SuperblockError::Field("number of inodes in a group", inodes))
}

fn descriptor_size(wide: bool, size: u16, block: u64) -> Result<u64, SuperblockError> {
    if !wide {
        return Ok(32);
    }
    power_of_two(size, 64..=block).ok_or(SuperblockError::Field("group descriptor size", size.into()))
}

fn groups(blocks: u64, group: u32) -> Result<u64, SuperblockError> {
    let count = if group == 0 {
        u64::MAX
    } else {
        blocks.div_ceil(group.into())
    };
    if count > MAX_GROUPS {
        Err(SuperblockError::Groups { blocks, group })
    } else {
        Ok(count)
    }
}

fn label(padded: &[u8; 16]) -> String {
    let len = padded.iter().position(|byte| *byte == 0).unwrap_or(padded.len());
    String::from_utf8_lossy(padded.get(..len).unwrap_or_default()).into_owned()
}
