//! Modules and domains as they were proposed for the Devicetree Specification ("Describe chosen modules for hypervisor booting",
//! boot-architecture list, April 2023), turned into what Xen reads.
//!
//! - `compatible = "multiboot,module\0multiboot,kernel"` of a module is what Xen takes, in either order. Written as one string that
//!   holds a backslash and a `0` (as `fdt set` or a doubled backslash leave it) it is not: it is split.
//! - The reply's `/chosen/domain0/module@e00000`: `domain0` (or `dom0`) is dom0, whose modules Xen looks for directly under `/chosen`.
//!   `domain1` and so on (or `dom1`, `domu1`, `domU1`) are Xen's domains once they are `xen,domain`.
//!
//! So is any other node with modules that says how much memory or how many processors its domain has.
//!
//! A node that is `xen,domain` already stays as it is, whatever its name, but for a unit address: Xen finds the command line of a domain's
//! kernel by the node's name, and compares the name with the unit address to that without (seen with 4.17: the command line is empty).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thiserror::Error;

use super::command_line::{self, Dom0Size};
use super::graft::{self, GraftError, MAX_DOMAINS};
use super::module::{self, Kind};
use crate::devicetree::{EditError, NodeId, Tree};
use crate::finding::Finding;

/// What makes a node one of Xen's domains.
const DOMAIN: &str = "xen,domain";

