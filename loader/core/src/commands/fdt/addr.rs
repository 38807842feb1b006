//! `fdt addr`: where the working tree is.

use super::working::{WorkingTree, bad_blob, working_address};
use super::{SubCommand, hexadecimal};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::devicetree::parse_header;
use hal::PhysAddr;

pub(super) const COMMAND: SubCommand = SubCommand {
    name: "addr",
    aliases: &["ad", "add", "address"],
    usage: "addr [-q] [<addr> [<size>]] - show or set where the working devicetree is",
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let mut args = args.get(1..).unwrap_or_default();
    let quiet = args.first().is_some_and(|word| word == "-q");
    if quiet {
        args = args.get(1..).unwrap_or_default();
    }
    match args {
        [] => {
            let address = working_address(context)?;
            context.say(format_args!("Working fdt: {:08x}", address.get()));
            Ok(Status::Success)
        }
        [address] => set(context, PhysAddr(hexadecimal(address)?), quiet),
        [address, size] => {
            let address = PhysAddr(hexadecimal(address)?);
            let size = hexadecimal(size)?;
            set(context, address, quiet)?;
            expand(context, address, size)
        }
        _ => Err(CommandError::Usage),
    }
}

fn set(context: &mut Context, address: PhysAddr, quiet: bool) -> CommandResult {
    let header = parse_header(context.memory.bytes_from(address)?);
    if let Err(error) = header {
        return if quiet {
            Ok(Status::Failure)
        } else {
            Err(bad_blob(&error))
        };
    }
    context.working_tree = Some(address);
    context.say(format_args!("Working FDT set to {:x}", address.get()));
    Ok(Status::Success)
}

fn expand(context: &mut Context, address: PhysAddr, size: u64) -> CommandResult {
    let working = WorkingTree::at(context, address)?;
    let existing = working.total_size();
    if size < existing {
        context.say(format_args!("New length {size} < existing length {existing}, ignoring"));
        return Ok(Status::Success);
    }
    working.copy_to(context, address, size)?;
    Ok(Status::Success)
}
