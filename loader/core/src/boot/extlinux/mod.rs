//! Boot menus in the language of extlinux and PXELINUX: `extlinux/extlinux.conf`, `pxelinux.cfg/default`.
//!
//! The keys are those that U-Boot knows (its `doc/README.pxe`), with the names that the Boot Loader Specification has for some of them. A
//! menu that U-Boot takes means the same here; where U-Boot gives up, or takes the rest of a label for something else after a key that it
//! does not know, the key is left out here, and a note says so with its line.
//!
//! The text is hostile: files, labels, includes and lines are bounded, and what goes beyond is an [`enum@Error`] that names the line.

mod expand;
mod label;
mod parse;

pub use expand::expand;
pub use label::Label;
pub use parse::{Include, parse};

use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use thiserror::Error;

use crate::source::SourceError;

/// The longest file of a menu, in bytes.
pub const MAX_FILE: usize = 64 * 1024;

/// The most labels of a menu, those of included files among them.
pub const MAX_LABELS: usize = 64;

/// How deep files may include one another; the menu itself is the first.
pub const MAX_DEPTH: usize = 4;

/// The most files that a menu includes.
pub const MAX_INCLUDES: usize = 16;

/// The longest line, in bytes.
pub const MAX_LINE: usize = 4096;

/// The most overlays of a label.
pub const MAX_OVERLAYS: usize = 32;

/// The most notes that are kept; of those beyond only the number is.
const MAX_NOTES: usize = 32;

/// A menu: what may be started, and how one of it is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Menu {
    /// The line above the labels.
    pub title: Option<String>,
    /// How long the choice waits for a key, in tenths of a second; 0 for ever.
    pub timeout: u32,
    /// Whether the menu is shown and a choice awaited.
    pub prompt: bool,
    /// The name of the label that is started if no other is chosen.
    pub default: Option<String>,
    /// What may be started, in the order of the file. Names may come twice.
    pub labels: Vec<Label>,
    /// Lines to be shown before the menu: what `say` says, and what was left out of the file.
    pub notes: Vec<String>,
    /// How many more lines there were.
    pub more_notes: usize,
}

impl Menu {
    /// The label of that name; of several the last one, as U-Boot has it.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.labels.iter().rposition(|label| label.name == name)
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(note);
        } else {
            self.more_notes = self.more_notes.saturating_add(1);
        }
    }
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file. All its lines share the name.
    pub file: Rc<str>,
    /// The line's number, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)
    }
}

/// Why a file is no menu.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// A file that is too long.
    #[error("{file} has {size} bytes, a file of a boot menu at most {MAX_FILE}")]
    TooLarge {
        /// The file.
        file: String,
        /// Its size in bytes.
        size: usize,
    },
    /// A line that is too long.
    #[error("{place}: the line has {len} bytes, a line of a boot menu at most {MAX_LINE}")]
    LongLine {
        /// The line.
        place: Place,
        /// Its length in bytes.
        len: usize,
    },
    /// Bytes that are no text.
    #[error("{place}: the line is not text in UTF-8")]
    NotText {
        /// The line.
        place: Place,
    },
    /// A label without a name.
    #[error("{place}: the label has no name")]
    NoName {
        /// The line.
        place: Place,
    },
    /// Too many labels.
    #[error("{place}: a boot menu has at most {MAX_LABELS} labels")]
    TooManyLabels {
        /// The line.
        place: Place,
    },
    /// Too many overlays.
    #[error("{place}: a label has at most {MAX_OVERLAYS} overlays")]
    TooManyOverlays {
        /// The line.
        place: Place,
    },
    /// Files that include one another too deep.
    #[error("{place}: '{path}' is not included: files of a boot menu include one another at most {MAX_DEPTH} deep")]
    TooDeep {
        /// The line.
        place: Place,
        /// The file to be included.
        path: String,
    },
    /// Too many files.
    #[error("{place}: '{path}' is not included: a boot menu has at most {MAX_INCLUDES} further files")]
    TooManyIncludes {
        /// The line.
        place: Place,
        /// The file to be included.
        path: String,
    },
    /// A file that is not there.
    #[error("{place}: '{path}' cannot be included: {why}")]
    Include {
        /// The line.
        place: Place,
        /// The file to be included.
        path: String,
        /// Why.
        why: String,
    },
    /// The user typed Ctrl-C while a file was fetched.
    #[error("stopped")]
    Stopped,
}

impl Error {
    fn include(place: Place, path: &str, why: SourceError) -> Self {
        let why = match why {
            SourceError::Stopped => return Self::Stopped,
            SourceError::NoRoom(error) => error.to_string(),
            SourceError::Refused(why) | SourceError::Failed(why) => why,
        };
        let path = path.into();
        Self::Include { place, path, why }
    }
}

#[cfg(test)]
mod tests;
