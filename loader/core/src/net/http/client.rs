//! The client's states, from the first connection to the last byte.

use alloc::format;
use alloc::string::{String, ToString};
use core::net::SocketAddrV4;
use core::time::Duration;

use hal::Instant;

use super::body::{Framing, Piece};
use super::error::HttpError;
use super::head::{Collector, Head, HeadError, Validator};
use super::target::Encoded;
use crate::net::tftp::{Sink, escaped};

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a body may stand still before a new connection is tried, if what has come can be kept.
const STALL: Duration = Duration::from_secs(15);

/// How often a connection may break.
const MAX_BREAKS: u8 = 12;

/// The first wait before a connection is made again; it doubles up to [`LONGEST_WAIT`] and begins anew when bytes have come.
const FIRST_WAIT: Duration = Duration::from_millis(250);

const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// How long the end of the connection is waited for behind the last byte: a server that announced too little shows it there.
const FAREWELL: Duration = Duration::from_millis(300);

/// What to fetch.
#[derive(Clone, Debug)]
pub struct Request {
    /// The server.
    pub server: SocketAddrV4,
    /// The host as the user named it, for servers that have several names.
    pub host: String,
    /// The path, with its first slash, not encoded.
    pub path: String,
}

/// How a download ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The file's size in bytes.
    pub size: u64,
    /// How often the connection broke.
    pub breaks: u8,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The server closed it; everything that it sent has arrived.
    Closed,
    /// It was reset, or never came to be.
    Reset,
}

#[derive(Clone, Debug)]
enum State {
    /// A connection is due at this time.
    Due(Instant),
    /// It is being made.
    Connecting,
    /// It is there: the request has to be sent and its answer to come.
    Asking(Collector),
    /// The body comes.
    Receiving(Framing),
    /// All is there but the end of the connection, which is waited for up to this time.
    Complete(Instant),
    Over(Result<Outcome, HttpError>),
}

/// One download.
#[derive(Clone, Debug)]
pub struct Client {
    request: Request,
    state: State,
    received: u64,
    size: Option<u64>,
    validator: Option<Validator>,
    /// The last status line, until it is shown.
    note: Option<String>,
    breaks: u8,
    wait: Duration,
    /// When something useful last came, or the first connection was begun.
    progress: Instant,
}

