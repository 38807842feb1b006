//! `fdt header`: what the header of the blob says.

use super::SubCommand;
use super::working::{WorkingTree, bad_blob, working_address};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::devicetree::{FdtHeader, parse_header};
use alloc::format;
use alloc::string::String;
use core::fmt::Write;

pub(super) const COMMAND: SubCommand = SubCommand {
    name: "header",
    aliases: &["h", "he", "hea", "head", "heade"],
    usage: "\
header - show the header
header get <var> <member> - put one member of the header into a variable",
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let address = working_address(context)?;
    let header = parse_header(context.memory.bytes_from(address)?).map_err(|error| bad_blob(&error))?;
    match args {
        [_] => {
            let reservations = WorkingTree::load(context)?.tree.reservations().len();
            context.terminal.write_str(&listing(&header, reservations)?)?;
            Ok(Status::Success)
        }
        [_, get, variable, member] if matches!(get.as_str(), "g" | "get") => {
            let found = members(&header).into_iter().find(|(name, _)| name == member);
            let (_, value) =
                found.ok_or_else(|| CommandError::failed(format!("the header has no member '{member}'")))?;
            context.assign(variable, &format!("{value:x}"))?;
            Ok(Status::Success)
        }
        _ => Err(CommandError::Usage),
    }
}

fn members(header: &FdtHeader) -> [(&'static str, u32); 10] {
    [
        ("magic", header.magic),
        ("totalsize", header.total_size),
        ("off_dt_struct", header.structs_offset),
        ("off_dt_strings", header.strings_offset),
        ("off_mem_rsvmap", header.memory_reserve_map_offset),
        ("version", header.version),
        ("last_comp_version", header.last_compatible_version),
        ("boot_cpuid_phys", header.boot_cpuid),
        ("size_dt_strings", header.strings_size),
        ("size_dt_struct", header.structs_size),
    ]
}

fn listing(header: &FdtHeader, reservations: usize) -> Result<String, core::fmt::Error> {
    let mut text = String::new();
    for (name, value) in members(header) {
        let tabs = if name.len() < 7 {
            "\t\t\t"
        } else if name.len() < 15 {
            "\t\t"
        } else {
            "\t"
        };
        match name {
            "totalsize" => writeln!(text, "{name}:{tabs}{value:#x} ({value})")?,
            "version" | "last_comp_version" => writeln!(text, "{name}:{tabs}{value}")?,
            _ => writeln!(text, "{name}:{tabs}{value:#x}")?,
        }
    }
    writeln!(text, "number mem_rsv:\t\t{reservations:#x}\n")?;
    Ok(text)
}
