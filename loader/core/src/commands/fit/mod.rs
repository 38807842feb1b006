//! FIT images at the prompt: how words name their parts, and parts verified as U-Boot does.

mod boot;
mod describe;
mod put;

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Write;

use hal::{PhysAddr, Region};

use super::legacy::Refusal;
use super::start::{File, file_at, readable};
use crate::context::{CommandError, Context};
use crate::digest::Digest;
use crate::image::detect;
use crate::image::fit::{self, Fit, Image};
use crate::memory::MemoryError;

pub(super) use boot::{kernel, ramdisk, tree};
pub(super) use describe::describe;
pub(super) use put::{Packed, put};

/// Bytes hashed between two looks at the keyboard.
const PIECE: u64 = 0x4_0000;

/// What a word names: `ADDRESS`, `ADDRESS:IMAGE` or `ADDRESS#CONFIGURATION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) address: PhysAddr,
    pub(super) part: Part,
}

/// Which part of a FIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// What the default configuration says.
    Default,
    /// This image; the default one if the name is empty, for who has such a thing.
    Image(String),
    /// What this configuration says. More of them may follow, each behind a `#`: their device trees are overlays.
    Configuration(String),
}

impl Selector {
    /// Reads `word`; `default` is the address where it has none.
    pub(super) fn parse(context: &mut Context, word: &str, default: Option<u64>) -> Result<Self, CommandError> {
        let (address, part) = match word.find([':', '#']).and_then(|at| word.split_at_checked(at)) {
            None => (word, Part::Default),
            Some((address, rest)) => (address, named(rest)),
        };
        let address = match (address, default) {
            ("", Some(default)) => default,
            _ => context.hexadecimal(address)?,
        };
        Ok(Self {
            address: PhysAddr(address),
            part,
        })
    }
}

/// The part behind a `:` or `#`. Behind a `#` an empty name is the default configuration.
fn named(rest: &str) -> Part {
    let configuration = rest.strip_prefix('#').filter(|name| !name.is_empty());
    match (rest.strip_prefix(':'), configuration) {
        (Some(name), _) => Part::Image(name.into()),
        (_, Some(name)) => Part::Configuration(name.into()),
        _ => Part::Default,
    }
}

/// A FIT that lies in RAM.
pub(super) struct Loaded {
    pub(super) fit: Fit,
    pub(super) file: File,
}

/// Whether what lies at `address` begins as a FIT does.
pub(super) fn is_fit(context: &Context, address: PhysAddr) -> bool {
    readable(context, address).is_ok_and(|bytes| detect::kind(bytes) == detect::Kind::DeviceTree)
}

/// Reads the FIT at `address`.
pub(super) fn open(context: &Context, address: PhysAddr) -> Result<Loaded, Refusal> {
    let bytes = readable(context, address);
    let name = file_at(context, address).map_or_else(|| "what is".to_string(), |file| file.name);
    let bad = |error: &dyn core::fmt::Display| {
        Refusal::new("Bad FIT image format", format_args!("{name} at {address}: {error}"))
    };
    let bytes = bytes.map_err(|error: MemoryError| bad(&error))?;
    let fit = Fit::parse(bytes).map_err(|error| bad(&error))?;
    let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let region = Region::new(address, len).ok_or_else(|| bad(&"it runs past the end of the address space"))?;
    Ok(Loaded {
        fit,
        file: File { name, region },
    })
}

impl Loaded {
    /// Where the data of `image` lie.
    pub(super) fn data(&self, image: &Image<'_>) -> Result<Region, fit::Error> {
        let (offset, len) = image.data()?;
        let outside = || fit::Error::Outside {
            name: image.name().into(),
            offset,
            len,
            file: self.file.region.len(),
        };
        self.file.region.slice(offset, len).ok_or_else(outside)
    }

    /// What the data of `image` are called from now on.
    pub(super) fn name_of(&self, image: &Image<'_>) -> String {
        format!("{}:{}", self.file.name, image.name())
    }
}

/// Why the data of an image are not to be used.
pub(super) enum Unverified {
    /// Ctrl-C.
    Interrupted,
    /// They are not what they should be.
    Bad(Refusal),
}

impl Unverified {
    /// The error of a command whose last words in such a case are `closing`.
    pub(super) fn closed_by(self, closing: &str) -> CommandError {
        match self {
            Self::Interrupted => CommandError::Interrupted,
            Self::Bad(refusal) => refusal.closed_by(closing),
        }
    }
}

impl From<Refusal> for Unverified {
    fn from(refusal: Refusal) -> Self {
        Self::Bad(refusal)
    }
}

/// Verifies every hash of `image` over its data, and prints each with a `+` on one line that is left open. Signatures are not
/// verified: they are printed with a `-`, as U-Boot does for keys that it does not ask for.
pub(super) fn verify(context: &mut Context, loaded: &Loaded, image: &Image<'_>) -> Result<Region, Unverified> {
    let (name, at) = (&loaded.file.name, loaded.file.region.start());
    let region = loaded.data(image).map_err(|error| {
        Unverified::Bad(Refusal::new(
            "Could not find image data",
            format_args!("{name} at {at}: {error}"),
        ))
    })?;
    for hash in image.hashes() {
        if hash.ignored {
            say_on(context, &format!("{}-skipped ", hash.algorithm));
            continue;
        }
        let bad = |why: &str| {
            let (node, image) = (hash.node, image.name());
            Refusal::new(
                format!(
                    "{} error!\nBad hash value for '{node}' hash node in '{image}' image node",
                    hash.algorithm
                ),
                format_args!("{name} at {at}: {why}"),
            )
        };
        let Some(algorithm) = hash.known() else {
            return Err(bad(&format!("there is no hash algorithm '{}' here", hash.algorithm)).into());
        };
        let computed = digest(context, region, Digest::new(algorithm))?;
        if computed.as_slice() != hash.value {
            let (computed, stored) = (digits(&computed), digits(hash.value));
            let image = image.name();
            return Err(bad(&format!(
                "the {algorithm} of '{image}' is {computed}, the FIT says {stored}"
            ))
            .into());
        }
        say_on(context, &format!("{algorithm}+ "));
    }
    for signature in image.signatures() {
        say_on(context, &format!("{signature}- "));
    }
    Ok(region)
}

fn digest(context: &mut Context, region: Region, mut digest: Digest) -> Result<crate::digest::Hash, Unverified> {
    let mut at = 0;
    while at < region.len() {
        let len = PIECE.min(region.len().saturating_sub(at));
        let Some(piece) = region.slice(at, len) else { break };
        let bytes = context.memory.bytes(piece);
        digest.update(bytes.map_err(|error| Refusal::new("Could not find image data", error))?);
        at = at.saturating_add(len);
        if context.terminal.interrupted() {
            return Err(Unverified::Interrupted);
        }
    }
    Ok(digest.finish())
}

/// Prints without ending the line. Control characters, which a FIT may hold, do not reach the terminal.
pub(super) fn say_on(context: &mut Context, text: &str) {
    let shown: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    // What the terminal cannot send is dropped there.
    let _ = context.terminal.write_str(&shown);
}

/// Bytes as hexadecimal digits.
fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(super) mod tests;
