//! The UART of NXP's i.MX chips (i.MX 8M Plus Applications Processor Reference Manual, chapter UART; the same since the i.MX 21).
//!
//! Baud rate and format stay as the firmware before us set them: the clock is the business of a clock controller that this loader does not
//! drive. Only a UART that is off altogether is made 8N1.
//!
//! The manual has the bus answer with an error where the receive register is read while the receiver is off, or the transmit register is
//! written while the transmitter is: both are on before either is touched.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::time::Duration;

use hal::{Clock, Console, Registers};

use crate::wait::wait_until;

/// What such a UART is called in device trees (`serial/fsl-imx-uart.yaml`): later chips name their own first and the i.MX 6's behind it.
pub const COMPATIBLE: &[&str] = &["fsl,imx6q-uart", "fsl,imx8mp-uart"];

/// Offset and length of a register that can be read at any time.
pub const QUIET: (u64, u64) = (0x98, 4); // USR2

const RECEIVE: usize = 0x00; // URXD
const TRANSMIT: usize = 0x40; // UTXD
const CONTROL_1: usize = 0x80; // UCR1
const CONTROL_2: usize = 0x84; // UCR2
const CONTROL_3: usize = 0x88; // UCR3
const CONTROL_4: usize = 0x8c; // UCR4
const STATUS_2: usize = 0x98; // USR2
const TEST: usize = 0xb4; // UTS: how full the FIFOs are

const UART_ON: u32 = 1 << 0;
/// UCR1: all that raises interrupts (ADEN, TRDYEN, IDEN, RRDYEN, TXMPTYEN, RTSDEN) or asks for DMA (RXDMAEN, TXDMAEN, ATDMAEN), and a break
/// that is being sent (SNDBRK).
const REQUESTS_1: u32 = 0xb37c;

/// Written as 0 it resets the FIFOs and the state machines.
const NO_RESET: u32 = 1 << 0; // SRST
const RECEIVER_ON: u32 = 1 << 1;
const TRANSMITTER_ON: u32 = 1 << 2;
const BOTH_ON: u32 = RECEIVER_ON | TRANSMITTER_ON;
/// UCR2: interrupts of the ageing timer (ATEN), RTS (RTSEN) and the escape character (ESCI).
const REQUESTS_2: u32 = 0x8018;
/// 8 bits (WS), no parity, 1 stop bit, and what the other side says by RTS is ignored (IRTS).
const LINE_8N1: u32 = 1 << 5 | 1 << 14;
/// "This bit should always be set" (RXDMUXSEL).
const RECEIVER_PIN: u32 = 1 << 2;
/// UCR3: interrupts of parity, framing, DTR, idle line and waking (DTREN, PARERREN, FRAERREN, RXDSEN, AIRINTEN, AWAKEN, ACIEN).
const REQUESTS_3: u32 = 0x3871;
/// UCR4: interrupts (ENIRI, WKEN, TCEN, BKEN, OREN, DREN) and a request for DMA (IDDMAEN).
const REQUESTS_4: u32 = 0x01cf;

const STATUS_RECEIVED: u32 = 1 << 0; // RDR
const STATUS_OVERRUN: u32 = 1 << 1; // ORE, write 1 to clear
const STATUS_COMPLETE: u32 = 1 << 3; // TXDC: FIFO and shift register are empty

const TEST_TRANSMIT_FULL: u32 = 1 << 4;
const TEST_TRANSMIT_EMPTY: u32 = 1 << 6;

/// There is a character; it arrived with a wrong parity, as a break, with a wrong stop bit. Another bit (OVRRUN) marks the one that filled
/// the FIFO, which is sound itself.
const CHARACTER: u32 = 1 << 15;
const DAMAGE: u32 = 1 << 10 | 1 << 11 | 1 << 12;

/// Characters that each FIFO holds.
const DEPTH: usize = 32;

