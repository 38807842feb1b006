//! Cache lines, as far as memory that is lent to a device that does not see the caches is concerned: pure arithmetic, for whoever can do the
//! maintenance.

use hal::Region;

/// The sizes of lines that the processor tells of (Arm ARM, CTR_EL0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLines {
    /// The smallest data cache line of all levels, in bytes: the step of maintenance by address.
    step: u64,
    /// The most that goes to memory when a byte of it does, in bytes: what a device writes to must not share it with anything else.
    granule: u64,
}

impl CacheLines {
    /// The sizes in a value of CTR_EL0. Both are powers of two.
    #[must_use]
    pub const fn from_ctr(ctr: u64) -> Self {
        // Fields count words of 4 bytes by their logarithm; DminLine is bits 19:16, CWG 27:24. A CWG of 0 tells nothing: the
        // architecture's most, 512 words, is to be assumed; values above that are reserved.
        let step = 4 << (ctr >> 16 & 0xf);
        let granule = match ctr >> 24 & 0xf {
            0 | 10.. => 2048,
            words => 4 << words,
        };
        Self {
            step,
            granule: if granule > step { granule } else { step },
        }
    }

    /// The addresses, one per line, with which maintenance reaches every byte of `region`.
    pub fn touched(self, region: Region) -> impl Iterator<Item = u64> {
        let mask = self.step.saturating_sub(1);
        let end = if region.is_empty() { 0 } else { region.end().get() };
        let step = usize::try_from(self.step).unwrap_or(usize::MAX);
        (region.start().get() & !mask..end).step_by(step)
    }

    /// Whether no byte outside `region` shares a line with one inside. Else what is written beside it while a device fills it may be lost,
    /// or overwrite what the device wrote.
    #[must_use]
    pub fn is_alone(self, region: Region) -> bool {
        !region.is_empty() && region.start().is_aligned(self.granule) && region.end().is_aligned(self.granule)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use hal::{PhysAddr, Region};

    use super::CacheLines;

    /// CTR_EL0 of a Cortex-A53: lines and granule of 64 bytes.
    const A53: u64 = 0x8444_8004;

    fn region(start: u64, len: u64) -> Region {
        Region::new(PhysAddr(start), len).unwrap()
    }

    #[test]
    fn sizes_of_real_processors() {
        let lines = |ctr| {
            let CacheLines { step, granule } = CacheLines::from_ctr(ctr);
            (step, granule)
        };
        assert_eq!(lines(A53), (64, 64));
        assert_eq!(lines(0x8444_c004), (64, 64), "Cortex-A57, A72");
        assert_eq!(lines(0x8004_8004), (64, 2048), "no granule is told");
        assert_eq!(lines(0x8544_8004), (64, 128));
        assert_eq!(
            lines(0x8244_8004 & !(0xf << 16) | 6 << 16),
            (256, 256),
            "a granule below the line"
        );
        assert_eq!(lines(0x8f44_8004), (64, 2048), "reserved");
    }

    #[test]
    fn every_byte_is_reached_and_no_further_line() {
        let lines = CacheLines::from_ctr(A53);
        let touched = |start, len| lines.touched(region(start, len)).collect::<Vec<_>>();
        assert_eq!(touched(0x1000, 64), [0x1000]);
        assert_eq!(touched(0x1000, 65), [0x1000, 0x1040]);
        assert_eq!(touched(0x103f, 2), [0x1000, 0x1040]);
        assert_eq!(touched(0x103f, 1), [0x1000]);
        assert_eq!(touched(0x1010, 0), []);
        assert_eq!(touched(u64::MAX - 1, 1), [u64::MAX - 63]);
    }

    #[test]
    fn only_whole_lines_are_filled() {
        let lines = CacheLines::from_ctr(A53);
        assert!(lines.is_alone(region(0x1000, 512)));
        assert!(lines.is_alone(region(0x1040, 64)));
        for (start, len) in [
            (0x1000, 511),
            (0x1000, 513),
            (0x1001, 512),
            (0x1020, 64),
            (0x1000, 0),
            (0x1000, 63),
        ] {
            assert!(!lines.is_alone(region(start, len)), "{start:#x} {len}");
        }
        let coarse = CacheLines::from_ctr(0x8004_8004);
        assert!(!coarse.is_alone(region(0x1000, 512)));
        assert!(coarse.is_alone(region(0x1000, 4096)));
    }
}
