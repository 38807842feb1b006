//! `/domains` of a System Device Tree (devicetree-org/lopper, `specification/source/chapter3-execution-domains.rst`), turned into what
//! Xen reads.
//!
//! The specification has no modules: "modules are typically dynamically populated at boot time". Here they come from module nodes in the
//! domain, from the lines of a `xen.cfg` (`NAME_kernel=` and so on, where NAME is the domain's, or `domuN` where N is its `id`), or else
//! from the file names by which lopper's `image-builder` goes (`xen,kernel`, `xen,initrd`, `xen,kernel-cmdline`).
//!
//! | System Device Tree | becomes |
//! | --- | --- |
//! | `openamp,domain-v1` below `/domains`, at any depth | `/chosen/NAME`, `xen,domain`, with `vpl011` |
//! | `openamp,hypervisor-v1`, or a domain at EL2 or EL3 with domains in it | nothing: it is Xen, whose command line it has, or around it |
//! | the domain called `dom0`, by its node's name or its label | dom0: modules under `/chosen`, its size on Xen's command line |
//! | `cpus` | the number of bits in the masks of its entries for `/cpus`, where Xen runs |
//! | `memory` | the sum of the sizes in KiB. Xen chooses where: static memory is an option that Xen is not built with as a rule |
//! | `access` | a warning where no partial device tree is there to pass the devices through |
//! | `chosen` with `bootargs` | the kernel's, if it has no other |
//!
//! `id` makes nobody dom0: it is any number. Without a domain of that name, dom0 is the specification's default domain, which has what
//! nobody else was given and whose modules are in `/chosen` already. A domain on another cluster than `/cpus` is for other processors
//! and is left out.

mod access;
mod cpus;
mod domain;
mod memory;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thiserror::Error;

use super::command_line::{self, Dom0Size};
use super::config::Section;
use super::graft::{self, GraftError, MAX_DOMAINS};
use super::module;
use crate::devicetree::{EditError, NodeId, Tree};
use crate::finding::Finding;

/// What makes a node a domain.
const DOMAIN: &str = "openamp,domain-v1";

/// What makes one the hypervisor that runs the domains in it.
const HYPERVISOR: &str = "openamp,hypervisor-v1";

/// Why the domains of a System Device Tree cannot be booted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SystemDtError {
    /// `cpus` is no list of entries.
    #[error(
        "{node}: cpus has {len} bytes and is a list of <&CLUSTER MASK MODE>, 12 bytes each where the mask has one cell"
    )]
    BadCpus {
        /// The domain's path.
        node: String,
        /// Length in bytes.
        len: usize,
    },
    /// More entries than there are clusters.
    #[error("{node}: cpus has more than {max} entries")]
    TooManyCpus {
        /// The domain's path.
        node: String,
        /// How many are taken.
        max: usize,
    },
    /// A domain that could not run.
    #[error("{node}: the masks in cpus have no bit set, so the domain would have no processor")]
    NoCpus {
        /// The domain's path.
        node: String,
    },
    /// `memory` is no list of entries.
    #[error(
        "{node}: memory has {len} bytes, which is no multiple of {entry_len} (start, size and flags in the cells that are given)"
    )]
    BadMemory {
        /// The domain's path.
        node: String,
        /// Length in bytes.
        len: usize,
        /// Length of an entry in bytes.
        entry_len: usize,
    },
    /// A number of more than 64 bits, or a sum.
    #[error("{node}: the sizes in memory are more than 64 bits hold")]
    TooMuchMemory {
        /// The domain's path.
        node: String,
    },
    /// The parts cannot move to their place.
    #[error(transparent)]
    Graft(#[from] GraftError),
    /// The tree cannot take the edit.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// Lines of a `xen.cfg` that a domain took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// What stands before the `_` of the lines: [`super::config::DomainLines::name`].
    pub name: String,
    /// The domain's node, for the group's `_property=` lines; `/chosen` for dom0.
    pub node: NodeId,
}

/// Turns `/domains` into what Xen on Arm reads, and takes it out of the tree. `section` has the domains' files; its `options=` are to be
/// in the tree by then, since what dom0's size adds to Xen's command line goes behind them.
///
/// Returns the groups of lines that were used for a domain here, so that no second one is made of them: their files and arguments are in
/// the tree, their properties are not. `None` if there are no domains. After an error the tree holds a part of both and is to be thrown
/// away.
///
/// # Errors
/// [`SystemDtError`] with the node that cannot be understood.
pub fn lower(
    tree: &mut Tree,
    section: Option<&Section>,
    findings: &mut Vec<Finding>,
) -> Result<Option<Vec<Taken>>, SystemDtError> {
    let Some(root) = tree.child(tree.root(), "domains") else {
        return Ok(None);
    };
    let all = domains(tree, root)?;
    if all.is_empty() {
        return Ok(None);
    }
    let chosen = graft::chosen(tree)?;
    let (frames, guests): (Vec<NodeId>, Vec<NodeId>) = all.iter().partition(|node| is_frame(tree, **node));
    let xens = frames.iter().filter(|node| is_xen(tree, **node));
    let words: Vec<String> = xens.filter_map(|node| command_line_of(tree, *node)).collect();
    let mut done = Done::default();
    for node in guests {
        guest(tree, (node, chosen), section, &mut done, findings)?;
    }
    let (from, size) = done.dom0.unwrap_or_default();
    command_line::extend(tree, chosen, (&words, size, &from), findings)?;
    remove(tree, root, findings)?;
    Ok(Some(done.taken))
}

