//! Device nodes as drivers' probes want them: registers at CPU addresses, PCI windows.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;

use hal::node::{Ethernet, FixedLink, MmcSlot, PciRange, PciSpace, PhyMode, TiPhy};
use hal::{MacAddr, NodeInfo, PhysAddr, Region};

use super::{NodeId, Tree, number};

/// Aliases `mmc0` to this one's predecessor are looked for.
const MAX_CARDS: u32 = 16;

/// One entry of a bus node's `ranges` (Devicetree Specification, section 2.3.8).
struct Range<'a> {
    child: &'a [u8],
    parent: u64,
    size: u64,
}

impl Tree {
    /// The enabled nodes that have a `compatible`, in tree order, with their `reg` translated to CPU addresses. Entries that
    /// no `ranges` maps, or that cannot be read, are left out: no driver could use them.
    #[must_use]
    pub fn devices(&self) -> Vec<NodeInfo> {
        let is_device = |id: &NodeId| self.property(*id, "compatible").is_some() && self.is_enabled(*id);
        let numbers = self.card_numbers();
        let devices = self.nodes().filter(is_device);
        devices.map(|id| self.numbered_device(id, &numbers)).collect()
    }

    /// One node as a device.
    #[must_use]
    pub fn device(&self, id: NodeId) -> NodeInfo {
        self.numbered_device(id, &self.card_numbers())
    }

    /// The nodes that `/aliases` calls `mmc0`, `mmc1` and so on.
    fn card_numbers(&self) -> Vec<(NodeId, u32)> {
        let named = |number| Some((self.find(self.alias(&format!("mmc{number}"))?)?, number));
        (0..MAX_CARDS).filter_map(named).collect()
    }

    fn numbered_device(&self, id: NodeId, numbers: &[(NodeId, u32)]) -> NodeInfo {
        NodeInfo {
            path: self.path(id),
            compatible: self.strings(id, "compatible").map(ToOwned::to_owned).collect(),
            reg: self.cpu_regions(id),
            pci_ranges: if self.str(id, "device_type") == Some("pci") {
                self.pci_ranges(id)
            } else {
                Vec::new()
            },
            bus_range: self.bus_range(id),
            ethernet: self.ethernet(id),
            bank_width: self.u32(id, "bank-width"),
            dma_coherent: self.is_coherent(id),
            clock_frequency: self.u32(id, "clock-frequency"),
            mmc: self.mmc_slot(id, numbers),
        }
    }

    /// Whether the node, or one that it is in, says `dma-coherent`.
    fn is_coherent(&self, id: NodeId) -> bool {
        let mut nodes = core::iter::successors(Some(id), |id| self.parent(*id));
        nodes.any(|id| self.property(id, "dma-coherent").is_some())
    }

    fn mmc_slot(&self, id: NodeId, numbers: &[(NodeId, u32)]) -> MmcSlot {
        let has = |name| self.property(id, name).is_some();
        MmcSlot {
            number: numbers.iter().find(|(node, _)| *node == id).map(|(_, number)| *number),
            bus_width: self.u32(id, "bus-width"),
            max_frequency: self.u32(id, "max-frequency"),
            non_removable: has("non-removable"),
            broken_cd: has("broken-cd") || has("cd-gpios"),
            cd_inverted: has("cd-inverted"),
            disable_wp: has("disable-wp") || has("wp-gpios"),
            wp_inverted: has("wp-inverted"),
        }
    }

    fn cpu_regions(&self, id: NodeId) -> Vec<Region> {
        let entries = self.reg(id).unwrap_or_default();
        let translated = entries.into_iter().filter_map(|(address, size)| {
            let start = self.to_cpu(self.parent(id)?, address, size)?;
            Region::new(PhysAddr(start), size)
        });
        translated.collect()
    }

    fn ethernet(&self, id: NodeId) -> Ethernet {
        let mac = |name| {
            let mac = <[u8; 6]>::try_from(self.property(id, name)?).ok()?;
            // Trees leave zeroes where firmware is to write; a group address is nobody's own.
            let [first, ..] = mac;
            (mac != [0; 6] && first & 1 == 0).then_some(MacAddr(mac))
        };
        let phy = || {
            let [handle] = *self.cells(id, "phy-handle")?.as_slice() else {
                return None;
            };
            self.find_phandle(handle)
        };
        let phy = phy();
        let mode = || self.str(id, "phy-mode").or_else(|| self.str(id, "phy-connection-type"));
        Ethernet {
            mac: mac("mac-address").or_else(|| mac("local-mac-address")),
            phy: phy.and_then(|phy| self.u32(phy, "reg")),
            ti_phy: phy.map(|phy| self.ti_phy(phy)).unwrap_or_default(),
            phy_mode: mode().and_then(PhyMode::named),
            fixed_link: self.fixed_link(id),
        }
    }

