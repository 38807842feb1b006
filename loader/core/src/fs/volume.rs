//! A window of blocks on a device: what a partition is for a file system.
//!
//! Reads take any range of bytes; their whole blocks go straight into the caller's slice. Nothing outside the window is ever touched,
//! whatever a file system says.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use hal::block::BLOCK_SIZE;
use hal::{BlockDevice, BlockError, BlockIdx, ReadPiece};
use thiserror::Error;

/// [`BLOCK_SIZE`] as offsets count.
pub const BLOCK: u64 = 512;

/// Looks on while blocks are moved.
pub trait Watch {
    /// Called while the device works: the console must not lose what is typed.
    fn meanwhile(&mut self);

    /// Called before each request: whether the user wants to stop.
    fn stop(&mut self) -> bool;
}

/// Nobody looks on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn meanwhile(&mut self) {}

    fn stop(&mut self) -> bool {
        false
    }
}

/// Why blocks could not be moved.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VolumeError {
    /// The device failed.
    #[error(transparent)]
    Device(#[from] BlockError),
    /// There is no card in the slot.
    #[error("{0}: no card present")]
    NoMedium(String),
    /// The volume begins beyond the medium.
    #[error("the partition begins at block {start}, the medium has {blocks} blocks")]
    BeyondMedium {
        /// Where it would begin.
        start: BlockIdx,
        /// How many blocks there are.
        blocks: u64,
    },
    /// A transfer runs out of the volume.
    #[error("{len} bytes at byte {offset} are not all on the volume, which has {size} bytes")]
    Outside {
        /// First byte, counted from the volume's start.
        offset: u64,
        /// How many bytes.
        len: usize,
        /// Bytes of the volume.
        size: u64,
    },
    /// The user ended it.
    #[error("Abort")]
    Aborted,
}

/// A window of blocks on a device. Blocks and bytes count from its start.
pub struct Volume<'a> {
    device: &'a mut dyn BlockDevice,
    watch: &'a mut dyn Watch,
    start: BlockIdx,
    blocks: u64,
    /// Whether the user is not listened to for now.
    deaf: bool,
    /// Requests that may still be made before the user is looked after.
    unwatched: usize,
}

impl<'a> Volume<'a> {
    /// The whole medium.
    ///
    /// # Errors
    /// [`VolumeError::NoMedium`].
    pub fn whole(device: &'a mut dyn BlockDevice, watch: &'a mut dyn Watch) -> Result<Self, VolumeError> {
        Self::new(device, watch, (BlockIdx(0), u64::MAX))
    }

    /// `window`, a first block and a number of blocks, as far as the medium has them.
    ///
    /// # Errors
    /// [`VolumeError::NoMedium`], or [`VolumeError::BeyondMedium`] if it has none of them.
    pub fn new(
        device: &'a mut dyn BlockDevice,
        watch: &'a mut dyn Watch,
        window: (BlockIdx, u64),
    ) -> Result<Self, VolumeError> {
        let (start, blocks) = window;
        let there = device.medium().map(|medium| medium.blocks);
        let there = there.ok_or_else(|| VolumeError::NoMedium(device.name().into()))?;
        let behind = there.checked_sub(start.get()).filter(|behind| *behind > 0);
        let behind = behind.ok_or(VolumeError::BeyondMedium { start, blocks: there })?;
        Ok(Self {
            device,
            watch,
            start,
            blocks: blocks.min(behind),
            deaf: false,
            unwatched: 0,
        })
    }

