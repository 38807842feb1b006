//! The writing client against scripted packets.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;

use hal::Instant;

use super::{PutClient, PutMessage, PutRequest, PutTransmit};
use crate::net::tftp::{Options, SERVER_PORT, TftpError};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const TID: SocketAddrV4 = SocketAddrV4::new(SERVER, 40000);
const STRANGER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 9), 40000);
const FILE: &[u8] = b"0123456789abcdefghij";

/// A transfer under test, with its clock.
struct Bench {
    client: PutClient,
    now: Instant,
}

impl Bench {
    fn new(file: &str) -> Result<Self, TftpError> {
        let request = PutRequest {
            server: SocketAddrV4::new(SERVER, SERVER_PORT),
            file: file.to_string(),
            size: 20,
            options: Options {
                block_size: 8,
                window_size: 64,
                timeout: 1,
            },
            first_wait: None,
            local_port: 50000,
        };
        let now = Instant::from_micros(1_000_000);
        let (client, first) = PutClient::start(request, now)?;
        assert_eq!(first.message, PutMessage::Request);
        Ok(Self { client, now })
    }

    fn agreed() -> Self {
        let mut bench = Self::new("f").unwrap();
        let first = bench.from(TID, b"\0\x06blksize\x008\0tsize\x0020\0");
        assert_eq!(bench.bytes(first), b"\0\x03\0\x0101234567");
        bench
    }

    fn from(&mut self, from: SocketAddrV4, datagram: &[u8]) -> Option<PutTransmit> {
        self.now = self.now + Duration::from_micros(50);
        self.client.receive(from, datagram, self.now)
    }

    fn wait(&mut self, millis: u64) -> Option<PutTransmit> {
        self.now = self.now + Duration::from_millis(millis);
        self.client.poll(self.now)
    }

    fn bytes(&self, transmit: Option<PutTransmit>) -> Vec<u8> {
        let mut buffer = [0; 600];
        let transmit = transmit.expect("nothing is sent");
        let len = self.client.write(transmit.message, FILE, &mut buffer).expect("it fits");
        buffer[..len].to_vec()
    }

    fn error(&self) -> TftpError {
        self.client.outcome().expect("not over").expect_err("no error")
    }
}

#[test]
fn blocks_go_out_one_by_one() {
    let mut bench = Bench::new("f").unwrap();
    let request = bench.wait(200);
    assert_eq!(
        bench.bytes(request),
        b"\0\x02f\0octet\0tsize\x0020\0timeout\x001\0blksize\x008\0",
        "asked again, without a window"
    );
    let first = bench.from(TID, b"\0\x06blksize\x008\0tsize\x0020\0");
    assert_eq!(bench.bytes(first), b"\0\x03\0\x0101234567");
    let second = bench.from(TID, b"\0\x04\0\x01");
    assert_eq!(
        (second.unwrap().to, bench.bytes(second)),
        (TID, b"\0\x03\0\x0289abcdef".to_vec())
    );
    assert_eq!(bench.client.acknowledged(), 8);
    let third = bench.from(TID, b"\0\x04\0\x02");
    assert_eq!(bench.bytes(third), b"\0\x03\0\x03ghij");
    assert_eq!(bench.from(TID, b"\0\x04\0\x03"), None);
    assert_eq!(
        (bench.client.outcome(), bench.client.acknowledged()),
        (Some(Ok(())), 20)
    );
    assert_eq!((bench.client.due(), bench.wait(60_000)), (None, None));
}

#[test]
fn a_repeated_acknowledgement_is_not_answered() {
    let mut bench = Bench::agreed();
    assert!(bench.from(TID, b"\0\x04\0\x01").is_some());
    for ack in [
        &b"\0\x04\0\x01"[..],
        b"\0\x04\0\0",
        b"\0\x04\0\x03",
        b"\0\x06blksize\x008\0",
        b"\0\x03\0\x01x",
        b"x",
    ] {
        assert_eq!(bench.from(TID, ack), None);
    }
    let again = bench.wait(200);
    assert_eq!(bench.bytes(again), b"\0\x03\0\x0289abcdef");
}

