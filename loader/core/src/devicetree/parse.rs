//! From a blob to a [`Tree`].
//!
//! Crate `fdt` opens the blob. Its node iterators are not used for the walk: they end without an error at a depth of 16
//! and where the structure block is cut short, name no offset, and read a subtree again for every level it lies deep.
//! So the tokens are read here, once each, and the tests hold the result against the crate's.

use super::error::{ParseError, ParseErrorKind};
use super::header::{HEADER_LEN, check_header, check_header_within, error, to_usize};
use super::tree::{Node, NodeId, Property, Reservation, Tree};
use super::{
    MAX_BLOCK_LEN, MAX_DEPTH, MAX_NAME_LEN, MAX_NODES, MAX_PROPERTIES, MAX_RESERVATIONS, is_node_name, is_property_name,
};
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;
use fdt::nodes::AsNode;
use fdt::parsing::{NoPanic, unaligned::UnalignedParser};
use fdt::{Fdt, FdtHeader};

type Blob<'a> = Fdt<'a, (UnalignedParser<'a>, NoPanic)>;
type Kind = ParseErrorKind;

pub(super) const BEGIN_NODE: u32 = 1;
pub(super) const END_NODE: u32 = 2;
pub(super) const PROP: u32 = 3;
pub(super) const NOP: u32 = 4;
pub(super) const END: u32 = 9;

impl Tree {
    /// Reads a blob. `blob` may be longer than the `totalsize` of its header; bytes after that are not looked at.
    ///
    /// # Errors
    /// [`ParseError`] with the offset in the blob, if the blob is not a well-formed devicetree of version 17 or goes
    /// beyond the limits of this module.
    pub fn parse(blob: &[u8]) -> Result<Self, ParseError> {
        let header = check_header(blob)?;
        read(header, None).map(|outline| outline.tree)
    }
}

/// Nodes, each with the place of its value in the blob.
pub type Places = Vec<(NodeId, Range<usize>)>;

/// A tree of which the large values were left where they are.
#[derive(Debug)]
pub struct Outline {
    /// The tree; the properties left out are in it, and empty.
    pub tree: Tree,
    /// The nodes that have the property, with the value's place in the blob.
    pub left_out: Places,
    /// The length of the blob by its header.
    pub total_size: u32,
}

/// Reads a blob whose properties called `left_out` may be as large as memory: FIT images are such trees.
///
/// # Errors
/// As [`Tree::parse`]; the limit on the structure block counts without those values.
pub fn outline(blob: &[u8], left_out: &str) -> Result<Outline, ParseError> {
    let header = check_header_within(blob, usize::MAX)?;
    read(header, Some(left_out))
}

fn read((header, blob): (FdtHeader, &[u8]), left_out: Option<&str>) -> Result<Outline, ParseError> {
    // The crate adds the header's offsets and sizes up unchecked: it must not see a header before `check_header`.
    let fdt = Blob::new_unaligned_fallible(blob).map_err(|_| error(Kind::NoHeader(blob.len()), 0))?;
    let base = to_usize(header.structs_offset);
    let mut walk = Walk::new(fdt.structs_block(), fdt.strings_block());
    walk.left_out = left_out;
    let (mut tree, mut left_out) = walk.run().map_err(|at| ParseError {
        offset: at.offset.saturating_add(base),
        ..at
    })?;
    for (_, range) in &mut left_out {
        *range = range.start.saturating_add(base)..range.end.saturating_add(base);
    }
    tree.reservations = read_reservations(blob, to_usize(header.memory_reserve_map_offset))?;
    tree.boot_cpuid = header.boot_cpuid;
    Ok(Outline {
        tree,
        left_out,
        total_size: header.total_size,
    })
}

/// Where in `blob` the value of a property begins, in bytes; `path` is a full path, as [`Tree::path`] gives it.
pub fn property_offset(blob: &[u8], path: &str, name: &str) -> Option<usize> {
    // The walk first: the crate must see only blobs that are sound.
    Tree::parse(blob).ok()?;
    let mut node = Blob::new_unaligned_fallible(blob).ok()?.root().ok()?.as_node();
    for component in path.split('/').filter(|component| !component.is_empty()) {
        // Not the crate's own search: it takes the first node that only begins with the name.
        let mut children = node.children().ok()?.iter().filter_map(Result::ok);
        node = children.find(|child| child.name().is_ok_and(|name| name.to_string() == component))?;
    }
    let value = node.raw_property(name).ok()??.value;
    value.as_ptr().addr().checked_sub(blob.as_ptr().addr())
}

/// Reads the memory reservation block, which the crate does not. As for `dtc` and Linux, a size of 0 ends it.
fn read_reservations(blob: &[u8], start: usize) -> Result<Vec<Reservation>, ParseError> {
    let unended = || error(Kind::UnendedReservations, start);
    let (words, _) = blob
        .get(start..)
        .filter(|_| start >= HEADER_LEN)
        .ok_or_else(unended)?
        .as_chunks::<16>();
    let mut reservations = Vec::new();
    for (index, word) in words.iter().enumerate().take(MAX_RESERVATIONS.saturating_add(1)) {
        let word = u128::from_be_bytes(*word);
        let address = u64::try_from(word >> 64).unwrap_or(u64::MAX);
        let size = u64::try_from(word & u128::from(u64::MAX)).unwrap_or(u64::MAX);
        if size == 0 {
            return Ok(reservations);
        }
        if address.checked_add(size).is_none() {
            let offset = start.saturating_add(index.saturating_mul(16));
            return Err(error(Kind::BadReservation { address, size }, offset));
        }
        reservations.push(Reservation { address, size });
    }
    Err(unended())
}

/// The walk over the structure block. Offsets are counted from its start.
struct Walk<'a> {
    structs: &'a [u8],
    strings: &'a [u8],
    at: usize,
    tree: Tree,
    /// The nodes that have begun and not ended, the root first.
    open: Vec<NodeId>,
    /// Names of all nodes seen, by parent, and of the properties of the node at hand: to find duplicates in one pass.
    node_names: BTreeSet<(NodeId, &'a str)>,
    property_names: BTreeSet<&'a str>,
    property_count: usize,
    root_seen: bool,
    /// The property whose values are not copied, their places, and the length of those that were.
    left_out: Option<&'a str>,
    places: Places,
    copied: usize,
}

impl<'a> Walk<'a> {
    fn new(structs: &'a [u8], strings: &'a [u8]) -> Self {
        Self {
            structs,
            strings,
            at: 0,
            tree: Tree::new(),
            open: Vec::new(),
            node_names: BTreeSet::new(),
            property_names: BTreeSet::new(),
            property_count: 0,
            root_seen: false,
            left_out: None,
            places: Vec::new(),
            copied: 0,
        }
    }

    fn run(mut self) -> Result<(Tree, Places), ParseError> {
        loop {
            let offset = self.at;
            let token = self.word("the tree")?;
            let result = match token {
                BEGIN_NODE => self.begin_node(),
                PROP => self.property(),
                END_NODE => self.end_node(),
                NOP => Ok(()),
                END => return self.finish().map_err(|kind| error(kind, offset)),
                other => Err(Kind::BadToken(other)),
            };
            result.map_err(|kind| error(kind, offset))?;
        }
    }

    fn finish(self) -> Result<(Tree, Places), ParseErrorKind> {
        if !self.root_seen || !self.open.is_empty() {
            return Err(Kind::MisplacedToken("END"));
        }
        match self.structs.len().saturating_sub(self.at) {
            0 => Ok((self.tree, self.places)),
            rest => Err(Kind::TrailingData(rest)),
        }
    }

    fn begin_node(&mut self) -> Result<(), ParseErrorKind> {
        let rest = self.structs.get(self.at..).unwrap_or_default();
        let name = c_string(rest).ok_or(Kind::BadName("node"))?;
        self.skip(name.len().saturating_add(1));
        self.property_names.clear();
        let Some(&parent) = self.open.last() else {
            return self.begin_root(name);
        };
        if !is_node_name(name) {
            return Err(Kind::BadName("node"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Kind::TooDeep);
        }
        if self.tree.nodes.len() >= MAX_NODES {
            return Err(Kind::TooManyNodes);
        }
        if !self.node_names.insert((parent, name)) {
            return Err(Kind::DuplicateNode(name.into()));
        }
        let node = Node {
            name: name.into(),
            parent: Some(parent),
            children: Vec::new(),
            properties: Vec::new(),
        };
        self.open.push(self.tree.push_node(parent, node));
        Ok(())
    }

    fn begin_root(&mut self, name: &str) -> Result<(), ParseErrorKind> {
        if self.root_seen {
            return Err(Kind::MisplacedToken("second root BEGIN_NODE"));
        }
        if !name.is_empty() {
            return Err(Kind::NamedRoot);
        }
        self.root_seen = true;
        self.open.push(self.tree.root());
        Ok(())
    }

    fn end_node(&mut self) -> Result<(), ParseErrorKind> {
        let id = self.open.pop().ok_or(Kind::MisplacedToken("END_NODE"))?;
        if let Some(node) = self.tree.node_mut(id) {
            // Vectors that grew have room to spare, over a whole tree as much again as it needs.
            node.properties.shrink_to_fit();
            node.children.shrink_to_fit();
        }
        Ok(())
    }

    fn property(&mut self) -> Result<(), ParseErrorKind> {
        let len = to_usize(self.word("a property").map_err(|at| at.kind)?);
        let name_offset = to_usize(self.word("a property").map_err(|at| at.kind)?);
        let place = self.at..self.at.saturating_add(len);
        let value = self.structs.get(place.clone());
        let mut value = value.ok_or(Kind::UnexpectedEnd("a property's value"))?;
        self.skip(len);
        let name = self
            .strings
            .get(name_offset..)
            .and_then(c_string)
            .filter(|name| is_property_name(name));
        let name = name.ok_or(Kind::BadName("property"))?;
        if let (Some(id), true) = (self.open.last(), self.left_out == Some(name)) {
            self.places.push((*id, place));
            value = &[];
        }
        self.copied = self.copied.saturating_add(value.len());
        if self.copied > MAX_BLOCK_LEN {
            let size = u32::try_from(self.copied).unwrap_or(u32::MAX);
            return Err(Kind::BlockTooLarge {
                block: "structure",
                size,
            });
        }
        let node = self.open.last().and_then(|id| self.tree.node_mut(*id));
        // Section 5.4.2: properties stand before children. Readers differ on what comes later, so nothing may.
        let node = node
            .filter(|node| node.children.is_empty())
            .ok_or(Kind::MisplacedToken("PROP"))?;
        if !self.property_names.insert(name) {
            return Err(Kind::DuplicateProperty(name.into()));
        }
        self.property_count = self.property_count.saturating_add(1);
        if self.property_count > MAX_PROPERTIES {
            return Err(Kind::TooManyProperties);
        }
        node.properties.push(Property {
            name: String::from(name),
            value: value.to_vec(),
        });
        Ok(())
    }

    fn word(&mut self, inside: &'static str) -> Result<u32, ParseError> {
        let rest = self.structs.get(self.at..).unwrap_or_default();
        let word = rest
            .first_chunk()
            .ok_or_else(|| error(Kind::UnexpectedEnd(inside), self.at))?;
        self.skip(4);
        Ok(u32::from_be_bytes(*word))
    }

    /// Moves on by `len` bytes and the padding after them.
    fn skip(&mut self, len: usize) {
        self.at = self
            .at
            .saturating_add(len)
            .checked_next_multiple_of(4)
            .unwrap_or(usize::MAX);
    }
}

/// The string at the start of `bytes`, if it ends within the length of a name. Without that limit a strings block
/// that holds no NUL would be searched to its end once for each property.
pub(super) fn c_string(bytes: &[u8]) -> Option<&str> {
    let len = bytes
        .iter()
        .take(MAX_NAME_LEN.saturating_add(1))
        .position(|byte| *byte == 0)?;
    str::from_utf8(bytes.get(..len)?).ok()
}
