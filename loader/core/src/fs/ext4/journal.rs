//! The journal of a file system that was not unmounted (Linux, Documentation/filesystems/ext4/journal.rst): which blocks it has newer.
//!
//! Nothing is written: the blocks are read from the journal in place of their own. `ext4-view` would do the same, but holds what it reads without a
//! bound, knows checksums of version 3 only, and stops where the log goes round the end of the journal.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use thiserror::Error;

use super::super::field::bytes;
use super::super::file::File;
use super::super::volume::{Volume, VolumeError};
use super::superblock::Superblock;

/// What each block of the log begins with.
pub(super) const MAGIC: u32 = 0xc03b_3998;

/// Kinds of blocks.
const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
const SUPERBLOCKS: [u32; 2] = [3, 4];
const REVOCATION: u32 = 5;

/// Features that change the format.
const WIDE: u32 = 0x2;
const CHECKSUM_2: u32 = 0x8;
const CHECKSUM_3: u32 = 0x10;
const FAST_COMMIT: u32 = 0x20;
const KNOWN: u32 = 0x3f;

/// How many blocks fast commits have where the journal does not say (JBD2_DEFAULT_FAST_COMMIT_BLOCKS of Linux, include/linux/jbd2.h).
const FAST_COMMIT_BLOCKS: u32 = 256;

/// Flags of a tag.
const ESCAPED: u32 = 1;
const SAME_UUID: u32 = 2;
const DELETED: u32 = 4;
const LAST: u32 = 8;

/// How many blocks of a log are held: 128 MiB in blocks of 4 KiB.
const MAX_BLOCKS: usize = 32_768;

/// How many blocks of a log that tell of others are read.
const MAX_STEPS: u32 = 65_536;

/// Why a journal cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum JournalError {
    #[error(transparent)]
    Volume(#[from] VolumeError),
    #[error("it is damaged")]
    Damaged,
    #[error("it has features that are not supported ({0:#x})")]
    Features(u32),
    #[error("it has more than {MAX_BLOCKS} blocks to tell of")]
    Long,
}

/// A block that is somewhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    /// Its first byte on the volume.
    pub(super) place: u64,
    /// Whether it begins with [`MAGIC`], in place of which the journal has zeros.
    pub(super) escaped: bool,
}

/// Blocks by number, and where they are.
pub(super) type MovedBlocks = BTreeMap<u64, Moved>;

/// A volume on which some blocks are somewhere else.
pub(super) struct Store<'a> {
    pub(super) volume: Volume<'a>,
    pub(super) moved: MovedBlocks,
    pub(super) block_size: u64,
}

impl Store<'_> {
    /// Reads as [`Volume::read`] does.
    pub(super) fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), VolumeError> {
        self.volume.read(offset, buffer)?;
        let end = offset.saturating_add(u64::try_from(buffer.len()).unwrap_or(u64::MAX));
        let size = self.block_size;
        let blocks = offset.checked_div(size).unwrap_or(0)..end.div_ceil(size);
        for (block, moved) in self.moved.range(blocks) {
            let start = block.saturating_mul(size);
            let (from, to) = (start.max(offset), start.saturating_add(size).min(end));
            let [from_index, to_index] =
                [from, to].map(|at| usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX));
            let part = buffer.get_mut(from_index..to_index).unwrap_or_default();
            let skipped = from.saturating_sub(start);
            self.volume.read(moved.place.saturating_add(skipped), part)?;
            if moved.escaped {
                let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
                let magic = MAGIC.to_be_bytes();
                part.iter_mut()
                    .zip(magic.iter().skip(skipped))
                    .for_each(|(to, from)| *to = *from);
            }
        }
        Ok(())
    }
}

/// Big-endian, as all of the journal.
fn be32(structure: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes(structure, at))
}

/// The blocks that the journal in `file` has newer.
pub(super) fn read(volume: &mut Volume<'_>, superblock: &Superblock, file: &File) -> Result<MovedBlocks, JournalError> {
    let mut log = Log::open(volume, superblock, file)?;
    for _ in 0..MAX_STEPS {
        if !log.step()? {
            return Ok(log.moved());
        }
    }
    Err(JournalError::Long)
}

/// A log that is being read.
struct Log<'l, 'a> {
    volume: &'l mut Volume<'a>,
    superblock: &'l Superblock,
    file: &'l File,
    features: u32,
    /// The blocks of the log, and the one that is next; the last is followed by the first.
    blocks: core::ops::Range<u64>,
    at: u64,
    /// How many blocks may still be looked at.
    left: u64,
    sequence: u32,
    /// What the present transaction has, which counts once it is complete.
    pending: Vec<(u64, Moved)>,
    pending_revoked: Vec<u64>,
    /// What complete transactions have, with their numbers in the order of the log.
    done: Vec<(u32, u64, Moved)>,
    /// Blocks that are not to be replaced by what a transaction has up to one counted from the first.
    revoked: BTreeMap<u64, u32>,
    first_sequence: u32,
}

