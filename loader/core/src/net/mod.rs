//! The network: protocols as state machines without sockets or clock.

pub mod tftp;
