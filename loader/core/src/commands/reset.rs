//! `reset`: a restart of the machine.

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context};

pub(crate) const COMMAND: Command = Command {
    name: "reset",
    aliases: &[],
    summary: "reset the machine",
    usage: "",
    help: "Resets the machine through its firmware (PSCI SYSTEM_RESET). Variables that were set are lost.",
    examples: &["reset"],
    repeatable: false,
    run,
};

fn run(context: &mut Context, _args: Args<'_>) -> CommandResult {
    restart(context)
}

/// Says so, and resets. Comes back only where the firmware refuses.
pub(super) fn restart(context: &mut Context) -> CommandResult {
    context.say(format_args!("resetting ..."));
    context.terminal.flush();
    let refusal = context.system.reset();
    Err(CommandError::failed(alloc::format!(
        "The machine was not reset: {refusal}"
    )))
}
