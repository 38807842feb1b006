//! Modules in the tree: what they are, and which file they want.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::devicetree::{EditError, NodeId, Tree};
use crate::finding::Finding;

/// The property by which a module's node names the file that is to be loaded for it (`docs/misc/efi.pandoc`).
pub const FILE: &str = "xen,uefi-binary";

/// The older name of [`FILE`], as it was proposed: a key of a `binary=` line, or a file's name.
pub const OLD_FILE: &str = "uefi,binary";

/// The strings that make a node a module at all, today's first.
pub const MODULE: [&str; 2] = ["multiboot,module", "xen,multiboot-module"];

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
    let node = tree.add(domain, &indexed_name(tree, domain))?;
    set_kind(tree, node, kind)?;
    Ok(node)
}

/// `module@N` for the first N that is free: behind the `@` stands a number until there is an address.
pub(super) fn indexed_name(tree: &Tree, domain: NodeId) -> String {
    let taken: BTreeSet<&str> = tree.children(domain).map(|child| tree.name(child)).collect();
    let mut names = (0_u32..).map(|number| format!("module@{number:x}"));
    names.find(|name| !taken.contains(name.as_str())).unwrap_or_default()
}

/// Writes into a node that it is a module of that kind.
pub(super) fn set_kind(tree: &mut Tree, node: NodeId, kind: Kind) -> Result<(), EditError> {
    let [module, _] = MODULE;
    tree.set_strings(node, "compatible", &[kind.compatible(), module])
}

/// Writes the address of its bytes into a module's name, behind the `@`.
///
/// # Errors
/// [`EditError`], but not if another node has that name: two modules of one domain that are the same file are told by the checks.
pub fn set_unit_address(tree: &mut Tree, node: NodeId, address: u64) -> Result<(), EditError> {
    let base = tree.name(node).split('@').next().unwrap_or("module");
    let name = format!("{base}@{address:x}");
    match tree.rename(node, &name) {
        Err(EditError::NodeExists { .. }) => Ok(()),
        other => other,
    }
}

/// The strings that say what a module is to Xen; the last two are those of Xen 4.4.
const KINDS: [(&str, Kind); 6] = [
    ("multiboot,kernel", Kind::Kernel),
    ("multiboot,ramdisk", Kind::Ramdisk),
    ("multiboot,device-tree", Kind::DeviceTree),
    ("xen,xsm-policy", Kind::XsmPolicy),
    ("xen,linux-zimage", Kind::Kernel),
    ("xen,linux-initrd", Kind::Ramdisk),
];

/// The same in Hyperlaunch's words.
const HYPERLAUNCH: [(&str, Kind); 4] = [
    ("module,kernel", Kind::Kernel),
    ("module,ramdisk", Kind::Ramdisk),
    ("module,device-tree", Kind::DeviceTree),
    ("module,xsm-policy", Kind::XsmPolicy),
];

fn listed(tree: &Tree, node: NodeId, kinds: &[(&str, Kind)]) -> Option<Kind> {
    let found = kinds.iter().find(|(name, _)| tree.compatible(node, name));
    found.map(|(_, kind)| *kind)
}

/// What the node's `compatible` says that it is.
#[must_use]
pub fn kind(tree: &Tree, node: NodeId) -> Option<Kind> {
    listed(tree, node, &KINDS)
}

/// As [`kind`], in the words of any form.
pub(super) fn kind_in_any_form(tree: &Tree, node: NodeId) -> Option<Kind> {
    kind(tree, node).or_else(|| listed(tree, node, &HYPERLAUNCH))
}

/// Whether the node is a module, of a kind that it says or not.
#[must_use]
pub fn is_one(tree: &Tree, node: NodeId) -> bool {
    kind(tree, node).is_some() || MODULE.iter().any(|name| tree.compatible(node, name))
}

/// As [`is_one`], in the words of any form, also if they name a kind that is not known here.
pub(super) fn is_one_in_any_form(tree: &Tree, node: NodeId) -> bool {
    let is_word = |name: &str| name.starts_with("multiboot,") || name.starts_with("module,");
    is_one(tree, node) || tree.strings(node, "compatible").any(is_word)
}

/// A number of cells that `node`'s children have: what the nearest node from it upwards says, as Xen goes by, not only `node` itself.
pub(super) fn inherited_cells(tree: &Tree, node: NodeId, name: &str) -> Option<u32> {
    core::iter::successors(Some(node), |at| tree.parent(*at)).find_map(|at| tree.u32(at, name))
}

/// How many cells addresses and sizes below `node` have: as it says, else as the next node above does that says so, which is how Xen
/// reads it (the specification would have 2 and 1).
#[must_use]
pub fn cells(tree: &Tree, node: NodeId) -> (u32, u32) {
    let inherited = |name, default| inherited_cells(tree, node, name).unwrap_or(default);
    (inherited("#address-cells", 2), inherited("#size-cells", 1))
}

/// Writes [`cells`] into the node itself where it does not say them, so that everybody reads the same; gives them, and a warning if it
/// did not say them.
///
/// # Errors
/// [`EditError`] if the tree has no room.
pub fn spell_out_cells(tree: &mut Tree, node: NodeId) -> Result<((u32, u32), Option<Finding>), EditError> {
    let (address, size) = cells(tree, node);
    let both = [("#address-cells", address), ("#size-cells", size)].into_iter();
    let missing: Vec<(&str, u32)> = both.filter(|(name, _)| tree.u32(node, name).is_none()).collect();
    // A new property comes first, so the last one goes in first.
    for (name, cells) in missing.iter().rev() {
        tree.set_u32(node, name, *cells)?;
    }
    let warning = (!missing.is_empty()).then(|| {
        let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
        Finding::warning(format_args!(
            "{} has no {}; Xen then goes by the node above: {address} and {size} cells, now written into it",
            tree.path(node),
            names.join(" and ")
        ))
    });
    Ok(((address, size), warning))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{cells, spell_out_cells};
    use crate::xen::testing::{printed, tree};

    /// One that cannot be read counts as missing: reading and writing `reg` go by the same cells then.
    #[test]
    fn cells_that_are_missing_are_written_and_told() {
        for (own, told) in [
            ("", Some("#address-cells and #size-cells")),
            ("#address-cells; ", Some("#address-cells and #size-cells")),
            ("#size-cells = <1>; ", Some("#address-cells")),
            ("#address-cells = <1>; #size-cells = <1>; ", None),
        ] {
            let mut tree = tree(&alloc::format!(
                "#address-cells = <1>; #size-cells = <1>; chosen {{ {own}}};"
            ));
            let chosen = tree.find("/chosen").unwrap();
            let (read, warning) = spell_out_cells(&mut tree, chosen).unwrap();
            assert_eq!((read, cells(&tree, chosen)), ((1, 1), (1, 1)), "{own}");
            assert_eq!((tree.address_cells(chosen), tree.size_cells(chosen)), (1, 1), "{own}");
            let told = told.map(|names| {
                alloc::format!(
                    "Warning: /chosen has no {names}; Xen then goes by the node above: 1 and 1 cells, now written into it"
                )
            });
            assert_eq!(warning.map(|warning| warning.to_string()), told);
            assert!(printed(&tree, "/chosen").contains("#address-cells = <0x00000001>;"));
        }
    }
}
