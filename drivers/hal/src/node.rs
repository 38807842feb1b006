//! What a driver's probe is told of a device tree node.

use alloc::string::String;
use alloc::vec::Vec;

use crate::addr::Region;
use crate::net::MacAddr;

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
    /// `dma-coherent`, here or further up the tree: the device sees the caches (DT spec 2.3.10).
    pub dma_coherent: bool,
    /// `clock-frequency`, in Hz.
    pub clock_frequency: Option<u32>,
    /// What is said of an Ethernet controller (Linux `ethernet-controller.yaml`); says nothing elsewhere.
    pub ethernet: Ethernet,
    /// What is said of a card slot (Linux `mmc-controller-common.yaml`); says nothing elsewhere.
    pub mmc: MmcSlot,
}

impl NodeInfo {
    /// What the node is called, with its unit address, as in `mmc@ff170000`; `other` for the root, which has no name.
    #[must_use]
    pub fn name_or(&self, other: &str) -> String {
        let name = self.path.rsplit('/').next().filter(|name| !name.is_empty());
        String::from(name.unwrap_or(other))
    }
}

/// How a board has wired a card slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MmcSlot {
    /// The number that `/aliases` gives it, as in `mmc0`.
    pub number: Option<u32>,
    /// `bus-width`: data lines.
    pub bus_width: Option<u32>,
    /// `max-frequency`, in Hz.
    pub max_frequency: Option<u32>,
    /// `non-removable`: the card is soldered.
    pub non_removable: bool,
    /// The controller cannot tell whether there is a card: `broken-cd`, or a detector that is wired elsewhere, `cd-gpios`.
    pub broken_cd: bool,
    /// `cd-inverted`: the detector's level is upside down.
    pub cd_inverted: bool,
    /// The controller cannot tell whether the card is write-protected: `disable-wp`, or a switch that is wired elsewhere, `wp-gpios`.
    pub disable_wp: bool,
    /// `wp-inverted`: the switch's level is upside down.
    pub wp_inverted: bool,
}

/// How a board has wired an Ethernet controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ethernet {
    /// `mac-address`, else `local-mac-address`: what earlier firmware or the board's maker gave the device.
    pub mac: Option<MacAddr>,
    /// The address of the PHY that `phy-handle` leads to, on the management bus.
    pub phy: Option<u32>,
    /// What is said of that PHY if it is one of TI's (Linux `ti,dp83867.yaml`).
    pub ti_phy: TiPhy,
    /// `phy-mode`, or `phy-connection-type` as it was called: the pins between controller and PHY.
    pub phy_mode: Option<PhyMode>,
    /// `fixed-link`: there is no PHY, but a wire to a switch or another chip.
    pub fixed_link: Option<FixedLink>,
}

/// How a board has wired a DP83867 (Linux `ti,dp83867.yaml`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TiPhy {
    /// `ti,rx-internal-delay`: how far the PHY delays the receive clock, as its register counts.
    pub receive_delay: Option<u32>,
    /// `ti,tx-internal-delay`: as much for the transmit clock.
    pub transmit_delay: Option<u32>,
    /// `ti,dp83867-rxctrl-strap-quirk`: its pin RX_CTRL is strapped as it must not be.
    pub strap_quirk: bool,
}

/// Pins between controller and PHY (Linux `ethernet-controller.yaml`, `phy-mode`): those that have a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhyMode {
    /// `mii`.
    Mii,
    /// `rmii`.
    Rmii,
    /// `rgmii`: what the clocks have to be delayed, the board's traces delay.
    Rgmii,
    /// `rgmii-id`: the PHY delays both clocks.
    RgmiiId,
    /// `rgmii-rxid`: the PHY delays the receive clock.
    RgmiiRxId,
    /// `rgmii-txid`: the PHY delays the transmit clock.
    RgmiiTxId,
}

impl PhyMode {
    /// The mode that a tree calls `name`; `None` for others, and for names that say nothing.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "mii" => Self::Mii,
            "rmii" => Self::Rmii,
            "rgmii" => Self::Rgmii,
            "rgmii-id" => Self::RgmiiId,
            "rgmii-rxid" => Self::RgmiiRxId,
            "rgmii-txid" => Self::RgmiiTxId,
            _ => return None,
        })
    }
}

/// A link that is always up, as it is (Linux `ethernet-controller.yaml`, `fixed-link`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedLink {
    /// `speed`, in Mbit/s.
    pub speed: u32,
    /// `full-duplex`.
    pub full_duplex: bool,
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
