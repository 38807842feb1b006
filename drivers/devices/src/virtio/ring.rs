//! The three parts of a split virtqueue in one block of memory (2.7), whoever uses its descriptors and for what.

use alloc::boxed::Box;

use hal::{DmaMemory, PhysAddr, Platform};

use super::{QueueAddresses, Transport, VirtioError};

const DESCRIPTOR_BYTES: usize = 16;
/// Available-ring flag: do not interrupt when buffers are used (2.7.7).
const NO_INTERRUPT: u16 = 1;
/// Used-ring flag: do not notify when buffers are made available (2.7.10).
const NO_NOTIFY: u16 = 1;
/// The used ring begins on a page of its own, as the interface before 1.0 wants (2.7.2).
const USED_ALIGN: usize = 4096;

/// A descriptor (2.7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descriptor {
    /// Where the bytes are.
    pub(super) address: PhysAddr,
    /// How many.
    pub(super) len: u32,
    /// [`Descriptor::NEXT`] and [`Descriptor::DEVICE_WRITES`].
    pub(super) flags: u16,
    /// The next one of a chain.
    pub(super) next: u16,
}

impl Descriptor {
    /// Another one follows.
    pub(super) const NEXT: u16 = 1;
    /// The device writes to the bytes; without it, it reads them.
    pub(super) const DEVICE_WRITES: u16 = 2;
}

/// Descriptor table, available ring and used ring.
pub(super) struct Rings {
    number: u16,
    size: u16,
    memory: Box<dyn DmaMemory>,
    /// Offsets of the available and the used ring in `memory`.
    available: usize,
    used: usize,
    /// The index of the next entry of the available ring, as the driver counts.
    next_available: u16,
    /// The index of the next entry of the used ring to look at, and the device's index when it was last read.
    next_used: u16,
    seen_used: u16,
}

impl Rings {
    /// Memory for queue `number`, with as many descriptors as `sizes` and the device let.
    ///
    /// # Errors
    /// [`VirtioError::QueueTooSmall`] and [`VirtioError::NoMemory`].
    pub(super) fn new(
        number: u16,
        sizes: core::ops::RangeInclusive<u16>,
        transport: &mut dyn Transport,
        platform: &dyn Platform,
    ) -> Result<Self, VirtioError> {
        let limit = transport.queue_limit(number);
        let size = largest_power_of_two(limit.min(*sizes.end()));
        if size < *sizes.start() {
            return Err(VirtioError::QueueTooSmall { queue: number, limit });
        }
        let count = usize::from(size);
        let available = DESCRIPTOR_BYTES.saturating_mul(count);
        let used = available
            .saturating_add(6)
            .saturating_add(count.saturating_mul(2))
            .next_multiple_of(USED_ALIGN);
        let bytes = used.saturating_add(6).saturating_add(count.saturating_mul(8));
        Ok(Self {
            number,
            size,
            memory: platform.dma(bytes).ok_or(VirtioError::NoMemory(bytes))?,
            available,
            used,
            next_available: 0,
            next_used: 0,
            seen_used: 0,
        })
    }

    /// Tells the device where the queue is and starts it, empty. The device has been reset since it last used it.
    ///
    /// # Errors
    /// [`VirtioError`] if the device cannot take it.
    pub(super) fn start(&mut self, transport: &mut dyn Transport) -> Result<(), VirtioError> {
        (self.next_available, self.next_used, self.seen_used) = (0, 0, 0);
        self.memory.write16(self.available, NO_INTERRUPT);
        self.memory.write16(self.available + 2, 0);
        self.memory.write32(self.used, 0);
        self.memory.fence();
        let addresses = self.addresses().ok_or(VirtioError::NoMemory(self.memory.len()))?;
        transport.start_queue(self.number, &addresses)
    }

    fn addresses(&self) -> Option<QueueAddresses> {
        let descriptors = self.memory.bus_address();
        let at = |offset| descriptors.checked_add(u64::try_from(offset).ok()?);
        Some(QueueAddresses {
            size: self.size,
            descriptors,
            available: at(self.available)?,
            used: at(self.used)?,
        })
    }

    /// How many descriptors there are, a power of two.
    pub(super) fn size(&self) -> u16 {
        self.size
    }

    /// Writes descriptor `index`, which the device does not have.
    pub(super) fn describe(&mut self, index: u16, descriptor: Descriptor) {
        let place = place(index);
        self.memory.write64(place, descriptor.address.get());
        self.memory.write32(place + 8, descriptor.len);
        self.memory.write16(place + 12, descriptor.flags);
        self.memory.write16(place + 14, descriptor.next);
    }

    /// Changes the length in descriptor `index`, which the device does not have.
    pub(super) fn set_len(&mut self, index: u16, len: u32) {
        self.memory.write32(place(index) + 8, len);
    }

    /// Gives the chain that begins with descriptor `head` to the device, which sees it after [`Rings::publish`].
    pub(super) fn offer(&mut self, head: u16) {
        let slot = usize::from(self.next_available & self.mask());
        self.memory.write16(self.available + 4 + slot * 2, head);
        self.next_available = self.next_available.wrapping_add(1);
    }

    /// Shows the device what was offered. Gives whether it wants to be notified of that (2.7.13).
    #[must_use]
    pub(super) fn publish(&mut self) -> bool {
        self.memory.fence();
        self.memory.write16(self.available + 2, self.next_available);
        // The flag must be read after the index is written, or a device that goes to sleep in between is never woken
        // (2.7.13.4.1).
        self.memory.fence();
        self.memory.read16(self.used) & NO_NOTIFY == 0
    }

    /// The next entry of the used ring: what the device says is a chain's first descriptor, and how many bytes it says that it wrote.
    pub(super) fn take_used(&mut self) -> Option<(u32, u32)> {
        if self.next_used == self.seen_used {
            self.seen_used = self.memory.read16(self.used + 2);
            if self.next_used == self.seen_used {
                return None;
            }
            // The entries, and the buffers they name, must be read after the index (2.7.14).
            self.memory.fence();
        }
        let entry = self.used + 4 + usize::from(self.next_used & self.mask()) * 8;
        self.next_used = self.next_used.wrapping_add(1);
        Some((self.memory.read32(entry), self.memory.read32(entry + 4)))
    }

    fn mask(&self) -> u16 {
        self.size.saturating_sub(1)
    }
}

fn place(descriptor: u16) -> usize {
    usize::from(descriptor) * DESCRIPTOR_BYTES
}

fn largest_power_of_two(limit: u16) -> u16 {
    limit.checked_ilog2().map_or(0, |bits| 1 << bits)
}
