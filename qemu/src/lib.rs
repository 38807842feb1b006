//! How each machine, its network, its disks and its guests are started in QEMU: the one place that knows.
//!
//! Host code. [`Machine`] turns a description in `machines/NAME.toml` into a command line, [`Console`] talks to the
//! machine that runs, [`Guests`] knows the files that `scripts/setup` fetched, and [`Scenario`] puts them into a TFTP
//! folder with the device tree that belongs to them. Tests, benchmark and the program `qemu` are built on these.

pub mod boots;
mod console;
pub mod disks;
pub mod document;
pub mod dts;
pub mod forms;
pub mod generated;
mod guests;
mod initramfs;
mod machine;
pub mod network;
pub mod passthrough;
pub mod processor_time;
mod scenario;
pub mod slips;
mod tools;

pub use console::{Console, Error as ConsoleError};
pub use guests::{Error as GuestsError, GuestReport, Guests};
pub use machine::{Error as MachineError, Firmware, Machine, Nic, NicModel};
pub use scenario::{Error as ScenarioError, ImageKind, Scenario};
pub use tools::Error as ToolError;
