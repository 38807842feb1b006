//! `dns`, `sntp` and `tftpput` at the prompt of a machine in memory, with servers that a test writes.

use std::net::Ipv4Addr;
use std::time::Duration;

use hal::PhysAddr;
use loader_core::context::Status;
use slipway_sim::lan::{Chance, Faults, HOST, Habits, Service, TftpServer};
use slipway_sim::machine::{Machine, RAM};

const PLACE: u64 = RAM + 0x20_0000;
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);

fn machine(faults: Faults, seed: u64) -> Machine {
    let mut machine = Machine::online(faults, seed);
    machine.context.env.set("dnsip", "10.0.2.2").unwrap();
    machine.lan.host().addresses = vec![HOST, OTHER];
    machine
}

fn good() -> Machine {
    machine(Faults::default(), 1)
}

fn serve(machine: &Machine, port: u16, service: impl FnMut(&[u8]) -> Vec<Vec<u8>> + 'static) {
    machine.lan.host().services.insert(port, Service(Box::new(service)));
}

fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    (0..len).map(|_| chance.number() as u8).collect()
}

/// Puts a file into RAM, without a word about it in the map of files.
fn put(machine: &mut Machine, file: &[u8]) {
    let claim = machine
        .context
        .memory
        .claim(PhysAddr(PLACE), file.len() as u64, "test")
        .unwrap();
    machine.context.memory.write(&claim, 0, file).unwrap();
    machine.context.memory.abandon(claim, 0);
}

/// An answer to a DNS question: header flags, then the records behind the question.
fn dns_answer(question: &[u8], flags: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2..4].copy_from_slice(&flags.to_be_bytes());
    answer[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
    answer.extend(records.concat());
    answer
}

fn record(name: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let len = data.len() as u16;
    [
        name,
        &kind.to_be_bytes(),
        &[0, 1, 0, 0, 0, 60],
        &len.to_be_bytes(),
        data,
    ]
    .concat()
}

const QUESTION_NAME: &[u8] = &[0xc0, 12];

#[test]
fn a_name_is_looked_up_and_kept() {
    let mut machine = good();
    serve(&machine, 53, |question| {
        assert_eq!(&question[12..], b"\x03www\x03lan\0\0\x01\0\x01");
        vec![dns_answer(
            question,
            0x8180,
            &[record(QUESTION_NAME, 1, &[10, 0, 2, 3])],
        )]
    });
    assert_eq!(machine.enter("dns WWW.lan"), "10.0.2.3\n");
    assert_eq!(machine.enter("dns www.lan. x && printenv x"), "10.0.2.3\nx=10.0.2.3\n");
    assert_eq!(machine.enter("dns 10.1.2.3"), "10.1.2.3\n");
    assert_eq!(
        machine.enter("ping www.lan"),
        "Using sim-net#0 device\nhost 10.0.2.3 is alive\n"
    );
}

#[test]
fn what_dns_cannot_do_is_said() {
    let mut machine = good();
    serve(&machine, 53, |question| vec![dns_answer(question, 0x8183, &[])]);
    assert_eq!(
        machine.enter("dns nosuch.lan x"),
        "DNS: host not found\ndns lookup of nosuch.lan failed, check setup: \
        there is no nosuch.lan, or it has no IPv4 address\n"
    );
    assert_eq!(
        (machine.status(), machine.context.env.get("x")),
        (Status::Failure, None)
    );
    serve(&machine, 53, |question| vec![dns_answer(question, 0x8182, &[])]);
    let refused = "dns lookup of a.lan failed, check setup: no DNS server would look up a.lan\n";
    assert_eq!(machine.enter("dns a.lan"), refused);
    machine.lan.host().services.clear();
    assert_eq!(machine.enter("dns a.lan"), refused, "nothing listens");
    serve(&machine, 53, |_| Vec::new());
    assert_eq!(
        machine.enter("dns a.lan"),
        "dns lookup of a.lan failed, check setup: no DNS server answered within 12 s\n"
    );
    for name in ["a..b", ".", "''", "a.-b/c", "'a b'"] {
        let output = machine.enter(&format!("dns {name}"));
        assert!(output.contains("is not a host name"), "{name}: {output}");
    }
    let output = machine.enter("setenv dnsip; dns a.lan");
    assert_eq!(
        output,
        "*** ERROR: DNS server address not given\ndns lookup of a.lan failed, check setup\n"
    );
    assert!(machine.enter("dns").contains("Usage:"));
}

