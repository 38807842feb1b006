//! The client against scripted bytes, whole and in pieces, and against anything at all.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;

use hal::{Instant, PhysAddr};

use super::{Client, End, HttpError, Request};
use crate::memory::MemoryError;
use crate::net::tftp::Sink;

const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 2), 80);

/// A place for a file of at most `room` bytes.
struct Place {
    bytes: Vec<u8>,
    room: u64,
    writes: u64,
}

impl Place {
    fn check(&self, offset: u64, len: u64) -> Result<(), MemoryError> {
        let fits = offset.checked_add(len).is_some_and(|end| end <= self.room);
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
        self.writes += 1;
        let start = usize::try_from(offset).unwrap();
        self.bytes.resize(self.bytes.len().max(start + data.len()), 0);
        self.bytes[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }
}

/// A download under test, with its clock.
struct Bench {
    client: Client,
    place: Place,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let request = Request {
            server: SERVER,
            host: "www.lan".to_string(),
            path: "/f".to_string(),
        };
        let now = Instant::from_micros(1_000_000);
        let client = Client::new(request, now);
        let place = Place {
            bytes: Vec::new(),
            room: 1 << 20,
            writes: 0,
        };
        Self { client, place, now }
    }

    /// A connection that is there; gives the request.
    fn connect(&mut self) -> String {
        while !self.client.poll(self.now) {
            self.now = self.now + Duration::from_millis(100);
            assert!(self.client.outcome().is_none(), "{:?}", self.client.outcome());
        }
        self.client.connected()
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.client.receive(bytes, self.now, &mut self.place);
    }

    fn end(&mut self, end: End) {
        self.client.ended(end, self.now);
    }

    /// Lets time pass until nothing more happens; gives how long that took.
    fn silence(&mut self) -> Duration {
        let start = self.now;
        while self.client.outcome().is_none() {
            if self.client.poll(self.now) {
                self.client.connected();
            }
            self.now = self.now + Duration::from_millis(50);
            assert!(self.now - start < Duration::from_secs(1000), "endless");
        }
        self.now - start
    }

    fn error(&self) -> HttpError {
        self.client.outcome().expect("not over").clone().expect_err("no error")
    }

    fn size(&self) -> u64 {
        self.client.outcome().expect("not over").clone().expect("an error").size
    }
}

#[test]
fn the_same_bytes_in_any_pieces_make_the_same_file() {
    let body = "4;x=y\r\nwiki\r\n0006\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nA: b\r\n\r\n";
    let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    for len in 1..answer.len() {
        let mut bench = Bench::new();
        bench.connect();
        for piece in answer.as_bytes().chunks(len) {
            bench.receive(piece);
        }
        bench.end(End::Closed);
        assert_eq!(bench.size(), 24, "{len}");
        assert_eq!(bench.place.bytes, b"wikipedia in \r\n\r\nchunks.", "{len}");
    }
}

#[test]
fn a_body_is_stored_as_it_comes() {
    let mut bench = Bench::new();
    let request = bench.connect();
    assert!(request.starts_with("GET /f HTTP/1.1\r\nHost: www.lan\r\n"));
    bench.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    assert_eq!(bench.client.take_note().as_deref(), Some("HTTP/1.1 200 OK"));
    assert_eq!(bench.client.take_note(), None);
    assert_eq!(bench.client.progress(), (3, Some(9)));
    bench.receive(b"defghi");
    assert_eq!(
        (bench.place.bytes.as_slice(), bench.place.writes),
        (&b"abcdefghi"[..], 2)
    );
    assert!(bench.client.outcome().is_none(), "the server may have more to say");
    assert!(bench.silence() < Duration::from_millis(500));
    assert_eq!(bench.size(), 9);
}

#[test]
fn what_comes_when_nothing_may_changes_nothing() {
    let mut bench = Bench::new();
    bench.receive(b"HTTP/1.1 200 OK\r\n\r\nevil");
    bench.end(End::Closed);
    bench.connect();
    bench.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
    bench.end(End::Reset);
    bench.receive(b"evil");
    bench.end(End::Reset);
    assert_eq!((bench.size(), bench.place.bytes.as_slice()), (4, &b"good"[..]));
}

