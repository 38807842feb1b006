//! `printenv`: environment variables and their values.

use super::Command;
use crate::context::{Args, CommandResult, Context, Status};
use crate::env::Environment;

pub(crate) const COMMAND: Command = Command {
    name: "printenv",
    aliases: &[],
    summary: "print environment variables",
    usage: "[-a]\nname ...",
    help: "Prints all variables of the environment, sorted by name, the room that they take and the room that there is; or those\n\
        that are named. Variables whose names begin with a dot are listed with -a only.\n\
        Local variables of the shell are not among them.",
    examples: &["printenv", "printenv -a", "printenv serverip bootcmd"],
    repeatable: true,
    run,
};

pub(super) fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let names = args.get(1..).unwrap_or_default();
    let hidden = names.first().is_some_and(|word| word == "-a");
    let names = if hidden {
        names.get(1..).unwrap_or_default()
    } else {
        names
    };
    if names.is_empty() {
        return all(context, hidden);
    }
    let mut status = Status::Success;
    for name in names {
        match context.env.get(name) {
            Some(value) => {
                let line = alloc::format!("{name}={value}");
                context.say(format_args!("{line}"));
            }
            None => {
                context.say(format_args!("## Error: \"{name}\" not defined"));
                status = Status::Failure;
            }
        }
    }
    Ok(status)
}

fn all(context: &mut Context, hidden: bool) -> CommandResult {
    let shown = |(name, _): &(&str, &str)| hidden || !Environment::is_hidden(name);
    let lines: alloc::string::String = context
        .env
        .iter()
        .filter(shown)
        .flat_map(|(name, value)| [name, "=", value, "\n"])
        .collect();
    // A zero stands for each newline where this is saved, and one more at the end.
    let len = lines.len().saturating_add(1);
    let capacity = context.persistence.capacity();
    context.say(format_args!("{lines}\nEnvironment size: {len}/{capacity} bytes"));
    Ok(Status::Success)
}
