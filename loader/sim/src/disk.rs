//! A disk or a card whose content is a file on the host, or has the files of a folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;

use hal::block::{BLOCK_SIZE, BlockFault, BlockInterface, Medium};
use hal::flash::Meanwhile;
use hal::{BlockDevice, BlockError, BlockIdx};

use crate::card::{self, CardError};

/// Where the blocks are.
trait Content: Read + Write + Seek {}

impl<T: Read + Write + Seek> Content for T {}

/// A disk over a raw image, which is written to as a real one is. An image that cannot be written is a disk that cannot.
pub struct FileDisk {
    content: Box<dyn Content>,
    name: String,
    interface: BlockInterface,
    medium: Medium,
}

impl FileDisk {
    /// The disk with the content of the file at `path`. What is behind its last whole block does not count.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn open(path: &Path, interface: BlockInterface) -> io::Result<Self> {
        let writable = OpenOptions::new().read(true).write(true).open(path);
        let read_only = writable.is_err();
        let mut file = writable.or_else(|_| File::open(path))?;
        let len = file.seek(SeekFrom::End(0))?;
        let mut disk = Self::new(path, interface, Box::new(file), len);
        disk.medium.read_only = read_only;
        Ok(disk.named("Slipway", "disk image"))
    }

    /// The disk with the files of the folder at `path`, on a FAT32 in its first partition. What is written to it is gone with it.
    ///
    /// # Errors
    /// If the folder cannot be read, or a FAT32 cannot hold what is in it.
    pub(crate) fn with_folder(path: &Path, interface: BlockInterface) -> Result<Self, CardError> {
        let nodes = card::list(path)?;
        let card = card::empty(path, &nodes)?;
        let len = card.len() as u64;
        let mut disk = Self::new(path, interface, Box::new(Cursor::new(card)), len);
        card::fill(&mut disk, path, &nodes)?;
        Ok(disk.named("Slipway", "folder"))
    }

    fn new(path: &Path, interface: BlockInterface, content: Box<dyn Content>, len: u64) -> Self {
        let medium = Medium {
            blocks: len / BLOCK_SIZE as u64,
            ..Medium::default()
        };
        Self {
            content,
            name: path.display().to_string(),
            interface,
            medium,
        }
    }

    /// The same with another maker's name.
    #[must_use]
    pub fn named(mut self, vendor: &str, product: &str) -> Self {
        vendor.clone_into(&mut self.medium.vendor);
        product.clone_into(&mut self.medium.product);
        self
    }

    fn error(&self, block: BlockIdx, fault: BlockFault) -> BlockError {
        BlockError {
            device: self.name.clone(),
            block: Some(block),
            fault,
        }
    }

    /// Goes to where a transfer begins.
    fn seek(&mut self, first: BlockIdx, len: usize) -> Result<(), BlockError> {
        if let Some(fault) = self.medium.check(first, len) {
            return Err(self.error(first, fault));
        }
        let offset = first.get().saturating_mul(BLOCK_SIZE as u64);
        let sought = self.content.seek(SeekFrom::Start(offset));
        sought.map(drop).map_err(|error| self.failed(first, &error))
    }

    fn failed(&self, block: BlockIdx, error: &io::Error) -> BlockError {
        let status = error.raw_os_error().and_then(|number| u32::try_from(number).ok());
        self.error(block, BlockFault::Device(status.unwrap_or_default()))
    }
}

impl BlockDevice for FileDisk {
    fn name(&self) -> &str {
        &self.name
    }

    fn interface(&self) -> BlockInterface {
        self.interface
    }

    fn medium(&self) -> Option<&Medium> {
        Some(&self.medium)
    }

    fn rescan(&mut self, _meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        Ok(())
    }

    fn read(&mut self, first: BlockIdx, bytes: &mut [u8], _meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        self.seek(first, bytes.len())?;
        let read = self.content.read_exact(bytes);
        read.map_err(|error| self.failed(first, &error))
    }

    fn write(&mut self, first: BlockIdx, bytes: &[u8], _meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        if self.medium.read_only {
            return Err(self.error(first, BlockFault::ReadOnly));
        }
        self.seek(first, bytes.len())?;
        let written = self.content.write_all(bytes).and_then(|()| self.content.flush());
        written.map_err(|error| self.failed(first, &error))
    }

    fn shutdown(&mut self) {}
}

#[cfg(test)]
mod tests {
    use hal::block::{BlockDevice, BlockFault, BlockIdx, BlockInterface};

    use super::FileDisk;

    #[test]
    fn blocks_are_those_of_the_file() {
        let path = std::env::temp_dir().join(format!("slipway-sim-disk-{}", std::process::id()));
        std::fs::write(&path, [7; 1024 + 100]).unwrap();
        let mut disk = FileDisk::open(&path, BlockInterface::Mmc).unwrap();
        assert_eq!(disk.medium().unwrap().blocks, 2);
        disk.write(BlockIdx(1), &[9; 512], &mut || {}).unwrap();
        let mut bytes = [0; 1024];
        disk.read(BlockIdx(0), &mut bytes, &mut || {}).unwrap();
        assert_eq!((bytes[511], bytes[512]), (7, 9));
        let beyond = disk.read(BlockIdx(1), &mut bytes, &mut || {}).unwrap_err();
        assert_eq!(beyond.fault, BlockFault::OutOfRange(2));
        let ragged = disk.write(BlockIdx(0), &[0; 5], &mut || {}).unwrap_err();
        assert_eq!(ragged.fault, BlockFault::Length(5));
        std::fs::remove_file(&path).unwrap();
    }
}
