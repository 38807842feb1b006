//! NOR flash: read anywhere, erase by the block to ones, program ones to zeros.

use core::fmt;
use core::ops::Range;

use crate::addr::{PhysAddr, Region};

/// What passes the time while a flash is busy: the console must not lose what is typed.
pub type Meanwhile<'a> = &'a mut dyn FnMut();

/// A NOR flash. Offsets count from its first byte.
pub trait Flash {
    /// The name shown to people, for instance `cfi-flash@4000000`.
    fn name(&self) -> &str;

    /// Where the processor sees it.
    fn region(&self) -> Region;

    /// The offsets of the erase block that holds `offset`; `None` beyond the end.
    fn erase_block(&self, offset: u64) -> Option<Range<u64>>;

    /// Copies the bytes from `offset` on.
    ///
    /// # Errors
    /// [`FlashError`] if they are not all in the flash.
    fn read(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), FlashError>;

    /// Clears the bits that are zero in `bytes`; those that are one stay as they are.
    ///
    /// # Errors
    /// [`FlashError`]. What was programmed before the error stays.
    fn program(&mut self, offset: u64, bytes: &[u8], meanwhile: Meanwhile<'_>) -> Result<(), FlashError>;

    /// Sets every bit of the erase block that holds `offset`.
    ///
    /// # Errors
    /// [`FlashError`]. The block then holds anything.
    fn erase(&mut self, offset: u64, meanwhile: Meanwhile<'_>) -> Result<(), FlashError>;
}

/// What went wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashError {
    /// The address of the access, as the processor sees it.
    pub address: PhysAddr,
    /// What went wrong.
    pub fault: FlashFault,
}

/// What went wrong in a flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlashFault {
    /// The access ends beyond the flash.
    OutOfRange,
    /// The chip was still busy at the deadline.
    Timeout,
    /// The block is locked.
    Locked,
    /// The programming voltage is too low.
    Voltage,
    /// The chip says that bits were not cleared.
    Program,
    /// The chip says that bits were not set.
    Erase,
    /// The chip did not understand: it is another one than it said, or someone else uses it.
    Sequence,
}

impl fmt::Display for FlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = match self.fault {
            FlashFault::OutOfRange => "beyond the end of the flash",
            FlashFault::Timeout => "the flash is still busy at its deadline",
            FlashFault::Locked => "the flash block is locked",
            FlashFault::Voltage => "the flash lacks programming voltage",
            FlashFault::Program => "the flash was not programmed",
            FlashFault::Erase => "the flash block was not erased",
            FlashFault::Sequence => "the flash did not take the command",
        };
        write!(f, "{fault}, at {}", self.address)
    }
}

impl core::error::Error for FlashError {}
