//! What the processor and its firmware do for the loader: reset, bus accesses that may fault, and the jump.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::addr::{PhysAddr, Region};

/// The exception level that the loader runs at (Arm ARM, D1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExceptionLevel {
    /// Kernel level: Linux starts, Xen cannot.
    El1,
    /// Hypervisor level: what Xen needs.
    El2,
}

impl fmt::Display for ExceptionLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::El1 => "EL1",
            Self::El2 => "EL2",
        })
    }
}

/// The width of one bus access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Half,
    /// 32 bits.
    Word,
    /// 64 bits.
    Double,
}

impl Width {
    /// The width in bytes: 1, 2, 4 or 8.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Byte => 1,
            Self::Half => 2,
            Self::Word => 4,
            Self::Double => 8,
        }
    }

    /// The widest access up to a word that is aligned where `region` begins and lies in it; `None` for a region without a byte.
    #[must_use]
    pub fn widest_at_start(region: Region) -> Option<Self> {
        [Self::Word, Self::Half, Self::Byte]
            .into_iter()
            .find(|width| region.start().is_aligned(width.bytes()) && width.bytes() <= region.len())
    }

    /// The width in bits: 8, 16, 32 or 64.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Byte => 8,
            Self::Half => 16,
            Self::Word => 32,
            Self::Double => 64,
        }
    }
}

/// A bus access that the hardware refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusFault {
    /// The address of the access.
    pub address: PhysAddr,
    /// `ESR_EL2` of the abort (Arm ARM, D24.2.40); 0 where there is none.
    pub syndrome: u64,
}

impl fmt::Display for BusFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing answers at {} (ESR {:#x})", self.address, self.syndrome)
    }
}

impl core::error::Error for BusFault {}

/// A jump to what was loaded (Linux `booting.rst`; Xen `docs/misc/arm/booting.txt`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// Where the image starts.
    pub entry: PhysAddr,
    /// The device tree for `x0`.
    pub device_tree: PhysAddr,
    /// Everything that was loaded: cleaned to the point of coherency before the caches go off.
    pub clean: Vec<Region>,
}

/// A fault made on purpose, to see that the machine catches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An instruction that does not exist.
    Undefined,
    /// A breakpoint instruction without a debugger.
    Breakpoint,
    /// A call that never returns, until the stack ends.
    StackOverflow,
    /// A jump to data.
    ExecuteData,
    /// A write to the loader's own code.
    WriteCode,
}

/// The machine itself.
pub trait System {
    /// The exception level at run time.
    fn exception_level(&self) -> ExceptionLevel;

    /// Resets the machine. Returns only if the firmware refuses, with its reason.
    fn reset(&mut self) -> &'static str;

    /// Switches the machine off. Returns only if the firmware refuses, with its reason.
    fn power_off(&mut self) -> &'static str;

    /// Reads one value of `width` at `address`, RAM or device.
    ///
    /// # Errors
    /// [`BusFault`] if the access aborts or is not aligned.
    fn bus_read(&mut self, address: PhysAddr, width: Width) -> Result<u64, BusFault>;

    /// Writes one value of `width` at `address`. The caller has made sure that this is not the loader's own memory.
    ///
    /// # Errors
    /// [`BusFault`] if the access aborts or is not aligned.
    fn bus_write(&mut self, address: PhysAddr, width: Width, value: u64) -> Result<(), BusFault>;

    /// Makes code that was written to `region` visible to instruction fetch.
    fn sync_instructions(&mut self, region: Region);

    /// Calls the program at `entry`, whose instructions were made visible, with the number of `words` in `x0` and the address of an array of
    /// pointers to them, each ended by a zero, in `x1`. Gives what it returns in `x0`.
    ///
    /// # Errors
    /// A sentence, if this machine cannot.
    fn call(&mut self, entry: PhysAddr, words: &[String]) -> Result<u64, &'static str>;

    /// Makes `fault` happen. Returns only if nothing came of it.
    fn provoke(&mut self, fault: Fault);

    /// Jumps to the image: caches cleaned over `request.clean`, MMU and D-cache off, `x0` = device tree, `x1..x3` = 0.
    /// Does not return on hardware; a simulation records the request and returns.
    fn hand_over(&mut self, request: &HandOver);
}

#[cfg(test)]
mod tests {
    use super::Width;
    use crate::addr::{PhysAddr, Region};

    #[test]
    fn the_widest_access_stays_in_its_region() {
        for (start, len, expected) in [
            (0x1000, 0x1000, Some(Width::Word)),
            (0x1004, 4, Some(Width::Word)),
            (0x1000, 3, Some(Width::Half)),
            (0x1000, 1, Some(Width::Byte)),
            (0x1002, 0x100, Some(Width::Half)),
            (0x1001, 0x100, Some(Width::Byte)),
            (0x1000, 0, None),
        ] {
            let region = Region::new(PhysAddr(start), len).unwrap();
            assert_eq!(Width::widest_at_start(region), expected, "{start:#x} {len}");
        }
    }
}
