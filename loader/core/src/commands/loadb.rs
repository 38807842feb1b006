//! `loadb`: a file over the console's line by Kermit.

use super::Command;
use super::serial::load;
use crate::context::{Args, CommandResult, Context};
use crate::serial::kermit::Kermit;

pub(crate) const COMMAND: Command = Command {
    name: "loadb",
    aliases: &[],
    summary: "load binary file over serial line (kermit mode)",
    usage: "[addr [baud]]",
    help: "Takes a file that is sent over the console's line with Kermit (on the host: gkermit -iXs Image) and writes it to addr, $loadaddr\n\
        if that is not given. filesize and fileaddr are set, and the file is known to booti and to the checks.\n\
        The sender has $loadxy_timeout seconds to begin, 90 if that is not set, for ever if it is 0. Ctrl-C ends the wait.\n\
        The line keeps its speed: another baud than $baudrate is refused.",
    examples: &["loadb", "loadb 0x40400000"],
    repeatable: false,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    load(context, args, ("kermit", &mut Kermit::default()))
}
