//! What the forms have in common when they are turned into the one that Xen reads: nodes that move to `/chosen`, `xen,domain` nodes,
//! modules whose place is written in the cells of another parent.
//!
//! All of it is bounded: a tree comes from a disk or a server and is not trusted.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thiserror::Error;

use super::module::{self, FILE, Kind, OLD_FILE};
use crate::devicetree::{EditError, NodeId, RegError, Tree, number};

/// Domains that one form may describe: Xen's own domain builder takes as many.
pub const MAX_DOMAINS: usize = 64;
/// Modules in a domain. Xen on Arm takes 32 over all domains (`MAX_MODULES` in its `setup.h`).
pub const MAX_MODULES: usize = 32;
/// Nodes directly below `/chosen`. Real trees have some dozens; free names are looked for among them.
pub const MAX_CHOSEN: usize = 1024;

/// The properties of a domain that Xen 4.17 to 4.21 on Arm reads (`docs/misc/arm/device-tree/booting.txt`), besides those that begin
/// with `xen,` or `#xen,`, and without `memory` and `cpus`, which the forms write each in their own way.
const DOMAIN_PROPERTIES: [&str; 17] = [
    "capabilities",
    "direct-map",
    "domain-cpupool",
    "linux,phandle",
    "llc-colors",
    "max_grant_frames",
    "max_grant_version",
    "max_maptrack_frames",
    "nr_spis",
    "passthrough",
    "phandle",
    "sve",
    "trap-unmapped-accesses",
    "v8r_el1_msa",
    "vpl011",
    "vsbi_uart",
    "vtimer-freq",
];

/// Sub-nodes of dom0 that Xen looks for under `/chosen`.
const DOM0_NODES: [&str; 2] = ["xen,evtchn-v1", "xen,domain-shared-memory-v1"];

/// Why something cannot move to where Xen reads it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GraftError {
    /// Too much below `/chosen`.
    #[error("{node} has {count} nodes directly below it, at most {MAX_CHOSEN} are taken")]
    Crowded {
        /// The node's path.
        node: String,
        /// Nodes below it.
        count: usize,
    },
    /// More domains than Xen makes.
    #[error("{node} describes {count} domains, at most {MAX_DOMAINS} are taken")]
    TooManyDomains {
        /// The path of the node around them.
        node: String,
        /// How many there are.
        count: usize,
    },
    /// More modules than Xen takes.
    #[error("{node} has {count} modules, Xen takes {MAX_MODULES} at most")]
    TooManyModules {
        /// The domain's path.
        node: String,
        /// How many there are.
        count: usize,
    },
    /// An address and a size in cells that nothing explains.
    #[error("{node}: {name} has {len} bytes; an address and a size that fit 64 bits are 2, 3 or 4 cells of 4 bytes")]
    BadPlace {
        /// The module's path.
        node: String,
        /// The property.
        name: String,
        /// Its length in bytes.
        len: usize,
    },
    /// The address does not fit the cells of the new parent.
    #[error("{node}: {source}")]
    Reg {
        /// The module's path.
        node: String,
        /// What does not fit.
        source: RegError,
    },
    /// The tree cannot take the edit.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// Where a module's bytes are, or are to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    /// In memory: address and size in bytes.
    At(u64, u64),
    /// In a file that is still to be loaded.
    File {
        /// Its name.
        name: String,
        /// The command line that was written behind it.
        args: Option<String>,
    },
    /// The node itself says so, by a property that moves along.
    AsWritten,
}

/// `/chosen`, if what is below it can be handled; it is added if it is not there.
pub(super) fn chosen(tree: &mut Tree) -> Result<NodeId, GraftError> {
    let chosen = tree.ensure(tree.root(), "chosen")?;
    let count = tree.children(chosen).len();
    if count > MAX_CHOSEN {
        return Err(GraftError::Crowded {
            node: tree.path(chosen),
            count,
        });
    }
    Ok(chosen)
}

/// `node`'s name without its unit address.
pub(super) fn base_name(tree: &Tree, node: NodeId) -> &str {
    let name = tree.name(node);
    name.split_once('@').map_or(name, |(base, _)| base)
}

