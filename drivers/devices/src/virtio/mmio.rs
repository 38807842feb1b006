//! Virtio over memory-mapped registers: version 2, and version 1, the interface before 1.0 (4.2.2 and 4.2.4).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use hal::{NodeInfo, PhysAddr, Platform, Registers};

use super::{QueueAddresses, Transport, VirtioError};
use crate::registers;

/// Register offsets (4.2.2, table 4.1; the ones before 1.0 from 4.2.4, table 4.3).
mod register {
    pub(super) const MAGIC: usize = 0x000;
    pub(super) const VERSION: usize = 0x004;
    pub(super) const DEVICE_ID: usize = 0x008;
    pub(super) const VENDOR: usize = 0x00c;
    pub(super) const DEVICE_FEATURES: usize = 0x010;
    pub(super) const DEVICE_FEATURES_SELECT: usize = 0x014;
    pub(super) const DRIVER_FEATURES: usize = 0x020;
    pub(super) const DRIVER_FEATURES_SELECT: usize = 0x024;
    pub(super) const LEGACY_PAGE_SIZE: usize = 0x028;
    pub(super) const QUEUE_SELECT: usize = 0x030;
    pub(super) const QUEUE_LIMIT: usize = 0x034;
    pub(super) const QUEUE_SIZE: usize = 0x038;
    pub(super) const LEGACY_QUEUE_ALIGN: usize = 0x03c;
    pub(super) const LEGACY_QUEUE_PAGE: usize = 0x040;
    pub(super) const QUEUE_READY: usize = 0x044;
    pub(super) const QUEUE_NOTIFY: usize = 0x050;
    pub(super) const STATUS: usize = 0x070;
    pub(super) const QUEUE_DESCRIPTORS: usize = 0x080;
    pub(super) const QUEUE_AVAILABLE: usize = 0x090;
    pub(super) const QUEUE_USED: usize = 0x0a0;
    pub(super) const CONFIG_GENERATION: usize = 0x0fc;
    pub(super) const CONFIG: usize = 0x100;
}

/// "virt", little-endian.
const MAGIC: u32 = 0x7472_6976;
const LEGACY: u32 = 1;
const MODERN: u32 = 2;
/// The page size that the interface before 1.0 is told: the alignment of a queue's used ring.
const PAGE: u32 = 4096;

/// A device behind memory-mapped registers.
pub struct MmioTransport {
    registers: Box<dyn Registers>,
    legacy: bool,
}

impl MmioTransport {
    /// The device of a `virtio,mmio` node, and its device id. `None` if the slot is empty: QEMU's virt machine has 32
    /// slots.
    ///
    /// # Errors
    /// [`VirtioError`] if the registers are missing, or are not those of a virtio device.
    pub fn open(node: &NodeInfo, platform: &dyn Platform) -> Result<Option<(Self, u32)>, VirtioError> {
        const EXPECTED: u64 = 0x100;
        let (address, registers) = registers::open(node, EXPECTED, platform)?;
        let magic = registers.read32(register::MAGIC);
        if magic != MAGIC {
            return Err(VirtioError::BadMagic { address, magic });
        }
        let id = registers.read32(register::DEVICE_ID);
        if id == 0 {
            return Ok(None);
        }
        let version = registers.read32(register::VERSION);
        if version != LEGACY && version != MODERN {
            return Err(VirtioError::UnknownVersion { address, version });
        }
        Ok(Some((
            Self {
                registers,
                legacy: version == LEGACY,
            },
            id,
        )))
    }

    /// Writes an address: two halves, the low one first.
    fn write_address(&self, register: usize, address: PhysAddr) {
        let (low, high) = address.halves();
        self.registers.write32(register, low);
        self.registers.write32(register + 4, high);
    }

