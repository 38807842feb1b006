//! A device that counts what it is asked for, and need not be asked twice.
//!
//! One command after the other reads the same few blocks: the partition table, where a file system begins, a directory. They are kept while
//! a line or a script runs. Once the loader waits for a person they are forgotten, who may exchange the card.

use alloc::boxed::Box;

use hal::block::{BLOCK_SIZE, BlockInterface, Medium};
use hal::flash::Meanwhile;
use hal::{BlockDevice, BlockError, BlockIdx, ReadPiece};

use super::kept::Kept;

/// What a device was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// How many times blocks in a row were read.
    pub reads: u64,
    /// How many blocks were read in all.
    pub blocks_read: u64,
    /// How many times blocks in a row were written.
    pub writes: u64,
    /// How many blocks were written in all.
    pub blocks_written: u64,
    /// How many times the device did not have to be read, because the blocks had been kept.
    pub kept: u64,
}

/// A device, its [`Statistics`], where what failed counts as well, and what it was read for last.
pub(super) struct Counted {
    pub(super) device: Box<dyn BlockDevice>,
    pub(super) statistics: Statistics,
    pub(super) kept: Kept,
}

impl Counted {
    pub(super) fn new(device: Box<dyn BlockDevice>) -> Self {
        Self {
            device,
            statistics: Statistics::default(),
            kept: Kept::default(),
        }
    }

    fn count_read(&mut self, bytes: usize) {
        self.statistics.reads = self.statistics.reads.saturating_add(1);
        self.statistics.blocks_read = self.statistics.blocks_read.saturating_add(blocks(bytes));
    }
}

fn blocks(bytes: usize) -> u64 {
    u64::try_from(bytes / BLOCK_SIZE).unwrap_or(u64::MAX)
}

impl BlockDevice for Counted {
    fn name(&self) -> &str {
        self.device.name()
    }

    fn interface(&self) -> BlockInterface {
        self.device.interface()
    }

    fn number(&self) -> Option<u32> {
        self.device.number()
    }

    fn medium(&self) -> Option<&Medium> {
        self.device.medium()
    }

    fn rescan(&mut self, meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        self.kept.forget();
        self.device.rescan(meanwhile)
    }

    fn request_blocks(&self) -> usize {
        self.device.request_blocks()
    }

    fn read(&mut self, first: BlockIdx, bytes: &mut [u8], meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        if self.device.medium().is_some() && self.kept.find(first, bytes) {
            self.statistics.kept = self.statistics.kept.saturating_add(1);
            return Ok(());
        }
        self.count_read(bytes.len());
        let read = self.device.read(first, bytes, meanwhile);
        match read {
            Ok(()) => self.kept.keep(first, bytes),
            // Whatever the reason: the card may be another one.
            Err(_) => self.kept.forget(),
        }
        read
    }

    fn read_scattered(&mut self, pieces: &mut [ReadPiece<'_>], meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        for piece in pieces.iter() {
            self.count_read(piece.bytes.len());
        }
        self.device.read_scattered(pieces, meanwhile)
    }

    fn write(&mut self, first: BlockIdx, bytes: &[u8], meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        self.kept.forget();
        self.statistics.writes = self.statistics.writes.saturating_add(1);
        self.statistics.blocks_written = self.statistics.blocks_written.saturating_add(blocks(bytes.len()));
        self.device.write(first, bytes, meanwhile)
    }

    fn shutdown(&mut self) {
        self.kept.forget();
        self.device.shutdown();
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;

    use hal::block::BlockFault;
    use hal::fakes::FakeDisk;
    use hal::{BlockDevice, BlockIdx, ReadPiece};

    use super::{Counted, Statistics};

    /// Also if one of them fails: the device was asked for all.
    #[test]
    fn each_piece_of_a_scattered_read_counts() {
        let disk = FakeDisk::zeroed(64);
        let mut device = Counted::new(Box::new(disk.clone()));
        let expected = Statistics {
            reads: 3,
            blocks_read: 7,
            ..Statistics::default()
        };
        for fails in [false, true] {
            if fails {
                disk.break_blocks(20..21, BlockFault::Crc);
            }
            let (mut one, mut two, mut four) = ([0; 512], [0; 1024], [0; 2048]);
            let piece = |first, bytes| ReadPiece {
                first: BlockIdx(first),
                bytes,
            };
            let pieces = &mut [piece(8, &mut one[..]), piece(20, &mut two), piece(30, &mut four)];
            let result = device.read_scattered(pieces, &mut || ());
            assert_eq!(result.is_err(), fails);
            assert_eq!(core::mem::take(&mut device.statistics), expected);
        }
    }
}
