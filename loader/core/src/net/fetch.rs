//! TFTP over the network.

use alloc::string::String;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;

use hal::Instant;
use thiserror::Error;

use super::exchange::{Envelope, Exchange, Outbox, Progress, Route, Watch};
use super::frame::Ipv4Frame;
use super::stack::{NetError, Network};
use super::tftp::{Client, Options, Outcome, Request, SERVER_PORT, Sink, TftpError, Transmit};
use crate::memory::MemoryError;

/// What to fetch, and how.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// The server.
    pub server: Ipv4Addr,
    /// The file's name as the server knows it.
    pub file: String,
    /// What to ask the server for.
    pub options: Options,
    /// The first wait before a packet is sent again; `None` for the default.
    pub first_wait: Option<Duration>,
}

/// Why a file was not fetched.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FetchError {
    /// The network cannot be used.
    #[error(transparent)]
    Network(#[from] NetError),
    /// The transfer failed.
    #[error(transparent)]
    Tftp(#[from] TftpError),
}

/// A transfer on the wire.
struct Transfer<'a> {
    client: Client,
    /// Our address.
    address: Ipv4Addr,
    /// What to send before anything else.
    first: Option<Transmit>,
    sink: &'a mut dyn Sink,
}

/// A transfer that is over but for its last acknowledgement, which may have been lost.
#[derive(Debug)]
pub(super) struct Lingering {
    client: Client,
    address: Ipv4Addr,
}

struct NoPlace;

impl Network {
    /// Fetches a file by TFTP into `sink`.
    ///
    /// # Errors
    /// Every [`FetchError`]. What was stored in `sink` by then is not the file.
    pub fn fetch(&mut self, fetch: &Fetch, sink: &mut dyn Sink, watch: &mut dyn Watch) -> Result<Outcome, FetchError> {
        let settings = *self.settings();
        settings.route(fetch.server).map_err(NetError::from)?;
        self.wait_for_link(watch)?;
        let request = Request {
            server: SocketAddrV4::new(fetch.server, SERVER_PORT),
            file: fetch.file.clone(),
            options: fetch.options,
            first_wait: fetch.first_wait,
            local_port: self.free_port(),
        };
        let (client, first) = Client::start(request, self.clock().now())?;
        let mut transfer = Transfer {
            client,
            address: settings.address(),
            first: Some(first),
            sink,
        };
        self.run(&mut transfer, watch)?;
        let Transfer { client, address, .. } = transfer;
        let outcome = client.outcome().unwrap_or(Err(TftpError::Aborted))?;
        self.linger(Lingering { client, address });
        Ok(outcome)
    }
}

fn put(outbox: &mut Outbox, client: &Client, transmit: Option<Transmit>, route: Route) {
    let Some(transmit) = transmit else { return };
    let envelope = Envelope {
        source_port: client.local_port(),
        destination: transmit.to,
        route,
    };
    outbox.put(envelope, |buffer| client.write(transmit.message, buffer));
}

/// Gives a frame to `client`, if it is for it.
fn receive(client: &mut Client, ours: Ipv4Addr, frame: &Ipv4Frame<'_>, context: Arrival<'_>) -> bool {
    let Arrival { now, sink, outbox } = context;
    if frame.destination != ours {
        return false;
    }
    if let Some((source, destination)) = frame.port_unreachable() {
        let about_us = *source.ip() == ours && destination == client.peer();
        let transmit = about_us
            .then(|| client.unreachable(source.port(), destination.port(), now))
            .flatten();
        put(outbox, client, transmit, Route::Lookup);
        return about_us;
    }
    let Some(datagram) = frame
        .datagram()
        .filter(|datagram| datagram.destination.port() == client.local_port())
    else {
        return false;
    };
    // A damaged datagram is lost: it is for us, but nothing in it can be trusted.
    if let Some(payload) = datagram.verified() {
        let transmit = client.receive(datagram.source, payload, now, sink);
        put(outbox, client, transmit, Route::Reply(frame.source_mac));
    }
    true
}

struct Arrival<'a> {
    now: Instant,
    sink: &'a mut dyn Sink,
    outbox: &'a mut Outbox,
}

impl Exchange for Transfer<'_> {
    fn receive(&mut self, frame: &Ipv4Frame<'_>, now: Instant, outbox: &mut Outbox) -> bool {
        let context = Arrival {
            now,
            sink: &mut *self.sink,
            outbox,
        };
        receive(&mut self.client, self.address, frame, context)
    }

    fn poll(&mut self, now: Instant, outbox: &mut Outbox) {
        match self.first.take() {
            Some(first) => put(outbox, &self.client, Some(first), Route::Lookup),
            None => {
                let again = self.client.poll(now);
                put(outbox, &self.client, again, Route::LookupAgain);
            }
        }
    }

    fn abort(&mut self, outbox: &mut Outbox) {
        let farewell = self.client.abort();
        put(outbox, &self.client, farewell, Route::Lookup);
    }

    fn is_over(&self) -> bool {
        self.client.due().is_none()
    }

    fn progress(&self) -> Progress {
        let (received, size) = self.client.progress();
        Progress { received, size }
    }
}

impl Lingering {
    pub(super) fn receive(&mut self, frame: &Ipv4Frame<'_>, now: Instant, outbox: &mut Outbox) -> bool {
        let context = Arrival {
            now,
            sink: &mut NoPlace,
            outbox,
        };
        receive(&mut self.client, self.address, frame, context)
    }
}

/// A client that has everything stores nothing more.
impl Sink for NoPlace {
    fn size_hint(&mut self, _size: u64) -> Result<(), MemoryError> {
        Ok(())
    }

    fn write(&mut self, _offset: u64, _data: &[u8]) -> Result<(), MemoryError> {
        Ok(())
    }
}
