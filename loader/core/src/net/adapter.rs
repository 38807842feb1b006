//! smoltcp's view of the device: frames come from a queue, and go out one by one.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use hal::NetDevice;
use smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
use smoltcp::time::Instant;

/// The longest frame: 1500 bytes behind an Ethernet header.
pub(super) const MAX_FRAME: usize = 1514;

pub(super) struct Adapter<'a> {
    pub(super) device: &'a mut dyn NetDevice,
    pub(super) inbox: &'a mut VecDeque<Vec<u8>>,
}

pub(super) struct Received(Vec<u8>);

pub(super) struct Sender<'a>(&'a mut dyn NetDevice);

impl Device for Adapter<'_> {
    type RxToken<'a>
        = Received
    where
        Self: 'a;
    type TxToken<'a>
        = Sender<'a>
    where
        Self: 'a;

    fn receive(&mut self, _now: Instant) -> Option<(Received, Sender<'_>)> {
        let frame = self.inbox.pop_front()?;
        Some((Received(frame), Sender(self.device)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Sender<'_>> {
        Some(Sender(self.device))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = MAX_FRAME;
        capabilities
    }
}

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl TxToken for Sender<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let result = write(&mut frame);
        // A frame that the device does not take is lost, as on a wire.
        let _ = self.0.transmit(len, &mut |place| {
            if place.len() == frame.len() {
                place.copy_from_slice(&frame);
            }
        });
        result
    }
}
