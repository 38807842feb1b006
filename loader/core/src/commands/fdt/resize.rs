//! `fdt resize`: room for edits.

use super::SubCommand;
use super::working::WorkingTree;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(super) const COMMAND: SubCommand = SubCommand {
    name: "resize",
    aliases: &["re", "res", "resi", "resiz"],
    usage: "resize [<extrasize>] - give the blob room for <extrasize> more bytes, up to a 4 KiB boundary",
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let extra = match args {
        [_] => 0,
        [_, extra] => context.hexadecimal(extra)?,
        _ => return Err(CommandError::Usage),
    };
    // Edits look for room of their own when they need it, so less than was asked for is worth a word, but no failure.
    if let Some(shortfall) = WorkingTree::load(context)?.resize(context, extra)? {
        context.say(format_args!("fdt resize: {shortfall}"));
    }
    Ok(Status::Success)
}
