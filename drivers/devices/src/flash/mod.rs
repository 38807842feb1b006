//! NOR flashes.

pub mod cfi;