    /// How many blocks it has.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.blocks.saturating_mul(BLOCK)
    }

    /// Ends what takes long without moving blocks, too.
    ///
    /// # Errors
    /// [`VolumeError::Aborted`] if the user wants to stop.
    pub fn check(&mut self) -> Result<(), VolumeError> {
        self.watch.meanwhile();
        if !self.deaf && self.watch.stop() {
            return Err(VolumeError::Aborted);
        }
        Ok(())
    }

    /// As [`Volume::check`], before so many requests of `len` bytes together; of short ones only before every sixteenth: a look at the
    /// console can take as long as the request, and the device calls `meanwhile` while it takes long.
    fn look_up(&mut self, len: usize, requests: usize) -> Result<(), VolumeError> {
        const SHORT: usize = 512 * BLOCK_SIZE;
        const SKIPPED: usize = 15;
        if let Some(left) = self.unwatched.checked_sub(requests).filter(|_| len <= SHORT) {
            self.unwatched = left;
            return Ok(());
        }
        self.unwatched = SKIPPED;
        self.check()
    }

    /// Whether the user may stop what comes next: not while a file system is between two states.
    pub(super) fn let_stop(&mut self, may: bool) {
        self.deaf = !may;
    }

    /// Reads the bytes from byte `offset` on until `bytes` is full.
    ///
    /// # Errors
    /// [`VolumeError`]; `bytes` then holds anything.
    pub fn read(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), VolumeError> {
        self.read_by_blocks(offset, bytes, |volume, first, middle| volume.read_blocks(first, middle))
    }

    /// For reads all over the volume that need not end one after the other.
    pub fn gather<'v, 'b>(&'v mut self) -> Gather<'v, 'a, 'b> {
        Gather {
            volume: self,
            pieces: Vec::new(),
            room: 0,
        }
    }

    /// Reads as [`Volume::read`] does, and has `whole` read the blocks that are whole.
    fn read_by_blocks<'b>(
        &mut self,
        offset: u64,
        bytes: &'b mut [u8],
        whole: impl FnOnce(&mut Self, u64, &'b mut [u8]) -> Result<(), VolumeError>,
    ) -> Result<(), VolumeError> {
        self.inside(offset, bytes.len())?;
        let mut block = offset / BLOCK;
        let skipped = usize::try_from(offset % BLOCK).unwrap_or(0);
        let mut rest = bytes;
        if skipped != 0 {
            let ragged = rest.len().min(BLOCK_SIZE.saturating_sub(skipped));
            let (head, behind) = rest.split_at_mut(ragged);
            self.read_part(block, skipped, head)?;
            rest = behind;
            block = block.saturating_add(1);
        }
        let len = rest.len().saturating_sub(rest.len() % BLOCK_SIZE);
        let (middle, tail) = rest.split_at_mut(len);
        whole(self, block, middle)?;
        if tail.is_empty() {
            return Ok(());
        }
        let count = u64::try_from(len / BLOCK_SIZE).unwrap_or(u64::MAX);
        self.read_part(block.saturating_add(count), 0, tail)
    }

    /// Reads a part of one block, from byte `skipped` of it on.
    fn read_part(&mut self, block: u64, skipped: usize, bytes: &mut [u8]) -> Result<(), VolumeError> {
        let mut whole = [0; BLOCK_SIZE];
        self.read_blocks(block, &mut whole)?;
        let part = whole.get(skipped..skipped.saturating_add(bytes.len()));
        bytes.copy_from_slice(part.unwrap_or_default());
        Ok(())
    }

    /// Reads whole blocks from `first` on until `bytes` is full.
    ///
    /// # Errors
    /// [`VolumeError`]; `bytes` then holds anything.
    pub fn read_blocks(&mut self, first: u64, bytes: &mut [u8]) -> Result<(), VolumeError> {
        let mut at = self.place(first, bytes.len())?;
        for piece in bytes.chunks_mut(self.request_len()) {
            self.look_up(piece.len(), 1)?;
            let watch = &mut *self.watch;
            self.device.read(at, piece, &mut || watch.meanwhile())?;
            at = behind(at, piece.len());
        }
        Ok(())
    }

    /// Reads `pieces`, whose blocks are the device's, and which are no more than one request; there are none then.
    fn read_pieces(&mut self, pieces: &mut Vec<ReadPiece<'_>>) -> Result<(), VolumeError> {
        if pieces.is_empty() {
            return Ok(());
        }
        let len = pieces.iter().map(|piece| piece.bytes.len()).sum();
        self.look_up(len, pieces.len())?;
        let watch = &mut *self.watch;
        self.device.read_scattered(pieces, &mut || watch.meanwhile())?;
        pieces.clear();
        Ok(())
    }

    /// Bytes of one request: between requests Ctrl-C is noticed.
    fn request_len(&self) -> usize {
        self.device.request_blocks().max(1).saturating_mul(BLOCK_SIZE)
    }

    /// Writes whole blocks from `first` on. When it returns they are on the medium.
    ///
    /// # Errors
    /// [`VolumeError`]; the blocks then hold the old bytes, the new ones, or cannot be read.
    pub fn write_blocks(&mut self, first: u64, bytes: &[u8]) -> Result<(), VolumeError> {
        let mut at = self.place(first, bytes.len())?;
        for piece in bytes.chunks(self.request_len()) {
            self.look_up(piece.len(), 1)?;
            let watch = &mut *self.watch;
            self.device.write(at, piece, &mut || watch.meanwhile())?;
            at = behind(at, piece.len());
        }
        Ok(())
    }

    /// Writes `count` blocks of zeros from `first` on.
    ///
    /// # Errors
    /// [`VolumeError`].
    pub fn zero_blocks(&mut self, first: u64, count: u64) -> Result<(), VolumeError> {
        const PIECE: u64 = 64;
        let zeros = vec![0; usize::try_from(PIECE.min(count).saturating_mul(BLOCK)).unwrap_or(0)];
        let mut done = 0;
        while done < count {
            let piece = count.saturating_sub(done).min(PIECE);
            let bytes = usize::try_from(piece.saturating_mul(BLOCK)).unwrap_or(0);
            self.write_blocks(first.saturating_add(done), zeros.get(..bytes).unwrap_or_default())?;
            done = done.saturating_add(piece);
        }
        Ok(())
    }

    /// The device's block for the volume's block `first`, if whole blocks from there on are all on the volume.
    fn place(&self, first: u64, len: usize) -> Result<BlockIdx, VolumeError> {
        let offset = first.saturating_mul(BLOCK);
        self.inside(offset, len)?;
        let at = self.start.checked_add(first);
        at.ok_or_else(|| self.outside(offset, len))
    }

    fn inside(&self, offset: u64, len: usize) -> Result<(), VolumeError> {
        let end = u64::try_from(len).ok().and_then(|len| offset.checked_add(len));
        match end {
            Some(end) if end <= self.size() => Ok(()),
            _ => Err(self.outside(offset, len)),
        }
    }

    fn outside(&self, offset: u64, len: usize) -> VolumeError {
        let size = self.size();
        VolumeError::Outside { offset, len, size }
    }
}

