//! The TFTP client against a simulated server over a bad wire, on simulated time: thousands of schedules, each repeatable by its seed.
//!
//! The rule: right data or a clear error, always an end.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use hal::Instant;
use loader_core::memory::MemoryError;
use loader_core::net::tftp::{Client, MAX_SENT, Options, Outcome, Request, SERVER_PORT, Sink, TftpError, Transmit};
use slipway_sim::lan::{Chance, Faults, Habits, Link, TftpServer};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);

#[derive(Default)]
struct Store(Vec<u8>);

impl Sink for Store {
    fn size_hint(&mut self, _size: u64) -> Result<(), MemoryError> {
        Ok(())
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), MemoryError> {
        let offset = usize::try_from(offset).unwrap();
        self.0.resize(self.0.len().max(offset + data.len()), 0);
        self.0[offset..offset + data.len()].copy_from_slice(data);
        Ok(())
    }
}

/// One run: who asks for what, over which wire.
struct Schedule {
    seed: u64,
    size: usize,
    options: Options,
    habits: Habits,
    faults: Faults,
    /// When the server forgets everything.
    restart: Option<Duration>,
    /// From when on nothing passes, and for how long.
    cut: Option<(Duration, Duration)>,
}

impl Schedule {
    fn new(seed: u64, size: usize, block_size: u16, window_size: u16) -> Self {
        let options = Options {
            block_size,
            window_size,
            timeout: 1,
        };
        let habits = Habits::default();
        Self {
            seed,
            size,
            options,
            habits,
            faults: Faults::default(),
            restart: None,
            cut: None,
        }
    }
}

/// What came of it.
struct Report {
    result: Result<Outcome, TftpError>,
    took: Duration,
    /// Packets on the wire to the client and to the server.
    packets: (u64, u64),
}

/// The two wires carry, before each datagram, the ports it goes between.
struct World {
    client: Client,
    server: TftpServer,
    to_client: Link,
    to_server: Link,
    now: Instant,
}

impl World {
    fn new(schedule: &Schedule, file: &[u8]) -> Self {
        let mut server = TftpServer::new(schedule.habits.clone());
        server.add("file", file.to_vec());
        let request = Request {
            server: SocketAddrV4::new(SERVER, SERVER_PORT),
            file: "file".to_owned(),
            options: schedule.options,
            first_wait: None,
            local_port: 50000,
        };
        let now = Instant::default();
        let (client, first) = Client::start(request, now).unwrap();
        let mut world = Self {
            client,
            server,
            to_client: Link::new(schedule.faults, schedule.seed),
            to_server: Link::new(schedule.faults, !schedule.seed),
            now,
        };
        world.send(first);
        world
    }

    fn send(&mut self, transmit: Transmit) {
        let mut buffer = [0; MAX_SENT];
        let len = self.client.write(transmit.message, &mut buffer).unwrap();
        assert_eq!(*transmit.to.ip(), SERVER);
        let ports = [self.client.local_port().to_be_bytes(), transmit.to.port().to_be_bytes()].concat();
        self.to_server.send(self.now, [&ports[..], &buffer[..len]].concat());
    }

    fn next(&self) -> Instant {
        let times = [
            self.client.due(),
            self.server.next(),
            self.to_client.next(),
            self.to_server.next(),
        ];
        times.into_iter().flatten().min().unwrap_or(self.now).max(self.now)
    }

    fn step(&mut self, sink: &mut Store, cut: bool) {
        self.now = self.next();
        let mut answers = self.server.poll(self.now);
        if let Some(packet) = self.to_server.arrived(self.now).filter(|_| !cut) {
            let (client_port, server_port, bytes) = split(&packet);
            let client = SocketAddrV4::new(CLIENT, client_port);
            answers.extend(self.server.receive(client, server_port, bytes, self.now));
        }
        for answer in answers {
            let ports = [answer.to.port().to_be_bytes(), answer.from_port.to_be_bytes()].concat();
            self.to_client.send(self.now, [ports, answer.bytes].concat());
        }
        let mut replies = Vec::from_iter(self.client.poll(self.now));
        if let Some(packet) = self.to_client.arrived(self.now).filter(|_| !cut) {
            let (client_port, server_port, bytes) = split(&packet);
            if client_port == self.client.local_port() {
                let from = SocketAddrV4::new(SERVER, server_port);
                replies.extend(self.client.receive(from, bytes, self.now, sink));
            }
        }
        for reply in replies {
            self.send(reply);
        }
    }
}

