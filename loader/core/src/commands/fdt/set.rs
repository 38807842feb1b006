//! `fdt set`: the value of a property.

use super::working::WorkingTree;
use super::{SubCommand, node_at};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::devicetree::parse_value;

pub(super) const COMMAND: SubCommand = SubCommand {
    name: "set",
    aliases: &["se"],
    usage: "set <path> <prop> [<val>...] - set a property",
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [_, path, name, words @ ..] = args else {
        return Err(CommandError::Usage);
    };
    let mut working = WorkingTree::load(context)?;
    let node = node_at(&working.tree, path)?;
    working.tree.set(node, name, &parse_value(words)?)?;
    working.store(context)?;
    Ok(Status::Success)
}
