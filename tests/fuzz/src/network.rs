//! Servers that answer with whatever the fuzzer makes up.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;
use std::time::Duration;

use hal::fakes::ManualClock;
use hal::net::TransmitError;
use hal::{Instant, MacAddr, NetDevice};
use loader_core::memory::MemoryError;
use loader_core::net::Network;
use loader_core::net::http::{Client, End, Request};
use loader_core::net::tftp::Sink;

use super::{OUTPUT, command, machine, settle};

const OURS: MacAddr = MacAddr([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
const THEIRS: [u8; 6] = [0x52, 0x55, 10, 0, 2, 2];
const SERVER: [u8; 4] = [10, 0, 2, 2];

/// Lengths of the Ethernet, IPv4 and UDP headers, one after another.
const ETHERNET: usize = 14;
const IPV4: usize = 20;
const UDP: usize = 8;

/// How many bytes of the question come first in an answer: what the protocols' numbers need to be taken for an answer.
const REPEATED: [usize; 8] = [0, 2, 4, 12, 28, 44, 240, usize::MAX];

/// The server that knows what is asked and answers what it likes.
struct Server {
    /// What the fuzzer made up, from which answers are taken.
    answers: Rc<RefCell<VecDeque<u8>>>,
    frames: VecDeque<Vec<u8>>,
}

impl Server {
    fn byte(&self) -> Option<u8> {
        self.answers.borrow_mut().pop_front()
    }

    /// Up to three datagrams, each of a first part that repeats the question and a second one that is made up.
    fn answer(&mut self, question: &[u8]) {
        let Some(kind) = self.byte() else { return };
        for _ in 0..kind >> 3 & 3 {
            let Some(len) = self.byte() else { return };
            let asked = question.get(ETHERNET + IPV4 + UDP..).unwrap_or_default();
            let repeated = REPEATED[usize::from(kind & 7)].min(asked.len());
            let mut payload = asked[..repeated].to_vec();
            // The reply of a DHCP server, and the answer of a DNS server, say so in a bit.
            if kind & 0x80 != 0 && !payload.is_empty() {
                payload[0] = 2;
            }
            if kind & 0x40 != 0 && payload.len() > 2 {
                payload[2] |= 0x80;
            }
            payload.extend((0..usize::from(len) * 2).map_while(|_| self.byte()));
            self.frames.push_back(datagram(question, &payload));
        }
    }
}

/// A datagram back to where `question` came from.
fn datagram(question: &[u8], payload: &[u8]) -> Vec<u8> {
    let ports = &question[ETHERNET + IPV4..ETHERNET + IPV4 + 4];
    let asked = &question[ETHERNET + 16..ETHERNET + 20];
    let source = if asked == [255; 4] {
        SERVER
    } else {
        [asked[0], asked[1], asked[2], asked[3]]
    };
    let length = |header: usize| u16::try_from(header + payload.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut header = [0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 10, 0, 2, 15];
    header[2..4].copy_from_slice(&length(IPV4 + UDP));
    header[12..16].copy_from_slice(&source);
    let sum = header
        .chunks(2)
        .fold(0_u32, |sum, pair| sum + u32::from(pair[0]) * 256 + u32::from(pair[1]));
    let sum = !(((sum >> 16) + sum) as u16);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    let udp = [&ports[2..4], &ports[..2], &length(UDP), &[0, 0]].concat();
    [&OURS.0[..], &THEIRS, &[8, 0], &header, &udp, payload].concat()
}

/// Says that every address is the server's.
fn resolved(request: &[u8]) -> Vec<u8> {
    let ethernet = [&OURS.0[..], &THEIRS, &[8, 6]].concat();
    let (sender, target) = (&request[22..32], &request[38..42]);
    [&ethernet[..], &[0, 1, 8, 0, 6, 4, 0, 2], &THEIRS, target, sender].concat()
}

impl NetDevice for Server {
    fn name(&self) -> &str {
        "fuzz#0"
    }

    fn mac(&self) -> MacAddr {
        OURS
    }

    fn link_up(&mut self) -> bool {
        true
    }

    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool {
        self.frames.pop_front().inspect(|frame| sink(frame)).is_some()
    }

    fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), TransmitError> {
        let mut frame = vec![0; len];
        fill(&mut frame);
        match (frame.get(12..14), frame.get(23)) {
            (Some([8, 6]), _) if len >= 42 => self.frames.push_back(resolved(&frame)),
            (Some([8, 0]), Some(17)) if len >= ETHERNET + IPV4 + UDP => self.answer(&frame),
            _ => {}
        }
        Ok(())
    }

    fn shutdown(&mut self) {}
}

/// A command that asks a server, and the server's answers.
pub(super) fn network(data: &[u8]) {
    let Some((kind, answers)) = data.split_first() else {
        return;
    };
    let out = format!("{OUTPUT:x}");
    let commands: [&[&str]; 6] = [
        &["dhcp"],
        &["tftpboot", &out, "file"],
        &["dns", "example.org", "found"],
        &["sntp", "10.0.2.2"],
        &["ping", "10.0.2.2"],
        &["tftpput", &out, "40", "file"],
    ];
    let (mut context, keyboard) = machine();
    let answers = Rc::new(RefCell::new(answers.iter().copied().collect()));
    let server = Server {
        answers,
        frames: VecDeque::new(),
    };
    let clock = Rc::new(ManualClock::with_step(500));
    context.network = Some(Network::new(Box::new(server), clock).expect("a good address"));
    for (name, value) in [
        ("serverip", "10.0.2.2"),
        ("dnsip", "10.0.2.2"),
        ("netmask", "255.255.255.0"),
    ] {
        context.env.set(name, value).expect("an environment of a few");
    }
    let chosen = usize::from(*kind) % commands.len();
    if chosen != 0 {
        context.env.set("ipaddr", "10.0.2.15").expect("an environment of a few");
    }
    let _ = command(&mut context, commands[chosen]);
    let shown = keyboard.shown.borrow();
    assert!(
        !shown.contains(&0x1b),
        "a server steers the terminal: {}",
        shown.escape_ascii()
    );
    drop(shown);
    settle(&mut context);
}

/// The file that a download makes.
#[derive(Default)]
struct File(Vec<u8>);

impl Sink for File {
    fn size_hint(&mut self, _size: u64) -> Result<(), MemoryError> {
        Ok(())
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), MemoryError> {
        let offset = usize::try_from(offset).expect("a host of 64 bits");
        assert!(offset <= self.0.len(), "a hole in the file");
        self.0.truncate(offset);
        self.0.extend_from_slice(data);
        Ok(())
    }
}

/// What a web server sends: connections with `\0END` between them, in pieces of the first byte's length.
pub(super) fn http(data: &[u8]) {
    const END: &[u8] = b"\0END";
    let Some((piece, mut rest)) = data.split_first() else {
        return;
    };
    let request = Request {
        server: SocketAddrV4::new(Ipv4Addr::from(SERVER), 80),
        host: "host".into(),
        path: "/file".into(),
    };
    let mut now = Instant::from_micros(0);
    let (mut client, mut file) = (Client::new(request, now), File::default());
    while client.outcome().is_none() && !rest.is_empty() {
        let end = rest.windows(END.len()).position(|window| window == END);
        let connection = &rest[..end.unwrap_or(rest.len())];
        rest = rest.get(connection.len() + END.len()..).unwrap_or_default();
        for _ in 0..20 {
            now = now + Duration::from_secs(1);
            if client.poll(now) {
                assert!(client.connected().ends_with("\r\n\r\n"));
                break;
            }
        }
        for part in connection.chunks(usize::from(*piece).max(1)) {
            client.receive(part, now, &mut file);
        }
        let how = if piece & 1 == 0 { End::Closed } else { End::Reset };
        client.ended(how, now);
    }
    if let Some(Ok(outcome)) = client.outcome() {
        // A file that is empty when it is asked for anew is not written at all.
        assert!(
            outcome.size == file.0.len() as u64 || (outcome.size == 0 && outcome.breaks > 0),
            "the file has {} bytes, not {}",
            file.0.len(),
            outcome.size
        );
    }
}
