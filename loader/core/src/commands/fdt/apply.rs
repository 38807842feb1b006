//! `fdt apply`: an overlay, merged.

use super::SubCommand;
use super::working::WorkingTree;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::devicetree::OverlayError;
use alloc::format;
use hal::PhysAddr;

pub(super) const COMMAND: SubCommand = SubCommand {
    name: "apply",
    aliases: &["ap", "app", "appl"],
    usage: "apply <addr> - merge the overlay at <addr> into the working devicetree",
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [_, address] = args else {
        return Err(CommandError::Usage);
    };
    let address = PhysAddr(context.hexadecimal(address)?);
    let working = WorkingTree::load(context)?;
    apply(context, working, address)?;
    Ok(Status::Success)
}

/// Merges the overlay at `overlay` into the tree at `tree`, which grows if it must.
///
/// # Errors
/// As `fdt apply`; the tree is as it was.
pub(in crate::commands) fn merge(context: &mut Context, tree: PhysAddr, overlay: PhysAddr) -> Result<(), CommandError> {
    let working = WorkingTree::at(context, tree)?;
    apply(context, working, overlay)
}

fn apply(context: &mut Context, mut working: WorkingTree, address: PhysAddr) -> Result<(), CommandError> {
    let overlay = WorkingTree::at(context, address)?.tree;
    working
        .tree
        .apply(overlay)
        .map_err(|error| refused(context, address, &error))?;
    working.store(context)
}

/// U-Boot's words, then what is wrong with which overlay.
fn refused(context: &Context, address: PhysAddr, error: &OverlayError) -> CommandError {
    let name = context.memory.file_at(address).map_or("the overlay", |file| &file.name);
    let code = error.code();
    CommandError::failed(format!(
        "failed on fdt_overlay_apply(): {code}\n{name} at {address}: {error}"
    ))
}
