//! What runs over the network: an exchange takes frames and time, and puts packets into an outbox.

use core::net::SocketAddrV4;

use hal::{Instant, MacAddr};

use super::frame::Ipv4Frame;

/// The longest payload of a datagram that the loader sends: what fits a frame of 1500 bytes behind the headers of IPv4 and UDP.
pub const MAX_PAYLOAD: usize = 1472;

/// How far an exchange has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes received.
    pub received: u64,
    /// Bytes to receive in all, if known.
    pub size: Option<u64>,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// The user wants to stop.
    Stop,
}

/// Looks on while an exchange runs: shows progress and notices Ctrl-C.
pub trait Watch {
    /// Called about once a millisecond.
    fn tick(&mut self, now: Instant, progress: Progress) -> Flow;

    /// Called with a line about what happens, if there is something to say.
    fn note(&mut self, _line: &str) {}
}

/// How a packet finds its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Back to the Ethernet address that a packet came from, without asking for it.
    Reply(MacAddr),
    /// To everyone on the network.
    Broadcast,
    /// To whom ARP finds, through the gateway if need be.
    Lookup,
    /// The same, with ARP asked anew, because the last packet was not answered.
    LookupAgain,
}

/// A datagram's addresses.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// Our port.
    pub source_port: u16,
    /// Whom it is for.
    pub destination: SocketAddrV4,
    /// How it gets there.
    pub route: Route,
}

/// Room for one datagram.
#[derive(Debug)]
pub struct Outbox {
    buffer: [u8; MAX_PAYLOAD],
    waiting: Option<(Envelope, usize)>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            buffer: [0; MAX_PAYLOAD],
            waiting: None,
        }
    }
}

impl Outbox {
    /// Puts in a datagram whose payload `write` writes; it gives the length, or `None` for nothing.
    pub fn put(&mut self, envelope: Envelope, write: impl FnOnce(&mut [u8]) -> Option<usize>) {
        self.waiting = write(&mut self.buffer).map(|len| (envelope, len));
    }

    /// Takes the datagram out.
    pub fn take(&mut self) -> Option<(Envelope, &[u8])> {
        let (envelope, len) = self.waiting.take()?;
        Some((envelope, self.buffer.get(..len)?))
    }
}

/// A conversation with another machine, without a clock and without a network.
pub trait Exchange {
    /// Offers a frame. Gives whether it was for this exchange; then nobody else gets it.
    fn receive(&mut self, frame: &Ipv4Frame<'_>, now: Instant, outbox: &mut Outbox) -> bool;

    /// Lets time pass.
    fn poll(&mut self, now: Instant, outbox: &mut Outbox);

    /// Takes leave of the other side, since the user wants to stop.
    fn abort(&mut self, outbox: &mut Outbox);

    /// Whether it is over.
    fn is_over(&self) -> bool;

    /// How far it has come.
    fn progress(&self) -> Progress;
}
