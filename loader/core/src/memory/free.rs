//! Free RAM, to be handed out from the top.

use alloc::vec::Vec;

use hal::{PhysAddr, Region};

use super::joined;

/// The parts of RAM that nothing lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeRam {
    /// By address, no two touch.
    gaps: Vec<Region>,
}

impl FreeRam {
    /// What is left of `banks`, which lie apart and by address, without what is `taken`, in any order.
    pub(super) fn new(banks: &[Region], taken: &[Region]) -> Self {
        // Damaged files may overlap others; joined, the regions lie apart and the gaps between them are free.
        let taken = joined(taken);
        let mut gaps = Vec::new();
        let mut next = taken.iter().peekable();
        for bank in banks {
            let mut start = bank.start();
            while let Some(hit) = next.peek().filter(|hit| hit.start() < bank.end()) {
                gaps.extend(between(start, hit.start()));
                start = start.max(hit.end());
                // It may reach into the next bank.
                if hit.end() > bank.end() {
                    break;
                }
                next.next();
            }
            gaps.extend(between(start, bank.end()));
        }
        Self { gaps }
    }

    /// The highest free region of `len` bytes, aligned to `alignment` bytes, that ends at or below `below`.
    #[must_use]
    pub fn highest(&self, len: u64, alignment: u64, below: Option<PhysAddr>) -> Option<Region> {
        let gaps = self.gaps.iter().rev();
        gaps.filter_map(|gap| cut(*gap, below))
            .find_map(|gap| at_end(gap, len, alignment))
    }

    /// The largest free region that begins at a multiple of `alignment` bytes and ends at or below `below`.
    #[must_use]
    pub fn largest(&self, alignment: u64, below: Option<PhysAddr>) -> Option<Region> {
        let gaps = self.gaps.iter().filter_map(|gap| cut(*gap, below));
        let aligned = gaps.filter_map(|gap| between(gap.start().align_up(alignment)?, gap.end()));
        aligned.max_by_key(|gap| gap.len())
    }

    /// Hands `region` out: it is free no more.
    pub fn take(&mut self, region: Region) {
        if region.is_empty() {
            return;
        }
        let first = self.gaps.partition_point(|gap| gap.end() <= region.start());
        let behind = self.gaps.partition_point(|gap| gap.start() < region.end());
        let Some(hit) = self.gaps.get(first..behind) else {
            return;
        };
        let ends = hit.first().zip(hit.last()).map(|(low, high)| {
            let below = between(low.start(), region.start());
            below.into_iter().chain(between(region.end(), high.end()))
        });
        let left: Vec<Region> = ends.into_iter().flatten().collect();
        self.gaps.splice(first..behind, left);
    }
}

/// What lies from `start` to `end`, if there is something.
fn between(start: PhysAddr, end: PhysAddr) -> Option<Region> {
    Region::from_bounds(start, end).filter(|region| !region.is_empty())
}

fn cut(gap: Region, below: Option<PhysAddr>) -> Option<Region> {
    match below {
        Some(below) => between(gap.start(), gap.end().min(below)),
        None => Some(gap),
    }
}

/// The last aligned place for `len` bytes in `gap`.
fn at_end(gap: Region, len: u64, alignment: u64) -> Option<Region> {
    let start = gap.end().get().checked_sub(len)?;
    let start = start.checked_sub(start.checked_rem(alignment)?)?;
    let found = Region::new(PhysAddr(start), len)?;
    gap.covers(found).then_some(found)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use hal::{PhysAddr, Region};

    use super::FreeRam;

    fn region(start: u64, len: u64) -> Region {
        Region::new(PhysAddr(start), len).unwrap()
    }

    #[test]
    fn gaps_lie_between_what_is_taken() {
        let banks = [region(0x1000, 0x1000), region(0x4000, 0x1000), region(0x8000, 0x1000)];
        let taken = [
            region(0x4800, 0x4000),
            region(0, 0x1100),
            region(0x1800, 0x100),
            region(0x1700, 0x180),
            region(0x1900, 0),
            region(0x8f00, 0x1000),
        ];
        let free = FreeRam::new(&banks, &taken);
        let gaps = [(0x1100, 0x600), (0x1900, 0x700), (0x4000, 0x800), (0x8800, 0x700)];
        assert_eq!(free.gaps, gaps.map(|(start, len)| region(start, len)));
    }

    #[test]
    fn what_is_taken_is_free_no_more() {
        let mut free = FreeRam::new(&[region(0x1000, 0x1000), region(0x4000, 0x1000)], &[]);
        free.take(region(0x1400, 0x100));
        free.take(region(0x1600, 0));
        free.take(region(0x3000, 0x100));
        assert_eq!(
            free.gaps,
            [region(0x1000, 0x400), region(0x1500, 0xb00), region(0x4000, 0x1000)]
        );
        free.take(region(0x13ff, 0x2c02));
        assert_eq!(free.gaps, [region(0x1000, 0x3ff), region(0x4001, 0xfff)]);
        free.take(region(0, 0x1_0000));
        assert_eq!(free.gaps, []);
        assert_eq!(free.highest(1, 1, None), None);
        assert_eq!(free.largest(1, None), None);
    }

    #[test]
    fn the_largest_gap_counts_from_its_aligned_start() {
        let free = FreeRam::new(&[region(0x1001, 0x1500), region(0x4000, 0x1000)], &[]);
        assert_eq!(free.largest(1, None), Some(region(0x1001, 0x1500)));
        assert_eq!(free.largest(0x1000, None), Some(region(0x4000, 0x1000)));
        assert_eq!(
            free.largest(0x100, Some(PhysAddr(0x4000))),
            Some(region(0x1100, 0x1401))
        );
        assert_eq!(free.largest(0x1_0000, None), None);
    }

    #[test]
    fn what_is_handed_out_never_overlaps() {
        let banks = [region(0x10_0000, 0x37_0000), region(0x100_0000, 0x80_0000)];
        let mut free = FreeRam::new(&banks, &[region(0x20_0123, 0x777)]);
        let mut out: Vec<Region> = Vec::new();
        let mut len = 1_u64;
        while let Some(found) = free.highest(len, 0x1000, None) {
            assert!(banks.iter().any(|bank| bank.covers(found)) && found.start().is_aligned(0x1000));
            assert!(out.iter().all(|before| !before.overlaps(found)), "{found}");
            free.take(found);
            out.push(found);
            len = len.wrapping_mul(7) % 0x1_ffff + 1;
        }
        assert!(out.len() > 50, "{}", out.len());
    }
}
