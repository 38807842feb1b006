//! Where the file of a module's node lies: `reg`, the unit address and the loaded files, weighed against one another.

use alloc::vec::Vec;

use hal::{PhysAddr, Region};

use crate::devicetree::{NodeId, Tree, number};
use crate::memory::{LoadedFile, Memory};

/// How many cells an address and a size have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cells {
    pub(super) address: u32,
    pub(super) size: u32,
}

/// Cells by which people write a `reg` whose length is not what the parent's cells make, the likeliest first.
const OTHER_CELLS: [Cells; 5] = [
    Cells { address: 1, size: 1 },
    Cells { address: 2, size: 2 },
    Cells { address: 2, size: 1 },
    Cells { address: 1, size: 2 },
    Cells { address: 3, size: 2 },
];

/// Where an address was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// `reg`, by the parent's cells.
    Reg,
    /// The node's name, behind the `@`.
    UnitAddress,
    /// `reg`, by other cells than the parent's.
    Cells(Cells),
}

/// A place that the node names in one way or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) address: u64,
    pub(super) size: Option<u64>,
    pub(super) source: Source,
}

/// The address in a node's name: hexadecimal, with or without `0x` (some generators write it).
pub(super) fn unit_address(name: &str) -> Option<u64> {
    let (_, unit) = name.split_once('@')?;
    u64::from_str_radix(unit.strip_prefix("0x").unwrap_or(unit), 16).ok()
}

/// The first entry of `reg` in the given cells.
pub(super) fn read_reg(reg: &[u8], cells: Cells) -> Option<(u64, u64)> {
    let bytes = |cells: u32| usize::try_from(cells).ok()?.checked_mul(4);
    let (address, rest) = reg.split_at_checked(bytes(cells.address)?)?;
    Some((number(address)?, number(rest.get(..bytes(cells.size)?)?)?))
}

/// The places that the node names, the one that Xen would take first.
pub(super) fn places(tree: &Tree, node: NodeId, cells: Cells) -> Vec<Place> {
    let mut places = Vec::new();
    let reg = tree.property(node, "reg").unwrap_or_default();
    let by = |cells, source| {
        let (address, size) = read_reg(reg, cells)?;
        Some(Place {
            address,
            size: Some(size),
            source,
        })
    };
    places.extend(by(cells, Source::Reg));
    let unit = unit_address(tree.name(node));
    places.extend(unit.map(|address| Place {
        address,
        size: None,
        source: Source::UnitAddress,
    }));
    for other in OTHER_CELLS {
        let entry_len = other.address.saturating_add(other.size).saturating_mul(4);
        if other != cells && usize::try_from(entry_len) == Ok(reg.len()) {
            places.extend(by(other, Source::Cells(other)));
        }
    }
    places
}

/// The place of `places` that a loaded file bears out: one that begins there before one that holds it; else the first.
pub(super) fn choose<'a>(places: &[Place], memory: &'a Memory) -> Option<(Place, Option<&'a LoadedFile>)> {
    let begins = |place: &Place| memory.file_at(PhysAddr(place.address));
    let holds = |place: &Place| {
        memory
            .files()
            .iter()
            .rev()
            .find(|file| file.region.contains(PhysAddr(place.address)))
    };
    let with = |find: &dyn Fn(&Place) -> Option<&'a LoadedFile>| {
        places
            .iter()
            .find_map(|place| find(place).map(|file| (*place, Some(file))))
    };
    with(&begins)
        .or_else(|| with(&holds))
        .or_else(|| places.first().map(|place| (*place, None)))
}

/// The bytes meant by `place`: the file's, from the address on; without a file, what the tree says.
pub(super) fn region(place: Place, file: Option<&LoadedFile>) -> Option<Region> {
    let start = PhysAddr(place.address);
    let stated = || Region::new(start, place.size?);
    let Some(file) = file else { return stated() };
    let rest = Region::from_bounds(start, file.region.end())?;
    let part = stated().filter(|part| start != file.region.start() && !part.is_empty() && rest.covers(*part));
    Some(part.unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::{Cells, Source, places, read_reg, unit_address};
    use crate::devicetree::Tree;

    #[test]
    fn unit_addresses_as_people_write_them() {
        assert_eq!(unit_address("module@2000000"), Some(0x200_0000));
        assert_eq!(unit_address("module@0x03000000"), Some(0x300_0000));
        assert_eq!(unit_address("module0x42000000"), None);
        assert_eq!(unit_address("module@0,2000000"), None);
    }

    #[test]
    fn three_cells_hold_64_bits() {
        let reg = [[0; 4], [0, 0, 0, 1], [2, 0, 0, 0], [0; 4], [0, 0, 0, 9]].concat();
        let cells = Cells { address: 3, size: 2 };
        assert_eq!(read_reg(&reg, cells), Some((0x1_0200_0000, 9)));
        let mut high = reg.clone();
        high[3] = 1;
        assert_eq!(read_reg(&high, cells), None);
        assert_eq!(read_reg(&reg[..16], cells), None);
    }

    #[test]
    fn reg_comes_first_then_the_name_then_other_cells() {
        let mut tree = Tree::new();
        let node = tree.add(tree.root(), "module@42000000").unwrap();
        tree.set(node, "reg", &[[0; 4], [0x42, 0, 0, 0], [0; 4], [0, 0, 0, 5]].concat())
            .unwrap();
        let found = places(&tree, node, Cells { address: 1, size: 1 });
        let read: alloc::vec::Vec<_> = found.iter().map(|place| (place.address, place.size)).collect();
        assert_eq!(
            read,
            [(0, Some(0x4200_0000)), (0x4200_0000, None), (0x4200_0000, Some(5))]
        );
        assert_eq!(found[2].source, Source::Cells(Cells { address: 2, size: 2 }));
    }
}
