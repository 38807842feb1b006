//! Where the image and the tree go: as loaded if the protocol allows it, else moved to free RAM.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::{PhysAddr, Region};
use thiserror::Error;

use super::Finding;
use super::plan::{Image, Packing};
use crate::image::{arm64, gzip};
use crate::memory::{Memory, MemoryError};

/// The largest image that can be Xen: it maps itself with 2 MiB (up to 4.17) or 8 MiB of tables.
pub(super) const XEN_MAX: u64 = 0x80_0000;

/// A property name that is in every Xen binary for Arm since 4.3, and in no kernel.
const XEN_MARK: &[u8] = b"xen,xen-bootargs";
/// A part of [`crate::console::VERSION`]: this loader has the name of that property, too.
const OWN_MARK: &[u8] = b"(speaks U-Boot ";

/// Alignment of a tree that is moved; 8 bytes would do (booting.rst, part 2).
const TREE_ALIGNMENT: u64 = 0x1000;

/// Why there is no place for the image or the tree.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlaceError {
    /// Not an arm64 `Image`.
    #[error("{name} at {at}: {source}")]
    Header {
        /// The file's name.
        name: String,
        /// Its first address.
        at: PhysAddr,
        /// What is wrong with its header.
        source: arm64::Error,
    },
    /// A gzip file that cannot be opened.
    #[error("{name} at {at}: {source}")]
    Gzip {
        /// The file's name.
        name: String,
        /// Its first address.
        at: PhysAddr,
        /// What is wrong with it.
        source: gzip::Error,
    },
    /// No free region is large enough.
    #[error("{what} needs {len:#x} bytes of free RAM in one piece, and there is no such place left")]
    NoRoom {
        /// What is to be placed.
        what: String,
        /// How much it needs.
        len: u64,
    },
    /// The place that it must have is taken.
    #[error("{name} must lie at {target}, but {obstacle} is in the way")]
    Taken {
        /// The file's name.
        name: String,
        /// The place.
        target: Region,
        /// What is there.
        obstacle: String,
    },
    /// The bytes are not readable RAM.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// An image as loaded, and where its command wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The file's name.
    pub name: String,
    /// Its bytes, without wrapping.
    pub source: Region,
    /// How they are packed.
    pub packing: Packing,
    /// Where it is wanted, if it matters: where it was loaded, or the load address of its header.
    pub wanted: Option<PhysAddr>,
    /// Where to start it if it is no arm64 `Image`. It must then lie where it is wanted.
    pub raw_entry: Option<PhysAddr>,
}

/// Finds the place of an arm64 `Image` and says so if it is another than wanted. `occupied` is what must stay: modules,
/// ramdisk, tree.
///
/// # Errors
/// [`PlaceError`] if it is no image or there is no room.
pub fn image(
    memory: &Memory,
    loaded: &Loaded,
    occupied: &[Region],
    findings: &mut Vec<Finding>,
) -> Result<Image, PlaceError> {
    let (header, len) = match header(memory, loaded) {
        Err(PlaceError::Header { .. }) if loaded.raw_entry.is_some() => return raw(memory, loaded, occupied),
        other => other?,
    };
    let own = (loaded.packing == Packing::Plain).then_some(loaded.source);
    let free = |target: &Region| obstacle(memory, *target, own, occupied).is_none();
    let at = |start: PhysAddr| Region::new(start, len);
    let wanted = loaded.wanted.filter(|start| header.fits_at(start.get())).and_then(at);
    let target = wanted.filter(free);
    let target = target.or_else(|| lowest(memory, &header).and_then(at).filter(free));
    let target = target.or_else(|| next(loaded.wanted?, &header).and_then(at).filter(free));
    let target = target.or_else(|| highest(memory, &header, len, own, occupied));
    let target = target.ok_or_else(|| PlaceError::NoRoom {
        what: loaded.name.clone(),
        len,
    })?;
    match wanted {
        Some(wanted) if wanted != target => {
            let obstacle = obstacle(memory, wanted, own, occupied).unwrap_or_default();
            findings.push(Finding::warning(format_args!(
                "{} would take {wanted} with its BSS, {obstacle} is in the way: moved to {}",
                loaded.name,
                target.start()
            )));
        }
        None if loaded.wanted.is_some() => findings.push(Finding::note(format_args!(
            "Moving Image from {} to {}, end={}",
            loaded.source.start(),
            target.start(),
            target.end()
        ))),
        _ => {}
    }
    let is_xen = loaded.packing == Packing::Plain && is_xen(memory, loaded.source);
    Ok(Image {
        name: loaded.name.clone(),
        is_xen,
        source: loaded.source,
        packing: loaded.packing,
        target,
        entry: target.start(),
    })
}

/// Something that is no `Image`, for the place and the entry that it was wrapped with.
fn raw(memory: &Memory, loaded: &Loaded, occupied: &[Region]) -> Result<Image, PlaceError> {
    let len = match loaded.packing {
        Packing::Plain => loaded.source.len(),
        Packing::Gzip => gzip::stated_size(memory.bytes(loaded.source)?).map_or(0, u64::from),
    };
    let start = loaded.wanted.unwrap_or(loaded.source.start());
    let target = Region::new(start, len).ok_or(MemoryError::Wraps { start, len })?;
    let own = (loaded.packing == Packing::Plain).then_some(loaded.source);
    let name = loaded.name.clone();
    if let Some(obstacle) = obstacle(memory, target, own, occupied) {
        return Err(PlaceError::Taken { name, target, obstacle });
    }
    Ok(Image {
        name,
        is_xen: false,
        source: loaded.source,
        packing: loaded.packing,
        target,
        entry: loaded.raw_entry.unwrap_or(start),
    })
}

