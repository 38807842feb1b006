//! The head of a response: status line and fields, collected up to a limit and read once.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thiserror::Error;

use crate::net::tftp::escaped;

/// The longest head, interim answers (1xx) included.
pub(super) const MAX_HEAD: usize = 16 * 1024;

/// Fields in a head.
const MAX_FIELDS: usize = 100;

/// The longest validator that is sent back.
const MAX_VALIDATOR: usize = 256;

/// What is wrong with a response.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HeadError {
    /// Not HTTP/1.0 or 1.1.
    #[error("it begins with '{0}', not with HTTP/1")]
    NotHttp(String),
    /// A head without an end.
    #[error("its head has more than {MAX_HEAD} bytes")]
    Long,
    /// More fields than are looked at.
    #[error("its head has more than {MAX_FIELDS} fields")]
    Fields,
    /// A line that is no field.
    #[error("its head is malformed ({0})")]
    Malformed(&'static str),
    /// A length that is no number, or several different ones.
    #[error("its Content-Length is '{0}'")]
    Length(String),
    /// A coding that was not asked for.
    #[error("its Transfer-Encoding is '{0}'")]
    Coding(String),
    /// Two ways to say where the body ends.
    #[error("it has both a Content-Length and a Transfer-Encoding")]
    TwoLengths,
    /// A part of the file that was not asked for.
    #[error("its Content-Range is '{range}', but the bytes from {from} of {size} were asked for")]
    Range {
        /// What the server said, escaped.
        range: String,
        /// The first byte asked for.
        from: u64,
        /// The file's size.
        size: u64,
    },
    /// A chunk whose length is no number.
    #[error("a chunk begins with '{0}', which is not its length")]
    Chunk(String),
    /// A chunk that does not end where it should.
    #[error("a chunk of {0} bytes does not end after them")]
    ChunkEnd(u64),
    /// More after the last chunk than is looked at.
    #[error("what follows the last chunk has more than {MAX_HEAD} bytes")]
    Trailer,
    /// A file longer than 64 bits tell.
    #[error("the chunks are longer together than 64 bits tell")]
    Endless,
}

/// What proves that two answers are about the same file (RFC 9110 section 8.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Validator(String);

impl Validator {
    /// Its value, as the server wrote it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What of a head is of use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// The status line, escaped.
    pub(super) line: String,
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
    /// Where the file is instead, escaped.
    pub(super) location: Option<String>,
    range: Option<String>,
    etag: Option<String>,
    modified: Option<String>,
    date: Option<String>,
}

/// The bytes of a head as they come.
#[derive(Clone, Debug, Default)]
pub(super) struct Collector {
    bytes: Vec<u8>,
    /// Bytes of interim answers that came before.
    earlier: usize,
    /// Whether the line so far is more than a carriage return.
    line_begun: bool,
}

impl Collector {
    /// Takes bytes up to the end of the head. Gives how many it took, and the head if it is whole now.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(usize, Option<Head>), HeadError> {
        for (index, byte) in bytes.iter().enumerate() {
            self.bytes.push(*byte);
            self.check()?;
            match byte {
                b'\n' if !self.line_begun => {
                    let head = read(&self.bytes)?;
                    return Ok((index.saturating_add(1), Some(head)));
                }
                b'\n' => self.line_begun = false,
                b'\r' => {}
                _ => self.line_begun = true,
            }
        }
        Ok((bytes.len(), None))
    }

    /// Forgets an interim answer.
    pub(super) fn begin_next(&mut self) {
        self.earlier = self.earlier.saturating_add(self.bytes.len());
        self.bytes.clear();
        self.line_begun = false;
    }

    fn check(&self) -> Result<(), HeadError> {
        const START: &[u8] = b"HTTP/1.";
        if self.bytes.len() == START.len() && self.bytes != START {
            return Err(HeadError::NotHttp(escaped(&self.bytes)));
        }
        let whole = self.earlier.saturating_add(self.bytes.len());
        if whole > MAX_HEAD { Err(HeadError::Long) } else { Ok(()) }
    }
}

