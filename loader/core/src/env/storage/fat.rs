//! Copies in files on a FAT file system: `CONFIG_ENV_IS_IN_FAT`.
//!
//! The file system keeps a file's old content until the new one is whole, so one file alone survives a power cut.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use hal::{BlockDevice, BlockIdx};

use super::super::place::FatPlace;
use super::{Disks, FileWork, Progress, StorageError, Store, Unstoppable};
use crate::fs::{self, FileSystem, FsError, PartitionError, Volume, Watch, Which};

/// Lets `work` work at the files.
///
/// # Errors
/// [`StorageError::Device`] if the device is not there, [`StorageError::File`] if it has no such file system; those of `work`.
pub(super) fn with<R>(
    place: &FatPlace,
    (disks, progress): (&mut Disks, &mut dyn Progress),
    work: impl FnOnce(&mut dyn Store) -> Result<R, StorageError>,
) -> Result<R, StorageError> {
    let device = disks.ready(place.interface, place.number, &mut || progress.meanwhile())?;
    let mut watch = Unstoppable(progress);
    let mut unusable = Naming {
        place,
        volume: named(place),
    };
    let (part, window) =
        window(device, &mut watch, &place.volume).map_err(|why| unusable.error(FileWork::Use, 0, why))?;
    unusable.volume = format!("{:x}:{part:x}", place.number);
    let naming = unusable;
    let failed = |why: String| naming.error(FileWork::Use, 0, why);
    let volume = Volume::new(device, &mut watch, window).map_err(|error| failed(error.to_string()))?;
    let mut files = fs::mount(volume).map_err(|error| failed(error.to_string()))?;
    if files.kind() != "fat" {
        return Err(failed(format!("it has {}, not FAT", files.kind())));
    }
    work(&mut Files {
        files: &mut *files,
        naming: &naming,
    })
}

/// The number of the partition that is meant, 0 for the whole device; its first block, and how many it has.
fn window(
    device: &mut dyn BlockDevice,
    watch: &mut dyn Watch,
    which: &Which,
) -> Result<(u32, (BlockIdx, u64)), String> {
    const WHOLE: (u32, (BlockIdx, u64)) = (0, (BlockIdx(0), u64::MAX));
    if *which == Which::Number(0) {
        return Ok(WHOLE);
    }
    let read = |device, watch| -> Result<fs::Table, PartitionError> {
        let mut disk = Volume::whole(device, watch)?;
        fs::read_table(&mut disk)
    };
    let table = read(device, watch).map_err(|error| error.to_string())?;
    let chosen = table.choose(which).map_err(|error| error.to_string())?;
    Ok(chosen.map_or(WHOLE, |found| (found.number, (found.start, found.blocks))))
}

/// The volume as the board names it.
fn named(place: &FatPlace) -> String {
    let number = place.number;
    match &place.volume {
        Which::Default => format!("{number:x}"),
        Which::Auto => format!("{number:x}:auto"),
        Which::Number(part) => format!("{number:x}:{part:x}"),
        Which::Name(name) => format!("{number:x}#{}", name.escape_debug()),
    }
}

/// What messages need.
struct Naming<'a> {
    place: &'a FatPlace,
    volume: String,
}

impl Naming<'_> {
    fn path(&self, copy: usize) -> &str {
        let second = self.place.redundant.as_deref().filter(|_| copy > 0);
        second.unwrap_or(&self.place.file)
    }

    fn error(&self, work: FileWork, copy: usize, why: String) -> StorageError {
        StorageError::File {
            work,
            interface: self.place.interface,
            volume: self.volume.clone(),
            file: self.path(copy).into(),
            why,
        }
    }
}

/// A file system at work.
struct Files<'a> {
    files: &'a mut dyn FileSystem,
    naming: &'a Naming<'a>,
}

impl Store for Files<'_> {
    fn name(&self, copy: usize) -> String {
        format!("\"{}\"", self.naming.path(copy).escape_debug())
    }

    /// As U-Boot does, the first bytes of a file that is longer.
    fn read(&mut self, copy: usize) -> Result<Vec<u8>, StorageError> {
        let path = self.naming.path(copy);
        let size = self.naming.place.size;
        let file = self.files.open(path).map_err(|error| {
            let work = match error {
                FsError::NotFound(_) => FileWork::Open,
                _ => FileWork::Read,
            };
            self.naming.error(work, copy, error.to_string())
        })?;
        if file.size() < size {
            let why = format!("it has {:#x} bytes, and the environment {size:#x}", file.size());
            return Err(self.naming.error(FileWork::Open, copy, why));
        }
        let mut image = vec![0; usize::try_from(size).unwrap_or(0)];
        let read = self.files.read(&file, 0, &mut image);
        read.map_err(|error| self.naming.error(FileWork::Read, copy, error.to_string()))?;
        Ok(image)
    }

    fn write(&mut self, copy: usize, image: &[u8]) -> Result<(), StorageError> {
        let written = self.files.write(self.naming.path(copy), None, image);
        written.map_err(|error| self.naming.error(FileWork::Write, copy, error.to_string()))
    }

    fn erase(&mut self, copy: usize) -> Result<(), StorageError> {
        match self.files.remove(self.naming.path(copy)) {
            Ok(()) | Err(FsError::NotFound(_)) => Ok(()),
            Err(error) => Err(self.naming.error(FileWork::Remove, copy, error.to_string())),
        }
    }
}
