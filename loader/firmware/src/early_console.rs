//! The UART that the board's folder names: for panics and exceptions, when nothing else can be trusted. Output only.

use core::fmt;

use crate::board;

/// A writer to the board's UART as the previous stage left it. Has no state: it can be made anywhere.
pub(crate) struct EarlyConsole;

impl fmt::Write for EarlyConsole {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                board::early_uart::send(board::EARLY_UART, b'\r');
            }
            board::early_uart::send(board::EARLY_UART, byte);
        }
        Ok(())
    }
}

/// Polls before a byte is given up: a UART without a clock must not hang a panic.
const PATIENCE: u32 = 1_000_000;

/// The registers of the board's early console, words at byte offsets.
#[derive(Clone, Copy)]
struct Words {
    base: usize,
}

impl Words {
    fn register(self, offset: usize) -> *mut u32 {
        core::ptr::without_provenance_mut(self.base + offset)
    }

    fn read(self, offset: usize) -> u32 {
        // SAFETY: the board's folder says that such a UART is here; both maps show it as device memory.
        unsafe { self.register(offset).read_volatile() }
    }

    fn write(self, offset: usize, value: u32) {
        // SAFETY: as in `read`.
        unsafe { self.register(offset).write_volatile(value) };
    }

    /// Writes `byte` to the register at `data` once the status at `status` has `ready`.
    fn send(self, (status, ready): (usize, impl Fn(u32) -> bool), data: usize, byte: u8) {
        let _ = (0..PATIENCE).find(|_| ready(self.read(status)));
        self.write(data, u32::from(byte));
    }
}

// A board uses one of the modules below: `build.rs` names it.

/// PL011 (Arm DDI 0183), transmit only.
#[allow(dead_code, reason = "a board has one kind of early console")]
pub(crate) mod pl011 {
    use super::Words;

    /// What drives it once there is a heap.
    pub(crate) const KIND: devices::uart::Kind = devices::uart::Kind::Pl011;

    const DATA: usize = 0x000; // UARTDR
    const FLAGS: usize = 0x018; // UARTFR
    const TRANSMIT_FULL: u32 = 1 << 5; // UARTFR.TXFF

    /// Sends one byte.
    pub(crate) fn send(base: usize, byte: u8) {
        let ready = |flags| flags & TRANSMIT_FULL == 0;
        Words { base }.send((FLAGS, ready), DATA, byte);
    }
}

/// Cadence UART (AMD UG1087, module UART), transmit only.
#[allow(dead_code, reason = "a board has one kind of early console")]
pub(crate) mod cadence {
    use super::Words;

    /// What drives it once there is a heap.
    pub(crate) const KIND: devices::uart::Kind = devices::uart::Kind::Cadence;

    const CONTROL: usize = 0x00; // CR
    const MODE: usize = 0x04; // MR
    const STATUS: usize = 0x2c; // SR
    const FIFO: usize = 0x30;
    /// CR: transmitter on, transmitter off.
    const SWITCHES: u32 = 0x30;
    const TRANSMITTER_ON: u32 = 0x10;
    /// CR: receiver and transmitter on.
    const BOTH_ON: u32 = 0x14;
    /// MR: 8 bits, no parity, 1 stop bit.
    const MODE_8N1: u32 = 0x20;
    const TRANSMIT_FULL: u32 = 1 << 4;

    /// Sends one byte. Puts the transmitter on if it is off, as reset leaves it.
    pub(crate) fn send(base: usize, byte: u8) {
        let words = Words { base };
        if words.read(CONTROL) & SWITCHES != TRANSMITTER_ON {
            words.write(MODE, MODE_8N1);
            words.write(CONTROL, BOTH_ON);
        }
        let ready = |status| status & TRANSMIT_FULL == 0;
        words.send((STATUS, ready), FIFO, byte);
    }
}

/// The UART of NXP's i.MX chips (i.MX 8M Plus Reference Manual, chapter UART), transmit only.
#[allow(dead_code, reason = "a board has one kind of early console")]
pub(crate) mod imx {
    use super::Words;

    /// What drives it once there is a heap.
    pub(crate) const KIND: devices::uart::Kind = devices::uart::Kind::Imx;

    const DATA: usize = 0x40; // UTXD
    const CONTROL_1: usize = 0x80; // UCR1
    const CONTROL_2: usize = 0x84; // UCR2
    const TEST: usize = 0xb4; // UTS
    const UART_ON: u32 = 1 << 0; // UCR1.UARTEN
    const TRANSMITTER_ON: u32 = 1 << 2; // UCR2.TXEN
    /// UCR2: 8 bits, no parity, 1 stop bit, RTS ignored, transmitter on, no reset.
    const MODE_8N1: u32 = 0x4025;
    const TRANSMIT_FULL: u32 = 1 << 4; // UTS.TXFULL

    /// Sends one byte. Puts the UART on if it is off: the bus would answer with an error.
    pub(crate) fn send(base: usize, byte: u8) {
        let words = Words { base };
        let on = words.read(CONTROL_1);
        if on & UART_ON == 0 || words.read(CONTROL_2) & TRANSMITTER_ON == 0 {
            words.write(CONTROL_1, on | UART_ON);
            words.write(CONTROL_2, MODE_8N1);
        }
        let ready = |fill| fill & TRANSMIT_FULL == 0;
        words.send((TEST, ready), DATA, byte);
    }
}

/// The mini-UART of the Raspberry Pi (BCM2711 ARM Peripherals, section 2.2), transmit only: a 16550 with a word per register.
#[allow(dead_code, reason = "a board has one kind of early console")]
pub(crate) mod mini_uart {
    use super::Words;

    /// What drives it once there is a heap.
    pub(crate) const KIND: devices::uart::Kind = devices::uart::Kind::Ns16550;

    const DATA: usize = 0x00; // AUX_MU_IO_REG
    const LINE_STATUS: usize = 0x14; // AUX_MU_LSR_REG
    const TAKES: u32 = 1 << 5;

    /// Sends one byte.
    pub(crate) fn send(base: usize, byte: u8) {
        let ready = |status| status & TAKES != 0;
        Words { base }.send((LINE_STATUS, ready), DATA, byte);
    }
}
