//! `fdt chosen`: the node /chosen, and the initrd in it.

use super::SubCommand;
use super::working::WorkingTree;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::devicetree::{NodeId, Tree};
use alloc::format;

pub(super) const COMMAND: SubCommand = SubCommand {
    name: "chosen",
    aliases: &["cho", "chos", "chose"],
    usage: "chosen [<start> <size>] - make sure that /chosen is there, and set the initrd in it",
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let initrd = match args {
        [_] => None,
        [_, start, size] => Some((context.hexadecimal(start)?, context.hexadecimal(size)?)),
        _ => return Err(CommandError::Usage),
    };
    let mut working = WorkingTree::load(context)?;
    let tree = &mut working.tree;
    let root = tree.root();
    let chosen = match tree.child(root, "chosen") {
        Some(chosen) => chosen,
        None => tree.add_first(root, "chosen")?,
    };
    if let Some((start, size)) = initrd {
        set_initrd(tree, chosen, start, size)?;
    }
    working.store(context)?;
    Ok(Status::Success)
}

/// Linux takes the end as the first byte after the initrd, and the reservation keeps it from being used.
fn set_initrd(tree: &mut Tree, chosen: NodeId, start: u64, size: u64) -> Result<(), CommandError> {
    let beyond = || CommandError::failed(format!("{start:#x} + {size:#x} is beyond the address space"));
    let end = start.checked_add(size).ok_or_else(beyond)?;
    while let Some(old) = tree.reservations().iter().position(|at| at.address == start) {
        tree.remove_reservation(old);
    }
    tree.add_reservation(start, size)?;
    for (name, address) in [("linux,initrd-start", start), ("linux,initrd-end", end)] {
        match (tree.address_cells(tree.root()), u32::try_from(address)) {
            (1, Ok(address)) => tree.set_u32(chosen, name, address)?,
            _ => tree.set_u64(chosen, name, address)?,
        }
    }
    Ok(())
}
