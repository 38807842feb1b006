//! Exceptions: what the handler shows, and the one kind that the loader recovers from.

use core::fmt::Write;

use crate::early_console::EarlyConsole;
use crate::layout::{image_base, offset};
use crate::panic::{die, halt};
use crate::power::begin_last_words;

/// The registers as `exceptions.s` saves them.
#[repr(C)]
struct Frame {
    /// x0 to x30.
    x: [u64; 31],
    sp: u64,
    elr: u64,
    esr: u64,
    far: u64,
}

unsafe extern "C" {
    static bus_access_start: u8;
    static bus_access_end: u8;
    static bus_access_failed: u8;
}

/// Called by the vectors with the saved registers and the number of the vector table's entry.
///
/// Returns only for a fault inside the bus accesses of `exceptions.s`: they are leaf functions, so returning to their caller
/// with the syndrome in x1 makes the fault a result. A store that a device refuses may come as an SError.
#[unsafe(no_mangle)]
extern "C" fn handle_exception(frame: &mut Frame, entry: u64) {
    const SYNCHRONOUS_SP_EL0: u64 = 0;
    const SERROR_SP_EL0: u64 = 3;
    if matches!(entry, SYNCHRONOUS_SP_EL0 | SERROR_SP_EL0) && is_bus_access(frame.elr) {
        frame.x[0] = 0;
        frame.x[1] = frame.esr;
        frame.elr = (&raw const bus_access_failed).addr() as u64;
        return;
    }
    if !begin_last_words() {
        halt();
    }
    report(frame, entry);
    die()
}

fn is_bus_access(elr: u64) -> bool {
    let start = (&raw const bus_access_start).addr() as u64;
    let end = (&raw const bus_access_end).addr() as u64;
    (start..end).contains(&elr)
}

fn report(frame: &Frame, entry: u64) {
    let kind = ["synchronous abort", "IRQ", "FIQ", "SError"][entry as usize % 4];
    let from = [
        "this level, SP_EL0",
        "this level, SP_ELx",
        "a lower level, AArch64",
        "a lower level, AArch32",
    ];
    let from = from[entry as usize / 4 % 4];
    let Frame { sp, elr, esr, far, .. } = *frame;
    // EarlyConsole never fails.
    let _ = writeln!(EarlyConsole, "\n### exception: {kind} from {from}: {}", class(esr));
    let _ = writeln!(EarlyConsole, "ESR {esr:#018x}  ELR {elr:#018x}  FAR {far:#018x}");
    let base = image_base() as u64;
    if (base..base + offset_end()).contains(&elr) {
        let _ = writeln!(
            EarlyConsole,
            "in slipway.elf at {:#x} (loader at {base:#x})",
            elr - base
        );
    }
    for (index, value) in frame.x.iter().enumerate() {
        let end = if index % 4 == 3 { "\n" } else { "  " };
        let _ = write!(EarlyConsole, "x{index:<2} {value:#018x}{end}");
    }
    let _ = writeln!(EarlyConsole, "sp  {sp:#018x}");
}

fn offset_end() -> u64 {
    crate::layout::image_size().max(offset(&raw const bus_access_end) as u64)
}

/// The exception class in words (Arm ARM D24.2.40, ESR_ELx.EC).
fn class(esr: u64) -> &'static str {
    match esr >> 26 & 0x3f {
        0x00 => "unknown instruction or register",
        0x07 => "FP or NEON access that traps",
        0x0e => "illegal execution state",
        0x15 => "SVC",
        0x16 => "HVC",
        0x17 => "SMC",
        0x18 => "system register that traps",
        0x20 | 0x21 => "instruction abort",
        0x22 => "misaligned PC",
        0x24 | 0x25 => "data abort",
        0x26 => "misaligned SP",
        0x2f => "SError",
        0x3c => "BRK",
        _ => "see ESR",
    }
}
