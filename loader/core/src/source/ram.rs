//! A file on its way into RAM.

use alloc::string::String;

use hal::{PhysAddr, Region};

use crate::memory::{Claim, Memory, MemoryError};
use crate::net::tftp::Sink;

/// Finds a file its place once its size is told.
pub trait Room {
    /// A free place for `size` bytes, or, if nobody knows how many there will be, the one in which the file may grow largest.
    ///
    /// # Errors
    /// [`MemoryError`] if there is none.
    fn place(&mut self, size: Option<u64>) -> Result<Region, MemoryError>;
}

/// Where a file shall lie.
pub enum Destination<'a> {
    /// From this address on, whatever lies there.
    At(PhysAddr),
    /// Wherever there is room.
    Free(&'a mut dyn Room),
}

impl Destination<'_> {
    /// The address, if it is known before there is a file.
    #[must_use]
    pub fn address(&self) -> Option<PhysAddr> {
        match self {
            Self::At(address) => Some(*address),
            Self::Free(_) => None,
        }
    }

    /// The same for a shorter while.
    pub(super) fn reborrow(&mut self) -> Destination<'_> {
        match self {
            Self::At(address) => Destination::At(*address),
            Self::Free(room) => Destination::Free(&mut **room),
        }
    }

    /// The region to claim for a file of `size` bytes.
    fn region(&mut self, memory: &Memory, size: Option<u64>) -> Result<Region, MemoryError> {
        match (self, size) {
            (Self::Free(room), size) => room.place(size),
            (Self::At(start), Some(len)) => {
                let start = *start;
                Region::new(start, len).ok_or(MemoryError::Wraps { start, len })
            }
            (Self::At(start), None) => memory.window(*start),
        }
    }
}

/// Writes a file to where it shall lie, and nowhere else. The place is claimed when the file's size is told; if it is not, up to the next
/// thing in the way.
pub struct RamSink<'a> {
    memory: &'a mut Memory,
    destination: Destination<'a>,
    name: String,
    claim: Option<Claim>,
    written: u64,
}

impl<'a> RamSink<'a> {
    /// A place for the file called `name`, which has `size` bytes if that is known already.
    ///
    /// # Errors
    /// [`MemoryError`] if not even one byte, or not all of the `size`, may be written there.
    pub fn new(
        memory: &'a mut Memory,
        mut destination: Destination<'a>,
        size: Option<u64>,
        name: &str,
    ) -> Result<Self, MemoryError> {
        let region = size.map(|size| destination.region(memory, Some(size))).transpose()?;
        let claim = region.map(|region| memory.claim(region.start(), region.len(), name));
        let claim = claim.transpose()?;
        // A claim of no byte is in nobody's way; a file at that place is.
        if let Destination::At(start) = destination {
            memory.window(start)?;
        }
        Ok(Self {
            memory,
            destination,
            name: name.into(),
            claim,
            written: 0,
        })
    }

    /// Claims what a file of `size` bytes needs.
    fn claim(&mut self, size: Option<u64>) -> Result<Claim, MemoryError> {
        let region = self.destination.region(self.memory, size)?;
        self.memory.claim(region.start(), region.len(), &self.name)
    }

    /// `len` bytes at `offset` from the start of the file, to be written in place.
    ///
    /// # Errors
    /// [`MemoryError`] if they do not fit.
    pub fn place(&mut self, offset: u64, len: u64) -> Result<&mut [u8], MemoryError> {
        let claim = match self.claim.take() {
            Some(claim) => claim,
            None => self.claim(None)?,
        };
        let place = self.memory.claimed_mut(self.claim.insert(claim), offset, len)?;
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
            None => self.claim(Some(size))?,
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
        self.claim = Some(self.claim(Some(size))?);
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

    use super::Destination::{At, Free};
    use super::{RamSink, Room};
    use crate::memory::{FreeRam, Memory, MemoryError};
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
        let mut sink = RamSink::new(&mut memory, At(PhysAddr(0x1000)), None, "Image").unwrap();
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
        let mut sink = RamSink::new(&mut memory, At(PhysAddr(0x1000)), None, "Image").unwrap();
        sink.write(0, b"0123").unwrap();
        assert!(sink.write(0x7ff, b"ab").is_err());
        assert_eq!(sink.finish(4).unwrap().len(), 4);
    }

