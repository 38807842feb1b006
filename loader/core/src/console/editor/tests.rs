use alloc::boxed::Box;
use alloc::string::String;

use hal::fakes::FakeConsole;

use super::{LineEditor, Typed};
use crate::console::{History, Terminal};

/// A screen of one line, on which the bytes appear as on a real one.
#[derive(Default)]
struct Screen {
    cells: String,
    cursor: usize,
}

impl Screen {
    fn show(&mut self, bytes: &str) {
        for byte in bytes.chars() {
            match byte {
                '\x08' => self.cursor -= 1,
                '\x07' => {}
                _ => {
                    let mut cells: alloc::vec::Vec<char> = self.cells.chars().collect();
                    cells.resize(cells.len().max(self.cursor + 1), ' ');
                    cells[self.cursor] = byte;
                    self.cells = cells.into_iter().collect();
                    self.cursor += 1;
                }
            }
        }
    }
}

struct Bench {
    editor: LineEditor,
    history: History,
    terminal: Terminal,
    wire: FakeConsole,
    screen: Screen,
}

impl Bench {
    fn new() -> Self {
        let wire = FakeConsole::default();
        Self {
            editor: LineEditor::default(),
            history: History::default(),
            terminal: Terminal::new(Box::new(wire.clone())),
            wire,
            screen: Screen::default(),
        }
    }

    /// Feeds the keys and gives the last outcome.
    fn keys(&mut self, keys: &str) -> Typed {
        let mut outcome = Typed::Pending;
        for key in keys.bytes() {
            outcome = self.editor.feed(key, &mut self.history, &mut self.terminal);
            let output = self.wire.take_output();
            match outcome {
                Typed::Line(_) => self.screen = Screen::default(),
                _ => self.screen.show(&output),
            }
        }
        outcome
    }
}

#[test]
fn keys_edit_the_line_and_the_screen_shows_it() {
    for (keys, line, cursor) in [
        ("echo a", "echo a", 6),
        ("ab\x08c", "ac", 2),
        ("ab\x7f\x7f\x7f", "", 0),
        ("abcd\x1b[D\x1b[DX", "abXcd", 3),
        ("abcd\x01X\x05Y", "XabcdY", 6),
        ("abcd\x02\x02\x06Z", "abcZd", 4),
        ("abcd\x02\x02\x0b", "ab", 2),
        ("abcd\x02\x02\x08", "acd", 1),
        ("abcd\x02\x02\x04", "abd", 2),
        ("abcd\x1b[H\x1b[3~", "bcd", 0),
        ("abcd\x1b[1~\x1b[4~!", "abcd!", 5),
        ("abcd\x1bOH\x1bOFx", "abcdx", 5),
        ("abc\x15d", "d", 1),
        ("abc\x18", "", 0),
        ("ab cd\x17ef", "ab ef", 5),
        ("ab cd  \x17", "ab ", 3),
        ("ab cd ef\x1b[D\x17x", "ab cd xf", 7),
        ("a\x01\x08\x02b", "ba", 1),
        ("a\x06\x04b", "ab", 2),
        ("ab cd ef\x1bb\x1bbX", "ab Xcd ef", 4),
        ("ab cd ef\x01\x1bfX\x1bf", "abX cd ef", 6),
        ("ab cd ef\x01\x1bf\x1bd", "ab ef", 2),
        ("ab cd\x1b[1;5DX\x1b[1;5C", "ab Xcd", 6),
        ("ab\x1bf\x1bd\x01\x1bb", "ab", 0),
        ("a\x00\x1f\x1b[5~\x1bxb", "ab", 2),
    ] {
        let mut bench = Bench::new();
        bench.keys(keys);
        assert_eq!(bench.editor.line, line.as_bytes(), "{keys:?}");
        assert_eq!(bench.editor.cursor, cursor, "{keys:?}");
        assert_eq!(bench.screen.cells.trim_end(), line.trim_end(), "{keys:?}");
        assert_eq!(bench.screen.cursor, cursor, "{keys:?}");
    }
}

#[test]
fn what_is_typed_at_the_end_comes_back_exactly() {
    let mut bench = Bench::new();
    let line = "echo 'ABCD''EFGHIJ'; tftp 0x40400000 1/tftp-deploy-xxxxxxxx/kernel/Image; echo \"$?\"; ".repeat(30);
    for key in line.bytes() {
        bench.editor.feed(key, &mut bench.history, &mut bench.terminal);
    }
    assert!(line.len() > 2048);
    assert_eq!(bench.wire.take_output(), line);
    assert_eq!(bench.keys("\r"), Typed::Line(line));
}

