//! A split virtqueue for requests, each of them a chain of descriptors (2.7.5): as many at a time as there are descriptors for.

use alloc::vec;
use alloc::vec::Vec;
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

/// A request that the device has: the number of its first descriptor, below [`RequestQueue::parts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u16);

impl Ticket {
    /// The number.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A queue of requests that end in any order.
///
/// Which descriptors make up a request is kept here, and not read back from the table, which the device could have written to.
pub struct RequestQueue {
    number: u16,
    rings: Rings,
    /// The descriptor after each one, in its request or among the free ones.
    next: Vec<u16>,
    /// How many descriptors the request has that begins with each one; 0 if none does.
    lengths: Vec<u16>,
    /// The first of the free descriptors, and how many there are.
    free: (u16, u16),
    with_device: u16,
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
        let rings = Rings::new(number, sizes, transport, platform)?;
        let mut queue = Self {
            number,
            next: Vec::new(),
            lengths: vec![0; usize::from(rings.size())],
            free: (0, 0),
            with_device: 0,
            rings,
        };
        queue.forget();
        Ok(queue)
    }

    /// Makes every descriptor a free one: the device has been reset, or taken off its bus.
    pub fn forget(&mut self) {
        let size = self.rings.size();
        self.next.clear();
        self.next.extend(1..=size);
        self.lengths.fill(0);
        self.free = (0, size);
        self.with_device = 0;
    }

    /// Starts the queue on a device that has been reset: whatever it held is void.
    ///
    /// # Errors
    /// [`VirtioError`] if the device cannot take it.
    pub fn start(&mut self, transport: &mut dyn Transport) -> Result<(), VirtioError> {
        self.forget();
        self.rings.start(transport)
    }

    /// The parts that all requests may have together, a power of two.
    #[must_use]
    pub fn parts(&self) -> u16 {
        self.rings.size()
    }

    /// How many requests the device has.
    #[must_use]
    pub fn with_device(&self) -> u16 {
        self.with_device
    }

    /// What the next request will be called, if there is room for one of `parts` parts.
    #[must_use]
    pub fn room(&self, parts: usize) -> Option<Ticket> {
        let (first, left) = self.free;
        let fits = parts > 0 && parts <= usize::from(left);
        fits.then_some(Ticket(first))
    }

    /// Gives the device a request, which it sees after [`RequestQueue::publish`]. What the device reads of it has been
    /// [fenced](hal::DmaMemory::fence) by then. Nothing happens if [there is no room](RequestQueue::room) for it.
    pub fn offer(&mut self, parts: &[Part]) {
        let (Some(Ticket(first)), Ok(count)) = (self.room(parts.len()), u16::try_from(parts.len())) else {
            return;
        };
        let mut at = first;
        for (index, part) in (1..=count).zip(parts) {
            let next = self.after(at);
            let last = index == count;
            let follows = if last { 0 } else { Descriptor::NEXT };
            let direction = if part.device_writes {
                Descriptor::DEVICE_WRITES
            } else {
                0
            };
            let descriptor = Descriptor {
                address: part.address,
                len: part.len,
                flags: follows | direction,
                next: if last { 0 } else { next },
            };
            self.rings.describe(at, descriptor);
            at = next;
        }
        self.free = (at, self.free.1.saturating_sub(count));
        if let Some(length) = self.lengths.get_mut(usize::from(first)) {
            *length = count;
        }
        self.with_device = self.with_device.saturating_add(1);
        self.rings.offer(first);
    }

    /// Shows the device what was offered, and wakes it if it wants that.
    pub fn publish(&mut self, transport: &mut dyn Transport) {
        if self.rings.publish() {
            transport.notify(self.number);
        }
    }

    /// The next request that the device has ended. Entries that name one that it does not have are passed over.
    #[must_use]
    pub fn take_done(&mut self) -> Option<Ticket> {
        for _ in 0..self.rings.size() {
            let (id, _) = self.rings.take_used()?;
            let ticket = u16::try_from(id).ok().and_then(|first| self.release(first));
            if ticket.is_some() {
                return ticket;
            }
        }
        None
    }

    /// Makes the descriptors of the request that begins with `first` free ones, the next to be used; `None` if there is no such request.
    fn release(&mut self, first: u16) -> Option<Ticket> {
        let length = self.lengths.get_mut(usize::from(first)).map(core::mem::take)?;
        let mut last = first;
        for _ in 1..length {
            last = self.after(last);
        }
        let (next_free, left) = self.free;
        *self.next.get_mut(usize::from(last)).filter(|_| length > 0)? = next_free;
        self.free = (first, left.saturating_add(length));
        self.with_device = self.with_device.saturating_sub(1);
        Some(Ticket(first))
    }

    fn after(&self, descriptor: u16) -> u16 {
        self.next.get(usize::from(descriptor)).copied().unwrap_or(0)
    }
}
