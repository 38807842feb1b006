//! ext2, ext3 and ext4, read only.
//!
//! `ext4-view` reads directories, symbolic links and inodes, and verifies their checksums. It reads a file's data through a cache in pieces
//! of 32 KiB, with three copies; so where they are is found out here, and they go straight to where they are to stay.
//!
//! Blocks that a journal has newer, since the file system was not unmounted, are read from there. U-Boot's `ext4load` leaves a journal alone, and
//! gives the file that was there before.

mod journal;
mod map;
mod pages;
mod superblock;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::ControlFlow;

use ext4_view::{DirEntry, Ext4 as Library, Ext4Error as LibraryError, FileType, Metadata};
use thiserror::Error;

use self::journal::{JournalError, MovedBlocks, Store};
use self::pages::{Pages, Reader, with_pages};
use self::superblock::Superblock;
use super::volume::{Volume, VolumeError};
use super::{Entry, EntryKind, File, FileSystem, FsError, components};

pub use map::MapFault;
pub use superblock::SuperblockError;

/// What the superblock has at [`MAGIC_AT`].
pub(super) const MAGIC: u16 = 0xef53;

/// Where on the volume that is.
pub(super) const MAGIC_AT: u64 = superblock::AT + 0x38;

/// How many symbolic links one path may lead over.
const MAX_LINKS: u32 = 8;

/// How long a link's target may be (PATH_MAX of Linux).
const MAX_TARGET: u64 = 4095;

/// How many components a path may have, with those of its links.
const MAX_PARTS: usize = 256;

/// How long a component may be.
const MAX_NAME: usize = 255;

/// How long a directory may be, in bytes. One that is read whole, since it has no index or is listed, may have no more than [`pages`] holds:
/// some 100000 names.
const MAX_DIRECTORY: u64 = 16 << 20;

/// How many bytes of directories one path may be searched for in: the crate searches all directories of a path anew for each component, and what a
/// hostile disk calls a directory may be one block over and over.
const MAX_SEARCH: u64 = 64 << 20;

/// How many entries of a directory are held at a time.
const BATCH: usize = 256;

/// Why an ext4 file system, or a file on it, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Ext4Error {
    /// The medium cannot be read, or the user ended it.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// The superblock makes no sense.
    #[error("the ext4 file system cannot be used: {0}")]
    Superblock(#[from] SuperblockError),
    /// Something else makes no sense; the text is `ext4-view`'s.
    #[error("the ext4 file system cannot be used: {0}")]
    Damaged(String),
    /// Something on the way to a file makes no sense; the text is `ext4-view`'s.
    #[error("'{name}' cannot be read from the ext4 file system: {why}")]
    Lookup {
        /// The path.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// Where a file is makes no sense.
    #[error("'{name}' cannot be read from the ext4 file system: {fault}")]
    Map {
        /// The file.
        name: String,
        /// What is wrong.
        fault: MapFault,
    },
    /// Symbolic links without end.
    #[error("'{0}' leads over more than {MAX_LINKS} symbolic links")]
    Links(String),
    /// A symbolic link that cannot be followed.
    #[error("the symbolic link '{0}' has no target of up to {MAX_TARGET} bytes in UTF-8")]
    Target(String),
    /// A path that grows too long.
    #[error("'{0}' has a component of more than {MAX_NAME} bytes, or more than {MAX_PARTS} of them")]
    Parts(String),
    /// A directory that is too long.
    #[error("the directory '{name}' has {size} bytes, more than the 16 MiB that are read")]
    Directory {
        /// The directory.
        name: String,
        /// Its size.
        size: u64,
    },
    /// Directories that lead through directories.
    #[error("'{0}' leads through more than 64 MiB of directories")]
    Search(String),
    /// A lookup that reads without end.
    #[error("one lookup needs more than {0} MiB of the file system's directories and tables")]
    TooMuch(u64),
}

/// An ext2, ext3 or ext4 file system.
pub struct Ext4<'a> {
    store: Store<'a>,
    superblock: Superblock,
    pages: Rc<RefCell<Pages>>,
    library: Library,
    warnings: Vec<String>,
}

