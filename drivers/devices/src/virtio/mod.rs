//! Virtio 1.2, and the interface before 1.0 that QEMU's `virtio-mmio` speaks by default. Section numbers are those of
//! the OASIS standard "Virtual I/O Device (VIRTIO) Version 1.2".

pub mod mmio;
#[cfg(test)]
pub(crate) mod model;
pub mod pci;
pub mod queue;
pub mod request;
mod ring;

use alloc::string::String;
use core::time::Duration;

use hal::{Clock, PhysAddr};

use crate::pci::PciError;
use crate::registers::RegistersError;
use crate::wait::wait_until;

/// The device id of a network device (5.1.1).
pub const NETWORK: u32 = 1;
/// The device id of a block device (5.2.1).
pub const BLOCK: u32 = 2;

/// Bits of the device status (2.1).
pub mod status {
    /// The driver has noticed the device.
    pub const ACKNOWLEDGE: u8 = 1;
    /// The driver knows how to drive it.
    pub const DRIVER: u8 = 2;
    /// The driver is ready.
    pub const DRIVER_OK: u8 = 4;
    /// The features are settled.
    pub const FEATURES_OK: u8 = 8;
    /// The device cannot go on.
    pub const NEEDS_RESET: u8 = 64;
}

/// The feature bit of a device that follows version 1 of the standard (6).
pub const VERSION_1: u64 = 1 << 32;
/// The feature bit of a device whose addresses are those of its bus, not always those of the processor (6).
/// [`hal::DmaMemory`] gives bus addresses, so a driver can take it wherever it is offered, and some devices insist.
pub const ACCESS_PLATFORM: u64 = 1 << 33;

/// The longest that a device may take to reset. The standard sets no limit; Linux waits without one, QEMU takes no
/// time.
const RESET_LIMIT: Duration = Duration::from_secs(1);

/// Where a queue's three parts lie, as the device sees them (2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueAddresses {
    /// Number of descriptors.
    pub size: u16,
    /// The descriptor table. The other two follow it as the interface before 1.0 wants (2.7.2).
    pub descriptors: PhysAddr,
    /// The available ring, also called driver area.
    pub available: PhysAddr,
    /// The used ring, also called device area.
    pub used: PhysAddr,
}

/// A virtio device's registers, on whichever bus it sits (4).
pub trait Transport {
    /// Whether the device speaks the interface before 1.0 (7.3).
    fn is_legacy(&self) -> bool;

    /// Reads the device status.
    fn status(&self) -> u8;
    /// Writes the device status; 0 begins a reset.
    fn set_status(&mut self, status: u8);

    /// The features that the device offers.
    fn offered_features(&mut self) -> u64;
    /// Sets the features that the driver takes.
    fn accept_features(&mut self, features: u64);

    /// The largest size of queue number `queue`; 0 if there is no such queue.
    fn queue_limit(&mut self, queue: u16) -> u16;
    /// Sets up queue number `queue` and starts it.
    ///
    /// # Errors
    /// [`VirtioError`] if the device cannot take it.
    fn start_queue(&mut self, queue: u16, addresses: &QueueAddresses) -> Result<(), VirtioError>;
    /// Tells the device that there are new buffers in `queue`.
    fn notify(&mut self, queue: u16);

    /// Reads a byte of the device's own configuration.
    fn config8(&self, offset: usize) -> u8;
    /// Reads a 16-bit number of the device's own configuration.
    fn config16(&self, offset: usize) -> u16;
    /// Reads a 32-bit number of the device's own configuration.
    fn config32(&self, offset: usize) -> u32;
    /// Reads the number that changes whenever the device's own configuration does (2.5.1); always 0 before 1.0.
    fn config_generation(&self) -> u32;

    /// Who made the device, for people.
    fn vendor(&self) -> String;

    /// Takes the device off its bus after its last reset.
    fn detach(&mut self);
}

/// Resets the device: when this succeeds, it has let go of every queue (2.4.1).
///
/// # Errors
/// [`VirtioError::NoReset`] if it does not say so in time.
pub fn reset(transport: &mut dyn Transport, clock: &dyn Clock) -> Result<(), VirtioError> {
    transport.set_status(0);
    let done = wait_until(clock, RESET_LIMIT, || transport.status() == 0);
    done.then_some(()).ok_or(VirtioError::NoReset {
        status: transport.status(),
    })
}