#[test]
fn a_stalled_body_is_asked_for_anew_if_it_can_go_on() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nETag: \"t\"\r\n\r\n";
    let mut bench = Bench::new();
    bench.connect();
    bench.receive(format!("{head}abc").as_bytes());
    bench.now = bench.now + Duration::from_secs(15);
    let request = bench.connect();
    assert!(
        request.contains("\r\nRange: bytes=3-\r\nIf-Range: \"t\"\r\n"),
        "{request}"
    );
    bench.receive(b"HTTP/1.1 206 Rest\r\nContent-Range: bytes 3-8/9\r\nETag: \"t\"\r\n\r\ndefghi");
    bench.end(End::Closed);
    assert_eq!((bench.size(), bench.place.bytes.as_slice()), (9, &b"abcdefghi"[..]));

    let mut bench = Bench::new();
    bench.connect();
    bench.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    let waited = bench.silence();
    assert!(
        waited >= Duration::from_secs(60) && waited < Duration::from_secs(61),
        "{waited:?}"
    );
    assert!(matches!(bench.error(), HttpError::Silence { received: 3, .. }));
}

#[test]
fn a_part_has_to_be_the_part_that_was_asked_for() {
    for answer in [
        "Content-Range: bytes 0-8/9\r\nETag: \"t\"",
        "Content-Range: bytes 3-8/10\r\nETag: \"t\"",
        "Content-Range: bytes 3-7/9\r\nETag: \"t\"",
        "Content-Range: bytes 3-8/*\r\nETag: \"t\"",
        "Content-Range: bytes 3-8/9\r\nContent-Length: 9\r\nETag: \"t\"",
        "Content-Range: bytes 3-8/9\r\nTransfer-Encoding: chunked\r\nETag: \"t\"",
        "ETag: \"t\"",
    ] {
        let mut bench = Bench::new();
        bench.connect();
        bench.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nETag: \"t\"\r\n\r\nabc");
        bench.end(End::Reset);
        bench.connect();
        bench.receive(format!("HTTP/1.1 206 Rest\r\n{answer}\r\n\r\ndefghi").as_bytes());
        let error = bench.error().to_string();
        assert!(
            error.contains("but the bytes from 3 of 9 were asked for"),
            "{answer}: {error}"
        );
        assert_eq!(bench.place.bytes, b"abc");
    }
}

#[test]
fn a_range_that_does_not_fit_any_more_begins_anew() {
    for answer in [
        "HTTP/1.1 416 Range Not Satisfiable\r\n\r\n",
        "HTTP/1.1 206 Rest\r\nContent-Range: bytes 3-8/9\r\nETag: \"u\"\r\n\r\n",
        "HTTP/1.1 206 Rest\r\nContent-Range: bytes 3-8/9\r\n\r\n",
    ] {
        let mut bench = Bench::new();
        bench.connect();
        bench.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nETag: \"t\"\r\n\r\nabc");
        bench.end(End::Reset);
        bench.connect();
        bench.receive(format!("{answer}evil").as_bytes());
        let request = bench.connect();
        assert!(!request.contains("Range"), "{request}");
        bench.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        bench.end(End::Closed);
        assert_eq!((bench.size(), &bench.place.bytes[..2]), (2, &b"ok"[..]), "{answer}");
    }
}

#[test]
fn a_server_that_is_not_there_is_refused_at_once_and_one_that_comes_back_is_waited_for() {
    let mut bench = Bench::new();
    assert!(bench.client.poll(bench.now));
    bench.end(End::Reset);
    assert_eq!(bench.error(), HttpError::Refused { server: SERVER });

    let mut bench = Bench::new();
    bench.connect();
    bench.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nETag: \"t\"\r\n\r\nabc");
    bench.end(End::Reset);
    for _ in 0..5 {
        while !bench.client.poll(bench.now) {
            bench.now = bench.now + Duration::from_millis(100);
        }
        bench.end(End::Reset);
    }
    assert!(bench.connect().contains("bytes=3-"));
    bench.client.abort();
    assert_eq!(bench.error(), HttpError::Aborted);
}

