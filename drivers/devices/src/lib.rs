//! Device drivers, one file per IP block, named after the IP block and never after a board.
//!
//! A driver sees the traits of `hal` and nothing else: [`hal::Registers`] for its registers, [`hal::DmaMemory`] for
//! what it shares with the device, [`hal::Clock`] for deadlines. The firmware crate implements them on hardware; that
//! is where the unsafe code is. Hence every driver here runs in `cargo test` against a model of its device. [`probe`]
//! finds the devices: one sorted table.
//!
//! Rules that hold for all of them: every wait has a deadline; a device is reset before it is given memory; `shutdown`
//! leaves it without DMA and without interrupts; nothing that a device says is an index or a length before it is
//! checked.
//!
//! # Crates taken and not taken
//!
//! * [`uart::pl011`] stands on `arm-pl011-uart`. The crate named `arm-pl011` needs unstable features that no longer
//!   exist; Arm's own `arm-pl011-uart` is its living successor.
//! * [`virtio`] is ours. `virtio-drivers` 0.13 would have us raise an interrupt and, often, take an exit for a kick per
//!   received frame (with `VIRTIO_F_EVENT_IDX`, which it always accepts, it compares `avail_event` by `>=` and always
//!   asks for interrupts); it waits without a limit when a PCI device or a queue is reset; it indexes and unwraps with
//!   numbers from the device. A split virtqueue over [`hal::DmaMemory`] is little code, and none of it unsafe.
//! * [`mmc`] decodes CID and CSD of SD cards with `embedded-sdmmc-types`, but for two of its functions: the count of blocks of a CSD
//!   overflows for numbers that a card can say, so the count is taken from that of bytes. MMC cards it does not know, and commands are plain
//!   numbers here: it lacks a third of them.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

extern crate alloc;

/// The accesses of [`hal::Registers`] that a model of a device refuses whose registers are words.
#[cfg(test)]
macro_rules! words_only {
    () => {
        fn read8(&self, offset: usize) -> u8 {
            panic!("8 bits are read at {offset:#x}")
        }
        fn read16(&self, offset: usize) -> u16 {
            panic!("16 bits are read at {offset:#x}")
        }
        fn write8(&self, offset: usize, _value: u8) {
            panic!("8 bits are written at {offset:#x}")
        }
        fn write16(&self, offset: usize, _value: u16) {
            panic!("16 bits are written at {offset:#x}")
        }
    };
}

pub mod block;
pub mod cache_lines;
pub mod flash;
pub mod gic;
pub mod mmc;
pub mod net;
pub mod pci;
pub mod probe;
pub mod registers;
pub mod reset;
pub mod uart;
pub mod virtio;
mod wait;
pub mod watchdog;
