//! Modules in the tree: what they are, and which file they want.

use alloc::format;

use crate::devicetree::{EditError, NodeId, Tree};

/// The property by which a module's node names the file that is to be loaded for it (`docs/misc/efi.pandoc`).
pub const FILE: &str = "xen,uefi-binary";

/// What a module is to its domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A kernel.
    Kernel,
    /// A ramdisk.
    Ramdisk,
    /// A partial device tree.
    DeviceTree,
    /// Xen's security policy.
    XsmPolicy,
}

impl Kind {
    /// The string that says so in `compatible`.
    #[must_use]
    pub fn compatible(self) -> &'static str {
        match self {
            Self::Kernel => "multiboot,kernel",
            Self::Ramdisk => "multiboot,ramdisk",
            Self::DeviceTree => "multiboot,device-tree",
            Self::XsmPolicy => "xen,xsm-policy",
        }
    }
}

/// Adds a module to the node of a domain, behind those that are there.
///
/// # Errors
/// [`EditError`] if the tree has no room.
pub fn add(tree: &mut Tree, domain: NodeId, kind: Kind) -> Result<NodeId, EditError> {
    // Behind the @ stands a number until there is an address.
    let free = (0_u32..).find(|number| tree.child(domain, &format!("module@{number:x}")).is_none());
    let node = tree.add(domain, &format!("module@{:x}", free.unwrap_or_default()))?;
    tree.set_strings(node, "compatible", &[kind.compatible(), "multiboot,module"])?;
    Ok(node)
}

/// The strings that say what a module is; the last two are those of Xen 4.4.
const KINDS: [(&str, Kind); 6] = [
    ("multiboot,kernel", Kind::Kernel),
    ("multiboot,ramdisk", Kind::Ramdisk),
    ("multiboot,device-tree", Kind::DeviceTree),
    ("xen,xsm-policy", Kind::XsmPolicy),
    ("xen,linux-zimage", Kind::Kernel),
    ("xen,linux-initrd", Kind::Ramdisk),
];

/// What the node's `compatible` says that it is.
#[must_use]
pub fn kind(tree: &Tree, node: NodeId) -> Option<Kind> {
    let found = KINDS.iter().find(|(name, _)| tree.compatible(node, name));
    found.map(|(_, kind)| *kind)
}

/// Whether the node is a module, of a kind that it says or not.
#[must_use]
pub fn is_one(tree: &Tree, node: NodeId) -> bool {
    let any = ["multiboot,module", "xen,multiboot-module"];
    kind(tree, node).is_some() || any.iter().any(|name| tree.compatible(node, name))
}

/// How many cells addresses and sizes below `node` have: as it says, else as the next node above does that says so, which is how Xen
/// reads it (the specification would have 2 and 1).
#[must_use]
pub fn cells(tree: &Tree, node: NodeId) -> (u32, u32) {
    let inherited = |name, default| {
        let mut above = core::iter::successors(Some(node), |at| tree.parent(*at));
        above.find_map(|at| tree.u32(at, name)).unwrap_or(default)
    };
    (inherited("#address-cells", 2), inherited("#size-cells", 1))
}

/// Writes [`cells`] into the node itself, so that everybody reads the same; gives them.
///
/// # Errors
/// [`EditError`] if the tree has no room.
pub fn spell_out_cells(tree: &mut Tree, node: NodeId) -> Result<(u32, u32), EditError> {
    let (address, size) = cells(tree, node);
    tree.set_u32(node, "#size-cells", size)?;
    tree.set_u32(node, "#address-cells", address)?;
    Ok((address, size))
}
