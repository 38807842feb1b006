//! HTTP over the network: a thin driver between the client's states and smoltcp's TCP.

use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddrV4;

use hal::Instant;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp;
use thiserror::Error;

use super::exchange::{Flow, Progress, Watch};
use super::http::{Client, End, HttpError, Outcome, Request};
use super::pace::Pace;
use super::stack::{NetError, Network};
use super::tftp::Sink;

/// The window that the server may fill: what is on the wire at a gigabit a second and a round trip of some milliseconds.
const RECEIVE_BUFFER: usize = 512 * 1024;

/// Room for the longest request: a path of 2 KiB, each byte encoded in three.
const SEND_BUFFER: usize = 8 * 1024;

/// Why a file was not loaded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DownloadError {
    /// The network cannot be used.
    #[error(transparent)]
    Network(#[from] NetError),
    /// The transfer failed.
    #[error(transparent)]
    Http(#[from] HttpError),
}

/// A file that was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Downloaded {
    /// What came.
    pub outcome: Outcome,
    /// TCP segments received.
    pub packets: u64,
}

/// A connection, and what of the request is not sent yet.
struct Connection {
    handle: SocketHandle,
    established: bool,
    unsent: Vec<u8>,
}

impl Network {
    /// Fetches a file by HTTP into `sink`.
    ///
    /// # Errors
    /// Every [`DownloadError`]. What was stored in `sink` by then is not the file.
    pub fn download(
        &mut self,
        request: Request,
        sink: &mut dyn Sink,
        watch: &mut dyn Watch,
    ) -> Result<Downloaded, DownloadError> {
        let settings = *self.settings();
        settings.route(*request.server.ip()).map_err(NetError::from)?;
        self.wait_for_link(watch)?;
        let before = self.segments();
        let mut pace = Pace::new(self.clock().now());
        let mut client = Client::new(request, pace.now());
        let mut connection = None;
        let result = loop {
            if client.poll(pace.now()) {
                self.hang_up(connection.take());
                connection = self.connect(client.server());
            }
            let tick = self.batch(&mut pace);
            if let Some(connection) = &mut connection {
                feed(
                    self.tcp_socket(connection.handle),
                    connection,
                    &mut client,
                    (pace.now(), sink),
                );
            }
            if let Some(note) = client.take_note() {
                watch.note(&note);
            }
            if tick && watch.tick(pace.now(), progress(&client)) == Flow::Stop {
                client.abort();
                break Err(NetError::Stopped.into());
            }
            if let Some(outcome) = client.outcome() {
                break outcome.clone().map_err(DownloadError::from);
            }
        };
        self.hang_up(connection);
        let packets = self.segments().wrapping_sub(before);
        result.map(|outcome| Downloaded { outcome, packets })
    }

    fn connect(&mut self, server: SocketAddrV4) -> Option<Connection> {
        let buffer = |len| tcp::SocketBuffer::new(vec![0; len]);
        let mut socket = tcp::Socket::new(buffer(RECEIVE_BUFFER), buffer(SEND_BUFFER));
        socket.set_nagle_enabled(false);
        let port = self.free_port();
        let handle = self.connect_socket(socket, server, port)?;
        Some(Connection {
            handle,
            established: false,
            unsent: Vec::new(),
        })
    }

    /// Ends a connection: with a reset, unless both sides have closed it.
    fn hang_up(&mut self, connection: Option<Connection>) {
        if let Some(Connection { handle, .. }) = connection {
            let socket = self.tcp_socket(handle);
            if socket.state() == tcp::State::CloseWait {
                socket.close();
            } else {
                socket.abort();
            }
            let now = self.clock().now();
            self.poll_interface(now);
            self.remove_socket(handle);
        }
    }
}

/// Moves what can be moved between the socket and the client.
fn feed(
    socket: &mut tcp::Socket<'_>,
    connection: &mut Connection,
    client: &mut Client,
    (now, sink): (Instant, &mut dyn Sink),
) {
    if socket.may_send() && !connection.established {
        connection.established = true;
        connection.unsent = client.connected().into_bytes();
    }
    if socket.can_send() && !connection.unsent.is_empty() {
        let sent = socket.send_slice(&connection.unsent).unwrap_or(0);
        connection.unsent.drain(..sent);
    }
    while socket.can_recv() && client.outcome().is_none() {
        let taken = socket.recv(|bytes| {
            client.receive(bytes, now, sink);
            (bytes.len(), ())
        });
        if taken.is_err() {
            break;
        }
    }
    match socket.state() {
        tcp::State::CloseWait => client.ended(End::Closed, now),
        tcp::State::Closed => client.ended(End::Reset, now),
        _ => {}
    }
}

fn progress(client: &Client) -> Progress {
    let (received, size) = client.progress();
    Progress { received, size }
}
