//! `saveenv`: the environment outlives a reset.

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context};
use crate::env::persist;

pub(crate) const COMMAND: Command = Command {
    name: "saveenv",
    aliases: &[],
    summary: "save environment variables to persistent storage",
    usage: "",
    help: "Writes all variables to the place that the board's board.toml names. Where that has two copies, or is a file, what was\n\
        saved before stays whole until the new copy is: nothing is lost if the power fails meanwhile. Ctrl-C does not stop it.",
    examples: &["setenv bootdelay 5; saveenv", "saveenv && reset"],
    repeatable: false,
    run,
};

pub(super) fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    if args.len() != 1 {
        return Err(CommandError::Usage);
    }
    Ok(persist::save(context))
}
