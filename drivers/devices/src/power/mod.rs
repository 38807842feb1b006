//! Reset and power-off.

pub mod psci;
