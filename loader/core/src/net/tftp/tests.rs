//! The client against scripted packets: what a server, a stranger or an attacker may send.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;

use hal::{Instant, PhysAddr};

use super::{Client, Message, Options, Request, SERVER_PORT, Sink, TftpError, Transmit};
use crate::memory::MemoryError;

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

#[test]
fn a_server_without_options_sends_the_first_block_at_once() {
    let mut bench = Bench::new(Options::default());
    assert_eq!(bench.data(1, &[7; 512]), ack(1));
    assert_eq!(bench.data(2, b"end"), ack(2));
    assert_eq!(bench.size(), 515);
    assert_eq!(bench.place.bytes, [&[7; 512][..], b"end"].concat());
}

#[test]
fn a_file_of_whole_blocks_ends_with_an_empty_one() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0tsize\x008\0");
    assert_eq!(bench.data(1, b"12345678"), ack(1));
    assert_eq!(bench.client.outcome(), None);
    assert_eq!(bench.data(2, b""), ack(2));
    assert_eq!(bench.size(), 8);
    let mut empty = Bench::agreed(SMALL, b"blksize\x008\0tsize\x000\0");
    assert_eq!(empty.data(1, b""), ack(1));
    assert_eq!(empty.size(), 0);
}

#[test]
fn the_request_is_written_with_its_options_and_without() {
    let mut bench = Bench::new(Options::default());
    let mut buffer = [0; super::MAX_SENT];
    let len = bench.client.write(Message::Request, &mut buffer).unwrap();
    assert_eq!(&buffer[..20], b"\0\x01boot.scr\0octet\0tsi");
    assert!(len > 20);
    // The server knows options, but does not want them (RFC 2347).
    let again = bench.from(TID, b"\0\x05\0\x08no options\0");
    assert_eq!(
        again,
        Some(Transmit {
            to: SocketAddrV4::new(SERVER, SERVER_PORT),
            message: Message::Request
        })
    );
    assert_eq!(bench.client.write(Message::Request, &mut buffer), Some(17));
    assert_eq!(bench.data(1, b"x"), ack(1));
    assert_eq!(bench.size(), 1);
}

#[test]
fn a_second_refusal_of_options_is_final() {
    let mut bench = Bench::new(Options::default());
    assert!(bench.from(TID, b"\0\x05\0\x08no\0").is_some());
    assert_eq!(bench.from(TID, b"\0\x05\0\x08no\0"), None);
    assert_eq!(bench.error().to_string(), "TFTP error: 'no' (8)");
}

#[test]
fn a_name_too_long_for_a_request_is_refused() {
    let file: String = core::iter::repeat_n('a', 512).collect();
    let server = SocketAddrV4::new(SERVER, SERVER_PORT);
    let request = Request {
        server,
        file,
        options: PLAIN,
        first_wait: None,
        local_port: LOCAL_PORT,
    };
    assert_eq!(
        Client::start(request, Instant::default()).unwrap_err(),
        TftpError::NameTooLong(512)
    );
}

#[test]
fn a_missing_file_is_reported_in_the_servers_words() {
    let mut bench = Bench::new(Options::default());
    assert_eq!(bench.from(TID, b"\0\x05\0\x01File not found\0"), None);
    assert_eq!(bench.error().to_string(), "TFTP error: 'File not found' (1)");
    let mut rude = Bench::new(Options::default());
    rude.from(TID, &[b"\0\x05\0\x02\x1b[2J=> \r\n", &[0xff; 400][..]].concat());
    let text = rude.error().to_string();
    assert!(text.starts_with("TFTP error: '\\x1b[2J=> \\r\\n\\xff"), "{text}");
    assert!(text.len() < 600 && text.is_ascii());
}

#[test]
fn a_bad_answer_to_the_options_gets_error_8() {
    let lists: [&[u8]; 10] = [
        b"blksize\x009\0",
        b"blksize\x000\0",
        b"blksize\0-1\0",
        b"windowsize\x005\0",
        b"windowsize\x000\0",
        b"tsize\x0099999999999999999999\0",
        b"blksize\0\0",
        b"blksize\x008",
        b"utimeout\x001\0",
        b"blksize\x008\0blksize\x008\0",
    ];
    for list in lists {
        let mut bench = Bench::new(WINDOW);
        let sent = bench.from(TID, &[b"\0\x06", list].concat());
        assert_eq!(error_sent(sent), Some((TID, 8)), "{list:?}");
        assert!(matches!(bench.error(), TftpError::Options(_)), "{list:?}");
        assert!(bench.place.bytes.is_empty());
    }
}