/// What came of the domains so far.
#[derive(Default)]
struct Done {
    /// The lines that they took.
    taken: Vec<Taken>,
    /// dom0's path, and its size.
    dom0: Option<(String, Dom0Size)>,
}

/// Makes dom0 or a `xen,domain` of one domain, if Xen can run it.
fn guest(
    tree: &mut Tree,
    (node, chosen): (NodeId, NodeId),
    section: Option<&Section>,
    done: &mut Done,
    findings: &mut Vec<Finding>,
) -> Result<(), SystemDtError> {
    let Some(cpus) = cpus::count(tree, node, findings)? else {
        return Ok(());
    };
    let name = domain::name(tree, node);
    let lines = section.and_then(|section| domain::lines(tree, node, (section, &done.taken)));
    let kib = memory::kib(tree, node, findings)?;
    let target = if name == "dom0" && done.dom0.is_none() {
        module::spell_out_cells(tree, chosen)?;
        let cpus = Some(cpus);
        done.dom0 = Some((tree.path(node), Dom0Size { kib, cpus }));
        chosen
    } else {
        domain::add(tree, (node, chosen), &name, (cpus, kib))?
    };
    domain::fill(tree, (node, target), lines, findings)?;
    done.taken.extend(lines.map(|lines| Taken {
        name: lines.name.clone(),
        node: target,
    }));
    Ok(())
}

/// The domains below `/domains` that are not switched off, outer ones first.
fn domains(tree: &Tree, root: NodeId) -> Result<Vec<NodeId>, GraftError> {
    let below = tree.descendants(root).map(|(_, node)| node);
    let domains: Vec<NodeId> = below
        .filter(|node| tree.compatible(*node, DOMAIN) && tree.is_enabled(*node))
        .collect();
    match domains.len() {
        count if count > MAX_DOMAINS => Err(GraftError::TooManyDomains {
            node: tree.path(root),
            count,
        }),
        _ => Ok(domains),
    }
}

/// `true` for a domain that is no guest: Xen itself, or what is around it at EL3.
fn is_frame(tree: &Tree, node: NodeId) -> bool {
    let has_domains = || tree.children(node).any(|child| tree.compatible(child, DOMAIN));
    tree.compatible(node, HYPERVISOR) || (has_domains() && cpus::level(tree, node) >= 2)
}

/// `true` for the one of them that Xen is.
fn is_xen(tree: &Tree, node: NodeId) -> bool {
    tree.compatible(node, HYPERVISOR) || cpus::level(tree, node) == 2
}

/// The command line of a domain: that of its `chosen`, or the property by which lopper's `image-builder` goes.
fn command_line_of(tree: &Tree, node: NodeId) -> Option<String> {
    let chosen = tree.child(node, "chosen");
    let line = chosen.and_then(|chosen| tree.str(chosen, "bootargs"));
    line.or_else(|| tree.str(node, "xen,cmdline")).map(ToString::to_string)
}

/// Takes `/domains` away. Where a firewall's settings still refer to a domain, only what makes the nodes domains goes, so that nothing
/// is made of them twice.
fn remove(tree: &mut Tree, root: NodeId, findings: &mut Vec<Finding>) -> Result<(), EditError> {
    let Some(by) = access::referring(tree, root) else {
        return tree.remove(root);
    };
    findings.push(Finding::note(format_args!(
        "{} refers to a node below /domains, which therefore stays in the tree; Xen does not read it",
        tree.path(by)
    )));
    let below: Vec<NodeId> = tree.descendants(root).map(|(_, node)| node).collect();
    for node in below {
        if tree.compatible(node, DOMAIN) {
            tree.remove_property(node, "compatible")?;
        } else if domain::is_xens(tree, node) {
            // It is in /chosen as well, where Xen looks the handle up.
            let handles = domain::PHANDLES
                .iter()
                .filter(|name| tree.property(node, name).is_some());
            let handles: Vec<&str> = handles.copied().collect();
            handles
                .into_iter()
                .try_for_each(|name| tree.remove_property(node, name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
