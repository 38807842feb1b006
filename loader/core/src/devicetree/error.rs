//! What can go wrong with a devicetree.

use super::{MAX_BLOCK_LEN, MAX_DEPTH, MAX_NAME_LEN, MAX_NODES, MAX_PROPERTIES, MAX_REFERENCES, MAX_RESERVATIONS};
use alloc::string::String;
use thiserror::Error;

/// A blob is not a devicetree: what is wrong, and at which byte of the blob.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the devicetree is not usable: {kind} (at offset {offset:#x})")]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Byte of the blob where it was seen.
    pub offset: usize,
}

/// What is wrong with a blob.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseErrorKind {
    /// Fewer bytes than a header has.
    #[error("{0} bytes are too few for a header of 40")]
    NoHeader(usize),
    /// The first word is not the magic number.
    #[error("magic number {0:#010x} instead of 0xd00dfeed")]
    BadMagic(u32),
    /// The header announces more bytes than were given.
    #[error("the header says {announced:#x} bytes, {given:#x} are there")]
    Truncated {
        /// `totalsize` of the header.
        announced: u32,
        /// Bytes that the caller has.
        given: usize,
    },
    /// Version 17 cannot read it.
    #[error("format version {version} (compatible with {last_compatible}), only 17 is supported")]
    BadVersion {
        /// `version` of the header.
        version: u32,
        /// `last_comp_version` of the header.
        last_compatible: u32,
    },
    /// A block of the header is not inside the blob.
    #[error("the {block} block ({size:#x} bytes at {start:#x}) is outside of the blob")]
    BlockOutside {
        /// Which block.
        block: &'static str,
        /// Its offset.
        start: u32,
        /// Its size.
        size: u32,
    },
    /// A block is larger than this loader handles.
    #[error("the {block} block has {size:#x} bytes, the limit is {MAX_BLOCK_LEN:#x}")]
    BlockTooLarge {
        /// Which block.
        block: &'static str,
        /// Its size.
        size: u32,
    },
    /// The structure block is not aligned to 4.
    #[error("the structure block starts at {0:#x}, which is no multiple of 4")]
    Misaligned(u32),
    /// The memory reservation block has no end, or too many entries.
    #[error("the memory reservations do not end within {MAX_RESERVATIONS} entries and the blob")]
    UnendedReservations,
    /// A reservation goes beyond 64 bits.
    #[error("memory reservation {address:#x} + {size:#x} goes beyond the address space")]
    BadReservation {
        /// Start of the reservation.
        address: u64,
        /// Its size in bytes.
        size: u64,
    },
    /// The structure block ends in the middle of something.
    #[error("the structure block ends inside of {0}")]
    UnexpectedEnd(&'static str),
    /// A word of the structure block is no token.
    #[error("{0:#x} is no token of the structure block")]
    BadToken(u32),
    /// A token stands where it may not.
    #[error("a {0} token where none may stand")]
    MisplacedToken(&'static str),
    /// The root node has a name.
    #[error("the root node has a name")]
    NamedRoot,
    /// Bytes follow the end token.
    #[error("{0} bytes after the end token")]
    TrailingData(usize),
    /// A name is empty, too long, or has characters that no name has.
    #[error("a {0} name is empty, longer than {MAX_NAME_LEN} or not printable")]
    BadName(&'static str),
    /// A node has two children of the same name.
    #[error("two nodes are called {0}")]
    DuplicateNode(String),
    /// A node has two properties of the same name.
    #[error("a node has two properties called {0}")]
    DuplicateProperty(String),
    /// Too many nodes inside one another.
    #[error("nodes are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// Too many nodes.
    #[error("more than {MAX_NODES} nodes")]
    TooManyNodes,
    /// Too many properties.
    #[error("more than {MAX_PROPERTIES} properties")]
    TooManyProperties,
}

/// An edit that would leave the tree invalid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// The node was removed, or belongs to another tree.
    #[error("the node is no longer in the tree")]
    NoNode,
    /// The name may not stand for a node.
    #[error("'{0}' cannot be the name of a node")]
    BadNodeName(String),
    /// The name may not stand for a property.
    #[error("'{0}' cannot be the name of a property")]
    BadPropertyName(String),
    /// The parent has a child of that name.
    #[error("{parent} already has a node '{name}'")]
    NodeExists {
        /// Path of the parent.
        parent: String,
        /// Name of the child.
        name: String,
    },
    /// The node has no such property.
    #[error("{node} has no property '{name}'")]
    NoProperty {
        /// Path of the node.
        node: String,
        /// Name of the property.
        name: String,
    },
    /// The root can neither be renamed nor removed.
    #[error("the root node can be neither renamed nor removed")]
    Root,
    /// The new node would be too deep.
    #[error("a node below {0} would be more than {MAX_DEPTH} deep")]
    TooDeep(String),
    /// The tree is full.
    #[error("the tree already has {MAX_NODES} nodes")]
    TooManyNodes,
    /// The memory reservation block is full.
    #[error("the tree already has {MAX_RESERVATIONS} memory reservations")]
    TooManyReservations,
    /// The reservation is empty or goes beyond 64 bits.
    #[error("memory reservation {address:#x} + {size:#x} is empty or goes beyond the address space")]
    BadReservation {
        /// Start of the reservation.
        address: u64,
        /// Its size in bytes.
        size: u64,
    },
}

/// A path that names no node.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PathError {
    /// No node of that name.
    #[error("{path}: {parent} has no node '{component}'")]
    NotFound {
        /// The path as given.
        path: String,
        /// Path of the last node that was found.
        parent: String,
        /// The component that was not.
        component: String,
    },
    /// A name without unit address fits several nodes.
    #[error("{path}: {parent} has several nodes '{component}@...', say which")]
    Ambiguous {
        /// The path as given.
        path: String,
        /// Path of the last node that was found.
        parent: String,
        /// The component that fits several nodes.
        component: String,
    },
    /// A path without leading `/` that starts with no alias.
    #[error("{path}: '{alias}' is no alias in /aliases and the path does not start with '/'")]
    NoAlias {
        /// The path as given.
        path: String,
        /// Its first component.
        alias: String,
    },
}

