//! `fdt addr`: where the working tree is.

use super::SubCommand;
use super::working::{WorkingTree, bad_blob, working_address};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::devicetree::parse_header;
use alloc::string::String;
use hal::PhysAddr;

pub(super) const COMMAND: SubCommand = SubCommand {
    name: "addr",
    aliases: &["ad", "add", "address"],
    usage: "\
addr [-q] [<addr> [<size>]] - show or set where the working devicetree is
addr -c - show where the devicetree is that the loader itself was given",
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let words = args.get(1..).unwrap_or_default();
    let is_flag = |word: &&String| matches!(word.as_str(), "-q" | "-c");
    let flags = words.iter().take_while(is_flag).count();
    let (flags, args) = words.split_at_checked(flags).unwrap_or((words, &[]));
    let quiet = flags.iter().any(|flag| flag == "-q");
    if flags.iter().any(|flag| flag == "-c") {
        return control(context, args);
    }
    match args {
        [] => {
            let address = working_address(context)?;
            context.say(format_args!("Working fdt: {:08x}", address.get()));
            Ok(Status::Success)
        }
        [address] => {
            let address = PhysAddr(context.hexadecimal(address)?);
            set(context, address, quiet)
        }
        [address, size] => {
            let address = PhysAddr(context.hexadecimal(address)?);
            let size = context.hexadecimal(size)?;
            set(context, address, quiet)?;
            expand(context, address, size)
        }
        _ => Err(CommandError::Usage),
    }
}

/// The tree that the loader itself was given. It cannot be given another one: what was set up by it would not follow.
fn control(context: &mut Context, args: Args<'_>) -> CommandResult {
    if !args.is_empty() {
        return Err(CommandError::failed(
            "the loader's own devicetree stays where it is; without -c the address is that of the working devicetree",
        ));
    }
    let address = context.env.hex("fdtcontroladdr");
    let address = address.ok_or_else(|| CommandError::failed("the loader was given no devicetree"))?;
    context.say(format_args!("Control fdt: {address:08x}"));
    Ok(Status::Success)
}

fn set(context: &mut Context, address: PhysAddr, quiet: bool) -> CommandResult {
    let header = parse_header(context.memory.bytes_from(address)?);
    match (header, quiet) {
        (Ok(_), true) => work_on(context, address),
        (Ok(_), false) => select(context, address),
        (Err(_), true) => return Ok(Status::Failure),
        (Err(error), false) => return Err(bad_blob(&error)),
    }
    Ok(Status::Success)
}

/// Makes the tree at `address` the working tree, and says so.
pub(super) fn select(context: &mut Context, address: PhysAddr) {
    work_on(context, address);
    context.say(format_args!("Working FDT set to {:x}", address.get()));
}

fn work_on(context: &mut Context, address: PhysAddr) {
    context.working_tree = Some(address);
    context.env.set_hex("fdtaddr", address.get());
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
