//! `cpus` of a domain: `<&CLUSTER MASK LEVEL>`, any number of times.

use alloc::string::String;
use alloc::vec::Vec;

use super::SystemDtError;
use crate::devicetree::{NodeId, Tree};
use crate::finding::Finding;

/// Entries that are read: a phandle is looked for in the whole tree.
const MAX_ENTRIES: usize = 64;

/// Cells of a mask that are read at most.
const MAX_MASK: u32 = 8;

/// One entry.
struct Entry {
    /// The cluster's node; `None` if no node has the phandle.
    cluster: Option<NodeId>,
    /// Bits that are set in the mask.
    count: u32,
    /// The execution level.
    level: u32,
}

/// How many processors the domain has where Xen runs; `None`, with a warning, if all of its are elsewhere.
///
/// A single cell is taken for a plain number, as a `xen,domain` has it. A cluster that is not in the tree is taken for the one where Xen
/// runs: tools cut the nodes out that the target does not see.
pub(super) fn count(tree: &Tree, domain: NodeId, findings: &mut Vec<Finding>) -> Result<Option<u32>, SystemDtError> {
    let path = tree.path(domain);
    if tree.property(domain, "cpus").is_none() {
        findings.push(Finding::warning(format_args!(
            "{path} has no cpus; it is given one processor"
        )));
        return Ok(Some(1));
    }
    if let Some(count) = tree.u32(domain, "cpus") {
        return some(count, path);
    }
    let entries = entries(tree, domain)?;
    // Without /cpus the tree is not yet cut to what Xen sees, and no cluster can be told from the others.
    let xens = tree.child(tree.root(), "cpus");
    let is_elsewhere = |entry: &&Entry| entry.cluster.is_some() && xens.is_some() && entry.cluster != xens;
    let elsewhere: Vec<NodeId> = entries
        .iter()
        .filter(is_elsewhere)
        .filter_map(|entry| entry.cluster)
        .collect();
    if let Some(cluster) = elsewhere.first() {
        let cluster = tree.path(*cluster);
        let left = entries.len().saturating_sub(elsewhere.len());
        findings.push(Finding::warning(match left {
            0 => alloc::format!(
                "{path} runs on {cluster}, which Xen does not run on: it is left out, \
                 and its memory is only safe if /reserved-memory has it"
            ),
            _ => alloc::format!(
                "{path} also runs on {cluster}, which Xen does not run on: those processors are left out"
            ),
        }));
        if left == 0 {
            return Ok(None);
        }
    }
    let count = entries.iter().filter(|entry| !is_elsewhere(entry));
    some(count.map(|entry| entry.count).fold(0, u32::saturating_add), path)
}

fn some(count: u32, node: String) -> Result<Option<u32>, SystemDtError> {
    match count {
        0 => Err(SystemDtError::NoCpus { node }),
        _ => Ok(Some(count)),
    }
}

/// The highest exception level that the domain may use: bits 0 to 3 of the execution level, as the specification's example counts them.
pub(super) fn level(tree: &Tree, domain: NodeId) -> u32 {
    let entries = entries(tree, domain).unwrap_or_default();
    entries.iter().map(|entry| entry.level & 0xf).max().unwrap_or(0)
}

fn entries(tree: &Tree, domain: NodeId) -> Result<Vec<Entry>, SystemDtError> {
    let len = tree.property(domain, "cpus").map_or(0, <[u8]>::len);
    let bad = || SystemDtError::BadCpus {
        node: tree.path(domain),
        len,
    };
    let cells = tree.cells(domain, "cpus").ok_or_else(bad)?;
    let mut rest = cells.as_slice();
    let mut entries = Vec::new();
    while let Some((phandle, after)) = rest.split_first() {
        if entries.len() >= MAX_ENTRIES {
            return Err(SystemDtError::TooManyCpus {
                node: tree.path(domain),
                max: MAX_ENTRIES,
            });
        }
        let cluster = tree.find_phandle(*phandle);
        let (mask, after) = after.split_at_checked(mask_cells(tree, cluster)).ok_or_else(bad)?;
        let (level, after) = after.split_first().ok_or_else(bad)?;
        entries.push(Entry {
            cluster,
            count: mask.iter().map(|cell| cell.count_ones()).fold(0, u32::saturating_add),
            level: *level,
        });
        rest = after;
    }
    match entries.is_empty() {
        true => Err(bad()),
        false => Ok(entries),
    }
}

/// Cells of a mask for the cluster, by its `#cpus-mask-cells`.
fn mask_cells(tree: &Tree, cluster: Option<NodeId>) -> usize {
    let told = cluster.and_then(|cluster| tree.u32(cluster, "#cpus-mask-cells"));
    let told = told.filter(|cells| (1..=MAX_MASK).contains(cells));
    told.and_then(|cells| usize::try_from(cells).ok()).unwrap_or(1)
}
