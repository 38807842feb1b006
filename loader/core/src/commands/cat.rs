//! `cat`: prints a file.

use alloc::format;
use alloc::string::String;
use alloc::vec;

use super::Command;
use super::access::check_interrupt;
use super::disk::{self, Selector};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::source::SourceError;

/// The longest file that is printed, in bytes.
const MOST: u64 = 1 << 20;

/// How many characters of a line are printed between two looks for Ctrl-C.
const PIECE: usize = 1024;

pub(crate) const COMMAND: Command = Command {
    name: "cat",
    aliases: &[],
    summary: "print a file to the console",
    usage: "<interface> <dev[:part]> <file>",
    help: "Prints a file of up to 1 MiB. What is no text is shown escaped.",
    examples: &["cat mmc 0:1 extlinux/extlinux.conf"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [_, interface, device, path] = args else {
        return Err(CommandError::Usage);
    };
    let selector = Selector::parse(context, interface, Some(device))?;
    let bytes = disk::with_files(context, &selector, "", |files, _| {
        let file = files.open(path)?;
        let size = usize::try_from(file.size()).ok().filter(|_| file.size() <= MOST);
        let long = || format!("'{}' has {} bytes, more than {MOST}", path.escape_debug(), file.size());
        let mut bytes = vec![0; size.ok_or_else(|| SourceError::Failed(long()))?];
        files.read(&file, 0, &mut bytes)?;
        Ok(bytes)
    })?;
    show(context, &String::from_utf8_lossy(&bytes))?;
    Ok(Status::Success)
}

fn show(context: &mut Context, text: &str) -> Result<(), CommandError> {
    for line in text.lines() {
        let mut rest = line;
        check_interrupt(context)?;
        while let Some((piece, behind)) = piece(rest) {
            context.say_part(format_args!("{piece}"));
            check_interrupt(context)?;
            rest = behind;
        }
        context.say(format_args!("{rest}"));
    }
    Ok(())
}

/// The first piece of a line, and what is behind it; `None` if the line is not longer than one.
fn piece(line: &str) -> Option<(&str, &str)> {
    let (end, _) = line.char_indices().nth(PIECE)?;
    line.split_at_checked(end)
}

#[cfg(test)]
mod tests;
