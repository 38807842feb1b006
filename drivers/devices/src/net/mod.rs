//! Ethernet devices.

mod address;
#[cfg(test)]
mod bench;
pub mod gem;
pub mod genet;
mod phy;
pub mod virtio_net;
