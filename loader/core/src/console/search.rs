//! Ctrl-R: an older line is found by a part of it, while that is being typed.

use alloc::string::String;
use alloc::vec::Vec;

use super::history::History;
use super::terminal::Terminal;

const CTRL_G: u8 = 0x07;
const BACKSPACE: u8 = 0x08;
const CTRL_R: u8 = 0x12;
const DELETE: u8 = 0x7f;

/// The longest part that is looked for, in bytes.
const LONGEST: usize = 128;

/// A search. It shows itself where the line was, and takes itself off the screen when it ends.
#[derive(Debug)]
pub(super) struct Search {
    /// What stood in the line before.
    original: Vec<u8>,
    part: Vec<u8>,
    /// The line that was found, and how old it is.
    found: Option<(usize, String)>,
    /// How many bytes stand on the screen.
    shown: usize,
}

/// What a key led to.
#[derive(Debug)]
pub(super) enum Progress {
    /// The search goes on.
    Going(Search),
    /// It ended with this line. The key is still to be obeyed, unless it was Ctrl-G.
    Ended(Vec<u8>),
}

impl Search {
    /// Begins with nothing to look for. `original` is off the screen already.
    pub(super) fn begin(original: Vec<u8>, screen: &mut Terminal) -> Self {
        let mut search = Self {
            original,
            part: Vec::new(),
            found: None,
            shown: 0,
        };
        search.show(screen);
        search
    }

    /// Handles one typed byte.
    pub(super) fn feed(mut self, byte: u8, history: &History, screen: &mut Terminal) -> Progress {
        match byte {
            CTRL_R => {
                let back = self.found.as_ref().map_or(0, |(back, _)| back.saturating_add(1));
                self.look(history, back, screen);
            }
            BACKSPACE | DELETE => {
                self.part.pop();
                self.found = None;
                self.look(history, 0, screen);
            }
            b' '..=b'~' | 0x80.. if self.part.len() < LONGEST => {
                self.part.push(byte);
                let back = self.found.as_ref().map_or(0, |(back, _)| *back);
                self.look(history, back, screen);
            }
            b' '..=b'~' | 0x80.. => screen.write_bytes(b"\x07"),
            CTRL_G => {
                self.hide(screen);
                return Progress::Ended(self.original);
            }
            _ => {
                self.hide(screen);
                return Progress::Ended(self.found.map_or(self.original, |(_, line)| line.into_bytes()));
            }
        }
        Progress::Going(self)
    }

    /// Looks for a line that is at least so old. If there is none, the last one found stays, with a bell.
    fn look(&mut self, history: &History, back: usize, screen: &mut Terminal) {
        if !self.part.is_empty() {
            match history.find(&String::from_utf8_lossy(&self.part), back) {
                Some((back, line)) => self.found = Some((back, line.into())),
                None => screen.write_bytes(b"\x07"),
            }
        }
        self.hide(screen);
        self.show(screen);
    }

    fn show(&mut self, screen: &mut Terminal) {
        let line = self.found.as_ref().map_or("", |(_, line)| line);
        let text = [b"(reverse-i-search)`", self.part.as_slice(), b"': ", line.as_bytes()].concat();
        screen.write_bytes(&text);
        self.shown = text.len();
    }

    fn hide(&mut self, screen: &mut Terminal) {
        for byte in [BACKSPACE, b' ', BACKSPACE] {
            screen.write_bytes(&alloc::vec![byte; self.shown]);
        }
        self.shown = 0;
    }
}
