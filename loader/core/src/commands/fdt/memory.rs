//! `fdt memory`: the RAM that the tree describes.

use super::SubCommand;
use super::working::WorkingTree;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(super) const COMMAND: SubCommand = SubCommand {
    name: "memory",
    aliases: &["me", "mem", "memo", "memor"],
    usage: "memory <addr> <size> - set the node /memory",
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [_, address, size] = args else {
        return Err(CommandError::Usage);
    };
    let (address, size) = (context.hexadecimal(address)?, context.hexadecimal(size)?);
    let mut working = WorkingTree::load(context)?;
    let tree = &mut working.tree;
    let root = tree.root();
    let reg = tree.encode_reg(root, address, size)?;
    let is_memory = |name: &str| name == "memory" || name.starts_with("memory@");
    let node = tree.children(root).find(|id| is_memory(tree.name(*id)));
    let node = match node {
        Some(node) => node,
        None => tree.add_first(root, "memory")?,
    };
    tree.set_strings(node, "device_type", &["memory"])?;
    tree.set(node, "reg", &reg)?;
    working.store(context)?;
    Ok(Status::Success)
}
