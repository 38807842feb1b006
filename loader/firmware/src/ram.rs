//! RAM by physical address, over the identity map.

use alloc::vec::Vec;

use hal::{Ram, Region};

use crate::layout::Layout;
use crate::ram_map::RamMap;

/// All RAM but the loader's region and what must not be mapped.
pub(crate) struct PhysicalRam {
    parts: Vec<Region>,
}

impl PhysicalRam {
    /// The RAM that `map` describes, without the loader at `layout`.
    ///
    /// # Safety
    /// The identity map shows the banks as read-write RAM. No Rust object lies in them outside the loader's region, and this is
    /// the only `PhysicalRam`.
    pub(crate) unsafe fn new(map: &RamMap, layout: &Layout) -> Self {
        let mut parts = map.banks.clone();
        let no_map = map
            .reserved
            .iter()
            .filter(|reserved| reserved.no_map)
            .map(|reserved| reserved.region);
        for hole in no_map.chain([layout.region()]) {
            parts = parts.into_iter().flat_map(|part| without(part, hole)).collect();
        }
        Self { parts }
    }

    fn holds(&self, region: Region) -> bool {
        self.parts.iter().any(|part| part.covers(region))
    }
}

/// What is left of `part` below and above `hole`.
fn without(part: Region, hole: Region) -> impl Iterator<Item = Region> {
    let below = Region::from_bounds(part.start(), hole.start().min(part.end()));
    let above = Region::from_bounds(hole.end().max(part.start()), part.end());
    let whole = (!part.overlaps(hole)).then_some(part);
    let pieces = if whole.is_some() { [whole, None] } else { [below, above] };
    pieces.into_iter().flatten().filter(|piece| !piece.is_empty())
}

impl Ram for PhysicalRam {
    fn bytes(&self, region: Region) -> Option<&[u8]> {
        if !self.holds(region) {
            return None;
        }
        let start = core::ptr::with_exposed_provenance(region.start().get() as usize);
        // SAFETY: mapped RAM that only this value gives out (`new`); the borrow of `self` keeps writers away.
        Some(unsafe { core::slice::from_raw_parts(start, region.len() as usize) })
    }

    fn bytes_mut(&mut self, region: Region) -> Option<&mut [u8]> {
        if !self.holds(region) {
            return None;
        }
        let start = core::ptr::with_exposed_provenance_mut(region.start().get() as usize);
        // SAFETY: as in `bytes`; the exclusive borrow of `self` keeps all others away.
        Some(unsafe { core::slice::from_raw_parts_mut(start, region.len() as usize) })
    }
}
