//! The loader as a host program: the same core as the firmware, over folders, files and a simulated network.
//!
//! [`run()`] is the program; [`machine`] is a small machine for tests of the network commands.
#![forbid(unsafe_code)]

mod board_tree;
mod card;
mod clocks;
pub mod disk;
mod drawing;
mod environment;
mod flash;
mod host_console;
mod input;
pub mod lan;
pub mod machine;
pub mod options;
mod output;
mod power;
mod ram;
mod report;
pub mod run;
mod script;
mod simulation;

pub use run::run;