/// Addresses and sizes that do not fit the cells of their node.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RegError {
    /// The parent announces a number of cells that no 64-bit number has.
    #[error("{node}: {name} is {count}, only {min} to 3 can be used")]
    BadCellCount {
        /// Path of the node with the property.
        node: String,
        /// `#address-cells` or `#size-cells`.
        name: &'static str,
        /// The count it announces.
        count: u32,
        /// Least count that can be used.
        min: u32,
    },
    /// The property is no whole number of entries.
    #[error("{node}: {name} has {len} bytes, which is no multiple of {entry_len} (the cells of its parent)")]
    BadLength {
        /// Path of the node.
        node: String,
        /// Name of the property.
        name: String,
        /// Length of the property in bytes.
        len: usize,
        /// Length of an entry in bytes.
        entry_len: usize,
    },
    /// A number of three cells does not fit 64 bits.
    #[error("{node}: {name} holds a number of more than 64 bits")]
    TooLarge {
        /// Path of the node.
        node: String,
        /// Name of the property.
        name: String,
    },
    /// A number does not fit the cells of the node that is to hold it.
    #[error("{value:#x} does not fit the {count} cell(s) that {name} of {node} gives it")]
    DoesNotFit {
        /// Path of the node whose cells are too few.
        node: String,
        /// `#address-cells` or `#size-cells`.
        name: &'static str,
        /// Its value.
        count: u32,
        /// The number.
        value: u64,
    },
}

/// A tree that cannot be written as a blob.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EmitError {
    /// The writer refused.
    #[error("the devicetree cannot be written: {0}")]
    Writer(String),
    /// The blob would have more than 4 GiB.
    #[error("the devicetree would not fit 32-bit offsets")]
    TooLarge,
    /// One of the blocks would be larger than what can be read again.
    #[error("the {block} block would have {size:#x} bytes, the limit is {MAX_BLOCK_LEN:#x}")]
    BlockTooLarge {
        /// Which block.
        block: &'static str,
        /// Its size in bytes.
        size: u32,
    },
}

