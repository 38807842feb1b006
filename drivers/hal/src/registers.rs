//! A device's register window.

/// Memory-mapped registers at byte offsets from the device's base. Each access is one bus access of that width, in program order.
///
/// An offset beyond the window, or one that is not aligned to the width, reads as all ones and writes nothing, as an absent PCI function does.
pub trait Registers {
    /// Reads 8 bits.
    fn read8(&self, offset: usize) -> u8;
    /// Reads 16 bits.
    fn read16(&self, offset: usize) -> u16;
    /// Reads 32 bits.
    fn read32(&self, offset: usize) -> u32;
    /// Writes 8 bits.
    fn write8(&self, offset: usize, value: u8);
    /// Writes 16 bits.
    fn write16(&self, offset: usize, value: u16);
    /// Writes 32 bits.
    fn write32(&self, offset: usize, value: u32);
}
