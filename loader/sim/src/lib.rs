//! The loader as a host program: the same core as the firmware, over folders, files and a simulated network.
#![forbid(unsafe_code)]

pub mod lan;
pub mod machine;
