//! Names: 8.3 in capitals, and long ones in UTF-16 (Microsoft FAT specification, sections 6 and 7).

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use embedded_sdmmc::ShortFileName;

use super::FatError;

/// Bits of a short entry's byte 12: its base name, its extension is to be shown in small letters. Windows NT began with it, Linux knows it.
const SMALL_BASE: u8 = 0x08;
const SMALL_EXTENSION: u8 = 0x10;

/// UTF-16 units of a long name in one entry.
const UNITS: usize = 13;

/// How long a new name may be: with its entries in one block it appears and goes with one write.
const MAX_UNITS: usize = 15 * UNITS;

/// Where an entry has its 13 units.
const UNIT_PLACES: [usize; UNITS] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

/// The attribute of an entry with a piece of a long name.
const LONG: u8 = 0x0f;

/// A name in an entry: eight characters and three, padded with blanks.
pub(super) type Short = [u8; 11];

/// The name for people.
pub(super) fn shown(short: &Short, flags: u8) -> String {
    let mut name = String::new();
    let (base, extension) = short.split_at(8);
    push(&mut name, base, flags & SMALL_BASE != 0);
    if extension.iter().any(|byte| *byte != b' ') {
        name.push('.');
        push(&mut name, extension, flags & SMALL_EXTENSION != 0);
    }
    name
}

fn push(name: &mut String, padded: &[u8], small: bool) {
    let len = padded
        .iter()
        .rposition(|byte| *byte != b' ')
        .map_or(0, |last| last.saturating_add(1));
    for (at, byte) in padded.iter().take(len).enumerate() {
        // A name that begins with the mark of deleted entries has this instead.
        let byte = if *byte == 0x05 && at == 0 && name.is_empty() {
            0xe5
        } else {
            *byte
        };
        let byte = if small { byte.to_ascii_lowercase() } else { byte };
        name.push(char::from(byte));
    }
}

/// What each entry of a long name repeats of the short one.
pub(super) fn checksum(short: &Short) -> u8 {
    short
        .iter()
        .fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// How a new entry is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewName {
    pub(super) short: Short,
    /// Byte 12 of the entry.
    pub(super) flags: u8,
    /// The entries of the long name as they come in front of the short one; none if that says it all.
    pub(super) long: Vec<[u8; 32]>,
}

/// A new name, in a directory whose short names `taken` finds out if they matter.
pub(super) fn new(name: &str, taken: impl FnOnce() -> Result<BTreeSet<Short>, FatError>) -> Result<NewName, FatError> {
    check(name)?;
    if let Some((short, flags)) = plain(name) {
        let long = Vec::new();
        return Ok(NewName { short, flags, long });
    }
    let short = alias(name, &taken()?).ok_or_else(|| wrong(name, "the directory has no short name left for it"))?;
    Ok(NewName {
        short,
        flags: 0,
        long: entries(name, checksum(&short)),
    })
}

fn wrong(name: &str, why: &'static str) -> FatError {
    FatError::Name { name: name.into(), why }
}

fn check(name: &str) -> Result<(), FatError> {
    if name.encode_utf16().count() > MAX_UNITS {
        return Err(wrong(name, "it is longer than 195 characters"));
    }
    if name.chars().any(|c| c.is_control() || "\"*/:<>?\\|".contains(c)) {
        return Err(wrong(
            name,
            "it has one of the characters \" * / : < > ? \\ | or a control character",
        ));
    }
    if name.is_empty() || name.ends_with(['.', ' ']) {
        return Err(wrong(name, "it ends with a dot or a blank"));
    }
    Ok(())
}

/// The name as a short one, if base name and extension are each in letters of one size.
fn plain(name: &str) -> Option<(Short, u8)> {
    if !name.is_ascii() {
        return None;
    }
    let (base, extension) = name.split_once('.').unwrap_or((name, ""));
    let flag = |part: &str, flag| match (
        part.bytes().any(|b| b.is_ascii_lowercase()),
        part.bytes().any(|b| b.is_ascii_uppercase()),
    ) {
        (true, true) => None,
        (true, false) => Some(flag),
        (false, _) => Some(0),
    };
    let flags = flag(base, SMALL_BASE)? | flag(extension, SMALL_EXTENSION)?;
    let valid = ShortFileName::create_from_str(name).ok()?;
    Some((padded(valid.base_name(), valid.extension()), flags))
}

fn padded(base: &[u8], extension: &[u8]) -> Short {
    let mut short = [b' '; 11];
    let (first, last) = short.split_at_mut(8);
    for (to, from) in first.iter_mut().zip(base).chain(last.iter_mut().zip(extension)) {
        *to = *from;
    }
    short
}

/// A short name for a long one, with a number behind `~`, that is not taken.
fn alias(name: &str, taken: &BTreeSet<Short>) -> Option<Short> {
    let (base, extension) = name
        .rsplit_once('.')
        .filter(|(base, _)| !base.is_empty())
        .unwrap_or((name, ""));
    let capitals = |text: &str, most: usize| {
        let bytes = text.chars().filter(|c| !matches!(c, ' ' | '.')).map(|c| match c {
            '+' | ',' | ';' | '=' | '[' | ']' => b'_',
            c => u8::try_from(c)
                .ok()
                .filter(u8::is_ascii)
                .unwrap_or(b'_')
                .to_ascii_uppercase(),
        });
        bytes.take(most).collect::<Vec<u8>>()
    };
    let extension = capitals(extension, 3);
    (1..=999_999_u32).find_map(|number| {
        let tail = format!("~{number}");
        let mut base = capitals(base, 8_usize.saturating_sub(tail.len()));
        base.extend_from_slice(tail.as_bytes());
        Some(padded(&base, &extension)).filter(|short| !taken.contains(short))
    })
}

/// The entries of a long name, the last piece first.
fn entries(name: &str, sum: u8) -> Vec<[u8; 32]> {
    let units: Vec<u16> = name.encode_utf16().collect();
    let pieces = units.chunks(UNITS).count();
    let mut entries: Vec<[u8; 32]> = Vec::new();
    for (number, piece) in (1_u8..).zip(units.chunks(UNITS)) {
        let mut entry = [0; 32];
        let last = if usize::from(number) == pieces { 0x40 } else { 0 };
        super::put(&mut entry, 0, &[number | last]);
        super::put(&mut entry, 11, &[LONG, 0, sum]);
        // A zero ends it, and ones follow.
        let units = piece.iter().copied().chain([0]).chain(core::iter::repeat(0xffff));
        for (place, unit) in UNIT_PLACES.into_iter().zip(units) {
            super::put(&mut entry, place, &unit.to_le_bytes());
        }
        entries.push(entry);
    }
    entries.reverse();
    entries
}
