//! Memory shared with devices: out of the loader's heap for those that see the caches, out of a pool that is not cached for the others.

use alloc::alloc::{Layout, alloc, alloc_zeroed};
use core::arch::asm;
use core::cell::Cell;
use core::ptr::NonNull;

use hal::dma::{DmaMemory, StreamingDma};
use hal::{PhysAddr, Region};

use crate::cache;

const PAGE: usize = 4096;

/// A part of the heap that the final map shows as not cached. Room for the rings of four network devices, or of three and the tables of
/// four card slots.
pub(crate) struct Pool {
    start: NonNull<u8>,
    taken: Cell<usize>,
}

impl Pool {
    /// Length in bytes, whole pages.
    const LEN: usize = 2 << 20;

    /// Takes the pool out of the heap, for good. `None` if the heap has no such room.
    pub(crate) fn reserve() -> Option<Self> {
        let layout = Layout::from_size_align(Self::LEN, PAGE).ok()?;
        // SAFETY: the layout is not empty.
        let start = NonNull::new(unsafe { alloc(layout) })?;
        Some(Self {
            start,
            taken: Cell::new(0),
        })
    }

    /// First address and end.
    pub(crate) fn bounds(&self) -> (usize, usize) {
        let start = self.start.addr().get();
        (start, start + Self::LEN)
    }

    /// Makes caches and memory agree, now that a map is active that shows the pool as not cached, and clears it.
    pub(crate) fn settle(&self) {
        let start = PhysAddr(self.start.addr().get() as u64);
        if let Some(region) = Region::new(start, Self::LEN as u64) {
            // What the heap left in the caches must not be written back later, over what is written past them.
            cache::clean_invalidate(region);
        }
        // SAFETY: all of it is the pool's, and nobody has a part of it yet.
        unsafe { self.start.write_bytes(0, Self::LEN) };
    }

    /// A zeroed block of at least `len` bytes that was never given out; `None` if so much is not left.
    pub(crate) fn take(&self, len: usize) -> Option<DmaBlock> {
        let len = len.max(1).checked_next_multiple_of(PAGE)?;
        let offset = self.taken.get();
        let end = offset.checked_add(len).filter(|end| *end <= Self::LEN)?;
        self.taken.set(end);
        // SAFETY: inside the pool.
        let start = unsafe { self.start.add(offset) };
        Some(DmaBlock { start, len })
    }
}

/// A page-aligned block, never freed: a device may write to it for as long as it runs.
pub(crate) struct DmaBlock {
    start: NonNull<u8>,
    len: usize,
}

impl DmaBlock {
    /// A zeroed block of at least `len` bytes; `None` if the heap has no such room.
    pub(crate) fn new(len: usize) -> Option<Self> {
        let len = len.max(1).checked_next_multiple_of(PAGE)?;
        let layout = Layout::from_size_align(len, PAGE).ok()?;
        // SAFETY: the layout is not empty.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self { start, len })
    }

    /// A pointer to `len` bytes at `offset`, a multiple of `len`; `None` beyond the block.
    fn cell(&self, offset: usize, len: usize) -> Option<NonNull<u8>> {
        let fits = offset.is_multiple_of(len) && offset.checked_add(len)? <= self.len;
        // SAFETY: inside the block.
        fits.then(|| unsafe { self.start.add(offset) })
    }

    fn part(&self, offset: usize, len: usize) -> Option<NonNull<u8>> {
        let fits = offset.checked_add(len)? <= self.len;
        // SAFETY: inside the block.
        fits.then(|| unsafe { self.start.add(offset) })
    }
}

impl DmaMemory for DmaBlock {
    fn bus_address(&self) -> PhysAddr {
        PhysAddr(self.start.addr().get() as u64)
    }

    fn len(&self) -> usize {
        self.len
    }

