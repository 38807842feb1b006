//! A machine on a tap interface, with the host's own servers, in a network namespace of the test's own.

use std::process::Command;

use qemu::network::{Tap, TftpServer};
use qemu::{Console, Firmware, Guests, Machine, Nic, Scenario};

use crate::slipway;

/// Set in the process that has a network namespace of its own.
const INSIDE: &str = "SLIPWAY_TEST_NAMESPACE";

/// The host's address.
pub const HOST: &str = "10.9.0.1";

/// Runs the calling test again in a network namespace of its own, where it may make interfaces without any rights outside.
///
/// # Panics
/// If the test fails there.
pub fn in_namespace(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--net"])
        .arg(std::env::current_exe().expect("a running test"));
    let status = command
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare can be started");
    assert!(status.success(), "{test} failed in its namespace");
}

/// A console with a network to a running TFTP server that offers the scenario's files.
#[derive(Debug)]
pub struct Lab {
    /// The console, at its prompt, with addresses set.
    pub console: Console,
    _server: TftpServer,
    _tap: Tap,
}

impl Lab {
    /// Starts the servers and the machine.
    ///
    /// # Panics
    /// If one of them does not start.
    #[must_use]
    pub fn start(name: &str, scenario: &Scenario) -> Self {
        let tap = Tap::create("tap0", &format!("{HOST}/24")).expect("a namespace of our own");
        let atftpd = Guests::open().expect("scripts/setup").atftpd();
        let server = TftpServer::start(&atftpd, HOST, scenario.folder()).expect("scripts/setup");
        let machine = Machine::load("virt")
            .expect("a machine")
            .firmware(Firmware::Bios(slipway()));
        let nic = Nic::Tap {
            interface: tap.interface().to_owned(),
        };
        let mut console = machine.nic(nic).spawn(name).expect("QEMU starts");
        console.prompt().expect("a prompt");
        let addresses = format!("setenv ipaddr 10.9.0.2; setenv netmask 255.255.255.0; setenv serverip {HOST}");
        console.command(&addresses).expect("a prompt");
        Self {
            console,
            _server: server,
            _tap: tap,
        }
    }
}