/// Why the nodes below `/chosen` cannot be booted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChosenError {
    /// Two nodes that both would be dom0.
    #[error("{first} and {second} are both dom0 by their names: call one of them domain1, or make it \"xen,domain\"")]
    TwoDom0s {
        /// A node's path.
        first: String,
        /// Another's.
        second: String,
    },
    /// The parts cannot move to their place.
    #[error(transparent)]
    Graft(#[from] GraftError),
    /// The tree cannot take the edit.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// Turns the proposals' nodes into what Xen on Arm reads. Returns whether there were any. After an error the tree holds a part of both
/// and is to be thrown away.
///
/// # Errors
/// [`ChosenError`] with the node that cannot be understood.
pub fn lower(tree: &mut Tree, findings: &mut Vec<Finding>) -> Result<bool, ChosenError> {
    let Some(chosen) = tree.child(tree.root(), "chosen") else {
        return Ok(false);
    };
    let split = split_strings(tree, chosen, findings)?;
    let (zeros, numbered) = domains(tree, chosen)?;
    if zeros.is_empty() && numbered.is_empty() {
        return Ok(plain_names(tree, chosen, findings)? || split);
    }
    graft::chosen(tree)?;
    if let [first, second, ..] = zeros.as_slice() {
        return Err(ChosenError::TwoDom0s {
            first: tree.path(*first),
            second: tree.path(*second),
        });
    }
    for node in zeros {
        dom0(tree, (node, chosen), findings)?;
    }
    for node in numbered {
        domu(tree, node, findings)?;
    }
    plain_names(tree, chosen, findings)?;
    Ok(true)
}

/// Takes the unit address off the names of domains whose kernels have a command line. Returns whether there was one.
fn plain_names(tree: &mut Tree, chosen: NodeId, findings: &mut Vec<Finding>) -> Result<bool, ChosenError> {
    let has_line = |node: NodeId| {
        tree.children(node)
            .any(|child| tree.property(child, "bootargs").is_some())
    };
    let is_lost = |node: &NodeId| tree.name(*node).contains('@') && tree.compatible(*node, DOMAIN) && has_line(*node);
    let lost: Vec<NodeId> = tree.children(chosen).filter(is_lost).collect();
    if lost.is_empty() {
        return Ok(false);
    }
    graft::chosen(tree)?;
    for node in &lost {
        let path = tree.path(*node);
        let name = graft::free_name(tree, chosen, &tree.name(*node).replace('@', "-"));
        tree.rename(*node, &name)?;
        findings.push(Finding::warning(format_args!(
            "{path}: Xen does not find the kernel's command line of a domain with a unit address; it is called {name} now"
        )));
    }
    Ok(true)
}

/// Splits the `compatible` of modules, and of domains, that hold `\0` as two letters.
fn split_strings(tree: &mut Tree, chosen: NodeId, findings: &mut Vec<Finding>) -> Result<bool, EditError> {
    let below = tree.descendants(chosen).map(|(_, node)| node);
    let is_joined = |node: &NodeId| {
        let mut words = tree.strings(*node, "compatible");
        words.any(|word| word.contains("\\0") && (word.contains("module") || word.contains(DOMAIN)))
    };
    let joined: Vec<NodeId> = below.filter(is_joined).collect();
    for node in &joined {
        let old: Vec<String> = tree.strings(*node, "compatible").map(ToString::to_string).collect();
        let words = old.iter().flat_map(|word| word.split("\\0"));
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        tree.set_strings(*node, "compatible", &words)?;
        let shown: Vec<String> = words.iter().take(4).map(|word| graft::shown(word)).collect();
        findings.push(Finding::note(format_args!(
            "{}: compatible was one string with a backslash in it; now \"{}\"",
            tree.path(*node),
            shown.join("\", \"")
        )));
    }
    Ok(!joined.is_empty())
}

/// The nodes with modules that are dom0 by their names, and those that are other domains.
fn domains(tree: &Tree, chosen: NodeId) -> Result<(Vec<NodeId>, Vec<NodeId>), GraftError> {
    let has_modules = |node: &NodeId| {
        tree.children(*node)
            .any(|child| module::is_one_in_any_form(tree, child))
    };
    let is_sized = |node| {
        ["memory", "cpus"]
            .iter()
            .any(|name| tree.property(node, name).is_some())
    };
    let is_open = |node: &NodeId| {
        let is_meant = is_numbered(graft::base_name(tree, *node)) || is_sized(*node);
        !tree.compatible(*node, DOMAIN) && is_meant && tree.is_enabled(*node)
    };
    let all = tree.children(chosen).filter(|node| is_open(node) && has_modules(node));
    let (zeros, numbered): (Vec<NodeId>, Vec<NodeId>) =
        all.partition(|node| matches!(graft::base_name(tree, *node), "domain0" | "dom0"));
    match zeros.len().saturating_add(numbered.len()) {
        count if count > MAX_DOMAINS => Err(GraftError::TooManyDomains {
            node: tree.path(chosen),
            count,
        }),
        _ => Ok((zeros, numbered)),
    }
}

/// `domain0`, `dom0`, `domU1`, `domu1`.
fn is_numbered(name: &str) -> bool {
    let mut numbers = ["domain", "domU", "domu", "dom"]
        .iter()
        .filter_map(|word| name.strip_prefix(word));
    numbers.any(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Moves dom0's modules to `/chosen`, its size to the command line, and takes its node away.
fn dom0(tree: &mut Tree, (node, chosen): (NodeId, NodeId), findings: &mut Vec<Finding>) -> Result<(), ChosenError> {
    let path = tree.path(node);
    module::spell_out_cells(tree, chosen)?;
    let bootargs = tree.str(node, "bootargs").map(ToString::to_string);
    for module in graft::modules(tree, node)? {
        let made = move_module(tree, module, chosen)?;
        let is_kernel = module::kind_in_any_form(tree, made).is_none_or(|kind| kind == Kind::Kernel);
        if let Some(bootargs) = bootargs
            .as_deref()
            .filter(|_| is_kernel && tree.property(made, "bootargs").is_none())
        {
            tree.set_strings(made, "bootargs", &[bootargs])?;
        }
    }
    let others = tree
        .children(node)
        .filter(|child| !module::is_one_in_any_form(tree, *child));
    let (kept, lost): (Vec<NodeId>, Vec<NodeId>) = others.partition(|child| graft::is_dom0_node(tree, *child));
    for child in kept {
        graft::copy_node(tree, child, chosen)?;
    }
    left_out(tree, (node, &path), &lost, findings);
    findings.push(Finding::note(format_args!(
        "{path} is dom0: its modules are moved to /chosen, where Xen looks for them"
    )));
    let size = Dom0Size {
        kib: tree
            .u64(node, "memory")
            .or_else(|| tree.u32(node, "memory").map(u64::from)),
        cpus: tree.u32(node, "cpus"),
    };
    command_line::extend(tree, chosen, (&[], size, &path), findings)?;
    tree.remove(node)?;
    Ok(())
}

/// Makes the module anew under `/chosen`; what it is stays as it is written, so that an untyped one is counted as Xen counts it.
fn move_module(tree: &mut Tree, node: NodeId, chosen: NodeId) -> Result<NodeId, GraftError> {
    let compatible = tree.property(node, "compatible").unwrap_or_default().to_vec();
    let binary = graft::binary(tree, node)?;
    let kind = module::kind_in_any_form(tree, node).unwrap_or(Kind::Kernel);
    let made = graft::module(tree, (node, chosen), kind, &binary)?;
    tree.set(made, "compatible", &compatible)?;
    Ok(made)
}

/// A warning with the names of what dom0 cannot have.
fn left_out(tree: &Tree, (node, path): (NodeId, &str), nodes: &[NodeId], findings: &mut Vec<Finding>) {
    const READ: [&str; 9] = [
        "#address-cells",
        "#size-cells",
        "bootargs",
        "compatible",
        "cpus",
        "memory",
        "phandle",
        "reg",
        "status",
    ];
    let names = tree.properties(node).map(|(name, _)| name);
    let lost: Vec<&str> = names
        .filter(|name| !READ.contains(name))
        .chain(nodes.iter().map(|node| tree.name(*node)))
        .collect();
    if !lost.is_empty() {
        findings.push(Finding::warning(format_args!(
            "{path}: Xen on Arm has no place for {} of dom0; left out",
            graft::listed(lost.iter().copied())
        )));
    }
}

/// Adds the string without which Xen does not see the domain.
fn domu(tree: &mut Tree, node: NodeId, findings: &mut Vec<Finding>) -> Result<(), EditError> {
    let old: Vec<String> = tree.strings(node, "compatible").map(ToString::to_string).collect();
    let all: Vec<&str> = core::iter::once(DOMAIN).chain(old.iter().map(String::as_str)).collect();
    tree.set_strings(node, "compatible", &all)?;
    findings.push(Finding::warning(format_args!(
        "{} has modules and is not \"{DOMAIN}\"; Xen makes a domain of it only then: added",
        tree.path(node)
    )));
    Ok(())
}

#[cfg(test)]
mod tests;
