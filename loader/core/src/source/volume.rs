//! A file on a volume.

use alloc::string::String;

use super::{FileSource, RamSink, SourceError};
use crate::fs::{File, FileSystem};

/// Which part of a file is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// First byte.
    pub offset: u64,
    /// How many bytes at most; `None` for all.
    pub limit: Option<u64>,
}

impl Part {
    /// How many bytes of a file of `size` bytes it has.
    #[must_use]
    pub fn len_of(self, size: u64) -> u64 {
        let rest = size.saturating_sub(self.offset);
        self.limit.map_or(rest, |limit| limit.min(rest))
    }
}

/// A part of a file of a file system.
pub struct VolumeFile<'a> {
    filesystem: &'a mut dyn FileSystem,
    file: File,
    name: String,
    part: Part,
}

impl<'a> VolumeFile<'a> {
    /// The file at `path`.
    ///
    /// # Errors
    /// [`SourceError::Failed`] if it cannot be opened, [`SourceError::Stopped`] after Ctrl-C.
    pub fn open(filesystem: &'a mut dyn FileSystem, path: &str, part: Part) -> Result<Self, SourceError> {
        let file = filesystem.open(path)?;
        Ok(Self {
            filesystem,
            file,
            name: path.into(),
            part,
        })
    }
}

impl FileSource for VolumeFile<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> Option<u64> {
        Some(self.part.len_of(self.file.size()))
    }

    /// The device writes straight to where the file shall lie.
    fn fetch(&mut self, sink: &mut RamSink<'_>) -> Result<u64, SourceError> {
        let len = self.part.len_of(self.file.size());
        if len > 0 {
            let place = sink.place(0, len)?;
            self.filesystem.read(&self.file, self.part.offset, place)?;
        }
        Ok(len)
    }
}