    fn ti_phy(&self, phy: NodeId) -> TiPhy {
        TiPhy {
            receive_delay: self.u32(phy, "ti,rx-internal-delay"),
            transmit_delay: self.u32(phy, "ti,tx-internal-delay"),
            strap_quirk: self.property(phy, "ti,dp83867-rxctrl-strap-quirk").is_some(),
        }
    }

    fn fixed_link(&self, id: NodeId) -> Option<FixedLink> {
        let link = self.child(id, "fixed-link")?;
        Some(FixedLink {
            speed: self.u32(link, "speed")?,
            full_duplex: self.property(link, "full-duplex").is_some(),
        })
    }

    /// The CPU address of `size` bytes at `address` on the bus below `bus`.
    fn to_cpu(&self, bus: NodeId, address: u64, size: u64) -> Option<u64> {
        let (mut bus, mut address) = (bus, address);
        while let Some(parent) = self.parent(bus) {
            if !self.property(bus, "ranges")?.is_empty() {
                address = self.ranges(bus)?.into_iter().find_map(|range| {
                    let offset = address.checked_sub(number(range.child)?)?;
                    let fits = offset.checked_add(size)? <= range.size;
                    fits.then(|| range.parent.checked_add(offset))?
                })?;
            }
            bus = parent;
        }
        Some(address)
    }

