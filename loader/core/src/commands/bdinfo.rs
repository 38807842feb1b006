//! `bdinfo`: what the machine is.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::Command;
use crate::context::{Args, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "bdinfo",
    aliases: &[],
    summary: "print what the machine is",
    usage: "",
    help: "Prints the banks of RAM in the form that U-Boot's clients read, and what is reserved in them; the exception level;\n\
        where the loader is; the network addresses; and where the device tree of the loader itself is.",
    examples: &["bdinfo"],
    repeatable: true,
    run,
};

/// The owner of the loader's own region, as the firmware reserves it.
const LOADER: &str = "the loader";

fn run(context: &mut Context, _args: Args<'_>) -> CommandResult {
    for line in lines(context) {
        context.say(format_args!("{line}"));
    }
    Ok(Status::Success)
}

fn lines(context: &Context) -> Vec<String> {
    let mut lines = vec![format!("boot_params = {:#018x}", 0)];
    for (index, bank) in context.memory.banks().iter().enumerate() {
        lines.push(format!("DRAM bank   = {index:#018x}"));
        lines.push(format!("-> start    = {:#018x}", bank.start().get()));
        lines.push(format!("-> size     = {:#018x}", bank.len()));
    }
    for reservation in context.memory.reservations() {
        lines.push(format!("reserved    = {} {}", reservation.region, reservation.owner));
    }
    // The image is linked to address 0, so it was moved by as much as where it is.
    let loader = context.memory.reservations().iter().find(|hit| hit.owner == LOADER);
    for title in ["relocaddr", "reloc off"] {
        let base = loader.map_or(0, |hit| hit.region.start().get());
        lines.push(format!("{title:<12}= {base:#018x}"));
    }
    lines.push(format!("level       = {}", context.system.exception_level()));
    let device = context
        .network
        .as_ref()
        .map_or("<NULL>", |network| network.device_name());
    lines.push(format!("current eth = {device}"));
    for (title, variable) in [
        ("ethaddr", "ethaddr"),
        ("IP addr", "ipaddr"),
        ("fdt_blob", "fdtcontroladdr"),
    ] {
        let value = context.env.get(variable).unwrap_or("<NULL>");
        lines.push(format!("{title:<12}= {value}"));
    }
    lines.push(format!("Build       = {}-bit", usize::BITS));
    lines
}
