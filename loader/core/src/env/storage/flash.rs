//! Copies in a NOR flash.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use hal::Flash;

use super::super::place::{FlashPlace, Place};
use super::{FLAG, Header, Progress, StorageError, Store};

/// The flag byte of the copy that does not count.
const OBSOLETE: u8 = 0;

/// Whether the copies can lie there.
///
/// # Errors
/// [`StorageError::Place`] unless each copy begins with an erase block and shares none with the other.
pub(super) fn check(flash: &dyn Flash, place: FlashPlace) -> Result<(), StorageError> {
    let (size, region) = (place.size, flash.region());
    let mut end_of_last = 0;
    for offset in place.copies.offsets(place.offset) {
        let wrong = || StorageError::Place {
            offset,
            size,
            flash: region,
        };
        let last = size.checked_sub(1).and_then(|behind| offset.checked_add(behind));
        let first_block = flash.erase_block(offset).ok_or_else(wrong)?;
        let last_block = last.and_then(|last| flash.erase_block(last)).ok_or_else(wrong)?;
        if first_block.start != offset || offset < end_of_last {
            return Err(wrong());
        }
        end_of_last = last_block.end;
    }
    Ok(())
}

/// A flash at work.
pub(super) struct Cells<'a> {
    flash: &'a mut dyn Flash,
    place: FlashPlace,
    progress: &'a mut dyn Progress,
}

impl<'a> Cells<'a> {
    /// The copies of `place`, which [`check`] has seen.
    pub(super) fn new(flash: &'a mut dyn Flash, place: FlashPlace, progress: &'a mut dyn Progress) -> Self {
        Self { flash, place, progress }
    }

    fn offset(&self, copy: usize) -> u64 {
        self.place.copies.offset(self.place.offset, copy)
    }

    fn program(&mut self, copy: usize, at: usize, bytes: &[u8]) -> Result<(), StorageError> {
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        let offset = self.offset(copy).saturating_add(at);
        let progress = &mut *self.progress;
        Ok(self.flash.program(offset, bytes, &mut || progress.meanwhile())?)
    }
}

impl Store for Cells<'_> {
    fn name(&self, copy: usize) -> String {
        let start = self.flash.region().start();
        let address = start.checked_add(self.offset(copy)).unwrap_or(start);
        alloc::format!("the flash at {address}")
    }

    fn read(&mut self, copy: usize) -> Result<Vec<u8>, StorageError> {
        let mut image = vec![0; usize::try_from(self.place.size).unwrap_or(0)];
        self.flash.read(self.offset(copy), &mut image)?;
        Ok(image)
    }

    /// Content, checksum, flag.
    fn write(&mut self, copy: usize, image: &[u8]) -> Result<(), StorageError> {
        self.erase(copy)?;
        let header = Place::Flash(self.place).arrangement().header();
        let (head, content) = image.split_at_checked(header.size()).unwrap_or((image, &[]));
        self.program(copy, header.size(), content)?;
        self.program(copy, 0, head.get(..FLAG).unwrap_or(head))?;
        match head.get(FLAG..) {
            Some(flag) if header == Header::Flagged => self.program(copy, FLAG, flag),
            _ => Ok(()),
        }
    }

    fn erase(&mut self, copy: usize) -> Result<(), StorageError> {
        let mut at = self.offset(copy);
        let end = at.saturating_add(self.place.size);
        let progress = &mut *self.progress;
        while at < end {
            self.flash.erase(at, &mut || progress.meanwhile())?;
            // `check` has seen that there is a block up to the end.
            at = self.flash.erase_block(at).map_or(end, |block| block.end);
        }
        Ok(())
    }

    fn retire(&mut self, copy: usize) -> Result<(), StorageError> {
        self.program(copy, FLAG, &[OBSOLETE])
    }
}
