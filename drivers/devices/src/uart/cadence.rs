//! The Cadence UART of Zynq-7000 and Zynq UltraScale+ (AMD UG585, chapter 19 and appendix B.33; UG1087, module UART).
//!
//! The baud rate stays as the firmware before us set it: the reference clock is the business of a clock controller that this loader does
//! not drive. Out of reset transmitter and receiver are off and the line has even parity; then both are put right.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::time::Duration;

use hal::{Clock, Console, Registers};

use crate::wait::wait_until;

/// What a Cadence UART is called in device trees. Revision r1p12 says of each byte whether it arrived whole.
pub const COMPATIBLE: &[&str] = &["cdns,uart-r1p12", "cdns,uart-r1p8", "xlnx,xuartps"];

/// Offset and length of a register that can be read at any time.
pub const QUIET: (u64, u64) = (0x2c, 4); // SR

const CONTROL: usize = 0x00; // CR
const MODE: usize = 0x04; // MR
const INTERRUPT_DISABLE: usize = 0x0c; // IDR
const INTERRUPT_STATUS: usize = 0x14; // ISR, write 1 to clear
const STATUS: usize = 0x2c; // SR
const FIFO: usize = 0x30;
const BYTE_STATUS: usize = 0x48; // RXBS, from r1p12 on

const CONTROL_RECEIVER_ON: u32 = 1 << 2;
const CONTROL_RECEIVER_OFF: u32 = 1 << 3;
const CONTROL_TRANSMITTER_ON: u32 = 1 << 4;
const CONTROL_TRANSMITTER_OFF: u32 = 1 << 5;

/// 8 bits, no parity, 1 stop bit, normal mode, undivided clock.
const MODE_8N1: u32 = 0x20;

const STATUS_RECEIVE_EMPTY: u32 = 1 << 1;
const STATUS_TRANSMIT_EMPTY: u32 = 1 << 3;
const STATUS_TRANSMIT_FULL: u32 = 1 << 4;
/// A character is being shifted out.
const STATUS_TRANSMIT_ACTIVE: u32 = 1 << 11;

const ALL_INTERRUPTS: u32 = 0x3fff;
const INTERRUPT_OVERRUN: u32 = 1 << 5;
const INTERRUPT_FRAMING: u32 = 1 << 6;
const INTERRUPT_PARITY: u32 = 1 << 7;
const DAMAGE: u32 = INTERRUPT_FRAMING | INTERRUPT_PARITY;

/// Parity, framing, break of the byte that is next in the FIFO.
const BYTE_DAMAGED: u32 = 7;

/// Characters that the receive FIFO holds.
const DEPTH: usize = 64;
/// Characters that an empty transmit FIFO takes for certain: the device's holds 64, that of QEMU's model 16.
const BURST: usize = 16;

/// How long a byte waits for the transmitter: the whole FIFO takes 5.6 ms at 115200 baud, 67 ms at 9600.
const TRANSMIT_LIMIT: Duration = Duration::from_millis(100);

/// A console on a Cadence UART.
pub struct CadenceUart {
    registers: Box<dyn Registers>,
    clock: Rc<dyn Clock>,
    /// Places in the transmit FIFO that are surely free: those of a FIFO that was seen empty.
    room: usize,
    /// The transmitter let a wait run out: do not wait for it again until it moves.
    stuck: bool,
}

impl CadenceUart {
    /// The UART with `registers`, of which at least the first 0x4c bytes are there.
    ///
    /// Interrupts are masked. What the firmware before us printed has left first, if it leaves in a bounded time.
    #[must_use]
    pub fn new(registers: Box<dyn Registers>, clock: Rc<dyn Clock>) -> Self {
        let mut console = Self {
            registers,
            clock,
            room: 0,
            stuck: false,
        };
        console.registers.write32(INTERRUPT_DISABLE, ALL_INTERRUPTS);
        console.enable();
        console
    }

    fn enable(&mut self) {
        let control = self.registers.read32(CONTROL);
        let is_on = |on, off| control & on != 0 && control & off == 0;
        if is_on(CONTROL_TRANSMITTER_ON, CONTROL_TRANSMITTER_OFF) {
            if is_on(CONTROL_RECEIVER_ON, CONTROL_RECEIVER_OFF) {
                return;
            }
            self.flush();
        } else {
            // Nobody has set the line up (UG585, 19.2.1: the reset value means even parity).
            self.registers.write32(MODE, MODE_8N1);
        }
        self.registers
            .write32(CONTROL, CONTROL_RECEIVER_ON | CONTROL_TRANSMITTER_ON);
    }

    fn wait(&mut self, done: impl Fn(u32) -> bool) -> bool {
        let (registers, clock) = (&self.registers, self.clock.as_ref());
        let done = || done(registers.read32(STATUS));
        let arrived = done() || !self.stuck && wait_until(clock, TRANSMIT_LIMIT, done);
        self.stuck = !arrived;
        arrived
    }

    /// Makes sure that the FIFO takes a byte: one look at an empty one is good for many places.
    fn make_room(&mut self) -> bool {
        if self.room == 0 {
            let empty = self.registers.read32(STATUS) & STATUS_TRANSMIT_EMPTY != 0;
            if !empty && !self.wait(|status| status & STATUS_TRANSMIT_FULL == 0) {
                return false;
            }
            self.stuck = false;
            self.room = if empty { BURST } else { 1 };
        }
        true
    }

    /// Takes a byte out of the receive FIFO, which is not empty; `None` if it arrived damaged.
    fn take(&self) -> Option<u8> {
        let errors = self.registers.read32(INTERRUPT_STATUS) & (DAMAGE | INTERRUPT_OVERRUN);
        // The receiver goes on by itself after an overrun; only the flag stays.
        self.registers.write32(INTERRUPT_STATUS, errors & INTERRUPT_OVERRUN);
        // Flags of damage stay until the FIFO was emptied: they do not say whose they are. Older revisions have no byte status,
        // which then reads as 0; of those a break, which is a zero with a framing error, is all that can be told.
        let damaged = errors & DAMAGE != 0 && self.registers.read32(BYTE_STATUS) & BYTE_DAMAGED != 0;
        let [byte, ..] = self.registers.read32(FIFO).to_le_bytes();
        let is_break = errors & INTERRUPT_FRAMING != 0 && byte == 0;
        (!damaged && !is_break).then_some(byte)
    }
}

impl Console for CadenceUart {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if !self.make_room() {
                return;
            }
            self.registers.write32(FIFO, u32::from(*byte));
            self.room = self.room.saturating_sub(1);
        }
    }

    fn read(&mut self) -> Option<u8> {
        // More damaged characters in a row than the FIFO holds are a line that floats, and are left for the next call.
        for _ in 0..DEPTH {
            if self.registers.read32(STATUS) & STATUS_RECEIVE_EMPTY != 0 {
                return None;
            }
            let byte = self.take();
            if self.registers.read32(STATUS) & STATUS_RECEIVE_EMPTY != 0 {
                self.registers.write32(INTERRUPT_STATUS, DAMAGE);
            }
            if byte.is_some() {
                return byte;
            }
        }
        None
    }

    fn flush(&mut self) {
        self.room = 0;
        self.wait(|status| status & STATUS_TRANSMIT_EMPTY != 0 && status & STATUS_TRANSMIT_ACTIVE == 0);
    }
}

#[cfg(test)]
mod tests;
