//! Changes of directories. What is seen of each begins with one block that is written.

use alloc::vec::Vec;
use core::ops::{ControlFlow, Range};

use embedded_sdmmc::Attributes;
use hal::block::BLOCK_SIZE;

use super::super::field::{bytes, put};
use super::bpb::Root;
use super::directory::{Found, SLOTS, Slot, block_of, slots};
use super::name::Short;
use super::table::Link;
use super::{Fat, FatError, FsError, Place, VolumeError};

/// 1 January 1980, the first day that FAT knows: the loader has no clock.
const DATE: [u8; 2] = [0x21, 0];

/// Where an entry has its dates: creation, access, change.
const DATES: [usize; 3] = [16, 18, 24];

/// Where a new entry goes: slots of one block that are free, and from which slot on all are.
pub(super) struct Room {
    slots: Range<u32>,
    end: Option<u32>,
}

/// A search for free slots in a row, in one block.
struct Search {
    /// How many are needed.
    count: u32,
    /// Those that were found last.
    free: Range<u32>,
    end: Option<u32>,
}

impl Search {
    fn is_over(&self) -> bool {
        self.free.end.saturating_sub(self.free.start) >= self.count
    }

    fn see(&mut self, slot: &Slot) {
        let follows = |slot| self.free.end == slot && slot % SLOTS != 0;
        match *slot {
            Slot::Free(slot) if follows(slot) => self.free.end = slot.saturating_add(1),
            Slot::Free(slot) => self.free = slot..slot.saturating_add(1),
            Slot::End(slot) => {
                // The free slots in front of it count, if they are in its block.
                let start = if follows(slot) { self.free.start } else { slot };
                let left = SLOTS.saturating_sub(start % SLOTS);
                let start = if left < self.count {
                    start.saturating_add(left)
                } else {
                    start
                };
                self.free = start..start.saturating_add(self.count);
                self.end = Some(slot);
            }
            Slot::Found(_) => {}
        }
    }
}

