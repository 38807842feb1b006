//! The memory map: RAM banks, what is reserved in them, what was loaded where; and the only way to write RAM.
//!
//! Writing needs a [`Claim`], and a claim is given only for a region that is RAM and not reserved. Files that were loaded
//! may be written over (people reload files), but the map remembers it: a damaged file is not booted.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use hal::{PhysAddr, Ram, Region};
use thiserror::Error;

mod free;

pub use free::FreeRam;

/// A part of RAM that nothing may be loaded to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Where it is.
    pub region: Region,
    /// Whose it is, in words for messages: `the loader`, `/reserved-memory/optee@8000000`.
    pub owner: String,
}

/// A file that lies in RAM as it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedFile {
    /// Its exact bytes.
    pub region: Region,
    /// Its name at the place that it came from.
    pub name: String,
    /// The name of what was later written over a part of it.
    pub overwritten_by: Option<String>,
}

/// Why a region cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MemoryError {
    /// Not all of the region is RAM.
    #[error("{region} is not all RAM: {hint}")]
    NotRam {
        /// The region asked for.
        region: Region,
        /// What there is instead.
        hint: String,
    },
    /// The region runs into a reservation.
    #[error("{region} runs into {owner} at {reserved}")]
    Reserved {
        /// The region asked for.
        region: Region,
        /// The reservation's place.
        reserved: Region,
        /// Whose it is.
        owner: String,
    },
    /// The end of the region does not fit in 64 bits.
    #[error("{len:#x} bytes at {start} run past the end of the address space")]
    Wraps {
        /// First address.
        start: PhysAddr,
        /// Length in bytes.
        len: u64,
    },
    /// No free place is large enough.
    #[error("{len:#x} bytes of free RAM in one piece{} are needed, and there is no such place left", below_hint(*.below))]
    NoPlace {
        /// How much is needed.
        len: u64,
        /// What the place must end below.
        below: Option<PhysAddr>,
    },
    /// A write beyond the end of a claim.
    #[error("{len:#x} bytes at offset {offset:#x} do not fit the {room:#x} bytes claimed at {start}")]
    BeyondClaim {
        /// The claim's first address.
        start: PhysAddr,
        /// The claim's length in bytes.
        room: u64,
        /// Where the write would begin.
        offset: u64,
        /// How long it would be.
        len: u64,
    },
}

fn below_hint(below: Option<PhysAddr>) -> String {
    below.map_or_else(String::new, |below| alloc::format!(" below {below}"))
}

/// The right to write a region of RAM. Not to be copied: who holds it writes.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a claim that is not recorded or abandoned leaves the map ignorant of what was written"]
pub struct Claim {
    region: Region,
    name: String,
}

impl Claim {
    /// The region that may be written.
    #[must_use]
    pub fn region(&self) -> Region {
        self.region
    }

    /// What it was claimed for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// How much of a copy goes over the heap at a time, where it cannot go straight.
const BOUNCE: u64 = 64 * 1024;

/// The memory map.
pub struct Memory {
    ram: Box<dyn Ram>,
    banks: Vec<Region>,
    reservations: Vec<Reservation>,
    files: Vec<LoadedFile>,
}

impl Memory {
    /// A map over `ram` with the given banks, in any order; touching ones are joined.
    #[must_use]
    pub fn new(ram: Box<dyn Ram>, banks: &[Region]) -> Self {
        Self {
            ram,
            banks: joined(banks),
            reservations: Vec::new(),
            files: Vec::new(),
        }
    }

    /// The RAM banks by address; no two touch.
    #[must_use]
    pub fn banks(&self) -> &[Region] {
        &self.banks
    }

    /// The reservations by address.
    #[must_use]
    pub fn reservations(&self) -> &[Reservation] {
        &self.reservations
    }

    /// The loaded files by address.
    #[must_use]
    pub fn files(&self) -> &[LoadedFile] {
        &self.files
    }

