//! `exit`: the end of a script.

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::shell::number;

pub(crate) const COMMAND: Command = Command {
    name: "exit",
    aliases: &[],
    summary: "leave the script",
    usage: "[status]",
    help: "Ends the script that it stands in: what `run` or `source` runs, or the rest of a typed line.\n\
        The script's status is that of exit: success without a number and for 0, else failure.",
    examples: &["setenv try 'dhcp || exit 1; tftpboot ${loadaddr} Image'"],
    repeatable: true,
    run,
};

fn run(_context: &mut Context, args: Args<'_>) -> CommandResult {
    let status = match args {
        [_] => Status::Success,
        [_, status] if number::decimal(status)? == 0 => Status::Success,
        [_, _] => Status::Failure,
        _ => return Err(CommandError::Usage),
    };
    Err(CommandError::Exit(status))
}
