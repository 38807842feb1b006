//! `part`: partition tables.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Command;
use super::disk::{self, Selector, answer};
use super::partitions;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::fs::{Kind, Partition, Which};

pub(crate) const COMMAND: Command = Command {
    name: "part",
    aliases: &[],
    summary: "disk partition related commands",
    usage: "list <interface> <dev> [-bootable] [<varname>]\n\
        start <interface> <dev> <part> [<varname>]\n\
        size <interface> <dev> <part> [<varname>]\n\
        number <interface> <dev> <part> [<varname>]\n\
        uuid <interface> <dev>:<part> [<varname>]\n\
        type <interface> <dev>:<part> [<varname>]",
    help: "list prints a device's partition table, or sets the variable to the numbers of its partitions: of the bootable ones with\n\
        -bootable. start and size are in blocks of 512 bytes, in hexadecimal; part is a number or a name. uuid is what Linux\n\
        calls PARTUUID. With a variable the answer goes there and is not printed.",
    examples: &[
        "part list mmc 0",
        "part list virtio 0 -bootable parts",
        "part uuid mmc 0:2 root && setenv bootargs root=PARTUUID=${root}",
    ],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    match args {
        [_, list, interface, device] if list == "list" => {
            let selector = Selector::parse(context, interface, Some(device))?;
            partitions::print(context, selector.interface, selector.device)?;
            Ok(Status::Success)
        }
        [_, list, interface, device, words @ ..] if list == "list" => numbers(context, (interface, device), words),
        [_, what, interface, device, part, variable @ ..]
            if matches!(what.as_str(), "start" | "size" | "number") && variable.len() <= 1 =>
        {
            let partition = find(context, (interface, device), part)?;
            let text = match what.as_str() {
                "start" => format!("{:x}", partition.start.get()),
                "size" => format!("{:x}", partition.blocks),
                _ => format!("{:#x}", partition.number),
            };
            answer(context, variable.first(), &text)
        }
        [_, what, interface, device, variable @ ..]
            if matches!(what.as_str(), "uuid" | "type") && variable.len() <= 1 =>
        {
            let selector = Selector::parse(context, interface, Some(device))?;
            let partition = disk::partition(context, &selector)?;
            let text = match (what.as_str(), partition.kind) {
                ("uuid", _) => partition.uuid,
                (_, Kind::Gpt(guid)) => format!("{guid}"),
                (_, Kind::Mbr(kind)) => format!("{kind:02x}"),
            };
            answer(context, variable.first(), &text)
        }
        _ => Err(CommandError::Usage),
    }
}

/// The partition that a word means: by its number in hexadecimal, or by its name.
fn find(context: &mut Context, (interface, device): (&str, &str), part: &str) -> Result<Partition, CommandError> {
    let mut selector = Selector::parse(context, interface, Some(device))?;
    selector.which = match disk::number(part) {
        Some(number) if number > 0 => Which::Number(number),
        _ => Which::Name(String::from(part).into()),
    };
    disk::partition(context, &selector)
}

/// `part list` into a variable, or with a flag.
fn numbers(context: &mut Context, (interface, device): (&str, &str), words: Args<'_>) -> CommandResult {
    let (flags, variables): (Vec<&String>, Vec<&String>) = words.iter().partition(|word| word.starts_with('-'));
    if flags.iter().any(|flag| *flag != "-bootable") || variables.len() > 1 {
        return Err(CommandError::Usage);
    }
    let selector = Selector::parse(context, interface, Some(device))?;
    let table = disk::table(context, selector.interface, selector.device)?;
    let mut text = String::new();
    for partition in &table.partitions {
        if partition.kind.is_extended() || (!flags.is_empty() && !partition.is_bootable()) {
            continue;
        }
        text += &format!("{}{:x}", if text.is_empty() { "" } else { " " }, partition.number);
    }
    answer(context, variables.first().copied(), &text)
}
