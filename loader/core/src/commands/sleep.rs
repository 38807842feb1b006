//! `sleep`: waits.

use hal::{Deadline, Lull};

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::shell::number;

pub(crate) const COMMAND: Command = Command {
    name: "sleep",
    aliases: &[],
    summary: "wait for some seconds",
    usage: "N",
    help: "Waits for N seconds. N is decimal and may have a fraction. Ctrl-C ends the wait, and the script with it.",
    examples: &["sleep 5", "sleep 0.5"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [_, time] = args else {
        return Err(CommandError::Usage);
    };
    let time = number::seconds(time)?;
    let deadline = Deadline::after(context.clock.now(), time);
    // Time enough to exchange a card.
    context.storage.forget();
    let mut lull = Lull::default();
    while !deadline.expired(context.clock.now()) {
        if context.terminal.interrupted() {
            return Err(CommandError::Interrupted);
        }
        lull.pass(context.clock.as_ref());
    }
    Ok(Status::Success)
}
