//! Why a file is no configuration.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use thiserror::Error;

use super::findings::shown;
use super::key::MAX_NAME;
use super::{Config, MAX_DOMAINS, MAX_FILE, MAX_LINE, MAX_LINES, Position};

/// How many sections are told if none is the one that is wanted.
const SECTIONS: usize = 8;

/// A place in a file that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name.
    pub file: String,
    /// The line and the column.
    pub at: Position,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.at)
    }
}

/// Why a file is no configuration, or a section of it cannot be read. Names from the file are shortened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// A file that is too large.
    #[error("{file}: the file has {size} bytes, a configuration at most {MAX_FILE}")]
    TooLarge {
        /// The file's name.
        file: String,
        /// Its size in bytes.
        size: usize,
    },
    /// A line that is too long.
    #[error("{place}: the line has {len} bytes, a line of a configuration at most {MAX_LINE}")]
    LongLine {
        /// Where it begins.
        place: Place,
        /// Its length in bytes.
        len: usize,
    },
    /// Too many lines.
    #[error("{place}: a configuration has at most {MAX_LINES} lines that are neither blank nor comments")]
    TooManyLines {
        /// The first line beyond.
        place: Place,
    },
    /// Text of another kind.
    #[error("{place}: the file is text in UTF-16, and UTF-8 is wanted")]
    Utf16 {
        /// Its beginning.
        place: Place,
    },
    /// A byte that is no text.
    #[error("{place}: the byte {byte:#04x} is not text in UTF-8")]
    NotText {
        /// Where it stands.
        place: Place,
        /// The byte.
        byte: u8,
    },
    /// A character that is no text.
    #[error("{place}: the control character {code:#04x} is not text")]
    Control {
        /// Where it stands.
        place: Place,
        /// The character.
        code: u32,
    },
    /// A header without an end.
    #[error("{place}: the section's header has no ']'")]
    OpenHeader {
        /// Where it begins.
        place: Place,
    },
    /// A header without a name.
    #[error("{place}: the section has no name")]
    NoName {
        /// Where it begins.
        place: Place,
    },
    /// A section that a person wants and that is not there.
    #[error("{file}: there is no section [{wanted}]; {there}")]
    NoSection {
        /// The file's name.
        file: String,
        /// The section.
        wanted: String,
        /// Which there are.
        there: String,
    },
    /// A section that `default=` names and that is not there.
    #[error("{place}: there is no section [{wanted}], which 'default' names; {there}")]
    NoDefault {
        /// Where it is named.
        place: Place,
        /// The section.
        wanted: String,
        /// Which there are.
        there: String,
    },
    /// A key that wants a file and has none.
    #[error("{place}: '{key}' names no file")]
    NoFile {
        /// Where the file should stand.
        place: Place,
        /// The key.
        key: String,
    },
    /// `binary=` with something else than two words.
    #[error("{place}: 'binary' wants two words, FILE KEY, and has {words}")]
    BinaryWords {
        /// Where the value begins.
        place: Place,
        /// How many words it has.
        words: usize,
    },
    /// A key of `binary=` that means two files.
    #[error("{place}: the binary '{key}' is '{first}' in line {line}, and cannot be '{file}' too")]
    BinaryTwice {
        /// Where the value begins.
        place: Place,
        /// The key.
        key: String,
        /// The file of the first line.
        first: String,
        /// The first line.
        line: u32,
        /// The file of this line.
        file: String,
    },
    /// A file of a domain that is named twice.
    #[error("{place}: '{key}' stands in line {line} already, and a domain has one")]
    DomainTwice {
        /// The second line.
        place: Place,
        /// Its key.
        key: String,
        /// The first line.
        line: u32,
    },
    /// `domu_kernel=` and its like.
    #[error("{place}: '{key}' lacks the number of its domain, as in 'domu1_kernel'")]
    NoNumber {
        /// Where the key stands.
        place: Place,
        /// The key.
        key: String,
    },
    /// A domain's number that does not fit 32 bits.
    #[error("{place}: the number in '{key}' is larger than {max}", max = u32::MAX)]
    LargeNumber {
        /// Where the key stands.
        place: Place,
        /// The key.
        key: String,
    },
    /// Too many domains.
    #[error("{place}: a section has at most {MAX_DOMAINS} domains")]
    TooManyDomains {
        /// The first line of the one beyond.
        place: Place,
    },
    /// A property without a name.
    #[error(
        "{place}: the property has no name; as a '#' begins a comment, '#address-cells' is written 'address-cells'"
    )]
    NoProperty {
        /// Where it should stand.
        place: Place,
    },
    /// A property whose name is too long.
    #[error("{place}: the property's name has {len} characters, and such a name at most {MAX_NAME}")]
    LongProperty {
        /// Where it begins.
        place: Place,
        /// Its length in characters.
        len: usize,
    },
    /// A property with a name that no property has.
    #[error("{place}: {} cannot stand in a property's name", named(*character))]
    PropertyCharacter {
        /// Where the character stands.
        place: Place,
        /// The character.
        character: char,
    },
}

impl ConfigError {
    pub(super) fn no_section(config: &Config, wanted: &str, default: Option<Position>) -> Self {
        let (wanted, there) = (shown(wanted), sections(config));
        match default.map(|at| config.place(at)) {
            Some(place) => Self::NoDefault { place, wanted, there },
            None => Self::NoSection {
                file: config.source.clone(),
                wanted,
                there,
            },
        }
    }
}

/// A character as a message shows it.
fn named(character: char) -> String {
    match character {
        ' ' | '\t' => "a blank".to_string(),
        other => format!("'{other}'"),
    }
}

/// Which sections there are, in words.
fn sections(config: &Config) -> String {
    let all = config.sections().count();
    let names: Vec<String> = config
        .sections()
        .take(SECTIONS)
        .map(|name| format!("[{}]", shown(name)))
        .collect();
    let names = names.join(", ");
    match all.checked_sub(SECTIONS) {
        None | Some(0) if all == 0 => "the file has no sections".to_string(),
        None | Some(0) => format!("there is {names}"),
        Some(more) => format!("there is {names}, and {more} more"),
    }
}
