//! Changes to a [`Tree`].

use super::error::EditError;
use super::tree::{Node, NodeId, Property, Reservation, Tree};
use super::{MAX_DEPTH, MAX_NODES, MAX_RESERVATIONS, is_node_name, is_property_name};
use alloc::vec::Vec;

impl Tree {
    /// Puts a node into the arena, below `parent` and after its other children. The caller has checked the name.
    pub(super) fn push_node(&mut self, parent: NodeId, node: Node) -> NodeId {
        let id = NodeId(self.nodes.len());
        self.nodes.push(Some(node));
        if let Some(parent) = self.node_mut(parent) {
            parent.children.push(id);
        }
        id
    }

    /// Sets the raw value of a property. A new one comes first in its node, where `libfdt` puts it too.
    ///
    /// # Errors
    /// [`EditError::NoNode`], [`EditError::BadPropertyName`].
    pub fn set(&mut self, id: NodeId, name: &str, value: &[u8]) -> Result<(), EditError> {
        if !is_property_name(name) {
            return Err(EditError::BadPropertyName(name.into()));
        }
        let node = self.node_mut(id).ok_or(EditError::NoNode)?;
        match node.properties.iter_mut().find(|property| property.name == name) {
            Some(property) => property.value = value.to_vec(),
            None => node.properties.insert(
                0,
                Property {
                    name: name.into(),
                    value: value.to_vec(),
                },
            ),
        }
        Ok(())
    }

    /// Sets a property of one cell.
    ///
    /// # Errors
    /// As [`Tree::set`].
    pub fn set_u32(&mut self, id: NodeId, name: &str, value: u32) -> Result<(), EditError> {
        self.set(id, name, &value.to_be_bytes())
    }

    /// Sets a property of two cells, the high one first.
    ///
    /// # Errors
    /// As [`Tree::set`].
    pub fn set_u64(&mut self, id: NodeId, name: &str, value: u64) -> Result<(), EditError> {
        self.set(id, name, &value.to_be_bytes())
    }

    /// Sets a property to a list of strings, each with its NUL.
    ///
    /// # Errors
    /// As [`Tree::set`].
    pub fn set_strings(&mut self, id: NodeId, name: &str, values: &[&str]) -> Result<(), EditError> {
        let value: Vec<u8> = values.iter().flat_map(|text| text.bytes().chain([0])).collect();
        self.set(id, name, &value)
    }

    /// Takes a property away.
    ///
    /// # Errors
    /// [`EditError::NoNode`], [`EditError::NoProperty`].
    pub fn remove_property(&mut self, id: NodeId, name: &str) -> Result<(), EditError> {
        let path = self.path(id);
        let node = self.node_mut(id).ok_or(EditError::NoNode)?;
        let found = node.properties.iter().position(|property| property.name == name);
        let at = found.ok_or_else(|| EditError::NoProperty {
            node: path,
            name: name.into(),
        })?;
        node.properties.remove(at);
        Ok(())
    }

    /// Adds a node after the other children of `parent`.
    ///
    /// # Errors
    /// [`EditError::NoNode`], [`EditError::BadNodeName`], [`EditError::NodeExists`], [`EditError::TooDeep`],
    /// [`EditError::TooManyNodes`].
    pub fn add(&mut self, parent: NodeId, name: &str) -> Result<NodeId, EditError> {
        self.check_new_name(parent, name)?;
        if self.ancestry(parent).count() >= MAX_DEPTH {
            return Err(EditError::TooDeep(self.path(parent)));
        }
        if self.nodes.len() >= MAX_NODES {
            return Err(EditError::TooManyNodes);
        }
        let node = Node {
            name: name.into(),
            parent: Some(parent),
            children: Vec::new(),
            properties: Vec::new(),
        };
        Ok(self.push_node(parent, node))
    }

