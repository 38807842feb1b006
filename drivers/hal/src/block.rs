//! Block storage: cards and disks, read and written in whole blocks by number.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::flash::Meanwhile;

/// The size of a block, in bytes. SD cards of high capacity (SD spec 4.3.14) and virtio (5.2) know no other.
pub const BLOCK_SIZE: usize = 512;

/// The number of a block, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BlockIdx(pub u64);

impl BlockIdx {
    /// The number as such.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The block `count` further on; `None` past the end of the numbers.
    #[must_use]
    pub fn checked_add(self, count: u64) -> Option<Self> {
        self.0.checked_add(count).map(Self)
    }
}

impl fmt::Display for BlockIdx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What commands call a kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockInterface {
    /// SD and MMC cards, and soldered eMMC.
    Mmc,
    /// Virtio block devices.
    Virtio,
}

impl BlockInterface {
    /// All that there are, in the order in which people are told of them.
    pub const ALL: [Self; 2] = [Self::Mmc, Self::Virtio];

    /// The word in commands: `load mmc 0:1`, `load virtio 0`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mmc => "mmc",
            Self::Virtio => "virtio",
        }
    }
}

/// What is in a drive at present: a card, a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Medium {
    /// How many blocks it has.
    pub blocks: u64,
    /// Whether it cannot be written.
    pub read_only: bool,
    /// Who made it, as text for people.
    pub vendor: String,
    /// What it is called, as text for people.
    pub product: String,
    /// Its firmware or hardware revision, as text for people.
    pub revision: String,
    /// What else people want to know, as a word and its value in the order to be printed: `Bus Width`, `4-bit`.
    pub facts: Vec<(&'static str, String)>,
}

/// A part of a read: the blocks from `first` on, to `bytes`, which are whole blocks.
#[derive(Debug, PartialEq, Eq)]
pub struct ReadPiece<'a> {
    /// The first block.
    pub first: BlockIdx,
    /// Where its bytes and those behind them are to stay.
    pub bytes: &'a mut [u8],
}

impl Medium {
    /// What is wrong with an access to `len` bytes from block `first` on, if anything.
    #[must_use]
    pub fn check(&self, first: BlockIdx, len: usize) -> Option<BlockFault> {
        if !len.is_multiple_of(BLOCK_SIZE) {
            return Some(BlockFault::Length(len));
        }
        let count = u64::try_from(len / BLOCK_SIZE).ok();
        let end = count.and_then(|count| first.checked_add(count));
        let inside = end.is_some_and(|end| end.get() <= self.blocks);
        (!inside).then_some(BlockFault::OutOfRange(self.blocks))
    }
}

/// A card slot or a disk.
///
/// [`BlockDevice::read`] and [`BlockDevice::write`] take many blocks at once, and do them with as few commands as the device lets them: the
/// caller asks for as much as it wants and lends the memory where the bytes are to stay. `meanwhile` is called while the device works, so
/// that the console loses nothing.
pub trait BlockDevice {
    /// The name shown to people, for instance `sdhci@fe340000`.
    fn name(&self) -> &str;

    /// What commands call it.
    fn interface(&self) -> BlockInterface;

    /// The number that the machine's description gives it among those of its interface; `None` if it takes the next that is free.
    fn number(&self) -> Option<u32> {
        None
    }

    /// What is in it, as [`BlockDevice::rescan`] last found it; `None` before, and if there is nothing.
    fn medium(&self) -> Option<&Medium>;