impl Client {
    /// A download that begins at `now`.
    #[must_use]
    pub fn new(request: Request, now: Instant) -> Self {
        Self {
            request,
            state: State::Due(now),
            received: 0,
            size: None,
            validator: None,
            note: None,
            breaks: 0,
            wait: FIRST_WAIT,
            progress: now,
        }
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> SocketAddrV4 {
        self.request.server
    }

    /// Bytes received so far, and the file's size if the server told it.
    #[must_use]
    pub fn progress(&self) -> (u64, Option<u64>) {
        (self.received, self.size)
    }

    /// How it ended; `None` while it runs.
    #[must_use]
    pub fn outcome(&self) -> Option<&Result<Outcome, HttpError>> {
        match &self.state {
            State::Over(result) => Some(result),
            _ => None,
        }
    }

    /// A line for the user, once: what the server said, or what happened to the connection.
    pub fn take_note(&mut self) -> Option<String> {
        self.note.take()
    }

    /// Lets time pass. Gives whether to make a new connection now, in place of the old one if there is one.
    pub fn poll(&mut self, now: Instant) -> bool {
        let still = now.since(self.progress);
        match &self.state {
            State::Over(_) => false,
            State::Complete(until) => {
                if now >= *until {
                    self.finish();
                }
                false
            }
            _ if still >= PATIENCE => {
                self.fail(HttpError::Silence {
                    server: self.request.server,
                    waited: still,
                    received: self.received,
                });
                false
            }
            State::Due(when) if now >= *when => {
                self.state = State::Connecting;
                true
            }
            State::Receiving(_) if still >= STALL && self.can_resume() => {
                self.again(now);
                false
            }
            _ => false,
        }
    }

    /// The connection is there. Gives the request to send over it.
    pub fn connected(&mut self) -> String {
        self.state = State::Asking(Collector::default());
        let Request { server, host, path } = &self.request;
        let port = match server.port() {
            super::DEFAULT_PORT => String::new(),
            port => format!(":{port}"),
        };
        let range = match &self.validator {
            Some(validator) if self.received > 0 => {
                format!(
                    "Range: bytes={}-\r\nIf-Range: {}\r\n",
                    self.received,
                    validator.as_str()
                )
            }
            _ => String::new(),
        };
        let path = Encoded(path);
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}{port}\r\nUser-Agent: slipway\r\nAccept: */*\r\n\
            Accept-Encoding: identity\r\n{range}Connection: close\r\n\r\n"
        )
    }

    /// Takes all of `bytes`, which came over the connection, and stores what of them belongs to the file in `sink`.
    pub fn receive(&mut self, bytes: &[u8], now: Instant, sink: &mut dyn Sink) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = match &mut self.state {
                State::Asking(collector) => match collector.take(rest) {
                    Ok((taken, None)) => Ok(taken),
                    Ok((taken, Some(head))) => self.answered(&head, now, sink).map(|()| taken),
                    Err(error) => Err(self.unreadable(error)),
                },
                State::Receiving(framing) => match framing.take(rest) {
                    Ok(Piece::Other(taken)) => Ok(taken),
                    Ok(Piece::Data(len)) => self.store(rest.get(..len).unwrap_or_default(), now, sink).map(|()| len),
                    Err(error) => Err(self.unreadable(error)),
                },
                State::Complete(_) => Err(HttpError::Long {
                    server: self.request.server,
                    announced: self.received,
                }),
                State::Due(_) | State::Connecting | State::Over(_) => return,
            };
            match taken {
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                Err(error) => return self.fail(error),
            }
            if matches!(&self.state, State::Receiving(framing) if framing.is_over()) {
                self.state = State::Complete(now + FAREWELL);
            }
        }
    }

    /// The connection is over. Everything that it brought was given to [`Client::receive`] before.
    pub fn ended(&mut self, end: End, now: Instant) {
        match (&self.state, end) {
            (State::Complete(_), _) | (State::Receiving(Framing::Connection), End::Closed) => self.finish(),
            (State::Connecting, End::Reset) if self.breaks == 0 => self.fail(HttpError::Refused {
                server: self.request.server,
            }),
            (State::Connecting | State::Asking(_) | State::Receiving(_), _) => self.again(now),
            (State::Due(_) | State::Over(_), _) => {}
        }
    }

    /// Ends the download at the user's wish.
    pub fn abort(&mut self) {
        self.fail(HttpError::Aborted);
    }

    fn answered(&mut self, head: &Head, now: Instant, sink: &mut dyn Sink) -> Result<(), HttpError> {
        self.progress = now;
        let resuming = self.received > 0;
        match head.status {
            // An interim answer; the limit of the head bounds their number.
            100 | 102..=199 => {
                if let State::Asking(collector) = &mut self.state {
                    collector.begin_next();
                }
                return Ok(());
            }
            200 => self.begin(head, sink)?,
            206 if resuming => self.go_on(head, now)?,
            // The range does not fit: the file is another one now.
            412 | 416 if resuming => {
                self.forget();
                self.again(now);
                return Ok(());
            }
            _ => return Err(self.refusal(head)),
        }
        if !matches!(self.state, State::Due(_)) {
            let framing = Framing::of(head);
            let over = framing.is_over();
            self.state = if over {
                State::Complete(now + FAREWELL)
            } else {
                State::Receiving(framing)
            };
        }
        Ok(())
    }

    /// The file comes from its first byte.
    fn begin(&mut self, head: &Head, sink: &mut dyn Sink) -> Result<(), HttpError> {
        self.note = Some(head.line.clone());
        self.received = 0;
        self.size = head.length;
        self.validator = head.validator();
        Ok(head.length.map_or(Ok(()), |size| sink.size_hint(size))?)
    }

    /// The rest of the file comes, if the server knows what it does.
    fn go_on(&mut self, head: &Head, now: Instant) -> Result<(), HttpError> {
        let (Some(size), Some(validator)) = (self.size, &self.validator) else {
            return Err(self.refusal(head));
        };
        head.check_range(self.received, size)
            .map_err(|error| self.unreadable(error))?;
        if !head.is_about(validator) {
            self.forget();
            self.again(now);
        }
        Ok(())
    }

    fn refusal(&self, head: &Head) -> HttpError {
        let path = escaped(self.request.path.as_bytes());
        let status = head.line.clone();
        match &head.location {
            Some(target) if (300..400).contains(&head.status) => HttpError::Moved {
                path,
                target: target.to_string(),
                status,
            },
            _ => HttpError::Status {
                server: self.request.server,
                path,
                status,
            },
        }
    }

    fn store(&mut self, data: &[u8], now: Instant, sink: &mut dyn Sink) -> Result<(), HttpError> {
        sink.write(self.received, data)?;
        let len = u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.received = self
            .received
            .checked_add(len)
            .ok_or_else(|| self.unreadable(HeadError::Endless))?;
        self.progress = now;
        self.wait = FIRST_WAIT;
        Ok(())
    }

    fn can_resume(&self) -> bool {
        self.received > 0 && self.size.is_some() && self.validator.is_some()
    }

    fn forget(&mut self) {
        self.received = 0;
        self.size = None;
        self.validator = None;
    }

    /// Makes another connection after a while: for the rest, if the server can prove that it is the rest, else for everything.
    fn again(&mut self, now: Instant) {
        self.breaks = self.breaks.saturating_add(1);
        let (server, received, times) = (self.request.server, self.received, self.breaks);
        if times > MAX_BREAKS {
            return self.fail(HttpError::Broken {
                server,
                times,
                received,
            });
        }
        let how = if self.can_resume() {
            format!("going on from byte {received}")
        } else {
            self.forget();
            "beginning anew".to_string()
        };
        self.note = Some(format!("The connection broke after {received} bytes; {how}"));
        self.state = State::Due(now + self.wait);
        self.wait = self.wait.saturating_mul(2).min(LONGEST_WAIT);
    }

    fn unreadable(&self, error: HeadError) -> HttpError {
        let server = self.request.server;
        HttpError::Head { server, error }
    }

    fn finish(&mut self) {
        let (size, breaks) = (self.received, self.breaks);
        self.state = State::Over(Ok(Outcome { size, breaks }));
    }

    fn fail(&mut self, error: HttpError) {
        if !matches!(self.state, State::Over(_)) {
            self.state = State::Over(Err(error));
        }
    }
}
