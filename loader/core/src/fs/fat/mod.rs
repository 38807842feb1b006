//! FAT16 and FAT32, read and written.
//!
//! Formats of entries and the rules of 8.3 names are `embedded-sdmmc`'s; blocks are moved and chains are followed here, for reasons that
//! `loader/docs/adr/0005-fat-without-the-crates-engine.md` gives: it panics and loops on hostile media, and overwrites in place.

mod bpb;
mod directory;
mod edit;
mod name;
mod space;
mod table;
mod write;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use thiserror::Error;

use self::directory::{Found, Slot};
use self::table::Disk;
use super::field::put;
use super::file::MAX_PIECES;
use super::volume::{Volume, VolumeError};
use super::{Entry, EntryKind, File, FileSystem, FsError, components};

pub use bpb::BootSectorError;
pub(super) use bpb::is_boot_sector;

/// How long a directory may be: 65536 entries (Microsoft FAT specification, section 6.2).
const MAX_DIRECTORY: u64 = 65_536 * bpb::ENTRY_SIZE;

/// What is wrong with a chain of clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChainFault {
    /// A cluster that does not exist.
    #[error("leads to it, and there is no such cluster")]
    Nowhere,
    /// A cluster that is not in use.
    #[error("leads there, and it is marked as free")]
    Free,
    /// A cluster that cannot be used.
    #[error("leads there, and it is marked as bad")]
    Bad,
    /// Fewer clusters than the size needs.
    #[error("ends there, after {0} of {1} clusters")]
    Short(u64, u64),
    /// More clusters than the size needs, or than any directory has.
    #[error("goes on behind {0} clusters: it is a loop, or the size is wrong")]
    Long(u64),
}

/// Why a FAT file system, or a file on it, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FatError {
    /// The medium cannot be read or written, or the user ended it.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// The boot sector makes no sense.
    #[error("the FAT file system cannot be used: {0}")]
    BootSector(#[from] BootSectorError),
    /// A chain of clusters makes no sense.
    #[error("the FAT is damaged at cluster {cluster}: the chain of '{name}' {fault}")]
    Chain {
        /// The file or directory.
        name: String,
        /// The cluster.
        cluster: u32,
        /// What is wrong.
        fault: ChainFault,
    },
    /// Too many pieces.
    #[error("'{0}' lies in more than {MAX_PIECES} pieces; copy it anew where there is room in a row")]
    Pieces(String),
    /// No room for a file.
    #[error("no room: {needed} clusters of {size} bytes are needed, {free} are free")]
    Full {
        /// Clusters needed.
        needed: u64,
        /// Clusters free.
        free: u64,
        /// Bytes of a cluster.
        size: u64,
    },
    /// No room for an entry.
    #[error("no room for '{0}': its directory can have no more entries")]
    DirectoryFull(String),
    /// A name that no file can have.
    #[error("'{name}' cannot be created on FAT: {why}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// A file that is too large.
    #[error("a file on FAT has less than 4 GiB; this one would have {0} bytes")]
    Size(u64),
    /// A write behind the end.
    #[error("'{name}' has {size} bytes: a write at byte {offset} would leave a gap")]
    Gap {
        /// The file.
        name: String,
        /// Its size.
        size: u64,
        /// Where the write would begin.
        offset: u64,
    },
}

/// A FAT file system.
pub struct Fat<'a> {
    disk: Disk<'a>,
}

/// A directory: its first cluster, or `None` for the root.
type Place = Option<u32>;

/// What a path leads to.
enum Target {
    /// A directory; where it is entered, if the path ends with its name.
    Directory(Place, Option<(Place, Found)>),
    /// A file, and the directory that it is in.
    File(Place, Found),
    /// Nothing: the directory that it would be in, and the last component.
    Missing(Place, String),
}

impl<'a> Fat<'a> {
    /// The file system whose boot sector is `sector`.
    ///
    /// # Errors
    /// [`FatError::BootSector`].
    pub(super) fn mount(volume: Volume<'a>, sector: &[u8; 512]) -> Result<Self, FatError> {
        let geometry = bpb::read(sector, volume.blocks())?;
        let disk = Disk::new(volume, geometry);
        Ok(Self { disk })
    }

