//! Configuration space through the Enhanced Configuration Access Mechanism (PCI Express Base Specification, 7.2.2).

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;

use hal::{NodeInfo, Platform, Registers};

use super::{Address, PciError};

/// Bytes of configuration space per bus: 32 devices of 8 functions of 4 KiB.
const BUS_BYTES: u64 = 1 << 20;
/// What an absent function answers.
const ABSENT: u32 = u32::MAX;
/// The header-type bit of a device that has more than function 0.
const MULTI_FUNCTION: u8 = 1 << 7;
/// The header-type bits that tell a function (0) from a bridge to another bus (1).
const HEADER_LAYOUT: u8 = 0x7f;

/// Offsets in the header that every function has (7.5.1.1).
pub(super) mod header {
    pub(in crate::pci) const VENDOR: u16 = 0x00;
    pub(in crate::pci) const COMMAND: u16 = 0x04;
    pub(in crate::pci) const STATUS: u16 = 0x06;
    pub(in crate::pci) const HEADER_TYPE: u16 = 0x0e;
    pub(in crate::pci) const BAR0: u16 = 0x10;
    pub(in crate::pci) const CAPABILITIES: u16 = 0x34;
}

/// Bits of the command register (7.5.1.1.3).
mod command {
    pub(super) const IO: u16 = 1 << 0;
    pub(super) const MEMORY: u16 = 1 << 1;
    pub(super) const BUS_MASTER: u16 = 1 << 2;
    pub(super) const INTERRUPT_DISABLE: u16 = 1 << 10;
}

/// The configuration space of one host bridge.
pub struct Ecam {
    registers: Box<dyn Registers>,
    first_bus: u8,
    last_bus: u8,
}

impl Ecam {
    /// Maps the configuration space that `node` (compatible `pci-host-ecam-generic`) names.
    ///
    /// # Errors
    /// [`PciError::NoConfigurationSpace`] and [`PciError::ConfigurationUnmapped`].
    pub fn map(node: &NodeInfo, platform: &dyn Platform) -> Result<Self, PciError> {
        let region = *node.reg.first().ok_or(PciError::NoConfigurationSpace)?;
        let (first_bus, last_bus) = node.bus_range.unwrap_or((0, u8::MAX));
        let buses = region
            .len()
            .checked_div(BUS_BYTES)
            .filter(|buses| *buses > 0)
            .ok_or(PciError::NoConfigurationSpace)?;
        let room = u8::try_from(buses.saturating_sub(1)).unwrap_or(u8::MAX);
        let registers = platform.map(region).ok_or(PciError::ConfigurationUnmapped(region))?;
        Ok(Self {
            registers,
            first_bus,
            last_bus: last_bus.min(first_bus.saturating_add(room)),
        })
    }

    /// The number of the bus right behind the host bridge.
    #[must_use]
    pub fn first_bus(&self) -> u8 {
        self.first_bus
    }

    /// The last bus number that the configuration space holds.
    #[must_use]
    pub fn last_bus(&self) -> u8 {
        self.last_bus
    }

    /// The functions on `bus`, in order. None if the bus has no configuration space.
    #[must_use]
    pub fn scan(self: &Rc<Self>, bus: u8) -> Vec<Function> {
        if bus < self.first_bus || bus > self.last_bus {
            return Vec::new();
        }
        (0..32).flat_map(|device| self.functions(bus, device)).collect()
    }

    fn functions(self: &Rc<Self>, bus: u8, device: u8) -> Vec<Function> {
        let at = |function| Function {
            ecam: Rc::clone(self),
            address: Address { bus, device, function },
        };
        let first = at(0);
        if !first.is_present() {
            return Vec::new();
        }
        let count = if first.read8(header::HEADER_TYPE) & MULTI_FUNCTION == 0 {
            1
        } else {
            8
        };
        core::iter::once(first)
            .chain((1..count).map(at).filter(Function::is_present))
            .collect()
    }

    fn offset(&self, address: Address, register: u16) -> usize {
        let bus = usize::from(address.bus.saturating_sub(self.first_bus));
        bus << 20
            | usize::from(address.device & 31) << 15
            | usize::from(address.function & 7) << 12
            | usize::from(register & 0xfff)
    }
}

/// One function's configuration space. Registers are byte offsets below 4096.
#[derive(Clone)]
pub struct Function {
    ecam: Rc<Ecam>,
    address: Address,
}

impl Function {
    /// Where it is.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }

    /// Vendor and device id.
    #[must_use]
    pub fn id(&self) -> (u16, u16) {
        (self.read16(header::VENDOR), self.read16(header::VENDOR + 2))
    }

    /// Reads 8 bits.
    #[must_use]
    pub fn read8(&self, register: u16) -> u8 {
        self.ecam.registers.read8(self.ecam.offset(self.address, register))
    }

    /// Reads 16 bits.
    #[must_use]
    pub fn read16(&self, register: u16) -> u16 {
        self.ecam.registers.read16(self.ecam.offset(self.address, register))
    }

    /// Reads 32 bits.
    #[must_use]
    pub fn read32(&self, register: u16) -> u32 {
        self.ecam.registers.read32(self.ecam.offset(self.address, register))
    }

    /// Writes 16 bits.
    pub fn write16(&self, register: u16, value: u16) {
        self.ecam
            .registers
            .write16(self.ecam.offset(self.address, register), value);
    }

    /// Writes 32 bits.
    pub fn write32(&self, register: u16, value: u32) {
        self.ecam
            .registers
            .write32(self.ecam.offset(self.address, register), value);
    }

    /// Whether it is a bridge to another bus: a type 1 header.
    #[must_use]
    pub fn is_bridge(&self) -> bool {
        self.read8(header::HEADER_TYPE) & HEADER_LAYOUT == 1
    }

    /// Lets the function answer at its memory addresses and do DMA; its legacy interrupt stays off.
    pub fn enable(&self) {
        self.set_command(command::MEMORY | command::BUS_MASTER | command::INTERRUPT_DISABLE);
    }

    /// Takes the function off the bus: it answers only in configuration space, and does no DMA.
    pub fn disable(&self) {
        self.set_command(command::INTERRUPT_DISABLE);
    }

    /// Sets the bits that this file knows to those of `bits`; the others, and the status register beside, stay.
    fn set_command(&self, bits: u16) {
        const KNOWN: u16 = command::IO | command::MEMORY | command::BUS_MASTER | command::INTERRUPT_DISABLE;
        let value = self.read16(header::COMMAND) & !KNOWN | bits;
        self.write16(header::COMMAND, value);
    }

    fn is_present(&self) -> bool {
        let id = self.read32(header::VENDOR);
        id != ABSENT && id != 0
    }
}