    fn ranges(&self, bus: NodeId) -> Option<Vec<Range<'_>>> {
        let bytes = |cells: u32| usize::try_from(cells).ok()?.checked_mul(4).filter(|bytes| *bytes <= 12);
        let child = bytes(self.address_cells(bus))?;
        let parent = bytes(self.address_cells(self.parent(bus)?))?;
        let size = bytes(self.size_cells(bus))?;
        let entry = child
            .checked_add(parent)?
            .checked_add(size)
            .filter(|entry| *entry != 0)?;
        let entries = self.property(bus, "ranges")?.chunks_exact(entry);
        let parent_end = child.checked_add(parent)?;
        entries
            .map(|entry| {
                Some(Range {
                    child: entry.get(..child)?,
                    parent: number(entry.get(child..parent_end)?)?,
                    size: number(entry.get(parent_end..)?)?,
                })
            })
            .collect()
    }

    /// The windows of a PCI host bridge (IEEE 1275 PCI binding, section 3.1.4.1.2), CPU addresses as the bridge's parent has them.
    fn pci_ranges(&self, bridge: NodeId) -> Vec<PciRange> {
        let window = |range: Range<'_>| {
            let (high, low) = range.child.split_at_checked(4)?;
            let flags = number(high)?;
            let space = match flags >> 24 & 3 {
                0 => PciSpace::Config,
                1 => PciSpace::Io,
                2 => PciSpace::Memory32,
                _ => PciSpace::Memory64,
            };
            let start = self.to_cpu(self.parent(bridge)?, range.parent, range.size)?;
            let cpu = Region::new(PhysAddr(start), range.size)?;
            Some(PciRange {
                space,
                bus_address: number(low)?,
                cpu,
                prefetchable: flags >> 30 & 1 != 0,
            })
        };
        self.ranges(bridge)
            .unwrap_or_default()
            .into_iter()
            .filter_map(window)
            .collect()
    }

    fn bus_range(&self, id: NodeId) -> Option<(u8, u8)> {
        match self.cells(id, "bus-range")?.as_slice() {
            [first, last] => Some((u8::try_from(*first).ok()?, u8::try_from(*last).ok()?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use hal::node::{Ethernet, FixedLink, MmcSlot, PciRange, PciSpace, PhyMode, TiPhy};
    use hal::{MacAddr, PhysAddr, Region};

    use crate::devicetree::{NodeId, Tree};

    fn region(start: u64, len: u64) -> Region {
        Region::new(PhysAddr(start), len).unwrap()
    }

    fn cells(values: &[u32]) -> alloc::vec::Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes()).collect()
    }

    fn bus(tree: &mut Tree, parent: NodeId, name: &str, ranges: Option<&[u32]>) -> NodeId {
        let id = tree.add(parent, name).unwrap();
        tree.set_u32(id, "#address-cells", 1).unwrap();
        tree.set_u32(id, "#size-cells", 1).unwrap();
        if let Some(ranges) = ranges {
            tree.set(id, "ranges", &cells(ranges)).unwrap();
        }
        id
    }

    fn device(tree: &mut Tree, parent: NodeId, reg: &[u32]) -> NodeId {
        let id = tree.add(parent, "serial@1000").unwrap();
        tree.set_strings(id, "compatible", &["arm,pl011", "arm,primecell"])
            .unwrap();
        tree.set(id, "reg", &cells(reg)).unwrap();
        id
    }

    #[test]
    fn registers_are_translated_through_every_bus() {
        let mut tree = Tree::new();
        let root = tree.root();
        let outer = bus(
            &mut tree,
            root,
            "soc",
            Some(&[0x1000_0000, 0, 0xfe00_0000, 0x0100_0000]),
        );
        let inner = bus(&mut tree, outer, "apb", Some(&[0, 0x1020_0000, 0x10_0000]));
        let uart = device(&mut tree, inner, &[0x1000, 0x200, 0xf_ffff, 2]);
        let info = tree.device(uart);
        assert_eq!(
            info.reg,
            vec![region(0xfe20_1000, 0x200)],
            "the second entry leaves the inner bus's range"
        );
        assert_eq!(info.path, "/soc/apb/serial@1000");
        assert_eq!(info.compatible, ["arm,pl011", "arm,primecell"]);
        assert_eq!(tree.devices(), vec![info]);
    }

    #[test]
    fn ethernet_controllers_say_how_they_are_wired() {
        let mut tree = Tree::new();
        let mac = tree.add(tree.root(), "ethernet@ff0e0000").unwrap();
        assert_eq!(tree.device(mac).ethernet, Ethernet::default());
        let mdio = tree.add(mac, "mdio").unwrap();
        let phy = tree.add(mdio, "ethernet-phy@c").unwrap();
        tree.set_u32(phy, "reg", 0xc).unwrap();
        tree.set_u32(phy, "phandle", 7).unwrap();
        tree.set_u32(mac, "phy-handle", 7).unwrap();
        tree.set(mac, "mac-address", &[0; 6]).unwrap();
        tree.set(mac, "local-mac-address", &[2, 0, 0, 0, 0, 5]).unwrap();
        let info = tree.device(mac).ethernet;
        assert_eq!((info.phy, info.mac), (Some(0xc), Some(MacAddr([2, 0, 0, 0, 0, 5]))));
        assert_eq!(info.ti_phy, TiPhy::default());
        // As the ZCU102 has it.
        tree.set_u32(phy, "ti,rx-internal-delay", 8).unwrap();
        tree.set_u32(phy, "ti,tx-internal-delay", 0xa).unwrap();
        tree.set(phy, "ti,dp83867-rxctrl-strap-quirk", &[]).unwrap();
        let expected = TiPhy {
            receive_delay: Some(8),
            transmit_delay: Some(0xa),
            strap_quirk: true,
        };
        assert_eq!(tree.device(mac).ethernet.ti_phy, expected);
        tree.set(mac, "mac-address", &[2, 0, 0, 0, 0, 6]).unwrap();
        tree.set_u32(mac, "phy-handle", 8).unwrap();
        let info = tree.device(mac).ethernet;
        assert_eq!((info.phy, info.mac), (None, Some(MacAddr([2, 0, 0, 0, 0, 6]))));
        for wrong in [&[3, 0, 0, 0, 0, 1][..], &[2, 0, 0, 0, 0], &[]] {
            tree.set(mac, "mac-address", wrong).unwrap();
            assert_eq!(tree.device(mac).ethernet.mac, Some(MacAddr([2, 0, 0, 0, 0, 5])));
        }
        let link = tree.add(mac, "fixed-link").unwrap();
        assert_eq!(tree.device(mac).ethernet.fixed_link, None, "a link has a speed");
        tree.set_u32(link, "speed", 1000).unwrap();
        tree.set(link, "full-duplex", &[]).unwrap();
        let expected = FixedLink {
            speed: 1000,
            full_duplex: true,
        };
        assert_eq!(tree.device(mac).ethernet.fixed_link, Some(expected));
    }

    #[test]
    fn the_pins_to_a_phy_are_known_by_their_name() {
        let mut tree = Tree::new();
        let mac = tree.add(tree.root(), "ethernet@fd580000").unwrap();
        let names = [
            ("mii", Some(PhyMode::Mii)),
            ("rmii", Some(PhyMode::Rmii)),
            ("rgmii", Some(PhyMode::Rgmii)),
            ("rgmii-id", Some(PhyMode::RgmiiId)),
            ("rgmii-rxid", Some(PhyMode::RgmiiRxId)),
            ("rgmii-txid", Some(PhyMode::RgmiiTxId)),
            ("sgmii", None),
            ("rgmii-", None),
            ("", None),
        ];
        for (name, mode) in names {
            tree.set_strings(mac, "phy-connection-type", &[name]).unwrap();
            assert_eq!(tree.device(mac).ethernet.phy_mode, mode, "{name}");
        }
        tree.set_strings(mac, "phy-connection-type", &["rmii"]).unwrap();
        tree.set_strings(mac, "phy-mode", &["rgmii-id"]).unwrap();
        assert_eq!(
            tree.device(mac).ethernet.phy_mode,
            Some(PhyMode::RgmiiId),
            "today's name"
        );
        tree.set(mac, "phy-mode", &[0xff, 0]).unwrap();
        assert_eq!(
            tree.device(mac).ethernet.phy_mode,
            Some(PhyMode::Rmii),
            "what is no text says nothing"
        );
    }

    #[test]
    fn devices_on_a_coherent_bus_are_coherent() {
        let mut tree = Tree::new();
        let root = tree.root();
        let coherent = bus(&mut tree, root, "coherent", Some(&[]));
        tree.set(coherent, "dma-coherent", &[]).unwrap();
        let inner = bus(&mut tree, coherent, "inner", Some(&[]));
        let seen = device(&mut tree, inner, &[0x1000, 0x100]);
        let other = device(&mut tree, root, &[0x2000, 0x100]);
        assert!(tree.device(seen).dma_coherent);
        assert!(!tree.device(other).dma_coherent);
    }

    #[test]
    fn empty_ranges_are_identity_and_absent_ones_a_wall() {
        let mut tree = Tree::new();
        let root = tree.root();
        let open = bus(&mut tree, root, "open", Some(&[]));
        let closed = bus(&mut tree, root, "closed", None);
        let seen = device(&mut tree, open, &[0x900_0000, 0x1000]);
        let hidden = device(&mut tree, closed, &[0x900_0000, 0x1000]);
        assert_eq!(tree.device(seen).reg, vec![region(0x900_0000, 0x1000)]);
        assert!(tree.device(hidden).reg.is_empty());
    }

    #[test]
    fn card_slots_say_how_they_are_wired() {
        let mut tree = Tree::new();
        let slot = tree.add(tree.root(), "mmc@ff170000").unwrap();
        assert_eq!(tree.device(slot).mmc, MmcSlot::default());
        tree.set_u32(slot, "bus-width", 4).unwrap();
        tree.set_u32(slot, "max-frequency", 50_000_000).unwrap();
        tree.set_u32(slot, "clock-frequency", 100_000_000).unwrap();
        tree.set(slot, "non-removable", &[]).unwrap();
        let aliases = tree.add(tree.root(), "aliases").unwrap();
        // An alias holds a full path, and one that leads nowhere is none.
        for (alias, path) in [("mmc1", "/mmc@ff160000"), ("mmc2", "/mmc@ff170000"), ("mmc3", "mmc2")] {
            tree.set_strings(aliases, alias, &[path]).unwrap();
        }
        tree.set(slot, "cd-gpios", &cells(&[1, 45, 1])).unwrap();
        tree.set(slot, "wp-inverted", &[]).unwrap();
        let info = tree.device(slot);
        assert_eq!(info.clock_frequency, Some(100_000_000));
        let expected = MmcSlot {
            number: Some(2),
            bus_width: Some(4),
            max_frequency: Some(50_000_000),
            non_removable: true,
            broken_cd: true,
            wp_inverted: true,
            ..MmcSlot::default()
        };
        assert_eq!(info.mmc, expected);
    }

    #[test]
    fn pci_windows_of_qemu_virt() {
        let mut tree = Tree::new();
        let pcie = tree.add(tree.root(), "pcie@10000000").unwrap();
        tree.set_strings(pcie, "compatible", &["pci-host-ecam-generic"])
            .unwrap();
        tree.set_strings(pcie, "device_type", &["pci"]).unwrap();
        tree.set_u32(pcie, "#address-cells", 3).unwrap();
        tree.set_u32(pcie, "#size-cells", 2).unwrap();
        tree.set(pcie, "reg", &cells(&[0x40, 0x1000_0000, 0x1000_0000]))
            .unwrap();
        tree.set(pcie, "bus-range", &cells(&[0, 0xff])).unwrap();
        let io = [0x100_0000, 0, 0, 0, 0x3eff_0000, 0, 0x1_0000];
        let low = [0x200_0000, 0, 0x1000_0000, 0, 0x1000_0000, 0, 0x2eff_0000];
        let high = [0x300_0000, 0x80, 0, 0x80, 0, 0x80, 0];
        tree.set(pcie, "ranges", &cells(&[io, low, high].concat())).unwrap();
        let info = tree.device(pcie);
        let window = |space, bus_address, cpu| PciRange {
            space,
            bus_address,
            cpu,
            prefetchable: false,
        };
        let expected = vec![
            window(PciSpace::Io, 0, region(0x3eff_0000, 0x1_0000)),
            window(PciSpace::Memory32, 0x1000_0000, region(0x1000_0000, 0x2eff_0000)),
            window(
                PciSpace::Memory64,
                0x80_0000_0000,
                region(0x80_0000_0000, 0x80_0000_0000),
            ),
        ];
        assert_eq!(info.reg, vec![region(0x40_1000_0000, 0x1000_0000)]);
        assert_eq!(info.pci_ranges, expected);
        assert_eq!(info.bus_range, Some((0, 0xff)));
    }
}