/// How long a byte waits for the transmitter: the whole FIFO takes 2.8 ms at 115200 baud, 34 ms at 9600.
const TRANSMIT_LIMIT: Duration = Duration::from_millis(100);

/// A console on a UART of an i.MX chip.
pub struct ImxUart {
    registers: Box<dyn Registers>,
    clock: Rc<dyn Clock>,
    /// Places in the transmit FIFO that are surely free: those of a FIFO that was seen empty.
    room: usize,
    /// The transmitter let a wait run out: do not wait for it again until it moves.
    stuck: bool,
}

impl ImxUart {
    /// The UART with `registers`, of which at least the first 0xb8 bytes are there. Interrupts are masked.
    #[must_use]
    pub fn new(registers: Box<dyn Registers>, clock: Rc<dyn Clock>) -> Self {
        let console = Self {
            registers,
            clock,
            room: 0,
            stuck: false,
        };
        console.clear(CONTROL_1, REQUESTS_1);
        console.clear(CONTROL_3, REQUESTS_3);
        console.clear(CONTROL_4, REQUESTS_4);
        console.enable();
        console
    }

    /// Clears the bits of `mask`.
    fn clear(&self, register: usize, mask: u32) {
        let before = self.registers.read32(register);
        if before & mask != 0 {
            self.registers.write32(register, before & !mask);
        }
    }

    fn enable(&self) {
        let first = self.registers.read32(CONTROL_1);
        let second = self.registers.read32(CONTROL_2);
        if first & UART_ON == 0 {
            // Nobody has set the line up.
            let third = self.registers.read32(CONTROL_3);
            self.registers.write32(CONTROL_1, first | UART_ON);
            self.registers.write32(CONTROL_3, third | RECEIVER_PIN);
            self.registers.write32(CONTROL_2, LINE_8N1 | BOTH_ON | NO_RESET);
        } else if second & (BOTH_ON | REQUESTS_2) != BOTH_ON {
            self.registers
                .write32(CONTROL_2, second & !REQUESTS_2 | BOTH_ON | NO_RESET);
        }
    }

    fn wait(&mut self, register: usize, done: impl Fn(u32) -> bool) -> bool {
        let (registers, clock) = (&self.registers, self.clock.as_ref());
        let done = || done(registers.read32(register));
        let arrived = done() || !self.stuck && wait_until(clock, TRANSMIT_LIMIT, done);
        self.stuck = !arrived;
        arrived
    }

    /// Makes sure that the FIFO takes a byte: one look at an empty one is good for many places.
    fn make_room(&mut self) -> bool {
        if self.room == 0 {
            let empty = self.registers.read32(TEST) & TEST_TRANSMIT_EMPTY != 0;
            if !empty && !self.wait(TEST, |fill| fill & TEST_TRANSMIT_FULL == 0) {
                return false;
            }
            self.stuck = false;
            self.room = if empty { DEPTH } else { 1 };
        }
        true
    }
}

impl Console for ImxUart {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if !self.make_room() {
                return;
            }
            self.registers.write32(TRANSMIT, u32::from(*byte));
            self.room = self.room.saturating_sub(1);
        }
    }

    fn read(&mut self) -> Option<u8> {
        // More damaged characters in a row than the FIFO holds are a line that floats, and are left for the next call.
        for _ in 0..DEPTH {
            let status = self.registers.read32(STATUS_2);
            if status & STATUS_OVERRUN != 0 {
                self.registers.write32(STATUS_2, STATUS_OVERRUN);
            }
            if status & STATUS_RECEIVED == 0 {
                return None;
            }
            let word = self.registers.read32(RECEIVE);
            let [byte, ..] = word.to_le_bytes();
            if word & CHARACTER != 0 && word & DAMAGE == 0 {
                return Some(byte);
            }
        }
        None
    }

    fn flush(&mut self) {
        self.room = 0;
        self.wait(STATUS_2, |status| status & STATUS_COMPLETE != 0);
    }
}

#[cfg(test)]
mod tests;