#[test]
fn servers_without_options_get_blocks_of_512() {
    let mut bench = Bench::new("f").unwrap();
    let all = bench.from(TID, b"\0\x04\0\0");
    assert_eq!(bench.bytes(all), [b"\0\x03\0\x01", FILE].concat());
    assert_eq!(bench.from(TID, b"\0\x04\0\x01"), None);
    assert_eq!(bench.client.outcome(), Some(Ok(())));

    let mut bench = Bench::new("f").unwrap();
    let plain = bench.from(TID, b"\0\x05\0\x08no\0");
    assert_eq!(bench.bytes(plain), b"\0\x02f\0octet\0");
    assert!(bench.from(TID, b"\0\x04\0\0").is_some());
}

#[test]
fn errors_end_it() {
    let mut bench = Bench::new("f").unwrap();
    assert_eq!(bench.from(TID, b"\0\x05\0\x06File exists\0"), None);
    assert_eq!(bench.error().to_string(), "TFTP error: 'File exists' (6)");

    let mut bench = Bench::agreed();
    assert_eq!(bench.from(TID, b"\0\x05\0\x03\x1bfull\0"), None);
    assert_eq!(bench.error().to_string(), "TFTP error: '\\x1bfull' (3)");

    let mut bench = Bench::new("f").unwrap();
    let refusal = bench.from(TID, b"\0\x06blksize\x009\0");
    assert_eq!(bench.bytes(refusal)[..4], *b"\0\x05\0\x08");
    assert!(matches!(bench.error(), TftpError::Options(_)));

    let mut bench = Bench::agreed();
    bench.client.unreachable(50000, 1);
    bench.client.unreachable(1, TID.port());
    assert_eq!(bench.client.outcome(), None);
    bench.client.unreachable(50000, TID.port());
    assert_eq!(bench.error(), TftpError::Unreachable { server: TID });

    let mut bench = Bench::agreed();
    let farewell = bench.client.abort();
    assert_eq!(bench.bytes(farewell)[..4], *b"\0\x05\0\0");
    assert_eq!(bench.error(), TftpError::Aborted);

    assert!(matches!(
        Bench::new(&"n".repeat(500)).err(),
        Some(TftpError::NameTooLong(500))
    ));
}

#[test]
fn a_stranger_gets_error_5_and_the_transfer_goes_on() {
    let mut bench = Bench::new("f").unwrap();
    let refusal = bench.from(STRANGER, b"\0\x04\0\0");
    assert_eq!(
        (refusal.unwrap().to, &bench.bytes(refusal)[..4]),
        (STRANGER, &b"\0\x05\0\x05"[..])
    );
    let mut bench = Bench::agreed();
    assert!(bench.from(STRANGER, b"\0\x04\0\x01").is_some());
    assert_eq!(bench.from(STRANGER, b"\0\x05\0\x01no\0"), None, "errors get no error");
    assert!(bench.from(TID, b"\0\x04\0\x01").is_some());
}

#[test]
fn silence_ends_it_within_a_minute() {
    for mut bench in [Bench::new("f").unwrap(), Bench::agreed()] {
        let start = bench.now;
        let mut sent = 0;
        while let Some(due) = bench.client.due() {
            bench.now = due;
            sent += u32::from(bench.client.poll(due).is_some());
            assert!(sent < 100, "endless");
        }
        assert!(bench.now - start < Duration::from_secs(60));
        assert!((8..20).contains(&sent), "{sent}");
        assert!(matches!(bench.error(), TftpError::Silence { .. }));
    }
}

#[test]
fn block_numbers_wrap_to_0() {
    assert_eq!(super::wire_number(65_535), 65_535);
    assert_eq!(super::wire_number(65_536), 0);
    assert_eq!(super::wire_number(65_537), 1);
}
