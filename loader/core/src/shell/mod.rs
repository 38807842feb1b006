//! The command language: U-Boot's dialect of hush.
//!
//! `lexer` cuts a script into words and operators, `parser` makes a tree ([`ast`]) of them, [`exec`] walks it and has [`expand`]
//! replace the variables of each command just before it runs. Where U-Boot's two parsers differ, the newer one is followed.
//!
//! Every size is bounded: a script by [`SOURCE_LIMIT`] and [`PIECE_LIMIT`], the depth of its commands and of scripts that run one another, the
//! words of a command after expansion. Ctrl-C ends any loop, since each command and each round polls for it.

pub mod ast;
pub mod error;
pub mod exec;
pub mod expand;
pub mod lexer;
pub mod lookup;
pub mod number;
pub mod parser;
pub mod regex;
pub mod span;

pub use exec::{State, execute};

/// The longest script, and the longest line that can be typed, in bytes.
pub const SOURCE_LIMIT: usize = 64 * 1024;

/// The most pieces (literal text, variables) that the words of all running scripts have together. A piece takes some 300 bytes of the heap
/// where the text has two, so that the text's length bounds too little.
pub const PIECE_LIMIT: usize = 16 * 1024;
