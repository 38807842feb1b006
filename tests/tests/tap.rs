//! Transfers from `atftpd`, a TFTP server that knows every option, over a tap interface.

use std::process::Command;

use qemu::network::{Tap, TftpServer};
use qemu::{Console, Firmware, Guests, Machine, Nic, Scenario};
use system_tests::{folder, slipway};

/// Set in the process that has a network namespace of its own.
const INSIDE: &str = "SLIPWAY_TEST_NAMESPACE";
const HOST: &str = "10.9.0.1";

/// Runs this very test again in a network namespace of its own, where it may make interfaces without any rights outside.
fn in_namespace(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--net"])
        .arg(std::env::current_exe().unwrap());
    let status = command
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in its namespace");
}

/// A console with a network to a running server that offers the scenario's files.
struct Lab {
    console: Console,
    _server: TftpServer,
    _tap: Tap,
}

fn lab(name: &str, scenario: &Scenario) -> Lab {
    let tap = Tap::create("tap0", &format!("{HOST}/24")).unwrap();
    let server = TftpServer::start(&Guests::open().unwrap().atftpd(), HOST, scenario.folder()).unwrap();
    let machine = Machine::load("virt").unwrap().firmware(Firmware::Bios(slipway()));
    let mut console = machine
        .nic(Nic::Tap {
            interface: tap.interface().to_owned(),
        })
        .spawn(name)
        .unwrap();
    console.prompt().unwrap();
    let addresses = format!("setenv ipaddr 10.9.0.2; setenv netmask 255.255.255.0; setenv serverip {HOST}");
    console.command(&addresses).unwrap();
    Lab {
        console,
        _server: server,
        _tap: tap,
    }
}

/// Sets the transfer's options, loads a file with them and compares every byte.
fn transfer(console: &mut Console, block: u32, window: u32, file: &str, expected: &[u8]) {
    console
        .command(&format!("setenv tftpblocksize {block}; setenv tftpwindowsize {window}"))
        .unwrap();
    let answer = console
        .command(&format!("mw.b 48000000 0 3000000; tftpb 48000000 {file}"))
        .unwrap();
    let line = format!("Bytes transferred = {} ({:x} hex)", expected.len(), expected.len());
    assert!(answer.contains(&line), "block size {block}, window {window}: {answer}");
    let memory = console
        .read_memory(0x4800_0000, u64::try_from(expected.len()).unwrap())
        .unwrap();
    assert!(
        memory == expected,
        "block size {block}, window {window}: RAM differs from the file"
    );
}

#[test]
fn files_arrive_whole_with_every_option() {
    in_namespace("files_arrive_whole_with_every_option", || {
        let name = "tap";
        let guests = Guests::open().unwrap();
        let scenario = Scenario::create(&folder(name)).unwrap();
        scenario.copy("small", &guests.kernel()).unwrap();
        scenario.copy("big", &guests.debian_kernel()).unwrap();
        let (small, big) = (
            std::fs::read(guests.kernel()).unwrap(),
            std::fs::read(guests.debian_kernel()).unwrap(),
        );
        let mut lab = lab(name, &scenario);
        let answer = lab.console.command(&format!("ping {HOST}")).unwrap();
        assert!(answer.contains(&format!("host {HOST} is alive")), "{answer}");
        for (block, window) in [(512, 1), (512, 64), (1468, 1), (1468, 16), (1468, 64)] {
            transfer(&mut lab.console, block, window, "small", &small);
        }
        transfer(&mut lab.console, 1468, 64, "big", &big);
    });
}

/// The block number has 16 bits: 40 MiB in blocks of 512 bytes go beyond it.
#[test]
fn a_file_of_more_than_65535_blocks_arrives_whole() {
    in_namespace("a_file_of_more_than_65535_blocks_arrives_whole", || {
        let scenario = Scenario::create(&folder("tap-wrap")).unwrap();
        let words = (0_u32..10 << 20).map(|word| word.wrapping_mul(0x9e37_79b9));
        let expected: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        scenario.write("wrap", &expected).unwrap();
        transfer(&mut lab("tap-wrap", &scenario).console, 512, 16, "wrap", &expected);
    });
}
