//! The line that is being typed, and the keys that change it.
//!
//! Every change is sent as it is made, with nothing but backspaces and blanks: what is typed at the end of the line comes back
//! exactly, which drivers wait for, and any terminal will do.

use alloc::string::String;
use alloc::vec::Vec;

use super::history::History;
use super::search::{Progress, Search};
use super::terminal::{CTRL_C, Terminal};
use crate::shell::SOURCE_LIMIT;

/// What a key led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// The line is still being typed.
    Pending,
    /// Enter: the whole line, without its end.
    Line(String),
    /// Ctrl-C: the line is gone.
    Interrupt,
    /// Tab: the text before the cursor may be completed.
    Complete,
    /// Ctrl-L: the screen is clear, and wants prompt and line again.
    Redraw,
    /// Enter at the end of a line of which not all could be kept.
    TooLong,
}

/// Where in an escape sequence (ECMA-48, 5.4) the last byte was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    Outside,
    /// After ESC.
    Started,
    /// After ESC `[` or ESC `O`, with the last digit of the parameters.
    Control(u8),
}

/// A line editor.
#[derive(Debug)]
pub struct LineEditor {
    line: Vec<u8>,
    cursor: usize,
    escape: Escape,
    /// Ctrl-R: the history is being searched.
    search: Option<Search>,
    /// Whether typed bytes were dropped. What is left of such a line must not be run.
    overflowed: bool,
}

impl Default for LineEditor {
    fn default() -> Self {
        Self {
            line: Vec::new(),
            cursor: 0,
            escape: Escape::Outside,
            search: None,
            overflowed: false,
        }
    }
}

impl LineEditor {
    /// The text before the cursor.
    #[must_use]
    pub fn before_cursor(&self) -> String {
        text(self.line.get(..self.cursor).unwrap_or_default())
    }

    /// Handles one typed byte.
    pub fn feed(&mut self, byte: u8, history: &mut History, screen: &mut Terminal) -> Typed {
        if let Some(search) = self.search.take() {
            match search.feed(byte, history, screen) {
                Progress::Going(search) => {
                    self.search = Some(search);
                    return Typed::Pending;
                }
                Progress::Ended(line) => self.insert(&line, screen),
            }
            if byte == CTRL_G {
                return Typed::Pending;
            }
        }
        if self.escape != Escape::Outside && byte != CTRL_C {
            self.escaped(byte, history, screen);
            return Typed::Pending;
        }
        match byte {
            b'\r' | b'\n' => return self.enter(history, screen),
            CTRL_C => {
                self.clear(history);
                return Typed::Interrupt;
            }
            b'\t' => return Typed::Complete,
            CTRL_L => {
                screen.write_bytes(b"\x1b[2J\x1b[1;1H");
                return Typed::Redraw;
            }
            CTRL_R => {
                self.move_to(0, screen);
                let line = self.line.clone();
                self.delete(line.len(), screen);
                self.search = Some(Search::begin(line, screen));
            }
            0x1b => self.escape = Escape::Started,
            b' '..=b'~' | 0x80.. => self.insert(&[byte], screen),
            _ => self.control(byte, history, screen),
        }
        Typed::Pending
    }

    /// Inserts text at the cursor, as if it were typed.
    pub fn insert(&mut self, bytes: &[u8], screen: &mut Terminal) {
        if self.line.len().saturating_add(bytes.len()) > SOURCE_LIMIT {
            self.overflowed = true;
            screen.write_bytes(b"\x07");
            return;
        }
        let tail = self.line.split_off(self.cursor);
        self.line.extend_from_slice(bytes);
        self.line.extend_from_slice(&tail);
        self.redraw(0, screen);
        self.forward(bytes.len());
        self.back_over(tail.len(), screen);
    }

    /// Prints the line anew, after a prompt, with the cursor where it was.
    pub fn show(&self, screen: &mut Terminal) {
        screen.write_bytes(&self.line);
        self.back_over(self.line.len().saturating_sub(self.cursor), screen);
    }

    fn enter(&mut self, history: &mut History, screen: &mut Terminal) -> Typed {
        screen.write_bytes(b"\r\n");
        let whole = !self.overflowed;
        let line = text(&self.line);
        self.clear(history);
        if !whole {
            return Typed::TooLong;
        }
        history.add(&line);
        Typed::Line(line)
    }

    fn clear(&mut self, history: &mut History) {
        self.line.clear();
        self.cursor = 0;
        self.escape = Escape::Outside;
        self.overflowed = false;
        history.rewind();
    }

    fn escaped(&mut self, byte: u8, history: &mut History, screen: &mut Terminal) {
        let state = core::mem::replace(&mut self.escape, Escape::Outside);
        match (state, byte) {
            (Escape::Started, b'[' | b'O') => self.escape = Escape::Control(0),
            (Escape::Control(_), digit @ (b'0'..=b'9' | b';')) => self.escape = Escape::Control(digit),
            (Escape::Started, b'b') | (Escape::Control(b'5'), b'D') => self.move_to(self.word_start(), screen),
            (Escape::Started, b'f') | (Escape::Control(b'5'), b'C') => self.move_to(self.word_end(), screen),
            (Escape::Started, b'd') => self.delete(self.word_end().saturating_sub(self.cursor), screen),
            (Escape::Control(_), b'A') => self.control(CTRL_P, history, screen),
            (Escape::Control(_), b'B') => self.control(CTRL_N, history, screen),
            (Escape::Control(_), b'C') => self.control(CTRL_F, history, screen),
            (Escape::Control(_), b'D') => self.control(CTRL_B, history, screen),
            (Escape::Control(_), b'H') | (Escape::Control(b'1' | b'7'), b'~') => self.control(CTRL_A, history, screen),
            (Escape::Control(_), b'F') | (Escape::Control(b'4' | b'8'), b'~') => self.control(CTRL_E, history, screen),
            (Escape::Control(b'3'), b'~') => self.control(CTRL_D, history, screen),
            _ => {}
        }
    }