/// `wanted`, or `wanted-2` and so on if `parent` has such a child; what follows an `@` stays at the end.
pub(super) fn free_name(tree: &Tree, parent: NodeId, wanted: &str) -> String {
    let taken: BTreeSet<&str> = tree.children(parent).map(|child| tree.name(child)).collect();
    // Xen takes what is below a node of this name for modules of dom0.
    let is_free = |name: &str| !taken.contains(name) && name != "modules";
    if is_free(wanted) {
        return wanted.to_string();
    }
    let (base, unit) = wanted.split_once('@').unwrap_or((wanted, ""));
    let at = if unit.is_empty() { "" } else { "@" };
    let numbered = (2..).map(|number: u32| format!("{base}-{number}{at}{unit}"));
    // One more than there are children is enough.
    let tries = taken.len().saturating_add(1);
    let found = numbered.take(tries).find(|name| is_free(name));
    found.unwrap_or_else(|| wanted.to_string())
}

/// Copies the properties that `keep` says yes to, in their order, before those that `to` has.
pub(super) fn copy_properties(
    tree: &mut Tree,
    from: NodeId,
    to: NodeId,
    keep: impl Fn(&str) -> bool,
) -> Result<(), EditError> {
    let kept = tree.properties(from).filter(|(name, _)| keep(name));
    let kept: Vec<(String, Vec<u8>)> = kept.map(|(name, value)| (name.to_string(), value.to_vec())).collect();
    // A new property comes first, so the last one goes in first.
    kept.iter()
        .rev()
        .try_for_each(|(name, value)| tree.set(to, name, value))
}

/// Copies a node with all that is below it into `parent`, under a free name. The phandles are the same: the caller takes the old node
/// away.
pub(super) fn copy_node(tree: &mut Tree, from: NodeId, parent: NodeId) -> Result<NodeId, EditError> {
    let below: Vec<(usize, NodeId)> = tree.descendants(from).collect();
    let name = free_name(tree, parent, tree.name(from));
    // The copies of the nodes on the way down to the one at hand.
    let mut way = Vec::from([parent]);
    for (depth, node) in below {
        way.truncate(depth.saturating_add(1));
        let above = way.last().copied().unwrap_or(parent);
        let name = if depth == 0 {
            name.clone()
        } else {
            tree.name(node).to_string()
        };
        let copy = tree.add(above, &name)?;
        copy_properties(tree, node, copy, |_| true)?;
        way.push(copy);
    }
    way.get(1).copied().ok_or(EditError::NoNode)
}

/// `true` for the properties of a domain that Xen on Arm knows in a `xen,domain` node.
pub(super) fn is_domain_property(name: &str) -> bool {
    DOMAIN_PROPERTIES.contains(&name) || name.starts_with("xen,") || name.starts_with("#xen,")
}

/// `true` for the sub-nodes of dom0 that Xen reads under `/chosen`.
pub(super) fn is_dom0_node(tree: &Tree, node: NodeId) -> bool {
    DOM0_NODES.iter().any(|name| tree.compatible(node, name))
}

/// Adds a `xen,domain` node to `/chosen`, with two cells for addresses and two for sizes so that a module may lie anywhere.
pub(super) fn add_domain(tree: &mut Tree, chosen: NodeId, wanted: &str) -> Result<NodeId, EditError> {
    let name = free_name(tree, chosen, wanted);
    let node = tree.add(chosen, &name)?;
    tree.set_u32(node, "#size-cells", 2)?;
    tree.set_u32(node, "#address-cells", 2)?;
    tree.set_strings(node, "compatible", &["xen,domain"])?;
    Ok(node)
}

/// The modules in a domain's node.
pub(super) fn modules(tree: &Tree, domain: NodeId) -> Result<Vec<NodeId>, GraftError> {
    let modules: Vec<NodeId> = tree
        .children(domain)
        .filter(|node| module::is_one_in_any_form(tree, *node))
        .collect();
    match modules.len() {
        count if count > MAX_MODULES => Err(GraftError::TooManyModules {
            node: tree.path(domain),
            count,
        }),
        _ => Ok(modules),
    }
}

/// `true` if something gives dom0 a kernel, so that Xen makes one.
pub(super) fn has_dom0(tree: &Tree, chosen: NodeId) -> bool {
    tree.children(chosen).any(|node| may_be_kernel(tree, node))
}

