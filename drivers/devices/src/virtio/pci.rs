//! Virtio over PCI: four structures in the function's memory, found through vendor capabilities (4.1.4).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use hal::{PhysAddr, Platform, Registers};

use super::{QueueAddresses, Transport, VirtioError};
use crate::pci::bar::{self, Assigned};
use crate::pci::capability::capabilities;
use crate::pci::ecam::Function;
use crate::pci::host::Endpoint;
use crate::pci::{Address, PciError};

/// The vendor id of every virtio function (4.1.2).
pub const VENDOR: u16 = 0x1af4;
/// The id of a network device that also speaks the interface before 1.0 (4.1.2.1).
pub const TRANSITIONAL_NETWORK: u16 = 0x1000;
/// The id of a network device that speaks only 1.0 and later: 0x1040 and the device id.
pub const MODERN_NETWORK: u16 = 0x1041;
/// The id of a block device that also speaks the interface before 1.0 (4.1.2.1).
pub const TRANSITIONAL_BLOCK: u16 = 0x1001;
/// The id of a block device that speaks only 1.0 and later.
pub const MODERN_BLOCK: u16 = 0x1042;

/// The subsystem's vendor, in the header of a function (PCI Express Base Specification, 7.5.1.2.3).
const SUBSYSTEM_VENDOR: u16 = 0x2c;
const VENDOR_CAPABILITY: u8 = 0x09;
const COMMON: u8 = 1;
const NOTIFY: u8 = 2;
const DEVICE: u8 = 4;

/// Offsets in a capability (4.1.4).
mod capability {
    pub(super) const TYPE: u16 = 3;
    pub(super) const BAR: u16 = 4;
    pub(super) const OFFSET: u16 = 8;
    pub(super) const LENGTH: u16 = 12;
    pub(super) const NOTIFY_MULTIPLIER: u16 = 16;
}

/// Offsets in the common configuration (4.1.4.3).
mod common {
    pub(super) const DEVICE_FEATURES_SELECT: usize = 0x00;
    pub(super) const DEVICE_FEATURES: usize = 0x04;
    pub(super) const DRIVER_FEATURES_SELECT: usize = 0x08;
    pub(super) const DRIVER_FEATURES: usize = 0x0c;
    pub(super) const STATUS: usize = 0x14;
    pub(super) const CONFIG_GENERATION: usize = 0x15;
    pub(super) const QUEUE_SELECT: usize = 0x16;
    pub(super) const QUEUE_SIZE: usize = 0x18;
    pub(super) const QUEUE_ENABLE: usize = 0x1c;
    pub(super) const QUEUE_NOTIFY_OFFSET: usize = 0x1e;
    pub(super) const QUEUE_DESCRIPTORS: usize = 0x20;
    pub(super) const QUEUE_AVAILABLE: usize = 0x28;
    pub(super) const QUEUE_USED: usize = 0x30;
}

/// The queues that this transport can notify: a network device's two.
const QUEUES: usize = 2;

/// A device behind a PCI function.
pub struct PciTransport {
    function: Function,
    common: Box<dyn Registers>,
    notify: Box<dyn Registers>,
    device: Option<Box<dyn Registers>>,
    notify_multiplier: usize,
    /// Where in `notify` each queue's register is; asked once, when the queue starts, since asking costs two register
    /// accesses.
    notify_offsets: [usize; QUEUES],
}

/// Registers of a structure, and where its capability starts.
type Structure = (Box<dyn Registers>, u16);

/// One of the structures, mapped; `None` if the function has no capability for it.
fn structure(
    function: &Function,
    memory: &[Assigned],
    platform: &dyn Platform,
    kind: u8,
) -> Result<Option<Structure>, PciError> {
    let of_kind = |register: &u16| function.read8(register + capability::TYPE) == kind;
    let vendor = capabilities(function).filter(|capability| capability.id == VENDOR_CAPABILITY);
    let Some(register) = vendor.map(|capability| capability.register).find(of_kind) else {
        return Ok(None);
    };
    let address: Address = function.address();
    let bar = function.read8(register + capability::BAR);
    let offset = function.read32(register + capability::OFFSET);
    let region = bar::part(
        address,
        memory,
        bar,
        offset,
        function.read32(register + capability::LENGTH),
    )?;
    let unmapped = PciError::Unmapped {
        function: address,
        address: region.start(),
    };
    Ok(Some((platform.map(region).ok_or(unmapped)?, register)))
}

