//! Why the environment cannot be loaded or saved.

use alloc::format;
use alloc::string::String;

use hal::block::BlockInterface;
use hal::flash::FlashError;
use hal::{PhysAddr, Region};
use thiserror::Error;

use super::super::format::FormatError;
use super::MAX_SIZE;
use crate::fs::VolumeError;
use crate::storage::DeviceError;

/// Why the environment cannot be loaded or saved.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StorageError {
    /// The flash that the board names.
    #[error("there is no flash at {0}")]
    NoFlash(PhysAddr),
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
    /// The copies cannot lie where the board says.
    #[error(
        "the environment's copy at offset {offset:#x}, {size:#x} bytes, does not lie in whole blocks of 512 bytes of its own"
    )]
    Blocks {
        /// The copy's offset on the device.
        offset: u64,
        /// Its size.
        size: u64,
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
    /// The card or disk is not there.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The card or disk fails.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// The file system, or the file.
    #[error("{}{why}", self.words())]
    File {
        /// What was to be done.
        work: FileWork,
        /// The device's interface.
        interface: BlockInterface,
        /// The device, and which volume of it.
        volume: String,
        /// The file's path.
        file: String,
        /// Why it cannot be done.
        why: String,
    },
    /// The medium took all and holds something else.
    #[error("{place} does not hold what was written, at its byte {at:#x}")]
    Verify {
        /// What holds the copy.
        place: String,
        /// The first byte of the copy that differs.
        at: usize,
    },
}

/// What was to be done with a file, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileWork {
    /// Look for its file system.
    Use,
    /// Open it: there may be none.
    Open,
    /// Read it.
    Read,
    /// Write it.
    Write,
    /// Remove it.
    Remove,
}

impl StorageError {
    /// U-Boot's words for it, which it puts into the line that it has begun; empty where it has none.
    #[must_use]
    pub fn words(&self) -> String {
        let Self::File {
            work,
            interface,
            volume,
            file,
            ..
        } = self
        else {
            return String::new();
        };
        let (interface, file) = (interface.word(), file.escape_debug());
        match work {
            FileWork::Use => format!("Unable to use {interface} {volume}... "),
            FileWork::Open | FileWork::Read => format!("Unable to read \"{file}\" from {interface}{volume}... "),
            FileWork::Write => format!("Unable to write \"{file}\" from {interface}{volume}... "),
            FileWork::Remove => format!("Unable to remove \"{file}\" from {interface}{volume}... "),
        }
    }

    /// What there is to say behind [`StorageError::words`].
    #[must_use]
    pub fn why(&self) -> String {
        match self {
            Self::File { why, .. } => why.clone(),
            other => format!("{other}"),
        }
    }

    /// Whether the copy could be looked at, and is none.
    pub(super) fn is_no_copy(&self) -> bool {
        let no_file = matches!(self, Self::File { work, .. } if *work == FileWork::Open);
        no_file || matches!(self, Self::Format(_))
    }
}
