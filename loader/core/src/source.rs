//! Where files come from: a volume of a card or a disk, a TFTP server, a web server.
//!
//! A source only has to put a file's bytes where a [`RamSink`] says. What is done with every file that is loaded, claiming its place and
//! noting what lies there, is done here, once.

use alloc::string::{String, ToString};

use hal::Region;

use crate::fs::{FsError, VolumeError};
use crate::memory::{Memory, MemoryError};

mod ram;
mod volume;

pub use ram::{Destination, RamSink, Room};
pub use volume::{Part, VolumeFile};

/// Why a file could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceError {
    /// The user typed Ctrl-C.
    Stopped,
    /// It must not lie where it was to be loaded to.
    NoRoom(MemoryError),
    /// The place is there and says that it does not have the file, or does not give it: a sentence. Under another name it may have one.
    Refused(String),
    /// A sentence that says what is wrong.
    Failed(String),
}

impl SourceError {
    /// The same with `sentence` made of the reason of a failure: each command has words of its own.
    #[must_use]
    pub fn map_reason(self, sentence: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Failed(why) => Self::Failed(sentence(&why)),
            Self::Refused(why) => Self::Refused(sentence(&why)),
            other => other,
        }
    }
}

impl From<MemoryError> for SourceError {
    fn from(error: MemoryError) -> Self {
        Self::NoRoom(error)
    }
}

impl From<FsError> for SourceError {
    fn from(error: FsError) -> Self {
        match (&error, error.volume()) {
            (_, Some(VolumeError::Aborted)) => Self::Stopped,
            (FsError::NotFound(_), _) => Self::Refused(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// One file at one place, ready to be loaded.
pub trait FileSource {
    /// What the file is called, without the place.
    fn name(&self) -> &str;

    /// How many bytes it will load, if that is known before.
    fn size(&self) -> Option<u64>;

    /// Puts the bytes into `sink`, and gives how many they were.
    ///
    /// # Errors
    /// [`SourceError`]; the sink then holds anything.
    fn fetch(&mut self, sink: &mut RamSink<'_>) -> Result<u64, SourceError>;
}

/// Loads the file of `source` to its `destination`, and notes that it lies there; gives its place.
///
/// # Errors
/// [`SourceError`]. Files that lay where bytes of this one were written are damaged, and the map knows it.
pub fn load(
    memory: &mut Memory,
    source: &mut dyn FileSource,
    mut destination: Destination<'_>,
) -> Result<Region, SourceError> {
    let mut sink = RamSink::new(memory, destination.reborrow(), source.size(), source.name())?;
    match source.fetch(&mut sink) {
        Ok(size) => Ok(sink.finish(size)?),
        Err(error) => {
            sink.abandon();
            Err(error)
        }
    }
}
