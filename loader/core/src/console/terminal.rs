//! The console with line ends and type-ahead.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::fmt;

use hal::Console;

use super::pager::{Answer, ERASE, PROMPT, Pager};

/// Ctrl-C: ends a command or a line.
pub const CTRL_C: u8 = 0x03;

/// How many typed-ahead bytes are kept; more are dropped.
const TYPE_AHEAD: usize = 64 * 1024;

/// How many bytes are taken in at a time: more than a receiver holds. One that never runs empty, by a flood or a defect, must not keep
/// the loader from its work.
const BURST: usize = 1024;

/// How many bytes are sent between two looks at the receiver: half of a PL011's FIFO in its smallest version.
const PIECE: usize = 8;

/// A console that writes CR LF for a newline and keeps what is typed while a command runs.
pub struct Terminal {
    console: Box<dyn Console>,
    ahead: VecDeque<u8>,
    interrupted: bool,
    /// Whether the last byte read was a carriage return: a line feed right after it belongs to the same Enter.
    after_return: bool,
    /// Whether Ctrl-C is a byte as any other.
    raw: bool,
    /// Whether nothing is printed.
    silent: bool,
    pager: Pager,
}

impl Terminal {
    /// A terminal on `console`.
    #[must_use]
    pub fn new(console: Box<dyn Console>) -> Self {
        Self {
            console,
            ahead: VecDeque::new(),
            interrupted: false,
            after_return: false,
            raw: false,
            silent: false,
            pager: Pager::default(),
        }
    }

    /// Takes all received bytes out of the hardware, so that none is lost while a command runs. A Ctrl-C among them is
    /// remembered for [`Terminal::interrupted`] and discards what was typed before it.
    pub fn poll(&mut self) {
        for _ in 0..BURST {
            let Some(byte) = self.console.read() else { return };
            if byte == CTRL_C && !self.raw {
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

    /// The next typed byte; Ctrl-C comes as [`CTRL_C`]. Of a carriage return with a line feed right after it, only the first comes: they are
    /// one Enter, whoever reads it. Never waits.
    pub fn read(&mut self) -> Option<u8> {
        let byte = if self.interrupted() { CTRL_C } else { self.next_key()? };
        self.after_return = byte == b'\r';
        Some(byte)
    }

    fn next_key(&mut self) -> Option<u8> {
        let byte = self.ahead.pop_front()?;
        if byte == b'\n' && core::mem::take(&mut self.after_return) {
            return self.ahead.pop_front();
        }
        Some(byte)
    }

    /// The console as a line on which all bytes are data, until the value is dropped: for file transfers.
    pub fn raw(&mut self) -> RawLine<'_> {
        let before = core::mem::replace(&mut self.raw, true);
        // One that was typed just before is a byte of the line too: nobody else will ask for it.
        if core::mem::take(&mut self.interrupted) {
            self.ahead.push_front(CTRL_C);
        }
        RawLine { terminal: self, before }
    }

    /// From now on leaves a Ctrl-C among what was typed ahead, where it interrupts nothing before it is read; or does not any more.
    pub fn defer_interrupts(&mut self, defer: bool) {
        self.raw = defer;
    }

    /// Whether nothing is printed.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.silent
    }

    /// From now on prints nothing, or does again. File transfers are not concerned.
    pub fn set_silent(&mut self, silent: bool) {
        self.silent = silent;
    }

    /// From now on waits for a key after each page of so many lines; for 0 and 1 it does not.
    pub fn set_page(&mut self, lines: u64) {
        self.pager = Pager::of(lines);
    }

    /// Sends bytes as they are, unless the console is silent, and takes in what is typed meanwhile.
    pub fn write_bytes(&mut self, bytes: &[u8]) {
        if self.silent {
            self.poll();
        } else if self.pager.is_off() {
            self.transmit(bytes);
        } else {
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                self.transmit(line);
                if line.ends_with(b"\n") && self.pager.is_full_after_line() {
                    self.turn_page();
                }
            }
        }
    }

    /// Waits for the person who asked for pages.
    fn turn_page(&mut self) {
        self.transmit(PROMPT);
        let answer = loop {
            self.poll();
            let key = self.ahead.pop_front();
            match key.and_then(Answer::of) {
                _ if self.interrupted => break Answer::Quit,
                Some(answer) => break answer,
                None => core::hint::spin_loop(),
            }
        };
        self.interrupted |= answer == Answer::Quit;
        if answer != Answer::Page {
            self.pager = Pager::default();
        }
        self.transmit(ERASE);
    }

    /// A line takes longer to send than a receiver's FIFO to fill.
    fn transmit(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE) {
            self.console.write(piece);
            self.poll();
        }
    }

    /// Waits until all output has left.
    pub fn flush(&mut self) {
        self.console.flush();
    }
}

/// A console whose bytes are data.
pub struct RawLine<'a> {
    terminal: &'a mut Terminal,
    /// How the terminal took Ctrl-C before.
    before: bool,
}

impl RawLine<'_> {
    /// The next received byte. Never waits.
    pub fn read(&mut self) -> Option<u8> {
        // Most bytes come from here: the receiver is looked at only when all that it had is gone.
        if self.terminal.ahead.is_empty() {
            self.terminal.poll();
        }
        self.terminal.ahead.pop_front()
    }

    /// Puts a byte back that was read and belongs to who reads next.
    pub fn put_back(&mut self, byte: u8) {
        self.terminal.ahead.push_front(byte);
    }

    /// Sends bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        self.terminal.transmit(bytes);
    }
}

