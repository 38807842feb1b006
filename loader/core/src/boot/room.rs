//! Places for the files of a plan: first fit from the top of free RAM.
//!
//! From the top, because Xen wants what is below: dom0's first memory lies under 4 GiB, and domains get theirs in large pieces.

use alloc::vec::Vec;

use hal::{PhysAddr, Region};

use super::pinned;
use super::place::XEN_MAX;
use crate::devicetree::Tree;
use crate::memory::{FreeRam, Memory, MemoryError};
use crate::source::Room;

/// Where the addresses end that one cell can say.
const ONE_CELL: PhysAddr = PhysAddr(1 << 32);

/// What kind of place a file needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Xen's image: 2 MiB aligned, with its BSS behind it.
    Xen,
    /// A kernel: 2 MiB aligned, as its `Image` header promises to be used to.
    Kernel,
    /// A ramdisk: the largest page of a guest, 64 KiB.
    Ramdisk,
    /// Anything else: a page.
    Other,
}

impl Need {
    /// Alignments in bytes, the wanted one first. Modules work at any page, so a smaller one is better than none.
    fn alignments(self) -> &'static [u64] {
        match self {
            Self::Xen => &[0x20_0000],
            Self::Kernel => &[0x20_0000, 0x1_0000, 0x1000],
            Self::Ramdisk => &[0x1_0000, 0x1000],
            Self::Other => &[0x1000],
        }
    }

    /// How much is kept for a file of `size` bytes.
    fn kept(self, size: u64) -> u64 {
        match self {
            // How large the BSS is stands in the header, which comes with the file.
            Self::Xen => size.max(XEN_MAX),
            // A place has a length, though the file has none.
            _ => size.max(1),
        }
    }
}

/// RAM in which nothing lies and in which something may lie: what the machine and the tree leave.
#[derive(Clone, Debug)]
pub struct FilesRoom {
    free: FreeRam,
}

impl FilesRoom {
    /// Free RAM of the machine that the tree calls RAM, too, and keeps for nothing else.
    #[must_use]
    pub fn new(memory: &Memory, tree: &Tree) -> Self {
        let mut taken = pinned::kept_free(tree);
        // Of what was loaded the size is known, and the tree's is often made up.
        let is_unknown = |place: &Region| memory.file_at(place.start()).is_none();
        taken.extend(pinned::said_to_lie(tree).into_iter().filter(is_unknown));
        let kept = tree.reservations().iter();
        taken.extend(kept.filter_map(|entry| Region::new(PhysAddr(entry.address), entry.size)));
        taken.extend(outside(tree));
        Self {
            free: memory.free(&taken),
        }
    }

    /// A place for one file, to be found when its size is known. `anywhere`: its address may need two cells.
    pub fn slot(&mut self, need: Need, anywhere: bool) -> Slot<'_> {
        let below = (!anywhere).then_some(ONE_CELL);
        Slot {
            room: self,
            need,
            below,
            else_anywhere: false,
        }
    }

    /// Notes that a file lies at `place`.
    pub fn take(&mut self, need: Need, place: Region) {
        let kept = Region::new(place.start(), need.kept(place.len()));
        self.free.take(kept.unwrap_or(place));
    }
}

/// What the tree does not call RAM. A tree that does not say is told by us.
fn outside(tree: &Tree) -> Vec<Region> {
    let mut banks = tree.memory().unwrap_or_default();
    banks.sort_unstable();
    let mut outside = Vec::new();
    let mut at = PhysAddr(0);
    for (start, len) in banks.iter().copied() {
        outside.extend(Region::from_bounds(at, PhysAddr(start)));
        at = at.max(PhysAddr(start.saturating_add(len)));
    }
    if !banks.is_empty() {
        outside.extend(Region::from_bounds(at, PhysAddr(u64::MAX)));
    }
    outside
}

/// Room for one file.
pub struct Slot<'a> {
    room: &'a FilesRoom,
    need: Need,
    below: Option<PhysAddr>,
    else_anywhere: bool,
}

impl Slot<'_> {
    /// The same, but rather at an address of two cells than nowhere.
    #[must_use]
    pub fn else_anywhere(self) -> Self {
        Self {
            else_anywhere: true,
            ..self
        }
    }

    /// A place that ends at or below `below`: for a file of unknown size the largest.
    fn find(&self, size: Option<u64>, below: Option<PhysAddr>) -> Option<Region> {
        let free = &self.room.free;
        self.need.alignments().iter().find_map(|alignment| match size {
            Some(size) => free.highest(self.need.kept(size), *alignment, below),
            None => free.largest(*alignment, below),
        })
    }
}

impl Room for Slot<'_> {
    fn place(&mut self, size: Option<u64>) -> Result<Region, MemoryError> {
        // How large a file of unknown size is shows too late to look for another place.
        let first = self.below.filter(|_| size.is_some() || !self.else_anywhere);
        let found = self.find(size, first);
        let found = found.or_else(|| self.find(size, None).filter(|_| self.else_anywhere));
        let below = self.below.filter(|_| !self.else_anywhere);
        let len = self.need.kept(size.unwrap_or(1));
        let found = found.ok_or(MemoryError::NoPlace { len, below })?;
        // A file gets its exact bytes; what else is kept for it is only kept.
        Ok(size.and_then(|size| found.slice(0, size)).unwrap_or(found))
    }
}

#[cfg(test)]
mod tests;
