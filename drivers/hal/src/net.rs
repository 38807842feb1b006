//! Ethernet: frames in and out of a network device.

use core::fmt;

/// An IEEE 802 MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr(pub [u8; 6]);

impl fmt::Display for MacAddr {
    /// Lower-case hex with colons, as U-Boot prints `ethaddr`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// An Ethernet device. Frames are Ethernet II without the frame check sequence.
pub trait NetDevice {
    /// The name shown to people, for instance `virtio-net#0`.
    fn name(&self) -> &str;

    /// The device's own address.
    fn mac(&self) -> MacAddr;

    /// Whether nobody gave the device an address, and [`NetDevice::mac`] is one that the driver made up for this start.
    fn mac_is_made_up(&self) -> bool {
        false
    }

    /// Receives what is sent to `mac` from now on, in the place of the device's own address: a person may have given the machine
    /// another one. A device that receives everything does nothing.
    fn listen_to(&mut self, mac: MacAddr) {
        let _ = mac;
    }

    /// Whether the link is up. Devices that cannot tell say `true`.
    fn link_up(&mut self) -> bool;

    /// Hands the next received frame to `sink` in place and recycles its buffer. Returns whether there was one. Never waits.
    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool;

    /// Sends one frame of `len` bytes that `fill` writes in place.
    ///
    /// # Errors
    /// [`TransmitError`] if `len` is over the device's limit or no transmit buffer came free in a bounded time.
    fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), TransmitError>;

    /// Stops the device for good: no DMA, no interrupt after this returns.
    fn shutdown(&mut self);
}

/// Why a frame was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransmitError {
    /// The frame is longer than the device can send.
    TooLong {
        /// The length asked for, in bytes.
        len: usize,
        /// The longest that the device sends, in bytes.
        limit: usize,
    },
    /// All transmit buffers stayed in use until the deadline.
    Busy,
    /// The device was shut down.
    Stopped,
}

impl fmt::Display for TransmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, limit } => write!(f, "frame of {len} bytes is over the device's limit of {limit}"),
            Self::Busy => f.write_str("no transmit buffer came free: the device does not send"),
            Self::Stopped => f.write_str("the device was shut down"),
        }
    }
}

impl core::error::Error for TransmitError {}
