//! The count-down before the board's own boot command.

use core::fmt::Write;
use core::time::Duration;

use hal::Deadline;

use crate::context::Context;
use crate::shell::number;

/// What `bootdelay` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delay {
    /// -1: straight to the prompt.
    Never,
    /// -2: straight to the boot command, whatever is typed.
    Unstoppable,
    /// This many seconds for a key. 0 sees one that was typed before.
    Seconds(u64),
}

/// Used where `bootdelay` is not set, or is no number.
const DEFAULT_SECONDS: u64 = 2;

/// How the count-down ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Autoboot {
    /// The boot command is to be run.
    Boot,
    /// The prompt comes first, as `bootdelay` says.
    Off,
    /// A key stopped it, and was swallowed.
    Stopped,
}

/// Counts `bootdelay` down, as U-Boot prints it: lab tools wait for the words, and press a key.
pub fn count_down(context: &mut Context) -> Autoboot {
    let mut left = match delay(context.env.get("bootdelay")) {
        Delay::Never => return Autoboot::Off,
        Delay::Unstoppable => return Autoboot::Boot,
        Delay::Seconds(seconds) => seconds,
    };
    let _ = write!(context, "Hit any key to stop autoboot: {left:2} ");
    let mut key = context.terminal.read();
    while key.is_none() && left > 0 {
        key = key_within_a_second(context);
        left = if key.is_none() { left.saturating_sub(1) } else { 0 };
        let _ = write!(context, "\x08\x08\x08{left:2} ");
    }
    let _ = context.write_str("\n");
    key.map_or(Autoboot::Boot, |_| Autoboot::Stopped)
}

fn key_within_a_second(context: &mut Context) -> Option<u8> {
    let deadline = Deadline::after(context.clock.now(), Duration::from_secs(1));
    while !deadline.expired(context.clock.now()) {
        let key = context.terminal.read();
        if key.is_some() {
            return key;
        }
        core::hint::spin_loop();
    }
    None
}

fn delay(value: Option<&str>) -> Delay {
    match value {
        Some("-1") => Delay::Never,
        Some("-2") => Delay::Unstoppable,
        other => {
            let seconds = other.and_then(|text| number::decimal(text).ok());
            Delay::Seconds(seconds.unwrap_or(DEFAULT_SECONDS))
        }
    }
}

#[cfg(test)]
mod tests;
