//! A TFTP client for writing (RFC 1350 section 4 with the options of RFC 2347 to 2349), as a state machine like [`super::Client`].
//!
//! One block is on its way at a time. A repeated acknowledgement is not answered, so that no packet multiplies (RFC 1123 section
//! 4.2.3.1): only the clock has a block sent again.

use alloc::string::String;
use core::net::SocketAddrV4;
use core::time::Duration;

use hal::Instant;

use super::error::TftpError;
use super::options::{Agreed, Options, escaped};
use super::packet::{ErrorCode, Packet, Writer};
use super::retry::Retry;

/// How long the server may stay silent. Less than a minute.
const PATIENCE: Duration = Duration::from_secs(40);

/// What to write, and how.
#[derive(Clone, Debug)]
pub struct PutRequest {
    /// The server and its port, [`super::SERVER_PORT`] as a rule.
    pub server: SocketAddrV4,
    /// The file's name as the server shall know it.
    pub file: String,
    /// Its size in bytes.
    pub size: u64,
    /// What to ask for; the window is one block.
    pub options: Options,
    /// The first wait before a packet is sent again; `None` for 200 ms. It grows to 5 s.
    pub first_wait: Option<Duration>,
    /// The local port.
    pub local_port: u16,
}

/// A packet to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutMessage {
    /// The write request, with or without options.
    Request,
    /// The block that begins at this byte of the file.
    Data {
        /// Its number, from 1; the packet has the lower 16 bits.
        block: u64,
        /// Its first byte.
        start: u64,
        /// Its length in bytes.
        len: u16,
    },
    /// An error.
    Error(ErrorCode, &'static str),
}

/// A packet and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a packet that is not sent stalls the transfer"]
pub struct PutTransmit {
    /// The address and port that it goes to.
    pub to: SocketAddrV4,
    /// What to send: [`PutClient::write`] makes the bytes.
    pub message: PutMessage,
}

#[derive(Clone, Debug)]
enum State {
    /// The request is out; the server's transfer port is not known yet.
    Requested,
    /// The block with this number is out, for a server that takes blocks of a size.
    Sending {
        peer: SocketAddrV4,
        block: u64,
        size: u16,
    },
    Complete,
    Failed(TftpError),
}

/// One transfer.
#[derive(Clone, Debug)]
pub struct PutClient {
    request: PutRequest,
    with_options: bool,
    state: State,
    retry: Retry,
    /// When the transfer last got further.
    progress: Instant,
}

impl PutClient {
    /// A transfer, and its first packet.
    ///
    /// # Errors
    /// [`TftpError::NameTooLong`] if the request does not fit a packet.
    pub fn start(mut request: PutRequest, now: Instant) -> Result<(Self, PutTransmit), TftpError> {
        request.options.window_size = 1;
        let client = Self {
            retry: Retry::new(request.first_wait, now),
            request,
            with_options: true,
            state: State::Requested,
            progress: now,
        };
        let mut buffer = [0; super::MAX_SENT];
        if client.write(PutMessage::Request, &[], &mut buffer).is_none() {
            return Err(TftpError::NameTooLong(client.request.file.len()));
        }
        let first = client.out();
        Ok((client, first))
    }

    /// The local port.
    #[must_use]
    pub fn local_port(&self) -> u16 {
        self.request.local_port
    }

    /// The server's address, with the port that packets come from and go to now.
    #[must_use]
    pub fn peer(&self) -> SocketAddrV4 {
        match &self.state {
            State::Sending { peer, .. } => *peer,
            _ => self.request.server,
        }
    }

