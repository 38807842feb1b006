//! Ethernet devices.

pub mod gem;
pub mod virtio_net;
