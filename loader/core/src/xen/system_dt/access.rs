//! `access` of a domain, and what refers to domains.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::devicetree::{NodeId, Tree};
use crate::finding::Finding;
use crate::xen::module::{self, Kind};

/// Devices that are looked up for the warning: each look goes through the whole tree.
const SHOWN: usize = 8;

/// A warning if the domain is to have devices and no partial device tree passes them through.
pub(super) fn warn(tree: &Tree, (domain, target): (NodeId, NodeId), findings: &mut Vec<Finding>) {
    let has_device_tree = |node| module::kind_in_any_form(tree, node) == Some(Kind::DeviceTree);
    let Some(cells) = tree.cells(domain, "access").filter(|cells| !cells.is_empty()) else {
        return;
    };
    let is_dom0 = !tree.compatible(target, "xen,domain");
    if is_dom0 || tree.children(target).any(has_device_tree) {
        // dom0 has all that is not passed on to others.
        return;
    }
    let flags = tree.u32(domain, "#access-flags-cells").unwrap_or(0);
    let entry_len = usize::try_from(flags).unwrap_or(usize::MAX).saturating_add(1);
    let devices = cells.iter().step_by(entry_len);
    let count = devices.len();
    let names: Vec<String> = devices
        .take(SHOWN)
        .map(|phandle| match tree.find_phandle(*phandle) {
            Some(device) => tree.path(device),
            None => alloc::format!("<{phandle:#x}>"),
        })
        .collect();
    let more = count.saturating_sub(names.len());
    let more = if more == 0 {
        String::new()
    } else {
        alloc::format!(" and {more} more")
    };
    let name = tree.name(target).to_string();
    findings.push(Finding::warning(format_args!(
        "{} is to have {}{more}: Xen passes devices through by a partial device tree, named by {name}_dtb=FILE in xen.cfg or by a module",
        tree.path(domain),
        names.join(", ")
    )));
}

/// A node outside of `root` that refers to one inside. Cells do not say whether they are phandles, so only properties count that the
/// specification has for such references: those of firewalls (its chapter 6), and `domain` and `domains`.
pub(super) fn referring(tree: &Tree, root: NodeId) -> Option<NodeId> {
    let inside: BTreeSet<NodeId> = tree.descendants(root).map(|(_, node)| node).collect();
    let phandles: BTreeSet<u32> = inside.iter().filter_map(|node| tree.phandle(*node)).collect();
    let is_reference = |name: &str| name.starts_with("firewallconf") || matches!(name, "domain" | "domains");
    let refers = |node: &NodeId| {
        let properties = tree.properties(*node).filter(|(name, _)| is_reference(name));
        let mut cells = properties.flat_map(|(_, value)| value.as_chunks::<4>().0);
        cells.any(|cell| phandles.contains(&u32::from_be_bytes(*cell)))
    };
    let mut outside = tree.nodes().filter(|node| !inside.contains(node));
    outside.find(refers)
}
