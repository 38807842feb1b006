//! `fatrm`, `rm`: removes a file or an empty directory.

use super::Command;
use super::disk::{self, Selector};
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "fatrm",
    aliases: &["rm"],
    summary: "delete a file",
    usage: "<interface> [<dev[:part]>] <filename>",
    help: "Removes a file, or a directory that is empty, from the FAT file system of partition part of device dev.",
    examples: &["fatrm mmc 0:1 old.dtb"],
    repeatable: false,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (interface, device, path) = match args {
        [_, interface, path] => (interface, None, path),
        [_, interface, device, path] => (interface, Some(device.as_str()), path),
        _ => return Err(CommandError::Usage),
    };
    let selector = Selector::parse(context, interface, device)?;
    disk::with_files(context, &selector, "", |files, _| Ok(files.remove(path)?))?;
    Ok(Status::Success)
}
