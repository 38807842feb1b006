//! A domain's node turned into dom0 or into a `xen,domain`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::modules::cell;
use super::{HyperlaunchError, memory, modules};
use crate::devicetree::{EditError, NodeId, Tree};
use crate::finding::Finding;
use crate::xen::command_line::Dom0Size;
use crate::xen::config::Section;
use crate::xen::{graft, module};

/// Properties that are read here, or that say nothing to anybody but the nodes below.
const READ: [&str; 12] = [
    "#address-cells",
    "#size-cells",
    "bootargs",
    "capabilities",
    "compatible",
    "cpus",
    "domid",
    "functions",
    "memory",
    "permissions",
    "reg",
    "status",
];

/// Labels of XSM that the domains of Xen on Arm have in any case.
const LABELS: [&str; 4] = ["domu_t", "domU_t", "dom0_t", "system_u:system_r:domU_t"];

/// Moves dom0's modules, and the sub-nodes that Xen reads there, to `/chosen`; returns what only the command line can say.
pub(super) fn lower_dom0(
    tree: &mut Tree,
    (dom0, chosen): (NodeId, NodeId),
    section: Option<&Section>,
    findings: &mut Vec<Finding>,
) -> Result<Dom0Size, HyperlaunchError> {
    let size = Dom0Size {
        kib: memory::kib(tree, dom0)?,
        cpus: cell(tree, dom0, "cpus")?,
    };
    module::spell_out_cells(tree, chosen)?;
    let bootargs = tree.str(dom0, "bootargs").map(ToString::to_string);
    modules::lower(tree, (dom0, chosen), (section, bootargs.as_deref()), findings)?;
    let (kept, lost): (Vec<NodeId>, Vec<NodeId>) = tree
        .children(dom0)
        .filter(|node| !module::is_one_in_any_form(tree, *node))
        .partition(|node| graft::is_dom0_node(tree, *node));
    for node in kept {
        graft::copy_node(tree, node, chosen)?;
    }
    left_out(tree, dom0, &lost, |_| false, findings);
    Ok(size)
}

/// Makes a `xen,domain` of the node. `has_dom0` says whether there will be a dom0 for its PV drivers to talk to.
pub(super) fn lower(
    tree: &mut Tree,
    (domain, chosen): (NodeId, NodeId),
    (section, has_dom0): (Option<&Section>, bool),
    findings: &mut Vec<Finding>,
) -> Result<(), HyperlaunchError> {
    let (kib, cpus) = (memory::kib(tree, domain)?, cell(tree, domain, "cpus")?);
    number_changes(tree, (domain, chosen), findings);
    let wanted = graft::base_name(tree, domain).to_string();
    let node = graft::add_domain(tree, chosen, &wanted)?;
    if let Some(kib) = kib {
        tree.set_u64(node, "memory", kib)?;
    }
    tree.set_u32(node, "cpus", cpus.unwrap_or(1))?;
    graft::copy_properties(tree, domain, node, graft::is_domain_property)?;
    add_defaults(tree, node, has_dom0)?;
    let bootargs = tree.str(domain, "bootargs").map(ToString::to_string);
    modules::lower(tree, (domain, node), (section, bootargs.as_deref()), findings)?;
    let others: Vec<NodeId> = tree
        .children(domain)
        .filter(|node| !module::is_one_in_any_form(tree, *node))
        .collect();
    for other in others {
        graft::copy_node(tree, other, node)?;
    }
    left_out(tree, domain, &[], graft::is_domain_property, findings);
    Ok(())
}

/// The console and the PV interfaces that a Hyperlaunch guest has anyway.
fn add_defaults(tree: &mut Tree, node: NodeId, has_dom0: bool) -> Result<(), EditError> {
    if tree.property(node, "vpl011").is_none() {
        tree.set(node, "vpl011", &[])?;
    }
    match tree.property(node, "xen,enhanced") {
        Some(_) => Ok(()),
        None if has_dom0 => tree.set_strings(node, "xen,enhanced", &["enabled"]),
        None => tree.set_strings(node, "xen,enhanced", &["no-xenstore"]),
    }
}

/// A note if the domain asks for another number than Xen on Arm will give it: they are counted in the order of the nodes, from 1.
fn number_changes(tree: &Tree, (domain, chosen): (NodeId, NodeId), findings: &mut Vec<Finding>) {
    let before = tree
        .children(chosen)
        .filter(|node| tree.compatible(*node, "xen,domain"));
    let given = u32::try_from(before.count().saturating_add(1)).unwrap_or(u32::MAX);
    // 0 asks for the next one that is free.
    let wanted = tree
        .u32(domain, "domid")
        .filter(|wanted| *wanted != 0 && *wanted != given);
    if let Some(wanted) = wanted {
        findings.push(Finding::note(format_args!(
            "{} asks for number {wanted}; Xen on Arm numbers domains in the order of their nodes, this one is {given}",
            tree.path(domain)
        )));
    }
}

/// One warning with the names of all that the new nodes do not have, and one for a label that Xen would have enforced.
fn left_out(
    tree: &Tree,
    domain: NodeId,
    nodes: &[NodeId],
    is_kept: impl Fn(&str) -> bool,
    findings: &mut Vec<Finding>,
) {
    // What x86 needs to know, and Arm does not: whether a guest is PV or 64-bit is seen from its kernel.
    let is_silent = |name: &str| matches!(name, "role" | "capability" | "mode" | "domain-uuid" | "security-id");
    let names = tree.properties(domain).map(|(name, _)| name);
    let lost: Vec<String> = names
        .filter(|name| !(READ.contains(name) || is_silent(name) || is_kept(name)))
        .chain(nodes.iter().map(|node| tree.name(*node)))
        .map(ToString::to_string)
        .collect();
    let path = tree.path(domain);
    if !lost.is_empty() {
        findings.push(Finding::warning(format_args!(
            "{path}: Xen on Arm has no place for {} of this domain; left out",
            graft::listed(lost.iter().map(String::as_str))
        )));
    }
    if let Some(label) = tree.str(domain, "security-id").filter(|label| !LABELS.contains(label)) {
        findings.push(Finding::warning(format_args!(
            "{path}: security-id \"{}\" is left out; Xen on Arm labels the domains that it makes itself",
            graft::shown(label)
        )));
    }
    if tree.property(domain, "domain-uuid").is_some() {
        findings.push(Finding::note(format_args!(
            "{path}: domain-uuid is left out; Xen on Arm does not read one from the tree"
        )));
    }
}
