//! SD cards, MMC cards and soldered eMMC, and the host controllers that they are behind.
//!
//! * `host` is what a controller does for a card: commands, data, clock, width of the bus.
//! * `card` identifies a card on any host, and knows its registers. "SD" stands for the "SD Specifications, Part 1, Physical Layer
//!   Simplified Specification, Version 9.00", "eMMC" for JEDEC JESD84-B51.
//! * [`sdhci`] is the one kind of host here: the "SD Specifications, Part A2, SD Host Controller Simplified Specification, Version 4.20",
//!   cited as "HC".
//! * [`slot`] makes a block device of a host and the card in it.

mod card;
mod command;
mod host;
pub mod sdhci;
pub mod slot;

#[cfg(test)]
pub(crate) mod model;
