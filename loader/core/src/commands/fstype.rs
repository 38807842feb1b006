//! `fstype`, `fsuuid`: the kind and the identifier of a file system.

use alloc::string::{String, ToString};

use super::Command;
use super::disk::{self, Selector};
use crate::context::{Args, CommandError, CommandResult, Context};
use crate::fs::FileSystem;

pub(crate) const COMMAND: Command = Command {
    name: "fstype",
    aliases: &[],
    summary: "look up a file system type",
    usage: "<interface> <dev>:<part> [<varname>]",
    help: "Prints fat or ext4, or sets the variable to it.",
    examples: &["fstype mmc 0:1", "fstype virtio 0:2 kind"],
    repeatable: true,
    run: |context, args| run(context, args, |files| files.kind().to_string()),
};

pub(crate) const FSUUID: Command = Command {
    name: "fsuuid",
    summary: "look up a file system UUID",
    help: "Prints the identifier of the file system, as Linux's UUID=, or sets the variable to it.",
    examples: &["fsuuid virtio 0:2"],
    run: |context, args| run(context, args, |files| files.uuid().to_string()),
    ..COMMAND
};

fn run(context: &mut Context, args: Args<'_>, what: fn(&mut dyn FileSystem) -> String) -> CommandResult {
    let (interface, device, variable) = match args {
        [_, interface, device] => (interface, device, None),
        [_, interface, device, variable] => (interface, device, Some(variable)),
        _ => return Err(CommandError::Usage),
    };
    let selector = Selector::parse(context, interface, Some(device))?;
    let text = disk::with_files(context, &selector, "", |files, _| Ok(what(files)))?;
    disk::answer(context, variable, &text)
}
