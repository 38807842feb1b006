//! The rings of buffer descriptors and the buffers themselves, in one block of memory (i.MX 8M Plus Reference Manual, chapter ENET, "Legacy
//! buffer descriptors"): without time stamps (ECR.EN1588) a descriptor has 8 bytes, a word with its status above the length, and the address.
//!
//! Buffer `n` always belongs to descriptor `n`, and a frame never takes more than one: the device says whose turn it is and how long a frame
//! is, never where anything lies.

use alloc::boxed::Box;

use hal::{DmaMemory, PhysAddr, Platform};

use super::FecError;

/// Receive descriptors: a TFTP window of 64 blocks, with room for what else is on the wire.
pub(super) const RECEIVE: usize = 256;
/// Transmit descriptors.
pub(super) const TRANSMIT: usize = 64;
/// Bytes of a buffer, a multiple of 64. Longer frames are cut off, and those of more than 1522 bytes are errors.
pub(super) const BUFFER: usize = 1536;
/// Bytes of the check sequence, which comes with a frame.
const FCS: usize = 4;

/// Bytes of a descriptor.
const DESCRIPTOR: usize = 8;
/// Where things lie in the block.
const TRANSMIT_RING: usize = RECEIVE * DESCRIPTOR;
const RECEIVE_BUFFERS: usize = (TRANSMIT_RING + TRANSMIT * DESCRIPTOR).next_multiple_of(64);
const TRANSMIT_BUFFERS: usize = RECEIVE_BUFFERS + RECEIVE * BUFFER;
pub(super) const BYTES: usize = TRANSMIT_BUFFERS + TRANSMIT * BUFFER;

/// The first word of both kinds of descriptors.
const LENGTH: u32 = 0xffff;
const WRAP: u32 = 1 << 29;
const LAST: u32 = 1 << 27;
/// Of a receive descriptor: the device's.
const EMPTY: u32 = 1 << 31;
/// Too long, not whole bytes, check sequence, overrun, cut off.
const ERRORS: u32 = 0x37 << 16;
/// Of a transmit descriptor: the device's; append the check sequence.
const READY: u32 = 1 << 31;
const APPEND_FCS: u32 = 1 << 26;

/// Both rings and their buffers.
pub(super) struct Rings {
    memory: Box<dyn DmaMemory>,
    /// The descriptors whose turn is next.
    receive: usize,
    transmit: usize,
}

impl Rings {
    /// Memory for the rings. The device has none of it before [`Rings::reset`] has filled it in.
    ///
    /// # Errors
    /// [`FecError::NoMemory`], [`FecError::OutOfReach`].
    pub(super) fn new(platform: &dyn Platform) -> Result<Self, FecError> {
        let memory = platform.dma(BYTES).ok_or(FecError::NoMemory(BYTES))?;
        let start = memory.bus_address();
        let last = u64::try_from(BYTES - 1).ok().and_then(|len| start.checked_add(len));
        // Addresses have 32 bits.
        if last.is_none_or(|last| last.get() >> 32 != 0) {
            return Err(FecError::OutOfReach(start));
        }
        Ok(Self {
            memory,
            receive: 0,
            transmit: 0,
        })
    }

    /// Where the device finds the receive and the transmit ring.
    pub(super) fn addresses(&self) -> (u32, u32) {
        (self.address(0), self.address(TRANSMIT_RING))
    }

    /// The bus address of what lies at `offset`.
    fn address(&self, offset: usize) -> u32 {
        let offset = u64::try_from(offset).unwrap_or(0);
        PhysAddr(self.memory.bus_address().get().saturating_add(offset))
            .halves()
            .0
    }

    /// Begins both rings anew, for a device that is off: all receive buffers are its own, and there is nothing to send.
    pub(super) fn reset(&mut self) {
        (self.receive, self.transmit) = (0, 0);
        for index in 0..RECEIVE {
            let address = self.address(buffer(RECEIVE_BUFFERS, index));
            self.memory.write32(descriptor(0, index).saturating_add(4), address);
            self.give_back(index);
        }
        for index in 0..TRANSMIT {
            let at = descriptor(TRANSMIT_RING, index);
            let address = self.address(buffer(TRANSMIT_BUFFERS, index));
            self.memory.write32(at.saturating_add(4), address);
            self.memory.write32(at, wrap(index, TRANSMIT));
        }
        self.memory.fence();
    }

    /// Gives receive buffer `index` to the device, after the next fence.
    fn give_back(&mut self, index: usize) {
        self.memory.write32(descriptor(0, index), EMPTY | wrap(index, RECEIVE));
    }

    /// Hands the next frame to `sink` and its buffer back to the device. Gives whether a buffer had come. One that holds no whole frame
    /// counts, and nobody gets it.
    pub(super) fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool {
        let status = self.memory.read32(descriptor(0, self.receive));
        if status & EMPTY != 0 {
            return false;
        }
        // The bytes must be read after the word that says that they are there.
        self.memory.fence();
        let start = buffer(RECEIVE_BUFFERS, self.receive);
        if let Some(bytes) = frame(status).and_then(|len| self.memory.bytes(start, len)) {
            sink(bytes);
        }
        // And all of them before the device has the buffer again.
        self.memory.fence();
        self.give_back(self.receive);
        self.memory.fence();
        self.receive = (self.receive + 1) % RECEIVE;
        true
    }

    /// Whether the next transmit buffer is free.
    pub(super) fn can_transmit(&self) -> bool {
        self.memory.read32(descriptor(TRANSMIT_RING, self.transmit)) & READY == 0
    }

    /// Whether the device still has a frame to send.
    pub(super) fn is_transmitting(&self) -> bool {
        let last = self.transmit.checked_sub(1).unwrap_or(TRANSMIT - 1);
        self.memory.read32(descriptor(TRANSMIT_RING, last)) & READY != 0
    }

    /// Gives the device a frame of `len` bytes, no more than a buffer's, that `fill` writes. The buffer is free ([`Rings::can_transmit`]). A
    /// short one the device pads.
    pub(super) fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) {
        self.memory.fence();
        let start = buffer(TRANSMIT_BUFFERS, self.transmit);
        if let Some(bytes) = self.memory.bytes_mut(start, len) {
            fill(bytes);
        }
        self.memory.fence();
        let length = u32::try_from(len).unwrap_or(0);
        let status = READY | LAST | APPEND_FCS | wrap(self.transmit, TRANSMIT) | length;
        self.memory.write32(descriptor(TRANSMIT_RING, self.transmit), status);
        self.memory.fence();
        self.transmit = (self.transmit + 1) % TRANSMIT;
    }
}

const fn descriptor(ring: usize, index: usize) -> usize {
    ring.saturating_add(index.saturating_mul(DESCRIPTOR))
}

/// Where buffer `index` begins.
const fn buffer(first: usize, index: usize) -> usize {
    first.saturating_add(index.saturating_mul(BUFFER))
}

/// The bit of a ring's last descriptor.
const fn wrap(index: usize, count: usize) -> u32 {
    if index == count - 1 { WRAP } else { 0 }
}

/// The length of the frame that a receive descriptor tells of, without its check sequence: `None` unless it came without an error and lies all
/// in this one buffer. The last piece of one that does not is too long, or says the length of the whole.
fn frame(status: u32) -> Option<usize> {
    let len = usize::try_from(status & LENGTH).ok()?;
    let good = status & LAST != 0 && status & ERRORS == 0 && len <= BUFFER;
    len.checked_sub(FCS).filter(|len| good && *len != 0)
}