fn read(bytes: &[u8]) -> Result<Head, HeadError> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(HeadError::NotHttp(escaped(bytes))),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::Fields),
        Err(error) => return Err(HeadError::Malformed(reason(error))),
    }
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut head = Head {
        status: response.code.unwrap_or_default(),
        line: escaped(line.strip_suffix(b"\r").unwrap_or(line)),
        ..Head::default()
    };
    for field in response.headers.iter() {
        head.add(field.name, field.value)?;
    }
    if head.chunked && head.length.is_some() {
        return Err(HeadError::TwoLengths);
    }
    Ok(head)
}

fn reason(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "the name of a field",
        httparse::Error::HeaderValue => "the value of a field",
        httparse::Error::NewLine => "a line's end",
        httparse::Error::Status => "the status",
        httparse::Error::Version => "the version",
        _ => "a word",
    }
}

impl Head {
    fn add(&mut self, name: &str, value: &[u8]) -> Result<(), HeadError> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("content-length") {
            let length = number(value).ok_or_else(|| HeadError::Length(escaped(value)))?;
            if self.length.is_some_and(|other| other != length) {
                return Err(HeadError::Length(format!("{} and {length}", self.length.unwrap_or(0))));
            }
            self.length = Some(length);
        } else if is("transfer-encoding") {
            if !value.eq_ignore_ascii_case(b"chunked") || self.chunked {
                return Err(HeadError::Coding(escaped(value)));
            }
            self.chunked = true;
        } else if is("location") {
            self.location = Some(escaped(value));
        } else if is("content-range") {
            self.range = Some(escaped(value));
        } else if is("etag") {
            self.etag = text(value);
        } else if is("last-modified") {
            self.modified = text(value);
        } else if is("date") {
            self.date = text(value);
        }
        Ok(())
    }

    /// What tells this file from others, if the server gives something strong: an entity tag that is not weak, or a date of change that is
    /// not the answer's own, so that the file did not change within the second (RFC 9110 section 8.8.2.2).
    pub(super) fn validator(&self) -> Option<Validator> {
        if let Some(tag) = self.etag.as_ref().filter(|tag| tag.starts_with('"')) {
            return Some(Validator(tag.clone()));
        }
        let modified = self.modified.as_ref()?;
        let date = self.date.as_ref()?;
        (modified != date).then(|| Validator(modified.clone()))
    }

    /// Whether this answer, about a part of a file, is about the file that `validator` names.
    pub(super) fn is_about(&self, validator: &Validator) -> bool {
        let given = if validator.0.starts_with('"') {
            &self.etag
        } else {
            &self.modified
        };
        given.as_ref() == Some(&validator.0)
    }

    /// Whether the answer has the bytes from `from` to the end of a file of `size` bytes.
    pub(super) fn check_range(&self, from: u64, size: u64) -> Result<(), HeadError> {
        let given = self.range.as_deref().unwrap_or("");
        let expected = format!("bytes {from}-{}/{size}", size.saturating_sub(1));
        let rest = size.checked_sub(from);
        let fits = self.length.is_none_or(|length| Some(length) == rest) && !self.chunked;
        if fits && given == expected {
            Ok(())
        } else {
            let range = given.to_string();
            Err(HeadError::Range { range, from, size })
        }
    }
}

/// Digits, and nothing else.
fn number(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    core::str::from_utf8(value).ok().filter(|_| digits)?.parse().ok()
}

/// A value that may be sent back.
fn text(value: &[u8]) -> Option<String> {
    let plain = value.len() <= MAX_VALIDATOR && value.iter().all(|byte| (b' '..=b'~').contains(byte));
    core::str::from_utf8(value)
        .ok()
        .filter(|_| plain)
        .map(ToString::to_string)
}
