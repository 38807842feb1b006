//! `exit`: the end of a script.

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context};
use crate::shell::number;

pub(crate) const COMMAND: Command = Command {
    name: "exit",
    aliases: &[],
    summary: "leave the script",
    usage: "[status]",
    help: "Ends the script that it stands in, which is the innermost: what `run` or `source` runs, or the rest of a typed line; also from \
           within its loops. At the prompt, where there is no script to leave, it says so, and the rest of the line is not run.\n\
           The status is decimal: $? after the script, 0 without one. A negative one is 0 too.",
    examples: &["setenv try 'dhcp || exit 1; tftpboot ${loadaddr} Image'"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let code = match args {
        [_] => 0,
        [_, status] => code(status),
        _ => return Err(CommandError::Usage),
    };
    if context.shell.is_at_prompt() {
        context.say(format_args!("exit not allowed from main input shell."));
    }
    Err(context.shell.exit(code))
}

/// The status that `word` stands for: 0 if it is no number, as in U-Boot.
fn code(word: &str) -> u32 {
    let value = number::decimal(word).unwrap_or_default();
    u32::try_from(value).unwrap_or(u32::MAX)
}