/// The image's header and the bytes it takes at run time.
fn header(memory: &Memory, loaded: &Loaded) -> Result<(arm64::Header, u64), PlaceError> {
    let (name, at) = (loaded.name.clone(), loaded.source.start());
    let bytes = memory.bytes(loaded.source)?;
    let mut start = [0; 64];
    let (parsed, len) = match loaded.packing {
        Packing::Plain => (arm64::Header::parse(bytes), loaded.source.len()),
        Packing::Gzip => {
            let shown = gzip::peek(bytes, &mut start).map_err(|source| PlaceError::Gzip {
                name: name.clone(),
                at,
                source,
            })?;
            let len = gzip::stated_size(bytes).map_or(0, u64::from);
            (arm64::Header::parse(start.get(..shown).unwrap_or_default()), len)
        }
    };
    let header = parsed.map_err(|source| PlaceError::Header { name, at, source })?;
    Ok((header, header.memory_size(len)))
}

/// Where an image goes that cannot use the RAM below it: as low as there is RAM.
fn lowest(memory: &Memory, header: &arm64::Header) -> Option<PhysAddr> {
    let bank = memory.banks().first().filter(|_| !header.may_lie_anywhere())?;
    bank.start()
        .align_up(arm64::ALIGNMENT)?
        .checked_add(header.text_offset())
}

/// The next place at or above `wanted` that the protocol allows.
fn next(wanted: PhysAddr, header: &arm64::Header) -> Option<PhysAddr> {
    let base = PhysAddr(wanted.get().saturating_sub(header.text_offset()));
    base.align_up(arm64::ALIGNMENT)?.checked_add(header.text_offset())
}

/// The highest free place that the protocol allows.
fn highest(
    memory: &Memory,
    header: &arm64::Header,
    len: u64,
    own: Option<Region>,
    occupied: &[Region],
) -> Option<Region> {
    let whole = header.text_offset().checked_add(len)?;
    let found = free_place(memory, (whole, arm64::ALIGNMENT), own, occupied)?;
    found.slice(header.text_offset(), len)
}

/// The highest free region of that length and alignment that touches neither `own` nor anything `occupied`.
fn free_place(
    memory: &Memory,
    (len, alignment): (u64, u64),
    own: Option<Region>,
    occupied: &[Region],
) -> Option<Region> {
    let also: Vec<Region> = occupied.iter().chain(&own).copied().collect();
    memory.free(&also).highest(len, alignment, None)
}

/// What keeps `target` from being written, in words; the image's own file does not.
fn obstacle(memory: &Memory, target: Region, own: Option<Region>, occupied: &[Region]) -> Option<String> {
    if let Err(error) = memory.check(target) {
        return Some(error.to_string());
    }
    let is_own = |region: Region| own.is_some_and(|own| region.covers(own));
    if let Some(file) = memory.files_in(target).find(|file| !is_own(file.region)) {
        return Some(alloc::format!("{} at {}", file.name, file.region));
    }
    let hit = occupied.iter().find(|region| region.overlaps(target));
    hit.map(|region| alloc::format!("what lies at {region}"))
}

/// Whether an `Image` that is Xen lies there.
#[must_use]
pub fn is_xen(memory: &Memory, region: Region) -> bool {
    let bytes = memory.bytes(region).unwrap_or_default();
    arm64::Header::parse(bytes).is_ok_and(|header| header.memory_size(region.len()) <= XEN_MAX)
        && has(bytes, XEN_MARK)
        && !has(bytes, OWN_MARK)
}

/// Whether `mark` is anywhere in `bytes`.
///
/// Wherever it lies, one byte of each of its lengths is one of its own, so that the others need no look. Kernels are looked at too: all
/// bytes of one, be it with vector instructions (the `memchr` crate), take an emulator 30 ms.
fn has(bytes: &[u8], mark: &[u8]) -> bool {
    let mut letters = [false; 256];
    for letter in mark {
        if let Some(own) = letters.get_mut(usize::from(*letter)) {
            *own = true;
        }
    }
    let starts = |at: usize, letter: u8| {
        let places = mark.iter().enumerate().filter(move |(_, own)| **own == letter);
        places.filter_map(move |(offset, _)| at.checked_sub(offset))
    };
    let is_mark = |start: usize| bytes.get(start..).is_some_and(|rest| rest.starts_with(mark));
    let looked_at = bytes.iter().enumerate().skip(mark.len().saturating_sub(1));
    looked_at
        .step_by(mark.len().max(1))
        .filter(|(_, letter)| letters.get(usize::from(**letter)) == Some(&true))
        .any(|(at, letter)| starts(at, *letter).any(is_mark))
}

/// Finds the place of the tree, `len` bytes: where it was loaded, if that is aligned and nothing else is there.
///
/// # Errors
/// [`PlaceError::NoRoom`].
pub fn tree(memory: &Memory, at: Option<Region>, len: u64, occupied: &[Region]) -> Result<Region, PlaceError> {
    let in_place = at
        .and_then(|at| Region::new(at.start(), len))
        .filter(|place| place.start().is_aligned(8) && obstacle(memory, *place, at, occupied).is_none());
    in_place
        .or_else(|| free_place(memory, (len, TREE_ALIGNMENT), at, occupied))
        .ok_or_else(|| PlaceError::NoRoom {
            what: "the device tree".to_string(),
            len,
        })
}

#[cfg(test)]
mod tests;