/// Settles the features (3.1.1, steps 1 to 6): resets the device, and takes `wanted` as far as it is offered. Gives
/// what was taken.
///
/// # Errors
/// [`VirtioError::NoReset`] and [`VirtioError::FeaturesRefused`].
pub fn negotiate(transport: &mut dyn Transport, clock: &dyn Clock, wanted: u64) -> Result<u64, VirtioError> {
    reset(transport, clock)?;
    transport.set_status(status::ACKNOWLEDGE);
    transport.set_status(status::ACKNOWLEDGE | status::DRIVER);
    let modern = if transport.is_legacy() {
        0
    } else {
        VERSION_1 | ACCESS_PLATFORM
    };
    let features = transport.offered_features() & (wanted | modern);
    transport.accept_features(features);
    if transport.is_legacy() {
        return Ok(features);
    }
    transport.set_status(status::ACKNOWLEDGE | status::DRIVER | status::FEATURES_OK);
    let settled = features & VERSION_1 != 0 && transport.status() & status::FEATURES_OK != 0;
    settled
        .then_some(features)
        .ok_or(VirtioError::FeaturesRefused { features })
}

/// Reads a 64-bit number of the device's own configuration; `None` if it does not stand still. The interface before 1.0 has no generation:
/// there, two readings must agree (2.5.4).
#[must_use]
pub fn config64(transport: &dyn Transport, offset: usize) -> Option<u64> {
    const TRIES: usize = 8;
    let read = || {
        let generation = transport.config_generation();
        let (low, high) = (transport.config32(offset), transport.config32(offset.saturating_add(4)));
        (generation, u64::from(high) << 32 | u64::from(low))
    };
    let mut last = read();
    for _ in 0..TRIES {
        let again = read();
        if again == last {
            return Some(again.1);
        }
        last = again;
    }
    None
}

/// Lets the device run (3.1.1, step 8).
pub fn start(transport: &mut dyn Transport) {
    let status = transport.status();
    transport.set_status(status | status::DRIVER_OK);
}

/// Why a virtio device cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VirtioError {
    /// Its registers.
    #[error(transparent)]
    Registers(#[from] RegistersError),
    /// The registers are not those of a virtio device.
    #[error("the registers at {address} begin with {magic:#x}, not with virtio's 0x74726976")]
    BadMagic {
        /// Where they are.
        address: PhysAddr,
        /// What they begin with.
        magic: u32,
    },
    /// The registers are of a version that this driver does not know.
    #[error("the registers at {address} are of version {version}, not 1 or 2")]
    UnknownVersion {
        /// Where they are.
        address: PhysAddr,
        /// The version they say.
        version: u32,
    },
    /// A PCI function without the capability for a structure that a driver needs: an interface before 1.0 alone.
    #[error("the function has no virtio capability of type {0}: a device with disable-modern=on is not supported")]
    NoCapability(u8),
    /// A function's memory is not as its capabilities say.
    #[error(transparent)]
    Pci(#[from] PciError),
    /// The reset does not end.
    #[error("the device does not reset: its status stays {status:#x}")]
    NoReset {
        /// The status after the wait.
        status: u8,
    },
    /// The device does not take the features.
    #[error("the device refuses the features {features:#x} that it offers")]
    FeaturesRefused {
        /// What was asked of it.
        features: u64,
    },
    /// A queue is missing or too small.
    #[error("queue {queue} holds at most {limit} buffers, too few to use")]
    QueueTooSmall {
        /// Its number.
        queue: u16,
        /// The device's limit.
        limit: u16,
    },
    /// A queue's address does not fit the interface before 1.0.
    #[error("queue {queue} lies at {address}, beyond what the device's interface can address")]
    QueueUnreachable {
        /// Its number.
        queue: u16,
        /// Where it lies.
        address: PhysAddr,
    },
    /// A block device whose requests hold no block.
    #[error("a request of at most {pieces} pieces of {bytes} bytes holds no block")]
    RequestTooSmall {
        /// The pieces that it takes.
        pieces: u32,
        /// The bytes in each.
        bytes: u32,
    },
    /// No memory for a queue or its buffers.
    #[error("no {0} bytes of memory to share with the device")]
    NoMemory(usize),
}
