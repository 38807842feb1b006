//! `poweroff`: the end.

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context};

pub(crate) const COMMAND: Command = Command {
    name: "poweroff",
    aliases: &[],
    summary: "switch the machine off",
    usage: "",
    help: "Switches the machine off through its firmware (PSCI SYSTEM_OFF).",
    examples: &["poweroff"],
    repeatable: false,
    run,
};

fn run(context: &mut Context, _args: Args<'_>) -> CommandResult {
    context.say(format_args!("poweroff ..."));
    context.terminal.flush();
    let refusal = context.system.power_off();
    Err(CommandError::failed(alloc::format!(
        "The machine was not switched off: {refusal}"
    )))
}
