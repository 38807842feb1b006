//! `fdt mknode`: a new node.

use super::working::{WorkingTree, edit_in_place};
use super::{SubCommand, node_at};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::devicetree::{EditError, add_in_place};
use alloc::format;

pub(super) const COMMAND: SubCommand = SubCommand {
    name: "mknode",
    aliases: &["mk", "mkn", "mkno", "mknod"],
    usage: "mknode <path> <node> - add a node below <path>",
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [_, path, name] = args else {
        return Err(CommandError::Usage);
    };
    if edit_in_place(context, |blob| add_in_place(blob, path, name)) {
        return Ok(Status::Success);
    }
    let mut working = WorkingTree::load(context)?;
    let parent = node_at(&working.tree, path)?;
    working.tree.add_first(parent, name).map_err(|error| match error {
        EditError::NodeExists { .. } => {
            CommandError::failed(format!("libfdt fdt_add_subnode(): FDT_ERR_EXISTS\n{error}"))
        }
        other => other.into(),
    })?;
    working.store(context)?;
    Ok(Status::Success)
}
