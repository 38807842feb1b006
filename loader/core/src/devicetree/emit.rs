//! From a [`Tree`] to a blob, through crate `vm-fdt`.
//!
//! The crate holds names to the letter of the specification. Real trees do not (`__symbols__`, node and property names
//! of more than 31 characters), so names that it refuses go in under a stand-in and are put right in the finished blob.

use super::MAX_BLOCK_LEN;
use super::error::EmitError;
use super::tree::{Node, Reservation, Tree};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use vm_fdt::{FdtReserveEntry, FdtWriter, FdtWriterNode};

/// Header fields that change after the writer is done (Devicetree Specification, section 5.2).
const TOTALSIZE: usize = 4;
const OFF_DT_STRUCT: usize = 8;
const SIZE_DT_STRINGS: usize = 32;
const SIZE_DT_STRUCT: usize = 36;

/// Any property name that the crate takes: its strings block is likely to have this one in any case.
const PROPERTY_STAND_IN: &str = "reg";

impl Tree {
    /// Writes the tree as a blob of version 17, followed by `slack` bytes of room that `totalsize` includes, so that a
    /// later stage can edit the blob in place.
    ///
    /// # Errors
    /// [`EmitError::BlockTooLarge`] if the blob could not be read again, [`EmitError::TooLarge`] if it would have 4 GiB or more with its
    /// slack, [`EmitError::Writer`] if `vm-fdt` refuses.
    pub fn emit(&self, slack: usize) -> Result<Vec<u8>, EmitError> {
        let mut blob = self.emit_exact()?;
        let len = blob.len().checked_add(slack).ok_or(EmitError::TooLarge)?;
        announce(&mut blob, len)?;
        blob.resize(len, 0);
        Ok(blob)
    }

    /// As [`Tree::emit`], for a place of `room` bytes: `totalsize` announces all of them, and the bytes after the
    /// blob's own, which need not be written, are left to what is there. A blob that is longer announces its length.
    ///
    /// # Errors
    /// As [`Tree::emit`].
    pub fn emit_into(&self, room: usize) -> Result<Vec<u8>, EmitError> {
        let mut blob = self.emit_exact()?;
        let len = blob.len().max(room);
        announce(&mut blob, len)?;
        Ok(blob)
    }

    fn emit_exact(&self) -> Result<Vec<u8>, EmitError> {
        let mut writer = Writer::new(&self.reservations)?;
        writer.fdt.set_boot_cpuid_phys(self.boot_cpuid);
        let mut open: Vec<FdtWriterNode> = Vec::new();
        for (depth, id) in self.descendants(self.root()) {
            while open.len() > depth {
                writer.end_node(open.pop())?;
            }
            if let Some(node) = self.node(id) {
                open.push(writer.begin_node(node)?);
            }
        }
        while !open.is_empty() {
            writer.end_node(open.pop())?;
        }
        writer.finish()
    }
}

