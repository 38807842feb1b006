//! gzip (RFC 1952): header, and inflation piece by piece into a bounded output, CRC-32 and length verified.
//!
//! The compressed file and the output both lie in RAM, which hands out one slice at a time; hence the input arrives in
//! pieces that the caller copied aside.

use alloc::boxed::Box;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use thiserror::Error;

use super::{array, length};

/// First two bytes of every gzip file (RFC 1952, 2.3.1: ID1, ID2).
pub const MAGIC: [u8; 2] = [0x1f, 0x8b];

const DEFLATE: u8 = 8;
const FIXED_LEN: usize = 10;
const TRAILER_LEN: usize = 8;

/// Flag bits of RFC 1952, 2.3.1.
mod flag {
    pub(super) const HCRC: u8 = 1 << 1;
    pub(super) const EXTRA: u8 = 1 << 2;
    pub(super) const NAME: u8 = 1 << 3;
    pub(super) const COMMENT: u8 = 1 << 4;
    pub(super) const RESERVED: u8 = 0xe0;
}

/// Why a gzip file cannot be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// Not gzip at all.
    #[error("the file does not start with the gzip magic 1f 8b")]
    Magic,
    /// A compression method that does not exist.
    #[error("the gzip header names method {0}, only 8 (deflate) is defined")]
    Method(u8),
    /// Reserved flag bits.
    #[error("the gzip header's flags {0:#04x} have reserved bits set")]
    Flags(u8),
    /// The header's own checksum is wrong.
    #[error("the gzip header's CRC is {stored:#06x}, its bytes give {computed:#06x}")]
    HeaderCrc {
        /// As stored.
        stored: u16,
        /// As computed.
        computed: u16,
    },
    /// The file ends too early.
    #[error("the gzip file is cut short after {0} bytes")]
    Truncated(u64),
    /// The deflate stream is corrupt.
    #[error("the compressed data are corrupt near input byte {0:#x}")]
    Corrupt(u64),
    /// More output than there is room for.
    #[error("the data do not fit: more than {0} bytes ({0:#x}) come out")]
    Room(u64),
    /// CRC-32 of the output is wrong.
    #[error("the data's CRC-32 is {computed:08x}, the file says {stored:08x}")]
    DataCrc {
        /// As stored.
        stored: u32,
        /// As computed.
        computed: u32,
    },
    /// The output's length is not the file's ISIZE.
    #[error("{computed} bytes came out (modulo 2^32), the file says {stored}")]
    Length {
        /// As stored.
        stored: u32,
        /// As computed.
        computed: u32,
    },
}

/// The size of the output that the last four bytes of `file` promise, modulo 2^32 (RFC 1952: ISIZE). A hint only.
#[must_use]
pub fn stated_size(file: &[u8]) -> Option<u32> {
    file.last_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes))
}

/// The length of the header at the start of `file`: where the deflate stream begins.
///
/// # Errors
/// [`Error::Magic`], [`Error::Method`], [`Error::Flags`], [`Error::HeaderCrc`], [`Error::Truncated`].
pub fn header_len(file: &[u8]) -> Result<usize, Error> {
    let cut = Error::Truncated(length(file));
    if !file.starts_with(&MAGIC) {
        return Err(Error::Magic);
    }
    let [_, _, method, flags, ..] = array::<FIXED_LEN>(file, 0).ok_or(cut)?;
    if method != DEFLATE {
        return Err(Error::Method(method));
    }
    if flags & flag::RESERVED != 0 {
        return Err(Error::Flags(flags));
    }
    let mut at = FIXED_LEN;
    if flags & flag::EXTRA != 0 {
        let extra = usize::from(array(file, at).map(u16::from_le_bytes).ok_or(cut)?);
        at = at.saturating_add(2).saturating_add(extra);
    }
    for text in [flag::NAME, flag::COMMENT] {
        if flags & text != 0 {
            let rest = file.get(at..).ok_or(cut)?;
            let nul = rest.iter().position(|byte| *byte == 0).ok_or(cut)?;
            at = at.saturating_add(nul).saturating_add(1);
        }
    }
    if flags & flag::HCRC != 0 {
        at = check_header_crc(file, at)?;
    }
    if at < file.len() { Ok(at) } else { Err(cut) }
}

/// FHCRC: the low half of the CRC-32 over all header bytes before it.
fn check_header_crc(file: &[u8], at: usize) -> Result<usize, Error> {
    let cut = Error::Truncated(length(file));
    let stored = array(file, at).map(u16::from_le_bytes).ok_or(cut)?;
    let [low, high, ..] = crc32fast::hash(file.get(..at).ok_or(cut)?).to_le_bytes();
    let computed = u16::from_le_bytes([low, high]);
    if stored == computed {
        Ok(at.saturating_add(2))
    } else {
        Err(Error::HeaderCrc { stored, computed })
    }
}

