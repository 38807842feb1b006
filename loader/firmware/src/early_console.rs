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

// A board uses one of the modules below: `build.rs` names it.

/// PL011 (Arm DDI 0183), transmit only.
#[allow(dead_code, reason = "a board has one kind of early console")]
pub(crate) mod pl011 {
    /// What drives it once there is a heap.
    pub(crate) const KIND: devices::uart::Kind = devices::uart::Kind::Pl011;

    const DATA: usize = 0x000; // UARTDR
    const FLAGS: usize = 0x018; // UARTFR
    const TRANSMIT_FULL: u32 = 1 << 5; // UARTFR.TXFF
    /// Polls before a byte is given up: a UART without a clock must not hang a panic.
    const PATIENCE: u32 = 1_000_000;

    /// Sends one byte.
    pub(crate) fn send(base: usize, byte: u8) {
        let register = |offset| core::ptr::without_provenance_mut::<u32>(base + offset);
        // SAFETY: the board's folder says that a PL011 is here; both maps show it as device memory.
        let full = || unsafe { register(FLAGS).read_volatile() } & TRANSMIT_FULL != 0;
        let _ = (0..PATIENCE).find(|_| !full());
        // SAFETY: as above.
        unsafe { register(DATA).write_volatile(u32::from(byte)) };
    }
}

/// Cadence UART (AMD UG1087, module UART), transmit only.
#[allow(dead_code, reason = "a board has one kind of early console")]
pub(crate) mod cadence {
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
    /// Polls before a byte is given up: a UART without a clock must not hang a panic.
    const PATIENCE: u32 = 1_000_000;

    /// Sends one byte. Puts the transmitter on if it is off, as reset leaves it.
    pub(crate) fn send(base: usize, byte: u8) {
        let register = |offset| core::ptr::without_provenance_mut::<u32>(base + offset);
        // SAFETY: the board's folder says that a Cadence UART is here; both maps show it as device memory.
        let read = |offset| unsafe { register(offset).read_volatile() };
        // SAFETY: as above.
        let write = |offset, value| unsafe { register(offset).write_volatile(value) };
        if read(CONTROL) & SWITCHES != TRANSMITTER_ON {
            write(MODE, MODE_8N1);
            write(CONTROL, BOTH_ON);
        }
        let _ = (0..PATIENCE).find(|_| read(STATUS) & TRANSMIT_FULL == 0);
        write(FIFO, u32::from(byte));
    }
}

/// The mini-UART of the Raspberry Pi (BCM2711 ARM Peripherals, section 2.2), transmit only: a 16550 with a word per register.
#[allow(dead_code, reason = "a board has one kind of early console")]
pub(crate) mod mini_uart {
    /// What drives it once there is a heap.
    pub(crate) const KIND: devices::uart::Kind = devices::uart::Kind::Ns16550;

    const DATA: usize = 0x00; // AUX_MU_IO_REG
    const LINE_STATUS: usize = 0x14; // AUX_MU_LSR_REG
    const TAKES: u32 = 1 << 5;
    /// Polls before a byte is given up: a UART without a clock must not hang a panic.
    const PATIENCE: u32 = 1_000_000;

    /// Sends one byte.
    pub(crate) fn send(base: usize, byte: u8) {
        let register = |offset| core::ptr::without_provenance_mut::<u32>(base + offset);
        // SAFETY: the board's folder says that a mini-UART is here; both maps show it as device memory.
        let takes = || unsafe { register(LINE_STATUS).read_volatile() } & TAKES != 0;
        let _ = (0..PATIENCE).find(|_| takes());
        // SAFETY: as above.
        unsafe { register(DATA).write_volatile(u32::from(byte)) };
    }
}
