//! The registers of an SD host controller (HC 2), read and written 32 bits at a time.
//!
//! The controllers of the Raspberry Pi take no narrower access, and no other minds: so there is one way. A narrower register is changed in
//! its word; the two halves of a word that must go together, as transfer mode and command, go together.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::Cell;
use core::time::Duration;

use hal::{Clock, Deadline, Registers};

/// SDMA system address (HC 2.2.1).
pub(in crate::mmc) const SDMA_ADDRESS: usize = 0x00;
/// Block size and block count (HC 2.2.2 and 2.2.3).
pub(in crate::mmc) const BLOCK: usize = 0x04;
/// Argument (HC 2.2.4).
pub(in crate::mmc) const ARGUMENT: usize = 0x08;
/// Transfer mode and command (HC 2.2.5 and 2.2.6): writing it begins the command.
pub(in crate::mmc) const COMMAND: usize = 0x0c;
/// Response: four words (HC 2.2.7).
pub(in crate::mmc) const RESPONSE: usize = 0x10;
/// Buffer data port (HC 2.2.8).
pub(in crate::mmc) const DATA: usize = 0x20;
/// Present state (HC 2.2.9).
pub(in crate::mmc) const PRESENT: usize = 0x24;
/// Host control 1, power control, block gap control, wake-up control (HC 2.2.10 to 2.2.13).
pub(in crate::mmc) const CONTROL: usize = 0x28;
/// Clock control, timeout control, software reset (HC 2.2.14 to 2.2.16).
pub(in crate::mmc) const CLOCK: usize = 0x2c;
/// Normal and error interrupt status: writing a one clears (HC 2.2.17 and 2.2.18).
pub(in crate::mmc) const STATUS: usize = 0x30;
/// Which of them are told (HC 2.2.19 and 2.2.20).
pub(in crate::mmc) const STATUS_ENABLE: usize = 0x34;
/// Which of them raise the interrupt line (HC 2.2.21 and 2.2.22).
pub(in crate::mmc) const SIGNAL_ENABLE: usize = 0x38;
/// Capabilities: two words (HC 2.2.26).
pub(in crate::mmc) const CAPABILITIES: usize = 0x40;
/// ADMA error status (HC 2.2.29).
pub(in crate::mmc) const ADMA_ERROR: usize = 0x54;
/// ADMA system address: two words (HC 2.2.30).
pub(in crate::mmc) const ADMA_ADDRESS: usize = 0x58;
/// Slot interrupt status and host controller version (HC 2.2.38).
pub(in crate::mmc) const VERSION: usize = 0xfc;
/// The bytes that all of them take.
pub(in crate::mmc) const LEN: u64 = 0x100;

/// Bits of the word at [`COMMAND`].
pub(in crate::mmc) mod command {
    pub(crate) const DMA: u32 = 1 << 0;
    pub(crate) const COUNT_BLOCKS: u32 = 1 << 1;
    pub(crate) const AUTO_STOP: u32 = 1 << 2;
    pub(crate) const READ: u32 = 1 << 4;
    pub(crate) const SEVERAL: u32 = 1 << 5;
    pub(crate) const ANSWER_136: u32 = 1 << 16;
    pub(crate) const ANSWER_48: u32 = 2 << 16;
    pub(crate) const ANSWER_48_BUSY: u32 = 3 << 16;
    pub(crate) const CHECK_CRC: u32 = 1 << 19;
    pub(crate) const CHECK_INDEX: u32 = 1 << 20;
    pub(crate) const HAS_DATA: u32 = 1 << 21;
    pub(crate) const ABORT: u32 = 3 << 22;
    pub(crate) const INDEX_SHIFT: u32 = 24;
}

/// Bits of [`PRESENT`].
pub(in crate::mmc) mod present {
    pub(crate) const COMMAND_BUSY: u32 = 1 << 0;
    pub(crate) const DATA_BUSY: u32 = 1 << 1;
    /// The buffer takes a block; it has one.
    pub(crate) const BUFFER_TAKES: u32 = 1 << 10;
    pub(crate) const BUFFER_HAS: u32 = 1 << 11;
    pub(crate) const INSERTED: u32 = 1 << 16;
    pub(crate) const STABLE: u32 = 1 << 17;
    pub(crate) const WRITE_ENABLED: u32 = 1 << 19;
}

/// Bits of the word at [`CONTROL`].
pub(in crate::mmc) mod control {
    pub(crate) const FOUR_LINES: u32 = 1 << 1;
    pub(crate) const HIGH_SPEED: u32 = 1 << 2;
    pub(crate) const DMA_MASK: u32 = 3 << 3;
    pub(crate) const ADMA2_32: u32 = 2 << 3;
    pub(crate) const ADMA2_64: u32 = 3 << 3;
    pub(crate) const EIGHT_LINES: u32 = 1 << 5;
    pub(crate) const POWER_ON: u32 = 1 << 8;
    pub(crate) const VOLTS_1_8: u32 = 5 << 9;
    pub(crate) const VOLTS_3_0: u32 = 6 << 9;
    pub(crate) const VOLTS_3_3: u32 = 7 << 9;
    pub(crate) const POWER_MASK: u32 = 0xff << 8;
}

