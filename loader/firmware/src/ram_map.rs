//! What a device tree says of RAM: banks, and what must be left alone in them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::{PhysAddr, Region};
use loader_core::devicetree::Tree;

use crate::board;

const PAGE: u64 = 4096;
/// The final map has 48-bit addresses.
const LIMIT: u64 = 1 << 48;
/// The early map has 39-bit addresses.
const EARLY_END: PhysAddr = PhysAddr(1 << 39);

/// A part of RAM that is not free.
#[derive(Clone, Debug)]
pub(crate) struct Reserved {
    /// Where; in whole pages if it must not be mapped.
    pub(crate) region: Region,
    /// Whose, for messages.
    pub(crate) owner: String,
    /// Whether not even a mapping is allowed (`no-map`): secure memory, for instance.
    pub(crate) no_map: bool,
}

/// RAM as the device tree describes it.
#[derive(Clone, Debug)]
pub(crate) struct RamMap {
    /// Banks by address, in whole pages; no two touch, and none holds page 0.
    pub(crate) banks: Vec<Region>,
    /// `/reserved-memory` nodes, `/memreserve/` entries, a ramdisk left by the previous stage, and what the board's folder reserves.
    pub(crate) reserved: Vec<Reserved>,
    /// Page 0, if it is RAM: no file goes there, but it is no lie of a tree that RAM begins there.
    pub(crate) page_zero: Option<Region>,
}

impl RamMap {
    /// Reads the map from `tree`; the error is a sentence.
    pub(crate) fn read(tree: &Tree) -> Result<Self, String> {
        let described = tree.memory().map_err(|error| error.to_string())?;
        let memory = if described.is_empty() { board::BANKS } else { &described };
        let memory: Vec<Region> = memory.iter().filter_map(|(start, len)| region(*start, *len)).collect();
        if memory.is_empty() {
            return Err(String::from(
                "its /memory has no size, which firmware fills in as a rule: hand over the tree of the firmware before, give \
                 /memory a reg, or write [[memory.bank]] into the board's board.toml",
            ));
        }
        let first_page = region(0, PAGE);
        let page_zero = first_page.filter(|page| memory.iter().any(|bank| bank.covers(*page)));
        let mut map = Self {
            banks: whole_pages(memory),
            reserved: Vec::new(),
            page_zero,
        };
        map.read_reserved(tree)?;
        map.read_initrd(tree);
        map.reserved
            .extend(board::RESERVED.iter().filter_map(|(start, len, owner)| {
                // Firmware's, closed to this world as a rule: what a processor fetches there on its own can end in an error.
                Some(Reserved {
                    region: region(*start, *len).and_then(outward)?,
                    owner: String::from(*owner),
                    no_map: true,
                })
            }));
        Ok(map)
    }

    /// The banks as people know them, page 0 included.
    pub(crate) fn whole_banks(&self) -> Vec<Region> {
        let mut banks = self.banks.clone();
        if let (Some(page), Some(first)) = (self.page_zero, banks.first_mut())
            && first.start() == page.end()
        {
            *first = Region::from_bounds(page.start(), first.end()).unwrap_or(*first);
        }
        banks
    }

    fn read_reserved(&mut self, tree: &Tree) -> Result<(), String> {
        for (node, start, len) in tree.reserved_memory().map_err(|error| error.to_string())? {
            let no_map = tree.property(node, "no-map").is_some();
            let owner = tree.path(node);
            let place = region(start, len).and_then(|region| if no_map { outward(region) } else { Some(region) });
            self.reserved
                .extend(place.map(|region| Reserved { region, owner, no_map }));
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
        let shown = self
            .banks
            .iter()
            .filter_map(|bank| Region::from_bounds(bank.start(), bank.end().min(EARLY_END)));
        low.chain(shown)
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

/// The whole pages of the banks, joined and by address. Not page 0: no Rust reference may point there.
fn whole_pages(mut banks: Vec<Region>) -> Vec<Region> {
    banks.sort();
    let mut joined: Vec<Region> = Vec::new();
    for bank in banks {
        match joined.last_mut() {
            Some(last) if bank.start() <= Region::end(*last) => {
                *last = Region::from_bounds(last.start(), bank.end().max(last.end())).unwrap_or(*last);
            }
            _ => joined.push(bank),
        }
    }
    let trim = |bank: Region| {
        let start = bank.start().max(PhysAddr(PAGE)).align_up(PAGE)?;
        let end = PhysAddr(bank.end().get().min(LIMIT) & !(PAGE - 1));
        Region::from_bounds(start, end).filter(|bank| !bank.is_empty())
    };
    joined.into_iter().filter_map(trim).collect()
}

/// All pages that hold a byte of `region`: what must not be mapped must not even share a mapped page.
fn outward(region: Region) -> Option<Region> {
    let start = PhysAddr(region.start().get() & !(PAGE - 1));
    let end = PhysAddr(region.end().get().min(LIMIT).next_multiple_of(PAGE));
    Region::from_bounds(start, end).filter(|region| !region.is_empty())
}
