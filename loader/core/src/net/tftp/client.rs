//! The client's states, from the request to the last acknowledgement.

use alloc::string::String;
use core::net::SocketAddrV4;
use core::time::Duration;

use hal::Instant;

use super::Sink;
use super::error::TftpError;
use super::options::{Agreed, Options, escaped};
use super::packet::{ErrorCode, Message, Packet, Transmit, Writer};
use super::retry::Retry;
use super::window::{Arrival, Window};

/// How long a request may stay without an answer.
const REQUEST_PATIENCE: Duration = Duration::from_secs(40);

/// How long a transfer may stand still before it begins anew. Together with [`REQUEST_PATIENCE`] less than 60 s of silence.
const TRANSFER_PATIENCE: Duration = Duration::from_secs(15);

/// How often a transfer may begin anew because the server lost it.
const MAX_RESTARTS: u8 = 3;

/// What to fetch, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// The server and its port, [`super::SERVER_PORT`] as a rule.
    pub server: SocketAddrV4,
    /// The file's name as the server knows it.
    pub file: String,
    /// What to ask for.
    pub options: Options,
    /// The first wait before a packet is sent again; `None` for 200 ms. It grows to 5 s.
    pub first_wait: Option<Duration>,
    /// The first local port; each restart takes the next one, so that nothing of an earlier try is mistaken for the file.
    pub local_port: u16,
}

/// How a transfer ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The file's size in bytes.
    pub size: u64,
    /// What client and server agreed on.
    pub agreed: Agreed,
    /// How often it began anew.
    pub restarts: u8,
}

#[derive(Clone, Debug)]
enum State {
    /// The request is out; the server's transfer port is not known yet.
    Requested,
    /// Blocks come from the server's transfer port.
    Receiving(SocketAddrV4, Window),
    /// All is there. The last acknowledgement may have been lost, so repeated last blocks are still answered.
    Complete(SocketAddrV4, Window),
    Failed(TftpError),
}

/// One transfer.
#[derive(Clone, Debug)]
pub struct Client {
    request: Request,
    with_options: bool,
    restarts: u8,
    state: State,
    retry: Retry,
    /// When the transfer last got further.
    progress: Instant,
}

impl Client {
    /// A transfer, and its first packet.
    ///
    /// # Errors
    /// [`TftpError::NameTooLong`] if the request does not fit a packet.
    pub fn start(request: Request, now: Instant) -> Result<(Self, Transmit), TftpError> {
        let retry = Retry::new(request.first_wait, now);
        let mut client = Self {
            request,
            with_options: true,
            restarts: 0,
            state: State::Requested,
            retry,
            progress: now,
        };
        let mut buffer = [0; super::MAX_SENT];
        if client.write(Message::Request, &mut buffer).is_none() {
            return Err(TftpError::NameTooLong(client.request.file.len()));
        }
        let first = client.ask(now);
        Ok((client, first))
    }

    /// The local port that the transfer uses now. A restart changes it.
    #[must_use]
    pub fn local_port(&self) -> u16 {
        self.request.local_port
    }

    /// The server's address, with the port that packets come from and go to now.
    #[must_use]
    pub fn peer(&self) -> SocketAddrV4 {
        match &self.state {
            State::Receiving(peer, _) | State::Complete(peer, _) => *peer,
            State::Requested | State::Failed(_) => self.request.server,
        }
    }

    /// Bytes received in order so far, and the file's size if the server told it.
    #[must_use]
    pub fn progress(&self) -> (u64, Option<u64>) {
        match &self.state {
            State::Receiving(_, window) | State::Complete(_, window) => (window.received(), window.agreed().size),
            State::Requested | State::Failed(_) => (0, None),
        }
    }

    /// How it ended; `None` while it runs.
    #[must_use]
    pub fn outcome(&self) -> Option<Result<Outcome, TftpError>> {
        match &self.state {
            State::Requested | State::Receiving(..) => None,
            State::Complete(_, window) => Some(Ok(Outcome {
                size: window.received(),
                agreed: window.agreed(),
                restarts: self.restarts,
            })),
            State::Failed(error) => Some(Err(error.clone())),
        }
    }

