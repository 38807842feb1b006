//! Blocks that were read a moment ago.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use hal::BlockIdx;
use hal::block::BLOCK_SIZE;

/// All that is kept of one device, in bytes: the heap has other uses.
const MOST_BYTES: usize = 1 << 20;

/// How much is kept of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most blocks of a read that is kept. Longer ones are files.
    pub blocks: usize,
    /// The most reads that are kept; none for 0.
    pub entries: usize,
}

impl Default for Limits {
    /// A window of a FAT, and all that a few directories need.
    fn default() -> Self {
        Self {
            blocks: 64,
            entries: 32,
        }
    }
}

/// What was read of one device, the latest last.
#[derive(Default)]
pub(super) struct Kept {
    limits: Limits,
    reads: VecDeque<(BlockIdx, Vec<u8>)>,
}

impl Kept {
    /// Fills `bytes` with the blocks from `first` on, if all of them are among what is kept.
    pub(super) fn find(&mut self, first: BlockIdx, bytes: &mut [u8]) -> bool {
        let found = self.reads.iter().enumerate().find_map(|(index, (start, kept))| {
            let skipped = usize::try_from(first.get().checked_sub(start.get())?).ok()?;
            let from = skipped.checked_mul(BLOCK_SIZE)?;
            Some((index, kept.get(from..from.checked_add(bytes.len())?)?))
        });
        let Some((index, kept)) = found else { return false };
        bytes.copy_from_slice(kept);
        // What is asked for again stays longer.
        let again = self.reads.remove(index);
        self.reads.extend(again);
        true
    }

    /// Keeps blocks that were read, if they are few.
    pub(super) fn keep(&mut self, first: BlockIdx, bytes: &[u8]) {
        let Limits { blocks, entries } = self.limits;
        let mut copy = Vec::new();
        if bytes.is_empty() || bytes.len() / BLOCK_SIZE > blocks || copy.try_reserve_exact(bytes.len()).is_err() {
            return;
        }
        copy.extend_from_slice(bytes);
        self.reads.push_back((first, copy));
        let mut total: usize = self.reads.iter().map(|(_, kept)| kept.len()).sum();
        while self.reads.len() > entries || total > MOST_BYTES {
            let Some((_, oldest)) = self.reads.pop_front() else {
                return;
            };
            total = total.saturating_sub(oldest.len());
        }
    }

    /// Forgets all.
    pub(super) fn forget(&mut self) {
        self.reads.clear();
    }

    /// Forgets all, and keeps so much from now on.
    pub(super) fn limit(&mut self, limits: Limits) {
        self.limits = limits;
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use hal::BlockIdx;

    use super::{Kept, Limits, MOST_BYTES};

    fn find(kept: &mut Kept, first: u64, blocks: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; blocks * 512];
        kept.find(BlockIdx(first), &mut bytes).then_some(bytes)
    }

    fn block(number: u8) -> Vec<u8> {
        vec![number; 512]
    }

    #[test]
    fn what_lies_within_a_read_is_found() {
        let mut kept = Kept::default();
        kept.keep(BlockIdx(10), &[block(0), block(1), block(2)].concat());
        assert_eq!(find(&mut kept, 11, 1), Some(block(1)));
        assert_eq!(find(&mut kept, 11, 2), Some([block(1), block(2)].concat()));
        for (first, blocks) in [(9, 1), (9, 2), (12, 2), (13, 1), (u64::MAX, 1), (0, 1)] {
            assert_eq!(find(&mut kept, first, blocks), None, "{first} {blocks}");
        }
        kept.forget();
        assert_eq!(find(&mut kept, 11, 1), None);
    }

    #[test]
    fn what_is_asked_for_stays() {
        let mut kept = Kept::default();
        kept.limit(Limits { blocks: 1, entries: 2 });
        for first in 0..2 {
            kept.keep(BlockIdx(first), &block(7));
        }
        assert!(find(&mut kept, 0, 1).is_some());
        kept.keep(BlockIdx(2), &block(7));
        assert_eq!(
            [0, 1, 2].map(|first| find(&mut kept, first, 1).is_some()),
            [true, false, true]
        );
        kept.keep(BlockIdx(8), &[block(1), block(2)].concat());
        assert_eq!(find(&mut kept, 8, 1), None, "longer than what is kept");
    }

    #[test]
    fn no_more_is_kept_than_the_heap_has_room_for() {
        let mut kept = Kept::default();
        kept.limit(Limits {
            blocks: usize::MAX,
            entries: usize::MAX,
        });
        for first in 0..10 {
            kept.keep(BlockIdx(first * 1000), &vec![1; MOST_BYTES / 4]);
        }
        assert_eq!(kept.reads.len(), 4);
        kept.keep(BlockIdx(0), &vec![1; MOST_BYTES + 512]);
        assert!(kept.reads.is_empty());
        kept.limit(Limits { blocks: 8, entries: 0 });
        kept.keep(BlockIdx(0), &block(1));
        assert!(kept.reads.is_empty());
    }
}
