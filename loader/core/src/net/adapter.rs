//! smoltcp's view of the device: one received frame, in place, and a short queue of frames to send.
//!
//! smoltcp reads a frame where the device put it, so its answers cannot go to the device at once: they are queued, and sent when the
//! frame's buffer is back with the device.

use alloc::vec;
use alloc::vec::Vec;

use smoltcp::phy::{Checksum, Device, DeviceCapabilities, RxToken, TxToken};
use smoltcp::time::Instant;

/// The longest frame: 1500 bytes behind an Ethernet header.
pub(super) const MAX_FRAME: usize = 1514;

/// Frames that smoltcp may have made before they are sent.
const QUEUE: usize = 32;

/// Frames on their way from smoltcp to the device.
pub(super) type Queue = Vec<Vec<u8>>;

pub(super) struct Adapter<'a> {
    /// The frame that has come, until smoltcp takes it.
    pub(super) frame: Option<&'a [u8]>,
    /// What smoltcp sends.
    pub(super) queue: &'a mut Queue,
}

pub(super) struct Received<'a>(&'a [u8]);

pub(super) struct Sender<'a>(&'a mut Queue);

impl Device for Adapter<'_> {
    type RxToken<'a>
        = Received<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Sender<'a>
    where
        Self: 'a;

    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, Sender<'_>)> {
        let frame = self.frame.take()?;
        Some((Received(frame), Sender(self.queue)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Sender<'_>> {
        (self.queue.len() < QUEUE).then_some(Sender(self.queue))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = MAX_FRAME;
        // Verified before smoltcp sees the segment, with words instead of byte pairs.
        capabilities.checksum.tcp = Checksum::Tx;
        capabilities
    }
}

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

impl TxToken for Sender<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let result = write(&mut frame);
        self.0.push(frame);
        result
    }
}
