//! `xen.cfg`: the file by which Xen's EFI stub is told what to load (Xen's `docs/misc/efi.pandoc`), with the lines that were proposed for
//! domains (`DOMAIN_kernel=` and its like), for binaries that the device tree names (`binary=`), and with `module=` and `xen=`, which a
//! loader needs and the stub, being Xen, does not.
//!
//! - `#` begins a comment wherever it stands, `;` one at the beginning of a line. A line ends with LF, CR LF or CR.
//! - `[NAME]` begins a section. The one that is asked for counts, else the one that `default=` in `[global]` names; without either, headers
//!   are ignored, and of each key the first line counts. What stands in `[global]`, or before any header, is no part of another section.
//! - `KEY=FILE [args]`: the file's name ends at the first blank. Keys are matched exactly, small letters and capitals being different.
//!
//! A file that Xen's stub takes means the same here, but for what the stub passes over or trips over in silence, and about which there is a
//! finding:
//!
//! | in the file | Xen's EFI stub | here |
//! | --- | --- | --- |
//! | `KEY = VALUE`, `[ NAME ]` | not found | taken, with a warning |
//! | a blank behind a value | part of it | left out |
//! | a tab inside a line, even in a comment | ends the line | a blank, with a note unless it is in a comment |
//! | a section that comes again | its second part is ignored | goes on, with a warning |
//! | a last line without a newline | ignored | read, with a note |
//! | a blank in `ramdisk=` or `xsm=` | part of the file's name | ends it, with a warning |
//! | `default=` with nothing behind it | as if it were not there | the same, with a warning |
//! | a byte order mark of UTF-8 | hides the first line | left out |
//!
//! What is wrong with a line of a section is an error when that section is read, not before: a mistake in one leaves the others usable. The
//! text is hostile: its size, lines and domains are bounded, and what goes beyond is a [`ConfigError`] that names the limit.

mod error;
mod findings;
mod key;
mod names;
mod parse;
mod section;

pub use error::{ConfigError, Place};
pub use names::names;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::finding::Finding;

/// The largest file, in bytes.
pub const MAX_FILE: usize = 256 * 1024;

/// The longest line, in bytes, without its end.
pub const MAX_LINE: usize = 8 * 1024;

/// The most lines that are neither blank nor a comment.
pub const MAX_LINES: usize = 4096;

/// The most domains of a section.
pub const MAX_DOMAINS: usize = 64;

/// The most warnings and notes that are kept of a file, and of a section; a last one tells how many there were beyond.
pub const MAX_FINDINGS: usize = 32;

/// The section that is about the others.
const GLOBAL: &str = "global";

/// A place in a file, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A line that names a file: `KEY=FILE [args]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLine {
    /// The file's name.
    pub file: String,
    /// The command line behind it.
    pub args: Option<String>,
    /// Where the value begins.
    pub at: Position,
}

/// `binary=FILE KEY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// The file's name.
    pub file: String,
    /// The word by which modules in the device tree mean it.
    pub key: String,
    /// Where the value begins.
    pub at: Position,
}

/// `DOMAIN_property=NAME[=VALUE]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyLine {
    /// The property's name.
    pub name: String,
    /// Its value as written; `None` for a property that is only there.
    pub value: Option<String>,
    /// Where the value begins.
    pub at: Position,
}

/// The lines of one domain: `domu1_kernel=` and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainLines {
    /// What stands before the `_`: the name of a node in the device tree, or `domu` and a number without leading zeros, such as `domu1`.
    pub name: String,
    /// Where it stands first.
    pub at: Position,
    /// `_kernel=`.
    pub kernel: Option<FileLine>,
    /// `_ramdisk=`.
    pub ramdisk: Option<FileLine>,
    /// `_dtb=`.
    pub dtb: Option<FileLine>,
    /// `_property=`, in their order.
    pub properties: Vec<PropertyLine>,
}

/// What one section says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// The file's name, for messages.
    pub source: String,
    /// `options=`: Xen's command line.
    pub options: Option<String>,
    /// `xen=`: Xen's own file. The EFI stub is Xen and needs no such key; it passes over this one.
    pub xen: Option<FileLine>,
    /// `kernel=`: dom0's.
    pub kernel: Option<FileLine>,
    /// `ramdisk=`: dom0's.
    pub ramdisk: Option<FileLine>,
    /// `xsm=`: the security policy.
    pub xsm: Option<FileLine>,
    /// `dtb=`: the device tree.
    pub dtb: Option<FileLine>,
    /// `binary=`, in their order.
    pub binaries: Vec<Binary>,
    /// `module=FILE [args]`, in their order: what `mb-index` of Hyperlaunch counts.
    pub modules: Vec<FileLine>,
    /// The domains, in the order in which they stand first. One without a kernel is no error here: the tree may have one for it.
    pub domains: Vec<DomainLines>,
    /// What was seen in the section and is worth a line, those of [`Config::findings`] apart.
    pub findings: Vec<Finding>,
}