    #[test]
    fn an_abandoned_file_leaves_no_file_and_marks_what_it_hit() {
        let mut memory = memory();
        let old = memory.claim(PhysAddr(0x1000), 0x10, "old").unwrap();
        memory.record(old, 0x10);
        let mut sink = RamSink::new(&mut memory, At(PhysAddr(0x1000)), None, "new").unwrap();
        sink.size_hint(0x20).unwrap();
        sink.abandon();
        assert_eq!(memory.files()[0].overwritten_by, None, "nothing was written");
        let mut sink = RamSink::new(&mut memory, At(PhysAddr(0x1000)), None, "new").unwrap();
        sink.write(0, b"x").unwrap();
        sink.abandon();
        assert_eq!(memory.files()[0].overwritten_by.as_deref(), Some("new"));
        assert_eq!(memory.files().len(), 1);
    }

    #[test]
    fn a_reserved_place_is_refused_at_once() {
        assert!(RamSink::new(&mut memory(), At(PhysAddr(0x1880)), None, "Image").is_err());
        assert!(RamSink::new(&mut memory(), At(PhysAddr(0)), None, "Image").is_err());
        for (start, size) in [(0x1880, 0), (0x1880, 1), (0x17ff, 2), (0, 0), (0x1fff, 2)] {
            assert!(
                RamSink::new(&mut memory(), At(PhysAddr(start)), Some(size), "Image").is_err(),
                "{start:#x} {size}"
            );
        }
    }

    /// Room in free RAM, which remembers what it was asked for.
    struct Top(FreeRam, alloc::vec::Vec<Option<u64>>);

    impl Room for Top {
        fn place(&mut self, size: Option<u64>) -> Result<Region, MemoryError> {
            self.1.push(size);
            let found = match size {
                Some(size) => self.0.highest(size, 0x100, None),
                None => self.0.largest(0x100, None),
            };
            found.ok_or(MemoryError::NoPlace {
                len: size.unwrap_or(1),
                below: None,
            })
        }
    }

    #[test]
    fn a_file_that_may_lie_anywhere_is_placed_when_its_size_is_told() {
        let mut memory = memory();
        let mut top = Top(memory.free(&[]), alloc::vec![]);
        let mut sink = RamSink::new(&mut memory, Free(&mut top), None, "Image").unwrap();
        sink.size_hint(0x6f0).unwrap();
        sink.write(0, b"01").unwrap();
        // The server begins anew with another file.
        sink.size_hint(0x701).unwrap();
        sink.write(0x700, b"x").unwrap();
        assert!(sink.write(0x701, b"x").is_err());
        let region = sink.finish(0x701).unwrap();
        assert_eq!((region.start(), region.len()), (PhysAddr(0x1000), 0x701));
        assert_eq!(top.1, [Some(0x6f0), Some(0x701)]);
        assert!(RamSink::new(&mut memory, Free(&mut top), Some(0x901), "Image").is_err());
    }

    #[test]
    fn a_file_that_may_lie_anywhere_and_is_of_unknown_size_gets_the_largest_place() {
        let mut memory = memory();
        let other = memory.claim(PhysAddr(0x1300), 0x10, "other").unwrap();
        memory.record(other, 0x10);
        let mut top = Top(memory.free(&[]), alloc::vec![]);
        let mut sink = RamSink::new(&mut memory, Free(&mut top), None, "Image").unwrap();
        sink.write(0, b"0123").unwrap();
        assert!(sink.write(0x6ff, b"ab").is_err());
        let region = sink.finish(4).unwrap();
        assert_eq!((region.start(), region.len()), (PhysAddr(0x1900), 4));
        assert_eq!(memory.files()[0].overwritten_by, None);
        // Nothing was ever written: its place is found at the end.
        let sink = RamSink::new(&mut memory, Free(&mut top), None, "empty").unwrap();
        assert_eq!(sink.finish(0).unwrap().len(), 0);
    }
}