    /// Follows a path. `..` goes back to where the path came from, whatever the directory says.
    fn walk(&mut self, path: &str) -> Result<Target, FsError> {
        let mut above: Vec<(Place, Option<(Place, Found)>)> = vec![(None, None)];
        let mut parts = components(path)?.peekable();
        while let Some(part) = parts.next() {
            if part == ".." {
                if above.len() > 1 {
                    above.pop();
                }
                continue;
            }
            let here = above.last().and_then(|(place, _)| *place);
            let blocks = self.disk.directory(here, path)?;
            match self.disk.find(&blocks, part)? {
                None if parts.peek().is_none() => return Ok(Target::Missing(here, part.into())),
                None => return Err(FsError::NotFound(path.into())),
                Some(found) if found.is_directory() => {
                    // Cluster 0 is how an entry says that it leads to the root; only `..` may.
                    let place = Some(found.cluster);
                    above.push((place, Some((here, found))));
                }
                Some(found) if parts.peek().is_none() => return Ok(Target::File(here, found)),
                Some(_) => return Err(FsError::NotDirectory(path.into())),
            }
        }
        let (place, entered) = above.pop().unwrap_or((None, None));
        Ok(Target::Directory(place, entered))
    }

    fn file(&mut self, path: &str) -> Result<Found, FsError> {
        match self.walk(path)? {
            Target::File(_, found) => Ok(found),
            Target::Directory(..) => Err(FsError::IsDirectory(path.into())),
            Target::Missing(..) => Err(FsError::NotFound(path.into())),
        }
    }

    fn open_found(&mut self, path: &str, found: &Found) -> Result<File, FsError> {
        let size = u64::from(found.size);
        let pieces = self.disk.pieces(found.cluster, size, path)?;
        Ok(File::new(path, size, pieces))
    }
}

impl FileSystem for Fat<'_> {
    fn kind(&self) -> &'static str {
        "fat"
    }

    fn version(&self) -> &'static str {
        match self.disk.geometry.width {
            bpb::Width::Fat16 => "FAT16",
            bpb::Width::Fat32 => "FAT32",
        }
    }

    /// Its name in the root directory is the one that people change; the boot sector has one too.
    fn label(&mut self) -> Result<String, FsError> {
        let mut label = self.disk.geometry.label.clone();
        let root = match self.disk.directory(None, "/") {
            Err(FatError::Volume(error)) => return Err(error.into()),
            // A damaged root is told when something is looked up.
            Err(_) => return Ok(label),
            Ok(root) => root,
        };
        self.disk.read_directory(&root, &mut |slot| match slot {
            Slot::Found(found) if found.is_label() => {
                label = bpb::label(&found.short);
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        })?;
        Ok(label)
    }

    fn uuid(&self) -> &str {
        &self.disk.geometry.uuid
    }

    fn warnings(&self) -> &[String] {
        &[]
    }

    fn open(&mut self, path: &str) -> Result<File, FsError> {
        let found = self.file(path)?;
        self.open_found(path, &found)
    }

    /// It is in the directory: nothing of the table is read for it.
    fn size(&mut self, path: &str) -> Result<u64, FsError> {
        Ok(u64::from(self.file(path)?.size))
    }

    fn read(&mut self, file: &File, offset: u64, bytes: &mut [u8]) -> Result<(), FsError> {
        file.read(&mut self.disk.volume, offset, bytes)
    }

    fn list(&mut self, path: &str, each: &mut dyn FnMut(&Entry) -> ControlFlow<()>) -> Result<(), FsError> {
        match self.walk(path)? {
            Target::File(_, found) => {
                let _ = each(&entry(found));
            }
            Target::Missing(..) => return Err(FsError::NotFound(path.into())),
            Target::Directory(place, _) => {
                let blocks = self.disk.directory(place, path)?;
                self.disk.read_directory(&blocks, &mut |slot| match slot {
                    Slot::Found(found) if !found.is_label() => each(&entry(found)),
                    _ => ControlFlow::Continue(()),
                })?;
            }
        }
        Ok(())
    }

    fn write(&mut self, path: &str, offset: Option<u64>, bytes: &[u8]) -> Result<(), FsError> {
        self.save(path, offset, bytes)
    }

    fn make_dir(&mut self, path: &str) -> Result<(), FsError> {
        self.create_directory(path)
    }

    fn remove(&mut self, path: &str) -> Result<(), FsError> {
        self.delete(path)
    }
}

fn entry(found: Found) -> Entry {
    let directory = found.is_directory();
    Entry {
        name: found.name,
        kind: if directory {
            EntryKind::Directory
        } else {
            EntryKind::File
        },
        size: u64::from(found.size),
    }
}

#[cfg(test)]
mod tests;
