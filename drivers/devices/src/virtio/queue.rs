//! A split virtqueue whose buffers are one descriptor each, all in one block of memory (2.7).
//!
//! Buffer `n` is always descriptor `n`: nothing is allocated or chained while it runs.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use hal::{DmaMemory, PhysAddr, Platform};

use super::ring::{Descriptor, Rings};
use super::{Transport, VirtioError};

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
    rings: Rings,
    buffers: Box<dyn DmaMemory>,
    /// Which buffers the device has. It cannot give back any other.
    with_device: Vec<bool>,
}

impl Queue {
    /// Makes the queue, tells the device where it is and starts it. All buffers are the driver's.
    ///
    /// # Errors
    /// [`VirtioError`] if the queue does not exist or there is no memory for it.
    pub fn start(shape: Shape, transport: &mut dyn Transport, platform: &dyn Platform) -> Result<Self, VirtioError> {
        let rings = Rings::new(shape.number, 2..=shape.buffers, transport, platform)?;
        let count = usize::from(rings.size());
        let bytes = shape.buffer_bytes.saturating_mul(count);
        let mut queue = Self {
            shape: Shape {
                buffers: rings.size(),
                ..shape
            },
            rings,
            buffers: platform.dma(bytes).ok_or(VirtioError::NoMemory(bytes))?,
            with_device: vec![false; count],
        };
        queue.fill_descriptors();
        queue.rings.start(transport)?;
        Ok(queue)
    }

    fn fill_descriptors(&mut self) {
        let flags = if self.shape.direction == Direction::FromDevice {
            Descriptor::DEVICE_WRITES
        } else {
            0
        };
        let start = self.buffers.bus_address();
        for buffer in 0..self.shape.buffers {
            let offset = u64::try_from(self.offset(buffer)).unwrap_or(u64::MAX);
            let descriptor = Descriptor {
                address: start.checked_add(offset).unwrap_or(PhysAddr(0)),
                len: u32::try_from(self.shape.buffer_bytes).unwrap_or(0),
                flags,
                next: 0,
            };
            self.rings.describe(buffer, descriptor);
        }
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
        self.rings.set_len(buffer, u32::try_from(len).unwrap_or(0));
        self.rings.offer(buffer);
    }

    /// Shows the device what was offered. Gives whether it wants to be notified of that (2.7.13).
    #[must_use]
    pub fn publish(&mut self) -> bool {
        self.buffers.fence();
        self.rings.publish()
    }

    /// Takes the next buffer that the device is done with. Entries that name a buffer it does not have are passed over.
    pub fn take_used(&mut self) -> Option<Used> {
        for _ in 0..self.shape.buffers {
            let (id, len) = self.rings.take_used()?;
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
}
