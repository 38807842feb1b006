//! Partition tables and file systems, over any block device.
//!
//! ```text
//! mount -> dyn FileSystem        what commands see: open, read, list, write
//!    fat   ext4                  where a file's bytes are (its pieces), and what its name is
//! partition                      which blocks are a volume
//! volume                         blocks in long requests, never outside the window; Ctrl-C between them
//! hal::BlockDevice
//! ```
//!
//! A file that is opened knows all pieces of the volume that its bytes are in, so that reading it is a few long requests straight to where
//! the bytes are to stay. Whatever a disk says is checked before it is used, and takes bounded time and memory.

mod detect;
pub mod ext4;
pub mod fat;
mod field;
mod file;
pub mod partition;
pub mod volume;

use alloc::boxed::Box;
use alloc::string::String;
use core::ops::ControlFlow;

use thiserror::Error;

pub use detect::mount;
pub use ext4::Ext4Error;
pub use fat::FatError;
pub use file::File;
pub use partition::{ChoiceError, Kind, Partition, PartitionError, Scheme, Table, Which, read_table};
pub use volume::{Unwatched, Volume, VolumeError, Watch};

/// How long a path may be, in bytes.
pub const MAX_PATH: usize = 1024;

/// What a name in a directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device node, a socket, a pipe.
    Special,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, without the path.
    pub name: String,
    /// What it stands for.
    pub kind: EntryKind,
    /// Bytes of a file; of a directory, what its file system says.
    pub size: u64,
}

/// A file system on a volume. Paths begin at its root, with or without a slash.
pub trait FileSystem {
    /// The word for its kind: `fat`, `ext4`.
    fn kind(&self) -> &'static str;

    /// As [`FileSystem::kind`], more exactly: `FAT16`, `FAT32`.
    fn version(&self) -> &'static str;

    /// The name that somebody gave it; empty if nobody did.
    ///
    /// # Errors
    /// [`FsError`], of the medium alone.
    fn label(&mut self) -> Result<String, FsError>;

    /// Its identifier, as text.
    fn uuid(&self) -> &str;

    /// What is odd about it and leaves it readable, in sentences.
    fn warnings(&self) -> &[String];

    /// Looks a file up, and finds out where its bytes are.
    ///
    /// # Errors
    /// [`FsError`].
    fn open(&mut self, path: &str) -> Result<File, FsError>;

    /// How many bytes a file has, for who does not want them.
    ///
    /// # Errors
    /// [`FsError`].
    fn size(&mut self, path: &str) -> Result<u64, FsError> {
        Ok(self.open(path)?.size())
    }

    /// Reads the bytes of `file`, which this file system opened and nobody has written since, from `offset` on until `bytes` is full.
    ///
    /// # Errors
    /// [`FsError::BeyondFile`] if the file is shorter; [`FsError::Volume`]. `bytes` then holds anything.
    fn read(&mut self, file: &File, offset: u64, bytes: &mut [u8]) -> Result<(), FsError>;

    /// Calls `each` with what is in a directory, in its order, until it breaks. A path of a file gives that one.
    ///
    /// # Errors
    /// [`FsError`].
    fn list(&mut self, path: &str, each: &mut dyn FnMut(&Entry) -> ControlFlow<()>) -> Result<(), FsError>;

    /// Writes a file. Without `offset` it then has exactly these bytes; with it, they are put there, over what it has and behind its end,
    /// and the other bytes stay. Whatever happens meanwhile, the file has its old content or its new one.
    ///
    /// # Errors
    /// [`FsError`]; the file is as it was.
    fn write(&mut self, path: &str, offset: Option<u64>, bytes: &[u8]) -> Result<(), FsError>;

    /// Makes a directory; the one that it is in must exist.
    ///
    /// # Errors
    /// [`FsError`].
    fn make_dir(&mut self, path: &str) -> Result<(), FsError>;

    /// Removes a file or an empty directory.
    ///
    /// # Errors
    /// [`FsError`].
    fn remove(&mut self, path: &str) -> Result<(), FsError>;
}

/// Why a file cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FsError {
    /// The medium cannot be read or written, or the user ended it.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// The FAT file system is damaged, or cannot do that.
    #[error(transparent)]
    Fat(#[from] FatError),
    /// The ext4 file system is damaged, or cannot do that.
    #[error(transparent)]
    Ext4(#[from] Ext4Error),
    /// A file system that is known, and not supported.
    #[error("the volume has {0}, which is not supported; FAT16, FAT32, ext2, ext3 and ext4 are")]
    Unsupported(&'static str),
    /// Nothing that is known.
    #[error("there is no file system that is known: neither FAT nor ext4")]
    Unknown,
    /// No such file.
    #[error("File not found: '{0}'")]
    NotFound(String),
    /// A directory is no file.
    #[error("'{0}' is a directory")]
    IsDirectory(String),
    /// A file is no directory.
    #[error("'{0}' is not a directory")]
    NotDirectory(String),
    /// A device node, a socket, a pipe.
    #[error("'{0}' is no regular file")]
    Special(String),
    /// A path that is too long.
    #[error("the path has {0} bytes, more than {MAX_PATH}")]
    Path(usize),
    /// A read beyond the end of the file.
    #[error("'{name}' has {size} bytes; bytes {offset} to {end} are not all there")]
    BeyondFile {
        /// The file.
        name: String,
        /// Its size.
        size: u64,
        /// First byte that was asked for.
        offset: u64,
        /// The byte behind the last one.
        end: u64,
    },
    /// There is something of that name.
    #[error("'{0}' exists already")]
    Exists(String),
    /// A directory that is not empty.
    #[error("the directory '{0}' is not empty")]
    NotEmpty(String),
    /// A file system that is only read.
    #[error("{0} is only read here; save to a FAT partition")]
    ReadOnly(&'static str),
}

impl FsError {
    /// A failure of the volume, wherever it was noticed: [`VolumeError::Aborted`] means that the user typed Ctrl-C.
    #[must_use]
    pub fn volume(&self) -> Option<&VolumeError> {
        match self {
            Self::Volume(error) | Self::Fat(FatError::Volume(error)) | Self::Ext4(Ext4Error::Volume(error)) => {
                Some(error)
            }
            _ => None,
        }
    }
}

/// A mounted file system.
pub type Mounted<'a> = Box<dyn FileSystem + 'a>;

/// The components of a path: both slashes divide, as U-Boot has it; empty ones and `.` say nothing.
fn components(path: &str) -> Result<impl Iterator<Item = &str>, FsError> {
    if path.len() > MAX_PATH {
        return Err(FsError::Path(path.len()));
    }
    Ok(path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != "."))
}

#[cfg(test)]
mod tests;
