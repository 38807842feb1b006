//! What tests of Ethernet controllers have in common.

use alloc::vec::Vec;

use hal::NetDevice;
use hal::net::TransmitError;

pub(super) const BROADCAST: [u8; 6] = [0xff; 6];

/// A frame of `len` bytes to `destination` that no other `seed` has.
pub(super) fn frame(destination: [u8; 6], len: usize, seed: u32) -> Vec<u8> {
    let rest = (0..).flat_map(|word: u32| (seed ^ word << 8).to_le_bytes());
    destination.into_iter().chain(rest).take(len).collect()
}

/// What one poll gives: a frame, nothing of what had come, or that nothing had.
pub(super) fn received(device: &mut dyn NetDevice) -> Option<Vec<u8>> {
    let mut frame = None;
    device
        .receive(&mut |bytes| frame = Some(bytes.to_vec()))
        .then(|| frame.unwrap_or_default())
}

pub(super) fn send(device: &mut dyn NetDevice, bytes: &[u8]) -> Result<(), TransmitError> {
    device.transmit(bytes.len(), &mut |frame| frame.copy_from_slice(bytes))
}
