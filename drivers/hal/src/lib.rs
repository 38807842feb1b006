//! The boundary between the loader and the hardware: small object-safe traits, newtypes for what crosses them, and fakes.
//!
//! Nothing here holds logic or names a driver. `loader-core` is written against these traits, `devices` and `firmware`
//! implement them on hardware, [`fakes`] and the simulator on the host.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod addr;
pub mod block;
pub mod clock;
pub mod console;
pub mod dma;
pub mod flash;
pub mod net;
pub mod node;
pub mod platform;
pub mod ram;
pub mod registers;
pub mod reset;
pub mod system;
pub mod watchdog;

#[cfg(any(test, feature = "fakes"))]
pub mod fakes;

pub use addr::{PhysAddr, Region};
pub use block::{BlockDevice, BlockError, BlockIdx, ReadPiece};
pub use clock::{Clock, Deadline, Instant, Lull};
pub use console::Console;
pub use dma::{DmaMemory, StreamingDma};
pub use flash::Flash;
pub use net::{MacAddr, NetDevice};
pub use node::NodeInfo;
pub use platform::Platform;
pub use ram::Ram;
pub use registers::Registers;
pub use reset::Reset;
pub use system::{ExceptionLevel, Fault, HandOver, System, Width};
pub use watchdog::Watchdog;
