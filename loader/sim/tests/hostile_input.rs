//! Bad input from everywhere: frames, files, lines, bytes. Nothing may panic, since a panic in the firmware is a reset; everything has to come
//! back to the prompt; and RAM that a command has no claim to stays as it was. All chance is seeded: a failure names its seed.

use std::time::Duration;

use loader_core::context::Status;
use slipway_sim::lan::{CLIENT, CLIENT_MAC, Chance, Faults};
use slipway_sim::machine::{Machine, RAM};

const PLACE: u64 = RAM + 0x20_0000;
const TREES: [&[u8]; 2] = [
    include_bytes!("../../core/tests/fixtures/boot/dom0less.dtb"),
    include_bytes!("../../core/tests/fixtures/boot/document-virt.dtb"),
];

fn machine(seed: u64) -> Machine {
    let mut machine = Machine::online(Faults::default(), seed);
    for (name, value) in [("loadaddr", "40200000"), ("autoload", "no")] {
        machine.context.env.set(name, value).unwrap();
    }
    machine.lan.add_file("file", &[0x5a; 20_000]);
    machine
}

fn answers(machine: &mut Machine, what: &str) {
    assert_eq!(machine.enter("echo still here"), "still here\n", "{what}");
    assert_eq!(machine.status(), Status::Success, "{what}");
}

/// Bits flipped, bytes and words replaced by extremes, cut, stretched.
fn mutate(chance: &mut Chance, bytes: &mut Vec<u8>) {
    for _ in 0..=chance.below(4) {
        let len = bytes.len() as u64;
        let at = chance.below(len) as usize;
        let extreme = [0_u32, 1, 7, 8, 0x7fff_ffff, 0x8000_0000, u32::MAX][chance.below(7) as usize].to_be_bytes();
        match chance.below(7) {
            _ if bytes.is_empty() => bytes.push(0),
            0 | 1 => bytes[at] ^= 1 << chance.below(8),
            2 => bytes[at] = chance.number() as u8,
            3 => bytes[at..].iter_mut().zip(extreme).for_each(|(to, from)| *to = from),
            4 => bytes[at & !3..]
                .iter_mut()
                .zip(extreme)
                .for_each(|(to, from)| *to = from),
            5 => bytes.truncate(at),
            _ => bytes.extend(vec![chance.number() as u8; chance.below(64) as usize]),
        }
    }
}

/// The sum of an Internet checksum (RFC 1071), plainly.
fn sum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let total = words.fold(0_u64, |total, word| total + u64::from(word));
    let folded = (0..4).fold(total, |total, _| (total & 0xffff) + (total >> 16));
    folded as u16
}

/// Makes the checksums of an IPv4 frame right again as far as its lengths allow, so that a mutation gets past the first gate.
fn seal(frame: &mut [u8]) {
    if frame.len() < 34 || frame[12..14] != [8, 0] {
        return;
    }
    let header = (usize::from(frame[14] & 15) * 4).clamp(20, frame.len() - 14);
    frame[24..26].fill(0);
    let check = !sum(&frame[14..14 + header]);
    frame[24..26].copy_from_slice(&check.to_be_bytes());
    let protocol = frame[23];
    let end = (14 + usize::from(u16::from_be_bytes([frame[16], frame[17]]))).min(frame.len());
    let Some(body) = frame.get_mut(14 + header..end) else {
        return;
    };
    match protocol {
        1 if body.len() >= 4 => {
            body[2..4].fill(0);
            let check = !sum(body);
            body[2..4].copy_from_slice(&check.to_be_bytes());
        }
        17 if body.len() >= 8 => body[6..8].fill(0),
        _ => {}
    }
}

