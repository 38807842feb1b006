//! A NOR flash whose content is a file on the host.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use hal::flash::{FlashError, FlashFault, Meanwhile};
use hal::{Flash, PhysAddr, Region};

/// Size of the flash, as QEMU's virt machine has it.
const SIZE: u64 = 64 << 20;
/// Size of its erase blocks.
const BLOCK: u64 = 256 << 10;

/// A flash over a raw image. What lies behind the end of the file is erased.
pub(crate) struct FileFlash {
    file: File,
    region: Region,
}

impl FileFlash {
    /// The flash at `start` with the content of the file at `path`, which is made if it is not there, and made as long as `least` bytes:
    /// other programs that read it expect all that they are told of.
    ///
    /// # Errors
    /// If the file cannot be read and written.
    pub(crate) fn open(path: &Path, start: PhysAddr, least: u64) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let region =
            Region::new(start, SIZE).ok_or_else(|| io::Error::other("the flash runs past the address space"))?;
        let mut flash = Self { file, region };
        flash.store(least.min(SIZE), &[])?;
        Ok(flash)
    }

    fn check(&self, offset: u64, len: usize) -> Result<(), FlashError> {
        let inside = self.region.slice(offset, len as u64);
        inside
            .map(|_| ())
            .ok_or_else(|| self.error(offset, FlashFault::OutOfRange))
    }

    fn error(&self, offset: u64, fault: FlashFault) -> FlashError {
        let start = self.region.start();
        let address = start.checked_add(offset).unwrap_or(start);
        FlashError { address, fault }
    }

    fn fill(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        bytes.fill(0xff);
        self.file.seek(SeekFrom::Start(offset))?;
        let mut filled = 0;
        loop {
            match self.file.read(&mut bytes[filled..])? {
                0 => return Ok(()),
                more => filled += more,
            }
        }
    }

    /// Writes; a gap between the end of the file and `offset` becomes erased flash.
    fn store(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let end = self.file.seek(SeekFrom::End(0))?;
        if let Ok(gap) = usize::try_from(offset.saturating_sub(end)) {
            self.file.write_all(&vec![0xff; gap])?;
        }
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(bytes)
    }
}

impl Flash for FileFlash {
    fn name(&self) -> &'static str {
        "flash image"
    }

    fn region(&self) -> Region {
        self.region
    }

    fn erase_block(&self, offset: u64) -> Option<Range<u64>> {
        let start = offset - offset % BLOCK;
        (offset < SIZE).then_some(start..start + BLOCK)
    }

    fn read(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.check(offset, bytes.len())?;
        self.fill(offset, bytes)
            .map_err(|_| self.error(offset, FlashFault::Timeout))
    }

    fn program(&mut self, offset: u64, bytes: &[u8], _meanwhile: Meanwhile<'_>) -> Result<(), FlashError> {
        let mut programmed = vec![0; bytes.len()];
        self.read(offset, &mut programmed)?;
        programmed.iter_mut().zip(bytes).for_each(|(old, new)| *old &= new);
        self.store(offset, &programmed)
            .map_err(|_| self.error(offset, FlashFault::Program))
    }

    fn erase(&mut self, offset: u64, _meanwhile: Meanwhile<'_>) -> Result<(), FlashError> {
        self.check(offset, 1)?;
        let start = offset - offset % BLOCK;
        self.store(start, &[0xff; BLOCK as usize])
            .map_err(|_| self.error(start, FlashFault::Erase))
    }
}
