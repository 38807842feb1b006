//! What is found while a boot is prepared: notes, warnings, and what forbids the start.

use alloc::string::{String, ToString};
use core::fmt;

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
