//! `fatrm`, `rm`: removes a file or an empty directory.

use super::Command;
use super::disk::{self, Selector};
use crate::context::{Args, CommandResult, Context, Status};

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
    let (selector, path) = Selector::with_path(context, args)?;
    disk::with_files(context, &selector, "", |files, _| Ok(files.remove(path)?))?;
    Ok(Status::Success)
}