#[test]
fn an_empty_list_of_options_means_none() {
    let mut bench = Bench::agreed(WINDOW, b"");
    assert_eq!(bench.data(1, &[1; 512]), ack(1));
    assert_eq!(bench.data(2, b""), ack(2));
    assert_eq!(bench.size(), 512);
}

#[test]
fn a_repeated_answer_to_the_options_is_acknowledged_after_a_while_only() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    assert_eq!(bench.from(TID, b"\0\x06blksize\x008\0"), None);
    bench.now = bench.now + Duration::from_millis(150);
    assert_eq!(bench.from(TID, b"\0\x06blksize\x008\0"), ack(0));
    assert_eq!(bench.data(1, b"12345678"), ack(1));
    bench.now = bench.now + Duration::from_millis(150);
    assert_eq!(bench.from(TID, b"\0\x06blksize\x008\0"), None);
}

#[test]
fn a_stranger_gets_error_5_and_the_transfer_goes_on() {
    let mut bench = Bench::new(SMALL);
    let elsewhere = SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 99), TID.port());
    assert_eq!(
        error_sent(bench.from(elsewhere, &data(1, b"evil"))),
        Some((elsewhere, 5))
    );
    assert_eq!(
        error_sent(bench.from(TID, &data(0, b"evil"))),
        Some((TID, 5)),
        "no transfer begins with block 0"
    );
    assert_eq!(bench.from(TID, b"\0\x06blksize\x008\0"), ack(0));
    let other_port = SocketAddrV4::new(SERVER, 1);
    assert_eq!(
        error_sent(bench.from(other_port, &data(1, b"evil"))),
        Some((other_port, 5))
    );
    assert_eq!(
        error_sent(bench.from(elsewhere, &data(1, b"evil"))),
        Some((elsewhere, 5))
    );
    assert_eq!(bench.from(elsewhere, b"\0\x05\0\x01no\0"), None, "errors get no error");
    assert_eq!(bench.data(1, b"good"), ack(1));
    assert_eq!(bench.place.bytes, b"good");
}

#[test]
fn blocks_that_cannot_be_next_change_nothing() {
    let mut bench = Bench::agreed(WINDOW, b"blksize\x008\0windowsize\x004\0");
    for block in [0, 5, 6, 0x7fff, 0x8001, 0xffff] {
        assert_eq!(bench.data(block, b"evil"), None, "{block}");
    }
    assert!(bench.place.bytes.is_empty());
    assert_eq!(bench.data(1, b"good"), ack(1));
}

#[test]
fn malformed_packets_change_nothing() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    for bytes in [
        &b""[..],
        b"\0",
        b"\0\x03\0",
        b"\0\x01f\0octet\0",
        b"\0\x04\0\x01",
        b"\0\x05",
        b"\xff\xff\xff\xff",
    ] {
        assert_eq!(bench.from(TID, bytes), None);
    }
    assert_eq!(bench.data(1, b"good"), ack(1));
}

#[test]
fn in_lock_step_a_duplicate_is_not_acknowledged_twice() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    assert_eq!(bench.data(1, b"12345678"), ack(1));
    for _ in 0..50 {
        assert_eq!(bench.data(1, b"12345678"), None);
    }
    // The acknowledgement was lost and the server repeats itself: answered once.
    bench.now = bench.now + Duration::from_millis(150);
    assert_eq!(bench.data(1, b"12345678"), ack(1));
    assert_eq!(bench.data(1, b"12345678"), None);
    assert_eq!(bench.data(2, b"end"), ack(2));
    assert_eq!(bench.place.bytes, b"12345678end");
}

#[test]
fn a_window_is_acknowledged_at_its_end() {
    let mut bench = Bench::agreed(WINDOW, b"blksize\x008\0windowsize\x004\0");
    for block in 1..=3 {
        assert_eq!(bench.data(block, b"12345678"), None);
    }
    assert_eq!(bench.data(4, b"12345678"), ack(4));
    assert_eq!(bench.data(5, b"12345678"), None);
    assert_eq!(bench.data(6, b"x"), ack(6));
    assert_eq!(bench.size(), 41);
}

#[test]
fn a_gap_is_answered_once() {
    let mut bench = Bench::agreed(WINDOW, b"blksize\x008\0windowsize\x004\0");
    assert_eq!(bench.data(1, b"11111111"), None);
    assert_eq!(bench.data(3, b"33333333"), ack(1));
    assert_eq!(bench.data(4, b"44444444"), None);
    assert_eq!(bench.data(3, b"33333333"), None);
    // The server goes back to the block after the acknowledged one; the window counts from there.
    for block in 2..=4 {
        assert_eq!(bench.data(block, b"22222222"), None);
    }
    assert_eq!(bench.data(5, b"55555555"), ack(5));
    assert_eq!(bench.place.bytes.len(), 40);
    assert_eq!(bench.data(7, b"7"), ack(5));
    assert_eq!(bench.wait(200), ack(5), "the server did not hear");
    assert_eq!(bench.data(7, b"7"), ack(5), "and now lost block 6 again");
}

