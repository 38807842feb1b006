//! `loadx`: a file over the console's line by XMODEM.

use super::Command;
use super::serial::load;
use crate::context::{Args, CommandResult, Context};
use crate::serial::xmodem::{Protocol, Xmodem};

pub(crate) const COMMAND: Command = Command {
    name: "loadx",
    aliases: &[],
    summary: "load binary file over serial line (xmodem mode)",
    usage: "[addr [baud]]",
    help: "Takes a file that is sent over the console's line with XMODEM (on the host: sx Image) and writes it to addr, $loadaddr\n\
        if that is not given. filesize and fileaddr are set, and the file is known to booti and to the checks. XMODEM tells neither name nor size: the bytes 0x1a that fill its last block are taken off.\n\
        The sender has $loadxy_timeout seconds to begin, 90 if that is not set, for ever if it is 0. Ctrl-C ends the wait.\n\
        The line keeps its speed: another baud than $baudrate is refused.",
    examples: &["loadx", "loadx 0x40400000"],
    repeatable: false,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    load(context, args, ("xmodem", &mut Xmodem::new(Protocol::Xmodem)))
}
