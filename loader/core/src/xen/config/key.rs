//! What a key means, and which one was probably meant.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The longest name of a node, and of a property, in characters (Devicetree Specification 2.2.1 and 2.2.4.1).
pub(super) const MAX_NAME: usize = 31;

/// The longest key for which one with a similar name is looked for.
const MAX_SIMILAR: usize = 48;

/// What a key means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// `default`, in `[global]`.
    Default,
    /// `chain`, in `[global]`.
    Chain,
    /// One that counts once.
    Once(Once),
    /// `binary`.
    Binary,
    /// `module`.
    Module,
    /// A line about the domain of that name.
    Domain(String, Part),
    /// One that means something for a PC only.
    X86,
    /// None of these.
    Unknown,
}

/// Keys that count once in a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Once {
    Options,
    Xen,
    Kernel,
    Ramdisk,
    Xsm,
    Dtb,
}

/// What a line says about a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Kernel,
    Ramdisk,
    Dtb,
    Property,
}

/// Why the number behind `domu` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberError {
    Missing,
    TooLarge,
}

/// What a key means.
pub(super) fn classify(key: &str) -> Result<Key, NumberError> {
    Ok(match key {
        "default" => Key::Default,
        "chain" => Key::Chain,
        "options" => Key::Once(Once::Options),
        "xen" => Key::Once(Once::Xen),
        "kernel" => Key::Once(Once::Kernel),
        "ramdisk" => Key::Once(Once::Ramdisk),
        "xsm" => Key::Once(Once::Xsm),
        "dtb" => Key::Once(Once::Dtb),
        "binary" => Key::Binary,
        "module" => Key::Module,
        "ucode" | "video" | "gfx-mode" => Key::X86,
        _ => match key
            .rsplit_once('_')
            .and_then(|(name, part)| Some((name, part_of(part)?)))
        {
            Some((name, part)) => domain(name)?.map_or(Key::Unknown, |name| Key::Domain(name, part)),
            None => Key::Unknown,
        },
    })
}

fn part_of(name: &str) -> Option<Part> {
    match name {
        "kernel" => Some(Part::Kernel),
        "ramdisk" => Some(Part::Ramdisk),
        "dtb" => Some(Part::Dtb),
        "property" => Some(Part::Property),
        _ => None,
    }
}

/// The domain that is written as `name`; `None` if it can be none.
fn domain(name: &str) -> Result<Option<String>, NumberError> {
    match name.strip_prefix("domu") {
        Some("") => Err(NumberError::Missing),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let number: u32 = digits.parse().map_err(|_| NumberError::TooLarge)?;
            Ok(Some(format!("domu{number}")))
        }
        _ => Ok(is_node_name(name).then(|| name.to_string())),
    }
}

/// Whether a node may be called so (Devicetree Specification 2.2.1). That a name begins with a letter is left to who looks for the node.
fn is_node_name(name: &str) -> bool {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b",._+-".contains(&byte);
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(may_stand)
}

/// The keys of a section, of which one may be meant; those of `[global]`, which look alike, too.
const KEYS: &[&str] = &[
    "binary", "chain", "default", "dtb", "kernel", "module", "options", "ramdisk", "xen", "xsm",
];

/// The parts of a domain.
const PARTS: &[&str] = &["dtb", "kernel", "property", "ramdisk"];

/// What other files call the same things, and what that is here.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("append", "options"),
    ("bootargs", "options"),
    ("cmdline", "options"),
    ("devicetree", "dtb"),
    ("fdt", "dtb"),
    ("initramfs", "ramdisk"),
    ("initrd", "ramdisk"),
    ("linux", "kernel"),
    ("properties", "property"),
];

/// The key that was probably meant by one that is unknown.
pub(super) fn similar(key: &str) -> Option<String> {
    if key.len() > MAX_SIMILAR {
        return None;
    }
    if let Some(found) = closest(key, KEYS) {
        return Some(found.to_string());
    }
    let (name, part) = key.rsplit_once('_')?;
    let name = domain(name).ok()??;
    closest(part, PARTS).map(|part| format!("{name}_{part}"))
}

fn closest<'a>(key: &str, keys: &[&'a str]) -> Option<&'a str> {
    let key = key.to_ascii_lowercase();
    let renamed = OTHER_NAMES
        .iter()
        .find(|(other, _)| *other == key)
        .map(|(_, ours)| *ours);
    let wanted = renamed.unwrap_or(&key);
    let close = keys.iter().map(|known| (distance(wanted, known), *known));
    let close = close.filter(|(distance, known)| *distance <= known.len().checked_div(3).unwrap_or_default());
    close.min().map(|(_, known)| known)
}

/// How many letters must be added, taken away or changed to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.bytes().enumerate() {
        let (mut diagonal, mut left) = (index, index.saturating_add(1));
        let mut cells = row.iter_mut();
        if let Some(first) = cells.next() {
            *first = left;
        }
        for (cell, theirs) in cells.zip(other.bytes()) {
            let cost = if letter == theirs {
                diagonal
            } else {
                diagonal.min(*cell).min(left).saturating_add(1)
            };
            diagonal = *cell;
            *cell = cost;
            left = cost;
        }
    }
    row.last().copied().unwrap_or_default()
}
