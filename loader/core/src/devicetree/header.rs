//! The header of a blob: ten words that say where everything is.

use fdt::FdtHeader;

use super::MAX_BLOCK_LEN;
use super::error::{ParseError, ParseErrorKind};

type Kind = ParseErrorKind;

const MAGIC: u32 = 0xd00d_feed;
const VERSION: u32 = 17;

/// Bytes of the header.
pub(super) const HEADER_LEN: usize = 40;

/// The header of a blob, once it is known to lie within `blob` and to describe blocks that do.
///
/// # Errors
/// [`ParseError`] as [`Tree::parse`](super::Tree::parse) gives it for a bad header; the blocks are not read.
pub fn parse_header(blob: &[u8]) -> Result<FdtHeader, ParseError> {
    check_header(blob).map(|(header, _)| header)
}

pub(super) fn error(kind: ParseErrorKind, offset: usize) -> ParseError {
    ParseError { kind, offset }
}

/// Lossless where the loader runs (64 bits); elsewhere a length that no slice has, which the checks then refuse.
pub(super) fn to_usize(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// Reads the header and returns it with exactly the bytes of the blob.
pub(super) fn check_header(blob: &[u8]) -> Result<(FdtHeader, &[u8]), ParseError> {
    check_header_within(blob, MAX_BLOCK_LEN)
}

/// As [`check_header`], for a structure block of up to `max_structs` bytes.
pub(super) fn check_header_within(blob: &[u8], max_structs: usize) -> Result<(FdtHeader, &[u8]), ParseError> {
    let header = read_header(blob).ok_or_else(|| error(Kind::NoHeader(blob.len()), 0))?;
    if header.magic != MAGIC {
        return Err(error(Kind::BadMagic(header.magic), 0));
    }
    let truncated = Kind::Truncated {
        announced: header.total_size,
        given: blob.len(),
    };
    let len = to_usize(header.total_size);
    let blob = blob
        .get(..len)
        .filter(|_| len >= HEADER_LEN)
        .ok_or_else(|| error(truncated, 4))?;
    if header.version < VERSION || header.last_compatible_version > VERSION {
        let (version, last_compatible) = (header.version, header.last_compatible_version);
        return Err(error(
            Kind::BadVersion {
                version,
                last_compatible,
            },
            20,
        ));
    }
    let (structs, strings) = (
        (header.structs_offset, header.structs_size),
        (header.strings_offset, header.strings_size),
    );
    check_block("structure", structs, (len, max_structs)).map_err(|kind| error(kind, 8))?;
    check_block("strings", strings, (len, MAX_BLOCK_LEN)).map_err(|kind| error(kind, 12))?;
    if !header.structs_offset.is_multiple_of(4) {
        return Err(error(Kind::Misaligned(header.structs_offset), 8));
    }
    Ok((header, blob))
}

fn read_header(blob: &[u8]) -> Option<FdtHeader> {
    let words = blob.first_chunk::<HEADER_LEN>()?.as_chunks::<4>().0;
    let mut words = words.iter().map(|word| u32::from_be_bytes(*word));
    Some(FdtHeader {
        magic: words.next()?,
        total_size: words.next()?,
        structs_offset: words.next()?,
        strings_offset: words.next()?,
        memory_reserve_map_offset: words.next()?,
        version: words.next()?,
        last_compatible_version: words.next()?,
        boot_cpuid: words.next()?,
        strings_size: words.next()?,
        structs_size: words.next()?,
    })
}

fn check_block(
    block: &'static str,
    (start, size): (u32, u32),
    (blob_len, max): (usize, usize),
) -> Result<(), ParseErrorKind> {
    let end = start.checked_add(size).map(to_usize);
    if to_usize(start) < HEADER_LEN || end.is_none_or(|end| end > blob_len) {
        return Err(Kind::BlockOutside { block, start, size });
    }
    if to_usize(size) > max {
        return Err(Kind::BlockTooLarge { block, size });
    }
    Ok(())
}
