//! Where the simulation prints: stdout, unless something else is written there.

use std::io::{self, Write};

/// A stream that a person or a log reads. As on a board, it is no error if nobody listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// The usual one.
    Stdout,
    /// While stdout belongs to a report.
    Stderr,
}

impl Output {
    /// Writes bytes as they are.
    pub(crate) fn write(self, bytes: &[u8]) {
        let _ = match self {
            Self::Stdout => io::stdout().write_all(bytes),
            Self::Stderr => io::stderr().write_all(bytes),
        };
    }

    /// Prints a line of the simulation's own.
    pub(crate) fn line(self, line: &str) {
        self.write(format!("{line}\n").as_bytes());
    }

    /// Lets out what is kept back.
    pub(crate) fn flush(self) {
        let _ = match self {
            Self::Stdout => io::stdout().flush(),
            Self::Stderr => io::stderr().flush(),
        };
    }
}
