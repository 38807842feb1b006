//! Finds the domains and modules that a tree describes for Xen: the nodes of `/chosen`, of `/chosen/modules` (Xen 4.4)
//! of the `xen,domain` nodes, and of any other, where Xen finds them as well.

use alloc::string::ToString;
use alloc::vec::Vec;

use hal::PhysAddr;

use super::Finding;
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
        } else if tree.name(node) == MODULES {
            add_children(tree, node, 0, &mut entries);
        } else {
            add_visible(tree, node, &mut entries);
        }
    }
    (domains, entries)
}

/// The node of dom0's modules for Xen 4.4.
const MODULES: &str = "modules";

/// Adds the modules in any other node of `/chosen`: to Xen, what is no `xen,domain`'s is dom0's (its `process_multiboot_node`).
fn add_visible(tree: &Tree, parent: NodeId, entries: &mut Vec<Entry>) {
    let is_visible = |node: &NodeId| module::MODULE.iter().any(|name| tree.compatible(*node, name));
    let modules = tree.children(parent).filter(is_visible);
    entries.extend(modules.filter_map(|node| entry(tree, node, (parent, 0))));
}

/// A warning for each node whose modules Xen gives to dom0 though nothing says so.
pub(super) fn taken_for_dom0s(tree: &Tree, entries: &[Entry]) -> Vec<Finding> {
    let chosen = tree.child(tree.root(), "chosen");
    let is_other =
        |entry: &&Entry| entry.domain == 0 && Some(entry.parent) != chosen && tree.name(entry.parent) != MODULES;
    let mut nodes: Vec<NodeId> = entries.iter().filter(is_other).map(|entry| entry.parent).collect();
    nodes.dedup();
    let warnings = nodes.into_iter().map(|node| {
        Finding::warning(format_args!(
            "{} has modules and is not \"xen,domain\": Xen takes them for dom0's",
            tree.path(node)
        ))
    });
    warnings.collect()
}

fn add_children(tree: &Tree, parent: NodeId, domain: usize, entries: &mut Vec<Entry>) {
    let modules = tree.children(parent);
    entries.extend(modules.filter_map(|node| entry(tree, node, (parent, domain))));
}
