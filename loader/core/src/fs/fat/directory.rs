//! Directories: entries of 32 bytes, of which a name may have several.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec;
use core::ops::{ControlFlow, Range};

use embedded_sdmmc::Attributes;
use embedded_sdmmc::fat::OnDiskDirEntry;
use hal::block::BLOCK_SIZE;

use super::super::field::{bytes, utf16};
use super::super::volume::BLOCK;
use super::FatError;
use super::bpb::{ENTRY_SIZE, Width};
use super::name::{self, Short};
use super::table::Disk;

/// How many blocks of a directory are read at a time.
const WINDOW: u64 = 16;

/// Pieces of the longest name: 255 units.
const MAX_PIECES: u8 = 20;

/// Slots of a block.
pub(super) const SLOTS: u32 = 16;

/// A name in a directory, and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The long name, or else the short one.
    pub(super) name: String,
    /// The short name as it is stored, and for people.
    pub(super) short: Short,
    pub(super) alias: String,
    pub(super) attributes: u8,
    pub(super) cluster: u32,
    pub(super) size: u32,
    /// Its slots by number; the last one is the short name's.
    pub(super) slots: Range<u32>,
}

impl Found {
    pub(super) fn is_directory(&self) -> bool {
        self.attributes & Attributes::DIRECTORY != 0
    }

    pub(super) fn is_label(&self) -> bool {
        self.attributes & Attributes::VOLUME != 0
    }

    pub(super) fn is_dots(&self) -> bool {
        matches!(&self.short, b".          " | b"..         ")
    }

    /// Whether it is called so; ASCII letters are the same in both sizes.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) || self.alias.eq_ignore_ascii_case(name)
    }
}

/// What is said to a reader of a directory.
pub(super) enum Slot {
    /// The slot can be used for a new entry.
    Free(u32),
    /// From this slot on all are free.
    End(u32),
    /// A name; its slots are used.
    Found(Found),
}

/// A piece of a long name after the other, the last one first.
struct LongName {
    units: [u16; 260],
    /// The number of the piece that has to come next; 0 if all are there.
    next: u8,
    checksum: u8,
    /// The slot of the first piece; `None` while no name is begun.
    first: Option<u32>,
}

impl LongName {
    fn new() -> Self {
        Self {
            units: [0; 260],
            next: 0,
            checksum: 0,
            first: None,
        }
    }

    fn forget(&mut self) {
        self.first = None;
    }

    /// Takes a piece: whether it is the last one, its number, the checksum, the units.
    fn add(&mut self, (last, number, checksum, units): (bool, u8, u8, [u16; 13]), slot: u32) {
        if last && (1..=MAX_PIECES).contains(&number) {
            self.units = [0; 260];
            self.next = number;
            self.checksum = checksum;
            self.first = Some(slot);
        }
        if number == 0 || number != self.next || checksum != self.checksum || self.first.is_none() {
            self.forget();
            return;
        }
        self.next = number.saturating_sub(1);
        let start = usize::from(self.next).saturating_mul(units.len());
        if let Some(place) = self.units.get_mut(start..start.saturating_add(units.len())) {
            place.copy_from_slice(&units);
        }
    }

    /// The name and its first slot, if all pieces are there and belong to `short`.
    fn take(&mut self, short: &Short) -> Option<(String, u32)> {
        let first = self.first.take().filter(|_| self.next == 0)?;
        let name = utf16(self.units.iter().copied());
        (self.checksum == name::checksum(short) && !name.is_empty()).then_some((name, first))
    }
}

/// A reader of the slots of a directory.
struct Reader {
    long: LongName,
    width: Width,
}

impl Reader {
    fn slot(&mut self, raw: &[u8], slot: u32) -> Option<Slot> {
        let entry = OnDiskDirEntry::new(raw);
        if !entry.is_valid() {
            self.long.forget();
            return Some(if entry.is_end() {
                Slot::End(slot)
            } else {
                Slot::Free(slot)
            });
        }
        if let Some(piece) = entry.lfn_contents() {
            self.long.add(piece, slot);
            return None;
        }
        let short: Short = bytes(raw, 0);
        let [flags] = bytes(raw, 12);
        let alias = name::shown(&short, flags);
        let (name, first) = self.long.take(&short).unwrap_or_else(|| (alias.clone(), slot));
        let high = match self.width {
            Width::Fat16 => 0,
            Width::Fat32 => u32::from(entry.first_cluster_hi()) << 16,
        };
        Some(Slot::Found(Found {
            name,
            short,
            alias,
            attributes: entry.raw_attr(),
            cluster: high | u32::from(entry.first_cluster_lo()),
            size: entry.file_size(),
            slots: first..slot.saturating_add(1),
        }))
    }
}

impl Disk<'_> {
    /// Calls `each` with what is in a directory, whose blocks are given, until it breaks or the directory ends.
    pub(super) fn read_directory(
        &mut self,
        blocks: &[(u64, u64)],
        each: &mut dyn FnMut(Slot) -> ControlFlow<()>,
    ) -> Result<(), FatError> {
        let width = self.geometry.width;
        let long = LongName::new();
        let mut reader = Reader { long, width };
        let mut slot = 0_u32;
        let mut buffer = vec![0; BLOCK_SIZE.saturating_mul(16)];
        for (first, count) in blocks {
            let mut done = 0;
            while done < *count {
                let now = count.saturating_sub(done).min(WINDOW);
                let len = usize::try_from(now.saturating_mul(BLOCK)).unwrap_or(0);
                let window = buffer.get_mut(..len).unwrap_or_default();
                self.volume.read_blocks(first.saturating_add(done), window)?;
                for raw in window.chunks_exact(32) {
                    let seen = reader.slot(raw, slot);
                    slot = slot.saturating_add(1);
                    let Some(seen) = seen else { continue };
                    let ended = matches!(seen, Slot::End(_));
                    if each(seen).is_break() || ended {
                        return Ok(());
                    }
                }
                done = done.saturating_add(now);
            }
        }
        Ok(())
    }

    /// The entry of that name in a directory.
    pub(super) fn find(&mut self, blocks: &[(u64, u64)], name: &str) -> Result<Option<Found>, FatError> {
        let mut hit = None;
        self.read_directory(blocks, &mut |slot| match slot {
            Slot::Found(found) if !found.is_label() && found.is_called(name) => {
                hit = Some(found);
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        })?;
        Ok(hit)
    }
}

/// The block with slot `slot` of a directory.
pub(super) fn block_of(blocks: &[(u64, u64)], slot: u32) -> Option<u64> {
    let mut index = u64::from(slot / SLOTS);
    for (first, count) in blocks {
        if index < *count {
            return Some(first.saturating_add(index));
        }
        index = index.saturating_sub(*count);
    }
    None
}

/// How many slots a directory has.
pub(super) fn slots(blocks: &[(u64, u64)]) -> u32 {
    let blocks = blocks.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    u32::try_from(blocks.saturating_mul(BLOCK) / ENTRY_SIZE).unwrap_or(u32::MAX)
}

/// The short names of a directory.
pub(super) fn short_names(disk: &mut Disk<'_>, blocks: &[(u64, u64)]) -> Result<BTreeSet<Short>, FatError> {
    let mut names = BTreeSet::new();
    disk.read_directory(blocks, &mut |slot| {
        if let Slot::Found(found) = slot {
            names.insert(found.short);
        }
        ControlFlow::Continue(())
    })?;
    Ok(names)
}
