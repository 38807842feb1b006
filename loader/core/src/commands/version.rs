//! `version`: what this is.

use super::Command;
use crate::console::VERSION;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "version",
    aliases: &[],
    summary: "print the version",
    usage: "",
    help: "Prints the line that the loader began with: its own version, and the release of U-Boot whose commands it speaks.",
    examples: &["version"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    if args.len() > 1 {
        return Err(CommandError::Usage);
    }
    context.say(format_args!("{VERSION}"));
    Ok(Status::Success)
}