    /// Takes `region` out of what may be loaded to; `owner` says whose it is.
    pub fn reserve(&mut self, region: Region, owner: &str) {
        self.reservations.push(Reservation {
            region,
            owner: owner.to_owned(),
        });
        self.reservations.sort_by_key(|reservation| reservation.region);
    }

    /// The file that begins at `address`.
    #[must_use]
    pub fn file_at(&self, address: PhysAddr) -> Option<&LoadedFile> {
        self.files.iter().find(|file| file.region.start() == address)
    }

    /// The files that share a byte with `region`.
    pub fn files_in(&self, region: Region) -> impl Iterator<Item = &LoadedFile> {
        self.files.iter().filter(move |file| file.region.overlaps(region))
    }

    /// The reservation that `region` runs into first.
    #[must_use]
    pub fn reservation_in(&self, region: Region) -> Option<&Reservation> {
        self.reservations
            .iter()
            .find(|reservation| reservation.region.overlaps(region))
    }

    /// The room from `start` to the next reservation or the end of the bank: how long a file of unknown length may grow there.
    ///
    /// # Errors
    /// [`MemoryError::NotRam`] or [`MemoryError::Reserved`] if not even one byte may be written at `start`.
    pub fn window(&self, start: PhysAddr) -> Result<Region, MemoryError> {
        let first = Region::new(start, 1).ok_or(MemoryError::Wraps { start, len: 1 })?;
        self.check(first)?;
        let bank_end = self
            .banks
            .iter()
            .find(|bank| bank.contains(start))
            .map_or(first.end(), |bank| bank.end());
        let next = self
            .reservations
            .iter()
            .map(|reservation| reservation.region.start())
            .filter(|next| *next > start);
        let end = next.min().map_or(bank_end, |next| next.min(bank_end));
        Ok(Region::from_bounds(start, end).unwrap_or(first))
    }