impl Fat<'_> {
    /// Room for `count` entries of `name` in one block of a directory, which grows if there is none.
    pub(super) fn room(&mut self, parent: Place, count: usize, name: &str) -> Result<Room, FsError> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let blocks = self.disk.directory(parent, name)?;
        let total = slots(&blocks);
        let mut search = Search {
            count,
            free: 0..0,
            end: None,
        };
        self.disk.read_directory(&blocks, &mut |slot| {
            search.see(&slot);
            if search.is_over() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        let Search { mut free, mut end, .. } = search;
        if free.end.saturating_sub(free.start) < count || free.end > total {
            self.grow(parent, name)?;
            free = total..total.saturating_add(count);
            // All slots of the new cluster are free, and so are those from the old end on.
            end = end.or(Some(total));
        }
        let slots = free.start..free.start.saturating_add(count);
        Ok(Room { slots, end })
    }

    /// Adds an empty cluster to a directory.
    fn grow(&mut self, parent: Place, name: &str) -> Result<(), FsError> {
        let full = || FatError::DirectoryFull(name.into());
        let first = match (parent, self.disk.geometry.root) {
            (None, Root::Fixed { .. }) => return Err(full().into()),
            (None, Root::Chain(first)) | (Some(first), _) => first,
        };
        let runs = self.disk.sound_chain(first)?;
        let has = runs.iter().fold(0_u64, |sum, run| sum.saturating_add(run.count.into()));
        if has.saturating_mul(self.disk.geometry.cluster_size()) >= super::MAX_DIRECTORY {
            return Err(full().into());
        }
        let last = runs.last().map_or(first, |run| run.end().saturating_sub(1));
        let taken = self.disk.find_free(1)?;
        let cluster = taken.first().map_or(0, |run| run.first);
        let block = self.disk.geometry.block_of(cluster).ok_or_else(full)?;
        self.disk
            .volume
            .zero_blocks(block, self.disk.geometry.sectors_per_cluster)?;
        self.committed(|fat| {
            fat.disk.take(&taken)?;
            fat.disk.set_link(last, Link::Next(cluster))?;
            fat.disk.flush()?;
            fat.disk.note(&taken, &[])
        })
    }

    /// Reads the block with a slot, lets `change` change it, and writes it.
    fn change_block(
        &mut self,
        blocks: &[(u64, u64)],
        slot: u32,
        change: impl FnOnce(&mut [u8; BLOCK_SIZE]),
    ) -> Result<(), VolumeError> {
        // The slot was found in these blocks.
        let Some(block) = block_of(blocks, slot) else {
            return Ok(());
        };
        let mut bytes = [0; BLOCK_SIZE];
        self.disk.volume.read_blocks(block, &mut bytes)?;
        let before = bytes;
        change(&mut bytes);
        if bytes == before {
            Ok(())
        } else {
            self.disk.volume.write_blocks(block, &bytes)
        }
    }

    /// The blocks of a directory that was read before.
    fn blocks(&mut self, parent: Place) -> Result<Vec<(u64, u64)>, VolumeError> {
        match self.disk.directory(parent, "") {
            Ok(blocks) => Ok(blocks),
            Err(FatError::Volume(error)) => Err(error),
            // It made sense a moment ago.
            Err(_) => Ok(Vec::new()),
        }
    }

    pub(super) fn add_entry(&mut self, parent: Place, entries: &[[u8; 32]], room: &Room) -> Result<(), VolumeError> {
        let blocks = self.blocks(parent)?;
        let slots = room.slots.clone();
        let beyond = room.end.is_some_and(|end| end < slots.end);
        // Behind the end may be anything: the slot behind the new ones becomes the end.
        if beyond && slots.end.is_multiple_of(SLOTS) {
            self.change_block(&blocks, slots.end, |block| put(block, 0, &[0]))?;
        }
        self.change_block(&blocks, slots.start, |block| {
            if let Some(end) = room.end.filter(|end| *end / SLOTS == slots.start / SLOTS) {
                mark(block, end..slots.start);
            }
            for (slot, entry) in slots.clone().zip(entries) {
                put(block, offset(slot), entry);
            }
            if beyond && !slots.end.is_multiple_of(SLOTS) {
                put(block, offset(slots.end), &[0]);
            }
        })?;
        match room.end.filter(|end| *end / SLOTS < slots.start / SLOTS) {
            // With this the new entry is no longer behind the end.
            Some(end) => {
                let next = (end / SLOTS).saturating_add(1).saturating_mul(SLOTS);
                self.change_block(&blocks, end, |block| mark(block, end..next))
            }
            None => Ok(()),
        }
    }

    pub(super) fn change_entry(&mut self, parent: Place, old: &Found, new: (u32, u32)) -> Result<(), VolumeError> {
        let blocks = self.blocks(parent)?;
        let slot = old.slots.end.saturating_sub(1);
        self.change_block(&blocks, slot, |block| {
            let mut entry = bytes::<32>(block, offset(slot));
            set_content(&mut entry, new.0, new.1);
            put(&mut entry, 11, &[old.attributes | Attributes::ARCHIVE]);
            put(&mut entry, 22, &[0, 0, DATE[0], DATE[1]]);
            put(block, offset(slot), &entry);
        })
    }

    /// Marks a name's slots as free, the short one's block first: what is left of a long name alone says nothing.
    pub(super) fn remove_entry(&mut self, parent: Place, found: &Found) -> Result<(), VolumeError> {
        let blocks = self.blocks(parent)?;
        let mut end = found.slots.end;
        while end > found.slots.start {
            let last = end.saturating_sub(1);
            let start = last.saturating_sub(last % SLOTS).max(found.slots.start);
            self.change_block(&blocks, last, |block| mark(block, start..end))?;
            end = start;
        }
        Ok(())
    }
}

/// Marks slots of a block as free.
fn mark(block: &mut [u8; BLOCK_SIZE], slots: Range<u32>) {
    for slot in slots {
        put(block, offset(slot), &[0xe5]);
    }
}

/// Where a slot is in its block.
fn offset(slot: u32) -> usize {
    usize::try_from(slot % SLOTS).unwrap_or(0).saturating_mul(32)
}

pub(super) fn short_entry(short: &Short, attributes: u8, flags: u8) -> [u8; 32] {
    let mut entry = [0; 32];
    put(&mut entry, 0, short);
    put(&mut entry, 11, &[attributes, flags]);
    for at in DATES {
        put(&mut entry, at, &DATE);
    }
    entry
}

/// Puts first cluster and size into an entry.
pub(super) fn set_content(entry: &mut [u8; 32], cluster: u32, size: u32) {
    let [low, next, high, highest] = cluster.to_le_bytes();
    put(entry, 20, &[high, highest]);
    put(entry, 26, &[low, next]);
    put(entry, 28, &size.to_le_bytes());
}