    /// Bytes that the server has acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        match self.state {
            State::Sending { block, size, .. } => offset(block, size),
            State::Complete => self.request.size,
            State::Requested | State::Failed(_) => 0,
        }
    }

    /// How it ended; `None` while it runs.
    #[must_use]
    pub fn outcome(&self) -> Option<Result<(), TftpError>> {
        match &self.state {
            State::Requested | State::Sending { .. } => None,
            State::Complete => Some(Ok(())),
            State::Failed(error) => Some(Err(error.clone())),
        }
    }

    /// When to call [`PutClient::poll`] if nothing comes; `None` when the transfer is over.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let runs = self.outcome().is_none();
        runs.then(|| self.retry.due().min(self.progress + PATIENCE))
    }

    /// Writes the bytes of `message` and gives their number; `None` if the buffer is too small. `file` is what is sent.
    pub fn write(&self, message: PutMessage, file: &[u8], buffer: &mut [u8]) -> Option<usize> {
        match message {
            PutMessage::Request => {
                let mut writer = Writer::write_request(buffer, &self.request.file);
                if self.with_options {
                    self.request.options.write(self.request.size, &mut writer);
                }
                writer.finish()
            }
            PutMessage::Data { block, start, len } => {
                let start = usize::try_from(start).ok()?;
                let bytes = file.get(start..start.checked_add(len.into())?)?;
                Writer::data(buffer, wire_number(block), bytes).finish()
            }
            PutMessage::Error(code, text) => Writer::error(buffer, code, text).finish(),
        }
    }

    /// Takes a datagram that came from `from` to [`PutClient::local_port`], and gives the answer. Packets from anyone but the server's
    /// transfer port change nothing.
    pub fn receive(&mut self, from: SocketAddrV4, datagram: &[u8], now: Instant) -> Option<PutTransmit> {
        let packet = Packet::parse(datagram)?;
        match self.state {
            State::Sending { peer, .. } if peer != from => refusal(&packet, from),
            State::Requested if self.request.server.ip() != from.ip() => refusal(&packet, from),
            State::Requested => self.first_answer(from, packet, now),
            State::Sending { block, size, .. } => match packet {
                Packet::Ack(number) if number == wire_number(block) => self.next(from, (block, size), now),
                Packet::Error { code, text } => self.server_error(code, text),
                _ => None,
            },
            State::Complete | State::Failed(_) => None,
        }
    }

    /// Sends again or gives up, if it is time at `now`.
    pub fn poll(&mut self, now: Instant) -> Option<PutTransmit> {
        let waited = now.since(self.progress);
        if self.outcome().is_some() {
            return None;
        }
        if waited >= PATIENCE {
            let (server, received) = (self.peer(), self.acknowledged());
            return self.fail(TftpError::Silence {
                server,
                waited,
                received,
            });
        }
        (now >= self.retry.due()).then(|| {
            self.retry.sent_again(now);
            self.out()
        })
    }

    /// The server's machine said that nothing listens on `port` for what came from `local_port`.
    pub fn unreachable(&mut self, local_port: u16, port: u16) {
        if local_port == self.request.local_port && port == self.peer().port() && self.outcome().is_none() {
            let server = self.peer();
            self.state = State::Failed(TftpError::Unreachable { server });
        }
    }

    /// Ends the transfer at the user's wish, and tells the server.
    pub fn abort(&mut self) -> Option<PutTransmit> {
        self.fail(TftpError::Aborted)
    }

    fn first_answer(&mut self, from: SocketAddrV4, packet: Packet<'_>, now: Instant) -> Option<PutTransmit> {
        let agreed = match packet {
            Packet::Oack(list) if self.with_options => match self.request.options.agree(list) {
                Ok(agreed) => agreed,
                Err(error) => {
                    self.begin(from, Agreed::PLAIN.block_size, now);
                    return self.fail(error.into());
                }
            },
            // A server without options (RFC 2347).
            Packet::Ack(0) => Agreed::PLAIN,
            Packet::Error {
                code: ErrorCode::OPTION_REFUSED,
                ..
            } if self.with_options => {
                self.with_options = false;
                self.progress = now;
                self.retry = Retry::new(self.request.first_wait, now);
                return Some(self.out());
            }
            Packet::Error { code, text } => return self.server_error(code, text),
            _ => return refusal(&packet, from),
        };
        self.retry.answered(now);
        self.begin(from, agreed.block_size, now);
        Some(self.out())
    }

    fn begin(&mut self, peer: SocketAddrV4, size: u16, now: Instant) {
        self.state = State::Sending { peer, block: 1, size };
        self.moved(now);
    }

    fn next(&mut self, peer: SocketAddrV4, (block, size): (u64, u16), now: Instant) -> Option<PutTransmit> {
        self.retry.answered(now);
        // The first block shorter than the others was the last, be it empty.
        if self.len(block, size) < size {
            self.state = State::Complete;
            return None;
        }
        let block = block.saturating_add(1);
        self.state = State::Sending { peer, block, size };
        self.moved(now);
        Some(self.out())
    }

    fn moved(&mut self, now: Instant) {
        self.progress = now;
        self.retry.sent(now);
    }

    fn len(&self, block: u64, size: u16) -> u16 {
        let left = self.request.size.saturating_sub(offset(block, size));
        u16::try_from(left).unwrap_or(u16::MAX).min(size)
    }

    /// The packet that waits for its answer.
    fn out(&self) -> PutTransmit {
        let message = match self.state {
            State::Sending { block, size, .. } => PutMessage::Data {
                block,
                start: offset(block, size),
                len: self.len(block, size),
            },
            _ => PutMessage::Request,
        };
        let to = self.peer();
        PutTransmit { to, message }
    }

    fn server_error(&mut self, code: ErrorCode, text: &[u8]) -> Option<PutTransmit> {
        let text = escaped(text);
        self.fail(TftpError::Server { code, text })
    }

    fn fail(&mut self, error: TftpError) -> Option<PutTransmit> {
        let peer = match self.state {
            State::Sending { peer, .. } => Some(peer),
            State::Requested => None,
            State::Complete | State::Failed(_) => return None,
        };
        let (code, text) = error.farewell().unzip();
        self.state = State::Failed(error);
        let message = PutMessage::Error(code?, text?);
        peer.map(|to| PutTransmit { to, message })
    }
}

/// The first byte of a block, which is counted from 1.
fn offset(block: u64, size: u16) -> u64 {
    block.saturating_sub(1).saturating_mul(size.into())
}

/// A block's number in a packet: its lower 16 bits, so that 0 follows 65535.
fn wire_number(block: u64) -> u16 {
    let [low, high, ..] = block.to_le_bytes();
    u16::from_le_bytes([low, high])
}

fn refusal(packet: &Packet<'_>, to: SocketAddrV4) -> Option<PutTransmit> {
    let message = PutMessage::Error(ErrorCode::UNKNOWN_TID, "unknown transfer ID");
    (!matches!(packet, Packet::Error { .. })).then_some(PutTransmit { to, message })
}

#[cfg(test)]
mod tests;
