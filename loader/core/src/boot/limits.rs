//! How much a tree may describe. Checks compare everything with everything, and each may have a sentence to say: a tree of
//! 2 MiB could ask for hours of that, and for more words than the heap holds.

use alloc::vec::Vec;

use thiserror::Error;

use super::survey;
use crate::devicetree::Tree;

/// Domains and modules together. A stock Xen takes 32 modules.
const ENTRIES: usize = 512;

/// Regions of `/memory`. Xen takes 256 (`NR_MEM_BANKS`).
const BANKS: usize = 256;

/// Regions of `/reserved-memory`. The trees of Debian's kernel have up to 40.
const RESERVED: usize = 512;

/// A tree describes more than can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("ERROR: the device tree describes {count} {what}, the limit is {limit}")]
pub struct TooMany {
    /// What there is too much of.
    pub what: &'static str,
    /// How many there are.
    pub count: usize,
    /// How many there may be.
    pub limit: usize,
}

/// Whether all of the tree can be checked.
///
/// # Errors
/// [`TooMany`].
pub fn check(tree: &Tree) -> Result<(), TooMany> {
    let (domains, entries) = survey::read(tree);
    let counts = [
        (
            "domains and modules",
            domains.len().saturating_add(entries.len()),
            ENTRIES,
        ),
        ("memory banks", tree.memory().as_ref().map_or(0, Vec::len), BANKS),
        (
            "reserved regions",
            tree.reserved_memory().as_ref().map_or(0, Vec::len),
            RESERVED,
        ),
    ];
    let over = counts.into_iter().find(|(_, count, limit)| count > limit);
    over.map_or(Ok(()), |(what, count, limit)| Err(TooMany { what, count, limit }))
}
