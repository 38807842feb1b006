//! Where the environment outlives a reset: one or two copies in a NOR flash.
//!
//! However the power fails while it is saved, one whole copy is left. That takes two copies, of which the one that does not
//! count is written first, its checksum last:
//!
//! * [`Copies::Backup`]: both are images as U-Boot has them without redundancy. The first counts if it is whole, otherwise the
//!   second. A loader that knows only the first reads and writes it as ever.
//! * [`Copies::Redundant`]: both have U-Boot's flag byte. For a NOR flash it is 1 in the copy that counts and 0 in the other, so
//!   that each step of a save only clears bits; libubootenv counts it up instead where it takes the flash for a file. Both ways of
//!   counting are read. `fw_env.config` has two lines for it.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use hal::flash::{FlashError, Meanwhile};
use hal::{Flash, PhysAddr, Region};
use thiserror::Error;

use super::Environment;
use super::format::{self, FormatError, Header};

/// The largest image, in bytes: more variables than an [`Environment`] holds.
const MAX_SIZE: u64 = 0x10_0000;

/// The flag byte of the copy that counts in a NOR flash.
const ACTIVE: u8 = 1;
/// The flag byte of the copy that does not.
const OBSOLETE: u8 = 0;

/// How many copies there are, and where the second is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// One: a save that loses its power loses the environment.
    Single,
    /// Two without flags, the second at this offset.
    Backup(u64),
    /// Two with flags, the second at this offset.
    Redundant(u64),
}

/// A place in a flash for the environment, as a board names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashPlace {
    /// The address of the flash's first byte.
    pub flash: PhysAddr,
    /// The first copy's offset in it.
    pub offset: u64,
    /// The size of each copy, header included.
    pub size: u64,
    /// How many copies there are.
    pub copies: Copies,
}

/// Why the environment cannot be loaded or saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StorageError {
    /// The copies cannot lie where the board says.
    #[error(
        "the environment's copy at offset {offset:#x}, {size:#x} bytes, does not lie in whole erase blocks of {flash} of its own"
    )]
    Place {
        /// The copy's offset in the flash.
        offset: u64,
        /// Its size.
        size: u64,
        /// Where the flash is.
        flash: Region,
    },
    /// A size that no environment has.
    #[error("the environment's size of {size:#x} bytes is not between 0x10 and {MAX_SIZE:#x}")]
    Size {
        /// The size.
        size: u64,
    },
    /// No copy is whole; or the variables do not fit.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The flash.
    #[error(transparent)]
    Flash(#[from] FlashError),
    /// The flash took all and holds something else.
    #[error("the flash does not hold what was written, at {address}")]
    Verify {
        /// The first byte that differs.
        address: PhysAddr,
    },
}

/// A whole image, as it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its bytes, header included.
    pub image: Vec<u8>,
    /// Its header.
    pub header: Header,
    /// Whether it is the backup of a copy that is not whole.
    pub recovered: bool,
}

/// The environment's place in a flash.
pub struct Storage {
    flash: Box<dyn Flash>,
    place: FlashPlace,
}

impl Storage {
    /// The place `place` in `flash`.
    ///
    /// # Errors
    /// [`StorageError::Place`] unless each copy begins with an erase block and shares none with the other.
    pub fn open(flash: Box<dyn Flash>, place: FlashPlace) -> Result<Self, StorageError> {
        let size = place.size;
        if !(0x10..=MAX_SIZE).contains(&size) {
            return Err(StorageError::Size { size });
        }
        let storage = Self { flash, place };
        let mut end_of_last = 0;
        let mut offsets = storage.offsets();
        offsets.sort_unstable();
        for offset in offsets {
            let flash = storage.flash.region();
            let wrong = StorageError::Place { offset, size, flash };
            let last = offset.checked_add(size - 1).ok_or(wrong)?;
            let first_block = storage.flash.erase_block(offset).ok_or(wrong)?;
            let last_block = storage.flash.erase_block(last).ok_or(wrong)?;
            if first_block.start != offset || offset < end_of_last {
                return Err(wrong);
            }
            end_of_last = last_block.end;
        }
        Ok(storage)
    }

