//! A device that a partial device tree passes through to a domain: real Xen maps it, and real Linux reads its registers.

use qemu::boots::Boot;
use qemu::{Firmware, Machine, passthrough};
use system_tests::{GUESTS_TIMEOUT, assert_placed, folder, load, slipway, start};

fn machine() -> Machine {
    Machine::load("virt").unwrap().firmware(Firmware::Bios(slipway()))
}

/// Boots, and waits for what the domain says of its clock (`qemu/src/passthrough.sh`).
fn domain_has_the_clock(name: &str, boot: &Boot) {
    let mut console = load(machine(), boot, name).unwrap();
    start(&mut console, boot).unwrap();
    assert_placed(&console.transcript(), boot);
    for line in ["is told of arm,pl031 arm,primecell ", "reads 00141031"] {
        let line = format!("SLIPWAY-DEVICE domU1 {line}.");
        // It may have come before dom0's report.
        if !console.transcript().contains(&line)
            && let Err(error) = console.expect(&line, GUESTS_TIMEOUT)
        {
            panic!("no line {line:?}: {error}");
        }
    }
}

#[test]
fn a_partial_tree_that_the_configuration_names() {
    let name = "passthrough-config";
    domain_has_the_clock(name, &passthrough::by_configuration(&folder(name)).unwrap());
}

#[test]
fn a_partial_tree_of_unknown_size_beside_a_dom0() {
    let name = "passthrough-dom0";
    domain_has_the_clock(name, &passthrough::beside_dom0(&folder(name), &machine()).unwrap());
}
