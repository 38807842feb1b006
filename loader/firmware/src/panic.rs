//! A panic: a bug of ours. Says where, then resets, so that a rack without a person comes back.

use core::fmt::Write;
use core::panic::PanicInfo;

use crate::early_console::EarlyConsole;
use crate::layout::image_base;
use crate::power;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if !power::begin_last_words() {
        halt();
    }
    // EarlyConsole never fails.
    let _ = write!(EarlyConsole, "\n### {info}\n### loader at {:#x}\n", image_base());
    die()
}

/// Resets the machine after a fatal error; waits for a person if that is refused.
pub(crate) fn die() -> ! {
    let _ = writeln!(EarlyConsole, "### resetting");
    let reason = power::reset();
    let _ = writeln!(EarlyConsole, "### {reason}: please reset the board");
    halt()
}

/// Waits for a person.
pub(crate) fn halt() -> ! {
    loop {
        aarch64_cpu::asm::wfi();
    }
}
