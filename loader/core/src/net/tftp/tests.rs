//! The client against scripted packets: what a server, a stranger or an attacker may send.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;

use hal::{Instant, PhysAddr};

use super::{Client, Message, Options, Request, SERVER_PORT, Sink, TftpError, Transmit};
use crate::memory::MemoryError;

mod blocks;
mod options;
mod servers;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const TID: SocketAddrV4 = SocketAddrV4::new(SERVER, 40000);
const LOCAL_PORT: u16 = 50000;

/// A place for a file of at most `room` bytes.
struct Place {
    bytes: Vec<u8>,
    room: u64,
}

impl Place {
    fn check(&self, offset: u64, len: u64) -> Result<(), MemoryError> {
        let fits = offset + len <= self.room;
        let start = PhysAddr(0x4000_0000);
        fits.then_some(()).ok_or(MemoryError::BeyondClaim {
            start,
            room: self.room,
            offset,
            len,
        })
    }
}

impl Sink for Place {
    fn size_hint(&mut self, size: u64) -> Result<(), MemoryError> {
        self.check(0, size)
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), MemoryError> {
        self.check(offset, data.len() as u64)?;
        let start = usize::try_from(offset).unwrap();
        let end = start + data.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[start..end].copy_from_slice(data);
        Ok(())
    }
}

/// A transfer under test, with its clock.
struct Bench {
    client: Client,
    place: Place,
    now: Instant,
}

impl Bench {
    fn new(options: Options) -> Self {
        let request = Request {
            server: SocketAddrV4::new(SERVER, SERVER_PORT),
            file: "boot.scr".to_string(),
            options,
            first_wait: None,
            local_port: LOCAL_PORT,
        };
        let now = Instant::from_micros(1_000_000);
        let (client, first) = Client::start(request, now).unwrap();
        assert_eq!(
            first,
            Transmit {
                to: SocketAddrV4::new(SERVER, SERVER_PORT),
                message: Message::Request
            }
        );
        Self {
            client,
            place: Place {
                bytes: Vec::new(),
                room: 1 << 30,
            },
            now,
        }
    }

    /// A transfer whose options are agreed on.
    fn agreed(options: Options, oack: &[u8]) -> Self {
        let mut bench = Self::new(options);
        assert_eq!(bench.from(TID, &[b"\0\x06", oack].concat()), ack(0));
        bench
    }

    fn from(&mut self, from: SocketAddrV4, datagram: &[u8]) -> Option<Transmit> {
        self.now = self.now + Duration::from_micros(50);
        self.client.receive(from, datagram, self.now, &mut self.place)
    }

    fn data(&mut self, block: u16, payload: &[u8]) -> Option<Transmit> {
        self.from(TID, &data(block, payload))
    }

    fn wait(&mut self, millis: u64) -> Option<Transmit> {
        self.now = self.now + Duration::from_millis(millis);
        self.client.poll(self.now)
    }

    /// Polls until the end, at each due time; gives what was sent and how long it took.
    fn silence(&mut self) -> (Vec<Transmit>, Duration) {
        let start = self.now;
        let mut sent = Vec::new();
        while let Some(due) = self.client.due() {
            self.now = due;
            sent.extend(self.client.poll(due));
            assert!(sent.len() < 100, "endless");
        }
        (sent, self.now - start)
    }

    fn error(&self) -> TftpError {
        self.client.outcome().expect("not over").expect_err("no error")
    }

    fn size(&self) -> u64 {
        self.client.outcome().expect("not over").expect("an error").size
    }
}

fn data(block: u16, payload: &[u8]) -> Vec<u8> {
    [&[0, 3], &block.to_be_bytes()[..], payload].concat()
}

fn ack(block: u16) -> Option<Transmit> {
    Some(Transmit {
        to: TID,
        message: Message::Ack(block),
    })
}

/// The code of an error that is sent, and to whom.
fn error_sent(transmit: Option<Transmit>) -> Option<(SocketAddrV4, u16)> {
    match transmit {
        Some(Transmit {
            to,
            message: Message::Error(code, _),
        }) => Some((to, code.0)),
        _ => None,
    }
}

const PLAIN: Options = Options {
    block_size: 512,
    window_size: 1,
    timeout: 1,
};
const SMALL: Options = Options {
    block_size: 8,
    window_size: 1,
    timeout: 1,
};
const WINDOW: Options = Options {
    block_size: 8,
    window_size: 4,
    timeout: 1,
};
