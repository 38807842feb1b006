//! The network: protocols as state machines without sockets or clock, and the stack that runs them over a device.
//!
//! ```text
//! fetch (TFTP)  dhcp  ping      a conversation: what to send, what to do with what comes
//!        |
//! exchange                      the interface between conversation and stack
//!        |
//! stack ---- smoltcp            frames to whom they are for; ARP, ICMP, routes
//!        |
//! frame, checksum               what the stack reads and writes itself
//!        |
//! hal::NetDevice
//! ```

mod adapter;
pub mod checksum;
pub mod dhcp;
mod echo;
pub mod exchange;
mod fetch;
pub mod frame;
mod pace;
pub mod ram;
pub mod settings;
mod stack;
pub mod tftp;

pub use fetch::{Fetch, FetchError};
pub use settings::Settings;
pub use stack::{NetError, Network};