/// How far an [`Inflater`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All input was used; more is needed.
    More,
    /// Done and verified; bytes written.
    Done(u64),
}

/// Inflates one gzip member behind its header. The same output slice goes into every call.
pub struct Inflater {
    state: Box<DecompressorOxide>,
    consumed: u64,
    written: usize,
    crc: crc32fast::Hasher,
    trailer: Option<Trailer>,
}

#[derive(Default)]
struct Trailer {
    bytes: [u8; TRAILER_LEN],
    filled: usize,
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflater {
    /// An inflater before its first byte.
    #[must_use]
    pub fn new() -> Self {
        let state = Box::new(DecompressorOxide::new());
        Self {
            state,
            consumed: 0,
            written: 0,
            crc: crc32fast::Hasher::new(),
            trailer: None,
        }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        u64::try_from(self.written).unwrap_or(u64::MAX)
    }

    /// Feeds `input`, the bytes after the last call's; an empty input means that there are no more.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Room`], [`Error::Truncated`], [`Error::DataCrc`], [`Error::Length`].
    pub fn feed(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, Error> {
        if input.is_empty() {
            return Err(Error::Truncated(self.consumed));
        }
        let used = if self.trailer.is_none() {
            self.inflate(input, output)?
        } else {
            0
        };
        let rest = input.get(used..).unwrap_or_default();
        let Some(trailer) = &mut self.trailer else {
            return Ok(Progress::More);
        };
        let free = trailer.bytes.get_mut(trailer.filled..).unwrap_or_default();
        let taken = free.len().min(rest.len());
        free.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        trailer.filled = trailer.filled.saturating_add(taken);
        self.consumed = self.consumed.saturating_add(u64::try_from(taken).unwrap_or(u64::MAX));
        if trailer.filled < TRAILER_LEN {
            Ok(Progress::More)
        } else {
            self.verify()
        }
    }

    /// Runs the decompressor over `input`; returns the bytes it used, and opens the trailer at the stream's end.
    fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
        let mut total = 0_usize;
        loop {
            let rest = input.get(total..).unwrap_or_default();
            let (status, used, made) = decompress(&mut self.state, rest, output, self.written, flags);
            total = total.saturating_add(used);
            self.account(used, made, output);
            match status {
                TINFLStatus::Done => self.trailer = Some(Trailer::default()),
                TINFLStatus::NeedsMoreInput => {}
                // Also said when the output is exactly full and the end mark is still to be read: go on while it moves.
                TINFLStatus::HasMoreOutput if total == input.len() => {}
                TINFLStatus::HasMoreOutput if used > 0 || made > 0 => continue,
                TINFLStatus::HasMoreOutput => return Err(Error::Room(length(output))),
                _ => return Err(Error::Corrupt(self.consumed)),
            }
            return Ok(total);
        }
    }

    fn account(&mut self, used: usize, made: usize, output: &[u8]) {
        let end = self.written.saturating_add(made);
        self.crc.update(output.get(self.written..end).unwrap_or_default());
        self.written = end;
        self.consumed = self.consumed.saturating_add(u64::try_from(used).unwrap_or(u64::MAX));
    }

    fn verify(&self) -> Result<Progress, Error> {
        let trailer = self.trailer.as_ref().map(|trailer| trailer.bytes).unwrap_or_default();
        let [c0, c1, c2, c3, l0, l1, l2, l3] = trailer;
        let (stored, computed) = (u32::from_le_bytes([c0, c1, c2, c3]), self.crc.clone().finalize());
        if stored != computed {
            return Err(Error::DataCrc { stored, computed });
        }
        let stored = u32::from_le_bytes([l0, l1, l2, l3]);
        let computed = u32::try_from(self.written() & u64::from(u32::MAX)).unwrap_or_default();
        if stored == computed {
            Ok(Progress::Done(self.written()))
        } else {
            Err(Error::Length { stored, computed })
        }
    }
}

/// Inflates only the first bytes of the gzip `file` into `output`, unverified: to see what is inside. Returns how many
/// bytes came out.
///
/// # Errors
/// As [`header_len`], and [`Error::Corrupt`].
pub fn peek(file: &[u8], output: &mut [u8]) -> Result<usize, Error> {
    let start = header_len(file)?;
    let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let input = file.get(start..).unwrap_or_default();
    let mut state = Box::new(DecompressorOxide::new());
    match decompress(&mut state, input, output, 0, flags) {
        (TINFLStatus::Done | TINFLStatus::HasMoreOutput | TINFLStatus::FailedCannotMakeProgress, _, made) => Ok(made),
        (_, used, _) => Err(Error::Corrupt(length(
            file.get(..start.saturating_add(used)).unwrap_or_default(),
        ))),
    }
}

#[cfg(test)]
pub(crate) mod tests;