    /// Whether all of `region` may be written.
    ///
    /// # Errors
    /// [`MemoryError::NotRam`] or [`MemoryError::Reserved`], naming what is in the way.
    pub fn check(&self, region: Region) -> Result<(), MemoryError> {
        if !self.banks.iter().any(|bank| bank.covers(region)) {
            return Err(MemoryError::NotRam {
                region,
                hint: self.bank_hint(region),
            });
        }
        match self.reservation_in(region) {
            Some(hit) => Err(MemoryError::Reserved {
                region,
                reserved: hit.region,
                owner: hit.owner.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The right to write `len` bytes at `start` for the file called `name`.
    ///
    /// # Errors
    /// [`MemoryError`] if any of it is not free RAM.
    pub fn claim(&mut self, start: PhysAddr, len: u64, name: &str) -> Result<Claim, MemoryError> {
        let region = Region::new(start, len).ok_or(MemoryError::Wraps { start, len })?;
        self.check(region)?;
        Ok(Claim {
            region,
            name: name.to_owned(),
        })
    }

    /// Writes `bytes` at `offset` from the claim's start.
    ///
    /// # Errors
    /// [`MemoryError::BeyondClaim`] if they do not fit.
    pub fn write(&mut self, claim: &Claim, offset: u64, bytes: &[u8]) -> Result<(), MemoryError> {
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.claimed_mut(claim, offset, len)?.copy_from_slice(bytes);
        Ok(())
    }

    /// `len` bytes at `offset` from the claim's start, to write in place.
    ///
    /// # Errors
    /// [`MemoryError::BeyondClaim`] if they do not fit.
    pub fn claimed_mut(&mut self, claim: &Claim, offset: u64, len: u64) -> Result<&mut [u8], MemoryError> {
        let beyond = MemoryError::BeyondClaim {
            start: claim.region.start(),
            room: claim.region.len(),
            offset,
            len,
        };
        let part = claim.region.slice(offset, len).ok_or_else(|| beyond.clone())?;
        self.ram.bytes_mut(part).ok_or(beyond)
    }

    /// Copies all bytes of `from` to `offset` from the claim's start. They may overlap: what arrives is what lay there before.
    ///
    /// # Errors
    /// [`MemoryError::BeyondClaim`] if they do not fit, [`MemoryError::NotRam`] if `from` cannot be read.
    pub fn copy(&mut self, claim: &Claim, offset: u64, from: Region) -> Result<(), MemoryError> {
        let to = claim.region.slice(offset, from.len());
        let both = to.and_then(|to| Region::from_bounds(from.start().min(to.start()), from.end().max(to.end())));
        let within = |both: Region, part: PhysAddr| usize::try_from(part.get().checked_sub(both.start().get())?).ok();
        if let Some((to, both)) = to.zip(both)
            && let Some(room) = self.ram.bytes_mut(both)
            && let Some((source, target)) = within(both, from.start()).zip(within(both, to.start()))
            && let Some(end) = within(both, from.end())
        {
            room.copy_within(source..end, target);
            return Ok(());
        }
        // Something that is not to be touched lies between the two, so they do not overlap.
        let mut done = 0;
        while let Some(rest) = from.len().checked_sub(done).filter(|rest| *rest > 0) {
            let len = rest.min(BOUNCE);
            let part = from.slice(done, len).unwrap_or(from);
            let bytes = self.bytes(part)?.to_vec();
            self.write(claim, offset.saturating_add(done), &bytes)?;
            done = done.saturating_add(len);
        }
        Ok(())
    }

    /// The claimed bytes, to write in place.
    ///
    /// # Errors
    /// [`MemoryError::NotRam`] if the machine does not back the region.
    pub fn bytes_mut(&mut self, claim: &Claim) -> Result<&mut [u8], MemoryError> {
        let region = claim.region;
        self.ram.bytes_mut(region).ok_or_else(|| MemoryError::NotRam {
            region,
            hint: "the machine does not map it".to_owned(),
        })
    }

    /// The bytes of `region`, to read.
    ///
    /// # Errors
    /// [`MemoryError::NotRam`] if not all of it is RAM that may be looked at.
    pub fn bytes(&self, region: Region) -> Result<&[u8], MemoryError> {
        self.ram.bytes(region).ok_or_else(|| MemoryError::NotRam {
            region,
            hint: self.bank_hint(region),
        })
    }

    /// The bytes from `start` to the end of its bank or to the next gap, to parse something of unknown length.
    ///
    /// # Errors
    /// [`MemoryError`] if `start` is not in readable RAM.
    pub fn bytes_from(&self, start: PhysAddr) -> Result<&[u8], MemoryError> {
        let window = self.readable_window(start)?;
        self.bytes(window)
    }

    /// Notes that the first `len` bytes of the claim now hold its file, and gives the file. Other files there are damaged from now on.
    pub fn record(&mut self, claim: Claim, len: u64) -> Region {
        let region = claim.region.slice(0, len).unwrap_or(claim.region);
        self.damage(region, &claim.name);
        self.files.retain(|file| file.region.start() != region.start());
        self.files.push(LoadedFile {
            region,
            name: claim.name,
            overwritten_by: None,
        });
        self.files.sort_by_key(|file| file.region);
        region
    }

    /// Notes that writing stopped after `written` bytes: there is no new file, and files that lay there are damaged.
    pub fn abandon(&mut self, claim: Claim, written: u64) {
        let region = claim.region.slice(0, written).unwrap_or(claim.region);
        self.damage(region, &claim.name);
    }

    /// What is free: RAM without reservations, files, and what is in `also`.
    #[must_use]
    pub fn free(&self, also: &[Region]) -> FreeRam {
        let mut taken: Vec<Region> = self.reservations.iter().map(|reservation| reservation.region).collect();
        taken.extend(self.files.iter().map(|file| file.region));
        taken.extend(also);
        FreeRam::new(&self.banks, &taken)
    }

    /// The highest free region of `len` bytes, aligned to `alignment` bytes, that ends at or below `below` and touches no
    /// reservation and no file.
    #[must_use]
    pub fn find_free(&self, len: u64, alignment: u64, below: Option<PhysAddr>) -> Option<Region> {
        self.free(&[]).highest(len, alignment, below)
    }

    /// Takes the file that begins at `address` out of the map: its bytes are of no use any more.
    pub fn forget(&mut self, address: PhysAddr) {
        self.files.retain(|file| file.region.start() != address);
    }

    fn readable_window(&self, start: PhysAddr) -> Result<Region, MemoryError> {
        let first = Region::new(start, 1).ok_or(MemoryError::Wraps { start, len: 1 })?;
        let bank = self.banks.iter().find(|bank| bank.contains(start));
        let end = bank
            .ok_or_else(|| MemoryError::NotRam {
                region: first,
                hint: self.bank_hint(first),
            })?
            .end();
        let whole = Region::from_bounds(start, end).unwrap_or(first);
        let gap = self
            .reservations
            .iter()
            .map(|hit| hit.region)
            .find(|hit| hit.overlaps(whole) && self.ram.bytes(*hit).is_none());
        let end = gap.map_or(end, |gap| gap.start().max(start));
        Ok(Region::from_bounds(start, end).unwrap_or(first))
    }

    fn damage(&mut self, region: Region, by: &str) {
        for file in self.files.iter_mut().filter(|file| file.region.overlaps(region)) {
            file.overwritten_by = Some(by.to_owned());
        }
    }

    fn bank_hint(&self, region: Region) -> String {
        match self.banks.iter().find(|bank| bank.overlaps(region)) {
            Some(bank) => alloc::format!("the bank there is {bank}"),
            None => {
                let list: Vec<String> = self.banks.iter().map(|bank| alloc::format!("{bank}")).collect();
                alloc::format!("RAM is {}", list.join(", "))
            }
        }
    }
}

/// The banks sorted, touching and overlapping ones joined, empty ones dropped.
fn joined(banks: &[Region]) -> Vec<Region> {
    let mut sorted: Vec<Region> = banks.iter().copied().filter(|bank| !bank.is_empty()).collect();
    sorted.sort();
    let mut out: Vec<Region> = Vec::new();
    for bank in sorted {
        match out.last_mut() {
            Some(last) if bank.start() <= last.end() => {
                let end = last.end().max(bank.end());
                *last = Region::from_bounds(last.start(), end).unwrap_or(*last);
            }
            _ => out.push(bank),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::string::ToString;

    use hal::fakes::VecRam;
    use hal::{PhysAddr, Region};

    use super::{Memory, MemoryError};

    fn region(start: u64, len: u64) -> Region {
        Region::new(PhysAddr(start), len).unwrap()
    }

    fn memory() -> Memory {
        let banks = [region(0x4000, 0x4000), region(0x1_0000, 0x1000)];
        let mut memory = Memory::new(Box::new(VecRam::new(&banks)), &banks);
        memory.reserve(region(0x7000, 0x1000), "the loader");
        memory
    }

    #[test]
    fn claims_stay_in_free_ram() {
        let mut memory = memory();
        assert!(memory.claim(PhysAddr(0x4000), 0x3000, "a").is_ok());
        let reserved = memory.claim(PhysAddr(0x4000), 0x3001, "a").unwrap_err();
        assert_eq!(
            reserved.to_string(),
            "0x4000..0x7001 runs into the loader at 0x7000..0x8000"
        );
        let outside = memory.claim(PhysAddr(0x1_0000), 0x1001, "a").unwrap_err();
        assert_eq!(
            outside.to_string(),
            "0x10000..0x11001 is not all RAM: the bank there is 0x10000..0x11000"
        );
        assert!(matches!(
            memory.claim(PhysAddr(0), 1, "a"),
            Err(MemoryError::NotRam { .. })
        ));
        assert!(matches!(
            memory.claim(PhysAddr(u64::MAX), 2, "a"),
            Err(MemoryError::Wraps { .. })
        ));
    }

    #[test]
    fn a_window_ends_at_the_next_obstacle() {
        let memory = memory();
        assert_eq!(memory.window(PhysAddr(0x5000)), Ok(region(0x5000, 0x2000)));
        assert_eq!(memory.window(PhysAddr(0x1_0800)), Ok(region(0x1_0800, 0x800)));
        assert!(memory.window(PhysAddr(0x7800)).is_err());
    }

    #[test]
    fn writes_stay_in_their_claim() {
        let mut memory = memory();
        let claim = memory.claim(PhysAddr(0x4000), 4, "a").unwrap();
        assert!(memory.write(&claim, 2, b"xy").is_ok());
        assert!(memory.write(&claim, 3, b"xy").is_err());
        assert!(memory.write(&claim, u64::MAX, b"xy").is_err());
        let pattern = VecRam::PATTERN;
        assert_eq!(
            memory.bytes(region(0x4000, 5)).unwrap(),
            [pattern, pattern, b'x', b'y', pattern]
        );
    }

    #[test]
    fn a_file_written_over_is_marked() {
        let mut memory = memory();
        let first = memory.claim(PhysAddr(0x4000), 0x1000, "Image").unwrap();
        assert_eq!(memory.record(first, 0x800), region(0x4000, 0x800));
        let second = memory.claim(PhysAddr(0x4700), 0x1000, "initrd").unwrap();
        memory.record(second, 0x1000);
        assert_eq!(
            memory.file_at(PhysAddr(0x4000)).unwrap().overwritten_by.as_deref(),
            Some("initrd")
        );
        assert_eq!(memory.file_at(PhysAddr(0x4700)).unwrap().overwritten_by, None);
        let again = memory.claim(PhysAddr(0x4000), 0x1000, "Image").unwrap();
        memory.record(again, 0x700);
        assert_eq!(memory.file_at(PhysAddr(0x4000)).unwrap().overwritten_by, None);
        assert_eq!(memory.files().len(), 2);
    }

    #[test]
    fn free_space_is_found_from_the_top() {
        let mut memory = memory();
        assert_eq!(memory.find_free(0x800, 0x1000, None), Some(region(0x1_0000, 0x800)));
        assert_eq!(memory.find_free(0x1001, 0x1000, None), Some(region(0x5000, 0x1001)));
        assert_eq!(
            memory.find_free(0x800, 0x100, Some(PhysAddr(0x1_0000))),
            Some(region(0x6800, 0x800))
        );
        let claim = memory.claim(PhysAddr(0x5000), 0x1000, "a").unwrap();
        memory.record(claim, 0x1000);
        assert_eq!(memory.find_free(0x1001, 0x100, None), None);
        assert_eq!(
            memory.find_free(0x1000, 0x100, Some(PhysAddr(0x6f00))),
            Some(region(0x4000, 0x1000))
        );
        assert_eq!(memory.find_free(1, 0, None), None);
        // A file inside another: the outer one's end counts.
        let inner = memory.claim(PhysAddr(0x5100), 0x10, "b").unwrap();
        memory.record(inner, 0x10);
        assert_eq!(
            memory.find_free(0x800, 1, Some(PhysAddr(0x6100))),
            Some(region(0x4800, 0x800))
        );
    }

    #[test]
    fn touching_banks_are_one() {
        let banks = [region(0x2000, 0x1000), region(0x1000, 0x1000), region(0x5000, 0)];
        let memory = Memory::new(Box::new(VecRam::new(&[region(0x1000, 0x2000)])), &banks);
        assert_eq!(memory.banks(), [region(0x1000, 0x2000)]);
    }
}
