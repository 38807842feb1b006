//! `version`: what this is.

use super::Command;
use crate::console::VERSION;
use crate::context::{Args, CommandResult, Context, Status};

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

fn run(context: &mut Context, _args: Args<'_>) -> CommandResult {
    context.say(format_args!("{VERSION}"));
    Ok(Status::Success)
}
