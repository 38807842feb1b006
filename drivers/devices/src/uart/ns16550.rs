//! UARTs of the 16550 kind (National Semiconductor PC16550D), the Synopsys one and the mini-UART of the Raspberry Pi among them
//! (BCM2711 ARM Peripherals, section 2.2).
//!
//! The line stays as the firmware before us set it: of the mini-UART the clock follows the processor's, of the others it is the business of
//! a clock controller that this loader does not drive. Only a line that nobody has set up is made 8N1.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::time::Duration;

use hal::{Clock, Console, Registers};

use crate::wait::wait_until;

/// The mini-UART, whose registers are words without the tree saying so.
const MINI_UART: &str = "brcm,bcm2835-aux-uart";
/// What such UARTs are called in device trees.
pub const COMPATIBLE: &[&str] = &[MINI_UART, "ns16550a", "snps,dw-apb-uart"];

const DATA: usize = 0; // RBR, THR
const INTERRUPT_ENABLE: usize = 1; // IER
const LINE_CONTROL: usize = 3; // LCR
const LINE_STATUS: usize = 5; // LSR

const LINE_8N1: u8 = 3;

const STATUS_RECEIVED: u32 = 1 << 0;
/// Parity, framing, break: of the character that is next.
const STATUS_DAMAGED: u32 = 0b1_1100;
/// The transmitter takes a character.
const STATUS_TAKES: u32 = 1 << 5;
/// Nothing is left to send.
const STATUS_IDLE: u32 = 1 << 6;
/// What an absent device answers: with it, a console is silent.
const STATUS_ABSENT: u32 = 0xff;

/// Characters that the larger FIFOs hold.
const DEPTH: usize = 64;

/// How long a byte waits for the transmitter: 16 characters take 1.4 ms at 115200 baud, 17 ms at 9600.
const TRANSMIT_LIMIT: Duration = Duration::from_millis(50);

/// Where the registers lie and how wide an access is (Linux `serial/8250.yaml`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Register `n` lies at `n << shift`.
    shift: u32,
    /// Accesses are words.
    words: bool,
}

impl Layout {
    /// The layout of the Raspberry Pi's mini-UART.
    pub const MINI_UART: Self = Self { shift: 2, words: true };

    /// The layout of a UART that `is_named` one of [`COMPATIBLE`], whose node has `reg-shift` and `reg-io-width` in bytes. `None` for
    /// values that no such UART has.
    pub fn new(is_named: impl Fn(&str) -> bool, reg_shift: Option<u32>, reg_io_width: Option<u32>) -> Option<Self> {
        let (shift, width) = if is_named(MINI_UART) { (2, 4) } else { (0, 1) };
        let shift = reg_shift.unwrap_or(shift);
        let words = match reg_io_width.unwrap_or(width) {
            1 => false,
            4 if shift >= 2 => true,
            _ => return None,
        };
        (shift <= 8).then_some(Self { shift, words })
    }

    /// Offset and length of a register that can be read at any time.
    #[must_use]
    pub fn quiet(self) -> (u64, u64) {
        let offset = u64::try_from(self.offset(LINE_CONTROL)).unwrap_or(u64::MAX);
        (offset, if self.words { 4 } else { 1 })
    }

    const fn offset(self, register: usize) -> usize {
        register << self.shift
    }
}

/// A console on a UART of the 16550 kind.
pub struct Ns16550 {
    registers: Box<dyn Registers>,
    layout: Layout,
    clock: Rc<dyn Clock>,
    /// The transmitter let a wait run out: do not wait for it again until it moves.
    stuck: bool,
}

impl Ns16550 {
    /// The UART with `registers`. Interrupts are masked.
    #[must_use]
    pub fn new(registers: Box<dyn Registers>, layout: Layout, clock: Rc<dyn Clock>) -> Self {
        let console = Self {
            registers,
            layout,
            clock,
            stuck: false,
        };
        console.store(INTERRUPT_ENABLE, 0);
        // 5 bits are nobody's line: so it is out of reset.
        if console.load(LINE_CONTROL) == 0 {
            console.store(LINE_CONTROL, LINE_8N1);
        }
        console
    }

    fn load(&self, register: usize) -> u32 {
        let offset = self.layout.offset(register);
        if self.layout.words {
            self.registers.read32(offset) & 0xff
        } else {
            u32::from(self.registers.read8(offset))
        }
    }

    fn store(&self, register: usize, value: u8) {
        let offset = self.layout.offset(register);
        if self.layout.words {
            self.registers.write32(offset, u32::from(value));
        } else {
            self.registers.write8(offset, value);
        }
    }

    fn wait(&mut self, flag: u32) -> bool {
        let done = || self.load(LINE_STATUS) & flag != 0;
        let arrived = done() || !self.stuck && wait_until(self.clock.as_ref(), TRANSMIT_LIMIT, done);
        self.stuck = !arrived;
        arrived
    }
}

impl Console for Ns16550 {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if !self.wait(STATUS_TAKES) {
                return;
            }
            self.store(DATA, *byte);
        }
    }

    fn read(&mut self) -> Option<u8> {
        // More damaged characters in a row than the FIFO holds are a line that floats, and are left for the next call.
        for _ in 0..DEPTH {
            let status = self.load(LINE_STATUS);
            if status & STATUS_RECEIVED == 0 || status == STATUS_ABSENT {
                return None;
            }
            let [byte, ..] = self.load(DATA).to_le_bytes();
            if status & STATUS_DAMAGED == 0 {
                return Some(byte);
            }
        }
        None
    }

    fn flush(&mut self) {
        self.wait(STATUS_IDLE);
    }
}

#[cfg(test)]
mod tests;
