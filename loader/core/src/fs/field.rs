//! Little-endian numbers at fixed places of a structure on a disk, and texts and identifiers that are made of what is there.
//!
//! A structure's length is checked once, by who reads it; what lies beyond its end is zero.

use alloc::format;
use alloc::string::String;

/// The bytes from `at` on.
pub(super) fn bytes<const N: usize>(structure: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    if let Some(bytes) = structure.get(at..at.saturating_add(N)) {
        field.copy_from_slice(bytes);
    }
    field
}

/// 16 bits at `at`.
pub(super) fn le16(structure: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes(structure, at))
}

/// 32 bits at `at`.
pub(super) fn le32(structure: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes(structure, at))
}

/// 64 bits at `at`.
pub(super) fn le64(structure: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes(structure, at))
}

/// Puts `value` at `at`; outside of the structure it is lost.
pub(super) fn put(structure: &mut [u8], at: usize, value: &[u8]) {
    if let Some(field) = structure.get_mut(at..at.saturating_add(value.len())) {
        field.copy_from_slice(value);
    }
}

/// The text of UTF-16 units up to a zero; what is not UTF-16, as U+FFFD.
pub(super) fn utf16(units: impl Iterator<Item = u16>) -> String {
    char::decode_utf16(units.take_while(|unit| *unit != 0))
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// A 128-bit identifier as text: its digits in the order of its bytes.
pub(super) fn hyphenated(identifier: &[u8; 16]) -> String {
    let mut text = String::new();
    for (at, byte) in identifier.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}
