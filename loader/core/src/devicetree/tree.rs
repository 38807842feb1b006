//! The tree itself: an arena of nodes, and how to look around in it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A node of a [`Tree`]. Never reused within its tree: the id of a removed node names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) usize);

/// An entry of the memory reservation block (Devicetree Specification, section 5.3), in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// First physical address.
    pub address: u64,
    /// Length in bytes.
    pub size: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) value: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) parent: Option<NodeId>,
    pub(super) children: Vec<NodeId>,
    pub(super) properties: Vec<Property>,
}

/// A devicetree in memory. Nodes and properties keep their order.
#[derive(Debug, Clone)]
pub struct Tree {
    /// `None` where a node was removed; index 0 is the root and is always there.
    pub(super) nodes: Vec<Option<Node>>,
    pub(super) reservations: Vec<Reservation>,
    pub(super) boot_cpuid: u32,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// A tree that has an empty root node and nothing else.
    pub fn new() -> Self {
        let root = Node {
            name: String::new(),
            parent: None,
            children: Vec::new(),
            properties: Vec::new(),
        };
        Self {
            nodes: alloc::vec![Some(root)],
            reservations: Vec::new(),
            boot_cpuid: 0,
        }
    }

    pub(super) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0)?.as_ref()
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id.0)?.as_mut()
    }

    /// The root node.
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// `true` if `id` is a node of this tree, that is, was not removed.
    pub fn contains(&self, id: NodeId) -> bool {
        self.node(id).is_some()
    }

    /// Physical id of the boot CPU, from the header.
    pub fn boot_cpuid(&self) -> u32 {
        self.boot_cpuid
    }

    /// Name of the node with its unit address; empty for the root and for a removed node.
    pub fn name(&self, id: NodeId) -> &str {
        self.node(id).map_or("", |node| &node.name)
    }

    /// The node above; `None` for the root and for a removed node.
    pub fn parent(&self, id: NodeId) -> Option<NodeId> {
        self.node(id)?.parent
    }

    /// The nodes directly below, in order.
    pub fn children(&self, id: NodeId) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + '_ {
        self.node(id).map_or(&[][..], |node| &node.children).iter().copied()
    }

    /// All nodes at and below `id`: parents before their children, siblings in order.
    pub fn descendants(&self, id: NodeId) -> NodeIter<'_> {
        let depth_and_id = self.contains(id).then_some((0, id));
        NodeIter {
            tree: self,
            pending: depth_and_id.into_iter().collect(),
        }
    }

    /// All nodes of the tree, the root first.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.descendants(self.root()).map(|(_, id)| id)
    }

    /// Path from the root, such as `/chosen/module@40000000`; `/` for the root.
    pub fn path(&self, id: NodeId) -> String {
        let names: Vec<&str> = self.ancestry(id).map(|at| self.name(at)).collect();
        match names.as_slice() {
            [] | [_] => "/".to_string(),
            [names @ .., _root] => names.iter().rev().flat_map(|name| ["/", name]).collect(),
        }
    }

    /// `id`, its parent, and so on up to the root.
    pub(super) fn ancestry(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        core::iter::successors(Some(id), |&at| self.parent(at))
    }

    /// The properties of the node in order, as name and raw value.
    pub fn properties(&self, id: NodeId) -> impl ExactSizeIterator<Item = (&str, &[u8])> + '_ {
        let properties = self.node(id).map_or(&[][..], |node| &node.properties);
        properties
            .iter()
            .map(|property| (property.name.as_str(), property.value.as_slice()))
    }

    /// Raw value of a property; empty for one that only has to exist.
    pub fn property(&self, id: NodeId, name: &str) -> Option<&[u8]> {
        self.properties(id).find(|(at, _)| *at == name).map(|(_, value)| value)
    }

    /// A property of exactly one cell.
    pub fn u32(&self, id: NodeId, name: &str) -> Option<u32> {
        self.property(id, name)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// A property of exactly two cells, the high one first.
    pub fn u64(&self, id: NodeId, name: &str) -> Option<u64> {
        self.property(id, name)?.try_into().ok().map(u64::from_be_bytes)
    }

    /// A property made of cells; `None` if it is not there or no multiple of 4 bytes long.
    pub fn cells(&self, id: NodeId, name: &str) -> Option<Vec<u32>> {
        let (cells, rest) = self.property(id, name)?.as_chunks::<4>();
        rest.is_empty()
            .then(|| cells.iter().map(|cell| u32::from_be_bytes(*cell)).collect())
    }

    /// The strings of a string list; none if the property is missing or does not end with a NUL.
    pub fn strings(&self, id: NodeId, name: &str) -> impl Iterator<Item = &str> + '_ {
        let list = self.property(id, name).and_then(|value| value.strip_suffix(&[0]));
        list.into_iter()
            .flat_map(|list| list.split(|byte| *byte == 0))
            .filter_map(|text| str::from_utf8(text).ok())
    }

    /// The first string of a property.
    pub fn str(&self, id: NodeId, name: &str) -> Option<&str> {
        self.strings(id, name).next()
    }

    /// `true` if `wanted` is one of the node's `compatible` strings.
    pub fn compatible(&self, id: NodeId, wanted: &str) -> bool {
        self.strings(id, "compatible").any(|at| at == wanted)
    }

    /// All nodes that have `wanted` among their `compatible` strings.
    pub fn find_compatible<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = NodeId> + 'a {
        self.nodes().filter(move |id| self.compatible(*id, wanted))
    }

    /// `false` if `status` says that the node is not to be used (Devicetree Specification, section 2.3.4).
    pub fn is_enabled(&self, id: NodeId) -> bool {
        matches!(self.str(id, "status"), None | Some("okay" | "ok"))
    }

    /// The handle by which other nodes refer to this one.
    pub fn phandle(&self, id: NodeId) -> Option<u32> {
        self.u32(id, "phandle").or_else(|| self.u32(id, "linux,phandle"))
    }

    /// The node with that handle.
    pub fn find_phandle(&self, phandle: u32) -> Option<NodeId> {
        self.nodes().find(|id| self.phandle(*id) == Some(phandle))
    }

    /// The largest handle in use, 0 if there is none. All ones and 0 are no handles.
    pub fn max_phandle(&self) -> u32 {
        self.nodes()
            .filter_map(|id| self.phandle(id))
            .filter(|phandle| *phandle != u32::MAX)
            .max()
            .unwrap_or(0)
    }

    /// The memory reservations of the blob's header, in order.
    pub fn reservations(&self) -> &[Reservation] {
        &self.reservations
    }
}

/// Walks a subtree, see [`Tree::descendants`]. Yields the depth below its start, and the node.
#[derive(Debug, Clone)]
pub struct NodeIter<'a> {
    tree: &'a Tree,
    pending: Vec<(usize, NodeId)>,
}

impl Iterator for NodeIter<'_> {
    type Item = (usize, NodeId);

    fn next(&mut self) -> Option<Self::Item> {
        let (depth, id) = self.pending.pop()?;
        self.pending.extend(
            self.tree
                .children(id)
                .rev()
                .map(|child| (depth.saturating_add(1), child)),
        );
        Some((depth, id))
    }
}
