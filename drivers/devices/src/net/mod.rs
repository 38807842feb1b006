//! Ethernet devices.

mod address;
pub mod gem;
mod phy;
pub mod virtio_net;
