//! A file on its way into RAM.

use alloc::string::String;

use hal::{PhysAddr, Region};

use crate::memory::{Claim, Memory, MemoryError};
use crate::net::tftp::Sink;

/// Writes a file to where it shall lie, and nowhere else. The place is claimed when the file's size is told; if it is not, up to the next
/// thing in the way.
pub struct RamSink<'a> {
    memory: &'a mut Memory,
    start: PhysAddr,
    name: String,
    claim: Option<Claim>,
    written: u64,
}

impl<'a> RamSink<'a> {
    /// A place for the file called `name` at `start`.
    ///
    /// # Errors
    /// [`MemoryError`] if not even one byte may be written there.
    pub fn new(memory: &'a mut Memory, start: PhysAddr, name: &str) -> Result<Self, MemoryError> {
        memory.window(start)?;
        Ok(Self {
            memory,
            start,
            name: name.into(),
            claim: None,
            written: 0,
        })
    }

    /// The place for the `size` bytes of a file at `start`.
    ///
    /// # Errors
    /// [`MemoryError`] if not all of it may be written.
    pub fn of_size(memory: &'a mut Memory, (start, size): (PhysAddr, u64), name: &str) -> Result<Self, MemoryError> {
        let claim = memory.claim(start, size, name)?;
        // A claim of no byte is in nobody's way; a file at that place is.
        memory.window(start)?;
        Ok(Self {
            memory,
            start,
            name: name.into(),
            claim: Some(claim),
            written: 0,
        })
    }

    /// `len` bytes at `offset` from the start of the file, to be written in place.
    ///
    /// # Errors
    /// [`MemoryError`] if they do not fit.
    pub fn place(&mut self, offset: u64, len: u64) -> Result<&mut [u8], MemoryError> {
        let claim = match &self.claim {
            Some(claim) => claim,
            None => {
                let room = self.memory.window(self.start)?.len();
                self.claim.insert(self.memory.claim(self.start, room, &self.name)?)
            }
        };
        let place = self.memory.claimed_mut(claim, offset, len)?;
        self.written = self.written.max(offset.saturating_add(len));
        Ok(place)
    }

    /// Notes that the file of `size` bytes is complete, and gives its place.
    ///
    /// # Errors
    /// [`MemoryError`] if it was never written and does not fit.
    pub fn finish(mut self, size: u64) -> Result<Region, MemoryError> {
        let claim = match self.claim.take() {
            Some(claim) => claim,
            None => self.memory.claim(self.start, size, &self.name)?,
        };
        Ok(self.memory.record(claim, size))
    }

    /// Notes that the file will not become complete.
    pub fn abandon(mut self) {
        self.give_up();
    }

    fn give_up(&mut self) {
        if let Some(claim) = self.claim.take() {
            self.memory.abandon(claim, self.written);
        }
        self.written = 0;
    }
}

impl Sink for RamSink<'_> {
    fn size_hint(&mut self, size: u64) -> Result<(), MemoryError> {
        self.give_up();
        self.claim = Some(self.memory.claim(self.start, size, &self.name)?);
        Ok(())
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), MemoryError> {
        let len = u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.place(offset, len)?.copy_from_slice(data);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;

    use hal::fakes::VecRam;
    use hal::{PhysAddr, Region};

    use super::RamSink;
    use crate::memory::Memory;
    use crate::net::tftp::Sink;

    fn memory() -> Memory {
        let bank = Region::new(PhysAddr(0x1000), 0x1000).unwrap();
        let mut memory = Memory::new(Box::new(VecRam::new(&[bank])), &[bank]);
        memory.reserve(Region::new(PhysAddr(0x1800), 0x100).unwrap(), "the loader");
        memory
    }

    #[test]
    fn a_file_of_known_size_has_to_fit() {
        let mut memory = memory();
        let mut sink = RamSink::new(&mut memory, PhysAddr(0x1000), "Image").unwrap();
        assert!(sink.size_hint(0x801).is_err());
        sink.size_hint(0x800).unwrap();
        sink.write(0x7fe, b"ab").unwrap();
        assert!(sink.write(0x7ff, b"ab").is_err());
        let region = sink.finish(0x800).unwrap();
        assert_eq!((region.start(), region.len()), (PhysAddr(0x1000), 0x800));
        assert_eq!(memory.file_at(PhysAddr(0x1000)).unwrap().name, "Image");
    }

    #[test]
    fn a_file_of_unknown_size_grows_up_to_the_next_thing_in_the_way() {
        let mut memory = memory();
        let mut sink = RamSink::new(&mut memory, PhysAddr(0x1000), "Image").unwrap();
        sink.write(0, b"0123").unwrap();
        assert!(sink.write(0x7ff, b"ab").is_err());
        assert_eq!(sink.finish(4).unwrap().len(), 4);
    }

    #[test]
    fn an_abandoned_file_leaves_no_file_and_marks_what_it_hit() {
        let mut memory = memory();
        let old = memory.claim(PhysAddr(0x1000), 0x10, "old").unwrap();
        memory.record(old, 0x10);
        let mut sink = RamSink::new(&mut memory, PhysAddr(0x1000), "new").unwrap();
        sink.size_hint(0x20).unwrap();
        sink.abandon();
        assert_eq!(memory.files()[0].overwritten_by, None, "nothing was written");
        let mut sink = RamSink::new(&mut memory, PhysAddr(0x1000), "new").unwrap();
        sink.write(0, b"x").unwrap();
        sink.abandon();
        assert_eq!(memory.files()[0].overwritten_by.as_deref(), Some("new"));
        assert_eq!(memory.files().len(), 1);
    }

    #[test]
    fn a_reserved_place_is_refused_at_once() {
        assert!(RamSink::new(&mut memory(), PhysAddr(0x1880), "Image").is_err());
        assert!(RamSink::new(&mut memory(), PhysAddr(0), "Image").is_err());
        for (start, size) in [(0x1880, 0), (0x1880, 1), (0x17ff, 2), (0, 0), (0x1fff, 2)] {
            assert!(
                RamSink::of_size(&mut memory(), (PhysAddr(start), size), "Image").is_err(),
                "{start:#x} {size}"
            );
        }
    }
}
