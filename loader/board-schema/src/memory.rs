//! Where RAM, ROM and the loader are, before a device tree says so.
//!
//! What a value alone can be wrong about is told when it is read, with its line.

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, de};

use crate::Board;

const PAGE: u64 = 4096;

/// What is known of RAM before a device tree is found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Memory {
    /// First address of RAM, the lowest that the loader uses; a device tree is looked for here when `x0` names none, unless it is 0, where
    /// nobody puts one.
    pub start: u64,
    /// The banks, for trees that leave them to the firmware: those whose `/memory` has no size, as the Raspberry Pi's. A tree that says
    /// where RAM is overrides them.
    #[serde(default)]
    pub bank: Vec<Bank>,
}

/// A bank of RAM: `[[memory.bank]]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bank {
    /// First address.
    pub start: u64,
    /// Length in bytes.
    #[serde(deserialize_with = "size")]
    pub size: u64,
}

/// Memory that is somebody else's: `[[reserved]]`. Files are not loaded there, and the loader does not move there. It says nothing to the
/// system that is started: what that must leave alone is for the device tree.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Reserved {
    /// First address.
    pub address: u64,
    /// Length in bytes.
    #[serde(deserialize_with = "size")]
    pub size: u64,
    /// Whose it is, for messages.
    #[serde(deserialize_with = "line")]
    pub name: String,
}

/// Where the stage before puts the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Load {
    /// The address of its first byte: what the ELF file and `scripts/flash-image` say.
    #[serde(deserialize_with = "page")]
    pub address: u64,
}

/// Read-only memory that the loader can be started from. It then copies itself first to the first 2 MiB of RAM, behind the device tree blob
/// if one lies there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rom {
    /// First address.
    pub start: u64,
    /// Length in bytes.
    #[serde(deserialize_with = "size")]
    pub size: u64,
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match u64::deserialize(deserializer)? {
        0 => Err(D::Error::custom("a size of 0 is none")),
        size => Ok(size),
    }
}

fn page<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let address = u64::deserialize(deserializer)?;
    if address.is_multiple_of(PAGE) {
        return Ok(address);
    }
    Err(D::Error::custom(format!(
        "{address:#x} is no multiple of {PAGE:#x}: the loader runs from the start of a page"
    )))
}

fn line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if !text.is_empty() && !text.contains(char::is_control) {
        return Ok(text);
    }
    Err(de::Error::custom("a name is one line, and not empty"))
}

/// What contradicts itself, as a sentence.
pub(crate) fn contradiction<E>(board: &Board<E>) -> Option<String> {
    // TOML's numbers have 63 bits: no sum of two overflows.
    let banks = || board.memory.bank.iter().map(|bank| (bank.start, bank.size));
    let low = banks().find(|(start, _)| *start < board.memory.start);
    if let Some((start, _)) = low {
        return Some(format!(
            "memory.bank at {start:#x} begins below memory.start, {:#x}",
            board.memory.start
        ));
    }
    let mut sorted: Vec<_> = banks().collect();
    sorted.sort_unstable();
    let pair = sorted.iter().zip(sorted.iter().skip(1));
    let mut overlaps = pair.filter(|((first, size), (second, _))| second - first < *size);
    let ((first, size), (second, _)) = overlaps.next()?;
    Some(format!(
        "memory.bank of {size:#x} bytes at {first:#x} reaches into the one at {second:#x}"
    ))
}

#[cfg(test)]
mod tests;
