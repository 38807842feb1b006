//! Where the environment outlives a reset: one or two copies in a NOR flash, in blocks of a card or a disk, or in files on FAT.
//!
//! However the power fails while it is saved, one whole copy is left. That takes two copies, of which the one that does not
//! count is written first, what makes it whole last; or a file, of which the file system keeps the old content until it has the new:
//!
//! * [`Copies::Backup`](super::Copies::Backup): both are images as U-Boot has them without redundancy. The first counts if it is whole, otherwise the
//!   second. A loader that knows only the first reads and writes it as ever.
//! * [`Copies::Redundant`](super::Copies::Redundant), and two files: both have U-Boot's flag byte. For a NOR flash it is 1 in the copy that counts and 0 in the
//!   other, so that each step of a save only clears bits; elsewhere each save counts it up, as U-Boot and libubootenv do. Both ways of
//!   counting are read. `fw_env.config` has two lines for it.
//!
//! Which copy counts, and which is written when, is decided here; `flash`, `block` and `fat` know how a copy is read and written. The
//! machine's cards and disks are lent for each work: commands use them too.

mod block;
mod error;
mod fat;
mod flash;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use hal::Flash;

pub use error::{FileWork, StorageError};

use super::Environment;
use super::format::{self, Header};
use super::place::{Arrangement, Place};
use crate::fs::Watch;
use crate::storage::Storage as Disks;

/// The largest image, in bytes: more variables than an [`Environment`] holds.
const MAX_SIZE: u64 = 0x10_0000;

/// The flag byte of the copy that counts in a NOR flash.
const ACTIVE: u8 = 1;

/// Where the flag byte is, behind the checksum.
const FLAG: usize = Header::Plain.size();

/// A whole image, as it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its bytes, header included.
    pub image: Vec<u8>,
    /// Its header.
    pub header: Header,
    /// Whether it is the backup of a copy that is not whole, or the other copy cannot be read.
    pub recovered: bool,
}

/// Looks on while the environment is loaded or saved. Nobody can stop it: a save that stops half-way helps nobody.
pub trait Progress {
    /// Called while the device works: the console must not lose what is typed.
    fn meanwhile(&mut self);

    /// Called before a copy is written that U-Boot announces, with its words.
    fn writing(&mut self, words: &str);
}

impl<F: FnMut()> Progress for F {
    fn meanwhile(&mut self) {
        self();
    }

    fn writing(&mut self, _words: &str) {}
}

/// What volumes are told of it.
struct Unstoppable<'a>(&'a mut dyn Progress);

impl Watch for Unstoppable<'_> {
    fn meanwhile(&mut self) {
        self.0.meanwhile();
    }

    fn stop(&mut self) -> bool {
        false
    }
}

/// How copies, which are numbered from 0, are read and written at a kind of place.
trait Store {
    /// What holds a copy, for people.
    fn name(&self, copy: usize) -> String;

    /// The bytes of a copy, whole or not.
    fn read(&mut self, copy: usize) -> Result<Vec<u8>, StorageError>;

    /// Writes a copy so that it is whole only at the very end.
    fn write(&mut self, copy: usize, image: &[u8]) -> Result<(), StorageError>;

    /// Erases a copy, if there is one.
    fn erase(&mut self, copy: usize) -> Result<(), StorageError>;

    /// Sets the flag of a whole copy to the one that does not count, where [`Arrangement::Switched`] needs it.
    fn retire(&mut self, _copy: usize) -> Result<(), StorageError> {
        Ok(())
    }
}

/// The environment's place, and the flash if it is one.
pub struct Storage {
    place: Place,
    flash: Option<Box<dyn Flash>>,
}

impl Storage {
    /// The place `place`, in whichever of the flashes it is if it is in one. Cards and disks are not looked for yet.
    ///
    /// # Errors
    /// [`StorageError::NoFlash`]; [`StorageError::Size`]; [`StorageError::Place`] or [`StorageError::Blocks`] unless each copy is whole
    /// erase blocks, or blocks, and shares none with the other.
    pub fn open(place: Place, flashes: Vec<Box<dyn Flash>>) -> Result<Self, StorageError> {
        let size = place.size();
        if !(0x10..=MAX_SIZE).contains(&size) {
            return Err(StorageError::Size { size });
        }
        let mut flash = None;
        match &place {
            Place::Flash(place) => {
                let found = flashes.into_iter().find(|flash| flash.region().start() == place.flash);
                let found = found.ok_or(StorageError::NoFlash(place.flash))?;
                flash::check(&*found, *place)?;
                flash = Some(found);
            }
            Place::Block(place) => block::check(*place)?,
            Place::Fat(_) => {}
        }
        Ok(Self { place, flash })
    }

