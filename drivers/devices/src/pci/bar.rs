//! Base address registers: how much a function asks for, and addresses for it (PCI Express Base Specification,
//! 7.5.1.2.1).

use alloc::vec::Vec;

use hal::node::{PciRange, PciSpace};
use hal::{PhysAddr, Region};

use super::ecam::{Function, header};
use super::{Address, PciError};

/// Base address registers of a function with a type 0 header.
const BARS: u8 = 6;
const IO: u32 = 1;
const TYPE_MASK: u32 = 0b110;
const TYPE_32: u32 = 0b000;
const TYPE_64: u32 = 0b100;
const MEMORY_FLAGS: u64 = 0b1111;

/// What a base address register asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Request {
    bar: u8,
    size: u64,
    wide: bool,
}

/// Memory that a base address register was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// Which base address register, 0 to 5.
    pub bar: u8,
    /// Where the processor sees the memory.
    pub region: Region,
}

/// The memory windows of a host bridge, given out from their start.
#[derive(Clone, Debug, Default)]
pub struct Windows(Vec<Window>);

#[derive(Clone, Copy, Debug)]
struct Window {
    bus: Region,
    cpu: PhysAddr,
    next: PhysAddr,
}

impl Windows {
    /// The memory windows among `ranges`; the 32-bit ones first, since every function and every address map reaches
    /// them.
    #[must_use]
    pub fn new(ranges: &[PciRange]) -> Self {
        let of = |space| ranges.iter().filter(move |range| range.space == space);
        Self(
            of(PciSpace::Memory32)
                .chain(of(PciSpace::Memory64))
                .filter_map(Window::new)
                .collect(),
        )
    }

    /// An address on the bus for `size` bytes, below 4 GiB unless `wide`, and where the processor sees it.
    fn allocate(&mut self, size: u64, wide: bool) -> Option<(PhysAddr, Region)> {
        self.0.iter_mut().find_map(|window| window.allocate(size, wide))
    }

    /// The part of the windows that a bridge can pass on: what is left of the first one, from a multiple of `granule`
    /// bytes.
    #[must_use]
    pub fn behind_bridge(&self, granule: u64) -> Self {
        let first = self.0.first().and_then(|window| {
            Some(Window {
                next: window.next.align_up(granule)?,
                ..*window
            })
        });
        Self(first.into_iter().collect())
    }

    /// Ends what [`Windows::behind_bridge`] began: takes out of the first window what `inner` gave out, up to a
    /// multiple of `granule` bytes. Gives the bus addresses that the bridge has to pass on.
    pub fn close_bridge(&mut self, inner: &Self, granule: u64) -> Option<Region> {
        let outer = self.0.first_mut()?;
        let start = outer.next.align_up(granule)?;
        let end = inner.0.first()?.next.align_up(granule)?;
        let passed = Region::from_bounds(start, end).filter(|region| !region.is_empty())?;
        outer.next = end;
        Some(passed)
    }
}

impl Window {
    fn new(range: &PciRange) -> Option<Self> {
        let bus = Region::new(PhysAddr(range.bus_address), range.cpu.len())?;
        // Address 0 means "not assigned" to many devices.
        let next = bus.start().max(PhysAddr(1));
        Some(Self {
            bus,
            cpu: range.cpu.start(),
            next,
        })
    }

    fn allocate(&mut self, size: u64, wide: bool) -> Option<(PhysAddr, Region)> {
        let address = self.next.align_up(size)?;
        let on_bus = Region::new(address, size)?;
        let reachable = wide || on_bus.end() <= PhysAddr(1 << 32);
        if !reachable || !self.bus.covers(on_bus) {
            return None;
        }
        let offset = address.get().checked_sub(self.bus.start().get())?;
        let region = Region::new(self.cpu.checked_add(offset)?, size)?;
        self.next = on_bus.end();
        Some((address, region))
    }
}

/// Gives every memory register of `function` an address. I/O registers are left alone: no driver here needs them.
///
/// The function must be [disabled](Function::disable): while its size is asked, it answers at nonsense addresses.
///
/// # Errors
/// [`PciError::UnknownBar`] and [`PciError::WindowsFull`].
pub fn assign(function: &Function, windows: &mut Windows) -> Result<Vec<Assigned>, PciError> {
    let mut assigned = Vec::new();
    let mut bar = 0;
    while bar < BARS {
        let request = ask(function, bar)?;
        if let Some(request) = request {
            assigned.push(place(function, request, windows)?);
        }
        bar += if request.is_some_and(|request| request.wide) {
            2
        } else {
            1
        };
    }
    Ok(assigned)
}

fn register(bar: u8) -> u16 {
    header::BAR0 + 4 * u16::from(bar)
}

/// What register `bar` asks for: writes ones and sees which bits stay zero. `None` if it is unused or I/O.
fn ask(function: &Function, bar: u8) -> Result<Option<Request>, PciError> {
    let low = ones_stick(function, bar);
    if low == 0 || low & IO != 0 {
        return Ok(None);
    }
    let (mask, wide) = match low & TYPE_MASK {
        TYPE_32 => (u64::from(low) | u64::from(u32::MAX) << 32, false),
        TYPE_64 if bar + 1 < BARS => (u64::from(low) | u64::from(ones_stick(function, bar + 1)) << 32, true),
        kind => {
            return Err(PciError::UnknownBar {
                function: function.address(),
                bar,
                kind: kind >> 1,
            });
        }
    };
    // Two's complement: the lowest address bit that can be set is the size.
    let size = (!(mask & !MEMORY_FLAGS)).wrapping_add(1);
    Ok((size != 0).then_some(Request { bar, size, wide }))
}

fn ones_stick(function: &Function, bar: u8) -> u32 {
    let before = function.read32(register(bar));
    function.write32(register(bar), u32::MAX);
    let mask = function.read32(register(bar));
    function.write32(register(bar), before);
    mask
}

fn place(function: &Function, request: Request, windows: &mut Windows) -> Result<Assigned, PciError> {
    let Request { bar, size, wide } = request;
    let full = PciError::WindowsFull {
        function: function.address(),
        bar,
        size,
    };
    let (address, region) = windows.allocate(size, wide).ok_or(full)?;
    let (low, high) = address.halves();
    function.write32(register(bar), low);
    if wide {
        function.write32(register(bar + 1), high);
    }
    Ok(Assigned { bar, region })
}

/// Part of a function's memory, as a capability names it.
///
/// # Errors
/// [`PciError::NoMemory`] and [`PciError::OutsideBar`].
pub fn part(function: Address, assigned: &[Assigned], bar: u8, offset: u32, len: u32) -> Result<Region, PciError> {
    let memory = assigned
        .iter()
        .find(|assigned| assigned.bar == bar)
        .ok_or(PciError::NoMemory { function, bar })?;
    memory
        .region
        .slice(u64::from(offset), u64::from(len))
        .ok_or(PciError::OutsideBar {
            function,
            bar,
            offset,
            len,
        })
}
