//! `fdt move`: a copy of a tree, to work on.

use super::SubCommand;
use super::addr::select;
use super::working::WorkingTree;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use alloc::format;
use hal::PhysAddr;

pub(super) const COMMAND: SubCommand = SubCommand {
    name: "move",
    aliases: &["mo", "mov"],
    usage: "move <fdt> <newaddr> [<length>] - copy a devicetree and work on the copy",
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (from, to, length) = match args {
        [_, from, to] => (from, to, None),
        [_, from, to, length] => (from, to, Some(context.hexadecimal(length)?)),
        _ => return Err(CommandError::Usage),
    };
    let (from, to) = (PhysAddr(context.hexadecimal(from)?), PhysAddr(context.hexadecimal(to)?));
    let working = WorkingTree::at(context, from)?;
    let existing = working.total_size();
    let length = length.unwrap_or(existing);
    if length < existing {
        let message = format!("New length {length:#x} < existing length {existing:#x}, aborting.");
        return Err(CommandError::failed(message));
    }
    working.copy_to(context, to, length)?;
    select(context, to);
    Ok(Status::Success)
}
