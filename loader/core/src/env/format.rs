//! The environment as bytes: U-Boot's image with its checksum, and its text form.
//!
//! An image is a CRC-32 of all that follows the header, little-endian, then one byte of flags if there is a second copy, then
//! `name=value` strings with a zero after each, one more zero, and fill up to the size. A backslash stands before a backslash, as
//! U-Boot writes and reads it. The text form is the same with a newline after each variable; a backslash before a newline
//! makes it a part of the value. All bytes are hostile: they may come from a card, the network, or a flash that lost its power.

use alloc::borrow::Cow;
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thiserror::Error;

/// Bytes of the checksum.
const CRC: usize = 4;

/// What stands before the variables of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The checksum alone.
    Plain,
    /// The checksum and the byte that says which of two copies counts.
    Flagged,
}

impl Header {
    /// Its length in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Plain => CRC,
            Self::Flagged => CRC + 1,
        }
    }
}

/// Why bytes are no image, or variables fit in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FormatError {
    /// There is no room for a variable behind the header.
    #[error("{len} bytes are too few for an environment")]
    TooShort {
        /// How many there are.
        len: usize,
    },
    /// The checksum is not that of the content.
    #[error("bad CRC: the environment says {stored:08x} and has {computed:08x}")]
    BadCrc {
        /// The one in the header.
        stored: u32,
        /// That of the bytes behind it.
        computed: u32,
    },
    /// No two zeros end the variables.
    #[error("the environment has no end: two zero bytes are missing in its {len} bytes")]
    NoEnd {
        /// How many bytes were searched.
        len: usize,
    },
    /// The variables need more room.
    #[error("the environment takes {needed} bytes and there is room for {room}")]
    Full {
        /// What they take, in bytes.
        needed: usize,
        /// What there is, in bytes.
        room: usize,
    },
}

/// What ends a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// A zero byte: images and `-b`.
    Zero,
    /// A newline: text. Blanks before a name, empty lines and lines that begin with `#` do not count.
    Newline,
    /// As [`Separator::Newline`], and a carriage return before it goes with it.
    CrLf,
}

impl Separator {
    fn byte(self) -> u8 {
        match self {
            Self::Zero => 0,
            Self::Newline | Self::CrLf => b'\n',
        }
    }
}

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// `name=value`.
    Set {
        /// The variable.
        name: &'a str,
        /// Its value, without escapes.
        value: Cow<'a, str>,
    },
    /// `name=` or `name`: the variable goes.
    Unset {
        /// The variable.
        name: &'a str,
    },
}

/// An entry that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EntryError {
    /// The name is none.
    #[error("\"{name}\" cannot name a variable")]
    BadName {
        /// The name, escaped.
        name: String,
    },
    /// The value is no text.
    #[error("the value of \"{name}\" is not UTF-8 text")]
    BadValue {
        /// The variable.
        name: String,
    },
}

/// Checks an image and gives its entries.
///
/// # Errors
/// [`FormatError`] if it is too short, damaged, or has no end.
pub fn import(image: &[u8], header: Header) -> Result<Entries<'_>, FormatError> {
    let content = content(image, header)?;
    let end = end_of_binary(content).ok_or(FormatError::NoEnd { len: content.len() })?;
    Ok(Entries::new(content.get(..end).unwrap_or_default(), Separator::Zero))
}

/// What follows the header, if the checksum fits it.
fn content(image: &[u8], header: Header) -> Result<&[u8], FormatError> {
    let short = FormatError::TooShort { len: image.len() };
    let (stored, _) = image.split_first_chunk::<CRC>().ok_or(short)?;
    let content = image.get(header.size()..).filter(|content| !content.is_empty());
    let content = content.ok_or(short)?;
    let (stored, computed) = (u32::from_le_bytes(*stored), crc32fast::hash(content));
    if stored == computed {
        Ok(content)
    } else {
        Err(FormatError::BadCrc { stored, computed })
    }
}

/// How many bytes the entries take, both zeros at their end included; `None` without such an end.
#[must_use]
pub fn end_of_binary(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(2).position(|pair| pair == [0, 0]);
    end.map(|at| at.saturating_add(2))
}

/// Entries between separators, one after another: nothing is copied that has no escapes.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
    separator: Separator,
}

