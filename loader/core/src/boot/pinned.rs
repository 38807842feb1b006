//! Places that the tree gives away by address: what the firmware keeps, and what Xen hands to domains as it is.
//!
//! Static memory, the static heap and shared memory (Xen's `docs/misc/arm/device-tree/booting.txt`) belong to Xen from the first
//! instruction on: a module there would be given to a domain, or be written over.

use alloc::string::String;
use alloc::vec::Vec;

use hal::{PhysAddr, Region};

use super::survey::{self, Entry};
use crate::devicetree::{NodeId, Tree, number};
use crate::xen::module;

/// A part of RAM that a property names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The path of its node.
    pub path: String,
    /// The property.
    pub property: &'static str,
    /// What it names.
    pub region: Region,
}

/// Regions that a node may name; a tree of 2 MiB could name a hundred thousand.
const MOST: usize = 1024;

/// Everything that Xen hands out by address, in the order of the tree.
#[must_use]
pub fn by_xen(tree: &Tree) -> Vec<Pinned> {
    let mut found = Vec::new();
    let Some(chosen) = tree.child(tree.root(), "chosen") else {
        return found;
    };
    add(tree, chosen, ("xen,static-heap", chosen), &mut found);
    for domain in tree
        .children(chosen)
        .filter(|node| tree.compatible(*node, "xen,domain"))
    {
        add(tree, domain, ("xen,static-mem", chosen), &mut found);
        let shared = |node: &NodeId| tree.compatible(*node, "xen,domain-shared-memory-v1");
        for node in tree.children(domain).filter(shared) {
            found.extend(shared_memory(tree, node, domain));
        }
    }
    found.truncate(MOST);
    found
}

/// Everything in the tree that nothing may be loaded to.
#[must_use]
pub fn kept_free(tree: &Tree) -> Vec<Region> {
    let parent = tree.child(tree.root(), "reserved-memory");
    let nodes = parent.into_iter().flat_map(|parent| tree.children(parent));
    let nodes = nodes.filter(|node| tree.is_enabled(*node));
    // One that cannot be read is told by the checks, and is no reason to forget the others.
    let reserved = nodes.flat_map(|node| tree.reg(node).unwrap_or_default());
    reserved
        .filter_map(|(start, len)| Region::new(PhysAddr(start), len))
        .chain(by_xen(tree).into_iter().map(|pinned| pinned.region))
        .collect()
}

/// Where modules and dom0's ramdisk lie already by what the tree says. Whoever started the loader may have put them there, as QEMU's
/// `guest-loader` and `-initrd` do, and no file is known then.
#[must_use]
pub fn said_to_lie(tree: &Tree) -> Vec<Region> {
    let (_, modules) = survey::read(tree);
    let place = |entry: &Entry| {
        let mut rest = tree.property(entry.node, "reg")?;
        let [address, size] = cells(tree, (entry.node, entry.parent), "reg");
        let start = take(&mut rest, address)?;
        Region::new(PhysAddr(start), take(&mut rest, size)?)
    };
    let ramdisk = survey::ramdisk(tree).and_then(|(start, end)| Region::from_bounds(start, end));
    modules.iter().filter_map(place).chain(ramdisk).collect()
}

/// How many cells addresses and sizes of `property` have: its own properties say it (Xen 4.16), or those of the node `above`.
fn cells(tree: &Tree, (node, above): (NodeId, NodeId), property: &str) -> [usize; 2] {
    let own = |what: &str| tree.u32(node, &alloc::format!("#{property}-{what}-cells"));
    let (address, size) = module::cells(tree, above);
    let (address, size) = (own("address").unwrap_or(address), own("size").unwrap_or(size));
    // More than two are no addresses; they are read past.
    [address, size].map(|cells| usize::try_from(cells.min(4)).unwrap_or(2))
}

/// Takes a number of so many cells off the front.
fn take(bytes: &mut &[u8], cells: usize) -> Option<u64> {
    let (front, rest) = bytes.split_at_checked(cells.checked_mul(4)?)?;
    *bytes = rest;
    number(front)
}

