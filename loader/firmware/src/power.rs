//! Reset and power: through PSCI (Arm DEN 0022), by SMC or HVC as the device tree's PSCI node says, or, without one, by a device that the
//! tree names and `devices::reset` drives.
//!
//! Which of them is kept in the software thread ID register of the exception level (TPIDR_ELx), so that a panic finds it without any memory.

use aarch64_cpu::registers::{CNTFRQ_EL0, CNTVCT_EL0, CurrentEL, Readable, TPIDR_EL1, TPIDR_EL2, Writeable};
use devices::reset::{self, RESETS};
use hal::{Region, Reset};
use loader_core::devicetree::Tree;
use smccc::psci;
use smccc::{Hvc, Smc};

use crate::mmio::Mmio;

/// What is asked, in bits 0 and 1.
const WAY: u64 = 3;
const NONE: u64 = 0;
const SMC: u64 = 1;
const HVC: u64 = 2;
/// A device: the number of its driver is in bits 4 to 11, the address of its registers in the rest.
const DEVICE: u64 = 3;
const DRIVER_SHIFT: u32 = 4;
const ADDRESS: u64 = !0xfff;
/// Set once a fatal error is being reported.
const DYING: u64 = 4;
/// Set by `entry.s` if the loader came from EL3: then nobody is there to answer an SMC, whatever the tree says.
pub(crate) const FROM_EL3: u64 = 8;

/// Reads from the tree whom to ask, and keeps it.
pub(crate) fn init(tree: &Tree) {
    // PSCI 0.1 (`arm,psci`) has no reset.
    let node = ["arm,psci-1.0", "arm,psci-0.2"]
        .iter()
        .find_map(|name| tree.find_compatible(name).next());
    let from_el3 = kept() & FROM_EL3;
    let method = node.and_then(|node| tree.str(node, "method"));
    keep(match method.filter(|_| from_el3 == 0) {
        Some("smc") => SMC,
        Some("hvc") => HVC,
        _ => from_el3 | device_of(tree).unwrap_or(NONE),
    });
}

/// The first device of the tree that resets.
fn device_of(tree: &Tree) -> Option<u64> {
    tree.nodes().filter(|node| tree.is_enabled(*node)).find_map(|node| {
        let driver = tree.strings(node, "compatible").find_map(reset::driver_for)?;
        let region = tree.device(node).reg.first().copied()?;
        let fits = region.start().is_aligned(0x1000) && region.len() >= RESETS.get(driver)?.len;
        fits.then(|| DEVICE | (driver as u64) << DRIVER_SHIFT | region.start().get())
    })
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

fn kept() -> u64 {
    if at_el2() { TPIDR_EL2.get() } else { TPIDR_EL1.get() }
}

/// Whether no firmware is below the loader, which came from EL3 itself.
pub(crate) fn came_from_el3() -> bool {
    kept() & FROM_EL3 != 0
}

/// Says that a fatal error is about to be reported. `false` if one is being reported already: then reporting is what fails.
pub(crate) fn begin_last_words() -> bool {
    let kept = kept();
    keep(kept | DYING);
    kept & DYING == 0
}

const ABSENT: &str = "no device tree has named PSCI 0.2 or later, or a device that resets, so there is nobody to ask";

/// Resets the machine (PSCI SYSTEM_RESET). Returns only if that is refused, with the reason.
pub(crate) fn reset() -> &'static str {
    let kept = kept();
    match kept & WAY {
        SMC => explain(psci::system_reset::<Smc>()),
        HVC => explain(psci::system_reset::<Hvc>()),
        DEVICE => ask_device(kept, |device| device.reset()),
        _ => nobody(kept),
    }
}

/// Switches the machine off (PSCI SYSTEM_OFF). Returns only if that is refused, with the reason.
pub(crate) fn power_off() -> &'static str {
    let kept = kept();
    match kept & WAY {
        SMC => explain(psci::system_off::<Smc>()),
        HVC => explain(psci::system_off::<Hvc>()),
        DEVICE => ask_device(kept, |device| device.power_off()),
        _ => nobody(kept),
    }
}

fn nobody(kept: u64) -> &'static str {
    if kept & FROM_EL3 == 0 {
        ABSENT
    } else {
        "the loader was started at EL3, so there is no firmware to ask"
    }
}

fn ask_device(kept: u64, ask: impl FnOnce(&dyn Reset)) -> &'static str {
    let driver = (kept >> DRIVER_SHIFT & 0xff) as usize;
    let len = RESETS.get(driver).map_or(0, |driver| driver.len);
    let Some(region) = Region::new(hal::PhysAddr(kept & ADDRESS), len) else {
        return ABSENT;
    };
    // SAFETY: the tree says that the device's registers are here; the final map shows them as device memory, and the early one not
    // at all: then the access faults, and the report of that ends in a halt.
    let registers = unsafe { Mmio::new(region) };
    let Some(device) = reset::device(driver, &registers) else {
        return ABSENT;
    };
    ask(&device);
    wait_a_second();
    "the device that resets was asked and did not"
}

fn wait_a_second() {
    let start = CNTVCT_EL0.get();
    while CNTVCT_EL0.get().wrapping_sub(start) < CNTFRQ_EL0.get() {
        core::hint::spin_loop();
    }
}

fn explain<E>(outcome: Result<(), E>) -> &'static str {
    match outcome {
        Ok(()) => "the firmware came back from the call",
        Err(_) => "the firmware refuses (PSCI error)",
    }
}