/// Words that are no value for a property.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValueError {
    /// No 32-bit number.
    #[error("Sorry, I could not convert \"{0}\": a cell is a number of 32 bits, decimal or hexadecimal after 0x")]
    BadCell(String),
    /// No byte.
    #[error("Sorry, I could not convert \"{0}\": a byte is two hexadecimal digits")]
    BadByte(String),
    /// A `?` where the property has no cell to keep.
    #[error("Sorry, I could not convert \"?\": the property has {len} bytes, so there is no cell {index} to keep")]
    NoPresentCell {
        /// The cell's index.
        index: usize,
        /// Bytes that the property has.
        len: usize,
    },
    /// Text right after a bracket.
    #[error("Unexpected character after a bracket: \"{0}\", a string is a word of its own")]
    AfterBracket(String),
    /// The value ends inside of a bracket.
    #[error("'{0}' is not closed")]
    Unclosed(char),
}

/// Why an overlay does not fit a base.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OverlayError {
    /// A tree that is no overlay.
    #[error("it is no overlay: no node below / has an __overlay__")]
    NoFragment,
    /// A fragment without a target.
    #[error("{fragment} has neither target nor target-path")]
    NoTarget {
        /// The fragment's node.
        fragment: String,
    },
    /// A target that the base has not.
    #[error("{fragment} is for {path}, and the base has no such node")]
    NoTargetPath {
        /// The fragment's node.
        fragment: String,
        /// Its `target-path`.
        path: String,
    },
    /// A target that the base has not.
    #[error("{fragment} is for the node with phandle {phandle:#x}, and the base has none")]
    NoTargetPhandle {
        /// The fragment's node.
        fragment: String,
        /// Its `target`.
        phandle: u32,
    },
    /// The overlay refers to labels and the base has none.
    #[error(
        "the overlay refers to the label '{label}' and the base has no /__symbols__: compile the base with dtc -@, or use target-path"
    )]
    NoSymbols {
        /// The first label.
        label: String,
    },
    /// The overlay refers to a label that the base has not.
    #[error("the overlay refers to the label '{label}', and the base has none of that name in /__symbols__")]
    NoSymbol {
        /// The label.
        label: String,
    },
    /// A label of the base that leads nowhere.
    #[error("the base's label '{label}' is for {path}, and there is no such node")]
    DeadSymbol {
        /// The label.
        label: String,
        /// What `/__symbols__` says.
        path: String,
    },
    /// An entry of `__fixups__` or `__local_fixups__` that does not fit.
    #[error("{table} has '{entry}', where there is no cell in the overlay")]
    BadFixup {
        /// The table.
        table: &'static str,
        /// The entry, or the path of its property.
        entry: String,
    },
    /// More references than anybody needs.
    #[error("the overlay has more than {MAX_REFERENCES} references")]
    TooManyReferences,
    /// No numbers left.
    #[error("the phandles of base and overlay together do not fit in 32 bits")]
    Phandles,
    /// The merge itself failed.
    #[error("{fragment}: {source}")]
    Edit {
        /// The fragment's node.
        fragment: String,
        /// What the base refused.
        source: EditError,
    },
}

impl OverlayError {
    /// The name that `libfdt` has for such an error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFragment | Self::NoTarget { .. } | Self::BadFixup { .. } | Self::TooManyReferences => {
                "FDT_ERR_BADOVERLAY"
            }
            Self::NoTargetPhandle { .. } => "FDT_ERR_BADPHANDLE",
            Self::NoTargetPath { .. } | Self::NoSymbols { .. } | Self::NoSymbol { .. } | Self::DeadSymbol { .. } => {
                "FDT_ERR_NOTFOUND"
            }
            Self::Phandles => "FDT_ERR_NOPHANDLES",
            Self::Edit { .. } => "FDT_ERR_NOSPACE",
        }
    }
}
