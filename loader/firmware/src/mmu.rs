//! The final identity map: code read-execute, constants read-only, everything else execute-never, guard pages unmapped. And the map
//! under which a program runs that `go` calls: the same, but RAM outside the loader may be executed.

use aarch64_cpu::registers::{CurrentEL, Readable};
use aarch64_paging::MapError;
use aarch64_paging::descriptor::{El1Attributes, El23Attributes, PagingAttributes};
use aarch64_paging::idmap::IdMap;
use aarch64_paging::paging::{El1And0, El2, MemoryRegion, TranslationRegime};
use hal::Region;

use crate::entry::switch_map;
use crate::layout::Layout;
use crate::ram_map::RamMap;

/// Level 0: 48-bit addresses, as `switch_map` sets TCR.
const ROOT_LEVEL: usize = 0;
/// Everything below is device memory unless it is RAM: 40-bit addresses, which all boards' devices fit.
pub(crate) const DEVICE_END: usize = 1 << 40;
const ASID: usize = 0;
/// Nothing below is mapped.
pub(crate) const PAGE: usize = 4096;

/// The attributes of one translation regime.
#[derive(Clone, Copy)]
struct Rights<A> {
    device: A,
    read_write: A,
    read_write_uncached: A,
    read_only: A,
    execute: A,
    read_write_execute: A,
    unmapped: A,
}

const EL2: Rights<El23Attributes> = {
    // MAIR index 0 is device nGnRnE, 1 normal write-back, 2 normal non-cacheable (`entry.s`).
    let common = El23Attributes::VALID
        .union(El23Attributes::ACCESSED)
        .union(El23Attributes::USER_RES1);
    let normal = common
        .union(El23Attributes::ATTRIBUTE_INDEX_1)
        .union(El23Attributes::INNER_SHAREABLE);
    Rights {
        device: common.union(El23Attributes::XN),
        read_write: normal.union(El23Attributes::XN),
        read_write_uncached: common
            .union(El23Attributes::ATTRIBUTE_INDEX_2)
            .union(El23Attributes::XN),
        read_only: normal.union(El23Attributes::XN).union(El23Attributes::READ_ONLY),
        execute: normal.union(El23Attributes::READ_ONLY),
        read_write_execute: normal,
        unmapped: El23Attributes::empty(),
    }
};

const EL1: Rights<El1Attributes> = {
    let common = El1Attributes::VALID.union(El1Attributes::ACCESSED);
    let never = El1Attributes::UXN.union(El1Attributes::PXN);
    let normal = common
        .union(El1Attributes::ATTRIBUTE_INDEX_1)
        .union(El1Attributes::INNER_SHAREABLE);
    Rights {
        device: common.union(never),
        read_write: normal.union(never),
        read_write_uncached: common.union(El1Attributes::ATTRIBUTE_INDEX_2).union(never),
        read_only: normal.union(never).union(El1Attributes::READ_ONLY),
        execute: normal.union(El1Attributes::UXN).union(El1Attributes::READ_ONLY),
        read_write_execute: normal.union(El1Attributes::UXN),
        unmapped: El1Attributes::empty(),
    }
};

/// What a map is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The loader itself: nothing that can be written can be executed.
    Loader,
    /// A program in RAM that the loader calls.
    Program,
}

/// A map that was built: it lives for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Map {
    root: u64,
    protection: u64,
}

impl Map {
    /// Builds a map for `ram` and the loader at `layout`.
    ///
    /// # Errors
    /// [`MapError`] if a bank lies beyond 48 bits.
    pub(crate) fn new(ram: &RamMap, layout: &Layout, purpose: Purpose) -> Result<Self, MapError> {
        /// SCTLR_ELx.WXN: nothing writable is executable.
        const WRITE_EXECUTE_NEVER: u64 = 1 << 19;
        let root = if CurrentEL.read(CurrentEL::EL) == 2 {
            build(IdMap::new(ROOT_LEVEL, El2), &EL2.of(purpose), ram, layout)?
        } else {
            build(
                IdMap::with_asid(ASID, ROOT_LEVEL, El1And0),
                &EL1.of(purpose),
                ram,
                layout,
            )?
        };
        let protection = match purpose {
            Purpose::Loader => WRITE_EXECUTE_NEVER,
            Purpose::Program => 0,
        };
        Ok(Self { root, protection })
    }

    /// Switches to the map.
    pub(crate) fn activate(self) {
        // SAFETY: each map holds the loader's region with the rights that its parts need and all other RAM read-write; `build`
        // leaked it, so it lives for ever.
        unsafe { switch_map(self.root, self.protection) };
    }
}

impl<A: Copy> Rights<A> {
    /// With RAM outside the loader as the purpose needs it.
    fn of(self, purpose: Purpose) -> (Self, A) {
        let ram = match purpose {
            Purpose::Loader => self.read_write,
            Purpose::Program => self.read_write_execute,
        };
        (self, ram)
    }
}

fn build<R>(
    mut map: IdMap<R>,
    (rights, free): &(Rights<R::Attributes>, R::Attributes),
    ram: &RamMap,
    layout: &Layout,
) -> Result<u64, MapError>
where
    R: TranslationRegime,
    R::Attributes: PagingAttributes,
{
    let mut set = |(start, end): (usize, usize), attributes| map.map_range(&MemoryRegion::new(start, end), attributes);
    // Not page 0: a null pointer must fault.
    set((PAGE, DEVICE_END), rights.device)?;
    for bank in &ram.banks {
        set(pages(*bank), *free)?;
    }
    for reserved in ram.reserved.iter().filter(|reserved| reserved.no_map) {
        set(pages(reserved.region), rights.unmapped)?;
    }
    // The loader: first nothing, so that the gaps between its parts are guards, then the parts.
    set((layout.text().0, layout.heap().0), rights.unmapped)?;
    set(layout.text(), rights.execute)?;
    set(layout.rodata(), rights.read_only)?;
    for part in [layout.data(), layout.stack(), layout.exception_stack()] {
        set(part, rights.read_write)?;
    }
    if let Some(uncached) = layout.uncached() {
        set(uncached, rights.read_write_uncached)?;
    }
    map.mark_active();
    let root = map.root_address().0 as u64;
    core::mem::forget(map);
    Ok(root)
}

/// First address and end of a region of whole pages, as `RamMap` has them.
fn pages(region: Region) -> (usize, usize) {
    (region.start().get() as usize, region.end().get() as usize)
}
