//! `memory` of a domain: start, size and flags, any number of times.

use alloc::vec::Vec;

use super::SystemDtError;
use crate::devicetree::{NodeId, Tree, number};
use crate::finding::Finding;
use crate::xen::module;

/// Cells of the three parts of an entry.
#[derive(Clone, Copy)]
struct Cells {
    start: usize,
    size: usize,
    flags: usize,
}

impl Cells {
    fn entry_len(self) -> usize {
        let cells = self.start.saturating_add(self.size).saturating_add(self.flags);
        cells.saturating_mul(4)
    }
}

/// The sum of the domain's memory in KiB, rounded down; `None` if it says nothing.
///
/// The specification leaves open whose `#address-cells` and `#size-cells` count. Those of the nodes above the domain are tried, then its
/// own, then two each as in all the examples: the first with which the length is a multiple of an entry. The specification's own example
/// of shared memory has a flag behind its last entry alone; zeros like that one are taken for what they are, with a warning.
pub(super) fn kib(tree: &Tree, domain: NodeId, findings: &mut Vec<Finding>) -> Result<Option<u64>, SystemDtError> {
    let Some(value) = tree.property(domain, "memory").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let path = tree.path(domain);
    let candidates = candidates(tree, domain);
    let fits = |cells: &&Cells| value.len().is_multiple_of(cells.entry_len());
    let exact = candidates.iter().find(fits);
    let cells = match exact.or_else(|| candidates.iter().find(|cells| zeros_behind(value, **cells))) {
        Some(cells) => *cells,
        None => {
            return Err(SystemDtError::BadMemory {
                node: path,
                len: value.len(),
                entry_len: candidates.first().map_or(16, |cells| cells.entry_len()),
            });
        }
    };
    if exact.is_none() {
        findings.push(Finding::warning(format_args!(
            "{path}: memory has {} bytes, which is no multiple of {}; the zeros at its end are left out",
            value.len(),
            cells.entry_len()
        )));
    }
    let too_much = || SystemDtError::TooMuchMemory { node: path.clone() };
    let mut sum = 0_u64;
    for entry in value.chunks_exact(cells.entry_len()) {
        let size = entry.get(cells.start.saturating_mul(4)..).unwrap_or_default();
        let size = size.get(..cells.size.saturating_mul(4)).unwrap_or_default();
        let size = number(size).ok_or_else(too_much)?;
        sum = sum.checked_add(size).ok_or_else(too_much)?;
    }
    findings.push(Finding::note(format_args!(
        "{path}: memory is {} KiB; where it lies is for Xen to choose",
        sum / 1024
    )));
    Ok(Some(sum / 1024))
}

/// What the cells may be, the likeliest first.
fn candidates(tree: &Tree, domain: NodeId) -> Vec<Cells> {
    let count = |cells: u32| usize::try_from(cells).ok().filter(|cells| *cells <= 4);
    let flags = tree.u32(domain, "#memory-flags-cells").and_then(count).unwrap_or(0);
    let told = |node: Option<NodeId>, name| {
        node.and_then(|node| module::inherited_cells(tree, node, name))
            .and_then(count)
    };
    let both = |node| told(node, "#address-cells").zip(told(node, "#size-cells"));
    let pairs = [both(tree.parent(domain)), both(Some(domain)), Some((2, 2))];
    let pairs = pairs.into_iter().flatten().filter(|(_, size)| *size > 0);
    pairs.map(|(start, size)| Cells { start, size, flags }).collect()
}

/// `true` if whole entries are followed by less than one, all of zeros.
fn zeros_behind(value: &[u8], cells: Cells) -> bool {
    let entries = value.chunks_exact(cells.entry_len());
    let rest = entries.remainder();
    entries.len() > 0 && rest.len().is_multiple_of(4) && rest.iter().all(|byte| *byte == 0)
}
