//! A DHCP client (RFC 2131) for one lease, as a state machine: discover, offer, request, acknowledgement.
//!
//! The lease is used as long as the loader runs and is not renewed. Of several offers the first valid one counts.

mod lease;
mod message;

use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;

use hal::{Instant, MacAddr};
use smoltcp::wire::{DhcpMessageType, DhcpPacket};
use thiserror::Error;

use super::exchange::{Envelope, Exchange, Outbox, Progress, Route, Watch};
use super::frame::Ipv4Frame;
use super::settings::Settings;
use super::stack::{NetError, Network};
pub use lease::Lease;
use message::Answer;

/// The server's port (RFC 2131 section 4.1).
pub const SERVER_PORT: u16 = 67;

/// The client's port (RFC 2131 section 4.1).
pub const CLIENT_PORT: u16 = 68;

/// The first wait for an answer; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(500);

const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// How long it may take in all.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a request is repeated before another offer is looked for.
const REQUESTS: u8 = 4;

/// Why the servers were of no help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DhcpError {
    /// Nobody offered an address that could be used.
    #[error("Retry count exceeded: no DHCP server gave an address within {} s ({broadcasts} broadcasts)", PATIENCE.as_secs())]
    NoAnswer {
        /// How often was asked.
        broadcasts: u32,
    },
}

#[derive(Clone, Copy, Debug)]
enum State {
    Discovering,
    /// An address was offered by a server, and asked for some times.
    Requesting {
        address: Ipv4Addr,
        server: Ipv4Addr,
        tries: u8,
    },
}

/// The client.
#[derive(Debug)]
pub struct Client {
    mac: MacAddr,
    transaction: u32,
    state: State,
    started: Instant,
    again_at: Instant,
    wait: Duration,
    broadcasts: u32,
    result: Option<Result<Lease, DhcpError>>,
}

impl Client {
    /// A client that begins at `now`. `transaction` should differ from start to start.
    #[must_use]
    pub fn new(mac: MacAddr, transaction: u32, now: Instant) -> Self {
        let (started, again_at) = (now, now);
        let state = State::Discovering;
        Self {
            mac,
            transaction,
            state,
            started,
            again_at,
            wait: FIRST_WAIT,
            broadcasts: 0,
            result: None,
        }
    }

    /// How many DISCOVER messages were sent.
    #[must_use]
    pub fn broadcasts(&self) -> u32 {
        self.broadcasts
    }

    /// How it ended; `None` while it runs.
    #[must_use]
    pub fn result(&self) -> Option<&Result<Lease, DhcpError>> {
        self.result.as_ref()
    }

    /// Takes a message that came to [`CLIENT_PORT`]. What is not the answer to the last question changes nothing.
    pub fn take(&mut self, message: &[u8], now: Instant) {
        let Some(packet) = DhcpPacket::new_checked(message).ok() else {
            return;
        };
        let Some(answer) = Answer::parse(&packet, self.mac, self.transaction) else {
            return;
        };
        match (self.state, answer.kind) {
            _ if self.result.is_some() => {}
            (State::Discovering, DhcpMessageType::Offer) => {
                if let (Some(address), Some(server)) = (answer.address, answer.server) {
                    self.state = State::Requesting {
                        address,
                        server,
                        tries: 0,
                    };
                    self.ask_at(now);
                }
            }
            (State::Requesting { server, .. }, DhcpMessageType::Ack) if answer.server == Some(server) => {
                self.result = Lease::read(&packet, server).map(Ok);
            }
            (State::Requesting { server, .. }, DhcpMessageType::Nak) if answer.server == Some(server) => {
                self.discover(now + self.wait);
            }
            _ => {}
        }
    }

    /// Writes the message that is due at `now` into `buffer` and gives its length; `None` if none is.
    pub fn poll(&mut self, now: Instant, buffer: &mut [u8]) -> Option<usize> {
        if self.result.is_some() {
            return None;
        }
        // First: a server that offers and refuses for ever puts the next question off each time.
        if now.since(self.started) >= PATIENCE {
            self.result = Some(Err(DhcpError::NoAnswer {
                broadcasts: self.broadcasts,
            }));
            return None;
        }
        if now < self.again_at {
            return None;
        }
        if matches!(self.state, State::Requesting { tries: REQUESTS, .. }) {
            self.discover(now);
        }
        let offer = match &mut self.state {
            State::Discovering => {
                self.broadcasts = self.broadcasts.saturating_add(1);
                None
            }
            State::Requesting { address, server, tries } => {
                *tries = tries.saturating_add(1);
                Some((*address, *server))
            }
        };
        self.again_at = now + self.wait;
        self.wait = self.wait.saturating_mul(2).min(LONGEST_WAIT);
        let seconds = u16::try_from(now.since(self.started).as_secs()).unwrap_or(u16::MAX);
        message::write(buffer, self.mac, (self.transaction, seconds), offer)
    }

    fn ask_at(&mut self, when: Instant) {
        self.wait = FIRST_WAIT;
        self.again_at = when;
    }

    /// Looks for another offer, under a new transaction so that late answers to the old one do not count.
    fn discover(&mut self, when: Instant) {
        self.state = State::Discovering;
        self.transaction = self.transaction.wrapping_add(1);
        self.ask_at(when);
    }
}

impl Exchange for Client {
    fn receive(&mut self, frame: &Ipv4Frame<'_>, now: Instant, _outbox: &mut Outbox) -> bool {
        let Some(datagram) = frame.datagram() else { return false };
        if (datagram.source.port(), datagram.destination.port()) != (SERVER_PORT, CLIENT_PORT) {
            return false;
        }
        if let Some(payload) = datagram.verified() {
            self.take(payload, now);
        }
        true
    }

    fn poll(&mut self, now: Instant, outbox: &mut Outbox) {
        let destination = SocketAddrV4::new(Ipv4Addr::BROADCAST, SERVER_PORT);
        let envelope = Envelope {
            source_port: CLIENT_PORT,
            destination,
            route: Route::Broadcast,
        };
        outbox.put(envelope, |buffer| Self::poll(self, now, buffer));
    }

    fn abort(&mut self, _outbox: &mut Outbox) {}

    fn is_over(&self) -> bool {
        self.result.is_some()
    }

    /// The number of broadcasts stands for the bytes: there is no other progress to show.
    fn progress(&self) -> Progress {
        Progress {
            received: self.broadcasts.into(),
            size: None,
        }
    }
}

/// Why there is no lease.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LeaseError {
    /// The network cannot be used.
    #[error(transparent)]
    Network(#[from] NetError),
    /// No server helped.
    #[error(transparent)]
    Dhcp(#[from] DhcpError),
}

impl Network {
    /// Asks for a lease as the device `mac`. The addresses in use are given up; [`Network::configure`] takes on those of the lease.
    ///
    /// # Errors
    /// Every [`LeaseError`].
    pub fn lease(&mut self, mac: MacAddr, watch: &mut dyn Watch) -> Result<Lease, LeaseError> {
        let nobody = Settings::without_address(mac).map_err(NetError::from)?;
        self.configure(nobody);
        self.wait_for_link(watch)?;
        let [a, b, c, d, ..] = self.random().to_le_bytes();
        let mut client = Client::new(mac, u32::from_le_bytes([a, b, c, d]), self.clock().now());
        self.run(&mut client, watch)?;
        let broadcasts = client.broadcasts;
        Ok(client.result.unwrap_or(Err(DhcpError::NoAnswer { broadcasts }))?)
    }
}

#[cfg(test)]
mod tests;
