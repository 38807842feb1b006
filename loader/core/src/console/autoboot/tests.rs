use super::{Autoboot, count_down};
use crate::commands::testing::Bench;

fn count(bootdelay: &str, typed: &str) -> (Autoboot, alloc::string::String) {
    let mut bench = Bench::new();
    bench.context.env.set("bootdelay", bootdelay).unwrap();
    bench.wire.type_in(typed);
    let outcome = count_down(&mut bench.context);
    (outcome, bench.wire.take_output())
}

#[test]
fn the_count_is_rewritten_in_place() {
    let (outcome, output) = count("2", "");
    assert_eq!(outcome, Autoboot::Boot);
    assert_eq!(
        output,
        "Hit any key to stop autoboot:  2 \x08\x08\x08 1 \x08\x08\x08 0 \r\n"
    );
    let (_, output) = count("", "");
    assert!(output.starts_with("Hit any key to stop autoboot:  2 \x08\x08\x08 1 "));
    let (_, output) = count("nonsense", "");
    assert!(output.starts_with("Hit any key to stop autoboot:  2 "));
    let (_, output) = count("10", "");
    assert!(output.starts_with("Hit any key to stop autoboot: 10 \x08\x08\x08 9 "));
}

#[test]
fn a_key_stops_it() {
    for key in [b' ', b'\r', b'\n', 3] {
        let typed = char::from(key).to_string();
        let (outcome, output) = count("5", &typed);
        assert_eq!(outcome, Autoboot::Delayed);
        assert_eq!(output, "Hit any key to stop autoboot:  5 \r\n");
        let (outcome, _) = count("0", &typed);
        assert_eq!(outcome, Autoboot::Delayed, "a delay of 0 sees what was typed before");
    }
}

#[test]
fn a_late_key_stops_it_too() {
    let mut bench = Bench::new();
    bench.context.env.set("bootdelay", "3").unwrap();
    bench.context.terminal = crate::console::Terminal::new(alloc::boxed::Box::new(LateKey(1500, bench.wire.clone())));
    assert_eq!(count_down(&mut bench.context), Autoboot::Delayed);
    assert_eq!(
        bench.wire.take_output(),
        "Hit any key to stop autoboot:  3 \x08\x08\x08 2 \x08\x08\x08 0 \r\n"
    );
}

/// A console at which a key is pressed after so many looks: the clock moves on by a millisecond for each.
struct LateKey(u32, hal::fakes::FakeConsole);

impl hal::Console for LateKey {
    fn write(&mut self, bytes: &[u8]) {
        self.1.write(bytes);
    }

    fn read(&mut self) -> Option<u8> {
        self.0 = self.0.wrapping_sub(1);
        (self.0 == 0).then_some(b'k')
    }

    fn flush(&mut self) {}
}

#[test]
fn negative_delays_do_not_count() {
    assert_eq!(count("-1", "x"), (Autoboot::Off, "".into()));
    assert_eq!(count("-2", "x"), (Autoboot::Boot, "".into()));
}

use alloc::string::ToString;