    /// Looks what is in it, anew.
    ///
    /// # Errors
    /// [`BlockError`]; then there is no medium.
    fn rescan(&mut self, meanwhile: Meanwhile<'_>) -> Result<(), BlockError>;

    /// How many blocks a caller should ask for at once that wants to stop when it is told to: what takes the device a tenth of a second or
    /// so. More in one call is done all the same.
    fn request_blocks(&self) -> usize {
        2048
    }

    /// Reads blocks from `first` on until `bytes` is full.
    ///
    /// # Errors
    /// [`BlockError`]; `bytes` then holds anything. [`BlockFault::Length`] unless `bytes` is whole blocks.
    fn read(&mut self, first: BlockIdx, bytes: &mut [u8], meanwhile: Meanwhile<'_>) -> Result<(), BlockError>;

    /// Reads all `pieces`, in any order and as many at a time as the device takes, where [`BlockDevice::read`] has it wait for the caller
    /// between them. [`BlockDevice::request_blocks`] counts for all of them together.
    ///
    /// # Errors
    /// [`BlockError`] of a piece that failed, with the block in it; the bytes of every piece then hold anything, and the device has let go
    /// of them all.
    fn read_scattered(&mut self, pieces: &mut [ReadPiece<'_>], meanwhile: Meanwhile<'_>) -> Result<(), BlockError> {
        for piece in pieces {
            self.read(piece.first, piece.bytes, &mut *meanwhile)?;
        }
        Ok(())
    }

    /// Writes `bytes` to the blocks from `first` on. When it returns they are on the medium.
    ///
    /// # Errors
    /// [`BlockError`]; the blocks then hold the old bytes, the new ones, or cannot be read. [`BlockFault::Length`] unless `bytes` is whole blocks.
    fn write(&mut self, first: BlockIdx, bytes: &[u8], meanwhile: Meanwhile<'_>) -> Result<(), BlockError>;

    /// Stops the device for good: no DMA, no interrupt after this returns.
    fn shutdown(&mut self);
}

/// What went wrong, and with which block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockError {
    /// The device's name.
    pub device: String,
    /// The block, where one is to blame.
    pub block: Option<BlockIdx>,
    /// What went wrong.
    pub fault: BlockFault,
}

/// What went wrong with a block device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockFault {
    /// There is no card in the slot, or it was taken out.
    NoMedium,
    /// It is none that the driver knows; the text says what is odd about it.
    Unusable(&'static str),
    /// The transfer ends beyond the medium, which has so many blocks.
    OutOfRange(u64),
    /// The bytes are not whole blocks.
    Length(usize),
    /// The medium cannot be written.
    ReadOnly,
    /// The device did not answer a command (its number, where commands have one) in time.
    Timeout(u32),
    /// The bytes arrived damaged, time and again.
    Crc,
    /// The device says that it failed; the number is its status, as its specification has it.
    Device(u32),
    /// There is no memory for the transfer.
    Memory,
    /// The device was shut down.
    Stopped,
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.device)?;
        if let Some(block) = self.block {
            write!(f, ", block {block}")?;
        }
        match self.fault {
            BlockFault::NoMedium => f.write_str(": no card present"),
            BlockFault::Unusable(why) => write!(f, ": the medium cannot be used: {why}"),
            BlockFault::OutOfRange(blocks) => write!(f, ": beyond the end, at block {blocks}"),
            BlockFault::Length(bytes) => write!(f, ": {bytes} bytes are not whole blocks of {BLOCK_SIZE}"),
            BlockFault::ReadOnly => f.write_str(": write-protected"),
            BlockFault::Timeout(command) => write!(f, ": no answer to command {command} in time"),
            BlockFault::Crc => f.write_str(": the data arrives damaged (CRC), time and again"),
            BlockFault::Device(status) => write!(f, ": the device failed, with status {status:#x}"),
            BlockFault::Memory => f.write_str(": no memory for the transfer"),
            BlockFault::Stopped => f.write_str(": the device was shut down"),
        }
    }
}

impl core::error::Error for BlockError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{BlockDevice, BlockError, BlockFault, BlockIdx, ReadPiece};
    use crate::fakes::{DiskAccess, FakeDisk};

    #[test]
    fn errors_name_device_block_and_fault() {
        let error = |block, fault| BlockError {
            device: "sdhci@fe340000".to_string(),
            block,
            fault,
        };
        assert_eq!(
            error(Some(BlockIdx(2048)), BlockFault::Crc).to_string(),
            "sdhci@fe340000, block 2048: the data arrives damaged (CRC), time and again"
        );
        assert_eq!(
            error(None, BlockFault::NoMedium).to_string(),
            "sdhci@fe340000: no card present"
        );
    }
    #[test]
    fn a_device_that_does_one_thing_at_a_time_reads_one_piece_after_the_other() {
        let mut disk = FakeDisk::new((0..8 * 512).map(|at: usize| at.to_le_bytes()[1]).collect());
        let (mut one, mut two, mut three) = ([0; 512], [0; 1024], [0; 512]);
        let piece = |first, bytes| ReadPiece {
            first: BlockIdx(first),
            bytes,
        };
        let pieces = &mut [piece(6, &mut one[..]), piece(2, &mut two), piece(1, &mut three)];
        let mut turns = 0;
        assert_eq!(disk.read_scattered(pieces, &mut || turns += 1), Ok(()));
        let reads = [(6, 1), (2, 2), (1, 1)].map(|(first, count)| DiskAccess::Read(BlockIdx(first), count));
        assert_eq!(disk.take_accesses(), reads);
        assert_eq!(turns, 3);
        disk.break_blocks(3..4, BlockFault::Crc);
        let error = disk.read_scattered(pieces, &mut || ()).unwrap_err();
        assert_eq!((error.block, error.fault), (Some(BlockIdx(3)), BlockFault::Crc));
        assert_eq!(disk.take_accesses(), reads[..1], "none after one that failed");
        assert_eq!((one[0], two[0], two[512], three[0]), (12, 4, 6, 2));
    }
}
