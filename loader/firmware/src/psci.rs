//! Reset and power through PSCI (Arm DEN 0022): the calls go by SMC or HVC, as the device tree's PSCI node says.
//!
//! The conduit is kept in the software thread ID register of the exception level (TPIDR_ELx), so that a panic finds it
//! without any memory.

use aarch64_cpu::registers::{CurrentEL, Readable, TPIDR_EL1, TPIDR_EL2, Writeable};
use loader_core::devicetree::Tree;
use smccc::psci;
use smccc::{Hvc, Smc};

const NONE: u64 = 0;
const SMC: u64 = 1;
const HVC: u64 = 2;
/// Kept instead of a conduit once a fatal error is being reported.
const DYING: u64 = 3;

/// Reads the conduit from the tree's PSCI node and keeps it.
pub(crate) fn init(tree: &Tree) {
    // PSCI 0.1 (`arm,psci`) has no reset.
    let node = ["arm,psci-1.0", "arm,psci-0.2"]
        .iter()
        .find_map(|name| tree.find_compatible(name).next());
    let method = node.and_then(|node| tree.str(node, "method"));
    keep(match method {
        Some("smc") => SMC,
        Some("hvc") => HVC,
        _ => NONE,
    });
}

fn at_el2() -> bool {
    CurrentEL.read(CurrentEL::EL) == 2
}

fn keep(conduit: u64) {
    if at_el2() {
        TPIDR_EL2.set(conduit)
    } else {
        TPIDR_EL1.set(conduit)
    }
}

fn conduit() -> u64 {
    if at_el2() { TPIDR_EL2.get() } else { TPIDR_EL1.get() }
}

/// The conduit, whether a fatal error is being reported or not.
fn usable_conduit() -> u64 {
    match conduit() {
        kept if kept & DYING == DYING => kept >> 2,
        conduit => conduit,
    }
}

/// Says that a fatal error is about to be reported. `false` if one is being reported already: then reporting is what fails.
pub(crate) fn begin_last_words() -> bool {
    let conduit = conduit();
    // Bits 2 and 3 keep the conduit for the reset that follows.
    keep(DYING | (conduit << 2));
    conduit & DYING != DYING
}

const ABSENT: &str = "the device tree names no PSCI 0.2 or later, so there is no firmware to ask";

/// Resets the machine (SYSTEM_RESET). Returns only if that is refused, with the reason.
pub(crate) fn reset() -> &'static str {
    let refused = match usable_conduit() {
        SMC => psci::system_reset::<Smc>(),
        HVC => psci::system_reset::<Hvc>(),
        _ => return ABSENT,
    };
    explain(refused)
}

/// Switches the machine off (SYSTEM_OFF). Returns only if that is refused, with the reason.
pub(crate) fn power_off() -> &'static str {
    let refused = match usable_conduit() {
        SMC => psci::system_off::<Smc>(),
        HVC => psci::system_off::<Hvc>(),
        _ => return ABSENT,
    };
    explain(refused)
}

fn explain<E>(outcome: Result<(), E>) -> &'static str {
    match outcome {
        Ok(()) => "the firmware came back from the call",
        Err(_) => "the firmware refuses (PSCI error)",
    }
}
