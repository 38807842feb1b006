//! The plan of a boot: a tree that describes all domains, and the files that are still to be loaded for it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use hal::Region;
use thiserror::Error;

use super::chosen::{self, ChosenError};
use super::config::Section;
use super::dom0less::{self, Dom0lessError};
use super::hyperlaunch::{self, HyperlaunchError};
use super::module::{self, FILE, Kind};
use super::system_dt::{self, SystemDtError, Taken};
use crate::devicetree::{EditError, NodeId, RegError, Tree};
use crate::finding::Finding;

/// The property by which a tree asks for `xen.cfg` to be read as well (`docs/misc/efi.pandoc`).
pub const CONFIG_TOO: &str = "xen,uefi-cfg-load";

/// A domain's shared memory, which is written in the cells of the domain's node.
const SHARED: &str = "xen,shared-mem";

/// By which shared memory says its cells itself.
const SHARED_CELLS: &str = "#xen,shared-mem-address-cells";

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// The lines of the configuration and the tree do not fit together.
    #[error(transparent)]
    Dom0less(#[from] Dom0lessError),
    /// The Hyperlaunch configuration cannot be understood.
    #[error(transparent)]
    Hyperlaunch(#[from] HyperlaunchError),
    /// The System Device Tree cannot be understood.
    #[error(transparent)]
    SystemDt(#[from] SystemDtError),
    /// The modules or domains of `/chosen` cannot be understood.
    #[error(transparent)]
    Chosen(#[from] ChosenError),
    /// The tree cannot take an edit.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// A file that modules want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub file: String,
    /// The modules that it is for.
    pub users: Vec<NodeId>,
    /// What it is to the first of them that says so: dom0's kernel need not.
    pub kind: Option<Kind>,
    /// Whether each of them can name an address of 4 GiB and above in the cells of the node that it is in.
    pub anywhere: bool,
    /// Whether those that cannot will be able to: [`settle`] gives a domain's node another cell if it has to.
    pub widens: bool,
}

/// A tree for Xen that lacks only the places of files.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The tree.
    pub tree: Tree,
    /// The files, each once, in the order in which the tree names them.
    pub files: Vec<Wanted>,
}

/// Makes a plan of a tree in any of the forms, and of what a configuration adds.
///
/// # Errors
/// [`PlanError`], naming the node or the line.
pub fn make(mut tree: Tree, section: Option<&Section>, findings: &mut Vec<Finding>) -> Result<Plan, PlanError> {
    if let Some(section) = section {
        dom0less::options(&mut tree, section, findings)?;
    }
    let done = lower(&mut tree, section, findings)?;
    dom0less::names(&mut tree, section, findings)?;
    if let Some(section) = section {
        dom0less::lines(&mut tree, section, &done, findings)?;
    }
    if let Some(chosen) = tree.child(tree.root(), "chosen")
        && tree.property(chosen, CONFIG_TOO).is_some()
    {
        tree.remove_property(chosen, CONFIG_TOO)?;
    }
    cells(&mut tree, findings)?;
    let files = files(&tree);
    Ok(Plan { tree, files })
}

/// Turns every other form of a tree into the one that Xen on Arm reads; gives the groups of lines that were used on the way.
///
/// # Errors
/// [`PlanError`], naming the node or the line.
pub fn lower(tree: &mut Tree, section: Option<&Section>, findings: &mut Vec<Finding>) -> Result<Vec<Taken>, PlanError> {
    hyperlaunch::lower(tree, section, findings)?;
    let done = system_dt::lower(tree, section, findings)?.unwrap_or_default();
    chosen::lower(tree, findings)?;
    Ok(done)
}

/// The modules of a tree that name a file.
fn modules(tree: &Tree) -> impl Iterator<Item = (NodeId, &str)> {
    let chosen = tree.child(tree.root(), "chosen").into_iter();
    let nodes = chosen.flat_map(|chosen| tree.descendants(chosen)).map(|(_, node)| node);
    nodes.filter_map(|node| Some((node, tree.str(node, FILE)?)))
}

/// Writes into the nodes above modules how many cells Xen takes an address and a size to have where they do not say so themselves.
fn cells(tree: &mut Tree, findings: &mut Vec<Finding>) -> Result<(), EditError> {
    let above: BTreeSet<NodeId> = modules(tree).filter_map(|(node, _)| tree.parent(node)).collect();
    for node in above {
        let (_, warning) = module::spell_out_cells(tree, node)?;
        // Nobody writes them into /chosen, where those of the root are right.
        findings.extend(warning.filter(|_| is_domain(tree, node)));
    }
    Ok(())
}

fn is_domain(tree: &Tree, node: NodeId) -> bool {
    tree.compatible(node, "xen,domain")
}

/// The files that the modules of a tree name.
fn files(tree: &Tree) -> Vec<Wanted> {
    let mut files: Vec<Wanted> = Vec::new();
    let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
    for (node, name) in modules(tree) {
        let index = *by_name.entry(name.into()).or_insert(files.len());
        let above = tree.parent(node).unwrap_or(tree.root());
        let wide = tree.address_cells(above) > 1;
        let widens = wide || is_domain(tree, above);
        match files.get_mut(index) {
            Some(file) => {
                file.users.push(node);
                file.kind = file.kind.or_else(|| module::kind(tree, node));
                file.anywhere &= wide;
                file.widens &= widens;
            }
            None => files.push(Wanted {
                file: name.into(),
                users: Vec::from([node]),
                kind: module::kind(tree, node),
                anywhere: wide,
                widens,
            }),
        }
    }
    files
}

/// Why a file's place cannot be written into the tree.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettleError {
    /// It does not fit the cells of the node above.
    #[error("{node}: {source}")]
    Reg {
        /// The module.
        node: String,
        /// What does not fit.
        source: RegError,
    },
    /// The tree cannot take an edit.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// Writes the place of a file into the nodes that want it, in place of its name.
///
/// # Errors
/// [`SettleError`].
pub fn settle(tree: &mut Tree, users: &[NodeId], place: Region) -> Result<(), SettleError> {
    for node in users.iter().copied() {
        let Some(above) = tree.parent(node) else { continue };
        let address = place.start().get();
        if address.checked_add(place.len()).is_some_and(|end| end > 1 << 32) {
            widen(tree, above)?;
        }
        let reg = tree.encode_reg(above, address, place.len());
        let reg = reg.map_err(|source| SettleError::Reg {
            node: tree.path(node),
            source,
        })?;
        tree.set(node, "reg", &reg)?;
        tree.remove_property(node, FILE)?;
        module::set_unit_address(tree, node, address)?;
    }
    Ok(())
}

/// Gives a domain's node two cells for addresses, and writes what its modules have by then anew.
///
/// `/chosen` keeps its cells: static memory of all domains is written in them.
fn widen(tree: &mut Tree, domain: NodeId) -> Result<(), EditError> {
    if tree.address_cells(domain) > 1 || !is_domain(tree, domain) {
        return Ok(());
    }
    let shared = tree
        .children(domain)
        .filter_map(|node| Some((node, wide_shared_memory(tree, node)?)));
    let shared: Vec<(NodeId, Vec<u8>)> = shared.collect();
    let regs = tree
        .children(domain)
        .filter_map(|node| Some((node, tree.reg(node).ok()?)));
    let regs: Vec<(NodeId, Vec<(u64, u64)>)> = regs.collect();
    tree.set_u32(domain, "#address-cells", 2)?;
    for (node, reg) in regs.into_iter().filter(|(_, reg)| !reg.is_empty()) {
        let encoded = reg
            .into_iter()
            .map(|(address, size)| tree.encode_reg(domain, address, size));
        // What could be read in one cell can be written in two.
        let encoded: Vec<u8> = encoded.filter_map(Result::ok).flatten().collect();
        tree.set(node, "reg", &encoded)?;
    }
    for (node, value) in shared {
        tree.set(node, SHARED, &value)?;
    }
    Ok(())
}

/// What [`SHARED`] of a node is with a cell more for each address: one of the machine, which may be missing, and one of the domain stand
/// before the size (`booting.txt`, "Static Shared Memory"). `None` if there is nothing to write anew.
fn wide_shared_memory(tree: &Tree, node: NodeId) -> Option<Vec<u8>> {
    let domain = tree.parent(node)?;
    let cells = tree
        .cells(node, SHARED)
        .filter(|_| tree.property(node, SHARED_CELLS).is_none())?;
    let addresses = cells
        .len()
        .checked_sub(usize::try_from(tree.size_cells(domain)).ok()?)?;
    let (addresses, size) = cells
        .split_at_checked(addresses)
        .filter(|(addresses, _)| addresses.len() <= 2)?;
    let addresses = addresses.iter().flat_map(|address| [0, *address]);
    Some(
        addresses
            .chain(size.iter().copied())
            .flat_map(u32::to_be_bytes)
            .collect(),
    )
}

#[cfg(test)]
mod tests;
