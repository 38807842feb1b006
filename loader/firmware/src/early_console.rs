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

/// PL011 (Arm DDI 0183), transmit only.
pub(crate) mod pl011 {
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