impl Drop for RawLine<'_> {
    fn drop(&mut self) {
        self.terminal.raw = self.before;
    }
}

impl fmt::Write for Terminal {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut lines = text.split('\n');
        if let Some(first) = lines.next() {
            self.write_bytes(first.as_bytes());
        }
        for line in lines {
            self.write_bytes(b"\r\n");
            self.write_bytes(line.as_bytes());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::collections::VecDeque;
    use alloc::rc::Rc;
    use core::cell::Cell;
    use core::fmt::Write;

    use hal::Console;
    use hal::fakes::FakeConsole;

    use super::{CTRL_C, Terminal};

    #[test]
    fn newlines_become_cr_lf() {
        let wire = FakeConsole::default();
        let mut terminal = Terminal::new(Box::new(wire.clone()));
        write!(terminal, "a\nb\n").unwrap();
        assert_eq!(wire.take_output(), "a\r\nb\r\n");
    }

    /// A receiver with a FIFO of 16 bytes, into which one falls for each that is sent.
    #[derive(Default)]
    struct Duplex {
        fifo: VecDeque<u8>,
        lost: Rc<Cell<u32>>,
    }

    impl Console for Duplex {
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                if self.fifo.len() == 16 {
                    self.lost.set(self.lost.get() + 1);
                } else {
                    self.fifo.push_back(*byte);
                }
            }
        }

        fn read(&mut self) -> Option<u8> {
            self.fifo.pop_front()
        }

        fn flush(&mut self) {}
    }

    #[test]
    fn nothing_typed_is_lost_while_much_is_printed() {
        let lost = Rc::new(Cell::new(0));
        let duplex = Duplex {
            lost: Rc::clone(&lost),
            ..Duplex::default()
        };
        let mut terminal = Terminal::new(Box::new(duplex));
        // Half of each line end is gone, since both are one Enter.
        let text = "0123456789abcdef\n".repeat(100);
        terminal.write_str(&text).unwrap();
        terminal.write_bytes(&[b'x'; 100]);
        assert_eq!(lost.get(), 0);
        assert_eq!(core::iter::from_fn(|| terminal.read()).count(), 100 * 17 + 100);
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

    #[test]
    fn an_interrupt_just_before_a_transfer_reaches_it() {
        let wire = FakeConsole::default();
        let mut terminal = Terminal::new(Box::new(wire.clone()));
        wire.type_in("\x03");
        terminal.poll();
        assert_eq!(terminal.raw().read(), Some(CTRL_C));
        assert!(!terminal.interrupted());
    }

    #[test]
    fn enter_is_any_of_three() {
        let wire = FakeConsole::default();
        let mut terminal = Terminal::new(Box::new(wire.clone()));
        wire.type_in("a\r\nb\n\n\rc\r");
        let keys: alloc::vec::Vec<u8> = core::iter::from_fn(|| terminal.read()).collect();
        assert_eq!(keys, b"a\rb\n\n\rc\r");
        wire.type_in("\n");
        assert_eq!(terminal.read(), None, "the second half came late");
        wire.type_in("\n");
        assert_eq!(terminal.read(), Some(b'\n'));
    }

    #[test]
    fn a_raw_line_has_no_special_bytes() {
        let wire = FakeConsole::default();
        let mut terminal = Terminal::new(Box::new(wire.clone()));
        wire.type_bytes(b"a\x03\r\n\xff");
        let mut line = terminal.raw();
        let bytes: alloc::vec::Vec<u8> = core::iter::from_fn(|| line.read()).collect();
        assert_eq!(bytes, b"a\x03\r\n\xff");
        line.put_back(b'z');
        drop(line);
        assert_eq!(terminal.read(), Some(b'z'));
        wire.type_in("b\x03");
        assert!(terminal.interrupted());
        assert_eq!(terminal.read(), None);
    }

    #[test]
    fn a_silent_terminal_prints_nothing_but_transfers() {
        let wire = FakeConsole::default();
        let mut terminal = Terminal::new(Box::new(wire.clone()));
        terminal.set_silent(true);
        wire.type_in("k");
        terminal.write_str("hidden\n").unwrap();
        terminal.raw().write(b"C");
        assert_eq!(wire.take_output(), "C");
        assert_eq!(terminal.read(), Some(b'k'));
        terminal.set_silent(false);
        terminal.write_str("shown\n").unwrap();
        assert_eq!(wire.take_output(), "shown\r\n");
    }

    #[test]
    fn a_deferred_ctrl_c_waits_until_it_is_read() {
        let wire = FakeConsole::default();
        let mut terminal = Terminal::new(Box::new(wire.clone()));
        terminal.defer_interrupts(true);
        wire.type_in("a\x03");
        drop(terminal.raw());
        assert!(!terminal.interrupted());
        terminal.defer_interrupts(false);
        assert_eq!(terminal.read(), Some(b'a'));
        assert_eq!(terminal.read(), Some(CTRL_C));
    }

    /// A receiver whose status says for ever that there is another byte.
    struct Stuck;

    impl Console for Stuck {
        fn write(&mut self, _bytes: &[u8]) {}

        fn read(&mut self) -> Option<u8> {
            Some(b'x')
        }

        fn flush(&mut self) {}
    }

    #[test]
    fn a_receiver_that_never_runs_empty_does_not_stop_the_loader() {
        let mut terminal = Terminal::new(Box::new(Stuck));
        assert!(!terminal.interrupted());
        terminal.write_bytes(b"still here");
        assert_eq!(terminal.read(), Some(b'x'));
    }
}
