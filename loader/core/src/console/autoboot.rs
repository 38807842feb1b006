//! The count-down before the board's own boot command.

use core::fmt::Write;
use core::time::Duration;

use hal::{Deadline, Lull};

use super::stop_keys::StopKeys;
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
    /// The prompt is wanted: the word in `bootstopkey` was typed.
    Stopped,
    /// The prompt is wanted, but not for ever if `bootretry` is set: a key was typed, and swallowed, or the word in `bootdelaykey`.
    Delayed,
}

/// Counts `bootdelay` down, as U-Boot prints it: lab tools wait for the words, and press a key.
pub fn count_down(context: &mut Context) -> Autoboot {
    let mut left = match delay(context.env.get("bootdelay")) {
        Delay::Never => return Autoboot::Off,
        Delay::Unstoppable => return Autoboot::Boot,
        Delay::Seconds(seconds) => seconds,
    };
    if let Some(keys) = StopKeys::asked_for(context) {
        return wait_for_word(context, keys, left);
    }
    let _ = write!(context, "Hit any key to stop autoboot: {left:2} ");
    let mut key = context.terminal.read();
    while key.is_none() && left > 0 {
        key = key_within_a_second(context);
        left = if key.is_none() { left.saturating_sub(1) } else { 0 };
        let _ = write!(context, "\x08\x08\x08{left:2} ");
    }
    let _ = context.write_str("\n");
    key.map_or(Autoboot::Boot, |_| Autoboot::Delayed)
}

/// Waits for a word, after U-Boot's own line for that. What was typed before counts.
fn wait_for_word(context: &mut Context, mut keys: StopKeys, seconds: u64) -> Autoboot {
    context.say(format_args!("Autoboot in {seconds} seconds"));
    // A Ctrl-C is a letter as any other here.
    context.terminal.defer_interrupts(true);
    let deadline = Deadline::after(context.clock.now(), Duration::from_secs(seconds));
    let (mut outcome, mut lull) = (None, Lull::default());
    while outcome.is_none() {
        outcome = match context.terminal.read() {
            Some(key) => keys.typed(key),
            None if deadline.expired(context.clock.now()) => Some(Autoboot::Boot),
            None => None,
        };
        lull.pass(context.clock.as_ref());
    }
    context.terminal.defer_interrupts(false);
    outcome.unwrap_or(Autoboot::Boot)
}

fn key_within_a_second(context: &mut Context) -> Option<u8> {
    let deadline = Deadline::after(context.clock.now(), Duration::from_secs(1));
    let mut lull = Lull::default();
    while !deadline.expired(context.clock.now()) {
        let key = context.terminal.read();
        if key.is_some() {
            return key;
        }
        lull.pass(context.clock.as_ref());
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