fn split(packet: &[u8]) -> (u16, u16, &[u8]) {
    let port = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    (port(0), port(2), &packet[4..])
}

fn file(size: usize, seed: u64) -> Vec<u8> {
    let mut chance = Chance::new(seed ^ 0xf11e);
    let mut bytes: Vec<u8> = (0..size.div_ceil(8))
        .flat_map(|_| chance.number().to_le_bytes())
        .collect();
    bytes.truncate(size);
    bytes
}

fn run(schedule: &Schedule) -> Report {
    let file = file(schedule.size, schedule.seed);
    let mut world = World::new(schedule, &file);
    let mut sink = Store::default();
    let mut restart = schedule.restart;
    let at = |duration: Duration| Instant::default() + duration;
    while world.client.outcome().is_none() {
        let cut = schedule
            .cut
            .is_some_and(|(from, len)| (at(from)..at(from + len)).contains(&world.now));
        world.step(&mut sink, cut);
        if restart.is_some_and(|when| at(when) <= world.now) {
            restart = None;
            world.server.restart();
        }
        let took = world.now - Instant::default();
        assert!(took < Duration::from_secs(6 * 3600), "seed {}: endless", schedule.seed);
    }
    let result = world.client.outcome().unwrap();
    if let Ok(outcome) = &result {
        assert_eq!(outcome.size, file.len() as u64, "seed {}: wrong size", schedule.seed);
        assert!(
            sink.0.get(..file.len()) == Some(&file[..]),
            "seed {}: wrong data",
            schedule.seed
        );
    }
    let packets = (world.to_client.carried(), world.to_server.carried());
    Report {
        result,
        took: world.now - Instant::default(),
        packets,
    }
}

const BLOCKS: [u16; 3] = [8, 512, 1468];
const WINDOWS: [u16; 3] = [1, 8, 64];

/// All pairs of block and window size.
fn shapes() -> impl Iterator<Item = (u16, u16)> {
    BLOCKS
        .into_iter()
        .flat_map(|block| WINDOWS.into_iter().map(move |window| (block, window)))
}

#[test]
fn a_good_wire_carries_each_block_once() {
    for (block, window) in shapes() {
        for size in [0, 1, 7, 8, 9, 511, 512, 513, 1467, 1468, 1469, 64 * 1468, 200_000] {
            let report = run(&Schedule::new(1, size, block, window));
            let outcome = report.result.unwrap();
            assert_eq!((outcome.agreed.block_size, outcome.agreed.window_size), (block, window));
            let blocks = (size / usize::from(block) + 1) as u64;
            assert_eq!(
                report.packets.0,
                blocks + 1,
                "the answer to the options and each block once"
            );
            assert_eq!(
                report.packets.1,
                2 + blocks.div_ceil(window.into()),
                "one acknowledgement a window"
            );
        }
    }
}

#[test]
fn bad_wires_deliver_the_right_bytes_or_an_error() {
    let (mut runs, mut easy, mut failed_easy, mut most) = (0, 0, 0, 0);
    for (block, window) in shapes() {
        for loss in [0, 1, 10, 20, 30] {
            for seed in 0..240 {
                let mut schedule = Schedule::new(
                    seed * 1000 + u64::from(loss),
                    60 * usize::from(block) + 3,
                    block,
                    window,
                );
                let mut chance = Chance::new(schedule.seed);
                schedule.faults = Faults {
                    loss,
                    duplicate: chance.below(31) as u8,
                    reorder: chance.below(31) as u8,
                    corrupt: 0,
                    delay: Duration::from_micros(chance.below(4) * 20_000),
                };
                schedule.habits.apprentice = chance.hits(50);
                let report = run(&schedule);
                runs += 1;
                most = most.max(report.packets.0);
                if loss <= 10 {
                    easy += 1;
                    failed_easy += u32::from(report.result.is_err());
                }
            }
        }
    }
    assert!(runs >= 10_000);
    assert!(most < 60 * 61, "{most} packets for a file of 61 blocks");
    assert!(
        failed_easy * 1000 <= easy,
        "{failed_easy} of {easy} transfers failed at a loss of 10 % or less"
    );
}