#[test]
fn block_numbers_wrap_to_0() {
    let mut bench = Bench::agreed(WINDOW, b"blksize\x008\0windowsize\x004\0");
    for index in 1..=65_535_u32 {
        bench.data(u16::try_from(index).unwrap(), &[1; 8]);
    }
    assert_eq!(bench.data(0, &[2; 8]), ack(0));
    assert_eq!(bench.data(1, &[3; 4]), ack(1));
    assert_eq!(bench.size(), 65_536 * 8 + 4);
    assert_eq!(bench.place.bytes[65_535 * 8..], [&[2; 8][..], &[3; 4]].concat());
}

#[test]
fn in_lock_step_block_numbers_may_wrap_to_1() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    for index in 1..=65_535_u32 {
        bench.data(u16::try_from(index).unwrap(), &[1; 8]);
    }
    assert_eq!(bench.data(1, &[2; 8]), ack(1));
    assert_eq!(bench.data(2, &[3; 4]), ack(2));
    assert_eq!(bench.size(), 65_536 * 8 + 4);
}

#[test]
fn a_wrong_size_is_an_error() {
    let mut short = Bench::agreed(SMALL, b"blksize\x008\0tsize\x0010\0");
    short.data(1, b"12345678");
    assert_eq!(error_sent(short.data(2, b"x")), Some((TID, 0)));
    assert_eq!(
        short.error().to_string(),
        "TFTP error: the server announced 10 bytes and sent 9"
    );
    let mut long = Bench::agreed(SMALL, b"blksize\x008\0tsize\x0010\0");
    long.data(1, b"12345678");
    assert_eq!(error_sent(long.data(2, b"123")), Some((TID, 0)));
    assert_eq!(long.place.bytes.len(), 8);
}

#[test]
fn a_block_longer_than_agreed_is_an_error() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    assert_eq!(error_sent(bench.data(1, b"123456789")), Some((TID, 4)));
    assert_eq!(
        bench.error().to_string(),
        "TFTP error: block 1 has 9 bytes, but blocks of 8 were agreed on"
    );
    assert!(bench.place.bytes.is_empty());
}

#[test]
fn a_file_without_room_is_refused_before_its_first_byte() {
    let mut announced = Bench::new(SMALL);
    announced.place.room = 9;
    assert_eq!(
        error_sent(announced.from(TID, b"\0\x06blksize\x008\0tsize\x0010\0")),
        Some((TID, 3))
    );
    assert!(matches!(announced.error(), TftpError::Memory(_)));
    let mut endless = Bench::new(SMALL);
    endless.place.room = 700;
    assert_eq!(endless.data(1, &[0; 512]), ack(1));
    assert_eq!(error_sent(endless.data(2, &[0; 512])), Some((TID, 3)));
    assert_eq!(endless.place.bytes.len(), 512);
}

#[test]
fn without_any_server_the_request_is_repeated_and_given_up() {
    let mut bench = Bench::new(Options::default());
    let (sent, took) = bench.silence();
    assert_eq!(sent.len(), 11);
    assert!(sent.iter().all(|transmit| transmit.message == Message::Request));
    assert_eq!(took, Duration::from_secs(40));
    assert_eq!(
        bench.error().to_string(),
        "Retry count exceeded: 10.0.2.2:69 was silent for 40 s after 0 bytes"
    );
}

#[test]
fn a_server_that_falls_silent_is_asked_anew_and_given_up_within_a_minute() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    bench.data(1, b"12345678");
    let (sent, took) = bench.silence();
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert_eq!(sent[0], ack(1).unwrap());
    assert_eq!(sent.last().unwrap().message, Message::Request);
}

#[test]
fn a_restarted_server_is_asked_anew_from_another_port() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    bench.data(1, b"oldoldol");
    let again = bench.from(TID, b"\0\x05\0\x05Unknown transfer ID\0");
    assert_eq!(again.unwrap().message, Message::Request);
    assert_eq!(bench.client.local_port(), LOCAL_PORT + 1);
    assert_eq!(bench.client.progress(), (0, None));
    assert_eq!(bench.from(TID, b"\0\x06blksize\x008\0"), ack(0));
    assert_eq!(bench.data(1, b"new"), ack(1));
    assert_eq!(bench.client.outcome().unwrap().unwrap().restarts, 1);
    assert_eq!(bench.size(), 3);
}

