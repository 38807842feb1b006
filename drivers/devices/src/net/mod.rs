//! Ethernet devices.

pub mod virtio_net;
