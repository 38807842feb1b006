//! `icache`.

use hal::{PhysAddr, Region};

use super::Command;
use super::dcache::{Request, request};
use crate::context::{Args, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "icache",
    aliases: &[],
    summary: "enable or disable instruction cache",
    usage: "[on, off, flush]",
    help: "Says whether the instruction cache is on, or empties it. It is always on, as the data cache is.",
    examples: &["icache", "icache flush"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    match request(args)? {
        Some(Request::State) => context.say(format_args!("Instruction Cache is ON")),
        // No data has to be written back for it.
        Some(Request::Flush) => Region::new(PhysAddr(0), 0)
            .into_iter()
            .for_each(|nothing| context.system.sync_instructions(nothing)),
        None => {}
    }
    Ok(Status::Success)
}