#[test]
fn a_server_that_loses_every_transfer_is_given_up() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    for _ in 0..3 {
        assert!(bench.from(TID, b"\0\x05\0\x05gone\0").is_some());
        bench.from(TID, b"\0\x06blksize\x008\0");
    }
    assert_eq!(bench.from(TID, b"\0\x05\0\x05gone\0"), None);
    assert_eq!(bench.error().to_string(), "TFTP error: 'gone' (5)");
}

#[test]
fn port_unreachable_counts_for_our_own_packets_only() {
    let mut bench = Bench::new(SMALL);
    assert_eq!(bench.client.unreachable(LOCAL_PORT + 1, SERVER_PORT, bench.now), None);
    assert_eq!(bench.client.unreachable(LOCAL_PORT, 70, bench.now), None);
    assert_eq!(bench.client.outcome(), None);
    assert_eq!(bench.client.unreachable(LOCAL_PORT, SERVER_PORT, bench.now), None);
    assert_eq!(
        bench.error().to_string(),
        "TFTP error: 10.0.2.2:69 refuses: nothing listens on that port"
    );
    let mut died = Bench::agreed(SMALL, b"blksize\x008\0");
    let again = died.client.unreachable(LOCAL_PORT, TID.port(), died.now);
    assert_eq!(again.unwrap().message, Message::Request);
}

#[test]
fn an_abort_tells_the_server() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    assert_eq!(error_sent(bench.client.abort()), Some((TID, 0)));
    assert_eq!(bench.error().to_string(), "Abort");
    assert_eq!(bench.data(1, b"12345678"), None);
}

#[test]
fn the_last_block_is_acknowledged_again_when_it_comes_again() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    assert_eq!(bench.data(1, b"x"), ack(1));
    assert_eq!(bench.data(1, b"x"), None, "a copy made by the network");
    bench.now = bench.now + Duration::from_secs(1);
    assert_eq!(bench.data(1, b"x"), ack(1), "the server did not hear");
    assert_eq!(bench.data(2, b"x"), None);
    assert_eq!(bench.size(), 1);
}

#[test]
fn a_flood_of_duplicates_does_not_keep_a_dead_transfer_alive() {
    let mut bench = Bench::agreed(SMALL, b"blksize\x008\0");
    bench.data(1, b"12345678");
    let mut answers = 0;
    for _ in 0..200_000 {
        answers += usize::from(bench.data(1, b"12345678").is_some());
        bench.now = bench.now + Duration::from_micros(1000);
        answers += usize::from(bench.client.poll(bench.now).is_some());
        if bench.client.outcome().is_some() {
            break;
        }
        if bench.client.progress().0 == 0 {
            return assert!(answers < 200, "{answers}");
        }
    }
    panic!("the transfer neither began anew nor ended");
}

/// Packets that are nearly right: the worst for a parser.
#[test]
fn random_packets_neither_panic_nor_store_outside_the_room() {
    let mut seed = 1_u64;
    let mut random = |limit: u64| {
        seed = seed
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        (seed >> 33) % limit
    };
    let words: [&[u8]; 9] = [
        b"blksize",
        b"8",
        b"windowsize",
        b"tsize",
        b"timeout",
        b"4",
        b"",
        b"65536",
        b"99999999999999999999",
    ];
    let mut complete = 0;
    for _ in 0..20_000 {
        let mut bench = Bench::new(WINDOW);
        bench.place.room = random(100);
        for _ in 0..random(30) {
            let mut packet = alloc::vec![0, u8::try_from(random(8)).unwrap()];
            if packet[1] == 6 {
                for _ in 0..random(6) {
                    packet.extend_from_slice(words[usize::try_from(random(9)).unwrap()]);
                    packet.push(0);
                }
            } else {
                packet.extend_from_slice(&[0, u8::try_from(random(6)).unwrap()]);
                packet.resize(4 + usize::try_from(random(2) * 504 + random(10)).unwrap(), b'x');
            }
            packet.truncate(packet.len() - usize::try_from(random(20) / 19).unwrap());
            let from = if random(10) == 0 {
                SocketAddrV4::new(SERVER, 1)
            } else {
                TID
            };
            let _ = bench.from(from, &packet);
            let _ = bench.wait(random(300));
        }
        assert!(bench.place.bytes.len() as u64 <= bench.place.room);
        if let Some(Ok(outcome)) = bench.client.outcome() {
            complete += 1;
            assert_eq!(outcome.size, bench.place.bytes.len() as u64);
        }
    }
    assert!(
        complete > 100,
        "the packets are too random to be a test: {complete} transfers were completed"
    );
}
