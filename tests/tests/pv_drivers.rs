//! Xen's dom0less document, "PV Drivers", from reset to packets: a domain that the device tree describes with `xen,enhanced` gets a
//! network card from dom0's tools, and both talk over it.

use std::time::Instant;

use qemu::{Console, Firmware, Machine, boots};
use regex::bytes::Regex;
use system_tests::{GUESTS_TIMEOUT, assert_placed, folder, load, slipway, start};

/// Waits for a line that the guests' tasks print (`qemu/src/pv_dom0.sh`, `pv_domain.sh`).
fn line(console: &mut Console, pattern: &str) {
    let regex = Regex::new(&format!(r"SLIPWAY-PV {pattern}\.")).unwrap();
    if let Err(error) = console.expect_regex(&regex, GUESTS_TIMEOUT) {
        panic!("no line {pattern:?}: {error}");
    }
}

#[test]
fn a_domain_gets_a_network_card_from_dom0() {
    let name = "pv-drivers";
    let machine = Machine::load("virt").unwrap().firmware(Firmware::Bios(slipway()));
    let boot = boots::pv_drivers(&folder(name), &machine).unwrap();
    let begin = Instant::now();
    let mut console = load(machine, &boot, name).unwrap();
    start(&mut console, &boot).unwrap();
    assert_placed(&console.transcript(), &boot);

    line(&mut console, "domU1 sees device/vif/0, address 00:16:3e:00:00:77");
    line(&mut console, "domU1 reaches dom0, vif-0 is Connected");
    line(&mut console, "dom0 init-dom0less ended with status 0");
    line(&mut console, r"dom0 xl list: dom0less-1 +1 +128 +1 +\S+ +\S+");
    line(&mut console, "dom0 xl network-attach ended with status 0");
    line(
        &mut console,
        "dom0 xl network-list: 0 +0 +00:16:3e:00:00:77 +0 +4 .* /local/domain/0/backend/vif/1/0",
    );
    println!("{name}: {:.1} s from reset to packets", begin.elapsed().as_secs_f64());
}