impl<'l, 'a> Log<'l, 'a> {
    fn open(volume: &'l mut Volume<'a>, superblock: &'l Superblock, file: &'l File) -> Result<Self, JournalError> {
        let mut head = [0; 1024];
        file.read(volume, 0, &mut head).map_err(failure)?;
        let sound = be32(&head, 0) == MAGIC && SUPERBLOCKS.contains(&be32(&head, 4));
        let size = u64::from(be32(&head, 12));
        if !sound || size != superblock.block_size {
            return Err(JournalError::Damaged);
        }
        let version_2 = be32(&head, 4) == 4;
        let features = if version_2 { be32(&head, 0x28) } else { 0 };
        if features & !KNOWN != 0 {
            return Err(JournalError::Features(features & !KNOWN));
        }
        // Fast commits have the end to themselves; without them the state is that of the last full commit.
        let fast = if features & FAST_COMMIT != 0 {
            match be32(&head, 0x54) {
                0 => FAST_COMMIT_BLOCKS,
                blocks => blocks,
            }
        } else {
            0
        };
        let end = u64::from(be32(&head, 16)).saturating_sub(fast.into());
        let (first, start) = (u64::from(be32(&head, 20)), u64::from(be32(&head, 28)));
        let room = file.size().checked_div(size).unwrap_or(0);
        if first == 0 || end > room || (start != 0 && !(first..end).contains(&start)) {
            return Err(JournalError::Damaged);
        }
        let sequence = be32(&head, 24);
        Ok(Self {
            volume,
            superblock,
            file,
            features,
            blocks: first..end,
            at: start,
            // A log that begins nowhere is empty.
            left: if start == 0 { 0 } else { end.saturating_sub(first) },
            sequence,
            pending: Vec::new(),
            pending_revoked: Vec::new(),
            done: Vec::new(),
            revoked: BTreeMap::new(),
            first_sequence: sequence,
        })
    }

    /// The number of the next block of the log.
    fn advance(&mut self) -> u64 {
        let at = self.at;
        self.left = self.left.saturating_sub(1);
        self.at = at.saturating_add(1);
        if self.at >= self.blocks.end {
            self.at = self.blocks.start;
        }
        at
    }

    /// Reads a block of the log, and what it tells of; `false` at the end.
    fn step(&mut self) -> Result<bool, JournalError> {
        if self.left == 0 {
            return Ok(false);
        }
        let size = self.superblock.block_size;
        let mut block = vec![0; usize::try_from(size).unwrap_or(0)];
        let at = self.advance();
        self.file
            .read(self.volume, at.saturating_mul(size), &mut block)
            .map_err(failure)?;
        if be32(&block, 0) != MAGIC || be32(&block, 8) != self.sequence {
            return Ok(false);
        }
        match be32(&block, 4) {
            DESCRIPTOR => self.descriptor(&block)?,
            REVOCATION => self.revocation(&block)?,
            COMMIT => self.commit(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Tags, one for each of the blocks that follow.
    fn descriptor(&mut self, block: &[u8]) -> Result<(), JournalError> {
        let wide = self.features & WIDE != 0;
        let size: usize = match (self.features & CHECKSUM_3 != 0, wide, self.features & CHECKSUM_2 != 0) {
            (true, _, _) => 16,
            (_, true, true) => 14,
            (_, true, false) => 12,
            (_, false, true) => 10,
            (_, false, false) => 8,
        };
        let mut at: usize = 12;
        while let Some(tag) = block.get(at..at.saturating_add(size)).filter(|_| self.left > 0) {
            let flags = if size == 16 {
                be32(tag, 4)
            } else {
                be32(tag, 4) & 0xffff
            };
            let high = if wide { be32(tag, 8) } else { 0 };
            let number = u64::from(high) << 32 | u64::from(be32(tag, 0));
            let place = self.advance();
            let place = self.file.place(place.saturating_mul(self.superblock.block_size));
            let place = place.ok_or(JournalError::Damaged)?;
            if flags & DELETED == 0 && self.superblock.has(number, 1) {
                let escaped = flags & ESCAPED != 0;
                self.pending.push((number, Moved { place, escaped }));
            }
            if self.pending.len().saturating_add(self.done.len()) > MAX_BLOCKS {
                return Err(JournalError::Long);
            }
            if flags & LAST != 0 {
                break;
            }
            at = at.saturating_add(if flags & SAME_UUID != 0 {
                size
            } else {
                size.saturating_add(16)
            });
        }
        Ok(())
    }

    /// Numbers of blocks whose older contents in the log do not count: they are used for something else since.
    fn revocation(&mut self, block: &[u8]) -> Result<(), JournalError> {
        let size = if self.features & WIDE != 0 { 8 } else { 4 };
        let end = usize::try_from(be32(block, 12)).unwrap_or(usize::MAX).min(block.len());
        let numbers = block.get(16..end).unwrap_or_default().chunks_exact(size);
        for number in numbers {
            let high = if size == 8 { u64::from(be32(number, 0)) << 32 } else { 0 };
            self.pending_revoked
                .push(high | u64::from(be32(number, size.saturating_sub(4))));
        }
        if self.pending_revoked.len().saturating_add(self.revoked.len()) > MAX_BLOCKS {
            return Err(JournalError::Long);
        }
        Ok(())
    }

    fn commit(&mut self) {
        let number = self.sequence.wrapping_sub(self.first_sequence);
        for block in self.pending_revoked.drain(..) {
            self.revoked.insert(block, number);
        }
        let pending = self.pending.drain(..).map(|(block, moved)| (number, block, moved));
        self.done.extend(pending);
        self.sequence = self.sequence.wrapping_add(1);
    }

    fn moved(self) -> MovedBlocks {
        let Self { done, revoked, .. } = self;
        let counts = |(number, block, _): &(u32, u64, Moved)| revoked.get(block).is_none_or(|until| number > until);
        done.into_iter()
            .filter(counts)
            .map(|(_, block, moved)| (block, moved))
            .collect()
    }
}

/// The journal is read as far as its size says, so that only the medium can fail.
fn failure(error: super::FsError) -> JournalError {
    match error {
        super::FsError::Volume(error) => JournalError::Volume(error),
        _ => JournalError::Damaged,
    }
}
