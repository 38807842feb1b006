//! Hyperlaunch (Xen's `docs/designs/launch/hyperlaunch-devicetree.rst` and its later revisions), turned into what Xen 4.17 to 4.20 on Arm
//! reads: dom0's modules under `/chosen` and a `xen,domain` node for each other domain.
//!
//! | Hyperlaunch | becomes |
//! | --- | --- |
//! | the hardware domain (see below) | dom0: its modules under `/chosen`, its size on Xen's command line |
//! | another `domain` | `/chosen/NAME`, `xen,domain`, two cells for addresses and two for sizes |
//! | `memory`: KiB in 32 or 64 bits, a start and a size, or text such as `"128M"` | a 64-bit number of KiB |
//! | `cpus`, 1 if missing | the same |
//! | `mb-index`, later `module-index` | the file of that `module=` line, the first of which is 1: number 0 is the device tree |
//! | `module-addr`, later `reg` | `reg` in the new parent's cells |
//! | `xen,uefi-binary`, `uefi,binary` | kept |
//! | `module,xsm-policy` | a module of `/chosen` |
//! | `bootargs` of a `config` node or of `hypervisor` | the end of `xen,xen-bootargs` |
//! | what Xen on Arm has no word for | a finding |
//!
//! dom0 is the domain whose `functions` have `FUNCTION_LEGACY_DOM0`, or that `permissions`, `role` or `capabilities` make the hardware
//! domain; without one, the control domain; without that, the one called `dom0`, or the only one whose `domid` is 0 and that is not
//! denied everything by an explicit property.
//!
//! Two properties are added to each domain where it does not have them. `vpl011`: on Arm a guest has no other console that shows by
//! itself (`FUNCTION_CONSOLE` is about who owns the hardware's, so it decides nothing here). `xen,enhanced`: Hyperlaunch's guests have
//! Xen's PV interfaces, those of Xen on Arm only if asked for. Its value is `no-xenstore` without a dom0, where Xen would panic
//! otherwise.

mod domain;
mod memory;
mod modules;
mod role;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thiserror::Error;

use super::command_line::{self, Dom0Size};
use super::config::Section;
use super::graft::{self, GraftError, MAX_DOMAINS};
use crate::devicetree::{EditError, NodeId, Tree};
use crate::finding::Finding;

/// The string that makes a child of `/chosen` a Hyperlaunch configuration.
const HYPERVISOR: &str = "hypervisor,xen";

