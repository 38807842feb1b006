//! `fdt bootcpu`: the id of the boot CPU in the header.

use super::SubCommand;
use super::working::WorkingTree;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use alloc::format;

pub(super) const COMMAND: SubCommand = SubCommand {
    name: "bootcpu",
    aliases: &["boo", "boot", "bootc", "bootcp"],
    usage: "bootcpu <id> - set the id of the boot CPU",
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [_, id] = args else { return Err(CommandError::Usage) };
    let number = u32::try_from(context.hexadecimal(id)?);
    let number = number.map_err(|_| CommandError::failed(format!("'{id}' has more than 32 bits")))?;
    let mut working = WorkingTree::load(context)?;
    working.tree.set_boot_cpuid(number);
    working.store(context)?;
    Ok(Status::Success)
}
