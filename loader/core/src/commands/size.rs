//! `size`, `fatsize`, `ext4size`: how long a file is.

use super::Command;
use super::disk::{self, Selector};
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "size",
    aliases: &[],
    summary: "determine a file's size",
    usage: "<interface> <dev[:part]> <filename>",
    help: "Sets filesize to the size of the file, in hexadecimal.",
    examples: &["size mmc 0:1 Image; echo ${filesize}"],
    repeatable: true,
    run: |context, args| run(context, args, ""),
};

pub(crate) const FATSIZE: Command = Command {
    name: "fatsize",
    summary: "determine the size of a file of a FAT file system",
    examples: &["fatsize mmc 0:1 Image"],
    run: |context, args| run(context, args, "fat"),
    ..COMMAND
};

pub(crate) const EXT4SIZE: Command = Command {
    name: "ext4size",
    summary: "determine the size of a file of an ext4 file system",
    examples: &["ext4size virtio 0:2 boot/Image"],
    run: |context, args| run(context, args, "ext4"),
    ..COMMAND
};

fn run(context: &mut Context, args: Args<'_>, kind: &str) -> CommandResult {
    let [_, interface, device, path] = args else {
        return Err(CommandError::Usage);
    };
    let selector = Selector::parse(context, interface, Some(device))?;
    let size = disk::with_files(context, &selector, kind, |files, _| Ok(files.size(path)?))?;
    context.env.set_hex("filesize", size);
    Ok(Status::Success)
}
