//! `fatinfo`: what file system a partition has.

use alloc::string::ToString;

use super::Command;
use super::disk::{self, Selector};
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "fatinfo",
    aliases: &[],
    summary: "print information about a FAT file system",
    usage: "<interface> [<dev[:part]>]",
    help: "Prints the device that partition part of device dev is on, and the kind, the label and the identifier of its file system.",
    examples: &["fatinfo mmc 0:1"],
    repeatable: true,
    run: |context, args| run(context, args, "fat"),
};

pub(crate) const FSINFO: Command = Command {
    name: "fsinfo",
    summary: "print information about a file system",
    examples: &["fsinfo virtio 0:2"],
    run: |context, args| run(context, args, ""),
    ..COMMAND
};

fn run(context: &mut Context, args: Args<'_>, kind: &str) -> CommandResult {
    let (interface, device) = match args {
        [_, interface] => (interface, None),
        [_, interface, device] => (interface, Some(device.as_str())),
        _ => return Err(CommandError::Usage),
    };
    let selector = Selector::parse(context, interface, device)?;
    let (kind, label, uuid) = disk::with_files(context, &selector, kind, |files, _| {
        Ok((files.version(), files.label()?, files.uuid().to_string()))
    })?;
    let medium = disk::description(context, selector.interface, selector.device)?;
    let number = selector.device;
    context.say(format_args!(
        "Interface:  {interface}\n  Device {number:x}: {medium}\nFilesystem: {kind} \"{label}\", {uuid}"
    ));
    Ok(Status::Success)
}
