//! Which domain is dom0, and what the others lose.

use alloc::vec::Vec;

use super::HyperlaunchError;
use super::modules::cell;
use crate::devicetree::{NodeId, Tree};
use crate::finding::Finding;

/// A bit of a property, with the name that it has in the document.
type Bit = (&'static str, u32, &'static str);

/// What makes a domain the hardware domain, or what dom0 has always been.
const HARDWARE: [Bit; 5] = [
    ("functions", 1 << 31, "FUNCTION_LEGACY_DOM0"),
    ("permissions", 1 << 1, "PERMISSION_HARDWARE"),
    ("role", 1 << 0, "ROLE_UNBOUNDED_DOMAIN"),
    ("role", 1 << 2, "ROLE_HARDWARE_DOMAIN"),
    ("capabilities", 1 << 1, "DOMAIN_CAPS_HARDWARE"),
];

/// What makes a domain a control domain.
const CONTROL: [Bit; 3] = [
    ("permissions", 1 << 0, "PERMISSION_CONTROL"),
    ("role", 1 << 1, "ROLE_CONTROL_DOMAIN"),
    ("capabilities", 1 << 0, "DOMAIN_CAPS_CONTROL"),
];

/// What else only dom0 has on Arm.
const OTHERS: [Bit; 6] = [
    ("functions", 1 << 0, "FUNCTION_BOOT (the others do not wait for it)"),
    ("functions", 1 << 1, "FUNCTION_CRASH"),
    ("functions", 1 << 2, "FUNCTION_CONSOLE"),
    ("functions", 1 << 30, "FUNCTION_XENSTORE"),
    ("role", 1 << 3, "ROLE_XENSTORE_DOMAIN"),
    ("capabilities", 1 << 2, "DOMAIN_CAPS_XENSTORE"),
];

/// Properties that, if they are there, say all that a domain may do.
const EXPLICIT: [&str; 3] = ["permissions", "role", "capabilities"];

fn has(tree: &Tree, node: NodeId, bits: &[Bit]) -> bool {
    bits.iter()
        .any(|(name, mask, _)| tree.u32(node, name).is_some_and(|value| value & mask != 0))
}

/// The domain that becomes dom0, and a warning for each other one that has rights or functions which only dom0 can have.
///
/// # Errors
/// [`HyperlaunchError::TwoHardwareDomains`], [`HyperlaunchError::BadCell`].
pub(super) fn dom0(
    tree: &Tree,
    domains: &[NodeId],
    findings: &mut Vec<Finding>,
) -> Result<Option<NodeId>, HyperlaunchError> {
    for node in domains {
        for name in ["functions", "permissions", "role", "capabilities", "domid"] {
            cell(tree, *node, name)?;
        }
    }
    let mut hardware = domains.iter().filter(|node| has(tree, **node, &HARDWARE));
    if let (Some(first), Some(second)) = (hardware.next(), hardware.next()) {
        return Err(HyperlaunchError::TwoHardwareDomains {
            first: tree.path(*first),
            second: tree.path(*second),
        });
    }
    let first_with = |bits: &[Bit]| domains.iter().find(|node| has(tree, **node, bits)).copied();
    let dom0 = first_with(&HARDWARE).or_else(|| first_with(&CONTROL));
    let dom0 = dom0.or_else(|| by_name_or_number(tree, domains, findings));
    for node in domains.iter().filter(|node| Some(**node) != dom0) {
        warn_of_lost(tree, *node, findings);
    }
    Ok(dom0)
}

/// Where no domain has rights: the one called `dom0`, else the only one that asks for number 0.
fn by_name_or_number(tree: &Tree, domains: &[NodeId], findings: &mut Vec<Finding>) -> Option<NodeId> {
    let open = |node: &&NodeId| !EXPLICIT.iter().any(|name| tree.property(**node, name).is_some());
    let open: Vec<NodeId> = domains.iter().filter(open).copied().collect();
    let named = open.iter().find(|node| super::graft::base_name(tree, **node) == "dom0");
    let mut numbered = open.iter().filter(|node| tree.u32(**node, "domid") == Some(0));
    let found = match (named, numbered.next(), numbered.next()) {
        (Some(named), _, _) => *named,
        (None, Some(only), None) => *only,
        (None, Some(first), Some(second)) => {
            findings.push(Finding::warning(format_args!(
                "{} and {} both have domid = <0> and no rights, so neither is dom0; permissions = <3> would make one",
                tree.path(*first),
                tree.path(*second)
            )));
            return None;
        }
        (None, None, _) => return None,
    };
    findings.push(Finding::note(format_args!(
        "no domain is the hardware domain; {} becomes dom0 for its name or its domid = <0>",
        tree.path(found)
    )));
    Some(found)
}

fn warn_of_lost(tree: &Tree, node: NodeId, findings: &mut Vec<Finding>) {
    let all = HARDWARE.iter().chain(&CONTROL).chain(&OTHERS);
    let lost: Vec<&str> = all
        .filter(|bit| has(tree, node, &[**bit]))
        .map(|(_, _, word)| *word)
        .collect();
    if !lost.is_empty() {
        findings.push(Finding::warning(format_args!(
            "{} has {}, which only dom0 has with Xen 4.17 to 4.20 on Arm; it becomes an ordinary domain",
            tree.path(node),
            lost.join(" and ")
        )));
    }
}
