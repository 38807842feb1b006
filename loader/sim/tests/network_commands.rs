//! `tftpboot`, `dhcp` and `ping` at the prompt of a machine in memory, frame by frame, on good and bad networks.

use std::net::Ipv4Addr;
use std::time::Duration;

use hal::PhysAddr;
use hal::fakes::{SystemEvent, VecRam};
use loader_core::context::Status;
use loader_core::devicetree::Tree;
use slipway_sim::lan::{CLIENT, Chance, Faults, Habits, TftpServer};
use slipway_sim::machine::{Machine, RAM};

const PLACE: u64 = RAM + 0x20_0000;

/// A machine with an address, on a network with a file.
fn machine(faults: Faults, seed: u64, file: &[u8]) -> Machine {
    let mut machine = Machine::online(faults, seed);
    machine.context.env.set("loadaddr", "40200000").unwrap();
    machine.lan.add_file("file", file);
    machine
}

fn good(file: &[u8]) -> Machine {
    machine(Faults::default(), 1, file)
}

fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    (0..len).map(|_| chance.number() as u8).collect()
}

/// `output` without its marks and figures, which depend on time.
fn plain(output: &str) -> String {
    let lines = output.lines().filter(|line| !line.starts_with("\t "));
    let lines = lines.map(|line| line.split_once('*').map_or(line, |(front, _)| front));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_file_is_loaded_and_reported() {
    let file = bytes(1_234_567, 1);
    let mut machine = good(&file);
    let output = machine.enter("tftpboot 0x40200000 file");
    assert_eq!(
        plain(&output),
        "Using sim-net#0 device\n\
        TFTP from server 10.0.2.2; our IP address is 10.0.2.15\n\
        Filename 'file'.\n\
        Load address: 0x40200000\n\
        Loading: \n\
        done\n\
        Bytes transferred = 1234567 (12d687 hex)"
    );
    let marks = ["Loading: *\x08", &"#".repeat(50), "  1.1 MiB\n\t "].concat();
    assert!(output.contains(&marks), "{output}");
    assert_eq!(machine.status(), Status::Success);
    assert_eq!(machine.ram(PLACE, file.len()), file);
    assert_eq!(machine.ram(PLACE + file.len() as u64, 16), [VecRam::PATTERN; 16]);
    assert_eq!(machine.ram(PLACE - 16, 16), [VecRam::PATTERN; 16]);
    assert_eq!(machine.context.env.get("filesize"), Some("12d687"));
    assert_eq!(machine.context.env.get("fileaddr"), Some("40200000"));
    assert_eq!(machine.context.env.get("ethaddr"), Some("52:54:00:12:34:56"));
    let loaded = machine.context.memory.file_at(PhysAddr(PLACE)).unwrap();
    assert_eq!((loaded.name.as_str(), loaded.region.len()), ("file", 1_234_567));
}

#[test]
fn every_form_of_the_arguments() {
    let mut machine = good(b"hello");
    machine.lan.host().addresses.push(Ipv4Addr::new(10, 0, 2, 3));
    for line in [
        "tftp 40200000 file",
        "tftpb 0x40200000 file",
        "tftpboot file",
        "tftpboot 10.0.2.3:file",
        "tftpboot 0x40200000 10.0.2.3:file",
        "tftpboot ${loadaddr} '10.0.2.2:file'",
        "setenv bootfile file; tftpboot",
        "setenv bootfile 10.0.2.3:file; tftpboot 40200000",
    ] {
        let output = machine.enter(line);
        assert!(output.ends_with("Bytes transferred = 5 (5 hex)\n"), "{line}: {output}");
        assert_eq!(
            output.contains("TFTP from server 10.0.2.3;"),
            line.contains("10.0.2.3"),
            "{line}: {output}"
        );
    }
    let doubled = machine.enter("tftpboot 0x0x40200000 file");
    assert!(
        doubled.starts_with("Warning: '0x0x40200000' has its 0x twice; read as 0x40200000\n"),
        "{doubled}"
    );
    assert!(machine.enter("tftpboot 1 2 3").contains("Usage:"));
    assert_eq!(machine.status(), Status::Failure);
}

#[test]
fn what_is_missing_is_named() {
    let mut machine = good(b"");
    for (variable, command) in [
        ("ipaddr", "tftp file"),
        ("serverip", "tftp file"),
        ("loadaddr", "tftp file"),
        ("bootfile", "tftp"),
    ] {
        let old = machine.context.env.get(variable).unwrap_or_default().to_owned();
        let output = machine.enter(&format!("setenv {variable}; {command}"));
        assert_eq!(output, format!("*** ERROR: `{variable}' not set\n"));
        assert_eq!(machine.status(), Status::Failure);
        machine.context.env.set(variable, &old).unwrap();
    }
    for (variable, value, error) in [
        ("ipaddr", "10.0.2", "ipaddr is '10.0.2', which is not an IPv4 address"),
        ("ipaddr", "224.0.0.1", "224.0.0.1 cannot be the address of a machine"),
        (
            "netmask",
            "255.0.255.0",
            "255.0.255.0 is not a netmask: its one bits must stand together at the front",
        ),
        (
            "serverip",
            "192.168.1.1",
            "192.168.1.1 is not in our network 10.0.2.15/24 and no gatewayip is set",
        ),
        ("serverip", "10.0.2.15", "10.0.2.15 is our own address"),
        (
            "ethaddr",
            "52:54:00",
            "ethaddr is '52:54:00', which is not an Ethernet address as 52:54:00:12:34:56",
        ),
        (
            "ethaddr",
            "01:00:5e:00:00:01",
            "01:00:5e:00:00:01 cannot be the address of a network device: it is a group's address or zero",
        ),
        (
            "tftpblocksize",
            "7",
            "tftpblocksize is '7', which is not a number from 8 up",
        ),
        (
            "tftpwindowsize",
            "0",
            "tftpwindowsize is '0', which is not a number from 1 up",
        ),
        (
            "tftptimeout",
            "x",
            "tftptimeout is 'x', which is not a number from 10 up",
        ),
    ] {
        let old = machine.context.env.get(variable).unwrap_or_default().to_owned();
        machine.context.env.set(variable, value).unwrap();
        assert_eq!(machine.enter("tftp file"), format!("{error}\n"), "{variable}={value}");
        machine.context.env.set(variable, &old).unwrap();
    }
    machine.context.network = None;
    assert!(machine.enter("ping 10.0.2.2").starts_with("No ethernet found.\n"));
}

#[test]
fn a_missing_file_and_a_server_that_is_not_there() {
    let mut machine = good(b"");
    let output = machine.enter("tftpboot 0x40200000 nosuch");
    assert!(
        output.ends_with("Loading: *\x08\nTFTP error: 'File not found' (1)\n"),
        "{output}"
    );
    assert_eq!(machine.status(), Status::Failure);
    assert_eq!(machine.context.env.get("filesize"), None);
    assert!(machine.context.memory.files().is_empty());

    machine.lan.host().tftp = None;
    let output = machine.enter("tftpboot 0x40200000 file");
    assert!(
        output.ends_with("TFTP error: 10.0.2.2:69 refuses: nothing listens on that port\n"),
        "{output}"
    );

    machine.context.env.set("serverip", "10.0.2.77").unwrap();
    let output = machine.enter("tftpboot 0x40200000 file");
    assert!(output.contains("T T T"), "{output}");
    assert!(
        output.ends_with("Retry count exceeded: 10.0.2.77:69 was silent for 40 s after 0 bytes\n"),
        "{output}"
    );
}

#[test]
fn nothing_is_written_where_nothing_may_be() {
    let mut machine = good(&bytes(2 << 20, 5));
    for (place, why) in [
        ("0x43f00000", "runs into the loader at 0x43f00000..0x44000000"),
        ("0x43e00000", "0x43e00000..0x44000000 runs into the loader"),
        ("0x43f80000", "runs into the loader"),
        ("0x44000000", "is not all RAM"),
        ("0x3fffffff", "is not all RAM"),
        ("0xffffffffffffffff", "run past the end of the address space"),
    ] {
        let output = machine.enter(&format!("tftpboot {place} file"));
        assert!(
            output.contains("\nTFTP error: trying to overwrite reserved memory... "),
            "{place}: {output}"
        );
        assert!(output.contains(why), "{place}: {output}");
        assert_eq!(machine.status(), Status::Failure);
    }
    // Without an announced size the room runs out on the way.
    machine.lan.host().tftp = Some(TftpServer::new(Habits {
        options: false,
        ..Habits::default()
    }));
    machine.lan.add_file("file", &bytes(2 << 20, 5));
    let output = machine.enter("tftpboot 0x43e00000 file");
    assert!(
        output.contains("TFTP error: trying to overwrite reserved memory... "),
        "{output}"
    );
    assert!(
        machine
            .ram(RAM + (63 << 20), 1 << 20)
            .iter()
            .all(|byte| *byte == VecRam::PATTERN)
    );
    assert!(machine.context.memory.files().is_empty());
}

#[test]
fn dhcp_sets_the_environment_and_loads_the_boot_file() {
    let mut machine = Machine::new(Faults::default(), 1);
    machine.lan.add_file("boot.scr", b"script");
    machine.lan.host().dhcp.as_mut().unwrap().offer().boot_file = Some("boot.scr".to_owned());
    machine.context.env.set("loadaddr", "40200000").unwrap();
    let output = machine.enter("dhcp");
    assert!(
        output.starts_with("BOOTP broadcast 1\nDHCP client bound to address 10.0.2.15 ("),
        "{output}"
    );
    assert!(output.contains("Filename 'boot.scr'.\n"), "{output}");
    assert!(output.ends_with("Bytes transferred = 6 (6 hex)\n"), "{output}");
    for (name, value) in [
        ("ipaddr", "10.0.2.15"),
        ("netmask", "255.255.255.0"),
        ("gatewayip", "10.0.2.2"),
        ("serverip", "10.0.2.2"),
        ("bootfile", "boot.scr"),
    ] {
        assert_eq!(machine.context.env.get(name), Some(value), "{name}");
    }
    let other = machine.enter("dhcp 0x40300000 other.scr");
    assert!(
        other.contains("Filename 'other.scr'.\nLoad address: 0x40300000\n"),
        "{other}"
    );
}

#[test]
fn dhcp_leaves_what_flags_protect() {
    let mut machine = Machine::new(Faults::default(), 1);
    machine.enter("setenv netmask 255.0.0.0; setenv .flags netmask:ir,hostname:so; setenv autoload no");
    let output = machine.enter("dhcp");
    assert!(output.contains("## Error: Can't overwrite \"netmask\"\n"), "{output}");
    assert_eq!(machine.status(), Status::Success, "the rest of the lease is used");
    for (name, value) in [
        ("netmask", "255.0.0.0"),
        ("ipaddr", "10.0.2.15"),
        ("serverip", "10.0.2.2"),
    ] {
        assert_eq!(machine.context.env.get(name), Some(value), "{name}");
    }
}

#[test]
fn dhcp_without_boot_file() {
    let mut machine = Machine::new(Faults::default(), 1);
    machine.context.env.set("loadaddr", "40200000").unwrap();
    let output = machine.enter("dhcp");
    assert!(
        output.contains("*** Warning: no boot file name; using '0A00020F.img'\n"),
        "{output}"
    );
    assert!(output.ends_with("TFTP error: 'File not found' (1)\n"), "{output}");
    assert_eq!(machine.status(), Status::Failure);
    assert_eq!(
        machine.context.env.get("ipaddr"),
        Some("10.0.2.15"),
        "the address stays"
    );
    for no in ["no", "n", "0"] {
        let output = machine.enter(&format!("setenv autoload {no}; dhcp"));
        assert!(plain(&output).ends_with(" ms)"), "{output}");
        assert_eq!(machine.status(), Status::Success);
    }
}

#[test]
fn dhcp_with_a_server_that_refuses_and_with_none() {
    let mut machine = Machine::new(Faults::default(), 1);
    machine.context.env.set("autoload", "no").unwrap();
    machine.lan.host().dhcp.as_mut().unwrap().offer().refusals = 2;
    let output = machine.enter("dhcp");
    assert!(
        output.starts_with("BOOTP broadcast 1\nBOOTP broadcast 2\nBOOTP broadcast 3\nDHCP client bound"),
        "{output}"
    );
    machine.lan.host().dhcp = None;
    let output = machine.enter("dhcp");
    assert!(
        output.ends_with("Retry count exceeded: no DHCP server gave an address within 30 s (10 broadcasts)\n"),
        "{output}"
    );
    assert_eq!(machine.status(), Status::Failure);
}

#[test]
fn ping_knows_who_is_there() {
    let mut machine = good(b"");
    assert_eq!(
        machine.enter("ping 10.0.2.2"),
        "Using sim-net#0 device\nhost 10.0.2.2 is alive\n"
    );
    assert_eq!(machine.status(), Status::Success);
    assert_eq!(
        machine.enter("ping 10.0.2.9"),
        "Using sim-net#0 device\nping failed; host 10.0.2.9 is not alive\n"
    );
    assert_eq!(machine.status(), Status::Failure);
    machine.lan.host().answers_ping = false;
    assert!(machine.enter("ping 10.0.2.2").contains("is not alive"));
    assert!(machine.enter("ping").contains("Usage:"));
    assert_eq!(
        machine.enter("ping somebody"),
        "*** ERROR: DNS server address not given\ndns lookup of somebody failed, check setup\n"
    );
}

#[test]
fn other_networks_are_reached_through_the_gateway() {
    let mut machine = good(b"far away");
    let far = Ipv4Addr::new(192, 168, 7, 7);
    machine.lan.host().behind.push(far);
    machine.context.env.set("gatewayip", "10.0.2.2").unwrap();
    let output = machine.enter("tftpboot 40200000 192.168.7.7:file");
    assert!(
        output
            .contains("TFTP from server 192.168.7.7; our IP address is 10.0.2.15; sending through gateway 10.0.2.2\n"),
        "{output}"
    );
    assert_eq!(machine.ram(PLACE, 8), b"far away");
    assert!(
        machine
            .enter("ping 192.168.7.7")
            .ends_with("host 192.168.7.7 is alive\n")
    );
}

#[test]
fn ctrl_c_ends_a_silent_transfer_at_once() {
    let mut machine = good(b"");
    machine.context.env.set("serverip", "10.0.2.77").unwrap();
    for command in ["tftpboot 40200000 file", "ping 10.0.2.77", "dhcp"] {
        machine.lan.host().dhcp = None;
        let before = hal::Clock::now(&*machine.context.clock);
        machine.type_after(Duration::from_secs(2), "\x03");
        let output = machine.enter(command);
        let took = hal::Clock::now(&*machine.context.clock) - before;
        assert!(output.contains("Abort\n"), "{output}");
        assert!(took < Duration::from_secs(3), "{command}: {took:?}");
        assert_eq!(machine.status(), Status::Failure);
    }
    assert!(machine.context.memory.files().is_empty());
}

#[test]
fn no_cable() {
    let mut machine = good(b"");
    machine.lan.set_link(false);
    assert_eq!(
        machine.enter("ping 10.0.2.2"),
        "Using sim-net#0 device\nsim-net#0: no link after 5 s\n"
    );
    machine.lan.set_link(true);
    assert!(machine.enter("ping 10.0.2.2").contains("is alive"));
}

#[test]
fn the_prompt_answers_arp_and_ping() {
    let mut machine = good(b"");
    machine.enter("ping 10.0.2.2");
    machine.lan.call(CLIENT);
    let network = machine.context.network.as_mut().unwrap();
    for _ in 0..10 {
        network.serve();
    }
    assert_eq!(machine.lan.host().echoes, 1);
}

#[test]
fn servers_of_every_kind() {
    let file = bytes(100_000, 9);
    for habits in [
        Habits {
            options: false,
            ..Habits::default()
        },
        Habits {
            refuses_options: true,
            ..Habits::default()
        },
        Habits {
            max_window: 1,
            max_block: 1428,
            ..Habits::default()
        },
        Habits {
            max_window: 7,
            max_block: 8,
            ..Habits::default()
        },
        Habits {
            apprentice: true,
            max_window: 1,
            ..Habits::default()
        },
    ] {
        let mut machine = good(b"");
        machine.lan.host().tftp = Some(TftpServer::new(habits.clone()));
        machine.lan.add_file("file", &file);
        let output = machine.enter("tftpboot 40200000 file");
        assert!(
            output.ends_with("Bytes transferred = 100000 (186a0 hex)\n"),
            "{habits:?}: {output}"
        );
        assert_eq!(machine.ram(PLACE, file.len()), file);
    }
}

#[test]
fn the_environment_chooses_block_and_window() {
    let file = bytes(100_000, 9);
    for (block, window, blocks) in [
        ("512", "1", 196),
        ("1468", "64", 69),
        ("9000", "8", 69),
        ("100", "16", 1001),
    ] {
        let mut machine = good(&file);
        machine.context.env.set("tftpblocksize", block).unwrap();
        machine.context.env.set("tftpwindowsize", window).unwrap();
        machine.enter("tftpboot 40200000 file");
        assert_eq!(machine.ram(PLACE, file.len()), file);
        // ARP's answer, the options and the blocks.
        assert_eq!(machine.lan.carried().0, 1 + 1 + blocks, "{block} x {window}");
    }
}

#[test]
fn bad_networks_deliver_right_bytes_or_a_clear_error() {
    let mut failures = 0;
    for seed in 0..100 {
        let mut chance = Chance::new(seed);
        let faults = Faults {
            loss: chance.below(21) as u8,
            duplicate: chance.below(21) as u8,
            reorder: chance.below(21) as u8,
            corrupt: chance.below(21) as u8,
            delay: Duration::from_micros(chance.below(3) * 10_000),
        };
        let file = bytes(chance.below(60_000) as usize, seed);
        let mut machine = machine(faults, seed, &file);
        let window = ["1", "8", "64"][chance.below(3) as usize];
        machine.context.env.set("tftpwindowsize", window).unwrap();
        let output = machine.enter("tftpboot 40200000 file");
        if machine.status() == Status::Success {
            assert_eq!(machine.ram(PLACE, file.len()), file, "seed {seed}");
            assert_eq!(
                machine.ram(PLACE + file.len() as u64, 64),
                [VecRam::PATTERN; 64],
                "seed {seed}"
            );
        } else {
            failures += 1;
            assert!(output.contains("Retry count exceeded: "), "seed {seed}: {output}");
            assert!(machine.context.memory.files().is_empty());
        }
    }
    assert!(failures <= 1, "{failures} of 100");
}

#[test]
fn random_frames_change_nothing() {
    let file = bytes(300_000, 3);
    for seed in 0..20 {
        let mut machine = good(&file);
        machine.enter("ping 10.0.2.2");
        let mut chance = Chance::new(seed);
        for _ in 0..200 {
            let mut frame = bytes(chance.below(200) as usize + 14, chance.number());
            frame[..6].copy_from_slice(&slipway_sim::lan::CLIENT_MAC.0);
            frame[12..14].copy_from_slice([[8, 0], [8, 6], [0x86, 0xdd]][chance.below(3) as usize].as_slice());
            machine.lan.inject(frame);
        }
        machine.enter("tftpboot 40200000 file");
        assert_eq!(machine.ram(PLACE, file.len()), file, "seed {seed}");
    }
}

#[test]
fn a_cable_out_for_three_seconds_and_a_new_ethernet_address_are_survived() {
    let file = bytes(4 << 20, 4);
    let mut machine = good(&file);
    machine
        .lan
        .after(Duration::from_millis(10), |host| host.unplugged = true);
    machine.lan.after(Duration::from_secs(3), |host| host.unplugged = false);
    let output = machine.enter("tftpboot 40200000 file");
    assert_eq!(machine.status(), Status::Success, "{output}");
    assert_eq!(machine.ram(PLACE, file.len()), file);

    let mut machine = good(&file);
    machine.lan.after(Duration::from_millis(10), |host| host.mac.0[5] ^= 1);
    let before = hal::Clock::now(&*machine.context.clock);
    let output = machine.enter("tftpboot 40200000 file");
    let took = hal::Clock::now(&*machine.context.clock) - before;
    assert_eq!(machine.status(), Status::Success, "{output}");
    assert_eq!(machine.ram(PLACE, file.len()), file);
    assert!(took < Duration::from_secs(8), "{took:?}");

    // What ARP found for the last command is not believed in the next one.
    for (change, command) in [(2, "tftpboot 40200000 file"), (4, "ping 10.0.2.2")] {
        machine.lan.host().mac.0[5] ^= change;
        let output = machine.enter(command);
        assert_eq!(machine.status(), Status::Success, "{output}");
    }
}

/// smoltcp asks by ARP once a second at most: a script's next transfer must not have to ask again.
#[test]
fn a_transfer_right_after_another_does_not_wait_for_arp() {
    let file = bytes(10_000, 5);
    let mut machine = good(&file);
    machine.enter("tftpboot 40200000 file");
    let before = hal::Clock::now(&*machine.context.clock);
    // A lease gives the addresses up, and what was found with them.
    let output = machine.enter(
        "tftpboot 40300000 file; tftpboot 40400000 file; ping 10.0.2.2; \
         setenv autoload no; dhcp; setenv serverip 10.0.2.2; tftpboot 40500000 file",
    );
    let took = hal::Clock::now(&*machine.context.clock) - before;
    assert_eq!(machine.status(), Status::Success, "{output}");
    assert!(took < Duration::from_millis(500), "{took:?}");
}

/// A network device that runs on would write received frames into the memory of what was started.
#[test]
fn the_network_is_shut_down_before_the_jump_and_not_before_a_refusal() {
    let mut image = vec![0; 4096];
    image[16..24].copy_from_slice(&4096_u64.to_le_bytes());
    image[24] = 0xa;
    image[56..60].copy_from_slice(b"ARM\x64");
    let mut machine = good(&image);
    machine.lan.add_file("tree", &Tree::new().emit(0).unwrap());
    for line in ["tftpboot 40200000 file", "tftpboot 40400000 tree"] {
        machine.enter(line);
        assert_eq!(machine.status(), Status::Success, "{line}");
    }
    let output = machine.enter("booti 40400000 - 40400000");
    assert!(output.contains("Bad Linux ARM64 Image magic!"), "{output}");
    assert!(!machine.lan.is_shut_down());
    let output = machine.enter("booti 40200000 - 40400000");
    assert!(output.contains("Starting kernel ..."), "{output}");
    assert!(matches!(machine.system.events().as_slice(), [SystemEvent::HandOver(_)]));
    assert!(machine.lan.is_shut_down());
}
