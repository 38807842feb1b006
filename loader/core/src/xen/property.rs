//! `DOMAIN_property=NAME[=VALUE]` of `xen.cfg`: a property of a domain's node.
//!
//! What a value becomes is decided by these rules, the first that fits:
//!
//! 1. `memory`: 64 bits, in KiB. One number, a size with a unit as on Xen's command line (`memory=512M`), or the two cells as a
//!    device tree has them (`<0 0xC0000>`).
//! 2. No value (`vpl011`, and `vpl011=`): a property that is only there.
//! 3. `"text"`, or several with commas between them: a string list. Properties that are text by Xen's documents (`passthrough`,
//!    `llc-colors`, `xen,enhanced`, ...) are a string without quotes too, so that `llc-colors=0` is no number.
//! 4. `[00 1f]`: bytes.
//! 5. `<1 2>`, or words of which each is a number, blanks or commas between them: a cell each, and two for what does not fit one.
//!    Numbers are decimal or, after `0x`, hexadecimal; a leading zero does not make them octal.
//! 6. Anything else: a string.
//!
//! A leading `#` would be a comment in `xen.cfg`, so `address-cells` and its like are written without theirs and get it back.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thiserror::Error;

use super::config::PropertyLine;
use super::size;
use crate::devicetree::{EditError, NodeId, Tree, ValueError, parse_value};

/// Properties whose names begin with a `#`.
const CELLS: [&str; 4] = [
    "address-cells",
    "size-cells",
    "xen,static-mem-address-cells",
    "xen,static-mem-size-cells",
];

/// Properties that are text, whatever the text looks like.
const TEXT: [&str; 9] = [
    "bootargs",
    "compatible",
    "hard-affinity",
    "llc-colors",
    "passthrough",
    "status",
    "xen,enhanced",
    "xen,sci_type",
    "xen,shm-id",
];

/// Why a line cannot become a property. Where the line stands is the caller's to say.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PropertyError {
    /// `memory` is no size.
    #[error(
        "memory={0} is no size: write KiB (memory=0xC0000), a number with a unit (memory=768M), or two cells (memory=<0 0xC0000>)"
    )]
    BadMemory(String),
    /// Something that begins like a number.
    #[error("{name}: '{word}' is no number of up to 64 bits, decimal or hexadecimal after 0x")]
    BadNumber {
        /// The property.
        name: String,
        /// The word.
        word: String,
    },
    /// A bracket or a quote that is not closed.
    #[error("{name}: '{open}' is not closed")]
    Unclosed {
        /// The property.
        name: String,
        /// The bracket or quote.
        open: char,
    },
    /// Text behind a quoted string.
    #[error("{name}: \"{rest}\" follows a string in quotes; a comma stands between two of them")]
    AfterString {
        /// The property.
        name: String,
        /// The text.
        rest: String,
    },
    /// Bytes that are none.
    #[error("{name}: {source}")]
    Bytes {
        /// The property.
        name: String,
        /// What is wrong with them.
        source: ValueError,
    },
    /// The tree cannot take the property.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// Writes the line's property into `node`, by the rules above.
///
/// # Errors
/// [`PropertyError`] if the value has no meaning or the name cannot be a property's; the node is as it was then.
pub fn set(tree: &mut Tree, node: NodeId, line: &PropertyLine) -> Result<(), PropertyError> {
    let name = match CELLS.contains(&line.name.as_str()) {
        true => format!("#{}", line.name),
        false => line.name.clone(),
    };
    let value = match line.value.as_deref().map(str::trim) {
        text if name == "memory" => memory(text.unwrap_or_default())?,
        None | Some("") => Vec::new(),
        Some(text) => value(&name, text)?,
    };
    Ok(tree.set(node, &name, &value)?)
}

fn value(name: &str, text: &str) -> Result<Vec<u8>, PropertyError> {
    if text.starts_with('"') {
        return quoted(name, text);
    }
    if TEXT.contains(&name) {
        return Ok(string(text));
    }
    if text.starts_with('[') {
        let bytes = parse_value(&[text], &[]);
        return bytes.map_err(|source| PropertyError::Bytes {
            name: name.to_string(),
            source,
        });
    }
    if text.starts_with('<') {
        return Ok(cells(&numbers(name, text)?));
    }
    let is_text = |word| number(word).is_none() && !is_broken(word);
    if words(text).any(is_text) || words(text).next().is_none() {
        return Ok(string(text));
    }
    // `0x1g` or a number of 70 bits is a slip, and no text.
    let number = |word| number(word).ok_or_else(|| bad_number(name, word));
    let numbers: Result<Vec<u64>, PropertyError> = words(text).map(number).collect();
    Ok(cells(&numbers?))
}