/// An IPv4 frame to the loader.
fn ipv4(protocol: u8, source: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut frame = [&CLIENT_MAC.0[..], &[0x52, 0x55, 10, 0, 2, 2], &[8, 0]].concat();
    let len = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
    frame.extend([0x45, 0, len[0], len[1], 0, 0, 0, 0, 64, protocol, 0, 0]);
    frame.extend(source);
    frame.extend(CLIENT.octets());
    frame.extend(body);
    seal(&mut frame);
    frame
}

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + payload.len()).unwrap();
    let mut body: Vec<u8> = [source, destination, len, 0]
        .into_iter()
        .flat_map(u16::to_be_bytes)
        .collect();
    body.extend(payload);
    ipv4(17, [10, 0, 2, 2], &body)
}

fn dhcp(kind: u8, transaction: u32) -> Vec<u8> {
    let mut message = vec![0; 240];
    message[..4].copy_from_slice(&[2, 1, 6, 0]);
    message[4..8].copy_from_slice(&transaction.to_be_bytes());
    message[16..20].copy_from_slice(&[10, 0, 2, 99]);
    message[28..34].copy_from_slice(&CLIENT_MAC.0);
    message[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    message.extend([
        53, 1, kind, 54, 4, 10, 0, 2, 2, 1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 2, 2,
    ]);
    message.extend([12, 4, b'n', b'a', 0x1b, b'e', 67, 3, b'f', b'i', b'l', 255]);
    udp(67, 68, &message)
}

/// The options' acknowledgement of a server that grants all.
const OACK: &[u8] = b"\0\x06blksize\x001468\0windowsize\x0064\0tsize\x0020000\0timeout\x001\0";

fn arp(operation: u8) -> Vec<u8> {
    let ethernet = [&[0xff; 6][..], &[0x52, 0x55, 10, 0, 2, 2], &[8, 6]].concat();
    let types = [0, 1, 8, 0, 6, 4, 0, operation];
    let sender = [0x52, 0x55, 10, 0, 2, 2, 10, 0, 2, 2];
    let target = [0, 0, 0, 0, 0, 0, 10, 0, 2, 15];
    [&ethernet[..], &types, &sender, &target].concat()
}

/// A frame of one of the kinds that the loader looks at, to one of `ports`. Transactions are guessed.
fn proper_frame(chance: &mut Chance, port: u16) -> Vec<u8> {
    match chance.below(10) {
        0 => arp(1 + chance.below(3) as u8),
        1 => ipv4(
            1,
            [10, 0, 2, 2],
            &[&[8, 0, 0, 0, 1, 2, 0, 1][..], &vec![7; chance.below(1400) as usize]].concat(),
        ),
        2 => {
            let about = udp(port, 69, b"");
            ipv4(
                1,
                [10, 0, 2, 2],
                &[&[3, chance.below(5) as u8, 0, 0, 0, 0, 0, 0][..], &about[14..]].concat(),
            )
        }
        3 => dhcp([2, 5, 6][chance.below(3) as usize], chance.number() as u32),
        4 => udp(69, port, OACK),
        5 => udp(69, port, b"\0\x05\0\x08\x1b[2Jno\0"),
        6 | 7 => {
            let block = [0, 1, 2, 64, 0xffff][chance.below(5) as usize] as u16;
            let len = [0, 1, 511, 512, 1460][chance.below(5) as usize];
            udp(69, port, &[&[0, 3][..], &block.to_be_bytes(), &vec![1; len]].concat())
        }
        8 => ipv4(chance.number() as u8, [255, 255, 255, 255], &[0xff; 40]),
        _ => (0..chance.below(1600)).map(|_| chance.number() as u8).collect(),
    }
}

/// Such a frame, most often damaged.
fn frame(chance: &mut Chance, ports: &[u16]) -> Vec<u8> {
    let port = ports[chance.below(ports.len() as u64) as usize];
    let mut frame = proper_frame(chance, port);
    if chance.hits(70) {
        mutate(chance, &mut frame);
        if chance.hits(60) {
            seal(&mut frame);
        }
        if chance.hits(80) && frame.len() >= 6 {
            frame[..6].copy_from_slice(&CLIENT_MAC.0);
        }
    }
    frame
}

/// Frames of all kinds, before and while each network command runs.
#[test]
fn frames() {
    let mut succeeded = 0;
    for seed in 0..60 {
        let mut chance = Chance::new(seed);
        let mut machine = machine(seed);
        let ports: Vec<u16> = (49152..49160).chain([68, 69, 0, 0xffff]).collect();
        for command in [
            "tftpboot 40200000 file",
            "dhcp",
            "ping 10.0.2.2",
            "tftpboot 40200000 none",
        ] {
            for _ in 0..400 {
                machine.lan.inject(frame(&mut chance, &ports));
                if chance.hits(10) {
                    machine.context.idle();
                }
            }
            let start = machine.context.clock.now();
            let output = machine.enter(command);
            succeeded += usize::from(machine.status() == Status::Success);
            let took = machine.context.clock.now().since(start);
            assert!(took <= Duration::from_secs(60), "seed {seed}, {command}: {took:?}");
            let steering = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\x08');
            assert!(!output.contains(steering), "seed {seed}, {command}: {output:?}");
        }
        machine.context.env.set("ipaddr", "10.0.2.15").unwrap();
        answers(&mut machine, &format!("seed {seed}"));
    }
    // Both ways must have been gone, or the frames were no good.
    assert!((60..240).contains(&succeeded), "{succeeded} commands succeeded");
}

/// The server's own packets, mutated on their way: what fits the state of the transfer.
#[test]
fn answers_of_a_server_gone_mad() {
    for seed in 0..40 {
        let faults = Faults {
            corrupt: 60,
            duplicate: 20,
            reorder: 20,
            ..Faults::default()
        };
        let mut machine = Machine::new(faults, seed);
        machine.lan.add_file("file", &vec![seed as u8; 30_000]);
        machine.lan.host().dhcp.as_mut().unwrap().offer().boot_file = Some("file".into());
        machine.context.env.set("loadaddr", "40200000").unwrap();
        let before = machine.ram(RAM, 0x20_0000).to_vec();
        machine.enter("dhcp");
        assert!(machine.ram(RAM, 0x20_0000) == before, "seed {seed}");
        answers(&mut machine, &format!("seed {seed}"));
    }
}

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "7",
    "10",
    "3ff",
    "1000",
    "40000000",
    "40200000",
    "40200001",
    "43efffff",
    "43f00000",
    "44000000",
    "7fffffffffffffff",
    "8000000000000000",
    "ffffffff",
    "ffffffff00000000",
    "fffffffffffffff0",
    "fffffffffffffff8",
    "ffffffffffffffff",
    "10000000000000000",
    "0x",
    "0x0x1",
    "''",
    "x",
    "40200000:10",
    "40200000:ffffffffffffffff",
    "-",
    "9000000",
    "9000fff",
];

