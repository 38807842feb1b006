//! `ls`, `fatls`, `ext4ls`: what a directory holds.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::Command;
use super::access::check_interrupt;
use super::disk::{self, Selector};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::fs::{Entry, EntryKind};

/// How many names are listed.
const MOST: usize = 10_000;

pub(crate) const COMMAND: Command = Command {
    name: "ls",
    aliases: &[],
    summary: "list files in a directory",
    usage: "<interface> [<dev[:part]> [directory]]",
    help: "Lists the files of a directory, / if none is given, of partition part of device dev.",
    examples: &["ls mmc 0:1", "ls virtio 0:2 /boot"],
    repeatable: true,
    run: |context, args| run(context, args, ""),
};

pub(crate) const FATLS: Command = Command {
    name: "fatls",
    summary: "list files of a FAT file system",
    examples: &["fatls mmc 0:1"],
    run: |context, args| run(context, args, "fat"),
    ..COMMAND
};

pub(crate) const EXT4LS: Command = Command {
    name: "ext4ls",
    aliases: &["ext2ls"],
    summary: "list files of an ext2, ext3 or ext4 file system",
    examples: &["ext4ls virtio 0:2 /boot"],
    run: |context, args| run(context, args, "ext4"),
    ..COMMAND
};

fn run(context: &mut Context, args: Args<'_>, kind: &str) -> CommandResult {
    let (interface, device, path) = match args {
        [_, interface] => (interface, None, "/"),
        [_, interface, device] => (interface, Some(device.as_str()), "/"),
        [_, interface, device, path] => (interface, Some(device.as_str()), path.as_str()),
        _ => return Err(CommandError::Usage),
    };
    let selector = Selector::parse(context, interface, device)?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut more = false;
    let warnings: Vec<String> = disk::with_files(context, &selector, kind, |files, _| {
        files.list(path, &mut |entry| {
            more = entries.len() == MOST;
            if more {
                return ControlFlow::Break(());
            }
            entries.push(entry.clone());
            ControlFlow::Continue(())
        })?;
        Ok(files.warnings().to_vec())
    })?;
    for warning in warnings {
        check_interrupt(context)?;
        context.say(format_args!("{warning}"));
    }
    show(context, &entries)?;
    if more {
        context.say(format_args!("There are more; the first {MOST} are shown."));
    }
    Ok(Status::Success)
}

fn show(context: &mut Context, entries: &[Entry]) -> Result<(), CommandError> {
    let mut directories = 0_usize;
    for Entry { name, kind, size } in entries {
        check_interrupt(context)?;
        match kind {
            EntryKind::Directory => {
                directories = directories.saturating_add(1);
                context.say(format_args!("            {name}/"));
            }
            EntryKind::File => context.say(format_args!("{size:>9}   {name}")),
            EntryKind::Link => context.say(format_args!("    <SYM>   {name}")),
            EntryKind::Special => context.say(format_args!("    <DEV>   {name}")),
        }
    }
    let files = entries.len().saturating_sub(directories);
    context.say(format_args!("\n{files} file(s), {directories} dir(s)\n"));
    Ok(())
}

#[cfg(test)]
mod tests;
