//! Finds the domains and modules that a tree describes for Xen: the nodes of `/chosen`, of `/chosen/modules` (Xen 4.4)
//! and of the `xen,domain` nodes.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::plan::{Domain, Role};
use crate::devicetree::{NodeId, Tree};

/// The compatible strings that make a node a module at all, today's first.
pub(super) const MODULE: [&str; 2] = ["multiboot,module", "xen,multiboot-module"];

/// The compatible strings that say what a module is; those of Xen 4.4 and older count for dom0 only.
const ROLES: [(&str, Role); 6] = [
    ("multiboot,kernel", Role::Kernel),
    ("multiboot,ramdisk", Role::Ramdisk),
    ("multiboot,device-tree", Role::DeviceTree),
    ("xen,xsm-policy", Role::XsmPolicy),
    ("xen,linux-zimage", Role::Kernel),
    ("xen,linux-initrd", Role::Ramdisk),
];

/// A module's node.
pub(super) struct Entry {
    pub(super) node: NodeId,
    pub(super) parent: NodeId,
    /// Index of its domain.
    pub(super) domain: usize,
    /// What `compatible` says.
    pub(super) role: Role,
}

/// The string that Xen looks for today in a module of that role.
pub(super) fn compatible_of(role: Role) -> Option<&'static str> {
    ROLES.iter().find(|(_, at)| *at == role).map(|(name, _)| *name)
}

fn role_of(tree: &Tree, node: NodeId) -> Option<Role> {
    let typed = ROLES
        .iter()
        .find(|(name, _)| tree.compatible(node, name))
        .map(|(_, role)| *role);
    typed.or_else(|| {
        MODULE
            .iter()
            .any(|name| tree.compatible(node, name))
            .then_some(Role::Other)
    })
}

/// Domains (dom0 first) and modules, in the order of the tree.
pub(super) fn read(tree: &Tree) -> (Vec<Domain>, Vec<Entry>) {
    let (mut domains, mut entries) = (Vec::new(), Vec::new());
    let Some(chosen) = tree.child(tree.root(), "chosen") else {
        return (domains, entries);
    };
    domains.push(Domain {
        node: chosen,
        path: tree.path(chosen),
        name: "dom0".to_string(),
    });
    for node in tree.children(chosen) {
        if let Some(role) = role_of(tree, node) {
            entries.push(Entry {
                node,
                parent: chosen,
                domain: 0,
                role,
            });
        } else if tree.compatible(node, "xen,domain") {
            add_children(tree, node, domains.len(), &mut entries);
            domains.push(Domain {
                node,
                path: tree.path(node),
                name: tree.name(node).to_string(),
            });
        } else if tree.name(node) == "modules" {
            add_children(tree, node, 0, &mut entries);
        }
    }
    (domains, entries)
}

fn add_children(tree: &Tree, parent: NodeId, domain: usize, entries: &mut Vec<Entry>) {
    let modules = tree.children(parent).filter_map(|node| {
        let role = role_of(tree, node)?;
        Some(Entry {
            node,
            parent,
            domain,
            role,
        })
    });
    entries.extend(modules);
}
