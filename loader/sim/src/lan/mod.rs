//! A local network in memory: a network device for the loader, and the machines that it talks to.

mod link;
mod tftp_server;

pub use link::{Chance, Faults, Link};
pub use tftp_server::{Datagram, Habits, TftpServer};
