//! What a driver's probe is told of a device tree node.

use alloc::string::String;
use alloc::vec::Vec;

use crate::addr::Region;

/// A device tree node, reduced to what drivers need and translated to CPU addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeInfo {
    /// Full path, for messages.
    pub path: String,
    /// The `compatible` list, most specific first.
    pub compatible: Vec<String>,
    /// The `reg` regions, translated through the parents' `ranges` (DT spec 2.3.8).
    pub reg: Vec<Region>,
    /// `ranges` of a PCI host bridge (IEEE 1275 PCI binding), empty elsewhere.
    pub pci_ranges: Vec<PciRange>,
    /// `bus-range` of a PCI host bridge: first and last bus number.
    pub bus_range: Option<(u8, u8)>,
    /// `bank-width` of a flash, in bytes (Linux `mtd-physmap.yaml`).
    pub bank_width: Option<u32>,
}

/// One entry of a PCI host bridge's `ranges`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PciRange {
    /// Which address space the window belongs to.
    pub space: PciSpace,
    /// The window's first address as the bus sees it.
    pub bus_address: u64,
    /// The window as the CPU sees it.
    pub cpu: Region,
    /// Whether the window may be prefetched.
    pub prefetchable: bool,
}

/// The `ss` field of a PCI address (IEEE 1275 PCI binding, 2.2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PciSpace {
    /// Configuration space.
    Config,
    /// I/O ports.
    Io,
    /// Memory with 32-bit addresses.
    Memory32,
    /// Memory with 64-bit addresses.
    Memory64,
}
