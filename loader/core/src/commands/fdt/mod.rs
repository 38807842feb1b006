//! `fdt`: look at and edit the working devicetree.
//!
//! One file per sub-command. To add one: its file with `pub(super) const COMMAND: SubCommand`, its `mod` line and its
//! [`SUB_COMMANDS`] line below. Output and first lines of errors are U-Boot's, which scripts and people know; after
//! them comes our sentence with the path and the numbers.

mod addr;
mod apply;
mod bootcpu;
mod chosen;
mod get;
mod header;
mod memory;
mod mknode;
mod move_tree;
mod print;
mod resize;
mod rm;
mod rsvmem;
mod set;
mod working;

pub(super) use apply::merge;

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context};
use crate::devicetree::{NodeId, PathError, Tree};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A sub-command of `fdt`.
#[derive(Debug)]
struct SubCommand {
    /// Its name in full.
    name: &'static str,
    /// The abbreviations that scripts use; there are no others.
    aliases: &'static [&'static str],
    /// Its lines in the usage of `fdt`.
    usage: &'static str,
    /// Runs it; `args[0]` is its name as typed.
    run: fn(&mut Context, Args<'_>) -> CommandResult,
}

const SUB_COMMANDS: &[SubCommand] = &[
    addr::COMMAND,
    apply::COMMAND,
    bootcpu::COMMAND,
    chosen::COMMAND,
    get::COMMAND,
    header::COMMAND,
    print::LIST,
    memory::COMMAND,
    mknode::COMMAND,
    move_tree::COMMAND,
    print::PRINT,
    resize::COMMAND,
    rm::COMMAND,
    rsvmem::COMMAND,
    set::COMMAND,
];

pub(crate) const COMMAND: Command = Command {
    name: "fdt",
    aliases: &[],
    summary: "flattened device tree utility commands",
    usage: "\
addr [-q] [<addr> [<size>]] - show or set where the working devicetree is
addr -c - show where the devicetree is that the loader itself was given
apply <addr> - merge the overlay at <addr> into the working devicetree
bootcpu <id> - set the id of the boot CPU
chosen [<start> <size>] - make sure that /chosen is there, and set the initrd in it
get value <var> <path> <prop> [<index>] - put a value, or the string or cell at <index>, into a variable
get name <var> <path> <index> - put the name of the child at <index> into a variable
get addr <var> <path> <prop> - put the address of a value into a variable
get size <var> <path> [<prop>] - put the length of a value, or the number of children, into a variable
header - show the header
header get <var> <member> - put one member of the header into a variable
list [<path> [<prop>]] - show one node, or one of its properties
memory <addr> <size> - set the node /memory
mknode <path> <node> - add a node below <path>
move <fdt> <newaddr> [<length>] - copy a devicetree and work on the copy
print [<path> [<prop>]] - show a node and all below it, or one of its properties
resize [<extrasize>] - give the blob room for <extrasize> more bytes, up to a 4 KiB boundary
rm <path> [<prop>] - remove a node, or one of its properties
rsvmem print - show the memory reservations
rsvmem add <addr> <size> - add a memory reservation
rsvmem delete <index> - remove a memory reservation
set <path> <prop> [<val>...] - set a property",
    help: "Works on the devicetree at the address that `fdt addr` sets. Numbers are hexadecimal, except in values.\n\
        A path starts with `/`, or with an alias from /aliases; the unit address may be left out where one node fits.\n\
        A value is <cells> (decimal, hexadecimal after 0x; ? keeps the present one), [bytes] (hexadecimal), strings, or nothing.\n\
        The tree grows when it must, as far as no reservation, loaded file or end of RAM is in the way.",
    examples: &[
        "fdt addr 0x42000000",
        "fdt resize 1024",
        "fdt mknode /chosen domU0",
        "fdt set /chosen/domU0 compatible \"xen,domain\"",
        "fdt set /chosen/domU0 memory <0 0x20000>",
        "fdt print /chosen",
    ],
    repeatable: false,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let args = args.get(1..).unwrap_or_default();
    let name = args.first().ok_or(CommandError::Usage)?.as_str();
    let command = SUB_COMMANDS
        .iter()
        .find(|command| command.name == name || command.aliases.contains(&name));
    let command = command.ok_or(CommandError::Usage)?;
    (command.run)(context, args).map_err(|error| match error {
        CommandError::Usage => CommandError::failed(usage_of(command)),
        other => other,
    })
}

/// The usage of one sub-command alone, in the form that the shell gives to that of a command.
fn usage_of(command: &SubCommand) -> String {
    let lines: Vec<String> = command.usage.lines().map(|line| format!("fdt {line}")).collect();
    format!("fdt - {}\n\nUsage:\n{}", COMMAND.summary, lines.join("\n"))
}

/// The node at `path`, or U-Boot's words for its absence and ours.
fn node_at(tree: &Tree, path: &str) -> Result<NodeId, CommandError> {
    tree.lookup(path).map_err(|error| {
        let code = match error {
            PathError::NoAlias { .. } => "FDT_ERR_BADPATH",
            PathError::NotFound { .. } | PathError::Ambiguous { .. } => "FDT_ERR_NOTFOUND",
        };
        CommandError::failed(format!("libfdt fdt_path_offset() returned {code}\n{error}"))
    })
}

/// The value of a property, or U-Boot's words for its absence and ours.
fn property_of<'a>(tree: &'a Tree, id: NodeId, name: &str) -> Result<&'a [u8], CommandError> {
    tree.property(id, name).ok_or_else(|| {
        let path = tree.path(id);
        CommandError::failed(format!(
            "libfdt fdt_getprop(): FDT_ERR_NOTFOUND\n{path} has no property '{name}'"
        ))
    })
}

#[cfg(test)]
mod tests;
