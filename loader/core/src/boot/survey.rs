//! Finds the domains and modules that a tree describes for Xen: the nodes of `/chosen`, of `/chosen/modules` (Xen 4.4)
//! and of the `xen,domain` nodes.

use alloc::string::ToString;
use alloc::vec::Vec;

use hal::PhysAddr;

use super::plan::Domain;
use crate::devicetree::{NodeId, Tree};
use crate::xen::module::{self, Kind};

/// A module's node.
pub(super) struct Entry {
    pub(super) node: NodeId,
    pub(super) parent: NodeId,
    /// Index of its domain.
    pub(super) domain: usize,
    /// What `compatible` says.
    pub(super) kind: Option<Kind>,
}

/// The node as a module, if it is one.
fn entry(tree: &Tree, node: NodeId, (parent, domain): (NodeId, usize)) -> Option<Entry> {
    module::is_one(tree, node).then(|| Entry {
        node,
        parent,
        domain,
        kind: module::kind(tree, node),
    })
}

/// Where the tree says that the ramdisk of a plain boot, or dom0's, begins and ends.
pub(super) fn ramdisk(tree: &Tree) -> Option<(PhysAddr, PhysAddr)> {
    let chosen = tree.child(tree.root(), "chosen")?;
    let number = |name| {
        let short = || tree.u32(chosen, name).map(u64::from);
        tree.u64(chosen, name).or_else(short).map(PhysAddr)
    };
    number("linux,initrd-start").zip(number("linux,initrd-end"))
}

/// Domains (dom0 first) and modules, in the order of the tree.
pub(super) fn read(tree: &Tree) -> (Vec<Domain>, Vec<Entry>) {
    let (mut domains, mut entries) = (Vec::new(), Vec::new());
    let Some(chosen) = tree.child(tree.root(), "chosen") else {
        return (domains, entries);
    };
    domains.push(Domain {
        node: chosen,
        path: tree.path(chosen),
        name: "dom0".to_string(),
    });
    for node in tree.children(chosen) {
        if let Some(entry) = entry(tree, node, (chosen, 0)) {
            entries.push(entry);
        } else if tree.compatible(node, "xen,domain") {
            add_children(tree, node, domains.len(), &mut entries);
            domains.push(Domain {
                node,
                path: tree.path(node),
                name: tree.name(node).to_string(),
            });
        } else if tree.name(node) == "modules" {
            add_children(tree, node, 0, &mut entries);
        }
    }
    (domains, entries)
}

fn add_children(tree: &Tree, parent: NodeId, domain: usize, entries: &mut Vec<Entry>) {
    let modules = tree.children(parent);
    entries.extend(modules.filter_map(|node| entry(tree, node, (parent, domain))));
}
