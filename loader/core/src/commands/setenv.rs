//! `setenv`: sets and unsets environment variables.

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::env::{EnvError, flags};

pub(crate) const COMMAND: Command = Command {
    name: "setenv",
    aliases: &[],
    summary: "set environment variables",
    usage: "[-f] name value ...\n[-f] name",
    help: "Sets the variable to the words, with a blank between them; without words unsets it.\n\
        Quote what must keep its blanks, its $ and its ;. With -f, variables that are read-only or write-once are set as well;\n\
        see `env flags`.",
    examples: &[
        "setenv serverip 10.0.2.2",
        "setenv bootcmd 'dhcp; tftpboot ${loadaddr} Image'",
        "setenv serverip",
    ],
    repeatable: false,
    run,
};

pub(super) fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let mut args = args.get(1..).unwrap_or_default();
    let mut force = false;
    while let Some((_, rest)) = args
        .split_first()
        .filter(|(word, _)| word.starts_with('-') && word.len() > 1)
    {
        if args.first().is_none_or(|option| option != "-f") {
            return Err(CommandError::Usage);
        }
        (force, args) = (true, rest);
    }
    let (name, words) = args.split_first().ok_or(CommandError::Usage)?;
    if name.contains('=') {
        return Err(CommandError::failed(alloc::format!(
            "## Error: illegal character '=' in variable name \"{name}\""
        )));
    }
    let value = (!words.is_empty()).then(|| words.join(" "));
    assign(context, name, (value.as_deref(), force))
}

/// Sets the variable, or unsets it, with the words that a person is told if that cannot be.
pub(super) fn assign(context: &mut Context, name: &str, (value, force): (Option<&str>, bool)) -> CommandResult {
    context.set_variable(name, value, force).map_err(|error| match error {
        EnvError::BadName { .. } | EnvError::BadValue { .. } | EnvError::Full { .. } | EnvError::TooMany { .. } => {
            CommandError::failed(alloc::format!("## Error: {error}"))
        }
        flags => flags.into(),
    })?;
    if name == flags::FLAGS_VARIABLE {
        let list = value.unwrap_or_default();
        flags::unknown(list).for_each(|unknown| context.say(format_args!("{unknown}")));
    }
    Ok(Status::Success)
}
