//! The client against scripted servers, honest and not.

use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;

use hal::{Instant, MacAddr};

use super::{Client, DhcpError, Lease};
use crate::net::exchange::MAX_PAYLOAD;

const MAC: MacAddr = MacAddr([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
const TRANSACTION: u32 = 0xdead_beef;
const SERVER: [u8; 4] = [10, 0, 2, 2];
const OURS: [u8; 4] = [10, 0, 2, 15];

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const NAK: u8 = 6;

/// A server's message, laid out by hand (RFC 2131 section 2).
struct Reply {
    bytes: Vec<u8>,
}

impl Reply {
    fn new(kind: u8, transaction: u32) -> Self {
        let mut bytes = vec![0; 240];
        bytes[..4].copy_from_slice(&[2, 1, 6, 0]);
        bytes[4..8].copy_from_slice(&transaction.to_be_bytes());
        bytes[16..20].copy_from_slice(&OURS);
        bytes[28..34].copy_from_slice(&MAC.0);
        bytes[236..].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
        Self { bytes }.option(53, &[kind])
    }

    fn from_server(kind: u8, transaction: u32) -> Self {
        Self::new(kind, transaction).option(54, &SERVER)
    }

    fn option(mut self, kind: u8, data: &[u8]) -> Self {
        self.bytes.extend_from_slice(&[kind, u8::try_from(data.len()).unwrap()]);
        self.bytes.extend_from_slice(data);
        self
    }

    fn field(mut self, offset: usize, data: &[u8]) -> Self {
        self.bytes[offset..offset + data.len()].copy_from_slice(data);
        self
    }
}

struct Bench {
    client: Client,
    now: Instant,
}

/// A message that the client sent: kind, transaction and all its options.
struct Sent {
    kind: u8,
    transaction: u32,
    bytes: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::from_micros(5_000_000);
        Self {
            client: Client::new(MAC, TRANSACTION, now),
            now,
        }
    }

    /// A client that has asked for the address of an offer.
    fn requesting() -> Self {
        let mut bench = Self::new();
        assert_eq!(bench.sent().unwrap().kind, DISCOVER);
        bench.take(&Reply::from_server(OFFER, TRANSACTION));
        assert_eq!(bench.sent().unwrap().kind, REQUEST);
        bench
    }

    fn sent(&mut self) -> Option<Sent> {
        let mut buffer = [0xee; MAX_PAYLOAD];
        let len = self.client.poll(self.now, &mut buffer)?;
        let bytes = buffer[..len].to_vec();
        assert_eq!(&bytes[240..242], &[53, 1]);
        Some(Sent {
            kind: bytes[242],
            transaction: u32::from_be_bytes(*bytes[4..].first_chunk().unwrap()),
            bytes,
        })
    }

    fn take(&mut self, reply: &Reply) {
        self.client.take(&reply.bytes, self.now);
    }

    fn wait(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
    }

    fn lease(&self) -> &Lease {
        self.client.result().expect("not over").as_ref().expect("no lease")
    }
}

fn acknowledged(reply: Reply) -> Lease {
    let mut bench = Bench::requesting();
    bench.take(&reply);
    bench.lease().clone()
}

fn ack() -> Reply {
    Reply::from_server(ACK, TRANSACTION)
}

#[test]
fn a_lease_is_asked_for_and_read() {
    let mut bench = Bench::new();
    let discover = bench.sent().unwrap();
    assert_eq!((discover.kind, discover.transaction), (DISCOVER, TRANSACTION));
    assert!(discover.bytes.len() >= 300);
    assert_eq!(&discover.bytes[28..34], &MAC.0);
    assert!(bench.sent().is_none(), "once");
    bench.take(&Reply::from_server(OFFER, TRANSACTION));
    let request = bench.sent().unwrap();
    assert_eq!(request.kind, REQUEST);
    let asks = [&[50, 4][..], &OURS, &[54, 4], &SERVER].concat();
    assert!(request.bytes.windows(asks.len()).any(|part| part == asks));
    bench.take(
        &ack()
            .option(1, &[255, 255, 254, 0])
            .option(3, &[10, 0, 2, 1, 10, 0, 2, 9])
            .option(6, &[10, 0, 2, 3, 10, 0, 2, 8])
            .option(42, &[10, 0, 2, 7])
            .option(12, b"board7")
            .option(67, b"boot.scr\0\0")
            .field(20, &[10, 0, 2, 4]),
    );
    let lease = bench.lease();
    assert_eq!((lease.address, lease.netmask), (OURS.into(), [255, 255, 254, 0].into()));
    assert_eq!(
        (lease.gateway, lease.dns),
        (Some([10, 0, 2, 1].into()), Some([10, 0, 2, 3].into()))
    );
    assert_eq!(
        (lease.dns2, lease.ntp),
        (Some([10, 0, 2, 8].into()), Some([10, 0, 2, 7].into()))
    );
    assert_eq!(
        (lease.boot_server, lease.server),
        (Some([10, 0, 2, 4].into()), SERVER.into())
    );
    assert_eq!(
        (lease.boot_file.as_deref(), lease.hostname.as_deref()),
        (Some("boot.scr"), Some("board7"))
    );
    assert_eq!(bench.client.broadcasts(), 1);
}

#[test]
fn the_boot_file_and_server_may_stand_in_several_places() {
    let lease = acknowledged(ack().field(108, b"from-field").option(66, b"10.0.2.7"));
    assert_eq!(lease.boot_file.as_deref(), Some("from-field"));
    assert_eq!(lease.boot_server, Some(Ipv4Addr::new(10, 0, 2, 7)));
    let named = acknowledged(ack().option(66, b"tftp.example"));
    assert_eq!(named.boot_server, None, "there is no name service");
}

#[test]
fn a_lease_without_mask_or_router_is_a_lease() {
    let lease = acknowledged(ack());
    assert_eq!((lease.netmask, lease.gateway), (Ipv4Addr::new(255, 0, 0, 0), None));
    let gap = acknowledged(ack().option(1, &[255, 0, 255, 0]).option(3, &[224, 0, 0, 1]));
    assert_eq!((gap.netmask, gap.gateway), (Ipv4Addr::new(255, 0, 0, 0), None));
    assert_eq!(
        acknowledged(ack().option(1, &[255, 255]).option(3, &[10])).gateway,
        None
    );
}

#[test]
fn of_two_offers_the_first_counts() {
    let mut bench = Bench::requesting();
    bench.take(
        &Reply::new(OFFER, TRANSACTION)
            .option(54, &[10, 0, 2, 99])
            .field(16, &[10, 0, 2, 200]),
    );
    bench.take(
        &Reply::new(ACK, TRANSACTION)
            .option(54, &[10, 0, 2, 99])
            .field(16, &[10, 0, 2, 200]),
    );
    bench.take(&Reply::new(NAK, TRANSACTION).option(54, &[10, 0, 2, 99]));
    assert!(bench.client.result().is_none());
    bench.take(&ack());
    assert_eq!(bench.lease().address, Ipv4Addr::from(OURS));
}

#[test]
fn after_a_nak_it_asks_again_under_another_number() {
    let mut bench = Bench::requesting();
    bench.take(&Reply::from_server(NAK, TRANSACTION));
    assert!(
        bench.sent().is_none(),
        "not at once: a server that always refuses must not be flooded"
    );
    bench.wait(1000);
    let again = bench.sent().unwrap();
    assert_eq!((again.kind, again.transaction), (DISCOVER, TRANSACTION + 1));
    bench.take(&Reply::from_server(OFFER, TRANSACTION));
    assert!(bench.sent().is_none(), "an answer to the old number");
    bench.take(&Reply::from_server(OFFER, TRANSACTION + 1));
    assert_eq!(bench.sent().unwrap().kind, REQUEST);
    bench.take(&Reply::from_server(ACK, TRANSACTION + 1));
    assert_eq!(bench.lease().address, Ipv4Addr::from(OURS));
}

#[test]
fn addresses_that_no_machine_can_have_are_refused() {
    for address in [
        [0, 0, 0, 0],
        [255, 255, 255, 255],
        [224, 0, 0, 1],
        [127, 0, 0, 1],
        [240, 1, 1, 1],
    ] {
        let mut bench = Bench::new();
        bench.sent();
        bench.take(&Reply::from_server(OFFER, TRANSACTION).field(16, &address));
        assert!(bench.sent().is_none(), "{address:?}");
        let mut bench = Bench::requesting();
        bench.take(&ack().field(16, &address));
        assert!(bench.client.result().is_none(), "{address:?}");
    }
}

#[test]
fn answers_to_others_are_not_for_us() {
    let other_mac = Reply::from_server(OFFER, TRANSACTION).field(28, &[2]);
    let other_question = Reply::from_server(OFFER, TRANSACTION + 1);
    let a_request = Reply::from_server(OFFER, TRANSACTION).field(0, &[1]);
    let no_magic = Reply::from_server(OFFER, TRANSACTION).field(236, &[0]);
    let no_server = Reply::new(OFFER, TRANSACTION);
    let acknowledgement = Reply::from_server(ACK, TRANSACTION);
    for reply in [
        other_mac,
        other_question,
        a_request,
        no_magic,
        no_server,
        acknowledgement,
    ] {
        let mut bench = Bench::new();
        bench.sent();
        bench.take(&reply);
        assert!(bench.sent().is_none());
        assert!(bench.client.result().is_none());
    }
}

#[test]
fn texts_with_control_characters_are_left_out() {
    let lease = acknowledged(
        ack()
            .option(12, b"x\n=> reset")
            .option(15, b"\x1b[2J")
            .option(17, b"")
            .option(67, b"caf\xc3\xa9"),
    );
    assert_eq!(
        (lease.hostname, lease.domain, lease.root_path, lease.boot_file),
        (None, None, None, None)
    );
}

#[test]
fn any_truncation_and_any_option_length_is_survived() {
    let good = ack()
        .option(1, &[255, 255, 255, 0])
        .option(3, &[10, 0, 2, 1])
        .option(67, b"boot.scr")
        .bytes;
    for len in 0..good.len() {
        Bench::requesting()
            .client
            .take(&good[..len], Instant::from_micros(5_000_000));
    }
    for at in 240..good.len() {
        for value in [0, 1, 4, 0x7f, 0xfe, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = value;
            Bench::requesting().client.take(&bytes, Instant::from_micros(5_000_000));
        }
    }
}

#[test]
fn a_silent_network_is_given_up_after_thirty_seconds() {
    let mut bench = Bench::new();
    let mut sent = 0;
    for _ in 0..60_000 {
        sent += u32::from(bench.sent().is_some());
        bench.wait(1);
        if bench.client.result().is_some() {
            break;
        }
    }
    assert_eq!(
        bench.client.result(),
        Some(&Err(DhcpError::NoAnswer { broadcasts: sent }))
    );
    assert_eq!(sent, 10);
    let took = bench.now - Instant::from_micros(5_000_000);
    assert!(took <= Duration::from_secs(36), "{took:?}");
}

#[test]
fn a_server_that_offers_but_never_acknowledges_is_given_up_too() {
    let mut bench = Bench::new();
    for _ in 0..60_000 {
        if let Some(sent) = bench.sent() {
            bench.take(&Reply::from_server(OFFER, sent.transaction));
        }
        bench.wait(1);
        if let Some(result) = bench.client.result() {
            return assert!(result.is_err());
        }
    }
    panic!("endless");
}

#[test]
fn a_server_that_offers_and_refuses_for_ever_is_given_up_too() {
    let mut bench = Bench::new();
    let mut transaction = TRANSACTION;
    for _ in 0..60_000 {
        transaction = bench.sent().map_or(transaction, |sent| sent.transaction);
        for ahead in 0..2 {
            bench.take(&Reply::from_server(OFFER, transaction.wrapping_add(ahead)));
            bench.take(&Reply::from_server(NAK, transaction.wrapping_add(ahead)));
        }
        transaction = transaction.wrapping_add(2);
        bench.wait(1);
        if let Some(result) = bench.client.result() {
            return assert!(result.is_err());
        }
    }
    panic!("endless");
}
