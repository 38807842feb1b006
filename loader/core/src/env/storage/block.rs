//! Copies in blocks of a card or a disk, counted from its first: `CONFIG_ENV_IS_IN_MMC`.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use hal::BlockDevice;
use hal::block::BLOCK_SIZE;

use super::super::place::{self, BlockPlace};
use super::{Disks, Progress, StorageError, Store, Unstoppable};
use crate::fs::volume::BLOCK;
use crate::fs::{Volume, VolumeError};

/// Whether the copies can lie there.
///
/// # Errors
/// [`StorageError::Blocks`] unless each copy is whole blocks and shares none with the other.
pub(super) fn check(place: BlockPlace) -> Result<(), StorageError> {
    let size = place.size;
    let mut end_of_last = 0;
    for offset in place.copies.offsets(place.offset) {
        let end = offset.checked_add(size).filter(|_| offset >= end_of_last);
        let whole = offset.is_multiple_of(BLOCK) && size.is_multiple_of(BLOCK);
        end_of_last = end.filter(|_| whole).ok_or(StorageError::Blocks { offset, size })?;
    }
    Ok(())
}

/// Lets `work` work at the copies of a place that [`check`] has seen.
///
/// # Errors
/// [`StorageError::Device`] if the device is not there; those of `work`.
pub(super) fn with<R>(
    place: BlockPlace,
    (disks, progress): (&mut Disks, &mut dyn Progress),
    work: impl FnOnce(&mut dyn Store) -> Result<R, StorageError>,
) -> Result<R, StorageError> {
    let device = disks.ready(place.interface, place.number, &mut || progress.meanwhile())?;
    work(&mut Blocks {
        device,
        place,
        progress,
    })
}

/// A card or disk at work.
struct Blocks<'a> {
    device: &'a mut dyn BlockDevice,
    place: BlockPlace,
    progress: &'a mut dyn Progress,
}

impl Blocks<'_> {
    fn offset(&self, copy: usize) -> u64 {
        self.place.copies.offset(self.place.offset, copy)
    }

    fn size(&self) -> usize {
        usize::try_from(self.place.size).unwrap_or(0)
    }

    fn on_volume(&mut self, work: impl FnOnce(&mut Volume<'_>) -> Result<(), VolumeError>) -> Result<(), StorageError> {
        let mut watch = Unstoppable(&mut *self.progress);
        let mut volume = Volume::whole(&mut *self.device, &mut watch)?;
        Ok(work(&mut volume)?)
    }
}

impl Store for Blocks<'_> {
    fn name(&self, copy: usize) -> String {
        let (word, number) = (self.place.interface.word(), self.place.number);
        format!("{word} {number:x} at its byte {:#x}", self.offset(copy))
    }

    fn read(&mut self, copy: usize) -> Result<Vec<u8>, StorageError> {
        let offset = self.offset(copy);
        let mut image = vec![0; self.size()];
        self.on_volume(|volume| volume.read(offset, &mut image))?;
        Ok(image)
    }

    /// The first block last: it has the checksum and the flag, and what it has of a former copy fits no other content.
    fn write(&mut self, copy: usize, image: &[u8]) -> Result<(), StorageError> {
        let redundant = if copy > 0 { "redundant " } else { "" };
        let (word, number) = (place::word(self.place.interface), self.place.number);
        self.progress
            .writing(&format!("Writing to {redundant}{word}({number})... "));
        let first = self.offset(copy) / BLOCK;
        let (head, rest) = image.split_at_checked(BLOCK_SIZE).unwrap_or((image, &[]));
        self.on_volume(|volume| {
            volume.write_blocks(first.saturating_add(1), rest)?;
            volume.write_blocks(first, head)
        })
    }

    fn erase(&mut self, copy: usize) -> Result<(), StorageError> {
        let first = self.offset(copy) / BLOCK;
        let erased = vec![0xff; self.size()];
        self.on_volume(|volume| volume.write_blocks(first, &erased))
    }
}
