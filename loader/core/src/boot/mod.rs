//! The heart: from files in RAM and a device tree to a system that starts.
//!
//! One path, whatever described the boot: `survey` finds domains and modules in the tree, [`patch`] makes the tree tell
//! the truth about the files that were loaded, [`place`] finds the image and the tree their places, [`check`] looks for
//! everything that would fail later without a word, [`report`] prints what will be started, and [`handoff`] carries it
//! out. Nothing is written to RAM before the last step, so a refused boot leaves everything as it was.
//!
//! What Xen reads is written down in its `docs/misc/arm/device-tree/booting.txt` and `docs/misc/arm/booting.txt`; what
//! Linux reads in `Documentation/arch/arm64/booting.rst`.

pub mod check;
pub mod extlinux;
pub mod handoff;
mod limits;
mod locate;
pub mod map;
pub mod patch;
pub mod place;
pub mod plan;
pub mod prepare;
pub mod report;
mod survey;
#[cfg(test)]
mod testing;

use alloc::string::{String, ToString};
use core::fmt;

pub use limits::TooMany;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something that was put right, or that is worth knowing.
    Note,
    /// Probably a mistake; the system is started all the same.
    Warning,
    /// The system would not come up: it is not started.
    Error,
}

/// Something seen on the way, as a sentence that names the node or file and the numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub sentence: String,
}

impl Finding {
    /// A note.
    pub fn note(what: impl fmt::Display) -> Self {
        Self {
            severity: Severity::Note,
            sentence: what.to_string(),
        }
    }

    /// A warning.
    pub fn warning(what: impl fmt::Display) -> Self {
        Self {
            severity: Severity::Warning,
            sentence: what.to_string(),
        }
    }

    /// An error: the system is not started.
    pub fn error(what: impl fmt::Display) -> Self {
        Self {
            severity: Severity::Error,
            sentence: what.to_string(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = match self.severity {
            Severity::Note => "Note: ",
            Severity::Warning => "Warning: ",
            // U-Boot's words come as they are.
            Severity::Error if self.sentence.starts_with("ERROR: ") => "",
            Severity::Error => "Error: ",
        };
        write!(f, "{label}{}", self.sentence)
    }
}
