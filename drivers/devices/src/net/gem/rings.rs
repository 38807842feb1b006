//! The rings of buffer descriptors and the buffers themselves, in one block of memory (AMD UG585, sections 16.3.2 and 16.3.3; UG1085,
//! chapter 34).
//!
//! Buffer `n` always belongs to descriptor `n`, and a frame never takes more than one: the device says whose turn it is and how long a frame
//! is, never where anything lies.

use alloc::boxed::Box;
use core::ops::Range;

use hal::{DmaMemory, PhysAddr, Platform};

use super::GemError;

/// Receive descriptors: a TFTP window of 64 blocks, with room for what else is on the wire.
pub(super) const RECEIVE: usize = 256;
/// Transmit descriptors.
pub(super) const TRANSMIT: usize = 64;
/// Bytes of a buffer: the longest frame that the device passes on, a multiple of 64.
pub(super) const BUFFER: usize = 1536;

/// Bytes of a descriptor at most.
const DESCRIPTOR: usize = 16;
/// Where things lie in the block: both rings, one descriptor each that parks an unused queue, the buffers.
const TRANSMIT_RING: usize = RECEIVE * DESCRIPTOR;
const PARKED: usize = TRANSMIT_RING + TRANSMIT * DESCRIPTOR;
const RECEIVE_BUFFERS: usize = (PARKED + 2 * DESCRIPTOR).next_multiple_of(64);
const TRANSMIT_BUFFERS: usize = RECEIVE_BUFFERS + RECEIVE * BUFFER;
pub(super) const BYTES: usize = TRANSMIT_BUFFERS + TRANSMIT * BUFFER;

/// Word 0 of a receive descriptor, beside the address.
const RECEIVE_USED: u32 = 1 << 0;
const RECEIVE_WRAP: u32 = 1 << 1;
/// Word 1 of a receive descriptor.
const RECEIVE_LENGTH: u32 = 0x1fff;
const RECEIVE_WHOLE: u32 = 1 << 14 | 1 << 15;
/// Word 1 of a transmit descriptor.
const TRANSMIT_USED: u32 = 1 << 31;
const TRANSMIT_WRAP: u32 = 1 << 30;
const TRANSMIT_LAST: u32 = 1 << 15;

/// Where the device finds the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    /// The upper half of all of them.
    pub(super) high: u32,
    pub(super) receive: u32,
    pub(super) transmit: u32,
    /// A ring of one descriptor that is never the device's, for each direction: it parks a queue that is not used.
    pub(super) parked_receive: u32,
    pub(super) parked_transmit: u32,
}

/// Both rings and their buffers.
pub(super) struct Rings {
    memory: Box<dyn DmaMemory>,
    /// Descriptors have 64-bit addresses.
    wide: bool,
    /// The descriptors whose turn is next.
    receive: usize,
    transmit: usize,
}

impl Rings {
    /// Memory for the rings. The device has none of it before [`Rings::reset_receive`] and [`Rings::reset_transmit`] have filled it in.
    ///
    /// # Errors
    /// [`GemError::NoMemory`], [`GemError::OutOfReach`].
    pub(super) fn new(wide: bool, platform: &dyn Platform) -> Result<Self, GemError> {
        let memory = platform.dma(BYTES).ok_or(GemError::NoMemory(BYTES))?;
        let start = memory.bus_address();
        let last = u64::try_from(BYTES - 1).ok().and_then(|len| start.checked_add(len));
        // One register has the upper half of all addresses.
        let halves = |address: PhysAddr| address.get() >> 32;
        let reached = last.is_some_and(|last| halves(last) == halves(start) && (wide || halves(last) == 0));
        if !reached {
            return Err(GemError::OutOfReach(start));
        }
        Ok(Self {
            memory,
            wide,
            receive: 0,
            transmit: 0,
        })
    }

    /// Where everything is.
    pub(super) fn addresses(&self) -> Addresses {
        let (receive, high) = self.address(0);
        Addresses {
            high,
            receive,
            transmit: self.address(TRANSMIT_RING).0,
            parked_receive: self.address(PARKED).0,
            parked_transmit: self.address(PARKED + DESCRIPTOR).0,
        }
    }

    /// The lower and the upper half of the bus address of what lies at `offset`.
    fn address(&self, offset: usize) -> (u32, u32) {
        let offset = u64::try_from(offset).unwrap_or(0);
        PhysAddr(self.memory.bus_address().get().saturating_add(offset)).halves()
    }

    fn descriptor(&self, ring: usize, index: usize) -> usize {
        let stride = if self.wide { DESCRIPTOR } else { DESCRIPTOR / 2 };
        ring.saturating_add(index.saturating_mul(stride))
    }

