//! A split virtqueue whose buffers are one descriptor each, all in one block of memory (2.7).
//!
//! Buffer `n` is always descriptor `n`: nothing is allocated or chained while it runs.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use hal::{DmaMemory, PhysAddr, Platform};

use super::{QueueAddresses, Transport, VirtioError};

const DESCRIPTOR_BYTES: usize = 16;
/// Descriptor flag: the device writes to the buffer (2.7.5).
const DEVICE_WRITES: u16 = 2;
/// Available-ring flag: do not interrupt when buffers are used (2.7.7).
const NO_INTERRUPT: u16 = 1;
/// Used-ring flag: do not notify when buffers are made available (2.7.10).
const NO_NOTIFY: u16 = 1;
/// The used ring begins on a page of its own, as the interface before 1.0 wants (2.7.2).
const USED_ALIGN: usize = 4096;

/// Who uses the buffers of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The device reads them: transmission.
    ToDevice,
    /// The device writes them: reception.
    FromDevice,
}

/// Shape of a queue.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The queue's number on the device.
    pub number: u16,
    /// How many buffers, unless the device's limit is lower. A power of two.
    pub buffers: u16,
    /// Bytes per buffer.
    pub buffer_bytes: usize,
    /// Who uses the buffers.
    pub direction: Direction,
}

/// A buffer that the device has given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Which one.
    pub buffer: u16,
    /// How many bytes the device says it wrote, at most the buffer's length.
    pub len: usize,
}

/// A queue and its buffers.
pub struct Queue {
    shape: Shape,
    rings: Box<dyn DmaMemory>,
    buffers: Box<dyn DmaMemory>,
    /// Offsets of the available and the used ring in `rings`.
    available: usize,
    used: usize,
    /// The index of the next entry of the available ring, as the driver counts.
    next_available: u16,
    /// The index of the next entry of the used ring to look at, and the device's index when it was last read.
    next_used: u16,
    seen_used: u16,
    /// Which buffers the device has. It cannot give back any other.
    with_device: Vec<bool>,
}

impl Queue {
    /// Makes the queue, tells the device where it is and starts it. All buffers are the driver's.
    ///
    /// # Errors
    /// [`VirtioError`] if the queue does not exist or there is no memory for it.
    pub fn start(shape: Shape, transport: &mut dyn Transport, platform: &dyn Platform) -> Result<Self, VirtioError> {
        let limit = transport.queue_limit(shape.number);
        let size = largest_power_of_two(limit.min(shape.buffers));
        if size < 2 {
            return Err(VirtioError::QueueTooSmall {
                queue: shape.number,
                limit,
            });
        }
        let count = usize::from(size);
        let available = DESCRIPTOR_BYTES.saturating_mul(count);
        let used = available
            .saturating_add(6)
            .saturating_add(count.saturating_mul(2))
            .next_multiple_of(USED_ALIGN);
        let ring_bytes = used.saturating_add(6).saturating_add(count.saturating_mul(8));
        let buffer_bytes = shape.buffer_bytes.saturating_mul(count);
        let memory = |len| platform.dma(len).ok_or(VirtioError::NoMemory(len));
        let mut queue = Self {
            shape: Shape { buffers: size, ..shape },
            rings: memory(ring_bytes)?,
            buffers: memory(buffer_bytes)?,
            available,
            used,
            next_available: 0,
            next_used: 0,
            seen_used: 0,
            with_device: vec![false; count],
        };
        queue.fill_descriptors();
        let addresses = queue.addresses().ok_or(VirtioError::NoMemory(ring_bytes))?;
        transport.start_queue(shape.number, &addresses)?;
        Ok(queue)
    }

    fn addresses(&self) -> Option<QueueAddresses> {
        let descriptors = self.rings.bus_address();
        let at = |offset| descriptors.checked_add(u64::try_from(offset).ok()?);
        Some(QueueAddresses {
            size: self.shape.buffers,
            descriptors,
            available: at(self.available)?,
            used: at(self.used)?,
        })
    }

