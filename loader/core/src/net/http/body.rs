//! Where a body ends: after its length, after its last chunk, or with the connection (RFC 9112 section 6).

use alloc::vec::Vec;

use super::head::{Head, HeadError, MAX_HEAD};
use crate::net::tftp::escaped;

/// The longest line with a chunk's length, extensions included.
const MAX_LINE: usize = 256;

/// How the rest of a body is framed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are to come.
    Length(u64),
    /// Chunks.
    Chunked(Chunks),
    /// Everything up to the end of the connection.
    Connection,
}

/// A piece of what came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The next so many bytes belong to the file.
    Data(usize),
    /// The next so many bytes do not.
    Other(usize),
}

/// Where in a body of chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chunks {
    /// In the line with a chunk's length.
    Line(Vec<u8>),
    /// In a chunk of so many bytes, of which so many are to come.
    Data { len: u64, left: u64 },
    /// In the line end behind a chunk of so many bytes.
    End { len: u64, carriage: bool },
    /// Behind the last chunk: bytes so far, and whether the line has begun.
    Trailer { bytes: usize, line_begun: bool },
    /// All is read.
    Over,
}

impl Framing {
    /// How the body behind `head` is framed.
    pub(super) fn of(head: &Head) -> Self {
        match (head.chunked, head.length) {
            (true, _) => Self::Chunked(Chunks::Line(Vec::new())),
            (false, Some(length)) => Self::Length(length),
            (false, None) => Self::Connection,
        }
    }

    /// Whether nothing is to come.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunks::Over))
    }

    /// Takes the next piece of `bytes`, which are not empty; the body is not over.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Piece, HeadError> {
        match self {
            Self::Length(left) => Ok(Piece::Data(count(left, bytes))),
            Self::Connection => Ok(Piece::Data(bytes.len())),
            Self::Chunked(chunks) => chunks.take(bytes),
        }
    }
}

/// Counts off as many of `left` as there are bytes.
fn count(left: &mut u64, bytes: &[u8]) -> usize {
    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    *left = left.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX));
    taken
}

impl Chunks {
    fn take(&mut self, bytes: &[u8]) -> Result<Piece, HeadError> {
        if let Self::Data { len, left } = self {
            let (len, taken) = (*len, count(left, bytes));
            if *left == 0 {
                *self = Self::End { len, carriage: false };
            }
            return Ok(Piece::Data(taken));
        }
        let mut taken: usize = 0;
        for byte in bytes {
            if matches!(self, Self::Data { .. } | Self::Over) {
                break;
            }
            self.byte(*byte)?;
            taken = taken.saturating_add(1);
        }
        Ok(Piece::Other(taken))
    }

    /// Takes a byte that is not of the file.
    fn byte(&mut self, byte: u8) -> Result<(), HeadError> {
        match self {
            Self::Line(line) => {
                line.push(byte);
                if byte == b'\n' {
                    *self = begin(line)?;
                } else if line.len() >= MAX_LINE {
                    return Err(HeadError::Chunk(escaped(line)));
                }
            }
            Self::End { carriage, .. } if byte == b'\r' && !*carriage => *carriage = true,
            Self::End { .. } if byte == b'\n' => *self = Self::Line(Vec::new()),
            Self::End { len, .. } => return Err(HeadError::ChunkEnd(*len)),
            Self::Trailer { bytes, line_begun } => {
                *bytes = bytes.saturating_add(1);
                match byte {
                    _ if *bytes > MAX_HEAD => return Err(HeadError::Trailer),
                    b'\n' if !*line_begun => *self = Self::Over,
                    b'\n' => *line_begun = false,
                    b'\r' => {}
                    _ => *line_begun = true,
                }
            }
            Self::Data { .. } | Self::Over => {}
        }
        Ok(())
    }
}

/// What follows the line with a chunk's length.
fn begin(line: &[u8]) -> Result<Chunks, HeadError> {
    let wrong = || HeadError::Chunk(escaped(line));
    // httparse takes an empty line for a length of 0.
    let begins = line.first().is_some_and(u8::is_ascii_hexdigit);
    match httparse::parse_chunk_size(line).map_err(|_| wrong())? {
        httparse::Status::Complete((_, 0)) if begins => Ok(Chunks::Trailer {
            bytes: 0,
            line_begun: false,
        }),
        httparse::Status::Complete((_, len)) if begins => Ok(Chunks::Data { len, left: len }),
        _ => Err(wrong()),
    }
}
