//! `fatmkdir`, `mkdir`: makes a directory.

use alloc::format;

use super::Command;
use super::disk::{self, Selector};
use crate::context::{Args, CommandResult, Context, Status};
use crate::source::SourceError;

pub(crate) const COMMAND: Command = Command {
    name: "fatmkdir",
    aliases: &["mkdir"],
    summary: "create a directory",
    usage: "<interface> [<dev[:part]>] <directory>",
    help: "Makes a directory in the FAT file system of partition part of device dev. The one that it is in must exist.",
    examples: &["fatmkdir mmc 0:1 /boot"],
    repeatable: false,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (selector, path) = Selector::with_path(context, args)?;
    disk::with_files(context, &selector, "", |files, _| {
        let made = files.make_dir(path).map_err(SourceError::from);
        let path = path.escape_debug();
        made.map_err(|error| error.map_reason(|why| format!("** Unable to create a directory \"{path}\" **\n{why}")))
    })?;
    Ok(Status::Success)
}