/// Why a Hyperlaunch configuration cannot be booted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HyperlaunchError {
    /// Two domains that both are the hardware domain.
    #[error("{first} and {second} are both made the hardware domain, and Xen makes one dom0: take it from one of them")]
    TwoHardwareDomains {
        /// A domain's path.
        first: String,
        /// Another's.
        second: String,
    },
    /// A property that is no cell.
    #[error("{node}: {name} has {len} bytes and is one cell of 4")]
    BadCell {
        /// The node's path.
        node: String,
        /// The property.
        name: &'static str,
        /// Its length in bytes.
        len: usize,
    },
    /// A property that says how much memory, but cannot be understood.
    #[error(
        "{node}: memory ({len} bytes) is neither a 64-bit number of KiB, \
         such as <0 131072>, nor a start and a size, nor a text such as \"128M\""
    )]
    BadMemory {
        /// The domain's path.
        node: String,
        /// Length in bytes.
        len: usize,
    },
    /// Two ways to find a module's bytes.
    #[error("{node} says by {first} and by {second} where its bytes are: take one of them out")]
    TwoPlaces {
        /// The module's path.
        node: String,
        /// A property.
        first: &'static str,
        /// Another.
        second: &'static str,
    },
    /// No way to find a module's bytes.
    #[error("{node} does not say where its bytes are: it needs mb-index, module-addr or xen,uefi-binary")]
    NoPlace {
        /// The module's path.
        node: String,
    },
    /// A module by number, and nothing is numbered.
    #[error(
        "{node}: {name} = <{index}> is a place in the list of modules, and there is no xen.cfg: \
         write one with a line module=FILE [args] for each, the first is number 1"
    )]
    NoList {
        /// The module's path.
        node: String,
        /// `mb-index` or `module-index`.
        name: &'static str,
        /// The number.
        index: u32,
    },
    /// A number that no module has.
    #[error(
        "{node}: {name} = <{index}>, and {source_name} has {count} line(s) module=FILE: \
         the first is number 1 (0 is the device tree), so {index} of them are needed"
    )]
    OutOfRange {
        /// The module's path.
        node: String,
        /// `mb-index` or `module-index`.
        name: &'static str,
        /// The number.
        index: u32,
        /// The file with the lines.
        source_name: String,
        /// How many there are.
        count: usize,
    },
    /// Number 0 is no module.
    #[error("{node}: {name} = <0> is the device tree itself; the first line module=FILE is number 1")]
    IndexOfTree {
        /// The module's path.
        node: String,
        /// `mb-index` or `module-index`.
        name: &'static str,
    },
    /// The parts cannot move to their place.
    #[error(transparent)]
    Graft(#[from] GraftError),
    /// The tree cannot take the edit.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// Turns a Hyperlaunch configuration into what Xen on Arm reads. `section` names the modules that `mb-index` counts; its `options=` are
/// to be in the tree by then, since what dom0's size adds to Xen's command line goes behind them.
///
/// Returns whether there was one. After an error the tree holds a part of both and is to be thrown away.
///
/// # Errors
/// [`HyperlaunchError`] with the node that cannot be understood.
pub fn lower(
    tree: &mut Tree,
    section: Option<&Section>,
    findings: &mut Vec<Finding>,
) -> Result<bool, HyperlaunchError> {
    let Some(chosen) = tree.child(tree.root(), "chosen") else {
        return Ok(false);
    };
    let is_one = |node: &NodeId| tree.compatible(*node, HYPERVISOR);
    let hypervisors: Vec<NodeId> = tree.children(chosen).filter(is_one).collect();
    if hypervisors.is_empty() {
        return Ok(false);
    }
    graft::chosen(tree)?;
    let domains = domains(tree, &hypervisors, findings)?;
    let dom0 = role::dom0(tree, &domains, findings)?;
    let mut size = Dom0Size::default();
    if let Some(dom0) = dom0 {
        size = domain::lower_dom0(tree, (dom0, chosen), section, findings)?;
    }
    let words = configs(tree, &hypervisors, (chosen, section), findings)?;
    let has_dom0 = section.is_some_and(|section| section.kernel.is_some()) || graft::has_dom0(tree, chosen);
    for node in domains.into_iter().filter(|node| Some(*node) != dom0) {
        domain::lower(tree, (node, chosen), (section, has_dom0), findings)?;
    }
    let from = dom0.map(|dom0| tree.path(dom0)).unwrap_or_default();
    command_line::extend(tree, chosen, (&words, size, &from), findings)?;
    hypervisors.into_iter().try_for_each(|node| tree.remove(node))?;
    Ok(true)
}

/// The domains of the configuration that are not switched off, in their order.
fn domains(tree: &Tree, hypervisors: &[NodeId], findings: &mut Vec<Finding>) -> Result<Vec<NodeId>, GraftError> {
    let all = hypervisors.iter().flat_map(|node| tree.children(*node));
    let (domains, off): (Vec<NodeId>, Vec<NodeId>) = all
        .filter(|node| tree.compatible(*node, "xen,domain"))
        .partition(|node| tree.is_enabled(*node));
    let count = domains.len().saturating_add(off.len());
    if count > MAX_DOMAINS {
        let node = hypervisors.first().map(|node| tree.path(*node)).unwrap_or_default();
        return Err(GraftError::TooManyDomains { node, count });
    }
    findings.extend(off.into_iter().map(|node| {
        let path = tree.path(node);
        Finding::note(format_args!(
            "{path}: its status says that it is not to be used; left out"
        ))
    }));
    Ok(domains)
}

/// Takes over the modules that are Xen's own, and returns the command lines that are.
fn configs(
    tree: &mut Tree,
    hypervisors: &[NodeId],
    (chosen, section): (NodeId, Option<&Section>),
    findings: &mut Vec<Finding>,
) -> Result<Vec<String>, HyperlaunchError> {
    let mut words: Vec<String> = Vec::new();
    for hypervisor in hypervisors {
        words.extend(tree.str(*hypervisor, "bootargs").map(ToString::to_string));
        let is_config = |node: &NodeId| tree.compatible(*node, "xen,config");
        let configs: Vec<NodeId> = tree.children(*hypervisor).filter(is_config).take(MAX_DOMAINS).collect();
        for config in configs {
            words.extend(tree.str(config, "bootargs").map(ToString::to_string));
            modules::lower_config(tree, (config, chosen), section, findings)?;
        }
    }
    Ok(words)
}

#[cfg(test)]
mod tests;