/// Numbers by chance (splitmix64), the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 1).unwrap() % limit.max(1)
    }
}

/// Changes some bytes, or words that matter, of an answer.
fn mutated(chance: &mut Chance, answer: &[u8]) -> Vec<u8> {
    const WORDS: [&[u8]; 12] = [
        b"\r\n\r\n",
        b"Content-Length: 18446744073709551615\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"HTTP/1.1 206 P\r\n",
        b"Content-Range: bytes 3-8/9\r\n",
        b"ffffffffffffffff\r\n",
        b"0\r\n",
        b"ETag: \"t\"\r\n",
        b"\0",
        b"\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b": ",
    ];
    let mut bytes = answer.to_vec();
    for _ in 0..chance.below(6) {
        let at = chance.below(bytes.len() + 1);
        let word = WORDS[chance.below(WORDS.len())];
        match chance.below(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, word.iter().copied())),
            2 => drop(bytes.splice(at..bytes.len().min(at + 1 + chance.below(8)), [])),
            3 => {
                let copy = bytes[at..bytes.len().min(at + 40)].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            _ => bytes
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte ^= 1 << chance.below(8)),
        }
    }
    bytes
}

#[test]
fn no_answer_panics_or_goes_on_for_ever() {
    const ANSWERS: [&[u8]; 5] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nETag: \"t\"\r\n\r\nabcdefghi",
        b"HTTP/1.1 206 Rest\r\nContent-Range: bytes 3-8/9\r\nETag: \"t\"\r\n\r\ndefghi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n5;a=b\r\npedia\r\n0\r\nA: b\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://other/\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:38 GMT\r\nLast-Modified: Sun\r\n\r\nall",
    ];
    let mut chance = Chance(1);
    let mut good = 0;
    for round in 0..20_000 {
        let mut bench = Bench::new();
        let mut connections = 0;
        while bench.client.outcome().is_none() {
            bench.connect_or_wait();
            connections += 1;
            assert!(connections <= 20, "{round}");
            let seed = ANSWERS[chance.below(ANSWERS.len())];
            let answer = mutated(&mut chance, seed);
            let len = 1 + chance.below(20);
            answer.chunks(len).for_each(|piece| bench.receive(piece));
            let end = [End::Closed, End::Reset][chance.below(2)];
            bench.end(end);
        }
        if let Ok(outcome) = bench.client.outcome().unwrap() {
            good += 1;
            assert!(outcome.size <= 4096);
            assert!(bench.place.bytes.len() as u64 >= outcome.size);
        } else {
            let text = bench.error().to_string();
            assert!(text.is_ascii() && text.len() < 800 && !text.contains('\n'), "{text:?}");
        }
    }
    assert!((2_000..18_000).contains(&good), "{good}: the mutations are no test");
}

impl Bench {
    /// As [`Bench::connect`], unless the download ends before.
    fn connect_or_wait(&mut self) {
        while self.client.outcome().is_none() && !self.client.poll(self.now) {
            self.now = self.now + Duration::from_millis(100);
        }
        if self.client.outcome().is_none() {
            self.client.connected();
        }
    }
}

#[test]
fn a_flood_ends_where_the_limits_are() {
    let mut bench = Bench::new();
    bench.connect();
    bench.receive(b"HTTP/1.1 200 OK\r\nX: ");
    bench.receive(&vec![b'x'; 1 << 20]);
    assert!(bench.error().to_string().contains("its head has more than 16384 bytes"));
    let mut bench = Bench::new();
    bench.connect();
    bench.receive(b"HTTP/1.0 200 OK\r\n\r\n");
    for _ in 0..17 {
        bench.receive(&vec![b'x'; 1 << 16]);
    }
    assert!(matches!(bench.error(), HttpError::Memory(_)));
}
