//! What is printed of a file while it is on its way, and when it has come: marks, sizes, figures.

use core::fmt::{self, Write};
use core::time::Duration;

use hal::Instant;

use super::network::{flow, print};
use crate::console::Terminal;
use crate::net::exchange::{Flow, Progress, Watch};

/// The figures below the marks of a transfer: size, rate and time.
pub(super) fn figures(terminal: &mut Terminal, size: u64, took: Duration) {
    let micros = took.as_micros().max(1);
    let rate = u128::from(size)
        .saturating_mul(1_000_000)
        .checked_div(micros)
        .and_then(|rate| u64::try_from(rate).ok());
    let (rate, millis) = (Size(rate.unwrap_or(u64::MAX)), took.as_millis());
    print(terminal, format_args!("  {}\n\t {rate}/s ({millis} ms)\n", Size(size)));
}

/// A number of bytes as people read it, as U-Boot prints it.
pub(super) struct Size(pub(super) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        let Some((shift, unit)) = units.into_iter().find(|(shift, _)| self.0 >> shift != 0) else {
            return write!(f, "{} Bytes", self.0);
        };
        let tenths = u128::from(self.0).saturating_mul(10) >> shift;
        let (whole, tenth) = (tenths / 10, tenths % 10);
        match tenth {
            0 => write!(f, "{whole} {unit}"),
            _ => write!(f, "{whole}.{tenth} {unit}"),
        }
    }
}

/// The marks of a transfer: one `#` for each fiftieth of the file, or for each 256 KiB of a file of unknown size; `T` for five seconds of
/// silence.
pub(super) struct Meter<'a> {
    terminal: &'a mut Terminal,
    marks: u64,
    received: u64,
    moved: Option<Instant>,
    /// Whether a silence stands in the line.
    waited: bool,
}

impl<'a> Meter<'a> {
    /// Marks of a file of known size.
    const MARKS: u64 = 50;
    /// Bytes for a mark of a file of unknown size.
    const STRIDE: u64 = 256 * 1024;
    /// Marks in a line.
    const LINE: u64 = 65;
    /// How long a transfer may stand still before that is shown.
    const STILL: Duration = Duration::from_secs(5);

    pub(super) fn new(terminal: &'a mut Terminal) -> Self {
        Self {
            terminal,
            marks: 0,
            received: 0,
            moved: None,
            waited: false,
        }
    }

    /// Prints the marks that are missing.
    pub(super) fn show(&mut self, progress: Progress) {
        let due = match progress.size {
            Some(size) => progress
                .received
                .saturating_mul(Self::MARKS)
                .checked_div(size)
                .unwrap_or(Self::MARKS),
            None => progress.received.div_ceil(Self::STRIDE),
        };
        while self.marks < due {
            self.marks = self.marks.saturating_add(1);
            self.print("#");
            if self.marks.is_multiple_of(Self::LINE) {
                self.print("\n\t ");
            }
        }
    }

    /// Ends a line with marks, if there is one.
    pub(super) fn end_line(&mut self) {
        if self.marks > 0 || self.waited {
            self.print("\n");
        }
    }

    fn print(&mut self, text: &str) {
        // The terminal cannot fail.
        let _ = self.terminal.write_str(text);
    }
}

impl Watch for Meter<'_> {
    fn tick(&mut self, now: Instant, progress: Progress) -> Flow {
        let moved = *self.moved.get_or_insert(now);
        if progress.received != self.received {
            self.received = progress.received;
            self.moved = Some(now);
            self.show(progress);
        } else if now.since(moved) >= Self::STILL {
            self.moved = Some(now);
            self.waited = true;
            self.print("T ");
        }
        flow(self.terminal)
    }

    /// A line of its own: the marks begin below it.
    fn note(&mut self, line: &str) {
        self.end_line();
        self.print(line);
        self.print("\n");
        self.marks = 0;
        self.waited = false;
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::string::ToString;

    use hal::Instant;
    use hal::fakes::FakeConsole;

    use super::{Meter, Size};
    use crate::console::Terminal;
    use crate::net::exchange::{Flow, Progress, Watch};

    #[test]
    fn sizes_are_printed_as_u_boot_does() {
        for (bytes, text) in [
            (0, "0 Bytes"),
            (1023, "1023 Bytes"),
            (1024, "1 KiB"),
            (27_349_504, "26 MiB"),
            (1_572_864, "1.5 MiB"),
            (u64::MAX, "17179869183.9 GiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    fn marks(progress: &[(u64, u64, Option<u64>)]) -> alloc::string::String {
        let wire = FakeConsole::default();
        let mut terminal = Terminal::new(Box::new(wire.clone()));
        let mut meter = Meter::new(&mut terminal);
        for (seconds, received, size) in progress {
            let now = Instant::from_micros(seconds * 1_000_000);
            assert_eq!(
                meter.tick(
                    now,
                    Progress {
                        received: *received,
                        size: *size
                    }
                ),
                Flow::Continue
            );
        }
        wire.take_output()
    }

    #[test]
    fn a_known_size_makes_fifty_marks() {
        assert_eq!(
            marks(&[(0, 0, Some(1000)), (0, 10, Some(1000)), (0, 45, Some(1000))]),
            "##"
        );
        assert_eq!(marks(&[(0, 1000, Some(1000))]), "#".repeat(50));
        assert_eq!(marks(&[(0, u64::MAX, Some(u64::MAX))]).len(), 1, "no overflow");
    }

    #[test]
    fn an_unknown_size_makes_lines_of_marks() {
        let expected = ["#".repeat(65), "\r\n\t ".to_string(), "#".to_string()].concat();
        assert_eq!(marks(&[(0, 66 * 256 * 1024, None)]), expected);
        assert_eq!(marks(&[(0, 1, None)]), "#");
    }

    #[test]
    fn silence_is_shown() {
        assert_eq!(
            marks(&[(0, 0, None), (4, 0, None), (6, 0, None), (9, 0, None), (12, 0, None)]),
            "T T "
        );
    }
}
