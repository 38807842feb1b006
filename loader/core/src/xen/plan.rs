//! The plan of a boot: a tree that describes all domains, and the files that are still to be loaded for it.

use alloc::collections::BTreeMap;
use alloc::format;
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
    /// What it is to the first of them, if it says so.
    pub kind: Option<Kind>,
    /// Whether each of them can name an address of 4 GiB and above in the cells of the node that it is in.
    pub anywhere: bool,
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
    let files = files(&tree);
    for above in files
        .iter()
        .flat_map(|file| &file.users)
        .filter_map(|node| tree.parent(*node))
        .collect::<Vec<_>>()
    {
        module::spell_out_cells(&mut tree, above)?;
    }
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

/// The files that the modules of a tree name.
fn files(tree: &Tree) -> Vec<Wanted> {
    let mut files: Vec<Wanted> = Vec::new();
    let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
    let chosen = tree.child(tree.root(), "chosen");
    let nodes = chosen
        .into_iter()
        .flat_map(|chosen| tree.descendants(chosen))
        .map(|(_, node)| node);
    for node in nodes {
        let Some(name) = tree.str(node, FILE) else { continue };
        let index = *by_name.entry(name.into()).or_insert(files.len());
        let wide = tree.parent(node).is_some_and(|above| module::cells(tree, above).0 > 1);
        match files.get_mut(index) {
            Some(file) => {
                file.users.push(node);
                file.anywhere &= wide;
            }
            None => files.push(Wanted {
                file: name.into(),
                users: Vec::from([node]),
                kind: module::kind(tree, node),
                anywhere: wide,
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
        let base = tree.name(node).split('@').next().unwrap_or("module");
        let name = format!("{base}@{address:x}");
        if tree.name(node) != name {
            match tree.rename(node, &name) {
                // Two modules of one domain that are the same file: the checks say so.
                Ok(()) | Err(EditError::NodeExists { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
    }
    Ok(())
}

/// Gives a domain's node two cells for addresses, and writes what its modules have by then anew.
///
/// `/chosen` keeps its cells: static memory of all domains is written in them.
fn widen(tree: &mut Tree, domain: NodeId) -> Result<(), EditError> {
    if tree.address_cells(domain) > 1 || !tree.compatible(domain, "xen,domain") {
        return Ok(());
    }
    let regs = tree
        .children(domain)
        .filter_map(|node| Some((node, tree.reg(node).ok()?)));
    let regs: Vec<(NodeId, Vec<(u64, u64)>)> = regs.collect();
    tree.set_u32(domain, "#address-cells", 2)?;
    for (node, reg) in regs {
        let encoded = reg
            .into_iter()
            .map(|(address, size)| tree.encode_reg(domain, address, size));
        // What could be read in one cell can be written in two.
        let encoded: Vec<u8> = encoded.filter_map(Result::ok).flatten().collect();
        tree.set(node, "reg", &encoded)?;
    }
    Ok(())
}
