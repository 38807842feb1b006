//! `setenv`: sets and unsets environment variables.

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::env::EnvError;

pub(crate) const COMMAND: Command = Command {
    name: "setenv",
    aliases: &[],
    summary: "set environment variables",
    usage: "[-f] name value ...\n[-f] name",
    help: "Sets the variable to the words, with a blank between them; without words unsets it.\n\
        Quote what must keep its blanks, its $ and its ;. The flag -f is taken for U-Boot's sake.",
    examples: &[
        "setenv serverip 10.0.2.2",
        "setenv bootcmd 'dhcp; tftpboot ${loadaddr} Image'",
        "setenv serverip",
    ],
    repeatable: false,
    run,
};

pub(super) fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let args = args.get(1..).unwrap_or_default();
    let args = args.strip_prefix(&["-f".into()][..]).unwrap_or(args);
    let (name, words) = args.split_first().ok_or(CommandError::Usage)?;
    context.env.set(name, &words.join(" ")).map_err(|error| match error {
        EnvError::BadName { .. } if name.contains('=') => CommandError::failed(alloc::format!(
            "## Error: illegal character '=' in variable name \"{name}\""
        )),
        other => CommandError::failed(alloc::format!("## Error: {other}")),
    })?;
    Ok(Status::Success)
}
