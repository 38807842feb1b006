//! Where a board keeps its environment, as `board.toml` says it.

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

use hal::PhysAddr;
use hal::block::BlockInterface;

use super::format::Header;
use crate::fs::Which;

/// How many copies there are, and where the second is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// One: a save that loses its power loses the environment.
    Single,
    /// Two without flags, the second at this offset.
    Backup(u64),
    /// Two with flags, the second at this offset.
    Redundant(u64),
}

/// A place in a flash for the environment, as a board names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashPlace {
    /// The address of the flash's first byte.
    pub flash: PhysAddr,
    /// The first copy's offset in it.
    pub offset: u64,
    /// The size of each copy, header included.
    pub size: u64,
    /// How many copies there are.
    pub copies: Copies,
}

/// Blocks of a card or a disk, outside all file systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPlace {
    /// The device's interface.
    pub interface: BlockInterface,
    /// Its number, as commands count.
    pub number: u32,
    /// The first copy's offset on it, in bytes, whole blocks.
    pub offset: u64,
    /// The size of each copy, header included: whole blocks.
    pub size: u64,
    /// How many copies there are.
    pub copies: Copies,
}

/// A file, or two, on a FAT file system of a card or a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FatPlace {
    /// The device's interface.
    pub interface: BlockInterface,
    /// Its number, as commands count.
    pub number: u32,
    /// Which volume of it.
    pub volume: Which,
    /// The path of the file.
    pub file: Cow<'static, str>,
    /// The path of the second file, if there are two with flags.
    pub redundant: Option<Cow<'static, str>>,
    /// The size of each, header included.
    pub size: u64,
}

/// Where the environment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a NOR flash.
    Flash(FlashPlace),
    /// In files.
    Fat(FatPlace),
    /// In blocks.
    Block(BlockPlace),
}

/// How the copies of an environment stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrangement {
    /// There is one.
    Single,
    /// The second counts when the first is not whole.
    Backup,
    /// The flag is 1 in the one that counts and 0 in the other: each change only clears bits, as a NOR flash has it.
    Switched,
    /// The flag is counted up with each save, and 255 is followed by 0: the later one counts.
    Counted,
}

impl Arrangement {
    fn of(copies: Copies, flagged: Self) -> Self {
        match copies {
            Copies::Single => Self::Single,
            Copies::Backup(_) => Self::Backup,
            Copies::Redundant(_) => flagged,
        }
    }

    pub(super) fn copies(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Backup | Self::Switched | Self::Counted => 2,
        }
    }

    pub(super) fn header(self) -> Header {
        match self {
            Self::Single | Self::Backup => Header::Plain,
            Self::Switched | Self::Counted => Header::Flagged,
        }
    }
}

impl Place {
    /// U-Boot's word for this kind of place. U-Boot has none for the blocks of a virtio disk.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Flash(_) => "Flash",
            Self::Fat(_) => "FAT",
            Self::Block(place) => word(place.interface),
        }
    }

    /// The card or disk that it is on; `None` for a flash.
    #[must_use]
    pub fn device(&self) -> Option<(BlockInterface, u32)> {
        match self {
            Self::Flash(_) => None,
            Self::Fat(place) => Some((place.interface, place.number)),
            Self::Block(place) => Some((place.interface, place.number)),
        }
    }

    pub(super) fn arrangement(&self) -> Arrangement {
        match self {
            Self::Flash(place) => Arrangement::of(place.copies, Arrangement::Switched),
            Self::Block(place) => Arrangement::of(place.copies, Arrangement::Counted),
            Self::Fat(place) if place.redundant.is_some() => Arrangement::Counted,
            Self::Fat(_) => Arrangement::Single,
        }
    }

    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Flash(place) => place.size,
            Self::Fat(place) => place.size,
            Self::Block(place) => place.size,
        }
    }
}

impl Copies {
    /// Where the copies are in the order of the medium, the first copy being at `first`.
    pub(super) fn offsets(self, first: u64) -> Vec<u64> {
        let mut offsets = vec![first];
        if let Self::Backup(second) | Self::Redundant(second) = self {
            offsets.push(second);
        }
        offsets.sort_unstable();
        offsets
    }

    /// Where copy number `copy` is, the first being at `first`.
    pub(super) fn offset(self, first: u64, copy: usize) -> u64 {
        match self {
            Self::Backup(second) | Self::Redundant(second) if copy > 0 => second,
            _ => first,
        }
    }
}

/// U-Boot's word for the blocks of a device.
pub(super) fn word(interface: BlockInterface) -> &'static str {
    match interface {
        BlockInterface::Mmc => "MMC",
        BlockInterface::Virtio => "VIRTIO",
    }
}
