//! Device registers at physical addresses.

use core::arch::asm;

use hal::{Region, registers::Registers};

/// A window of device registers.
pub(crate) struct Mmio {
    region: Region,
}

impl Mmio {
    /// The registers in `region`.
    ///
    /// # Safety
    /// The identity map shows `region` as device memory; no Rust object lies there.
    pub(crate) const unsafe fn new(region: Region) -> Self {
        Self { region }
    }

    /// The address of `len` bytes at `offset`; `None` beyond the window, and where device memory would fault because the access is
    /// not aligned: a device may have said where its registers are.
    fn address(&self, offset: usize, len: u64) -> Option<u64> {
        let start = self.region.slice(offset as u64, len)?.start();
        start.is_aligned(len).then(|| start.get())
    }
}

/// One load without write-back of the address: the form that hypervisors can emulate.
macro_rules! read {
    ($self:ident, $offset:ident, $type:ty, $instruction:literal) => {{
        let Some(address) = $self.address($offset, size_of::<$type>() as u64) else { return <$type>::MAX };
        let value: u64;
        // SAFETY: inside the window, which is device memory.
        unsafe { asm!($instruction, out(reg) value, in(reg) address, options(nostack, preserves_flags)) };
        value as $type
    }};
}

/// One store without write-back of the address.
macro_rules! write {
    ($self:ident, $offset:ident, $value:ident, $instruction:literal) => {{
        let Some(address) = $self.address($offset, size_of_val(&$value) as u64) else { return };
        // SAFETY: inside the window, which is device memory; what the register does is the driver's business.
        unsafe { asm!($instruction, in(reg) u64::from($value), in(reg) address, options(nostack, preserves_flags)) };
    }};
}

impl Registers for Mmio {
    fn read8(&self, offset: usize) -> u8 {
        read!(self, offset, u8, "ldrb {:w}, [{}]")
    }

    fn read16(&self, offset: usize) -> u16 {
        read!(self, offset, u16, "ldrh {:w}, [{}]")
    }

    fn read32(&self, offset: usize) -> u32 {
        read!(self, offset, u32, "ldr {:w}, [{}]")
    }

    fn write8(&self, offset: usize, value: u8) {
        write!(self, offset, value, "strb {:w}, [{}]");
    }

    fn write16(&self, offset: usize, value: u16) {
        write!(self, offset, value, "strh {:w}, [{}]");
    }

    fn write32(&self, offset: usize, value: u32) {
        write!(self, offset, value, "str {:w}, [{}]");
    }
}