/// A file that was read: its lines, of which [`Config::section`] takes those of one section.
#[derive(Clone, Debug)]
pub struct Config {
    source: String,
    /// The sections, each once.
    sections: Vec<Header>,
    /// The lines with a key that a section may have.
    lines: Vec<Line>,
    default: Option<DefaultLine>,
    chain: Option<FileLine>,
    findings: Vec<Finding>,
}

/// A section's header, where it stands first.
#[derive(Clone, Debug)]
struct Header {
    name: String,
    at: Position,
}

/// What `default=` says.
#[derive(Clone, Debug)]
struct DefaultLine {
    name: String,
    at: Position,
}

/// A line `KEY=VALUE`.
#[derive(Clone, Debug)]
struct Line {
    /// The index of its section; `None` before any header.
    section: Option<usize>,
    key: String,
    at: Position,
    value: String,
    /// Where the value begins.
    value_at: Position,
}

/// The lines that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// All: headers are ignored.
    All,
    /// Those of the section with this index.
    Section(usize),
}

impl Scope {
    fn contains(self, line: &Line) -> bool {
        match self {
            Self::All => true,
            Self::Section(index) => line.section == Some(index),
        }
    }
}

impl Config {
    /// Reads the file called `source`, which is how messages name it.
    ///
    /// # Errors
    /// [`ConfigError`] if a limit is passed, if something is not text, or if a section's header or `chain=` is damaged.
    pub fn parse(source: &str, text: &[u8]) -> Result<Self, ConfigError> {
        parse::parse(source, text)
    }

    /// The file of `chain=` in `[global]`, in the same folder as this one. It is read in this one's place if [`Config::has_kernel`] is false
    /// for the section that is wanted.
    ///
    /// The wanted section stays the same: what this file's `default=` names is looked for in the other one too, by its name. Files may chain
    /// one another in a circle: who follows them counts.
    #[must_use]
    pub fn chain(&self) -> Option<&FileLine> {
        self.chain.as_ref()
    }

    /// The section that `default=` in `[global]` names, whether it is there or not.
    #[must_use]
    pub fn default_section(&self) -> Option<&str> {
        self.default.as_ref().map(|default| default.name.as_str())
    }

    /// The names of the sections in the order in which they stand first, `[global]` apart.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        let names = self.sections.iter().map(|header| header.name.as_str());
        names.filter(|name| *name != GLOBAL)
    }

    /// Whether the section that [`Config::section`] would read is there.
    #[must_use]
    pub fn has_section(&self, wanted: Option<&str>) -> bool {
        self.scope(wanted).is_ok()
    }

    /// Whether that section is there and names a kernel, dom0's or a domain's. One with a mistake has it for all that is known: the mistake
    /// is better told than left behind for another file.
    #[must_use]
    pub fn has_kernel(&self, wanted: Option<&str>) -> bool {
        let Ok(scope) = self.scope(wanted) else { return false };
        section::read(self, scope).map_or(true, |section| {
            section.kernel.is_some() || section.domains.iter().any(|domain| domain.kernel.is_some())
        })
    }

    /// Reads the section called `wanted`, which a person named; without a name the one that `default=` names; without that the whole file
    /// as one section, of whose keys the first line counts. There a domain is what the first section says that names it, and so are the
    /// modules: the lines of several sections do not mix, while those of `[global]` and those before any header go with each.
    ///
    /// # Errors
    /// [`ConfigError`] if there is no such section, or if a line of it is wrong.
    pub fn section(&self, wanted: Option<&str>) -> Result<Section, ConfigError> {
        section::read(self, self.scope(wanted)?)
    }

    /// What was seen in the file and is worth a line: keys that nobody knows, and what the table at the top of this module tells.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    fn scope(&self, wanted: Option<&str>) -> Result<Scope, ConfigError> {
        let Some(name) = wanted.or(self.default_section()) else {
            return Ok(Scope::All);
        };
        let index = self.sections.iter().position(|header| header.name == name);
        index.map(Scope::Section).ok_or_else(|| {
            let default = self.default.as_ref().filter(|_| wanted.is_none());
            ConfigError::no_section(self, name, default.map(|default| default.at))
        })
    }

    fn place(&self, at: Position) -> Place {
        Place {
            file: self.source.clone(),
            at,
        }
    }
}

#[cfg(test)]
mod tests;