    /// Gives all receive buffers to the device, which does not receive now, and begins with the first.
    pub(super) fn reset_receive(&mut self) {
        self.receive = 0;
        for index in 0..RECEIVE {
            let at = self.descriptor(0, index);
            if self.wide {
                let (_, high) = self.address(buffer(RECEIVE_BUFFERS, index).start);
                self.memory.write32(at.saturating_add(8), high);
            }
            self.memory.write32(at.saturating_add(4), 0);
            self.give_back(index);
        }
        self.memory.write32(PARKED, RECEIVE_USED | RECEIVE_WRAP);
        self.memory.fence();
    }

    /// Takes all transmit buffers from the device, which does not transmit now, and begins with the first.
    pub(super) fn reset_transmit(&mut self) {
        self.transmit = 0;
        for index in 0..TRANSMIT {
            let at = self.descriptor(TRANSMIT_RING, index);
            let (low, high) = self.address(buffer(TRANSMIT_BUFFERS, index).start);
            self.memory.write32(at, low);
            if self.wide {
                self.memory.write32(at.saturating_add(8), high);
            }
            self.memory.write32(at.saturating_add(4), TRANSMIT_USED | wrap(index));
        }
        let parked = PARKED + DESCRIPTOR;
        self.memory
            .write32(parked.saturating_add(4), TRANSMIT_USED | TRANSMIT_WRAP);
        self.memory.fence();
    }

    /// Gives receive buffer `index` to the device, after the next fence.
    fn give_back(&mut self, index: usize) {
        let (low, _) = self.address(buffer(RECEIVE_BUFFERS, index).start);
        let wrap = if index == RECEIVE - 1 { RECEIVE_WRAP } else { 0 };
        self.memory.write32(self.descriptor(0, index), low | wrap);
    }

    /// Hands the next frame to `sink` and its buffer back to the device. Gives whether a buffer had come. One that holds no whole frame
    /// counts, and nobody gets it.
    pub(super) fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool {
        let at = self.descriptor(0, self.receive);
        if self.memory.read32(at) & RECEIVE_USED == 0 {
            return false;
        }
        // The length and the bytes must be read after the word that says that they are there.
        self.memory.fence();
        let place = frame(self.memory.read32(at.saturating_add(4))).map(|len| {
            let start = buffer(RECEIVE_BUFFERS, self.receive).start;
            (start, len)
        });
        if let Some(bytes) = place.and_then(|(start, len)| self.memory.bytes(start, len)) {
            sink(bytes);
        }
        // And all of it before the device has the buffer again.
        self.memory.fence();
        self.give_back(self.receive);
        self.memory.fence();
        self.receive = (self.receive + 1) % RECEIVE;
        true
    }

    /// Whether the next transmit buffer is free.
    pub(super) fn can_transmit(&self) -> bool {
        self.memory.read32(self.status_of(self.transmit)) & TRANSMIT_USED != 0
    }

    /// Whether the device still has a frame to send.
    pub(super) fn is_transmitting(&self) -> bool {
        let last = self.transmit.checked_sub(1).unwrap_or(TRANSMIT - 1);
        self.memory.read32(self.status_of(last)) & TRANSMIT_USED == 0
    }

    fn status_of(&self, index: usize) -> usize {
        self.descriptor(TRANSMIT_RING, index).saturating_add(4)
    }

    /// Gives the device a frame of `len` bytes, no more than a buffer's, that `fill` writes. The buffer is free ([`Rings::can_transmit`]).
    pub(super) fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) {
        self.memory.fence();
        let start = buffer(TRANSMIT_BUFFERS, self.transmit).start;
        if let Some(bytes) = self.memory.bytes_mut(start, len) {
            fill(bytes);
        }
        self.memory.fence();
        let status = u32::try_from(len).unwrap_or(0) | TRANSMIT_LAST | wrap(self.transmit);
        self.memory.write32(self.status_of(self.transmit), status);
        self.memory.fence();
        self.transmit = (self.transmit + 1) % TRANSMIT;
    }
}

/// Where buffer `index` lies.
const fn buffer(first: usize, index: usize) -> Range<usize> {
    let start = first.saturating_add(index.saturating_mul(BUFFER));
    start..start.saturating_add(BUFFER)
}

const fn wrap(index: usize) -> u32 {
    if index == TRANSMIT - 1 { TRANSMIT_WRAP } else { 0 }
}

/// The length of the frame that a descriptor's word 1 tells of: `None` unless all of it lies in this one buffer.
fn frame(status: u32) -> Option<usize> {
    let len = usize::try_from(status & RECEIVE_LENGTH).ok()?;
    let whole = status & RECEIVE_WHOLE == RECEIVE_WHOLE;
    (whole && (1..=BUFFER).contains(&len)).then_some(len)
}