/// Bits of the word at [`CLOCK`].
pub(in crate::mmc) mod clock {
    pub(crate) const INTERNAL_ON: u32 = 1 << 0;
    pub(crate) const STABLE: u32 = 1 << 1;
    pub(crate) const CARD_ON: u32 = 1 << 2;
    pub(crate) const DIVIDER_MASK: u32 = 0xffc0;
    /// The longest time-out for data: 2^27 cycles of its clock.
    pub(crate) const LONGEST_TIMEOUT: u32 = 0xe << 16;
    pub(crate) const TIMEOUT_MASK: u32 = 0xf << 16;
    pub(crate) const RESET_ALL: u32 = 1 << 24;
    pub(crate) const RESET_COMMAND: u32 = 1 << 25;
    pub(crate) const RESET_DATA: u32 = 1 << 26;
}

/// Bits of [`STATUS`].
pub(in crate::mmc) mod status {
    pub(crate) const COMMAND_DONE: u32 = 1 << 0;
    pub(crate) const TRANSFER_DONE: u32 = 1 << 1;
    pub(crate) const DMA_BOUNDARY: u32 = 1 << 3;
    pub(crate) const WRITE_READY: u32 = 1 << 4;
    pub(crate) const READ_READY: u32 = 1 << 5;
    pub(crate) const REMOVED: u32 = 1 << 7;
    pub(crate) const ERROR: u32 = 1 << 15;
    pub(crate) const COMMAND_TIMEOUT: u32 = 1 << 16;
    /// The checksum, the end bit and the number in the answer.
    pub(crate) const COMMAND_DAMAGED: u32 = 7 << 17;
    pub(crate) const DATA_TIMEOUT: u32 = 1 << 20;
    /// The checksum and the end bit of the data.
    pub(crate) const DATA_DAMAGED: u32 = 3 << 21;
    pub(crate) const AUTO_STOP: u32 = 1 << 24;
    pub(crate) const ADMA: u32 = 1 << 25;
    pub(crate) const ERRORS: u32 = 0x03ff_0000;
}

/// Bits of the two words at [`CAPABILITIES`].
pub(in crate::mmc) mod capability {
    pub(crate) const EIGHT_LINES: u32 = 1 << 18;
    pub(crate) const ADMA2: u32 = 1 << 19;
    pub(crate) const HIGH_SPEED: u32 = 1 << 21;
    pub(crate) const SDMA: u32 = 1 << 22;
    pub(crate) const VOLTS_3_3: u32 = 1 << 24;
    pub(crate) const VOLTS_3_0: u32 = 1 << 25;
    pub(crate) const VOLTS_1_8: u32 = 1 << 26;
    /// For controllers of version 3 and later, unless they were told to be of version 4.
    pub(crate) const WIDE_ADDRESSES: u32 = 1 << 28;
}

/// Bits that not every controller has at the standard's place, or at all: those are 0.
pub(super) struct Layout {
    /// Of the word at [`CONTROL`].
    pub(super) four_lines: u32,
    pub(super) eight_lines: u32,
    pub(super) high_speed: u32,
    pub(super) dma_mask: u32,
    pub(super) adma2_32: u32,
    pub(super) adma2_64: u32,
    /// Of the word at [`BLOCK`]: SDMA stops where addresses are multiples of 512 KiB.
    pub(super) sdma_boundary: u32,
    /// Of [`STATUS`]: all errors, and the one of ADMA among them.
    pub(super) errors: u32,
    pub(super) dma_error: u32,
}

impl Layout {
    pub(super) const STANDARD: Self = Self {
        four_lines: control::FOUR_LINES,
        eight_lines: control::EIGHT_LINES,
        high_speed: control::HIGH_SPEED,
        dma_mask: control::DMA_MASK,
        adma2_32: control::ADMA2_32,
        adma2_64: control::ADMA2_64,
        sdma_boundary: 7 << 12,
        errors: status::ERRORS,
        dma_error: status::ADMA,
    };

    /// All that a command or its data can come to.
    pub(super) const fn of_commands(&self) -> u32 {
        use status::{COMMAND_DONE, DMA_BOUNDARY, READ_READY, TRANSFER_DONE, WRITE_READY};
        COMMAND_DONE | TRANSFER_DONE | DMA_BOUNDARY | WRITE_READY | READ_READY | self.errors
    }
}

/// The register window of one controller.
pub(super) struct Window {
    registers: Box<dyn Registers>,
    clock: Rc<dyn Clock>,
    /// The time that must pass after a write, for controllers that lose one that follows too closely.
    pause: Cell<Duration>,
}

impl Window {
    pub(super) fn new(registers: Box<dyn Registers>, clock: Rc<dyn Clock>) -> Self {
        Self {
            registers,
            clock,
            pause: Cell::new(Duration::ZERO),
        }
    }

    /// Lets `pause` pass after each write from now on.
    pub(super) fn pause_after_writes(&self, pause: Duration) {
        self.pause.set(pause);
    }

    pub(super) fn read(&self, register: usize) -> u32 {
        self.registers.read32(register)
    }

    pub(super) fn write(&self, register: usize, value: u32) {
        self.registers.write32(register, value);
        let pause = self.pause.get();
        if !pause.is_zero() {
            // By the clock alone: these are microseconds.
            let end = Deadline::after(self.clock.now(), pause);
            while !end.expired(self.clock.now()) {
                core::hint::spin_loop();
            }
        }
    }

    /// Changes the bits of `mask` to those of `value`.
    pub(super) fn change(&self, register: usize, mask: u32, value: u32) {
        let before = self.read(register);
        self.write(register, before & !mask | value & mask);
    }
}
