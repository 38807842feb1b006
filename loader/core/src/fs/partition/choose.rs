//! Which volume of a device somebody means.

use alloc::borrow::Cow;

use thiserror::Error;

use super::{Kind, Partition, Scheme, Table};

/// Type of the EFI system partition, c12a7328-f81f-11d2-ba4b-00a0c93ec93b, as it stands on the disk.
const EFI_SYSTEM: [u8; 16] = [
    0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b,
];

/// Which volume of a device is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Nothing was said: partition 1, or the whole device if it has no table.
    Default,
    /// `auto`: the first that is marked as bootable, or else the first.
    Auto,
    /// A number; 0 is the whole device.
    Number(u32),
    /// `#name`.
    Name(Cow<'static, str>),
}

/// Why there is no such volume.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChoiceError {
    /// A partition of a device without a table.
    #[error("it has no partition table")]
    NoTable,
    /// No partition has that number, or it only holds others.
    #[error("it has no partition {0}")]
    NoNumber(u32),
    /// The table is empty.
    #[error("it has no partition that can be used")]
    NoneUsable,
    /// No partition has that name.
    #[error("it has no partition \"{}\"", .0.escape_debug())]
    NoName(Cow<'static, str>),
}

impl Partition {
    /// Whether firmware is to boot from it.
    #[must_use]
    pub fn is_bootable(&self) -> bool {
        let efi = matches!(self.kind, Kind::Gpt(guid) if guid.0 == EFI_SYSTEM);
        self.bootable || efi
    }
}

impl Table {
    /// The partition that is meant; `None` for the whole device.
    ///
    /// # Errors
    /// [`ChoiceError`].
    pub fn choose(&self, which: &Which) -> Result<Option<&Partition>, ChoiceError> {
        let usable = |partition: &&Partition| !partition.kind.is_extended();
        let numbered = |number: u32| {
            let partition = self.partition(number).filter(usable);
            partition.map(Some).ok_or(ChoiceError::NoNumber(number))
        };
        match which {
            Which::Number(0) => Ok(None),
            Which::Default | Which::Auto if self.scheme == Scheme::None => Ok(None),
            Which::Number(_) if self.scheme == Scheme::None => Err(ChoiceError::NoTable),
            Which::Number(number) => numbered(*number),
            Which::Default => numbered(1),
            Which::Auto => {
                let mut usable = self.partitions.iter().filter(usable);
                let first = usable.clone().next();
                let chosen = usable.find(|partition| partition.is_bootable()).or(first);
                chosen.map(Some).ok_or(ChoiceError::NoneUsable)
            }
            Which::Name(name) => {
                let named = self.partitions.iter().find(|partition| partition.name == *name);
                named.map(Some).ok_or_else(|| ChoiceError::NoName(name.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    use hal::BlockIdx;

    use super::super::{Guid, Kind, Partition, Scheme, Table};
    use super::{ChoiceError, EFI_SYSTEM, Which};

    fn partition(number: u32, kind: Kind) -> Partition {
        Partition {
            number,
            start: BlockIdx(u64::from(number)),
            blocks: 1,
            name: alloc::format!("p{number}"),
            kind,
            uuid: String::new(),
            bootable: false,
            attributes: 0,
        }
    }

    fn table(scheme: Scheme, kinds: &[Kind]) -> Table {
        let numbered = (1..).zip(kinds);
        Table {
            scheme,
            partitions: numbered.map(|(number, kind)| partition(number, *kind)).collect(),
            disk_id: String::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn the_efi_system_partition_is_known_by_its_bytes() {
        assert_eq!(Guid(EFI_SYSTEM).to_string(), "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
        let mut other = partition(1, Kind::Gpt(Guid([7; 16])));
        assert!(!other.is_bootable() && partition(1, Kind::Gpt(Guid(EFI_SYSTEM))).is_bootable());
        other.bootable = true;
        assert!(other.is_bootable());
    }

    #[test]
    fn each_way_of_naming_finds_its_partition() {
        let chosen = |table: &Table, which| table.choose(&which).map(|found| found.map(|found| found.number));
        let mbr = table(Scheme::Mbr, &[Kind::Mbr(5), Kind::Mbr(0x83), Kind::Mbr(0x0c)]);
        assert_eq!(chosen(&mbr, Which::Number(3)), Ok(Some(3)));
        assert_eq!(chosen(&mbr, Which::Number(0)), Ok(None));
        // What holds logical partitions is no volume.
        assert_eq!(chosen(&mbr, Which::Number(1)), Err(ChoiceError::NoNumber(1)));
        assert_eq!(chosen(&mbr, Which::Default), Err(ChoiceError::NoNumber(1)));
        assert_eq!(chosen(&mbr, Which::Auto), Ok(Some(2)));
        assert_eq!(chosen(&mbr, Which::Name("p3".into())), Ok(Some(3)));
        assert_eq!(
            chosen(&mbr, Which::Name("x".into())),
            Err(ChoiceError::NoName("x".into()))
        );
        let gpt = table(Scheme::Gpt, &[Kind::Gpt(Guid([7; 16])), Kind::Gpt(Guid(EFI_SYSTEM))]);
        assert_eq!(chosen(&gpt, Which::Auto), Ok(Some(2)));
        let none = table(Scheme::None, &[]);
        assert_eq!(chosen(&none, Which::Default), Ok(None));
        assert_eq!(chosen(&none, Which::Auto), Ok(None));
        assert_eq!(chosen(&none, Which::Number(1)), Err(ChoiceError::NoTable));
        let empty = table(Scheme::Mbr, &[]);
        assert_eq!(chosen(&empty, Which::Auto), Err(ChoiceError::NoneUsable));
    }
}