    /// U-Boot's word for this kind of place.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        "Flash"
    }

    /// Where each copy is.
    #[must_use]
    pub fn place(&self) -> FlashPlace {
        self.place
    }

    /// The header of its images.
    #[must_use]
    pub fn header(&self) -> Header {
        match self.place.copies {
            Copies::Single | Copies::Backup(_) => Header::Plain,
            Copies::Redundant(_) => Header::Flagged,
        }
    }

    /// How many bytes variables may take, with the zero behind each and the one at the end.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.size().saturating_sub(self.header().size())
    }

    fn size(&self) -> usize {
        usize::try_from(self.place.size).unwrap_or(0)
    }

    fn offsets(&self) -> Vec<u64> {
        let mut offsets = vec![self.place.offset];
        if let Copies::Backup(second) | Copies::Redundant(second) = self.place.copies {
            offsets.push(second);
        }
        offsets
    }

    /// The copy that counts.
    ///
    /// # Errors
    /// [`StorageError`]: what is wrong with the first copy, if none is whole.
    pub fn load(&mut self) -> Result<Saved, StorageError> {
        let (mut copies, counts) = self.read_all()?;
        let recovered = counts == Some(1) && matches!(self.place.copies, Copies::Backup(_));
        let image = copies.swap_remove(counts.unwrap_or(0))?;
        let header = self.header();
        Ok(Saved {
            image,
            header,
            recovered,
        })
    }

    /// All copies, and the index of the one that counts, if one is whole.
    #[allow(
        clippy::type_complexity,
        reason = "a pair of plain types that only two functions see"
    )]
    fn read_all(&mut self) -> Result<(Vec<Result<Vec<u8>, FormatError>>, Option<usize>), FlashError> {
        let mut copies = Vec::new();
        for offset in self.offsets() {
            let mut image = vec![0; self.size()];
            self.flash.read(offset, &mut image)?;
            copies.push(format::import(&image, self.header()).map(drop).map(|()| image));
        }
        let counts = match copies.as_slice() {
            [Ok(first), Ok(second)] if second_counts(self.header(), first, second) => Some(1),
            copies => copies.iter().position(Result::is_ok),
        };
        Ok((copies, counts))
    }

    /// Saves `env`; the copy that counted before stays whole until the new one is.
    ///
    /// # Errors
    /// [`StorageError`]. Unless there is only one copy, what was saved before can still be loaded, or what was to be saved.
    pub fn save(&mut self, env: &Environment, meanwhile: Meanwhile<'_>) -> Result<(), StorageError> {
        let header = self.header();
        let image = format::image(env.iter(), (header, self.size()), 0xff)?;
        let (copies, counts) = self.read_all()?;
        drop(copies);
        let old = counts.unwrap_or(1);
        match self.place.copies {
            Copies::Single => self.write(0, &image, meanwhile),
            Copies::Backup(_) => {
                self.write(1_usize.saturating_sub(old), &image, meanwhile)?;
                self.write(old, &image, meanwhile)
            }
            Copies::Redundant(_) => {
                self.write(1_usize.saturating_sub(old), &image, meanwhile)?;
                if counts.is_some() {
                    self.program(old, (CRC, &[OBSOLETE]), meanwhile)?;
                }
                Ok(())
            }
        }
    }

    /// Erases all copies: the next start has the default environment.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn erase(&mut self, meanwhile: Meanwhile<'_>) -> Result<(), StorageError> {
        // Not the copy that counts first: the other one may be older than what the person knows of.
        let (_, counts) = self.read_all()?;
        let copies = self.offsets().len();
        let first = counts.map_or(0, |counts| copies.saturating_sub(1).saturating_sub(counts));
        self.erase_copy(first, meanwhile)?;
        if copies > 1 {
            self.erase_copy(1_usize.saturating_sub(first), meanwhile)?;
        }
        Ok(())
    }

    fn offset(&self, copy: usize) -> u64 {
        self.offsets().get(copy).copied().unwrap_or(self.place.offset)
    }

    fn erase_copy(&mut self, copy: usize, meanwhile: Meanwhile<'_>) -> Result<(), StorageError> {
        let mut at = self.offset(copy);
        let end = at.saturating_add(self.place.size);
        while at < end {
            self.flash.erase(at, meanwhile)?;
            // `open` has seen that there is a block up to the end.
            at = self.flash.erase_block(at).map_or(end, |block| block.end);
        }
        Ok(())
    }

    /// Writes a copy so that it is whole only at the very end: content, checksum, flag.
    fn write(&mut self, copy: usize, image: &[u8], meanwhile: Meanwhile<'_>) -> Result<(), StorageError> {
        self.erase_copy(copy, meanwhile)?;
        let header = self.header();
        let (head, content) = image.split_at_checked(header.size()).unwrap_or((image, &[]));
        self.program(copy, (header.size(), content), meanwhile)?;
        self.program(copy, (0, head.get(..CRC).unwrap_or(head)), meanwhile)?;
        if header == Header::Flagged {
            self.program(copy, (CRC, &[ACTIVE]), meanwhile)?;
        }
        self.verify(copy, image)
    }

    fn program(
        &mut self,
        copy: usize,
        (at, bytes): (usize, &[u8]),
        meanwhile: Meanwhile<'_>,
    ) -> Result<(), StorageError> {
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        let offset = self.offset(copy).saturating_add(at);
        Ok(self.flash.program(offset, bytes, meanwhile)?)
    }

    fn verify(&mut self, copy: usize, image: &[u8]) -> Result<(), StorageError> {
        let offset = self.offset(copy);
        let mut stored = vec![0; image.len()];
        self.flash.read(offset, &mut stored)?;
        let flag = self.header().size() > CRC;
        let differs = |(at, (have, want)): (usize, (&u8, &u8))| {
            let want = if flag && at == CRC { &ACTIVE } else { want };
            have != want
        };
        match stored.iter().zip(image).enumerate().position(differs) {
            None => Ok(()),
            Some(at) => {
                let at = offset.saturating_add(u64::try_from(at).unwrap_or(0));
                let start = self.flash.region().start();
                let address = start.checked_add(at).unwrap_or(start);
                Err(StorageError::Verify { address })
            }
        }
    }
}

/// Where the flag byte is, behind the checksum.
const CRC: usize = Header::Plain.size();

/// Whether the second of two whole copies counts: its flag is the higher, but a counter goes from 255 to 0.
fn second_counts(header: Header, first: &[u8], second: &[u8]) -> bool {
    if header == Header::Plain {
        return false;
    }
    match (first.get(CRC), second.get(CRC)) {
        (Some(0xff), Some(0)) => true,
        (Some(0), Some(0xff)) => false,
        (first, second) => second > first,
    }
}

#[cfg(test)]
mod tests;
