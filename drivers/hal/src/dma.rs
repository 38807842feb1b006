//! Memory that a device reads and writes by itself.

use crate::addr::PhysAddr;

/// A block of RAM shared with one device: physically contiguous, page-aligned (4096), zeroed when it is given out, and
/// kept for good, since a device that misbehaves may write to it at any time.
///
/// Both sides see each other's writes without cache maintenance: the device sees the caches (the `dma-coherent` of the device
/// tree), or the memory is not cached ([`crate::Platform::without_coherence`]). Rings and descriptors are read and written through the sized accessors: one volatile access each, little-endian, naturally
/// aligned. What lies outside the block, or is not aligned, reads as zero and is not written.
///
/// [`DmaMemory::bytes`] and [`DmaMemory::bytes_mut`] are for payloads. The driver asks only for bytes that the device
/// has handed back, and keeps the slice no longer than that: then nothing changes under it. What it wrote is the
/// device's to see after the next [`DmaMemory::fence`].
pub trait DmaMemory {
    /// The address of the first byte as the device sees it.
    fn bus_address(&self) -> PhysAddr;

    /// The length in bytes.
    fn len(&self) -> usize;

    /// Whether the block holds no byte.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads 16 bits at `offset`.
    fn read16(&self, offset: usize) -> u16;
    /// Reads 32 bits at `offset`.
    fn read32(&self, offset: usize) -> u32;
    /// Writes 16 bits at `offset`.
    fn write16(&mut self, offset: usize, value: u16);
    /// Writes 32 bits at `offset`.
    fn write32(&mut self, offset: usize, value: u32);
    /// Writes 64 bits at `offset`.
    fn write64(&mut self, offset: usize, value: u64);

    /// `len` bytes at `offset` that the driver owns at present; `None` unless they lie within the block.
    fn bytes(&mut self, offset: usize, len: usize) -> Option<&[u8]>;

    /// As [`DmaMemory::bytes`], to write.
    fn bytes_mut(&mut self, offset: usize, len: usize) -> Option<&mut [u8]>;

    /// Puts every earlier access to RAM before every later one, registers included, as the device sees them.
    fn fence(&mut self);
}

/// Lends memory of the processor's to a device for one transfer, so that payloads need not be copied.
///
/// For a device that does not see the caches, lending and taking back do the cache maintenance.
///
/// Between [`StreamingDma::lend_to_fill`] or [`StreamingDma::lend_to_read`] and the end of the transfer the driver does not look at the bytes. A
/// device that is not known to have ended the transfer may still write: the driver resets it before it gives the bytes back to its caller.
pub trait StreamingDma {
    /// Lends `bytes` for a device to write into, and gives the address that the device sees. `None` if devices do not reach them, or
    /// what lies beside them could suffer: then the driver goes by way of [`DmaMemory`].
    fn lend_to_fill(&self, bytes: &mut [u8]) -> Option<PhysAddr>;

    /// Takes `bytes` back from the device, once it has ended the transfer to `address`, which [`StreamingDma::lend_to_fill`] gave.
    fn take_back(&self, bytes: &mut [u8], address: PhysAddr);

    /// Lends `bytes` for a device to read. `None` as for [`StreamingDma::lend_to_fill`].
    fn lend_to_read(&self, bytes: &[u8]) -> Option<PhysAddr>;
}
