//! PCI Express: configuration space, capabilities, base addresses (PCI Express Base Specification, chapter 7).
//!
//! On the machines this loader starts on, nobody has set up PCI before: [`host`] scans the bus, and assigns addresses
//! to the functions that have a driver.

pub mod bar;
pub mod capability;
pub mod ecam;
pub mod host;
#[cfg(test)]
pub(crate) mod model;

use core::fmt;

use hal::{PhysAddr, Region};

/// A function's place: bus, device (0 to 31), function (0 to 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Bus number.
    pub bus: u8,
    /// Device number on the bus.
    pub device: u8,
    /// Function number in the device.
    pub function: u8,
}

impl fmt::Display for Address {
    /// `00:01.0`, as `lspci` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}:{:02x}.{}", self.bus, self.device, self.function)
    }
}

/// Why a PCI host bridge or function cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PciError {
    /// The host bridge's node has no `reg`, or one too small for a single bus.
    #[error("the host bridge's configuration space is missing or smaller than one bus (1 MiB)")]
    NoConfigurationSpace,
    /// The host bridge's registers cannot be mapped.
    #[error("the configuration space {0} cannot be used: nothing answers there, or it is no device's address range")]
    ConfigurationUnmapped(Region),
    /// A base address register is of a type that does not exist.
    #[error("function {function}: base address register {bar} is of the unknown type {kind}")]
    UnknownBar {
        /// The function.
        function: Address,
        /// Which base address register, 0 to 5.
        bar: u8,
        /// Its type field.
        kind: u32,
    },
    /// No window of the host bridge has room.
    #[error(
        "function {function}: no window of the host bridge has room for the {size:#x} bytes of base address register {bar}"
    )]
    WindowsFull {
        /// The function.
        function: Address,
        /// Which base address register, 0 to 5.
        bar: u8,
        /// The bytes it asks for.
        size: u64,
    },
    /// A capability names a base address register that holds no memory.
    #[error("function {function}: base address register {bar} holds no memory")]
    NoMemory {
        /// The function.
        function: Address,
        /// Which base address register.
        bar: u8,
    },
    /// A structure lies outside its base address register.
    #[error("function {function}: {len:#x} bytes at {offset:#x} lie outside base address register {bar}")]
    OutsideBar {
        /// The function.
        function: Address,
        /// Which base address register.
        bar: u8,
        /// First byte within it.
        offset: u32,
        /// Length in bytes.
        len: u32,
    },
    /// The memory of a base address register cannot be mapped.
    #[error(
        "function {function}: the registers at {address} cannot be used: nothing answers there, or it is no device's address"
    )]
    Unmapped {
        /// The function.
        function: Address,
        /// Where the processor would see them.
        address: PhysAddr,
    },
}
