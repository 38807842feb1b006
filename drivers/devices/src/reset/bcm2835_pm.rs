//! Power management and watchdog of BCM2835 to BCM2711: the Raspberry Pi's only way to reset without firmware at EL3.
//!
//! No public manual has it; the registers are as Linux' `brcm,bcm2835-pm` binding and its drivers use them, and as QEMU's `bcm2835-powermgt`
//! has them. Each write carries a password.

use hal::Registers;

use super::Ask;

/// Bytes of registers.
pub(super) const LEN: u64 = 0x28;

/// Reset control: what the watchdog does when it ends.
const RSTC: usize = 0x1c;
/// Reset status: among its bits is the partition that the boot ROM starts from.
const RSTS: usize = 0x20;
/// The watchdog: what is left, in ticks of 16 microseconds.
const WDOG: usize = 0x24;

const PASSWORD: u32 = 0x5a00_0000;
/// RSTC.WRCFG and its value for a reset of everything.
const CONFIGURATION: u32 = 0x30;
const FULL_RESET: u32 = 0x20;
/// RSTS: partition 63, whose bits lie at 0, 2, 4 and so on. The boot ROM takes it for a request to stay off.
const HALT: u32 = 0x555;
/// Long enough for the second write, short enough for people.
const TICKS: u32 = 10;

/// Lets the watchdog end.
pub(super) fn run(registers: &dyn Registers, ask: Ask) {
    let value = |offset| registers.read32(offset) & !0xff00_0000;
    if ask == Ask::PowerOff {
        registers.write32(RSTS, PASSWORD | value(RSTS) | HALT);
    }
    registers.write32(WDOG, PASSWORD | TICKS);
    registers.write32(RSTC, PASSWORD | value(RSTC) & !CONFIGURATION | FULL_RESET);
}

#[cfg(test)]
mod tests;