    /// U-Boot's word for this kind of place.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.place.kind()
    }

    /// Where each copy is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The header of its images.
    #[must_use]
    pub fn header(&self) -> Header {
        self.place.arrangement().header()
    }

    /// How many bytes variables may take, with the zero behind each and the one at the end.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.size().saturating_sub(self.header().size())
    }

    fn size(&self) -> usize {
        usize::try_from(self.place.size()).unwrap_or(0)
    }

    /// Whether the machine has the device; what is in it is not looked at.
    #[must_use]
    pub fn is_there(&self, disks: &Disks) -> bool {
        let device = self.place.device();
        device.is_none_or(|(interface, number)| disks.has(interface, number))
    }

    /// Lets `work` work at the copies.
    fn with<R>(
        &mut self,
        disks: &mut Disks,
        progress: &mut dyn Progress,
        work: impl FnOnce(&mut dyn Store) -> Result<R, StorageError>,
    ) -> Result<R, StorageError> {
        match &self.place {
            Place::Flash(place) => {
                let flash = self.flash.as_deref_mut().ok_or(StorageError::NoFlash(place.flash))?;
                work(&mut flash::Cells::new(flash, *place, progress))
            }
            Place::Block(place) => block::with(*place, (disks, progress), work),
            Place::Fat(place) => fat::with(place, (disks, progress), work),
        }
    }

    /// The copy that counts.
    ///
    /// # Errors
    /// [`StorageError`]: what is wrong with the first copy, if none is whole.
    pub fn load(&mut self, disks: &mut Disks, progress: &mut dyn Progress) -> Result<Saved, StorageError> {
        let arrangement = self.place.arrangement();
        let mut found = self.with(disks, progress, |store| Ok(Found::read(store, arrangement)))?;
        let backup = found.counts == Some(1) && arrangement == Arrangement::Backup;
        let recovered = backup || found.unreadable().is_some();
        let image = found.copies.swap_remove(found.counts.unwrap_or(0))?;
        let header = arrangement.header();
        Ok(Saved {
            image,
            header,
            recovered,
        })
    }

    /// Saves `env`; the copy that counted before stays whole until the new one is.
    ///
    /// # Errors
    /// [`StorageError`]. Unless there is only one copy, and that no file, what was saved before can still be loaded, or what was to be
    /// saved. Where no copy is whole and one cannot be read, which may count the next time, nothing is written.
    pub fn save(
        &mut self,
        env: &Environment,
        disks: &mut Disks,
        progress: &mut dyn Progress,
    ) -> Result<(), StorageError> {
        let arrangement = self.place.arrangement();
        let image = format::image(env.iter(), (arrangement.header(), self.size()), 0xff)?;
        self.with(disks, progress, |store| save_copies(store, arrangement, image))
    }

    /// Erases all copies: the next start has the default environment.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn erase(&mut self, disks: &mut Disks, progress: &mut dyn Progress) -> Result<(), StorageError> {
        let arrangement = self.place.arrangement();
        self.with(disks, progress, |store| {
            // Not the copy that counts first: the other one may be older than what the person knows of.
            let counts = Found::read(store, arrangement).counts.unwrap_or(1);
            let last = arrangement.copies().saturating_sub(1);
            if last > 0 {
                store.erase(last.saturating_sub(counts))?;
            }
            store.erase(counts.min(last))
        })
    }
}

/// All copies as they were found.
struct Found {
    copies: Vec<Result<Vec<u8>, StorageError>>,
    /// The one that counts, if one is whole.
    counts: Option<usize>,
}

impl Found {
    fn read(store: &mut dyn Store, arrangement: Arrangement) -> Self {
        let header = arrangement.header();
        let mut copies = Vec::new();
        for copy in 0..arrangement.copies() {
            let image = store.read(copy).and_then(|image| {
                format::import(&image, header)?;
                Ok(image)
            });
            copies.push(image);
        }
        let counts = match copies.as_slice() {
            [Ok(first), Ok(second)] if second_counts(header, first, second) => Some(1),
            copies => copies.iter().position(Result::is_ok),
        };
        Self { copies, counts }
    }

    /// Why a copy cannot be looked at, if one cannot.
    fn unreadable(&self) -> Option<&StorageError> {
        let mut errors = self.copies.iter().filter_map(|copy| copy.as_ref().err());
        errors.find(|error| !error.is_no_copy())
    }

    /// The flag of the copy that counts.
    fn flag(&self) -> Option<u8> {
        let image = self.copies.get(self.counts?)?.as_ref().ok()?;
        image.get(FLAG).copied()
    }
}

fn save_copies(store: &mut dyn Store, arrangement: Arrangement, mut image: Vec<u8>) -> Result<(), StorageError> {
    if arrangement == Arrangement::Single {
        // Whatever it holds, it is written over: a power cut may have left blocks that cannot be read.
        return put(store, 0, &image);
    }
    let found = Found::read(store, arrangement);
    match found.unreadable() {
        Some(error) if found.counts.is_none() => return Err(error.clone()),
        _ => {}
    }
    let old = found.counts.unwrap_or(1);
    let other = 1_usize.saturating_sub(old);
    let flag = match arrangement {
        Arrangement::Single | Arrangement::Backup => None,
        Arrangement::Switched => Some(ACTIVE),
        Arrangement::Counted => Some(found.flag().unwrap_or(0).wrapping_add(1)),
    };
    if let Some((place, flag)) = image.get_mut(FLAG).zip(flag) {
        *place = flag;
    }
    put(store, other, &image)?;
    match arrangement {
        Arrangement::Backup => put(store, old, &image),
        Arrangement::Switched if found.counts.is_some() => store.retire(old),
        _ => Ok(()),
    }
}

/// Writes a copy, and reads it back.
fn put(store: &mut dyn Store, copy: usize, image: &[u8]) -> Result<(), StorageError> {
    store.write(copy, image)?;
    let stored = store.read(copy)?;
    let differs = stored.iter().zip(image).position(|(have, want)| have != want);
    match differs {
        None => Ok(()),
        Some(at) => Err(StorageError::Verify {
            place: store.name(copy),
            at,
        }),
    }
}

/// Whether the second of two whole copies counts: its flag is the higher, but a counter goes from 255 to 0.
fn second_counts(header: Header, first: &[u8], second: &[u8]) -> bool {
    if header == Header::Plain {
        return false;
    }
    match (first.get(FLAG), second.get(FLAG)) {
        (Some(0xff), Some(0)) => true,
        (Some(0), Some(0xff)) => false,
        (first, second) => second > first,
    }
}

#[cfg(test)]
mod tests;
