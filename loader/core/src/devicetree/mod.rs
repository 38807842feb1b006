//! Devicetrees: a mutable [`Tree`], read from and written to the flattened format (DTB).
//!
//! The format is that of the Devicetree Specification v0.4, chapter 5. A blob comes from a server, a card or earlier
//! firmware and is not trusted: [`Tree::parse`] checks all of it once, within the limits below, and what it returns is
//! a plain data structure on which no accessor can fail for the blob's sake.

mod device;
mod edit;
mod emit;
mod error;
mod header;
mod in_place;
mod overlay;
mod parse;
mod path;
mod print;
mod reg;
mod tree;
mod value;

pub(crate) use emit::announce;
pub use error::{EditError, EmitError, OverlayError, ParseError, ParseErrorKind, PathError, RegError, ValueError};
pub use fdt::FdtHeader;
pub use header::parse_header;
pub use in_place::{add_in_place, set_in_place};
pub use parse::{Outline, Places, outline, property_offset};
pub(crate) use print::strings_of;
pub use print::{PrintNode, PrintValue};
pub(crate) use reg::number;
pub use tree::{NodeId, NodeIter, Reservation, Tree};
pub use value::parse_value;

#[cfg(test)]
mod tests;

/// Nodes inside one another, the root included. The same as in Linux and `vm-fdt`; real trees stay below 12.
pub const MAX_DEPTH: usize = 64;
/// Nodes in a tree. The largest of the 1,600 trees of Debian's kernel has 1,112. This and the next two bound what a tree takes of the
/// loader's heap of 15.5 MiB, where nothing could be done about a lack of room.
pub const MAX_NODES: usize = 1 << 13;
/// Properties in a tree, over all nodes; at most 4,648 in the same trees.
pub const MAX_PROPERTIES: usize = 1 << 15;
/// Bytes in the name of a node or a property. The specification says 31 before the unit address; real trees have more.
pub const MAX_NAME_LEN: usize = 127;
/// Bytes in the structure block, and in the strings block. Xen and Linux take blobs of 2 MiB at most.
pub const MAX_BLOCK_LEN: usize = 2 << 20;
/// Entries in the memory reservation block.
pub const MAX_RESERVATIONS: usize = 1024;
/// References that an overlay may have to labels of its base, and as many within itself; real ones have some dozens.
pub const MAX_REFERENCES: usize = 1 << 14;

/// `true` if `name` may stand as the name of a node below the root.
///
/// Wider than section 2.2.1 of the specification, since real trees are; but always printable, so that a name cannot
/// steer the terminal it is shown on, and without `/`, so that each node has one path.
pub(crate) fn is_node_name(name: &str) -> bool {
    is_name(name) && !name.contains('/')
}

/// `true` if `name` may stand as the name of a property.
pub(crate) fn is_property_name(name: &str) -> bool {
    is_name(name)
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_LEN).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}
