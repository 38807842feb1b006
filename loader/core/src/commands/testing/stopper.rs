//! A person who does not want to see more.

use alloc::vec::Vec;

use hal::Console;
use hal::fakes::FakeConsole;

/// A console at which Ctrl-C is typed, once, as soon as a text stands there.
pub(super) struct Stopper {
    wire: FakeConsole,
    text: &'static str,
    /// What was printed last, as much as may hold the text's beginning.
    seen: Vec<u8>,
    done: bool,
    typed: bool,
}

impl Stopper {
    pub(super) fn new(wire: FakeConsole, text: &'static str) -> Self {
        Self {
            wire,
            text,
            seen: Vec::new(),
            done: false,
            typed: false,
        }
    }
}

impl Console for Stopper {
    fn write(&mut self, bytes: &[u8]) {
        self.wire.write(bytes);
        self.seen.extend(bytes);
        let text = self.text.as_bytes();
        if !self.done && self.seen.windows(text.len()).any(|seen| seen == text) {
            (self.done, self.typed) = (true, true);
        }
        let over = self.seen.len().saturating_sub(text.len());
        self.seen.drain(..over);
    }

    fn read(&mut self) -> Option<u8> {
        match core::mem::take(&mut self.typed) {
            true => Some(0x03),
            false => self.wire.read(),
        }
    }

    fn flush(&mut self) {}
}
