//! `echo`: its arguments, with a blank between them.

use core::fmt::Write;

use super::Command;
use crate::context::{Args, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "echo",
    aliases: &[],
    summary: "print its arguments",
    usage: "[-n] [word ...]",
    help: "Prints the words with a blank between them, and ends the line.\n\
        After -n, or with \\c at the end of the last word, the line stays open.",
    examples: &["echo $serverip", "echo -n \"loading \"", "echo 'loading \\c'"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let words = args.get(1..).unwrap_or_default();
    let (open, words) = match words.split_first() {
        Some((flag, rest)) if flag == "-n" => (true, rest),
        _ => (false, words),
    };
    let text = words.join(" ");
    let closed_by_text = text.strip_suffix("\\c");
    let _ = context.write_str(closed_by_text.unwrap_or(&text));
    if !open && closed_by_text.is_none() {
        let _ = context.write_str("\n");
    }
    Ok(Status::Success)
}
