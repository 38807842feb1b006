//! `fdt rsvmem`: the memory reservations of the blob.

use super::SubCommand;
use super::working::WorkingTree;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use alloc::format;

pub(super) const COMMAND: SubCommand = SubCommand {
    name: "rsvmem",
    aliases: &["rs", "rsv", "rsvm", "rsvme"],
    usage: "\
rsvmem print - show the memory reservations
rsvmem add <addr> <size> - add a memory reservation
rsvmem delete <index> - remove a memory reservation",
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let args = args.get(1..).unwrap_or_default();
    let (action, args) = args.split_first().ok_or(CommandError::Usage)?;
    match (action.as_str(), args) {
        ("p" | "print", []) => print(context),
        ("a" | "add", [address, size]) => {
            let mut working = WorkingTree::load(context)?;
            working
                .tree
                .add_reservation(context.hexadecimal(address)?, context.hexadecimal(size)?)?;
            working.store(context)?;
            Ok(Status::Success)
        }
        ("d" | "delete", [index]) => delete(context, index),
        _ => Err(CommandError::Usage),
    }
}

fn print(context: &mut Context) -> CommandResult {
    let tree = WorkingTree::load(context)?.tree;
    context.say(format_args!("index\t\t   start\t\t    size"));
    context.say(format_args!("------------------------------------------------"));
    for (index, at) in tree.reservations().iter().enumerate() {
        context.say(format_args!("{index:5x}\t{:016x}\t{:016x}", at.address, at.size));
    }
    Ok(Status::Success)
}

fn delete(context: &mut Context, index: &str) -> CommandResult {
    let mut working = WorkingTree::load(context)?;
    let count = working.tree.reservations().len();
    let removed = usize::try_from(context.hexadecimal(index)?)
        .ok()
        .and_then(|index| working.tree.remove_reservation(index));
    if removed.is_none() {
        let ours = format!("there is no reservation {index}, the tree has {count}");
        return Err(CommandError::failed(format!(
            "libfdt fdt_del_mem_rsv(): FDT_ERR_NOTFOUND\n{ours}"
        )));
    }
    working.store(context)?;
    Ok(Status::Success)
}