#[test]
fn an_apprentice_does_not_multiply_the_traffic() {
    for seed in 0..200 {
        let mut schedule = Schedule::new(seed, 300 * 512, 512, 1);
        schedule.habits.apprentice = true;
        schedule.faults.delay = Duration::from_millis(seed * 2);
        schedule.faults.duplicate = 5;
        let report = run(&schedule);
        assert!(report.result.is_ok());
        assert!(
            report.packets.0 < 2 * 303,
            "seed {seed}: {} packets for 302 answers",
            report.packets.0
        );
    }
}

#[test]
fn a_server_that_restarts_is_asked_again() {
    let mut restarted = 0;
    for (block, window) in shapes() {
        for seed in 0..40 {
            let mut schedule = Schedule::new(seed, 400 * usize::from(block), block, window);
            schedule.faults.loss = (seed % 4) as u8 * 5;
            schedule.restart = Some(Duration::from_micros(300 + seed * 211));
            let outcome = run(&schedule).result.unwrap();
            restarted += u32::from(outcome.restarts > 0);
        }
    }
    assert!(restarted > 100, "{restarted}");
}

#[test]
fn a_link_that_goes_away_for_three_seconds_is_waited_for() {
    for (block, window) in shapes() {
        for seed in 0..20 {
            let mut schedule = Schedule::new(seed, 2000 * usize::from(block), block, window);
            schedule.cut = Some((Duration::from_micros(seed * 3000), Duration::from_secs(3)));
            let report = run(&schedule);
            let outcome = report.result.unwrap();
            assert!(report.took < Duration::from_secs(12), "{:?}, {outcome:?}", report.took);
        }
    }
}

#[test]
fn a_dead_wire_ends_within_a_minute() {
    for cut_after in [0, 100, 1000, 10_000] {
        let mut schedule = Schedule::new(1, 2_000_000, 1468, 8);
        schedule.cut = Some((Duration::from_micros(cut_after), Duration::from_secs(100_000)));
        let report = run(&schedule);
        assert!(
            matches!(report.result, Err(TftpError::Silence { .. })),
            "{:?}",
            report.result
        );
        let alone = report.took - Duration::from_micros(cut_after);
        assert!(alone < Duration::from_secs(60), "{alone:?}");
    }
}

#[test]
fn more_than_65535_blocks_are_right_whichever_way_the_number_wraps() {
    // 33 MiB in blocks of 512 bytes: past the wrap at 32 MiB.
    for (wrap_to, window) in [(0, 1), (0, 8), (0, 64), (1, 1)] {
        let mut schedule = Schedule::new(7, 33 << 20, 512, window);
        schedule.habits.wrap_to = wrap_to;
        let outcome = run(&schedule).result.unwrap();
        assert_eq!(outcome.size, 33 << 20);
    }
    // Several turns, with losses at any of them.
    for window in [1, 64] {
        let mut schedule = Schedule::new(8, 8 * 200_000, 8, window);
        schedule.faults = Faults {
            loss: 1,
            duplicate: 1,
            reorder: 1,
            ..Faults::default()
        };
        assert_eq!(run(&schedule).result.unwrap().size, 8 * 200_000);
    }
}

#[test]
fn servers_without_options_are_served() {
    for refuses in [false, true] {
        let mut schedule = Schedule::new(3, 100_000, 1468, 64);
        schedule.habits = Habits {
            options: refuses,
            refuses_options: refuses,
            ..Habits::default()
        };
        schedule.faults.loss = 5;
        let outcome = run(&schedule).result.unwrap();
        assert_eq!(
            (
                outcome.agreed.block_size,
                outcome.agreed.window_size,
                outcome.agreed.size
            ),
            (512, 1, None)
        );
    }
}

#[test]
fn a_server_that_grants_less_is_followed() {
    let mut schedule = Schedule::new(4, 100_000, 1468, 64);
    schedule.habits = Habits {
        max_block: 1000,
        max_window: 3,
        ..Habits::default()
    };
    let outcome = run(&schedule).result.unwrap();
    assert_eq!((outcome.agreed.block_size, outcome.agreed.window_size), (1000, 3));
}

#[test]
fn a_size_that_is_not_true_is_an_error() {
    for lie in [-1, 1, 1468, -100_000] {
        let mut schedule = Schedule::new(5, 100_000, 1468, 8);
        schedule.habits.size_lie = lie;
        let result = run(&schedule).result;
        assert!(matches!(result, Err(TftpError::Size { .. })), "{lie}: {result:?}");
    }
}