/// `memory`, in KiB.
fn memory(text: &str) -> Result<Vec<u8>, PropertyError> {
    let bad = || PropertyError::BadMemory(text.to_string());
    let kib = match text.starts_with('<') {
        false => size::kib(text).or_else(|| two_cells(&words(text).map(number).collect::<Option<Vec<u64>>>()?)),
        true => match numbers("memory", text).map_err(|_| bad())?.as_slice() {
            [kib] => Some(*kib),
            cells => two_cells(cells),
        },
    };
    Ok(kib.ok_or_else(bad)?.to_be_bytes().to_vec())
}

fn two_cells(cells: &[u64]) -> Option<u64> {
    let [high, low] = cells else {
        return None;
    };
    let (high, low) = (u32::try_from(*high).ok()?, u32::try_from(*low).ok()?);
    u64::from(high).checked_mul(1 << 32)?.checked_add(u64::from(low))
}

/// The numbers of `<1 2>`, or of `<1>, <2>`.
fn numbers(name: &str, text: &str) -> Result<Vec<u64>, PropertyError> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(inside) = rest.strip_prefix('<') {
        let (inside, after) = inside.split_once('>').ok_or_else(|| PropertyError::Unclosed {
            name: name.to_string(),
            open: '<',
        })?;
        for word in words(inside) {
            all.push(number(word).ok_or_else(|| bad_number(name, word))?);
        }
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    match rest {
        "" => Ok(all),
        _ => Err(bad_number(name, rest)),
    }
}

/// Cells: one for each number, two for what does not fit.
fn cells(numbers: &[u64]) -> Vec<u8> {
    let bytes = numbers.iter().flat_map(|number| match u32::try_from(*number) {
        Ok(number) => number.to_be_bytes().to_vec(),
        Err(_) => number.to_be_bytes().to_vec(),
    });
    bytes.collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '\t', ',']).filter(|word| !word.is_empty())
}

fn number(word: &str) -> Option<u64> {
    let hex = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    let (digits, radix) = hex.map_or((word, 10), |digits| (digits, 16));
    // `from_str_radix` would take a sign.
    let digits = Some(digits).filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)));
    u64::from_str_radix(digits?, radix).ok()
}

/// `true` for a word that is no number but was meant to be one.
fn is_broken(word: &str) -> bool {
    let is_hex = word.starts_with("0x") || word.starts_with("0X");
    let is_decimal = word.bytes().all(|byte| byte.is_ascii_digit());
    number(word).is_none() && (is_hex || is_decimal)
}

fn bad_number(name: &str, word: &str) -> PropertyError {
    PropertyError::BadNumber {
        name: name.to_string(),
        word: word.to_string(),
    }
}

fn string(text: &str) -> Vec<u8> {
    text.bytes().chain([0]).collect()
}

/// `"a", "b"`: a string list. There are no escapes: a string holds no quote.
fn quoted(name: &str, text: &str) -> Result<Vec<u8>, PropertyError> {
    let mut value = Vec::new();
    let mut rest = text;
    loop {
        let inside = rest.strip_prefix('"').ok_or_else(|| PropertyError::AfterString {
            name: name.to_string(),
            rest: rest.to_string(),
        })?;
        let (inside, after) = inside.split_once('"').ok_or_else(|| PropertyError::Unclosed {
            name: name.to_string(),
            open: '"',
        })?;
        value.extend(string(inside));
        let after = after.trim_start();
        if after.is_empty() {
            return Ok(value);
        }
        // What follows a comma has to be a string again, and what follows without one is not.
        rest = after.strip_prefix(',').map_or(after, str::trim_start);
        if rest == after {
            return Err(PropertyError::AfterString {
                name: name.to_string(),
                rest: rest.to_string(),
            });
        }
    }
}

#[cfg(test)]
mod tests;
