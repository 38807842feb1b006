//! Writing a file by TFTP, over the network.

use alloc::string::String;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;

use hal::Instant;

use super::exchange::{Envelope, Exchange, Outbox, Progress, Route, Watch};
use super::fetch::FetchError;
use super::frame::Ipv4Frame;
use super::stack::{NetError, Network};
use super::tftp::{Options, PutClient, PutRequest, PutTransmit, SERVER_PORT, TftpError};

/// What to write, and how.
#[derive(Clone, Debug)]
pub struct Store<'a> {
    /// The server.
    pub server: Ipv4Addr,
    /// The file's name as the server shall know it.
    pub file: String,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// What to ask the server for.
    pub options: Options,
    /// The first wait before a packet is sent again; `None` for the default.
    pub first_wait: Option<Duration>,
}

/// A transfer on the wire.
struct Transfer<'a> {
    client: PutClient,
    bytes: &'a [u8],
    size: u64,
    /// Our address.
    address: Ipv4Addr,
    /// What to send before anything else.
    first: Option<PutTransmit>,
}

impl Network {
    /// Writes a file by TFTP.
    ///
    /// # Errors
    /// Every [`FetchError`]. The server may keep a part of the file.
    pub fn store(&mut self, store: &Store<'_>, watch: &mut dyn Watch) -> Result<(), FetchError> {
        let settings = *self.settings();
        settings.route(store.server).map_err(NetError::from)?;
        self.wait_for_link(watch)?;
        let size = u64::try_from(store.bytes.len()).unwrap_or(u64::MAX);
        let request = PutRequest {
            server: SocketAddrV4::new(store.server, SERVER_PORT),
            file: store.file.clone(),
            size,
            options: store.options,
            first_wait: store.first_wait,
            local_port: self.free_port(),
        };
        let (client, first) = PutClient::start(request, self.clock().now())?;
        let mut transfer = Transfer {
            client,
            bytes: store.bytes,
            size,
            address: settings.address(),
            first: Some(first),
        };
        self.run(&mut transfer, watch)?;
        Ok(transfer.client.outcome().unwrap_or(Err(TftpError::Aborted))?)
    }
}

impl Transfer<'_> {
    fn put(&self, outbox: &mut Outbox, transmit: Option<PutTransmit>, route: Route) {
        let Some(transmit) = transmit else { return };
        let envelope = Envelope {
            source_port: self.client.local_port(),
            destination: transmit.to,
            route,
        };
        outbox.put(envelope, |buffer| {
            self.client.write(transmit.message, self.bytes, buffer)
        });
    }
}

impl Exchange for Transfer<'_> {
    fn receive(&mut self, frame: &Ipv4Frame<'_>, now: Instant, outbox: &mut Outbox) -> bool {
        if frame.destination != self.address {
            return false;
        }
        if let Some((source, destination)) = frame.port_unreachable() {
            let about_us = *source.ip() == self.address && destination == self.client.peer();
            if about_us {
                self.client.unreachable(source.port(), destination.port());
            }
            return about_us;
        }
        let Some(datagram) = frame
            .datagram()
            .filter(|datagram| datagram.destination.port() == self.client.local_port())
        else {
            return false;
        };
        // A damaged datagram is lost: it is for us, but nothing in it can be trusted.
        if let Some(payload) = datagram.verified() {
            let transmit = self.client.receive(datagram.source, payload, now);
            self.put(outbox, transmit, Route::Reply(frame.source_mac));
        }
        true
    }

    fn poll(&mut self, now: Instant, outbox: &mut Outbox) {
        match self.first.take() {
            Some(first) => self.put(outbox, Some(first), Route::Lookup),
            None => {
                let again = self.client.poll(now);
                self.put(outbox, again, Route::LookupAgain);
            }
        }
    }

    fn abort(&mut self, outbox: &mut Outbox) {
        let farewell = self.client.abort();
        self.put(outbox, farewell, Route::Lookup);
    }

    fn is_over(&self) -> bool {
        self.client.due().is_none()
    }

    fn progress(&self) -> Progress {
        Progress {
            received: self.client.acknowledged(),
            size: Some(self.size),
        }
    }
}
