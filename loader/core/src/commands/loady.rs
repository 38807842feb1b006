//! `loady`: a file over the console's line by YMODEM.

use super::Command;
use super::serial::load;
use crate::context::{Args, CommandResult, Context};
use crate::serial::xmodem::{Protocol, Xmodem};

pub(crate) const COMMAND: Command = Command {
    name: "loady",
    aliases: &[],
    summary: "load binary file over serial line (ymodem mode)",
    usage: "[addr [baud]]",
    help: "Takes a file that is sent over the console's line with YMODEM (on the host: sb Image) and writes it to addr, $loadaddr\n\
        if that is not given. filesize and fileaddr are set, and the file is known to booti and to the checks.\n\
        The sender has $loadxy_timeout seconds to begin, 90 if that is not set, for ever if it is 0. Ctrl-C ends the wait.\n\
        The line keeps its speed: another baud than $baudrate is refused.",
    examples: &["loady", "loady 0x40400000"],
    repeatable: false,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    load(context, args, ("ymodem", &mut Xmodem::new(Protocol::Ymodem)))
}