    fn start_legacy(&self, queue: u16, addresses: &QueueAddresses) -> Result<(), VirtioError> {
        let address = addresses.descriptors;
        let unreachable = VirtioError::QueueUnreachable { queue, address };
        let page = address
            .get()
            .checked_div(u64::from(PAGE))
            .and_then(|page| u32::try_from(page).ok())
            .ok_or(unreachable)?;
        self.registers.write32(register::LEGACY_PAGE_SIZE, PAGE);
        self.registers.write32(register::QUEUE_SELECT, u32::from(queue));
        self.registers.write32(register::QUEUE_SIZE, u32::from(addresses.size));
        self.registers.write32(register::LEGACY_QUEUE_ALIGN, PAGE);
        self.registers.write32(register::LEGACY_QUEUE_PAGE, page);
        Ok(())
    }
}

impl Transport for MmioTransport {
    fn is_legacy(&self) -> bool {
        self.legacy
    }

    fn status(&self) -> u8 {
        let [status, ..] = self.registers.read32(register::STATUS).to_le_bytes();
        status
    }

    fn set_status(&mut self, status: u8) {
        self.registers.write32(register::STATUS, u32::from(status));
    }

    fn offered_features(&mut self) -> u64 {
        self.registers.write32(register::DEVICE_FEATURES_SELECT, 1);
        let high = self.registers.read32(register::DEVICE_FEATURES);
        self.registers.write32(register::DEVICE_FEATURES_SELECT, 0);
        u64::from(high) << 32 | u64::from(self.registers.read32(register::DEVICE_FEATURES))
    }

    fn accept_features(&mut self, features: u64) {
        let [a, b, c, d, e, f, g, h] = features.to_le_bytes();
        for (select, half) in [(0, [a, b, c, d]), (1, [e, f, g, h])] {
            self.registers.write32(register::DRIVER_FEATURES_SELECT, select);
            self.registers
                .write32(register::DRIVER_FEATURES, u32::from_le_bytes(half));
        }
    }

    fn queue_limit(&mut self, queue: u16) -> u16 {
        self.registers.write32(register::QUEUE_SELECT, u32::from(queue));
        u16::try_from(self.registers.read32(register::QUEUE_LIMIT)).unwrap_or(u16::MAX)
    }

    fn start_queue(&mut self, queue: u16, addresses: &QueueAddresses) -> Result<(), VirtioError> {
        if self.legacy {
            return self.start_legacy(queue, addresses);
        }
        self.registers.write32(register::QUEUE_SELECT, u32::from(queue));
        self.registers.write32(register::QUEUE_SIZE, u32::from(addresses.size));
        self.write_address(register::QUEUE_DESCRIPTORS, addresses.descriptors);
        self.write_address(register::QUEUE_AVAILABLE, addresses.available);
        self.write_address(register::QUEUE_USED, addresses.used);
        self.registers.write32(register::QUEUE_READY, 1);
        Ok(())
    }

    fn notify(&mut self, queue: u16) {
        self.registers.write32(register::QUEUE_NOTIFY, u32::from(queue));
    }

    fn config8(&self, offset: usize) -> u8 {
        self.registers.read8(register::CONFIG.saturating_add(offset))
    }

    fn config16(&self, offset: usize) -> u16 {
        self.registers.read16(register::CONFIG.saturating_add(offset))
    }

    fn config32(&self, offset: usize) -> u32 {
        self.registers.read32(register::CONFIG.saturating_add(offset))
    }

    fn config_generation(&self) -> u32 {
        if self.legacy {
            0
        } else {
            self.registers.read32(register::CONFIG_GENERATION)
        }
    }

    /// Four letters, `QEMU`, or a number.
    fn vendor(&self) -> String {
        let vendor = self.registers.read32(register::VENDOR);
        let letters = vendor.to_le_bytes();
        match core::str::from_utf8(&letters) {
            Ok(text) if letters.iter().all(u8::is_ascii_graphic) => text.into(),
            _ => format!("{vendor:08x}"),
        }
    }

    /// Nothing to do: behind plain registers, a device that was reset does no DMA.
    fn detach(&mut self) {}
}
