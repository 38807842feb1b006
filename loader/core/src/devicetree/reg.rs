//! Addresses and sizes in the cells that a parent gives its children (Devicetree Specification, sections 2.3.5, 2.3.6).

use super::error::RegError;
use super::tree::{NodeId, Tree};
use alloc::vec::Vec;

const ADDRESS_CELLS: &str = "#address-cells";
const SIZE_CELLS: &str = "#size-cells";

/// How many cells an address and a size have below some node.
#[derive(Clone, Copy)]
struct Cells {
    address: usize,
    size: usize,
}

impl Tree {
    /// Cells of an address in the children of `id`: its `#address-cells`, by default 2.
    pub fn address_cells(&self, id: NodeId) -> u32 {
        self.u32(id, ADDRESS_CELLS).unwrap_or(2)
    }

    /// Cells of a size in the children of `id`: its `#size-cells`, by default 1.
    pub fn size_cells(&self, id: NodeId) -> u32 {
        self.u32(id, SIZE_CELLS).unwrap_or(1)
    }

    /// The `reg` of a node as (address, size) in bytes, read with the cells of its parent; empty if it has none.
    ///
    /// # Errors
    /// [`RegError`] if the parent's cells cannot be used, `reg` is no whole number of entries, or a number has more
    /// than 64 bits.
    pub fn reg(&self, id: NodeId) -> Result<Vec<(u64, u64)>, RegError> {
        let parent = self.parent(id).unwrap_or(self.root());
        self.regions(id, "reg", parent)
    }

    /// Any property made like `reg`, read with the cells of `parent`; empty if the node does not have it.
    ///
    /// # Errors
    /// As [`Tree::reg`].
    pub fn regions(&self, id: NodeId, name: &str, parent: NodeId) -> Result<Vec<(u64, u64)>, RegError> {
        let Some(value) = self.property(id, name).filter(|value| !value.is_empty()) else {
            return Ok(Vec::new());
        };
        let cells = self.cells_below(parent)?;
        let (address_len, size_len) = (cells.address.saturating_mul(4), cells.size.saturating_mul(4));
        let entry_len = address_len.saturating_add(size_len);
        if !value.len().is_multiple_of(entry_len) {
            let (node, name, len) = (self.path(id), name.into(), value.len());
            return Err(RegError::BadLength {
                node,
                name,
                len,
                entry_len,
            });
        }
        let entry = |bytes: &[u8]| {
            let (address, size) = bytes.split_at_checked(address_len)?;
            Some((number(address)?, number(size)?))
        };
        let entries: Option<Vec<_>> = value.chunks_exact(entry_len).map(entry).collect();
        entries.ok_or_else(|| RegError::TooLarge {
            node: self.path(id),
            name: name.into(),
        })
    }

    /// The value of a `reg` with one entry, for a child of `parent`.
    ///
    /// # Errors
    /// [`RegError`] if the parent's cells cannot be used, or hold the address or the size not.
    pub fn encode_reg(&self, parent: NodeId, address: u64, size: u64) -> Result<Vec<u8>, RegError> {
        let cells = self.cells_below(parent)?;
        let mut value = Vec::new();
        for (name, count, number) in [(ADDRESS_CELLS, cells.address, address), (SIZE_CELLS, cells.size, size)] {
            let bytes = encode(number, count).ok_or_else(|| RegError::DoesNotFit {
                node: self.path(parent),
                name,
                count: u32::try_from(count).unwrap_or(u32::MAX),
                value: number,
            })?;
            value.extend(bytes);
        }
        Ok(value)
    }

    /// The RAM that the tree describes, as (address, size): the `reg` of the nodes below the root whose `device_type`
    /// is `memory` (Devicetree Specification, section 3.4). Empty entries, which sources hold for the firmware to fill
    /// in, are left out.
    ///
    /// # Errors
    /// [`RegError`] if one of them cannot be read.
    pub fn memory(&self) -> Result<Vec<(u64, u64)>, RegError> {
        let is_memory = |id: &NodeId| self.str(*id, "device_type") == Some("memory") && self.is_enabled(*id);
        let mut memory = Vec::new();
        for id in self.children(self.root()).filter(is_memory) {
            memory.extend(self.reg(id)?.into_iter().filter(|(_, size)| *size != 0));
        }
        Ok(memory)
    }

    /// The places that the children of `/reserved-memory` hold, as (node, address, size) (Devicetree Specification,
    /// section 3.5). Children without `reg`, for which the system chooses a place, are left out.
    ///
    /// # Errors
    /// [`RegError`] if one of them cannot be read.
    pub fn reserved_memory(&self) -> Result<Vec<(NodeId, u64, u64)>, RegError> {
        let mut reserved = Vec::new();
        let Some(parent) = self.child(self.root(), "reserved-memory") else {
            return Ok(reserved);
        };
        for id in self.children(parent).filter(|id| self.is_enabled(*id)) {
            let regions = self.reg(id)?.into_iter().filter(|(_, size)| *size != 0);
            reserved.extend(regions.map(|(address, size)| (id, address, size)));
        }
        Ok(reserved)
    }

    fn cells_below(&self, parent: NodeId) -> Result<Cells, RegError> {
        let check = |name, count: u32, min: u32| match usize::try_from(count) {
            Ok(cells) if (min..=3).contains(&count) => Ok(cells),
            _ => Err(RegError::BadCellCount {
                node: self.path(parent),
                name,
                count,
                min,
            }),
        };
        Ok(Cells {
            address: check(ADDRESS_CELLS, self.address_cells(parent), 1)?,
            size: check(SIZE_CELLS, self.size_cells(parent), 0)?,
        })
    }
}

/// The number that cells hold, however many, if it fits 64 bits.
pub(crate) fn number(cells: &[u8]) -> Option<u64> {
    cells.iter().try_fold(0_u64, |number, byte| {
        number.checked_mul(256)?.checked_add(u64::from(*byte))
    })
}

/// `value` in `count` cells, if it fits.
fn encode(value: u64, count: usize) -> Option<Vec<u8>> {
    let bytes = u128::from(value).to_be_bytes();
    let (high, low) = bytes.split_at_checked(bytes.len().checked_sub(count.checked_mul(4)?)?)?;
    high.iter().all(|byte| *byte == 0).then(|| low.to_vec())
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_64_bits() {
        assert_eq!(number(&[]), Some(0));
        assert_eq!(
            number(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            Some(u64::MAX)
        );
        assert_eq!(number(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
