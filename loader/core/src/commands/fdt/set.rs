//! `fdt set`: the value of a property.

use super::working::{WorkingTree, edit_in_place};
use super::{SubCommand, node_at};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::devicetree::{parse_value, set_in_place};
use alloc::string::String;

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
    if !keeps_cells(words) {
        let value = parse_value(words, &[])?;
        if edit_in_place(context, |blob| set_in_place(blob, path, name, &value)) {
            return Ok(Status::Success);
        }
    }
    let mut working = WorkingTree::load(context)?;
    let node = node_at(&working.tree, path)?;
    let value = parse_value(words, working.tree.property(node, name).unwrap_or_default())?;
    working.tree.set(node, name, &value)?;
    working.store(context)?;
    Ok(Status::Success)
}

/// Whether the value may ask for cells of the present one.
fn keeps_cells(words: &[String]) -> bool {
    words.first().is_some_and(|word| word.starts_with('<')) && words.iter().any(|word| word.contains('?'))
}
