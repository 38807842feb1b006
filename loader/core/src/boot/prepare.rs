//! From what a command names to a system that is ready to start: the steps in order, nothing written yet.

use alloc::string::String;
use alloc::vec::Vec;

use hal::{ExceptionLevel, Region};
use thiserror::Error;

use super::map::Layout;
use super::patch::{self, PatchError};
use super::place::{self, Loaded, PlaceError};
use super::plan::{Packing, Plan, Ramdisk};
use super::{Finding, Severity, TooMany, check, limits, pinned};
use crate::devicetree::{EditError, EmitError, ParseError, Tree};
use crate::memory::{Memory, MemoryError};
use crate::xen::plan::{self, PlanError};

/// Room behind the tree for the system to edit it in place.
const SLACK: usize = 0x1000;

/// The device tree as it comes, before it is put right.
#[derive(Clone, Debug)]
pub enum Draft {
    /// A blob that was loaded; the tree stays there if it can.
    Loaded(Region),
    /// A tree that was made or changed here, and has no place yet.
    Made(Tree),
}

/// What is to be started.
#[derive(Clone, Debug)]
pub struct Request {
    /// The image.
    pub image: Loaded,
    /// The ramdisk, if one was named.
    pub ramdisk: Option<Ramdisk>,
    /// The tree.
    pub tree: Draft,
    /// The command line for `/chosen/bootargs`, if there is one.
    pub bootargs: Option<String>,
}

/// Why there is nothing to check, let alone to start.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PrepareError {
    /// The tree is none.
    #[error("ERROR: Did not find a cmdline Flattened Device Tree\n{at}: {source}")]
    Tree {
        /// Where it was looked for.
        at: Region,
        /// What is wrong with it.
        source: ParseError,
    },
    /// The tree's blob is not in RAM.
    #[error("ERROR: Did not find a cmdline Flattened Device Tree\n{0}")]
    TreeMemory(MemoryError),
    /// The tree describes too much.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The tree describes domains in a form that cannot be understood.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The tree cannot take an edit.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The tree cannot hold the machine's memory.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The tree cannot be written.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// There is no place for something.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

/// A system that was looked at from all sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// What will lie where.
    pub layout: Layout,
    /// The tree as it will be handed over.
    pub blob: Vec<u8>,
    /// What was put right, what is odd, and what forbids the start.
    pub findings: Vec<Finding>,
}

impl Prepared {
    /// How many findings forbid the start.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .count()
    }
}

/// Puts the tree right, finds places, checks everything.
///
/// # Errors
/// [`PrepareError`] if it does not come as far as the checks.
pub fn prepare(memory: &Memory, level: ExceptionLevel, request: Request) -> Result<Prepared, PrepareError> {
    let Request {
        image,
        ramdisk,
        tree,
        bootargs,
    } = request;
    let (mut tree, at) = match tree {
        Draft::Loaded(at) => (parse(memory, at)?, Some(at)),
        Draft::Made(tree) => (tree, None),
    };
    let over = at.and_then(|at| written_over(memory, at, &tree));
    let mut findings = Vec::new();
    if may_be_xen(memory, &image) {
        plan::lower(&mut tree, None, &mut findings)?;
    }
    limits::check(&tree)?;
    findings.extend(over);
    patch::memory_node(&mut tree, memory, &mut findings)?;
    let ramdisk = match ramdisk {
        Some(given) => {
            patch::ramdisk(&mut tree, &given)?;
            Some(given)
        }
        None => patch::named_ramdisk(&mut tree, memory, &mut findings)?,
    };
    let plan = patch::modules(&mut tree, memory, &mut findings);
    if let Some(bootargs) = &bootargs {
        patch::command_line(&mut tree, bootargs)?;
    }
    let blob = tree.emit(SLACK)?;
    let layout = lay_out(memory, (&image, at), (&tree, &blob), (plan, ramdisk), &mut findings)?;
    findings.extend(check::all(&check::Subject {
        layout: &layout,
        tree: &tree,
        memory,
        level,
    }));
    Ok(Prepared { layout, blob, findings })
}

/// A plain kernel has no use for domains, in whatever form. Nothing can be read in a packed image.
fn may_be_xen(memory: &Memory, image: &Loaded) -> bool {
    image.packing == Packing::Gzip || place::is_xen(memory, image.source)
}

fn parse(memory: &Memory, at: Region) -> Result<Tree, PrepareError> {
    let blob = memory.bytes(at).map_err(PrepareError::TreeMemory)?;
    Tree::parse(blob).map_err(|source| PrepareError::Tree { at, source })
}

/// The error of a tree that another file was loaded over. The room at its end may be: trees are handed around with more
/// of it than they need.
fn written_over(memory: &Memory, place: Region, tree: &Tree) -> Option<Finding> {
    let file = memory
        .file_at(place.start())
        .filter(|file| file.overwritten_by.is_some())?;
    let used = u64::try_from(tree.emit(0).ok()?.len()).ok()?;
    let used = Region::new(place.start(), used)?;
    let by = memory
        .files_in(used)
        .find(|other| other.region.start() != place.start())?;
    Some(Finding::error(format_args!(
        "{} at {} was written over by {} after it was loaded",
        file.name, file.region, by.name
    )))
}

fn lay_out(
    memory: &Memory,
    (loaded, at): (&Loaded, Option<Region>),
    (tree, blob): (&Tree, &[u8]),
    (plan, ramdisk): (Plan, Option<Ramdisk>),
    findings: &mut Vec<Finding>,
) -> Result<Layout, PlaceError> {
    let mut occupied = pinned::kept_free(tree);
    occupied.extend(plan.modules.iter().map(|module| module.region));
    occupied.extend(ramdisk.iter().map(|ramdisk| ramdisk.region));
    let with_tree: Vec<Region> = occupied.iter().copied().chain(at).collect();
    let mut image = place::image(memory, loaded, &with_tree, findings)?;
    // Nothing can be read in a packed image yet; its size and the tree must do.
    image.is_xen |= image.packing == Packing::Gzip && plan.is_for_xen() && image.target.len() <= place::XEN_MAX;
    occupied.push(image.target);
    let len = u64::try_from(blob.len()).unwrap_or(u64::MAX);
    let place = place::tree(memory, at, len, &occupied)?;
    if let Some(at) = at.filter(|at| at.start() != place.start()) {
        findings.push(Finding::note(format_args!(
            "the device tree moves from {} to {}: it has {len} bytes now",
            at.start(),
            place.start()
        )));
    }
    Ok(Layout {
        plan,
        image,
        ramdisk,
        tree: place,
    })
}

#[cfg(test)]
mod tests;