    /// Adds a node before the other children of `parent`, where `libfdt` puts it.
    ///
    /// The order is not idle: Xen numbers domains in the order of their nodes, so a script must find the same one.
    ///
    /// # Errors
    /// As [`Tree::add`].
    pub fn add_first(&mut self, parent: NodeId, name: &str) -> Result<NodeId, EditError> {
        let id = self.add(parent, name)?;
        if let Some(parent) = self.node_mut(parent) {
            parent.children.rotate_right(1);
        }
        Ok(id)
    }

    /// The child of `parent` called exactly `name`, added behind the others if it is not there.
    ///
    /// # Errors
    /// As [`Tree::add`], but for [`EditError::NodeExists`].
    pub fn ensure(&mut self, parent: NodeId, name: &str) -> Result<NodeId, EditError> {
        match self.child(parent, name) {
            Some(id) => Ok(id),
            None => self.add(parent, name),
        }
    }

    /// As [`Tree::ensure`], but a new child comes before the others.
    ///
    /// # Errors
    /// As [`Tree::ensure`].
    pub fn ensure_first(&mut self, parent: NodeId, name: &str) -> Result<NodeId, EditError> {
        match self.child(parent, name) {
            Some(id) => Ok(id),
            None => self.add_first(parent, name),
        }
    }

    /// Gives a node another name; its place, properties and children stay.
    ///
    /// # Errors
    /// [`EditError::NoNode`], [`EditError::Root`], [`EditError::BadNodeName`], [`EditError::NodeExists`].
    pub fn rename(&mut self, id: NodeId, name: &str) -> Result<(), EditError> {
        if self.name(id) == name && id != self.root() {
            return if self.contains(id) {
                Ok(())
            } else {
                Err(EditError::NoNode)
            };
        }
        self.check_new_name(self.parent_for_edit(id)?, name)?;
        self.node_mut(id).ok_or(EditError::NoNode)?.name = name.into();
        Ok(())
    }

    /// Takes a node away with everything below it.
    ///
    /// # Errors
    /// [`EditError::NoNode`], [`EditError::Root`].
    pub fn remove(&mut self, id: NodeId) -> Result<(), EditError> {
        let parent = self.parent_for_edit(id)?;
        let gone: Vec<NodeId> = self.descendants(id).map(|(_, below)| below).collect();
        if let Some(parent) = self.node_mut(parent) {
            parent.children.retain(|child| *child != id);
        }
        for NodeId(index) in gone {
            if let Some(slot) = self.nodes.get_mut(index) {
                *slot = None;
            }
        }
        Ok(())
    }

    /// Adds an entry to the memory reservation block.
    ///
    /// # Errors
    /// [`EditError::BadReservation`] if it is empty or goes beyond 64 bits, [`EditError::TooManyReservations`].
    pub fn add_reservation(&mut self, address: u64, size: u64) -> Result<(), EditError> {
        if size == 0 || address.checked_add(size).is_none() {
            return Err(EditError::BadReservation { address, size });
        }
        if self.reservations.len() >= MAX_RESERVATIONS {
            return Err(EditError::TooManyReservations);
        }
        self.reservations.push(Reservation { address, size });
        Ok(())
    }

    /// Takes the `index`th entry of the memory reservation block away; `None` if there are fewer.
    pub fn remove_reservation(&mut self, index: usize) -> Option<Reservation> {
        (index < self.reservations.len()).then(|| self.reservations.remove(index))
    }

    /// Sets the physical id of the boot CPU in the header.
    pub fn set_boot_cpuid(&mut self, id: u32) {
        self.boot_cpuid = id;
    }

    fn parent_for_edit(&self, id: NodeId) -> Result<NodeId, EditError> {
        self.node(id).ok_or(EditError::NoNode)?.parent.ok_or(EditError::Root)
    }

    fn check_new_name(&self, parent: NodeId, name: &str) -> Result<(), EditError> {
        if !self.contains(parent) {
            return Err(EditError::NoNode);
        }
        if !is_node_name(name) {
            return Err(EditError::BadNodeName(name.into()));
        }
        match self.child(parent, name) {
            Some(_) => Err(EditError::NodeExists {
                parent: self.path(parent),
                name: name.into(),
            }),
            None => Ok(()),
        }
    }
}
