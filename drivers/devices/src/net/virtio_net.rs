//! The virtio network device (virtio 1.2, section 5.1), on any transport.
//!
//! Received frames are handed out where the device put them, and their buffers go back one by one; the device is
//! notified only when it asks for that, which QEMU does when it has run out of buffers. Interrupts stay off. 256
//! buffers hold a TFTP window of 64 blocks with room for what else is on the wire.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use core::time::Duration;

use hal::net::TransmitError;
use hal::{Clock, MacAddr, NetDevice, Platform};

use crate::net::address::Own;
use crate::net::{address, check_frame};
use crate::virtio::queue::{Direction, Queue, Shape};
use crate::virtio::{self, Transport, VERSION_1, VirtioError};
use crate::wait::wait_until;

/// The device has an address of its own (5.1.3).
const FEATURE_MAC: u64 = 1 << 5;
/// The device tells whether the link is up (5.1.3).
const FEATURE_STATUS: u64 = 1 << 16;
/// Offset of the link status in the device's configuration, and its bit for "up" (5.1.4).
const CONFIG_STATUS: usize = 6;
const LINK_UP: u16 = 1;

/// The header before each frame (5.1.6): the one before 1.0 lacks the count of buffers.
const LEGACY_HEADER: usize = 10;
const HEADER: usize = 12;

const RECEIVE: Shape = Shape {
    number: 0,
    buffers: 256,
    buffer_bytes: 2048,
    direction: Direction::FromDevice,
};
const TRANSMIT: Shape = Shape {
    number: 1,
    buffers: 64,
    buffer_bytes: 2048,
    direction: Direction::ToDevice,
};

/// How long a frame waits for a transmit buffer. A gigabit wire sends all 64 within a millisecond.
const TRANSMIT_LIMIT: Duration = Duration::from_millis(100);

/// A virtio network device that runs.
pub struct VirtioNet {
    name: String,
    own: Own,
    transport: Box<dyn Transport>,
    clock: Rc<dyn Clock>,
    receive: Queue,
    transmit: Queue,
    /// Transmit buffers that were used so far, up to their count: those above were never with the device.
    fresh: u16,
    header: usize,
    tells_link: bool,
    running: bool,
}

impl VirtioNet {
    /// Resets the device behind `transport` and starts it under the name `name`.
    ///
    /// # Errors
    /// [`VirtioError`] if the device does not do what the standard asks, or there is no memory. It is left reset.
    pub fn start(
        name: String,
        mut transport: Box<dyn Transport>,
        platform: &dyn Platform,
    ) -> Result<Self, VirtioError> {
        let clock = platform.clock();
        match Self::bring_up(transport.as_mut(), platform, clock.as_ref()) {
            Ok((features, receive, transmit)) => {
                let legacy = features & VERSION_1 == 0;
                let header = if legacy { LEGACY_HEADER } else { HEADER };
                let own = address::own(mac(transport.as_ref(), features), clock.as_ref());
                let tells_link = features & FEATURE_STATUS != 0;
                Ok(Self {
                    name,
                    own,
                    transport,
                    clock,
                    receive,
                    transmit,
                    fresh: 0,
                    header,
                    tells_link,
                    running: true,
                })
            }
            Err(error) => {
                // The error that stopped the start says more than a reset that fails after it.
                let _ = virtio::reset(transport.as_mut(), clock.as_ref());
                transport.detach();
                Err(error)
            }
        }
    }

    fn bring_up(
        transport: &mut dyn Transport,
        platform: &dyn Platform,
        clock: &dyn Clock,
    ) -> Result<(u64, Queue, Queue), VirtioError> {
        let features = virtio::negotiate(transport, clock, FEATURE_MAC | FEATURE_STATUS)?;
        let mut receive = Queue::start(RECEIVE, transport, platform)?;
        let transmit = Queue::start(TRANSMIT, transport, platform)?;
        for buffer in 0..receive.count() {
            receive.offer(buffer, RECEIVE.buffer_bytes);
        }
        virtio::start(transport);
        if receive.publish() {
            transport.notify(RECEIVE.number);
        }
        Ok((features, receive, transmit))
    }

    /// A transmit buffer that the device does not have, if there is one now.
    fn free_buffer(queue: &mut Queue, fresh: &mut u16) -> Option<u16> {
        if let Some(used) = queue.take_used() {
            return Some(used.buffer);
        }
        let buffer = *fresh;
        (buffer < queue.count()).then(|| *fresh += 1)?;
        Some(buffer)
    }
}

/// The device's address, if it has one.
fn mac(transport: &dyn Transport, features: u64) -> Option<MacAddr> {
    (features & FEATURE_MAC != 0).then(|| MacAddr(core::array::from_fn(|index| transport.config8(index))))
}

impl NetDevice for VirtioNet {
    fn name(&self) -> &str {
        &self.name
    }

    fn mac(&self) -> MacAddr {
        self.own.mac
    }

    fn mac_is_made_up(&self) -> bool {
        self.own.made_up
    }

    fn link_up(&mut self) -> bool {
        !self.tells_link || self.transport.config16(CONFIG_STATUS) & LINK_UP != 0
    }

    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool {
        if !self.running {
            return false;
        }
        let Some(used) = self.receive.take_used() else {
            return false;
        };
        // A frame shorter than its header is the device's mistake: it counts as received, and nobody gets it.
        if let Some(frame) = self
            .receive
            .bytes(used.buffer, used.len)
            .and_then(|bytes| bytes.get(self.header..))
        {
            sink(frame);
        }
        self.receive.offer(used.buffer, RECEIVE.buffer_bytes);
        if self.receive.publish() {
            self.transport.notify(RECEIVE.number);
        }
        true
    }

    fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), TransmitError> {
        check_frame(self.running, len)?;
        let (queue, fresh) = (&mut self.transmit, &mut self.fresh);
        let mut free = None;
        wait_until(self.clock.as_ref(), TRANSMIT_LIMIT, || {
            free = Self::free_buffer(queue, fresh);
            free.is_some()
        });
        let buffer = free.ok_or(TransmitError::Busy)?;
        // The header asks for nothing: it stays all zero, as the memory was given out, since a device only reads these
        // buffers.
        let total = self.header.saturating_add(len);
        if let Some(frame) = queue
            .bytes_mut(buffer, total)
            .and_then(|bytes| bytes.get_mut(self.header..))
        {
            fill(frame);
        }
        queue.offer(buffer, total);
        if queue.publish() {
            self.transport.notify(TRANSMIT.number);
        }
        Ok(())
    }

    fn shutdown(&mut self) {
        if self.running {
            self.running = false;
            // There is nobody left to tell; detaching is what stops a PCI device that does not reset.
            let _ = virtio::reset(self.transport.as_mut(), self.clock.as_ref());
            self.transport.detach();
        }
    }
}

#[cfg(test)]
mod tests;