#[test]
fn the_second_server_helps_if_the_first_does_not() {
    let mut machine = good();
    machine.context.env.set("dnsip", "10.0.2.77").unwrap();
    machine.context.env.set("dnsip2", "10.0.2.3").unwrap();
    serve(&machine, 53, |question| {
        vec![dns_answer(
            question,
            0x8180,
            &[record(QUESTION_NAME, 1, &[10, 0, 2, 9])],
        )]
    });
    assert_eq!(machine.enter("dns www.lan"), "10.0.2.9\n");
}

#[test]
fn names_are_looked_up_over_bad_networks() {
    for seed in 0..40 {
        let faults = Faults {
            loss: 20,
            duplicate: 20,
            reorder: 20,
            corrupt: 5,
            delay: Duration::from_millis(3),
        };
        let mut machine = machine(faults, seed);
        serve(&machine, 53, |question| {
            vec![dns_answer(
                question,
                0x8180,
                &[record(QUESTION_NAME, 1, &[10, 0, 2, 3])],
            )]
        });
        let output = machine.enter("dns www.lan");
        let right = output == "10.0.2.3\n" || output.contains("failed, check setup");
        assert!(right, "{seed}: {output}");
    }
}

/// An answer of an NTP server: seconds since 1900.
fn ntp_answer(question: &[u8], stratum: u8, seconds: u32) -> Vec<u8> {
    let mut answer = vec![0; 48];
    answer[0] = 0x24;
    answer[1] = stratum;
    answer[12..16].copy_from_slice(b"DENY");
    answer[24..32].copy_from_slice(&question[40..48]);
    answer[40..44].copy_from_slice(&seconds.to_be_bytes());
    answer[47] = 1;
    answer
}

/// 2026-11-27 14:35:42 UTC.
const NOW: u32 = 4_004_778_942;

#[test]
fn the_time_of_a_server_becomes_the_date() {
    let mut machine = good();
    serve(&machine, 123, |question| vec![ntp_answer(question, 2, NOW)]);
    assert_eq!(
        machine.enter("sntp 10.0.2.2"),
        "Using sim-net#0 device\nDate: 2026-11-27 Time: 14:35:42\n"
    );
    assert_eq!(machine.enter("date"), "Date: 2026-11-27 (Friday)    Time: 14:35:42\n");
    machine.context.env.set("ntpserverip", "10.0.2.3").unwrap();
    machine.context.env.set("timeoffset", "-7200").unwrap();
    assert!(machine.enter("sntp").ends_with("Date: 2026-11-27 Time: 12:35:42\n"));
    let sleep = machine.enter("sleep 2; date");
    assert_eq!(sleep, "Date: 2026-11-27 (Friday)    Time: 12:35:44\n");
    machine.context.env.set("timeoffset", "7200").unwrap();
    assert!(machine.enter("sntp").ends_with("Date: 2026-11-27 Time: 16:35:42\n"));
}

#[test]
fn what_sntp_cannot_do_is_said() {
    let mut machine = good();
    assert_eq!(machine.enter("sntp"), "*** ERROR: `ntpserverip' not set\n");
    let refused = "Using sim-net#0 device\nSNTP failed: host 10.0.2.2 does not tell the time";
    assert_eq!(
        machine.enter("sntp 10.0.2.2"),
        format!("{refused}\n"),
        "nothing listens"
    );
    serve(&machine, 123, |question| vec![ntp_answer(question, 0, NOW)]);
    assert_eq!(machine.enter("sntp 10.0.2.2"), format!("{refused}: 'DENY'\n"));
    serve(&machine, 123, |_| vec![vec![0x24; 48]]);
    assert_eq!(
        machine.enter("sntp 10.0.2.2"),
        "Using sim-net#0 device\nSNTP failed: host 10.0.2.2 not responding within 12 s\n"
    );
    machine.context.env.set("timeoffset", "100000").unwrap();
    assert!(
        machine
            .enter("sntp 10.0.2.2")
            .starts_with("timeoffset is '100000', which is not a number of")
    );
    assert!(machine.enter("date").starts_with("no date is set"));
    assert_eq!(machine.status(), Status::Failure);
}

