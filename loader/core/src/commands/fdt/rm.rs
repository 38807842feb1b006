//! `fdt rm`: a node or a property less.

use super::working::WorkingTree;
use super::{SubCommand, node_at};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use alloc::format;

pub(super) const COMMAND: SubCommand = SubCommand {
    name: "rm",
    aliases: &[],
    usage: "rm <path> [<prop>] - remove a node, or one of its properties",
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (path, property) = match args {
        [_, path] => (path, None),
        [_, path, property] => (path, Some(property)),
        _ => return Err(CommandError::Usage),
    };
    let mut working = WorkingTree::load(context)?;
    let node = node_at(&working.tree, path)?;
    match property {
        None => working.tree.remove(node)?,
        Some(name) => working
            .tree
            .remove_property(node, name)
            .map_err(|error| CommandError::failed(format!("libfdt fdt_delprop(): FDT_ERR_NOTFOUND\n{error}")))?,
    }
    working.store(context)?;
    Ok(Status::Success)
}