/// Reads all over a volume, whose whole blocks go to the device many at a time. The bytes are there when [`Gather::finish`] says so.
pub struct Gather<'v, 'a, 'b> {
    volume: &'v mut Volume<'a>,
    /// What the device is yet to read.
    pieces: Vec<ReadPiece<'b>>,
    /// The bytes that may be added to them.
    room: usize,
}

impl<'b> Gather<'_, '_, 'b> {
    /// How many pieces the device is given at once. In QEMU, 16 at once take longer, 256 do not take less.
    const MOST: usize = 64;

    /// Reads as [`Volume::read`] does, at once or later.
    ///
    /// # Errors
    /// [`VolumeError`], of these bytes or of those of earlier calls. All of them then hold anything.
    pub fn read(&mut self, offset: u64, bytes: &'b mut [u8]) -> Result<(), VolumeError> {
        let (pieces, room) = (&mut self.pieces, &mut self.room);
        self.volume.read_by_blocks(offset, bytes, |volume, first, middle| {
            let mut first = volume.place(first, middle.len())?;
            for bytes in middle.chunks_mut(volume.request_len()) {
                if bytes.len() > *room || pieces.len() == Self::MOST {
                    volume.read_pieces(pieces)?;
                    *room = volume.request_len();
                }
                let next = behind(first, bytes.len());
                *room = room.saturating_sub(bytes.len());
                pieces.push(ReadPiece { first, bytes });
                first = next;
            }
            Ok(())
        })
    }

    /// Waits for all that is not read yet.
    ///
    /// # Errors
    /// As [`Gather::read`].
    pub fn finish(mut self) -> Result<(), VolumeError> {
        self.volume.read_pieces(&mut self.pieces)
    }
}

/// The block behind `bytes` bytes of whole blocks at `at`.
fn behind(at: BlockIdx, bytes: usize) -> BlockIdx {
    let count = u64::try_from(bytes / BLOCK_SIZE).unwrap_or(u64::MAX);
    at.checked_add(count).unwrap_or(at)
}

#[cfg(test)]
mod tests;
