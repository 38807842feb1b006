//! A host bridge with nothing but an ECAM (compatible `pci-host-ecam-generic`): scan, bus numbers, addresses.

use alloc::rc::Rc;
use alloc::vec::Vec;

use hal::{NodeInfo, Platform, Region};

use super::PciError;
use super::bar::{self, Assigned, Windows};
use super::ecam::{Ecam, Function};

/// Bridges pass memory on in units of 1 MiB (PCI Express Base Specification, 7.5.1.3.8).
const BRIDGE_GRANULE: u64 = 1 << 20;

/// A function that a driver wants: its memory has addresses, and it is enabled.
pub struct Endpoint {
    /// The function.
    pub function: Function,
    /// Its memory.
    pub memory: Vec<Assigned>,
}

/// One bus under scan: what is left of it, the bridge to it, the addresses to give out on it.
struct Bus {
    functions: alloc::vec::IntoIter<Function>,
    bridge: Option<Function>,
    windows: Windows,
}

/// Finds the functions that `wanted` accepts by vendor and device id, on the bus behind the host bridge and behind PCI
/// bridges, and gives them addresses.
///
/// Every function is taken off the bus first: one that an earlier loader left running could write to RAM, and answers
/// at addresses that are given out anew here. A function that gets no addresses is reported through `refused` and left
/// out.
///
/// # Errors
/// [`PciError`] if there is no usable configuration space.
pub fn find(
    node: &NodeInfo,
    platform: &dyn Platform,
    wanted: &dyn Fn((u16, u16)) -> bool,
    refused: &mut dyn FnMut(PciError),
) -> Result<Vec<Endpoint>, PciError> {
    let ecam = Rc::new(Ecam::map(node, platform)?);
    let mut last_used = ecam.first_bus();
    let mut path = Vec::from([Bus::root(&ecam, Windows::new(&node.pci_ranges))]);
    let mut found = Vec::new();
    // Every step takes a function off a bus or a bus off the path, and every bridge uses up a bus number: this ends.
    while let Some(bus) = path.last_mut() {
        match bus.functions.next() {
            Some(function) if function.is_bridge() => {
                if let Some(next) = last_used.checked_add(1).filter(|next| *next <= ecam.last_bus()) {
                    last_used = next;
                    function.disable();
                    function.set_buses(next, ecam.last_bus());
                    let inner = Bus::behind(&ecam, next, function, bus.windows.behind_bridge(BRIDGE_GRANULE));
                    path.push(inner);
                }
            }
            Some(function) => {
                function.disable();
                if wanted(function.id()) {
                    match bar::assign(&function, &mut bus.windows) {
                        Ok(memory) => found.push(Endpoint { function, memory }),
                        Err(error) => refused(error),
                    }
                }
            }
            None => leave(&mut path, last_used),
        }
    }
    found.iter().for_each(|endpoint| endpoint.function.enable());
    Ok(found)
}

/// Leaves the innermost bus: tells its bridge which bus numbers and addresses to pass on.
fn leave(path: &mut Vec<Bus>, last_used: u8) {
    let Some(Bus { bridge, windows, .. }) = path.pop() else {
        return;
    };
    let passed = path
        .last_mut()
        .and_then(|outer| outer.windows.close_bridge(&windows, BRIDGE_GRANULE));
    if let Some(bridge) = bridge {
        bridge.set_last_bus(last_used);
        bridge.pass_on(passed);
        bridge.enable();
    }
}

impl Bus {
    fn root(ecam: &Rc<Ecam>, windows: Windows) -> Self {
        Self {
            functions: ecam.scan(ecam.first_bus()).into_iter(),
            bridge: None,
            windows,
        }
    }

    fn behind(ecam: &Rc<Ecam>, number: u8, bridge: Function, windows: Windows) -> Self {
        Self {
            functions: ecam.scan(number).into_iter(),
            bridge: Some(bridge),
            windows,
        }
    }
}

/// Registers of a type 1 header: a bridge to another bus (7.5.1.3).
mod bridge {
    pub(super) const BUSES: u16 = 0x18;
    pub(super) const IO_WINDOW: u16 = 0x1c;
    pub(super) const MEMORY_WINDOW: u16 = 0x20;
    pub(super) const PREFETCHABLE_WINDOW: u16 = 0x24;
    /// A window whose base is above its limit passes nothing on.
    pub(super) const CLOSED: u32 = 0x0000_fff0;
    pub(super) const IO_CLOSED: u16 = 0x00f0;
}

impl Function {
    /// Sets the bus numbers of a bridge: its own bus, the one behind it, and the last one behind that.
    fn set_buses(&self, secondary: u8, last: u8) {
        let latency = u32::from(self.read8(bridge::BUSES + 3)) << 24;
        let numbers = u32::from_le_bytes([self.address().bus, secondary, last, 0]);
        self.write32(bridge::BUSES, latency | numbers);
    }

    fn set_last_bus(&self, last: u8) {
        let [primary, secondary, _, latency] = self.read32(bridge::BUSES).to_le_bytes();
        self.write32(bridge::BUSES, u32::from_le_bytes([primary, secondary, last, latency]));
    }

    /// Opens a bridge for memory at `region`, below 4 GiB, and for nothing else.
    fn pass_on(&self, region: Option<Region>) {
        let window = region.and_then(|region| {
            let base = u32::try_from(region.start().get()).ok()?;
            let last = u32::try_from(region.end().get().checked_sub(1)?).ok()?;
            Some(last & 0xfff0_0000 | base >> 16)
        });
        self.write16(bridge::IO_WINDOW, bridge::IO_CLOSED);
        self.write32(bridge::MEMORY_WINDOW, window.unwrap_or(bridge::CLOSED));
        self.write32(bridge::PREFETCHABLE_WINDOW, bridge::CLOSED);
    }
}

#[cfg(test)]
mod tests;