    fn read16(&self, offset: usize) -> u16 {
        // SAFETY: inside the block and aligned (`cell`); volatile, since the device may write it at the same time.
        self.cell(offset, 2)
            .map_or(0, |cell| u16::from_le(unsafe { cell.cast().read_volatile() }))
    }

    fn read32(&self, offset: usize) -> u32 {
        // SAFETY: as in `read16`.
        self.cell(offset, 4)
            .map_or(0, |cell| u32::from_le(unsafe { cell.cast().read_volatile() }))
    }

    fn write16(&mut self, offset: usize, value: u16) {
        if let Some(cell) = self.cell(offset, 2) {
            // SAFETY: inside the block and aligned (`cell`); volatile, since the device may read it at the same time.
            unsafe { cell.cast().write_volatile(value.to_le()) };
        }
    }

    fn write32(&mut self, offset: usize, value: u32) {
        if let Some(cell) = self.cell(offset, 4) {
            // SAFETY: as in `write16`.
            unsafe { cell.cast().write_volatile(value.to_le()) };
        }
    }

    fn write64(&mut self, offset: usize, value: u64) {
        if let Some(cell) = self.cell(offset, 8) {
            // SAFETY: as in `write16`.
            unsafe { cell.cast().write_volatile(value.to_le()) };
        }
    }

    fn bytes(&mut self, offset: usize, len: usize) -> Option<&[u8]> {
        let start = self.part(offset, len)?;
        // SAFETY: inside the block; by the trait's contract the device has handed these bytes back.
        Some(unsafe { core::slice::from_raw_parts(start.as_ptr(), len) })
    }

    fn bytes_mut(&mut self, offset: usize, len: usize) -> Option<&mut [u8]> {
        let start = self.part(offset, len)?;
        // SAFETY: as in `bytes`, and the borrow is exclusive.
        Some(unsafe { core::slice::from_raw_parts_mut(start.as_ptr(), len) })
    }

    fn fence(&mut self) {
        // SAFETY: a barrier.
        unsafe { asm!("dsb sy", options(nostack, preserves_flags)) };
    }
}

/// Lends memory where it lies: the map is the identity.
pub(crate) struct Lender {
    /// Whether the device sees the caches.
    pub(crate) coherent: bool,
}

impl Lender {
    fn barrier() {
        // SAFETY: a barrier. It may touch all memory whose address was told, so the compiler keeps no copy of lent bytes across it.
        unsafe { asm!("dsb sy", options(nostack, preserves_flags)) };
    }
}

/// Where `len` bytes at `address` lie. The map is the identity.
fn region(address: usize, len: usize) -> Option<Region> {
    Region::new(PhysAddr(address as u64), len as u64)
}

impl StreamingDma for Lender {
    fn lend_to_fill(&self, bytes: &mut [u8]) -> Option<PhysAddr> {
        let address = bytes.as_mut_ptr().expose_provenance();
        if !self.coherent {
            let region = region(address, bytes.len())?;
            if !cache::lines().is_alone(region) {
                return None;
            }
            // A dirty line that is written back later would overwrite what the device wrote.
            cache::clean_invalidate(region);
        }
        Self::barrier();
        Some(PhysAddr(address as u64))
    }

    fn take_back(&self, bytes: &mut [u8], _address: PhysAddr) {
        let address = bytes.as_mut_ptr().expose_provenance();
        if !self.coherent
            && let Some(region) = region(address, bytes.len())
        {
            // The processor may have fetched lines on its own meanwhile.
            // SAFETY: `lend_to_fill` found that it shares no line; the bytes were cleaned then and are borrowed exclusively, so
            // nothing was written since.
            unsafe { cache::invalidate(region) };
        }
        Self::barrier();
    }

    fn lend_to_read(&self, bytes: &[u8]) -> Option<PhysAddr> {
        let address = bytes.as_ptr().expose_provenance();
        if !self.coherent {
            cache::clean(region(address, bytes.len())?);
        }
        Self::barrier();
        Some(PhysAddr(address as u64))
    }
}
