//! Ethernet devices.

mod address;
#[cfg(test)]
mod bench;
pub mod fec;
pub mod gem;
pub mod genet;
mod phy;
mod polls;
pub mod virtio_net;

use hal::net::TransmitError;

/// The longest frame: Ethernet's header and 1500 bytes.
const FRAME_LIMIT: usize = 1514;

/// Whether a device that is `running` can send a frame of `len` bytes at all.
fn check_frame(running: bool, len: usize) -> Result<(), TransmitError> {
    match len {
        _ if !running => Err(TransmitError::Stopped),
        ..=FRAME_LIMIT => Ok(()),
        _ => Err(TransmitError::TooLong {
            len,
            limit: FRAME_LIMIT,
        }),
    }
}
