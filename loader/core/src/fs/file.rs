//! An open file: where on the volume its bytes are.

use alloc::string::String;
use alloc::vec::Vec;

use super::FsError;
use super::volume::Volume;

/// How many pieces a file may be in: 768 KiB of memory. A file of 64 MiB in clusters of 4 KiB has at most half as many.
pub(super) const MAX_PIECES: usize = 32_768;

/// Bytes of a file that lie in a row on the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The first one's number in the file.
    pub(super) at: u64,
    /// The first one's number on the volume.
    pub(super) place: u64,
    /// How many.
    pub(super) len: u64,
}

impl Piece {
    fn end(&self) -> u64 {
        self.at.saturating_add(self.len)
    }
}

/// A file that was opened. It is good for the file system that opened it, until the file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    name: String,
    size: u64,
    /// In the file's order, without overlaps; what is between them is zeros.
    pieces: Vec<Piece>,
}

impl File {
    pub(super) fn new(name: &str, size: u64, pieces: Vec<Piece>) -> Self {
        let name = name.into();
        Self { name, size, pieces }
    }

    /// The path that it was opened with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// In how many pieces it lies on the medium, one request or more each.
    #[must_use]
    pub fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Where on the volume byte `offset` is; `None` if it is a zero that is nowhere.
    pub(super) fn place(&self, offset: u64) -> Option<u64> {
        let at = self.pieces.partition_point(|piece| piece.end() <= offset);
        let piece = self.pieces.get(at).filter(|piece| piece.at <= offset)?;
        piece.place.checked_add(offset.checked_sub(piece.at)?)
    }

    /// Reads as [`super::FileSystem::read`] does.
    pub(super) fn read(&self, volume: &mut Volume<'_>, offset: u64, bytes: &mut [u8]) -> Result<(), FsError> {
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let end = offset.saturating_add(len);
        if end > self.size {
            let (name, size) = (self.name.clone(), self.size);
            return Err(FsError::BeyondFile {
                name,
                size,
                offset,
                end,
            });
        }
        let first = self.pieces.partition_point(|piece| piece.end() <= offset);
        let mut pieces = self.pieces.get(first..).unwrap_or_default().iter();
        let (mut at, mut rest) = (offset, bytes);
        let mut gather = volume.gather();
        while !rest.is_empty() {
            let piece = pieces.next();
            // Up to the next piece there is nothing on the volume.
            let gap = piece.map_or(end, |piece| piece.at.clamp(at, end)).saturating_sub(at);
            rest = fill(rest, gap);
            at = at.saturating_add(gap);
            let Some(piece) = piece else { continue };
            let here = piece.end().min(end).saturating_sub(at);
            let from = piece.place.saturating_add(at.saturating_sub(piece.at));
            let (now, later) = split(rest, here);
            gather.read(from, now)?;
            rest = later;
            at = at.saturating_add(here);
        }
        Ok(gather.finish()?)
    }
}

fn split(bytes: &mut [u8], at: u64) -> (&mut [u8], &mut [u8]) {
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    bytes.split_at_mut(at)
}

/// Makes the first `count` bytes zeros, and gives the others.
fn fill(bytes: &mut [u8], count: u64) -> &mut [u8] {
    let (zeros, rest) = split(bytes, count);
    zeros.fill(0);
    rest
}