impl<'a> Ext4<'a> {
    /// The file system of a volume whose superblock has the magic number.
    ///
    /// # Errors
    /// [`Ext4Error`].
    pub(super) fn mount(mut volume: Volume<'a>) -> Result<Self, Ext4Error> {
        let mut raw = [0; superblock::SIZE];
        volume.read(superblock::AT, &mut raw)?;
        let superblock = Superblock::read(&raw, volume.size())?;
        let mut store = Store {
            volume,
            moved: MovedBlocks::new(),
            block_size: superblock.block_size,
        };
        let mut warnings = Vec::new();
        if let Some(journal) = superblock.journal {
            superblock::without_journal(&mut raw);
            warnings.push(replay(&mut store, &superblock, journal)?);
        }
        let pages = Pages::new(store.volume.size(), raw);
        let library = with_pages(&pages, &mut store, &mut || {
            Library::load(Box::new(Reader(pages.clone())))
        })?;
        let library = library.map_err(|error| Ext4Error::Damaged(format!("{error}")))?;
        Ok(Self {
            store,
            superblock,
            pages,
            library,
            warnings,
        })
    }

    /// Asks the crate something about `path`.
    fn ask<T>(
        &mut self,
        path: &str,
        question: &mut dyn FnMut(&Library) -> Result<T, LibraryError>,
    ) -> Result<T, FsError> {
        let library = &self.library;
        let answer = with_pages(&self.pages, &mut self.store, &mut || question(library))?;
        answer.map_err(|error| match error {
            LibraryError::NotFound => FsError::NotFound(path.into()),
            LibraryError::IsADirectory => FsError::IsDirectory(path.into()),
            LibraryError::NotADirectory => FsError::NotDirectory(path.into()),
            LibraryError::IsASpecialFile => FsError::Special(path.into()),
            error => {
                let (name, why) = (path.into(), format!("{error}"));
                Ext4Error::Lookup { name, why }.into()
            }
        })
    }

    /// The path without links, and what is there. Links are followed here: the crate would hold a target of any length, and search
    /// directories of any length.
    fn resolve(&mut self, path: &str) -> Result<(String, Metadata), FsError> {
        let mut rest: VecDeque<String> = components(path)?.map(Into::into).collect();
        let mut done: Vec<(String, Metadata)> = vec![self.look_at(path, "/")?];
        let (mut links, mut searched) = (0_u32, 0_u64);
        while let Some(part) = rest.pop_front() {
            if part == ".." {
                if done.len() > 1 {
                    done.pop();
                }
                continue;
            }
            if part.len() > MAX_NAME || done.len().saturating_add(rest.len()) > MAX_PARTS || part.contains('\0') {
                return Err(Ext4Error::Parts(path.into()).into());
            }
            searched = searched.saturating_add(total_len(&done));
            if searched > MAX_SEARCH {
                return Err(Ext4Error::Search(path.into()).into());
            }
            let here = done.last().map_or("/", |(here, _)| here.as_str());
            let next = format!("{}/{part}", here.trim_end_matches('/'));
            let (next, metadata) = self.look_at(path, &next)?;
            if !metadata.is_symlink() {
                if !rest.is_empty() && !metadata.is_dir() {
                    return Err(FsError::NotDirectory(path.into()));
                }
                done.push((next, metadata));
                continue;
            }
            links = links.saturating_add(1);
            if links > MAX_LINKS {
                return Err(Ext4Error::Links(path.into()).into());
            }
            let target = self.target(&next, &metadata)?;
            if target.starts_with('/') {
                done.truncate(1);
            }
            let parts = target.split('/').rev().filter(|part| !part.is_empty() && *part != ".");
            parts.for_each(|part| rest.push_front(part.into()));
        }
        done.pop().ok_or_else(|| FsError::NotFound(path.into()))
    }

    /// What is at `place`, which leads over no links.
    fn look_at(&mut self, path: &str, place: &str) -> Result<(String, Metadata), FsError> {
        let metadata = self.ask(path, &mut |library| library.symlink_metadata(place))?;
        if metadata.is_dir() && metadata.len() > MAX_DIRECTORY {
            let (name, size) = (place.into(), metadata.len());
            return Err(Ext4Error::Directory { name, size }.into());
        }
        Ok((place.into(), metadata))
    }

    fn target(&mut self, link: &str, metadata: &Metadata) -> Result<String, FsError> {
        let odd = || Ext4Error::Target(link.into());
        if metadata.len() > MAX_TARGET {
            return Err(odd().into());
        }
        let target = self.ask(link, &mut |library| library.read_link(link))?;
        Ok(target.to_str().map_err(|_| odd())?.into())
    }

    /// Some entries of a directory, from number `skipped` on.
    fn batch(&mut self, path: &str, place: &str, skipped: usize) -> Result<Vec<Entry>, FsError> {
        let names = self.ask(path, &mut |library| {
            let names = library.read_dir(place)?.skip(skipped).take(BATCH);
            names.collect::<Result<Vec<_>, _>>()
        })?;
        // Each inode by itself: those of one batch may be all over the volume, on more pages than are held.
        let entry = |name: DirEntry| {
            let metadata = self.ask(path, &mut |_| name.metadata())?;
            Ok(Entry {
                name: format!("{}", name.file_name().display()),
                kind: kind(metadata.file_type()),
                size: metadata.len(),
            })
        };
        names.into_iter().map(entry).collect()
    }
}