/// Commands with numbers at every edge.
#[test]
fn numbers_at_every_edge() {
    let commands = [
        "md",
        "md.b",
        "md.w",
        "md.q",
        "mw",
        "mw.b",
        "mw.w",
        "mw.q",
        "echo",
        "iminfo",
        "booti",
        "bootm",
        "source",
        "fdt addr",
        "fdt resize",
        "fdt move",
        "fdt rsvmem add",
        "fdt rsvmem delete",
        "fdt memory",
        "fdt chosen",
        "fdt bootcpu",
        "fdt header",
        "bdinfo",
        "tftpboot",
        "ping",
        "setenv bootdelay",
        "exit",
        "help",
        "printenv",
        "run",
        "env",
    ];
    for seed in 0..8 {
        let mut chance = Chance::new(seed);
        let mut machine = machine(seed);
        machine.load(PLACE, "tree", TREES[0]);
        machine.enter("fdt addr 40200000");
        for _ in 0..250 {
            let command = commands[chance.below(commands.len() as u64) as usize];
            let words: Vec<&str> = (0..chance.below(4))
                .map(|_| NUMBERS[chance.below(NUMBERS.len() as u64) as usize])
                .collect();
            // Whoever asks for more lines than one can wait for has Ctrl-C.
            machine.type_after(Duration::from_millis(200), "\x03");
            machine.enter(&format!("{command} {}", words.join(" ")));
        }
        machine.type_after(Duration::from_secs(1), "\x03");
        machine.enter("sleep 18446744073709551615.99999999999999999999");
        machine.context.idle();
        machine.enter("true");
        answers(&mut machine, &format!("seed {seed}"));
    }
}