struct Writer<'a> {
    fdt: FdtWriter,
    /// Bytes of the structure block written so far.
    at: usize,
    /// Where in the structure block a node's name, or a property's name offset, is still to be put right.
    node_names: Vec<(usize, &'a str)>,
    property_names: Vec<(usize, &'a str)>,
}

impl<'a> Writer<'a> {
    fn new(reservations: &[Reservation]) -> Result<Self, EmitError> {
        let entries: Result<Vec<_>, _> = disjoint(reservations)
            .iter()
            .map(|at| FdtReserveEntry::new(at.address, at.size))
            .collect();
        let fdt = FdtWriter::new_with_mem_reserv(&entries.map_err(writer_error)?).map_err(writer_error)?;
        Ok(Self {
            fdt,
            at: 0,
            node_names: Vec::new(),
            property_names: Vec::new(),
        })
    }

    fn begin_node(&mut self, node: &'a Node) -> Result<FdtWriterNode, EmitError> {
        let handle = match self.fdt.begin_node(&node.name) {
            Err(vm_fdt::Error::InvalidNodeName) => {
                self.node_names.push((self.at.saturating_add(4), &node.name));
                self.fdt.begin_node(&node_stand_in(node.name.len()))
            }
            other => other,
        };
        self.advance(4, node.name.len().saturating_add(1));
        for property in &node.properties {
            match self.fdt.property(&property.name, &property.value) {
                Err(vm_fdt::Error::InvalidPropertyName) => {
                    self.property_names.push((self.at.saturating_add(8), &property.name));
                    self.fdt.property(PROPERTY_STAND_IN, &property.value)
                }
                other => other,
            }
            .map_err(writer_error)?;
            self.advance(12, property.value.len());
        }
        handle.map_err(writer_error)
    }

    fn end_node(&mut self, node: Option<FdtWriterNode>) -> Result<(), EmitError> {
        self.advance(4, 0);
        node.map_or(Ok(()), |node| self.fdt.end_node(node).map_err(writer_error))
    }

    fn advance(&mut self, fixed: usize, padded: usize) {
        self.at = self.at.saturating_add(fixed).saturating_add(padded.next_multiple_of(4));
    }

    fn finish(self) -> Result<Vec<u8>, EmitError> {
        let mut blob = self.fdt.finish().map_err(writer_error)?;
        let structs = usize::try_from(field(&blob, OFF_DT_STRUCT)).map_err(|_| EmitError::TooLarge)?;
        for (at, name) in &self.node_names {
            patch(&mut blob, structs.saturating_add(*at), name.as_bytes());
        }
        let mut strings_len = field(&blob, SIZE_DT_STRINGS);
        let mut offsets: BTreeMap<&str, u32> = BTreeMap::new();
        for (at, name) in &self.property_names {
            let offset = match offsets.get(name) {
                Some(offset) => *offset,
                None => {
                    // The strings block is the last one, so it can grow.
                    blob.extend(name.bytes().chain([0]));
                    let len = u32::try_from(name.len().saturating_add(1)).map_err(|_| EmitError::TooLarge)?;
                    let end = strings_len.checked_add(len).ok_or(EmitError::TooLarge)?;
                    offsets.insert(name, strings_len);
                    core::mem::replace(&mut strings_len, end)
                }
            };
            patch(&mut blob, structs.saturating_add(*at), &offset.to_be_bytes());
        }
        patch(&mut blob, SIZE_DT_STRINGS, &strings_len.to_be_bytes());
        for (block, size) in [("structure", field(&blob, SIZE_DT_STRUCT)), ("strings", strings_len)] {
            if usize::try_from(size).is_ok_and(|size| size > MAX_BLOCK_LEN) {
                return Err(EmitError::BlockTooLarge { block, size });
            }
        }
        Ok(blob)
    }
}

fn writer_error(error: vm_fdt::Error) -> EmitError {
    EmitError::Writer(error.to_string())
}

/// A name of `len` bytes that the crate takes: only the part before `@` is limited.
fn node_stand_in(len: usize) -> String {
    ["n", "@"]
        .into_iter()
        .chain(core::iter::repeat("0"))
        .take(len)
        .collect()
}

/// Writes `len` into the header's `totalsize`.
///
/// # Errors
/// [`EmitError::TooLarge`] from 4 GiB on.
pub(crate) fn announce(blob: &mut [u8], len: usize) -> Result<(), EmitError> {
    let total = u32::try_from(len).map_err(|_| EmitError::TooLarge)?;
    patch(blob, TOTALSIZE, &total.to_be_bytes());
    Ok(())
}

fn field(blob: &[u8], at: usize) -> u32 {
    blob.get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |word| u32::from_be_bytes(*word))
}

fn patch(blob: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = blob.get_mut(at..at.saturating_add(bytes.len())) {
        place.copy_from_slice(bytes);
    }
}

/// The same memory without overlaps, which the crate refuses and earlier firmware may well have made.
fn disjoint(reservations: &[Reservation]) -> Vec<Reservation> {
    let mut sorted = reservations.to_vec();
    sorted.sort_by_key(|at| at.address);
    let mut merged: Vec<Reservation> = Vec::new();
    for next in &sorted {
        let end = next.address.saturating_add(next.size);
        match merged.last_mut() {
            Some(last) if next.address < last.address.saturating_add(last.size) => {
                last.size = last.size.max(end.saturating_sub(last.address));
            }
            _ => merged.push(*next),
        }
    }
    if merged.len() == sorted.len() {
        reservations.to_vec()
    } else {
        merged
    }
}
