use alloc::format;
use alloc::string::String;

use super::PIECE;
use crate::commands::testing::Bench;
use crate::commands::testing::disks::{fat, partitioned};
use crate::context::CommandError;

const CAT: &str = "cat virtio 0:1 file";

fn bench(text: &str) -> Bench {
    let mut bench = Bench::new();
    bench.attach(&[partitioned(&[(true, &fat(&[("file", text.as_bytes())]))])]);
    bench
}

#[test]
fn text_is_printed_and_nothing_steers_the_terminal() {
    assert_eq!(bench("one\r\ntwo\n\nthree").enter(CAT), "one\ntwo\n\nthree\n");
    assert_eq!(bench("").enter(CAT), "");
    assert_eq!(bench("a\x1b[2Jb\tc\x07").enter(CAT), "a\\u{1b}[2Jb\tc\\u{7}\n");
}

/// Lines that end before a piece does, with it and behind it, with characters of two bytes and with what is escaped on both sides.
#[test]
fn long_lines_are_whole() {
    for len in [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1] {
        let line: String = "\u{e9}".repeat(len);
        assert_eq!(bench(&line).enter(CAT), format!("{line}\n"), "{len}");
    }
    let line = "x".repeat(PIECE - 1);
    let output = bench(&format!("{line}\x1b\x1b{line}\n{line}\r\n")).enter(CAT);
    assert_eq!(output, format!("{line}\\u{{1b}}\\u{{1b}}{line}\n{line}\n"));
}

#[test]
fn ctrl_c_ends_it_at_a_line() {
    let mut bench = bench("one\ntwo\nthree\n");
    assert_eq!(bench.interrupted_at("tw", CAT), Err(CommandError::Interrupted));
    assert_eq!(bench.wire.take_output(), "one\r\ntwo\r\n");
}

#[test]
fn ctrl_c_ends_it_within_a_long_line() {
    let line = format!("{}here{}", "x".repeat(PIECE), "y".repeat(64 * PIECE));
    let mut bench = bench(&line);
    assert_eq!(bench.interrupted_at("here", CAT), Err(CommandError::Interrupted));
    assert_eq!(bench.wire.take_output(), line[..2 * PIECE]);
}
