//! `dcache`, and what it shares with `icache`.

use hal::{PhysAddr, Region};

use super::Command;
use super::access::{check_interrupt, piece};
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "dcache",
    aliases: &[],
    summary: "enable or disable data cache",
    usage: "[on, off, flush]",
    help: "Says whether the data cache is on, or writes it back to RAM. It is always on: without it the loader would run at a small\n\
        part of its speed. What is booted finds it clean and off.",
    examples: &["dcache", "dcache flush"],
    repeatable: true,
    run,
};

/// What is asked of a cache.
pub(super) enum Request {
    State,
    Flush,
}

/// What the arguments ask for; `on` asks for nothing, and `off` is refused.
pub(super) fn request(args: Args<'_>) -> Result<Option<Request>, CommandError> {
    let [name, words @ ..] = args else {
        return Err(CommandError::Usage);
    };
    match words {
        [] => Ok(Some(Request::State)),
        [word] => match word.as_str() {
            "on" => Ok(None),
            "flush" => Ok(Some(Request::Flush)),
            "off" => Err(CommandError::failed(alloc::format!(
                "{name} stays on: the loader runs with its caches, and leaves them clean and off to what it boots"
            ))),
            _ => Err(CommandError::Usage),
        },
        _ => Err(CommandError::Usage),
    }
}

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    match request(args)? {
        Some(Request::State) => context.say(format_args!("Data (writethrough) Cache is ON")),
        Some(Request::Flush) => {
            for bank in context.memory.banks().to_vec() {
                flush(context, bank)?;
            }
        }
        None => {}
    }
    Ok(Status::Success)
}

/// Cleans all of the bank that may be touched: not what is never mapped, and not the loader, which is not to be handed to anybody.
fn flush(context: &mut Context, bank: Region) -> Result<(), CommandError> {
    let mut at: PhysAddr = bank.start();
    while at < bank.end() {
        check_interrupt(context)?;
        let piece = piece(context, bank, at);
        if context.memory.bytes(piece).is_ok() {
            context.system.sync_instructions(piece);
        }
        at = piece.end();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn caches_are_on_and_stay_on() {
        // The first lines were read off U-Boot 2025.01 with CMD_CACHE.
        Bench::new().dialogue(
            "\
=> dcache; echo $?
Data (writethrough) Cache is ON
0
=> icache; echo $?
Instruction Cache is ON
0
=> dcache flush; echo $?; icache flush; echo $?
0
0
=> dcache on; echo $?; icache on; echo $?
0
0
=> dcache x; echo $?
dcache - enable or disable data cache

Usage:
dcache [on, off, flush]
1
=> dcache off; echo $?
dcache stays on: the loader runs with its caches, and leaves them clean and off to what it boots
1
=> icache off; icache
icache stays on: the loader runs with its caches, and leaves them clean and off to what it boots
Instruction Cache is ON
=> icache on off
icache - enable or disable instruction cache

Usage:
icache [on, off, flush]
",
        );
    }
}