impl<'a> Entries<'a> {
    /// The entries of `bytes`, up to the first zero in text, or the first empty entry between zeros.
    #[must_use]
    pub fn new(bytes: &'a [u8], separator: Separator) -> Self {
        let end = match separator {
            Separator::Zero => None,
            Separator::Newline | Separator::CrLf => bytes.iter().position(|byte| *byte == 0),
        };
        let rest = end.and_then(|end| bytes.get(..end)).unwrap_or(bytes);
        Self { rest, separator }
    }

    /// The bytes up to the next separator that no backslash stands before.
    fn next_raw(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let mut escaped = false;
        let separator = self.separator.byte();
        let end = self.rest.iter().position(|byte| {
            let ends = *byte == separator && !(escaped && separator != 0);
            escaped = *byte == b'\\' && !escaped;
            ends
        });
        let (raw, rest) = match end {
            Some(end) => (self.rest.get(..end)?, self.rest.get(end.saturating_add(1)..)?),
            None => (self.rest, &[][..]),
        };
        self.rest = rest;
        Some(raw)
    }

    /// Without what text may have around an entry; `None` if nothing is left of it.
    fn trimmed(&self, raw: &'a [u8]) -> Option<&'a [u8]> {
        if self.separator == Separator::Zero {
            return Some(raw);
        }
        let crlf = self.separator == Separator::CrLf;
        let raw = raw.strip_suffix(b"\r").filter(|_| crlf).unwrap_or(raw);
        let start = raw.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
        raw.get(start..).filter(|raw| !raw.starts_with(b"#"))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Change<'a>, EntryError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let raw = self.next_raw()?;
            if raw.is_empty() && self.separator == Separator::Zero {
                self.rest = &[];
                return None;
            }
            if let Some(entry) = self.trimmed(raw) {
                return Some(change(entry));
            }
        }
    }
}

fn change(entry: &[u8]) -> Result<Change<'_>, EntryError> {
    let equals = entry.iter().position(|byte| *byte == b'=').unwrap_or(entry.len());
    let (name, value) = entry.split_at_checked(equals).unwrap_or((entry, &[]));
    let name = name_of(name)?;
    let value = value.strip_prefix(b"=").unwrap_or(value);
    if value.is_empty() {
        return Ok(Change::Unset { name });
    }
    let value = core::str::from_utf8(value).map_err(|_| EntryError::BadValue { name: name.to_owned() })?;
    Ok(Change::Set {
        name,
        value: unescaped(value),
    })
}

fn name_of(bytes: &[u8]) -> Result<&str, EntryError> {
    /// How much of a name that is none is shown.
    const SHOWN: usize = 32;
    let name = core::str::from_utf8(bytes).ok().filter(|name| super::is_name(name));
    name.ok_or_else(|| {
        let shown = bytes.get(..SHOWN).unwrap_or(bytes);
        EntryError::BadName {
            name: shown.escape_ascii().to_string(),
        }
    })
}

/// The text without the backslashes that stand before other characters; one at the very end stays.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    Cow::Owned(plain)
}

/// The variables with the separator after each, and a zero at the end.
#[must_use]
pub fn export<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>, separator: Separator) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in variables {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'=');
        for byte in value.bytes() {
            if byte == b'\\' || byte == separator.byte() {
                bytes.push(b'\\');
            }
            bytes.push(byte);
        }
        bytes.push(separator.byte());
    }
    bytes.push(0);
    bytes
}

/// An image of `size` bytes: header, variables, and `fill` behind them. The flag byte of [`Header::Flagged`] is left zero.
///
/// # Errors
/// [`FormatError::Full`] if the variables do not fit.
pub fn image<'a>(
    variables: impl Iterator<Item = (&'a str, &'a str)>,
    (header, size): (Header, usize),
    fill: u8,
) -> Result<Vec<u8>, FormatError> {
    let mut content = export(variables, Separator::Zero);
    if content.len() == 1 {
        // No variable: the end is two zeros all the same.
        content.push(0);
    }
    let room = size.saturating_sub(header.size());
    if content.len() > room {
        return Err(FormatError::Full {
            needed: content.len(),
            room,
        });
    }
    content.resize(room, fill);
    let mut image = crc32fast::hash(&content).to_le_bytes().to_vec();
    image.resize(header.size(), 0);
    image.append(&mut content);
    Ok(image)
}

#[cfg(test)]
mod tests;