const FDT_WORDS: &[&str] = &[
    "/",
    "/chosen",
    "/chosen/domU1",
    "/memory",
    "/cpus",
    "/nothing",
    "",
    "reg",
    "compatible",
    "memory",
    "#address-cells",
    "#size-cells",
    "<",
    "<0>",
    "<0 0x20000>",
    "<0xffffffff>",
    "[00",
    "[00 ff]",
    "a",
    "'a b'",
    "0",
    "1",
    "ffffffffffffffff",
    "40200000",
    "41000000",
    "x",
    "var",
    "serial0",
    "/a@1",
    "//",
    "value",
    "name",
    "addr",
    "size",
    "get",
    "print",
    "add",
    "delete",
    "totalsize",
];

const FDT_COMMANDS: &[&str] = &[
    "print", "list", "set", "mknode", "rm", "get", "header", "rsvmem", "resize", "chosen", "memory", "bootcpu", "move",
    "addr",
];

/// `fdt` with random words on mutated trees, and booting with them.
#[test]
fn trees() {
    for seed in 0..60 {
        let mut chance = Chance::new(seed);
        let mut machine = machine(seed);
        let mut blob = TREES[seed as usize % 2].to_vec();
        if chance.hits(80) {
            mutate(&mut chance, &mut blob);
        }
        machine.load(PLACE, "tree", &blob);
        machine.enter("fdt addr 40200000");
        for _ in 0..12 {
            let command = FDT_COMMANDS[chance.below(FDT_COMMANDS.len() as u64) as usize];
            let given: Vec<&str> = (0..chance.below(5))
                .map(|_| FDT_WORDS[chance.below(FDT_WORDS.len() as u64) as usize])
                .collect();
            machine.enter(&format!("fdt {command} {}", given.join(" ")));
        }
        let mut image = vec![0; 4096];
        image[56..60].copy_from_slice(b"ARM\x64");
        image[18] = 0x13;
        if chance.hits(50) {
            mutate(&mut chance, &mut image);
        }
        machine.load(RAM + 0x40_0000, "image", &image);
        machine.enter("booti 40400000 - 40200000");
        machine.enter("bootm 40400000 40400000:100");
        machine.enter("iminfo 40400000");
        answers(&mut machine, &format!("seed {seed}"));
    }
}

/// Bytes at the console: keys, escape sequences cut anywhere, noise.
#[test]
fn keys() {
    let keys: [&[u8]; 22] = [
        b"\x1b[A",
        b"\x1b[B",
        b"\x1b[C",
        b"\x1b[D",
        b"\x1b[",
        b"\x1b",
        b"\x1bO",
        b"\x1b[3~",
        b"\x1b[1;5H",
        b"\x1b[99999999~",
        b"\t",
        b"\r",
        b"\n",
        b"\x03",
        b"\x15",
        b"\x17",
        b"\x0b",
        b"\x01",
        b"\x05",
        b"\x7f",
        b"\x80\xff\xc3",
        b"$",
    ];
    for seed in 0..60 {
        let mut chance = Chance::new(seed);
        let mut machine = machine(seed);
        for _ in 0..400 {
            let text = match chance.below(4) {
                0 => ["echo ", "a", "${", "md 0", "if ", "' ", "\"", "; "][chance.below(8) as usize].as_bytes(),
                _ => keys[chance.below(keys.len() as u64) as usize],
            };
            machine.console.type_bytes(text);
        }
        machine.console.type_bytes(b"\x1b~\x03");
        machine.enter("");
        answers(&mut machine, &format!("seed {seed}"));
    }
}