/// `true` for a module that says that it is a kernel, or does not say what it is.
pub(super) fn may_be_kernel(tree: &Tree, node: NodeId) -> bool {
    let kind = module::kind_in_any_form(tree, node);
    module::is_one_in_any_form(tree, node) && kind.is_none_or(|kind| kind == Kind::Kernel)
}

/// The address and size, in bytes, that a property of a module holds: in the cells that the nodes above give it or, where those do not
/// fit its length, in as many as it has. The documents' examples leave the cells out.
pub(super) fn place(tree: &Tree, node: NodeId, name: &str) -> Result<(u64, u64), GraftError> {
    let value = tree.property(node, name).unwrap_or_default();
    let bad = || GraftError::BadPlace {
        node: tree.path(node),
        name: name.to_string(),
        len: value.len(),
    };
    let parent = tree.parent(node).ok_or(EditError::Root)?;
    let told = |name| module::inherited_cells(tree, parent, name).and_then(|cells| usize::try_from(cells).ok());
    let told = told("#address-cells").zip(told("#size-cells"));
    let told = told.filter(|(address, size)| {
        let cells = address.saturating_add(*size);
        (1..=3).contains(address) && (1..=3).contains(size) && cells.saturating_mul(4) == value.len()
    });
    let address = told.map(|(address, _)| address).or(match value.len() {
        8 => Some(1),
        12 | 16 => Some(2),
        _ => None,
    });
    let (address, size) = value
        .split_at_checked(address.ok_or_else(bad)?.saturating_mul(4))
        .ok_or_else(bad)?;
    number(address).zip(number(size)).ok_or_else(bad)
}

/// Where the bytes of a module are that has no more than Xen's own properties.
pub(super) fn binary(tree: &Tree, node: NodeId) -> Result<Binary, GraftError> {
    if [FILE, OLD_FILE].iter().any(|name| tree.property(node, name).is_some()) {
        return Ok(Binary::AsWritten);
    }
    let (address, size) = place(tree, node, "reg")?;
    Ok(Binary::At(address, size))
}

/// Properties of a module that say where its bytes are.
pub(super) const LOCATORS: [&str; 5] = ["mb-index", "module-index", "module-addr", FILE, OLD_FILE];

/// Makes a module in `parent` of the one at `from`: of that kind, with that binary and the other properties of `from`.
pub(super) fn module(
    tree: &mut Tree,
    (from, parent): (NodeId, NodeId),
    kind: Kind,
    binary: &Binary,
) -> Result<NodeId, GraftError> {
    let reg = match binary {
        Binary::At(address, size) => {
            let reg = tree.encode_reg(parent, *address, *size);
            Some(reg.map_err(|source| GraftError::Reg {
                node: tree.path(from),
                source,
            })?)
        }
        _ => None,
    };
    let name = match binary {
        Binary::At(address, _) => free_name(tree, parent, &format!("module@{address:x}")),
        _ => module::indexed_name(tree, parent),
    };
    let node = tree.add(parent, &name)?;
    let kept = |name: &str| match binary {
        Binary::AsWritten => name == FILE || name == OLD_FILE,
        _ => false,
    };
    let moves = |name: &str| kept(name) || !(LOCATORS.contains(&name) || matches!(name, "compatible" | "reg"));
    copy_properties(tree, from, node, moves)?;
    if let Binary::File { name, .. } = binary {
        tree.set_strings(node, FILE, &[name])?;
    }
    if let Some(reg) = reg {
        tree.set(node, "reg", &reg)?;
    }
    module::set_kind(tree, node, kind)?;
    Ok(node)
}

/// A string of the tree for a sentence: cut if it is long, and without what would steer a terminal.
pub(super) fn shown(text: &str) -> String {
    const SHOWN: usize = 64;
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}

/// Up to eight of `names` for a sentence, and how many more there are.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str> + Clone) -> String {
    const SHOWN: usize = 8;
    let first: Vec<&str> = names.clone().take(SHOWN).collect();
    let more = names.count().saturating_sub(first.len());
    match more {
        0 => first.join(", "),
        _ => format!("{} and {more} more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests;