#[test]
fn arrows_walk_through_the_history() {
    let mut bench = Bench::new();
    bench.keys("first\r");
    bench.keys("second\r");
    bench.keys("half\x1b[A");
    assert_eq!(bench.screen.cells.trim_end(), "second");
    bench.keys("\x10");
    assert_eq!(bench.screen.cells.trim_end(), "first");
    bench.keys("\x10");
    assert_eq!(bench.screen.cells.trim_end(), "first");
    bench.keys("\x1b[B");
    assert_eq!(bench.screen.cells.trim_end(), "second");
    assert_eq!(bench.keys("!\r"), Typed::Line("second!".into()));
    bench.keys("half\x10\x0e");
    assert_eq!(bench.screen.cells.trim_end(), "half");
}

#[test]
fn ctrl_c_drops_the_line() {
    let mut bench = Bench::new();
    assert_eq!(bench.keys("abc\x1b\x03"), Typed::Interrupt);
    assert_eq!(bench.keys("d\r"), Typed::Line("d".into()));
}

#[test]
fn a_line_has_an_end() {
    let mut bench = Bench::new();
    for _ in 0..super::SOURCE_LIMIT {
        bench.editor.feed(b'x', &mut bench.history, &mut bench.terminal);
    }
    let _ = bench.wire.take_output();
    bench.editor.feed(b'x', &mut bench.history, &mut bench.terminal);
    assert_eq!(bench.wire.take_output(), "\x07");
    assert_eq!(bench.editor.line.len(), super::SOURCE_LIMIT);
    assert_eq!(bench.keys("\r"), Typed::TooLong, "what is left of it is another line");
    assert_eq!(bench.keys("a\r"), Typed::Line("a".into()));
    assert_eq!(bench.history.lines().count(), 1);
}

#[test]
fn ctrl_r_finds_older_lines() {
    let lines = ["setenv a 1", "echo one", "setenv b 2", "echo two"];
    for (keys, shown, outcome) in [
        ("\x12", "(reverse-i-search)`': ", Typed::Pending),
        ("\x12set", "(reverse-i-search)`set': setenv b 2", Typed::Pending),
        ("\x12set\x12", "(reverse-i-search)`set': setenv a 1", Typed::Pending),
        ("\x12set\x12\x12", "(reverse-i-search)`set': setenv a 1", Typed::Pending),
        ("\x12echx", "(reverse-i-search)`echx': echo two", Typed::Pending),
        ("\x12on\x08\x08tw", "(reverse-i-search)`tw': echo two", Typed::Pending),
        ("\x12one\x1b[D!", "echo on!e", Typed::Pending),
        ("\x12one\x01x", "xecho one", Typed::Pending),
        ("half\x12one\x07", "half", Typed::Pending),
        ("half\x12zzz\x05", "half", Typed::Pending),
        ("half\x12", "(reverse-i-search)`': ", Typed::Pending),
        ("\x12two\r", "", Typed::Line("echo two".into())),
        ("half\x12two\x03", "echo two", Typed::Interrupt),
    ] {
        let mut bench = Bench::new();
        for line in lines {
            bench.keys(&alloc::format!("{line}\r"));
        }
        assert_eq!(bench.keys(keys), outcome, "{keys:?}");
        assert_eq!(bench.screen.cells.trim_end(), shown.trim_end(), "{keys:?}");
    }
}

#[test]
fn what_is_searched_for_has_an_end() {
    let mut bench = Bench::new();
    bench.keys("\x12");
    bench.keys(&"x".repeat(200));
    assert_eq!(bench.screen.cells.matches('x').count(), 128);
}

#[test]
fn ctrl_l_clears_the_screen() {
    let mut bench = Bench::new();
    bench.keys("abc\x02");
    let outcome = bench.editor.feed(0x0c, &mut bench.history, &mut bench.terminal);
    assert_eq!(outcome, Typed::Redraw);
    bench.editor.show(&mut bench.terminal);
    assert_eq!(bench.wire.take_output(), "\x1b[2J\x1b[1;1Habc\x08");
}