/// Adds the regions of a property that is a list of addresses and sizes.
fn add(tree: &Tree, node: NodeId, (property, above): (&'static str, NodeId), found: &mut Vec<Pinned>) {
    let mut rest = tree.property(node, property).unwrap_or_default();
    let [address, size] = cells(tree, (node, above), property);
    while found.len() < MOST
        && let Some((start, len)) = take(&mut rest, address).and_then(|start| Some((start, take(&mut rest, size)?)))
        // Zero cells would take nothing off the front.
        && address != 0
    {
        found.extend(Region::new(PhysAddr(start), len).map(|region| Pinned {
            path: tree.path(node),
            property,
            region,
        }));
    }
}

/// `xen,shared-mem`: an address of the machine, one of the domain, a size. Without the first, Xen chooses a place.
fn shared_memory(tree: &Tree, node: NodeId, domain: NodeId) -> Option<Pinned> {
    let property = "xen,shared-mem";
    let mut rest = tree.property(node, property)?;
    let [address, size] = cells(tree, (node, domain), property);
    if rest.len() != address.checked_mul(2)?.checked_add(size)?.checked_mul(4)? {
        return None;
    }
    let start = take(&mut rest, address)?;
    take(&mut rest, address)?;
    let region = Region::new(PhysAddr(start), take(&mut rest, size)?)?;
    Some(Pinned {
        path: tree.path(node),
        property,
        region,
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use hal::{PhysAddr, Region};

    use super::{by_xen, kept_free, said_to_lie};
    use crate::devicetree::{NodeId, Tree};

    fn cells(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes()).collect()
    }

    fn region(start: u64, len: u64) -> Region {
        Region::new(PhysAddr(start), len).unwrap()
    }

    /// `/chosen` with two cells each and a domain with one each.
    fn tree() -> (Tree, NodeId, NodeId) {
        let mut tree = Tree::new();
        let chosen = tree.add(tree.root(), "chosen").unwrap();
        let domain = tree.add(chosen, "domU1").unwrap();
        tree.set_strings(domain, "compatible", &["xen,domain"]).unwrap();
        for (node, count) in [(chosen, 2), (domain, 1)] {
            tree.set_u32(node, "#address-cells", count).unwrap();
            tree.set_u32(node, "#size-cells", count).unwrap();
        }
        (tree, chosen, domain)
    }

    #[test]
    fn static_memory_is_in_the_cells_of_the_node_above_or_in_its_own() {
        let (mut tree, chosen, domain) = tree();
        let list = cells(&[0, 0x5000_0000, 0, 0x100_0000, 1, 0, 0, 0x1000]);
        tree.set(domain, "xen,static-mem", &list).unwrap();
        tree.set(chosen, "xen,static-heap", &cells(&[0, 0x4000_0000, 0, 0x200_0000]))
            .unwrap();
        let regions = |tree: &Tree| by_xen(tree).iter().map(|pinned| pinned.region).collect::<Vec<_>>();
        assert_eq!(
            regions(&tree),
            [
                region(0x4000_0000, 0x200_0000),
                region(0x5000_0000, 0x100_0000),
                region(0x1_0000_0000, 0x1000)
            ]
        );
        tree.set(domain, "xen,static-mem", &cells(&[0x5000_0000, 0x1000]))
            .unwrap();
        tree.set_u32(domain, "#xen,static-mem-address-cells", 1).unwrap();
        tree.set_u32(domain, "#xen,static-mem-size-cells", 1).unwrap();
        let found = by_xen(&tree);
        assert_eq!(found[1].region, region(0x5000_0000, 0x1000));
        assert_eq!(
            (found[1].path.as_str(), found[1].property),
            ("/chosen/domU1", "xen,static-mem")
        );
    }

    #[test]
    fn cells_are_those_of_the_next_node_above_that_has_them() {
        let (mut tree, chosen, domain) = tree();
        tree.set(domain, "xen,static-mem", &cells(&[0, 0x5000_0000, 0, 0x100_0000]))
            .unwrap();
        for node in [chosen, domain] {
            tree.remove_property(node, "#address-cells").unwrap();
            tree.remove_property(node, "#size-cells").unwrap();
        }
        let (root, found) = (tree.root(), region(0x5000_0000, 0x100_0000));
        // Without any there are two cells and one.
        assert_eq!(by_xen(&tree)[0].region, region(0x5000_0000, 0));
        tree.set_u32(root, "#size-cells", 2).unwrap();
        assert_eq!(by_xen(&tree)[0].region, found);
        let node = tree.add(domain, "shared").unwrap();
        tree.set_strings(node, "compatible", &["xen,domain-shared-memory-v1"])
            .unwrap();
        tree.set(
            node,
            "xen,shared-mem",
            &cells(&[0, 0x6000_0000, 0, 0x7000_0000, 0, 0x1000]),
        )
        .unwrap();
        assert_eq!(by_xen(&tree)[1].region, region(0x6000_0000, 0x1000));
    }

    #[test]
    fn shared_memory_is_pinned_where_it_has_an_address() {
        let (mut tree, _, domain) = tree();
        let node = tree.add(domain, "shared@50000000").unwrap();
        tree.set_strings(node, "compatible", &["xen,domain-shared-memory-v1"])
            .unwrap();
        tree.set(node, "xen,shared-mem", &cells(&[0x5000_0000, 0x6000_0000, 0x1000]))
            .unwrap();
        assert_eq!(by_xen(&tree)[0].region, region(0x5000_0000, 0x1000));
        tree.set(node, "xen,shared-mem", &cells(&[0x6000_0000, 0x1000]))
            .unwrap();
        assert_eq!(by_xen(&tree), []);
    }

    #[test]
    fn a_damaged_node_does_not_hide_what_others_reserve() {
        let mut tree = Tree::new();
        let reserved = tree.add(tree.root(), "reserved-memory").unwrap();
        for (name, reg) in [("a", &[1, 2][..]), ("b", &[0, 0x4000_0000, 0x1000]), ("c", &[])] {
            let node = tree.add(reserved, name).unwrap();
            tree.set(node, "reg", &cells(reg)).unwrap();
        }
        assert!(tree.reserved_memory().is_err());
        assert_eq!(kept_free(&tree), [region(0x4000_0000, 0x1000)]);
    }

    #[test]
    fn modules_and_a_ramdisk_lie_where_the_tree_says() {
        let (mut tree, chosen, domain) = tree();
        for (above, name, reg) in [
            (chosen, "module@1", &[1, 0, 0, 0x1000][..]),
            (domain, "module@2", &[0x4800_0000, 0x2000]),
            (domain, "module@3", &[0x4800_0000]),
            (domain, "module@4", &[]),
        ] {
            let node = tree.add(above, name).unwrap();
            tree.set_strings(node, "compatible", &["multiboot,kernel", "multiboot,module"])
                .unwrap();
            tree.set(node, "reg", &cells(reg)).unwrap();
        }
        let modules = [region(0x4800_0000, 0x2000), region(0x1_0000_0000, 0x1000)];
        assert_eq!(said_to_lie(&tree), modules);
        tree.set_u32(chosen, "linux,initrd-start", 0x5000_0000).unwrap();
        assert_eq!(said_to_lie(&tree), modules);
        tree.set_u64(chosen, "linux,initrd-end", 0x5000_0010).unwrap();
        assert_eq!(said_to_lie(&tree)[2..], [region(0x5000_0000, 0x10)]);
        tree.set_u64(chosen, "linux,initrd-end", 1).unwrap();
        assert_eq!(said_to_lie(&tree), modules);
        assert_eq!(said_to_lie(&Tree::new()), []);
    }

    #[test]
    fn damaged_lists_end_early() {
        let (mut tree, chosen, domain) = tree();
        tree.set(domain, "xen,static-mem", &cells(&[0, 0x5000_0000, 0, 0x1000, 0]))
            .unwrap();
        assert_eq!(by_xen(&tree).len(), 1);
        for count in [0, 1, 3, 4, 5, u32::MAX] {
            tree.set_u32(chosen, "#address-cells", count).unwrap();
            tree.set_u32(chosen, "#size-cells", count).unwrap();
            tree.set(domain, "xen,static-mem", &vec![0xff; 0x1_0000]).unwrap();
            assert!(by_xen(&tree).len() <= super::MOST, "{count}");
        }
        tree.set(domain, "xen,static-mem", &vec![0; 0x10_0000]).unwrap();
        tree.set_u32(chosen, "#address-cells", 1).unwrap();
        tree.set_u32(chosen, "#size-cells", 0).unwrap();
        assert_eq!(by_xen(&tree).len(), super::MOST);
        assert_eq!(kept_free(&Tree::new()), []);
    }
}