    fn control(&mut self, byte: u8, history: &mut History, screen: &mut Terminal) {
        let len = self.line.len();
        match byte {
            CTRL_A => self.move_to(0, screen),
            CTRL_B => self.move_to(self.cursor.saturating_sub(1), screen),
            CTRL_E => self.move_to(len, screen),
            CTRL_F => self.move_to(len.min(self.cursor.saturating_add(1)), screen),
            CTRL_D => self.delete(1, screen),
            CTRL_K => self.delete(len, screen),
            BACKSPACE | DELETE => self.rub_out(1, screen),
            CTRL_U | CTRL_X => {
                self.move_to(0, screen);
                self.delete(len, screen);
            }
            CTRL_W => self.rub_out(self.cursor.saturating_sub(self.word_start()), screen),
            CTRL_P => self.recall(history.older(&text(&self.line)), screen),
            CTRL_N => self.recall(history.newer(), screen),
            _ => {}
        }
    }

    fn move_to(&mut self, to: usize, screen: &mut Terminal) {
        if to < self.cursor {
            self.back_over(self.cursor.saturating_sub(to), screen);
        } else {
            screen.write_bytes(self.line.get(self.cursor..to).unwrap_or_default());
        }
        self.cursor = to;
    }

    /// Deletes up to `count` bytes at the cursor.
    fn delete(&mut self, count: usize, screen: &mut Terminal) {
        let end = self.line.len().min(self.cursor.saturating_add(count));
        let gone = self.line.drain(self.cursor..end).len();
        self.redraw(gone, screen);
        let tail = self.line.len().saturating_sub(self.cursor);
        self.back_over(tail.saturating_add(gone), screen);
    }

    /// Deletes up to `count` bytes before the cursor.
    fn rub_out(&mut self, count: usize, screen: &mut Terminal) {
        let to = self.cursor.saturating_sub(count);
        let count = self.cursor.saturating_sub(to);
        self.move_to(to, screen);
        self.delete(count, screen);
    }

    /// Where the word begins that the cursor is in or behind.
    fn word_start(&self) -> usize {
        let before = self.line.get(..self.cursor).unwrap_or_default();
        let word = before.trim_ascii_end();
        word.iter()
            .rposition(|byte| *byte == b' ')
            .map_or(0, |blank| blank.saturating_add(1))
    }

    /// Where the word ends that the cursor is in or before.
    fn word_end(&self) -> usize {
        let after = self.line.get(self.cursor..).unwrap_or_default();
        let word = after.trim_ascii_start();
        let blanks = after.len().saturating_sub(word.len());
        let len = word.iter().position(|byte| *byte == b' ').unwrap_or(word.len());
        self.cursor.saturating_add(blanks).saturating_add(len)
    }

    /// Puts the line in the place of what is being typed; a bell if there is none.
    fn recall(&mut self, line: Option<&str>, screen: &mut Terminal) {
        let Some(line) = line else {
            screen.write_bytes(b"\x07");
            return;
        };
        self.move_to(0, screen);
        self.delete(self.line.len(), screen);
        self.insert(line.as_bytes(), screen);
    }

    /// Prints what stands from the cursor on, and blanks over `gone` bytes that are no more. The screen's cursor ends behind them.
    fn redraw(&self, gone: usize, screen: &mut Terminal) {
        screen.write_bytes(self.line.get(self.cursor..).unwrap_or_default());
        repeat(b' ', gone, screen);
    }

    fn forward(&mut self, by: usize) {
        self.cursor = self.cursor.saturating_add(by);
    }

    fn back_over(&self, count: usize, screen: &mut Terminal) {
        repeat(BACKSPACE, count, screen);
    }
}

const CTRL_A: u8 = 0x01;
const CTRL_B: u8 = 0x02;
const CTRL_D: u8 = 0x04;
const CTRL_E: u8 = 0x05;
const CTRL_F: u8 = 0x06;
const CTRL_G: u8 = 0x07;
const BACKSPACE: u8 = 0x08;
const CTRL_K: u8 = 0x0b;
const CTRL_L: u8 = 0x0c;
const CTRL_N: u8 = 0x0e;
const CTRL_P: u8 = 0x10;
const CTRL_R: u8 = 0x12;
const CTRL_U: u8 = 0x15;
const CTRL_W: u8 = 0x17;
const CTRL_X: u8 = 0x18;
const DELETE: u8 = 0x7f;

fn repeat(byte: u8, count: usize, screen: &mut Terminal) {
    screen.write_bytes(&alloc::vec![byte; count]);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
