//! A split virtqueue for one request at a time, as a chain of descriptors (2.7.5).

use core::ops::RangeInclusive;

use hal::{PhysAddr, Platform};

use super::ring::{Descriptor, Rings};
use super::{Transport, VirtioError};

/// A part of a request: bytes that the device reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where they are, as the device sees it.
    pub address: PhysAddr,
    /// How many.
    pub len: u32,
    /// Whether the device writes them; else it reads them.
    pub device_writes: bool,
}

/// A queue that holds one request at most. Its chain begins at descriptor 0.
pub struct RequestQueue {
    number: u16,
    rings: Rings,
    with_device: bool,
}

impl RequestQueue {
    /// Makes queue `number` with as many descriptors as `sizes` and the device's limit let it; [`RequestQueue::start`] starts it.
    ///
    /// # Errors
    /// [`VirtioError`] if the queue does not exist or there is no memory for it.
    pub fn new(
        number: u16,
        sizes: RangeInclusive<u16>,
        transport: &mut dyn Transport,
        platform: &dyn Platform,
    ) -> Result<Self, VirtioError> {
        Ok(Self {
            number,
            rings: Rings::new(number, sizes, transport, platform)?,
            with_device: false,
        })
    }

    /// Starts the queue on a device that has been reset: whatever it held is void.
    ///
    /// # Errors
    /// [`VirtioError`] if the device cannot take it.
    pub fn start(&mut self, transport: &mut dyn Transport) -> Result<(), VirtioError> {
        self.with_device = false;
        self.rings.start(transport)
    }

    /// The parts that a request may have.
    #[must_use]
    pub fn parts(&self) -> u16 {
        self.rings.size()
    }

    /// Gives the device a request. What it reads has been [fenced](hal::DmaMemory::fence). Nothing happens, and the answer is `false`,
    /// while it has another one, or if there are more parts than [`RequestQueue::parts`] or none.
    #[must_use]
    pub fn submit(&mut self, parts: &[Part], transport: &mut dyn Transport) -> bool {
        let count = u16::try_from(parts.len()).unwrap_or(u16::MAX);
        if self.with_device || count == 0 || count > self.rings.size() {
            return false;
        }
        for (index, part) in (0..count).zip(parts) {
            let next = index.saturating_add(1);
            let follows = if next < count { Descriptor::NEXT } else { 0 };
            let direction = if part.device_writes {
                Descriptor::DEVICE_WRITES
            } else {
                0
            };
            let descriptor = Descriptor {
                address: part.address,
                len: part.len,
                flags: follows | direction,
                next: if next < count { next } else { 0 },
            };
            self.rings.describe(index, descriptor);
        }
        self.with_device = true;
        self.rings.offer(0);
        if self.rings.publish() {
            transport.notify(self.number);
        }
        true
    }

    /// Whether the device has ended the request. Entries that name any other are passed over.
    #[must_use]
    pub fn is_done(&mut self) -> bool {
        for _ in 0..self.rings.size() {
            match self.rings.take_used() {
                None => break,
                Some((0, _)) => self.with_device = false,
                Some(_) => {}
            }
        }
        !self.with_device
    }
}