/// Has blocks read from the journal, and says so, or why not.
fn replay(store: &mut Store<'_>, superblock: &Superblock, inode: u32) -> Result<String, VolumeError> {
    const UNCLEAN: &str = "The file system was not unmounted";
    let file = match map::read(store, superblock, (inode, "the journal")) {
        Ok((size, pieces)) => Ok(File::new("the journal", size, pieces)),
        Err(Ext4Error::Volume(error)) => return Err(error),
        Err(error) => Err(format!("{error}")),
    };
    let moved = file.and_then(|file| match journal::read(&mut store.volume, superblock, &file) {
        Err(JournalError::Volume(error)) => Ok(Err(error)),
        Err(error) => Err(format!("{error}")),
        Ok(moved) => Ok(Ok(moved)),
    });
    Ok(match moved {
        Ok(moved) => {
            store.moved = moved?;
            let count = store.moved.len();
            format!("{UNCLEAN}: {count} of its blocks are read from its journal.")
        }
        Err(why) => format!("{UNCLEAN}, and its journal is left alone: {why}. What was written last may be missing."),
    })
}

/// Bytes of the directories of a path.
fn total_len(path: &[(String, Metadata)]) -> u64 {
    path.iter()
        .fold(0, |sum, (_, metadata)| u64::saturating_add(sum, metadata.len()))
}

fn kind(file_type: FileType) -> EntryKind {
    match file_type {
        FileType::Regular => EntryKind::File,
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => EntryKind::Link,
        _ => EntryKind::Special,
    }
}

/// The number of an open file's inode. The crate tells it in its debug text only; if that changes, no file opens, and tests say so.
fn inode_number(file: &ext4_view::File) -> Option<u32> {
    let text = format!("{file:?}");
    let (_, behind) = text.split_once("inode: ")?;
    let digits = behind
        .find(|c: char| !c.is_ascii_digit())
        .and_then(|end| behind.get(..end))?;
    digits.parse().ok()
}

impl FileSystem for Ext4<'_> {
    fn kind(&self) -> &'static str {
        "ext4"
    }

    fn version(&self) -> &'static str {
        "ext4"
    }

    fn label(&mut self) -> Result<String, FsError> {
        Ok(self.superblock.label.clone())
    }

    fn uuid(&self) -> &str {
        &self.superblock.uuid
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn open(&mut self, path: &str) -> Result<File, FsError> {
        let (place, _) = self.resolve(path)?;
        let inode = self.ask(path, &mut |library| {
            library.open(place.as_str()).map(|file| inode_number(&file))
        })?;
        let inode = inode.ok_or_else(|| {
            let (name, why) = (path.into(), "the number of its inode is not told".into());
            Ext4Error::Lookup { name, why }
        })?;
        let (size, pieces) = map::read(&mut self.store, &self.superblock, (inode, path))?;
        Ok(File::new(path, size, pieces))
    }

    fn read(&mut self, file: &File, offset: u64, bytes: &mut [u8]) -> Result<(), FsError> {
        file.read(&mut self.store.volume, offset, bytes)
    }

    fn list(&mut self, path: &str, each: &mut dyn FnMut(&Entry) -> ControlFlow<()>) -> Result<(), FsError> {
        let (place, metadata) = self.resolve(path)?;
        if !metadata.is_dir() {
            let name = place.rsplit('/').next().unwrap_or_default().into();
            let _ = each(&Entry {
                name,
                kind: kind(metadata.file_type()),
                size: metadata.len(),
            });
            return Ok(());
        }
        let mut seen = 0_usize;
        loop {
            let entries = self.batch(path, &place, seen)?;
            for entry in &entries {
                if each(entry).is_break() {
                    return Ok(());
                }
            }
            if entries.len() < BATCH {
                return Ok(());
            }
            seen = seen.saturating_add(entries.len());
        }
    }

    fn write(&mut self, _path: &str, _offset: Option<u64>, _bytes: &[u8]) -> Result<(), FsError> {
        Err(FsError::ReadOnly("ext4"))
    }

    fn make_dir(&mut self, _path: &str) -> Result<(), FsError> {
        Err(FsError::ReadOnly("ext4"))
    }

    fn remove(&mut self, _path: &str) -> Result<(), FsError> {
        Err(FsError::ReadOnly("ext4"))
    }
}

#[cfg(test)]
mod tests;
