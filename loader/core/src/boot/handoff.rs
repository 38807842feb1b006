//! Carries the plan out: the image is moved or unpacked to its place, the tree written, the jump described.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use hal::{HandOver, Region};
use thiserror::Error;

use super::map::Layout;
use super::plan::{Image, Packing};
use crate::image::gzip;
use crate::memory::{Claim, Memory, MemoryError};

/// Bytes copied or unpacked between two looks at the keyboard.
const PIECE: u64 = 0x4_0000;

/// Why the image is not in its place.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum HandoffError {
    /// A place that was free a moment ago cannot be written.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The image cannot be unpacked.
    #[error("{name}: {source}")]
    Unpack {
        /// The file's name.
        name: String,
        /// What is wrong with it.
        source: gzip::Error,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

/// Says whether to stop: Ctrl-C was typed.
pub type Interrupted<'a> = &'a mut dyn FnMut() -> bool;

/// Puts the image and the tree's `blob` in their places; returns the jump that is left to do.
///
/// # Errors
/// [`HandoffError`]; then the tree was not written, and the image's place holds a part of it.
pub fn prepare(
    memory: &mut Memory,
    layout: &Layout,
    blob: &[u8],
    interrupted: Interrupted<'_>,
) -> Result<HandOver, HandoffError> {
    let image = &layout.image;
    if image.packing == Packing::Gzip || image.target.start() != image.source.start() {
        put_image(memory, image, interrupted)?;
    }
    let claim = memory.claim(layout.tree.start(), layout.tree.len(), "the device tree")?;
    memory.write(&claim, 0, blob)?;
    memory.record(claim, layout.tree.len());
    let mut clean: Vec<Region> = layout.parts().into_iter().map(|part| part.region).collect();
    clean.dedup();
    Ok(HandOver {
        entry: image.entry,
        device_tree: layout.tree.start(),
        clean,
    })
}

fn put_image(memory: &mut Memory, image: &Image, interrupted: Interrupted<'_>) -> Result<(), HandoffError> {
    let claim = memory.claim(image.target.start(), image.target.len(), &image.name)?;
    let done = match image.packing {
        Packing::Plain => copy(memory, image.source, &claim, interrupted),
        Packing::Gzip => unpack(memory, (&image.name, image.source), &claim, interrupted),
    };
    match done {
        Ok(len) => {
            memory.record(claim, len);
            Ok(())
        }
        Err(error) => {
            memory.abandon(claim, image.target.len());
            Err(error)
        }
    }
}

/// Copies `source` to the start of the claim; they may overlap. Gives the bytes copied.
///
/// # Errors
/// [`HandoffError::Memory`], [`HandoffError::Interrupted`].
pub fn copy(
    memory: &mut Memory,
    source: Region,
    claim: &Claim,
    interrupted: Interrupted<'_>,
) -> Result<u64, HandoffError> {
    let len = source.len();
    let upwards = claim.region().start() > source.start();
    let mut done = 0;
    while done < len {
        let piece = PIECE.min(len.saturating_sub(done));
        // Towards higher addresses the last piece goes first, or it would be written over before it is read.
        let offset = if upwards {
            len.saturating_sub(done).saturating_sub(piece)
        } else {
            done
        };
        let Some(part) = source.slice(offset, piece) else { break };
        let bytes: Box<[u8]> = memory.bytes(part)?.into();
        memory.write(claim, offset, &bytes)?;
        done = done.saturating_add(piece);
        if interrupted() {
            return Err(HandoffError::Interrupted);
        }
    }
    Ok(len)
}

/// Unpacks the gzip file called `name` at `packed` to the start of the claim. Gives the bytes that came out.
///
/// # Errors
/// Every [`HandoffError`].
pub fn unpack(
    memory: &mut Memory,
    (name, packed): (&str, Region),
    claim: &Claim,
    interrupted: Interrupted<'_>,
) -> Result<u64, HandoffError> {
    let failed = |source| HandoffError::Unpack {
        name: name.into(),
        source,
    };
    let header = gzip::header_len(memory.bytes(packed)?).map_err(failed)?;
    let mut at = u64::try_from(header).unwrap_or(u64::MAX);
    let mut inflater = gzip::Inflater::new();
    let mut piece = vec![0; usize::try_from(PIECE).unwrap_or(0)];
    loop {
        let len = PIECE.min(packed.len().saturating_sub(at));
        let part = packed.slice(at, len);
        let bytes = part.map(|part| memory.bytes(part)).transpose()?.unwrap_or_default();
        let input = piece.get_mut(..bytes.len()).unwrap_or_default();
        input.copy_from_slice(bytes);
        if let gzip::Progress::Done(len) = inflater.feed(input, memory.bytes_mut(claim)?).map_err(failed)? {
            return Ok(len);
        }
        at = at.saturating_add(len);
        if interrupted() {
            return Err(HandoffError::Interrupted);
        }
    }
}

#[cfg(test)]
mod tests;
