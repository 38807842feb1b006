//! `memory` of a domain, of which the document's revisions have three forms.
//!
//! ```text
//! <0x0 0x20000>              KiB in 64 bits, as dom0less has it; where the first cell is not 0, it is a start and the second the size
//! <0x20000>                  KiB in 32 bits
//! <0x0 0x40000000 0x0 0x20000>   a start and a size in KiB, or <0x0 MIN 0x0 MAX>: the second is what counts in both
//! "128M", "min:64M", "max:128M"  text with Xen's units; the greatest one counts
//! ```

use super::HyperlaunchError;
use crate::devicetree::{NodeId, Tree, strings_of};
use crate::xen::size;

/// The domain's memory in KiB; `None` if it does not say.
///
/// # Errors
/// [`HyperlaunchError::BadMemory`].
pub(super) fn kib(tree: &Tree, domain: NodeId) -> Result<Option<u64>, HyperlaunchError> {
    let Some(value) = tree.property(domain, "memory") else {
        return Ok(None);
    };
    let found = text(value).or_else(|| cells(value)).filter(|kib| *kib != 0);
    let bad = || HyperlaunchError::BadMemory {
        node: tree.path(domain),
        len: value.len(),
    };
    found.map(Some).ok_or_else(bad)
}

/// The greatest of the sizes that the strings hold, if they hold nothing else.
fn text(value: &[u8]) -> Option<u64> {
    let strings = strings_of(value)?;
    let parts = strings
        .iter()
        .flat_map(|text| text.split([',', '|', ' ']))
        .filter(|part| !part.is_empty());
    parts.into_iter().try_fold(0, |greatest: u64, part| {
        let size = part.strip_prefix("min:").or_else(|| part.strip_prefix("max:"));
        Some(greatest.max(size::kib(size.unwrap_or(part))?))
    })
}

fn cells(value: &[u8]) -> Option<u64> {
    let (cells, rest) = value.as_chunks::<4>();
    let mut cells = cells.iter().map(|cell| u64::from(u32::from_be_bytes(*cell)));
    let four = (cells.next(), cells.next(), cells.next(), cells.next());
    let more = cells.next().is_some() || !rest.is_empty();
    match four {
        _ if more => None,
        (Some(kib), None, _, _) | (Some(0), Some(kib), None, _) => Some(kib),
        // 2^32 KiB are 4 TiB: no domain's size, so this is where the region starts.
        (Some(_), Some(size), None, _) => Some(size),
        (Some(_), Some(_), Some(high), Some(low)) => high.checked_mul(1 << 32)?.checked_add(low),
        _ => None,
    }
}