    fn fill_descriptors(&mut self) {
        let flags = if self.shape.direction == Direction::FromDevice {
            DEVICE_WRITES
        } else {
            0
        };
        let start = self.buffers.bus_address();
        for buffer in 0..self.shape.buffers {
            let offset = u64::try_from(self.offset(buffer)).unwrap_or(u64::MAX);
            let address = start.checked_add(offset).unwrap_or(PhysAddr(0));
            let descriptor = descriptor(buffer);
            self.rings.write64(descriptor, address.get());
            self.rings
                .write32(descriptor + 8, u32::try_from(self.shape.buffer_bytes).unwrap_or(0));
            self.rings.write16(descriptor + 12, flags);
        }
        self.rings.write16(self.available, NO_INTERRUPT);
    }

    fn offset(&self, buffer: u16) -> usize {
        usize::from(buffer).saturating_mul(self.shape.buffer_bytes)
    }

    /// How many buffers there are, a power of two.
    #[must_use]
    pub fn count(&self) -> u16 {
        self.shape.buffers
    }

    /// The first `len` bytes of `buffer`; `None` while the device has it, or if it is shorter.
    pub fn bytes(&mut self, buffer: u16, len: usize) -> Option<&[u8]> {
        let offset = self.owned(buffer, len)?;
        self.buffers.bytes(offset, len)
    }

    /// As [`Queue::bytes`], to write.
    pub fn bytes_mut(&mut self, buffer: u16, len: usize) -> Option<&mut [u8]> {
        let offset = self.owned(buffer, len)?;
        self.buffers.bytes_mut(offset, len)
    }

    fn owned(&self, buffer: u16, len: usize) -> Option<usize> {
        let with_device = *self.with_device.get(usize::from(buffer))?;
        (!with_device && len <= self.shape.buffer_bytes).then(|| self.offset(buffer))
    }

    /// Gives `buffer` to the device, which may use `len` bytes of it. The device sees it after [`Queue::publish`].
    pub fn offer(&mut self, buffer: u16, len: usize) {
        let Some(with_device) = self.with_device.get_mut(usize::from(buffer)) else {
            return;
        };
        *with_device = true;
        let len = len.min(self.shape.buffer_bytes);
        self.rings
            .write32(descriptor(buffer) + 8, u32::try_from(len).unwrap_or(0));
        let slot = usize::from(self.next_available & self.mask());
        self.rings.write16(self.available + 4 + slot * 2, buffer);
        self.next_available = self.next_available.wrapping_add(1);
    }

    /// Shows the device what was offered. Gives whether it wants to be notified of that (2.7.13).
    #[must_use]
    pub fn publish(&mut self) -> bool {
        self.buffers.fence();
        self.rings.write16(self.available + 2, self.next_available);
        // The flag must be read after the index is written, or a device that goes to sleep in between is never woken
        // (2.7.13.4.1).
        self.rings.fence();
        self.rings.read16(self.used) & NO_NOTIFY == 0
    }

    /// Takes the next buffer that the device is done with. Entries that name a buffer it does not have are passed over.
    pub fn take_used(&mut self) -> Option<Used> {
        for _ in 0..self.shape.buffers {
            let (id, len) = self.next_entry()?;
            let with_device = usize::try_from(id).ok().and_then(|id| self.with_device.get_mut(id));
            if let Some(with_device) = with_device.filter(|with_device| **with_device) {
                *with_device = false;
                let len = usize::try_from(len).unwrap_or(usize::MAX).min(self.shape.buffer_bytes);
                return Some(Used {
                    buffer: u16::try_from(id).ok()?,
                    len,
                });
            }
        }
        None
    }

    fn next_entry(&mut self) -> Option<(u32, u32)> {
        if self.next_used == self.seen_used {
            self.seen_used = self.rings.read16(self.used + 2);
            if self.next_used == self.seen_used {
                return None;
            }
            // The entries, and the buffers they name, must be read after the index (2.7.14).
            self.rings.fence();
        }
        let entry = self.used + 4 + usize::from(self.next_used & self.mask()) * 8;
        self.next_used = self.next_used.wrapping_add(1);
        Some((self.rings.read32(entry), self.rings.read32(entry + 4)))
    }

    fn mask(&self) -> u16 {
        self.shape.buffers.saturating_sub(1)
    }
}

fn descriptor(buffer: u16) -> usize {
    usize::from(buffer) * DESCRIPTOR_BYTES
}

fn largest_power_of_two(limit: u16) -> u16 {
    limit.checked_ilog2().map_or(0, |bits| 1 << bits)
}
