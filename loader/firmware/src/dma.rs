//! Memory shared with devices: out of the loader's heap, for devices that see the caches.

use alloc::alloc::{Layout, alloc_zeroed};
use core::arch::asm;
use core::ptr::NonNull;

use hal::PhysAddr;
use hal::dma::{DmaMemory, StreamingDma};

const PAGE: usize = 4096;

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

/// Lends memory where it lies: the map is the identity, and every device sees the caches.
pub(crate) struct Lender;

impl Lender {
    fn barrier() {
        // SAFETY: a barrier. It may touch all memory whose address was told, so the compiler keeps no copy of lent bytes across it.
        unsafe { asm!("dsb sy", options(nostack, preserves_flags)) };
    }
}

impl StreamingDma for Lender {
    fn lend_to_fill(&self, bytes: &mut [u8]) -> Option<PhysAddr> {
        let address = bytes.as_mut_ptr().expose_provenance();
        Self::barrier();
        Some(PhysAddr(address as u64))
    }

    fn take_back(&self, bytes: &mut [u8], _address: PhysAddr) {
        bytes.as_mut_ptr().expose_provenance();
        Self::barrier();
    }

    fn lend_to_read(&self, bytes: &[u8]) -> Option<PhysAddr> {
        let address = bytes.as_ptr().expose_provenance();
        Self::barrier();
        Some(PhysAddr(address as u64))
    }
}
