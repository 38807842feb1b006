//! The network: protocols as state machines without sockets or clock, and the stack that runs them over a device.
//!
//! ```text
//! fetch, store (TFTP)  download (HTTP)  dhcp  dns  sntp  ping      a conversation: what to send, what to do with what comes
//!        |                     |
//! exchange                      |            the interface between conversation and stack
//!        |                     |
//! stack -------------------- smoltcp         frames to whom they are for; ARP, ICMP, TCP, routes
//!        |
//! frame, checksum                            what the stack reads and writes itself
//!        |
//! hal::NetDevice
//! ```

mod adapter;
pub mod checksum;
pub mod dhcp;
pub mod dns;
mod download;
mod echo;
pub mod exchange;
mod fetch;
pub mod frame;
pub mod http;
mod pace;
mod query;
pub mod settings;
pub mod sntp;
mod stack;
mod store;
pub mod tftp;

pub use download::{DownloadError, Downloaded};
pub use fetch::{Fetch, FetchError};
pub use settings::Settings;
pub use stack::{NetError, Network};
pub use store::Store;
