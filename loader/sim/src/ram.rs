//! RAM that costs the host only the pages that are touched.

use std::collections::TryReserveError;
use std::ops::Range;

use hal::{Ram, Region};

/// Banks of zeros. The host gives zeroed memory by the page when it is first touched, so nothing may fill it.
pub(crate) struct SparseRam(Vec<(Region, Vec<u8>)>);

impl SparseRam {
    /// RAM with the given banks, which must not touch: a file that spans two is in one piece only within one.
    ///
    /// # Errors
    /// If the host does not give so much.
    pub(crate) fn new(banks: &[Region]) -> Result<Self, TryReserveError> {
        let mut ram = Vec::new();
        for bank in banks {
            ram.push((*bank, zeros(bank.len())?));
        }
        Ok(Self(ram))
    }
}

/// As many zeros, which the host gives when they are first touched.
///
/// # Errors
/// If it does not give so many.
pub(crate) fn zeros(len: u64) -> Result<Vec<u8>, TryReserveError> {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    // `vec!` gives untouched zeros, but aborts where there is no room; this asks first. A compiler that saw that
    // the room is not used would not ask.
    let mut room: Vec<u8> = Vec::new();
    room.try_reserve_exact(len)?;
    drop(std::hint::black_box(room));
    Ok(vec![0; len])
}

/// Where the bytes of `part` are among those of `bank`.
fn range(bank: Region, part: Region) -> Option<Range<usize>> {
    let offset = part.start().get().checked_sub(bank.start().get())?;
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(part.len()).ok()?)?;
    bank.covers(part).then_some(start..end)
}

impl Ram for SparseRam {
    fn bytes(&self, region: Region) -> Option<&[u8]> {
        let mut banks = self.0.iter();
        banks.find_map(|(bank, bytes)| bytes.get(range(*bank, region)?))
    }

    fn bytes_mut(&mut self, region: Region) -> Option<&mut [u8]> {
        let mut banks = self.0.iter_mut();
        banks.find_map(|(bank, bytes)| bytes.get_mut(range(*bank, region)?))
    }
}

/// The banks by address, touching and overlapping ones joined, empty ones dropped.
pub(crate) fn joined(mut banks: Vec<Region>) -> Vec<Region> {
    banks.retain(|bank| !bank.is_empty());
    banks.sort();
    let mut out: Vec<Region> = Vec::new();
    for bank in banks {
        match out.pop() {
            Some(last) if bank.start() <= last.end() => {
                out.extend(Region::from_bounds(last.start(), last.end().max(bank.end())));
            }
            last => out.extend(last.into_iter().chain([bank])),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use hal::{PhysAddr, Ram, Region};

    use super::{SparseRam, joined};

    fn region(start: u64, len: u64) -> Region {
        Region::new(PhysAddr(start), len).unwrap()
    }

    #[test]
    fn banks_are_joined() {
        let banks = vec![region(0x3000, 0x1000), region(0x1000, 0x1000), region(0x2000, 0x800)];
        assert_eq!(joined(banks), [region(0x1000, 0x1800), region(0x3000, 0x1000)]);
        let inside = vec![region(0x1000, 0x1000), region(0x1100, 0x10), region(0x9000, 0)];
        assert_eq!(joined(inside), [region(0x1000, 0x1000)]);
    }

    #[test]
    fn only_what_is_in_one_bank_can_be_had() {
        let mut ram = SparseRam::new(&[region(0x1000, 0x1000), region(0x3000, 0x1000)]).unwrap();
        ram.bytes_mut(region(0x3ffe, 2)).unwrap().copy_from_slice(b"xy");
        assert_eq!(ram.bytes(region(0x3ffc, 4)), Some(&b"\0\0xy"[..]));
        assert_eq!(ram.bytes(region(0x3ffe, 3)), None);
        assert_eq!(ram.bytes(region(0x1fff, 0x1002)), None);
        assert_eq!(ram.bytes(region(0xfff, 1)), None);
    }

    #[test]
    fn more_than_the_host_has_is_refused() {
        assert!(SparseRam::new(&[region(0, 1 << 62)]).is_err());
    }
}
