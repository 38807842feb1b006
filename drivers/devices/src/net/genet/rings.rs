//! The two rings. Their descriptors are registers; the buffers lie in one block of memory.
//!
//! Buffer `n` always belongs to descriptor `n`, of the transmitter to every 64th: the device says how many frames came or went and how long
//! one is, never where anything lies. Both sides count frames in 16 bits, and the descriptor is the count modulo 256.

use alloc::boxed::Box;

use hal::{DmaMemory, PhysAddr, Platform, Registers};

use super::GenetError;
use super::registers::{RECEIVE_DMA, TRANSMIT_DMA, dma, status};

/// Receive buffers: a TFTP window of 64 blocks, with room for what else is on the wire.
pub(super) const RECEIVE: u16 = dma::COUNT;
/// Transmit buffers.
pub(super) const TRANSMIT: u16 = 64;
/// Bytes of a buffer.
pub(super) const BUFFER: usize = 2048;
/// The device puts so many bytes before a frame.
const ALIGN: usize = 2;
/// The shortest frame, without its check sequence (IEEE 802.3, 4.4.2).
const SHORTEST: usize = 60;

const TRANSMIT_BUFFERS: usize = 256 * BUFFER;
pub(super) const BYTES: usize = TRANSMIT_BUFFERS + 64 * BUFFER;
/// Addresses have 40 bits.
const REACH: u64 = 1 << 40;

/// Both rings and their buffers.
pub(super) struct Rings {
    memory: Box<dyn DmaMemory>,
    /// Frames that the driver took, and that the device was last seen to have received.
    taken: u16,
    received: u16,
    /// Frames that the driver gave, and that the device was last seen to have sent.
    given: u16,
    sent: u16,
}

impl Rings {
    /// Memory for the buffers. The device has none of it before [`Rings::start_receive`] and [`Rings::start_transmit`].
    ///
    /// # Errors
    /// [`GenetError::NoMemory`], [`GenetError::OutOfReach`].
    pub(super) fn new(platform: &dyn Platform) -> Result<Self, GenetError> {
        let memory = platform.dma(BYTES).ok_or(GenetError::NoMemory(BYTES))?;
        let start = memory.bus_address();
        let len = u64::try_from(BYTES).ok();
        let end = len.and_then(|len| start.checked_add(len));
        if end.is_none_or(|end| end.get() > REACH) {
            return Err(GenetError::OutOfReach(start));
        }
        Ok(Self {
            memory,
            taken: 0,
            received: 0,
            given: 0,
            sent: 0,
        })
    }

    /// Sets up the receiver, which is stopped, with all buffers its own, and starts its DMA.
    pub(super) fn start_receive(&mut self, registers: &dyn Registers) {
        self.write_addresses(registers, RECEIVE_DMA, RECEIVE);
        self.taken = start_ring(registers, RECEIVE_DMA);
        self.received = self.taken;
        registers.write32(RECEIVE_DMA + dma::FLOW, dma::PAUSES);
        self.memory.fence();
        enable(registers, RECEIVE_DMA);
    }

    /// Sets up the transmitter, which is stopped, with nothing to send, and starts its DMA.
    pub(super) fn start_transmit(&mut self, registers: &dyn Registers) {
        self.write_addresses(registers, TRANSMIT_DMA, TRANSMIT);
        self.given = start_ring(registers, TRANSMIT_DMA);
        self.sent = self.given;
        registers.write32(TRANSMIT_DMA + dma::DONE_THRESHOLD, 1);
        registers.write32(TRANSMIT_DMA + dma::FLOW, 0);
        self.memory.fence();
        enable(registers, TRANSMIT_DMA);
    }

    /// Writes the address of each descriptor's buffer, one of the first `buffers`.
    fn write_addresses(&self, registers: &dyn Registers, at: usize, buffers: u16) {
        for index in 0..dma::COUNT {
            let descriptor = descriptor(at, index);
            let (low, high) = self.address(buffer(at, index % buffers));
            registers.write32(descriptor, 0);
            registers.write32(descriptor.saturating_add(dma::ADDRESS_LOW), low);
            registers.write32(descriptor.saturating_add(dma::ADDRESS_HIGH), high);
        }
    }

    /// The lower and the upper half of the bus address of what lies at `offset`.
    fn address(&self, offset: usize) -> (u32, u32) {
        let offset = u64::try_from(offset).unwrap_or(0);
        PhysAddr(self.memory.bus_address().get().saturating_add(offset)).halves()
    }

    /// Hands the next frame to `sink` and its buffer back to the device. Gives whether a buffer had come. One that holds no whole frame
    /// counts, and nobody gets it.
    pub(super) fn receive(&mut self, registers: &dyn Registers, sink: &mut dyn FnMut(&[u8])) -> bool {
        if self.taken == self.received && !self.look_for_frames(registers) {
            return false;
        }
        let index = self.taken % RECEIVE;
        if let Some(len) = frame(registers.read32(descriptor(RECEIVE_DMA, index))) {
            let start = buffer(RECEIVE_DMA, index).saturating_add(ALIGN);
            if let Some(bytes) = self.memory.bytes(start, len) {
                sink(bytes);
            }
        }
        // All of it was read before the device has the buffer again.
        self.memory.fence();
        self.taken = self.taken.wrapping_add(1);
        registers.write32(RECEIVE_DMA + dma::DRIVER_INDEX, u32::from(self.taken));
        true
    }

