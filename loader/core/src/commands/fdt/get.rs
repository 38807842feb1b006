//! `fdt get`: what the tree says, in a variable.

use super::working::{WorkingTree, working_address};
use super::{SubCommand, node_at, property_of};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::devicetree::{NodeId, Tree, property_offset, strings_of};
use alloc::format;
use alloc::string::{String, ToString};

pub(super) const COMMAND: SubCommand = SubCommand {
    name: "get",
    aliases: &["g", "ge"],
    usage: "\
get value <var> <path> <prop> [<index>] - put a value, or the string or cell at <index>, into a variable
get name <var> <path> <index> - put the name of the child at <index> into a variable
get addr <var> <path> <prop> - put the address of a value into a variable
get size <var> <path> [<prop>] - put the length of a value, or the number of children, into a variable",
    run,
};

/// Values of more bytes than a SHA-1 digest are not put into a variable as hexadecimal digits; nor does U-Boot.
const MAX_DIGITS_OF: usize = 20;

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [_, what, variable, path, rest @ ..] = args else {
        return Err(CommandError::Usage);
    };
    let tree = WorkingTree::load(context)?.tree;
    let node = node_at(&tree, path)?;
    // U-Boot looks at the first letter only.
    let whole = ["value", "name", "addr", "size"]
        .into_iter()
        .find(|whole| !what.is_empty() && whole.starts_with(what.as_str()));
    let text = match (whole.unwrap_or_default(), rest) {
        ("value", [name]) => value_text(property_of(&tree, node, name)?, None),
        ("value", [name, index]) => value_text(property_of(&tree, node, name)?, Some(parse_index(index)?)),
        ("name", [index]) => child_name(&tree, node, parse_index(index)?),
        ("addr", [name]) => value_address(context, &tree, node, name),
        ("size", []) => Ok(format!("{:x}", tree.children(node).len())),
        ("size", [name]) => Ok(format!("{:x}", property_of(&tree, node, name)?.len())),
        _ => Err(CommandError::Usage),
    }?;
    context.assign(variable, &text)?;
    Ok(Status::Success)
}

/// An index, decimal or hexadecimal after 0x.
fn parse_index(word: &str) -> Result<usize, CommandError> {
    let index = match word.strip_prefix("0x") {
        Some(digits) => usize::from_str_radix(digits, 16),
        None => word.parse(),
    };
    index.map_err(|_| CommandError::failed(format!("'{word}' is no index")))
}

fn value_text(value: &[u8], index: Option<usize>) -> Result<String, CommandError> {
    let beyond = |count| {
        let index = index.unwrap_or(0);
        CommandError::failed(format!("there is no index {index}, the property has {count} values"))
    };
    if let Some(strings) = strings_of(value) {
        let string = strings.get(index.unwrap_or(0)).ok_or_else(|| beyond(strings.len()))?;
        return Ok((*string).to_string());
    }
    let (cells, rest) = value.as_chunks::<4>();
    match (cells, index) {
        (_, Some(index)) if rest.is_empty() => {
            let cell = cells.get(index).ok_or_else(|| beyond(cells.len()))?;
            Ok(format!("{:#010X}", u32::from_be_bytes(*cell)))
        }
        ([cell], None) if rest.is_empty() => Ok(format!("{:#010X}", u32::from_be_bytes(*cell))),
        // In the order of the bytes; U-Boot turns each cell round on a little-endian machine.
        (_, None) if rest.is_empty() && value.len() <= MAX_DIGITS_OF => {
            Ok(value.iter().map(|byte| format!("{byte:02x}")).collect())
        }
        _ => Err(CommandError::failed(format!(
            "error: unprintable value\nit has {} bytes, which are neither strings nor up to {MAX_DIGITS_OF} in cells",
            value.len()
        ))),
    }
}

fn child_name(tree: &Tree, node: NodeId, index: usize) -> Result<String, CommandError> {
    let children = tree.children(node);
    let count = children.len();
    children
        .skip(index)
        .map(|id| tree.name(id).to_string())
        .next()
        .ok_or_else(|| {
            let path = tree.path(node);
            CommandError::failed(format!(
                "libfdt node not found\n{path} has no child {index}, it has {count}"
            ))
        })
}

fn value_address(context: &Context, tree: &Tree, node: NodeId, name: &str) -> Result<String, CommandError> {
    property_of(tree, node, name)?;
    let start = working_address(context)?;
    let path = tree.path(node);
    let offset = property_offset(context.memory.bytes_from(start)?, &path, name);
    let address = offset.and_then(|offset| start.checked_add(u64::try_from(offset).ok()?));
    let address = address.ok_or_else(|| CommandError::failed(format!("{path} {name} could not be located")))?;
    Ok(format!("{:x}", address.get()))
}
