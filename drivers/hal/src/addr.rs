//! Physical addresses and regions. No bare `u64` address crosses a trait of this crate.

use core::fmt;

/// A physical address, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PhysAddr(pub u64);

impl PhysAddr {
    /// The address as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The address `bytes` further on; `None` past the end of the 64-bit space.
    #[must_use]
    pub fn checked_add(self, bytes: u64) -> Option<Self> {
        self.0.checked_add(bytes).map(Self)
    }

    /// The lower and the upper half, as registers of 32 bits take them.
    #[must_use]
    pub fn halves(self) -> (u32, u32) {
        let [a, b, c, d, e, f, g, h] = self.0.to_le_bytes();
        (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
    }

    /// The first multiple of `alignment` at or after this address; `None` past the end or for alignment 0.
    #[must_use]
    pub fn align_up(self, alignment: u64) -> Option<Self> {
        self.0.checked_next_multiple_of(alignment).map(Self)
    }

    /// Whether the address is a multiple of `alignment` bytes.
    #[must_use]
    pub fn is_aligned(self, alignment: u64) -> bool {
        self.0.checked_rem(alignment) == Some(0)
    }
}

impl fmt::Display for PhysAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for PhysAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A range of physical addresses that does not wrap: `start .. start + len`, the end exclusive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region {
    start: PhysAddr,
    len: u64,
}

impl Region {
    /// The region of `len` bytes at `start`; `None` when its end does not fit in 64 bits.
    #[must_use]
    pub fn new(start: PhysAddr, len: u64) -> Option<Self> {
        start.checked_add(len).map(|_| Self { start, len })
    }

    /// The region from `start` up to `end`, exclusive; `None` when `end` is below `start`.
    #[must_use]
    pub fn from_bounds(start: PhysAddr, end: PhysAddr) -> Option<Self> {
        end.0.checked_sub(start.0).map(|len| Self { start, len })
    }

    /// The first address.
    #[must_use]
    pub const fn start(self) -> PhysAddr {
        self.start
    }

    /// The length in bytes.
    #[must_use]
    pub const fn len(self) -> u64 {
        self.len
    }

    /// Whether the region holds no byte.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The first address after the region. `new` checked that it exists.
    #[must_use]
    pub const fn end(self) -> PhysAddr {
        PhysAddr(self.start.0.saturating_add(self.len))
    }

    /// Whether `address` lies in the region.
    #[must_use]
    pub fn contains(self, address: PhysAddr) -> bool {
        self.start <= address && address < self.end()
    }

    /// Whether every byte of `other` lies in the region.
    #[must_use]
    pub fn covers(self, other: Region) -> bool {
        self.start <= other.start && other.end() <= self.end()
    }

    /// The bytes that both regions hold; `None` if there are none.
    #[must_use]
    pub fn intersection(self, other: Region) -> Option<Region> {
        let start = self.start.max(other.start);
        let end = self.end().min(other.end());
        Region::from_bounds(start, end).filter(|region| !region.is_empty())
    }

    /// Whether the regions share a byte.
    #[must_use]
    pub fn overlaps(self, other: Region) -> bool {
        self.intersection(other).is_some()
    }

    /// `len` bytes at `offset` from the start; `None` unless they lie within the region.
    #[must_use]
    pub fn slice(self, offset: u64, len: u64) -> Option<Region> {
        let part = Region::new(self.start.checked_add(offset)?, len)?;
        self.covers(part).then_some(part)
    }
}

impl fmt::Display for Region {
    /// `0x40000000..0x40200000`, the end exclusive.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{PhysAddr, Region};

    fn region(start: u64, len: u64) -> Region {
        Region::new(PhysAddr(start), len).unwrap()
    }

    #[test]
    fn a_region_that_wraps_is_refused() {
        assert_eq!(Region::new(PhysAddr(u64::MAX), 2), None);
        assert!(Region::new(PhysAddr(u64::MAX), 0).is_some());
        assert_eq!(Region::from_bounds(PhysAddr(2), PhysAddr(1)), None);
    }

    #[test]
    fn touching_regions_do_not_overlap() {
        assert!(!region(0, 0x1000).overlaps(region(0x1000, 1)));
        assert!(region(0, 0x1001).overlaps(region(0x1000, 1)));
        assert!(!region(0x10, 0).overlaps(region(0, 0x1000)));
    }

    #[test]
    fn a_slice_stays_inside() {
        let whole = region(0x1000, 0x100);
        assert_eq!(whole.slice(0xff, 1), Some(region(0x10ff, 1)));
        assert_eq!(whole.slice(0xff, 2), None);
        assert_eq!(whole.slice(u64::MAX, 2), None);
    }

    #[test]
    fn halves() {
        assert_eq!(PhysAddr(0x1234_5678_9abc_def0).halves(), (0x9abc_def0, 0x1234_5678));
    }

    #[test]
    fn alignment() {
        assert_eq!(PhysAddr(1).align_up(0x1000), Some(PhysAddr(0x1000)));
        assert_eq!(PhysAddr(0x1000).align_up(0x1000), Some(PhysAddr(0x1000)));
        assert_eq!(PhysAddr(u64::MAX).align_up(0x1000), None);
        assert!(!PhysAddr(8).is_aligned(0));
    }
}
