//! What a device tree says of RAM: banks, and what must be left alone in them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::{PhysAddr, Region};
use loader_core::devicetree::Tree;

/// A part of RAM that is not free.
#[derive(Clone, Debug)]
pub(crate) struct Reserved {
    /// Where.
    pub(crate) region: Region,
    /// Whose, for messages.
    pub(crate) owner: String,
    /// Whether not even a mapping is allowed (`no-map`): secure memory, for instance.
    pub(crate) no_map: bool,
}

/// RAM as the device tree describes it.
#[derive(Clone, Debug)]
pub(crate) struct RamMap {
    /// Banks by address, empty ones left out.
    pub(crate) banks: Vec<Region>,
    /// `/reserved-memory` nodes, `/memreserve/` entries and a ramdisk left by the previous stage.
    pub(crate) reserved: Vec<Reserved>,
}

impl RamMap {
    /// Reads the map from `tree`; the error is a sentence.
    pub(crate) fn read(tree: &Tree) -> Result<Self, String> {
        let memory = tree.memory().map_err(|error| error.to_string())?;
        let mut banks: Vec<Region> = memory.iter().filter_map(|(start, len)| region(*start, *len)).collect();
        banks.sort();
        let mut map = Self {
            banks,
            reserved: Vec::new(),
        };
        map.read_reserved(tree)?;
        map.read_initrd(tree);
        Ok(map)
    }

    fn read_reserved(&mut self, tree: &Tree) -> Result<(), String> {
        for (node, start, len) in tree.reserved_memory().map_err(|error| error.to_string())? {
            let no_map = tree.property(node, "no-map").is_some();
            let owner = tree.path(node);
            self.reserved
                .extend(region(start, len).map(|region| Reserved { region, owner, no_map }));
        }
        for entry in tree.reservations() {
            let owner = String::from("a /memreserve/ of the device tree");
            self.reserved
                .extend(region(entry.address, entry.size).map(|region| Reserved {
                    region,
                    owner,
                    no_map: false,
                }));
        }
        Ok(())
    }

    fn read_initrd(&mut self, tree: &Tree) {
        let bound = |name| {
            let value = tree.property(tree.find("/chosen")?, name)?;
            (value.len() <= 8).then(|| value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
        };
        let bounds = bound("linux,initrd-start").zip(bound("linux,initrd-end"));
        let found = bounds.and_then(|(start, end)| Region::from_bounds(PhysAddr(start), PhysAddr(end)));
        let owner = String::from("the ramdisk of the previous stage (/chosen linux,initrd-start)");
        self.reserved.extend(found.map(|region| Reserved {
            region,
            owner,
            no_map: false,
        }));
    }

    /// The highest place for `len` bytes in the first bank with room, banks that begin below 4 GiB first, off all
    /// reservations and `obstacles`.
    pub(crate) fn place(&self, len: u64, alignment: u64, obstacles: &[Region]) -> Option<Region> {
        let four_gib = PhysAddr(1 << 32);
        let low = self
            .banks
            .iter()
            .filter_map(|bank| Region::from_bounds(bank.start(), bank.end().min(four_gib)));
        low.chain(self.banks.iter().copied())
            .find_map(|bank| self.place_in(bank, len, alignment, obstacles))
    }

    fn place_in(&self, bank: Region, len: u64, alignment: u64, obstacles: &[Region]) -> Option<Region> {
        let mut end = bank.end().get();
        loop {
            let start = end.checked_sub(len)?;
            let place = Region::new(PhysAddr(start.checked_sub(start % alignment)?), len)?;
            if !bank.covers(place) {
                return None;
            }
            let mut taken = self
                .reserved
                .iter()
                .map(|reserved| reserved.region)
                .chain(obstacles.iter().copied());
            match taken.find(|region| region.overlaps(place)) {
                // Each step goes below a region that was hit, so this ends.
                Some(hit) => end = hit.start().get(),
                None => return Some(place),
            }
        }
    }
}

fn region(start: u64, len: u64) -> Option<Region> {
    Region::new(PhysAddr(start), len).filter(|region| !region.is_empty())
}