    /// Asks the device how many frames came, when all of those that are known of were taken.
    fn look_for_frames(&mut self, registers: &dyn Registers) -> bool {
        self.received = device_index(registers, RECEIVE_DMA);
        let waiting = self.received.wrapping_sub(self.taken);
        if waiting > RECEIVE {
            // More than there are buffers: nobody knows which of them hold frames.
            self.taken = self.received;
            registers.write32(RECEIVE_DMA + dma::DRIVER_INDEX, u32::from(self.taken));
            return false;
        }
        // The bytes must be read after the count that says that they are there.
        self.memory.fence();
        waiting != 0
    }

    /// Whether there is a free transmit buffer. With a device that says it sent what it was not given there is none.
    pub(super) fn can_transmit(&mut self, registers: &dyn Registers) -> bool {
        if self.waiting_to_leave() >= TRANSMIT {
            self.sent = device_index(registers, TRANSMIT_DMA);
        }
        self.waiting_to_leave() < TRANSMIT
    }

    fn waiting_to_leave(&self) -> u16 {
        self.given.wrapping_sub(self.sent)
    }

    /// Gives the device a frame of `len` bytes, no more than a buffer's, that `fill` writes. There is a free buffer
    /// ([`Rings::can_transmit`]).
    pub(super) fn transmit(&mut self, registers: &dyn Registers, len: usize, fill: &mut dyn FnMut(&mut [u8])) {
        let index = self.given % dma::COUNT;
        let sent = len.max(SHORTEST);
        self.memory.fence();
        let start = buffer(TRANSMIT_DMA, index % TRANSMIT);
        if let Some((bytes, rest)) = self
            .memory
            .bytes_mut(start, sent)
            .and_then(|bytes| bytes.split_at_mut_checked(len))
        {
            fill(bytes);
            rest.fill(0);
        }
        self.memory.fence();
        let length = u32::try_from(sent).unwrap_or(0) << status::LENGTH_SHIFT;
        let whole = status::FIRST | status::LAST | status::APPEND_FCS | status::NO_TAG;
        registers.write32(descriptor(TRANSMIT_DMA, index), length | whole);
        self.given = self.given.wrapping_add(1);
        registers.write32(TRANSMIT_DMA + dma::DRIVER_INDEX, u32::from(self.given));
    }
}

/// Sets up ring 16 of the stopped DMA at `at` with all descriptors and nothing in it. Gives where both counts are.
fn start_ring(registers: &dyn Registers, at: usize) -> u16 {
    let write = |register: usize, value: u32| registers.write32(at.saturating_add(register), value);
    let count = u32::from(dma::COUNT);
    write(dma::BURST, dma::BURST_8);
    write(dma::DEVICE_INDEX, 0);
    // A device that keeps its count, as the BCM2711 does, goes on from there.
    let index = device_index(registers, at);
    write(dma::DRIVER_INDEX, u32::from(index));
    let pointer = u32::from(index % dma::COUNT).saturating_mul(3);
    write(dma::DEVICE_POINTER, pointer);
    write(dma::DRIVER_POINTER, pointer);
    write(dma::START, 0);
    write(dma::END, count.saturating_mul(3).saturating_sub(1));
    for register in dma::HIGH {
        write(register, 0);
    }
    let bytes = u32::try_from(BUFFER).unwrap_or(0);
    write(dma::SIZE, count << dma::SIZE_SHIFT | bytes);
    index
}

fn enable(registers: &dyn Registers, at: usize) {
    registers.write32(at.saturating_add(dma::RINGS), dma::RING_16);
    registers.write32(at.saturating_add(dma::CONTROL), dma::ENABLE | dma::ENABLE_RING);
}

/// How many frames the device has counted; the upper half of the register counts what it had to drop.
fn device_index(registers: &dyn Registers, at: usize) -> u16 {
    let [low, high, ..] = registers.read32(at.saturating_add(dma::DEVICE_INDEX)).to_le_bytes();
    u16::from_le_bytes([low, high])
}

fn descriptor(at: usize, index: u16) -> usize {
    at.saturating_add(usize::from(index).saturating_mul(dma::DESCRIPTOR))
}

/// Where buffer `index` of the DMA at `at` lies.
fn buffer(at: usize, index: u16) -> usize {
    let first = if at == TRANSMIT_DMA { TRANSMIT_BUFFERS } else { 0 };
    first.saturating_add(usize::from(index).saturating_mul(BUFFER))
}

/// The length of the frame that a receive descriptor's first word tells of: `None` unless it came without an error and lies all in this
/// one buffer.
fn frame(word: u32) -> Option<usize> {
    let len = usize::try_from(word >> status::LENGTH_SHIFT & status::LENGTH).ok()?;
    let whole = word & (status::FIRST | status::LAST) == status::FIRST | status::LAST;
    let good = whole && word & status::ERRORS == 0 && len <= BUFFER;
    len.checked_sub(ALIGN).filter(|len| good && *len != 0)
}