    /// When to call [`Client::poll`] if nothing comes; `None` when the transfer is over.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        match &self.state {
            State::Requested => Some(self.retry.due().min(self.progress + REQUEST_PATIENCE)),
            State::Receiving(..) => Some(self.retry.due().min(self.progress + TRANSFER_PATIENCE)),
            State::Complete(..) | State::Failed(_) => None,
        }
    }

    /// Writes the bytes of `message` and gives their number; `None` if the buffer is too small ([`super::MAX_SENT`] is enough).
    pub fn write(&self, message: Message, buffer: &mut [u8]) -> Option<usize> {
        match message {
            Message::Request => {
                let mut writer = Writer::read_request(buffer, &self.request.file);
                if self.with_options {
                    self.request.options.write(0, &mut writer);
                }
                writer.finish()
            }
            Message::Ack(block) => Writer::ack(buffer, block).finish(),
            Message::Error(code, text) => Writer::error(buffer, code, text).finish(),
        }
    }

    /// Takes a datagram that came from `from` to [`Client::local_port`], stores its block in `sink` if it is the next one, and gives the
    /// answer. Packets from anyone but the server's transfer port change nothing (RFC 1350 section 4).
    pub fn receive(
        &mut self,
        from: SocketAddrV4,
        datagram: &[u8],
        now: Instant,
        sink: &mut dyn Sink,
    ) -> Option<Transmit> {
        let packet = Packet::parse(datagram)?;
        match &self.state {
            State::Receiving(peer, _) | State::Complete(peer, _) if *peer != from => packet.refusal(from),
            State::Requested if self.request.server.ip() != from.ip() => packet.refusal(from),
            State::Requested => self.first_answer(from, packet, now, sink),
            State::Receiving(..) => self.next_packet(packet, now, sink),
            State::Complete(peer, window) => {
                let again = matches!(packet, Packet::Data { block, .. } if block == window.last());
                let transmit = Transmit {
                    to: *peer,
                    message: Message::Ack(window.last()),
                };
                (again && self.retry.may_repeat(now)).then(|| self.sent(transmit, now))
            }
            State::Failed(_) => None,
        }
    }

    /// Sends again, begins anew or gives up, if it is time at `now`.
    pub fn poll(&mut self, now: Instant) -> Option<Transmit> {
        let waited = now.since(self.progress);
        let due = now >= self.retry.due();
        match &mut self.state {
            State::Requested if waited >= REQUEST_PATIENCE => self.silence(now),
            State::Receiving(..) if waited >= TRANSFER_PATIENCE => self.restart(now).or_else(|| self.silence(now)),
            State::Requested if due => {
                self.retry.sent_again(now);
                Some(Transmit {
                    to: self.request.server,
                    message: Message::Request,
                })
            }
            State::Receiving(peer, window) if due => {
                self.retry.sent_again(now);
                Some(Transmit {
                    to: *peer,
                    message: Message::Ack(window.acknowledge_again()),
                })
            }
            _ => None,
        }
    }

    /// The server's machine said that nothing listens on `port` for what came from `local_port`.
    pub fn unreachable(&mut self, local_port: u16, port: u16, now: Instant) -> Option<Transmit> {
        if local_port != self.request.local_port || port != self.peer().port() {
            return None;
        }
        match &self.state {
            State::Requested => self.fail(TftpError::Unreachable {
                server: self.request.server,
            }),
            State::Receiving(peer, _) => {
                let error = TftpError::Unreachable { server: *peer };
                self.restart(now).or_else(|| self.fail(error))
            }
            State::Complete(..) | State::Failed(_) => None,
        }
    }

    /// Ends the transfer at the user's wish, and tells the server.
    pub fn abort(&mut self) -> Option<Transmit> {
        self.fail(TftpError::Aborted)
    }

    fn first_answer(
        &mut self,
        from: SocketAddrV4,
        packet: Packet<'_>,
        now: Instant,
        sink: &mut dyn Sink,
    ) -> Option<Transmit> {
        match packet {
            Packet::Oack(list) if self.with_options => {
                let agreed = match self.request.options.agree(list) {
                    Ok(agreed) => agreed,
                    Err(error) => {
                        self.state = State::Receiving(from, Window::new(Agreed::PLAIN));
                        return self.fail(error.into());
                    }
                };
                self.begin(from, agreed, now);
                match agreed.size.map_or(Ok(()), |size| sink.size_hint(size)) {
                    Ok(()) => Some(self.sent(
                        Transmit {
                            to: from,
                            message: Message::Ack(0),
                        },
                        now,
                    )),
                    Err(error) => self.fail(error.into()),
                }
            }
            // A server without options answers the request with the first block (RFC 2347).
            Packet::Data { block: 1, .. } => {
                self.begin(from, Agreed::PLAIN, now);
                self.next_packet(packet, now, sink)
            }
            Packet::Error {
                code: ErrorCode::OPTION_REFUSED,
                ..
            } if self.with_options => {
                self.with_options = false;
                Some(self.ask(now))
            }
            Packet::Error { code, text } => self.fail(TftpError::Server {
                code,
                text: escaped(text),
            }),
            Packet::Oack(_) | Packet::Data { .. } | Packet::Ack(_) => packet.refusal(from),
        }
    }

    fn next_packet(&mut self, packet: Packet<'_>, now: Instant, sink: &mut dyn Sink) -> Option<Transmit> {
        let State::Receiving(peer, window) = &mut self.state else {
            return None;
        };
        let to = *peer;
        match packet {
            Packet::Data { block, payload } => match window.arrival(block) {
                Arrival::Next => self.store(payload, now, sink),
                Arrival::Gap => {
                    let message = Message::Ack(window.acknowledge());
                    Some(self.sent(Transmit { to, message }, now))
                }
                Arrival::Duplicate if self.retry.may_repeat(now) => {
                    let message = Message::Ack(window.acknowledge());
                    self.retry.sent_again(now);
                    Some(Transmit { to, message })
                }
                Arrival::Duplicate | Arrival::Stray => None,
            },
            // The acknowledgement of the options was lost.
            Packet::Oack(_) if window.received() == 0 && window.last() == 0 && self.retry.may_repeat(now) => {
                self.retry.sent_again(now);
                Some(Transmit {
                    to,
                    message: Message::Ack(0),
                })
            }
            Packet::Oack(_) | Packet::Ack(_) => None,
            Packet::Error { code, text } => {
                let error = TftpError::Server {
                    code,
                    text: escaped(text),
                };
                let lost = code == ErrorCode::UNKNOWN_TID;
                lost.then(|| self.restart(now)).flatten().or_else(|| self.fail(error))
            }
        }
    }

    fn store(&mut self, payload: &[u8], now: Instant, sink: &mut dyn Sink) -> Option<Transmit> {
        let State::Receiving(peer, window) = &mut self.state else {
            return None;
        };
        let to = *peer;
        if let Err(error) = window.admit(payload.len()) {
            return self.fail(error);
        }
        if let Err(error) = sink.write(window.received(), payload) {
            return self.fail(error.into());
        }
        let acknowledge = window.advance(payload.len());
        self.retry.answered(now);
        self.progress = now;
        if window.complete() {
            if let Err(error) = window.check_size() {
                return self.fail(error);
            }
            self.state = State::Complete(to, window.clone());
        }
        acknowledge.map(|block| {
            self.sent(
                Transmit {
                    to,
                    message: Message::Ack(block),
                },
                now,
            )
        })
    }

    fn begin(&mut self, peer: SocketAddrV4, agreed: Agreed, now: Instant) {
        self.state = State::Receiving(peer, Window::new(agreed));
        self.retry.answered(now);
        self.progress = now;
    }

    fn ask(&mut self, now: Instant) -> Transmit {
        self.state = State::Requested;
        self.progress = now;
        self.retry = Retry::new(self.request.first_wait, now);
        Transmit {
            to: self.request.server,
            message: Message::Request,
        }
    }

    fn restart(&mut self, now: Instant) -> Option<Transmit> {
        if self.restarts == MAX_RESTARTS {
            return None;
        }
        self.restarts = self.restarts.saturating_add(1);
        self.request.local_port = self.request.local_port.checked_add(1).unwrap_or(FIRST_DYNAMIC_PORT);
        Some(self.ask(now))
    }

    fn silence(&mut self, now: Instant) -> Option<Transmit> {
        let waited = now.since(self.progress);
        let (received, _) = self.progress();
        self.fail(TftpError::Silence {
            server: self.peer(),
            waited,
            received,
        })
    }

    fn fail(&mut self, error: TftpError) -> Option<Transmit> {
        let peer = match &self.state {
            State::Receiving(peer, _) => Some(*peer),
            State::Requested => None,
            State::Complete(..) | State::Failed(_) => return None,
        };
        let farewell = peer.zip(error.message()).map(|(to, message)| Transmit { to, message });
        self.state = State::Failed(error);
        farewell
    }

    fn sent(&mut self, transmit: Transmit, now: Instant) -> Transmit {
        self.retry.sent(now);
        transmit
    }
}

/// The first port of the dynamic range (RFC 6335 section 6).
pub const FIRST_DYNAMIC_PORT: u16 = 49152;