#[test]
fn memory_is_sent_to_a_server() {
    let file = bytes(200_000, 1);
    let mut machine = good();
    put(&mut machine, &file);
    let output = machine.enter("tftpput 0x40200000 30d40 10.0.2.3:dump.bin");
    let lines: Vec<&str> = output.lines().collect();
    let marks = ["Saving: *\x08", &"#".repeat(50), "  195.3 KiB"].concat();
    assert_eq!(
        lines[..6],
        [
            "Using sim-net#0 device",
            "TFTP to server 10.0.2.3; our IP address is 10.0.2.15",
            "Filename 'dump.bin'.",
            "Save address: 0x40200000",
            "Save size:    0x30d40",
            &marks
        ],
        "{output}"
    );
    assert_eq!(lines[7..], ["done", "Bytes transferred = 200000 (30d40 hex)"]);
    let stored = |machine: &Machine, name: &str| {
        machine
            .lan
            .host()
            .tftp
            .as_ref()
            .unwrap()
            .stored(name)
            .map(<[u8]>::to_vec)
    };
    assert!(stored(&machine, "dump.bin").as_deref() == Some(&file));
    // Sizes around a block's, the empty file, and more than 65535 blocks.
    for (block, size) in [
        (512, 0),
        (512, 511),
        (512, 512),
        (512, 513),
        (1468, 1468),
        (1468, 4404),
        (8, 8 * 70_000 + 3),
    ] {
        let file = bytes(size, 2);
        put(&mut machine, &file);
        let line = format!("setenv tftpblocksize {block}; tftpput 40200000 {size:x} file");
        let output = machine.enter(&line);
        assert!(
            output.ends_with(&format!("Bytes transferred = {size} ({size:x} hex)\n")),
            "{output}"
        );
        assert!(stored(&machine, "file").as_deref() == Some(&file), "{block} {size}");
    }
    assert!(
        machine
            .enter("tftpput 40200000 10")
            .contains("Filename '0A00020F.img'.\n")
    );
    assert!(stored(&machine, "0A00020F.img").is_some());
}

#[test]
fn memory_arrives_over_bad_networks_and_at_every_server() {
    let file = bytes(30_000, 3);
    let mut failed = 0;
    for seed in 0..60 {
        let mut chance = Chance::new(seed);
        let faults = Faults {
            loss: chance.below(16) as u8,
            duplicate: chance.below(16) as u8,
            reorder: chance.below(16) as u8,
            corrupt: chance.below(6) as u8,
            delay: Duration::from_micros(chance.below(4) * 10_000),
        };
        let mut machine = machine(faults, seed);
        put(&mut machine, &file);
        let refuses_options = chance.hits(30);
        machine.lan.host().tftp = Some(TftpServer::new(Habits {
            options: refuses_options || chance.hits(50),
            refuses_options,
            max_block: 700,
            ..Habits::default()
        }));
        let output = machine.enter("tftpput 40200000 7530 file");
        if machine.status() == Status::Success {
            let host = machine.lan.host();
            assert!(host.tftp.as_ref().unwrap().stored("file") == Some(&file), "seed {seed}");
        } else {
            failed += 1;
            assert!(
                output.contains("TFTP error: ") || output.contains("Retry count"),
                "{seed}: {output}"
            );
        }
    }
    assert!(failed <= 6, "{failed} of 60 failed");
}

#[test]
fn what_tftpput_cannot_do_is_said() {
    let mut machine = good();
    machine.lan.host().tftp = Some(TftpServer::new(Habits {
        read_only: true,
        ..Habits::default()
    }));
    let output = machine.enter("tftpput 40200000 100 file");
    assert!(
        output.ends_with("Saving: *\x08\nTFTP error: 'Access violation' (2)\n"),
        "{output}"
    );
    machine.lan.host().tftp = None;
    let output = machine.enter("tftpput 40200000 100 file");
    assert!(output.ends_with("TFTP error: 10.0.2.2:69 refuses: nothing listens on that port\n"));
    let output = machine.enter("tftpput 40200000 100 10.0.2.77:file");
    assert!(
        output.ends_with("Retry count exceeded: 10.0.2.77:69 was silent for 40 s after 0 bytes\n"),
        "{output}"
    );
    for (line, error) in [
        (
            "tftpput 0 100 file",
            "0x0..0x100 is not all RAM: RAM is 0x40000000..0x44000000\n",
        ),
        (
            "tftpput 40200000 ffffffffffffffff file",
            "run past the end of the address space\n",
        ),
        ("tftpput 40200000", "Usage:\n"),
        ("tftpput 40200000 x file", "'x' is not a hexadecimal number\n"),
    ] {
        let output = machine.enter(line);
        assert!(output.contains(error), "{line}: {output}");
        assert_eq!(machine.status(), Status::Failure);
    }
    machine.type_after(Duration::from_secs(1), "\x03");
    let before = machine.context.clock.now();
    assert!(
        machine
            .enter("tftpput 40200000 100 10.0.2.77:file")
            .contains("\nAbort\n")
    );
    assert!(machine.context.clock.now().since(before) < Duration::from_secs(2));
}

#[test]
fn devices_are_listed() {
    let mut machine = good();
    assert_eq!(machine.enter("net list"), "eth0 : sim-net#0 52:54:00:12:34:56 active\n");
    assert!(machine.enter("net").contains("Usage:"));
}
