//! `eraseenv`: forgets the saved environment.

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context};
use crate::env::persist;

pub(crate) const COMMAND: Command = Command {
    name: "eraseenv",
    aliases: &[],
    summary: "erase environment variables from persistent storage",
    usage: "",
    help: "Erases what `saveenv` saved, all copies of it. The variables stay as they are until the next start, which has the\n\
        board's own environment. The same as `env erase`.",
    examples: &["eraseenv && reset"],
    repeatable: false,
    run,
};

pub(super) fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    if args.len() != 1 {
        return Err(CommandError::Usage);
    }
    Ok(persist::erase(context))
}