impl PciTransport {
    /// The device behind `endpoint`, which must be a virtio function.
    ///
    /// # Errors
    /// [`VirtioError::NoCapability`] and [`VirtioError::Pci`].
    pub fn open(endpoint: Endpoint, platform: &dyn Platform) -> Result<Self, VirtioError> {
        let Endpoint { function, memory } = endpoint;
        let find = |kind| structure(&function, &memory, platform, kind);
        let (common, _) = find(COMMON)?.ok_or(VirtioError::NoCapability(COMMON))?;
        let (notify, register) = find(NOTIFY)?.ok_or(VirtioError::NoCapability(NOTIFY))?;
        let device = find(DEVICE)?.map(|(registers, _)| registers);
        let multiplier = function.read32(register + capability::NOTIFY_MULTIPLIER);
        let notify_multiplier = usize::try_from(multiplier).unwrap_or(usize::MAX);
        Ok(Self {
            function,
            common,
            notify,
            device,
            notify_multiplier,
            notify_offsets: [0; QUEUES],
        })
    }

    fn write_address(&self, register: usize, address: PhysAddr) {
        let (low, high) = address.halves();
        self.common.write32(register, low);
        self.common.write32(register + 4, high);
    }
}

impl Transport for PciTransport {
    fn is_legacy(&self) -> bool {
        false
    }

    fn status(&self) -> u8 {
        self.common.read8(common::STATUS)
    }

    fn set_status(&mut self, status: u8) {
        self.common.write8(common::STATUS, status);
    }

    fn offered_features(&mut self) -> u64 {
        self.common.write32(common::DEVICE_FEATURES_SELECT, 1);
        let high = self.common.read32(common::DEVICE_FEATURES);
        self.common.write32(common::DEVICE_FEATURES_SELECT, 0);
        u64::from(high) << 32 | u64::from(self.common.read32(common::DEVICE_FEATURES))
    }

    fn accept_features(&mut self, features: u64) {
        let [a, b, c, d, e, f, g, h] = features.to_le_bytes();
        for (select, half) in [(0, [a, b, c, d]), (1, [e, f, g, h])] {
            self.common.write32(common::DRIVER_FEATURES_SELECT, select);
            self.common.write32(common::DRIVER_FEATURES, u32::from_le_bytes(half));
        }
    }

    fn queue_limit(&mut self, queue: u16) -> u16 {
        self.common.write16(common::QUEUE_SELECT, queue);
        self.common.read16(common::QUEUE_SIZE)
    }

    fn start_queue(&mut self, queue: u16, addresses: &QueueAddresses) -> Result<(), VirtioError> {
        self.common.write16(common::QUEUE_SELECT, queue);
        self.common.write16(common::QUEUE_SIZE, addresses.size);
        self.write_address(common::QUEUE_DESCRIPTORS, addresses.descriptors);
        self.write_address(common::QUEUE_AVAILABLE, addresses.available);
        self.write_address(common::QUEUE_USED, addresses.used);
        let offset = usize::from(self.common.read16(common::QUEUE_NOTIFY_OFFSET));
        if let Some(place) = self.notify_offsets.get_mut(usize::from(queue)) {
            *place = offset.saturating_mul(self.notify_multiplier);
        }
        self.common.write16(common::QUEUE_ENABLE, 1);
        Ok(())
    }

    fn notify(&mut self, queue: u16) {
        if let Some(offset) = self.notify_offsets.get(usize::from(queue)) {
            self.notify.write16(*offset, queue);
        }
    }

    fn config8(&self, offset: usize) -> u8 {
        self.device.as_ref().map_or(0, |device| device.read8(offset))
    }

    fn config16(&self, offset: usize) -> u16 {
        self.device.as_ref().map_or(0, |device| device.read16(offset))
    }

    fn config32(&self, offset: usize) -> u32 {
        self.device.as_ref().map_or(0, |device| device.read32(offset))
    }

    fn config_generation(&self) -> u32 {
        u32::from(self.common.read8(common::CONFIG_GENERATION))
    }

    /// The subsystem's vendor id, `1af4`.
    fn vendor(&self) -> String {
        format!("{:04x}", self.function.read32(SUBSYSTEM_VENDOR) & 0xffff)
    }

    fn detach(&mut self) {
        self.function.disable();
    }
}
