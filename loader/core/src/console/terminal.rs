//! The console with line ends and type-ahead.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::fmt;

use hal::Console;

/// Ctrl-C: ends a command or a line.
pub const CTRL_C: u8 = 0x03;

/// How many typed-ahead bytes are kept; more are dropped.
const TYPE_AHEAD: usize = 16 * 1024;

/// A console that writes CR LF for a newline and keeps what is typed while a command runs.
pub struct Terminal {
    console: Box<dyn Console>,
    ahead: VecDeque<u8>,
    interrupted: bool,
}

impl Terminal {
    /// A terminal on `console`.
    #[must_use]
    pub fn new(console: Box<dyn Console>) -> Self {
        Self {
            console,
            ahead: VecDeque::new(),
            interrupted: false,
        }
    }

    /// Takes all received bytes out of the hardware, so that none is lost while a command runs. A Ctrl-C among them is
    /// remembered for [`Terminal::interrupted`] and discards what was typed before it.
    pub fn poll(&mut self) {
        while let Some(byte) = self.console.read() {
            if byte == CTRL_C {
                self.interrupted = true;
                self.ahead.clear();
            } else if self.ahead.len() < TYPE_AHEAD {
                self.ahead.push_back(byte);
            }
        }
    }

    /// Polls, then says once whether Ctrl-C was typed since the last call.
    pub fn interrupted(&mut self) -> bool {
        self.poll();
        core::mem::take(&mut self.interrupted)
    }

    /// The next typed byte; Ctrl-C comes as [`CTRL_C`]. Never waits.
    pub fn read(&mut self) -> Option<u8> {
        if self.interrupted() {
            return Some(CTRL_C);
        }
        self.ahead.pop_front()
    }

    /// Sends bytes as they are.
    pub fn write_bytes(&mut self, bytes: &[u8]) {
        self.console.write(bytes);
    }

    /// Waits until all output has left.
    pub fn flush(&mut self) {
        self.console.flush();
    }
}

impl fmt::Write for Terminal {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut lines = text.split('\n');
        if let Some(first) = lines.next() {
            self.console.write(first.as_bytes());
        }
        for line in lines {
            self.console.write(b"\r\n");
            self.console.write(line.as_bytes());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use core::fmt::Write;

    use hal::fakes::FakeConsole;

    use super::{CTRL_C, Terminal};

    #[test]
    fn newlines_become_cr_lf() {
        let wire = FakeConsole::default();
        let mut terminal = Terminal::new(Box::new(wire.clone()));
        write!(terminal, "a\nb\n").unwrap();
        assert_eq!(wire.take_output(), "a\r\nb\r\n");
    }

    #[test]
    fn type_ahead_is_kept_and_ctrl_c_discards_it() {
        let wire = FakeConsole::default();
        let mut terminal = Terminal::new(Box::new(wire.clone()));
        wire.type_in("ab");
        assert!(!terminal.interrupted());
        assert_eq!(terminal.read(), Some(b'a'));
        wire.type_in("x\x03c");
        assert!(terminal.interrupted());
        assert!(!terminal.interrupted());
        assert_eq!(terminal.read(), Some(b'c'));
        wire.type_in("\x03");
        assert_eq!(terminal.read(), Some(CTRL_C));
        assert_eq!(terminal.read(), None);
    }
}
