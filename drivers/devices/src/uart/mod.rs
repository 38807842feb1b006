//! Consoles.

pub mod pl011;
