//! `printenv`: environment variables and their values.

use super::Command;
use crate::context::{Args, CommandResult, Context, Status};
use crate::env::Environment;

pub(crate) const COMMAND: Command = Command {
    name: "printenv",
    aliases: &[],
    summary: "print environment variables",
    usage: "\nname ...",
    help: "Prints all variables of the environment, sorted by name, and the room that they take; or those that are named.\n\
        Local variables of the shell are not among them.",
    examples: &["printenv", "printenv serverip bootcmd"],
    repeatable: true,
    run,
};

pub(super) fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let names = args.get(1..).unwrap_or_default();
    // U-Boot's flag for variables whose name begins with a dot; there are none that are hidden here.
    let names = names.strip_prefix(&["-a".into()][..]).unwrap_or(names);
    if names.is_empty() {
        return all(context);
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

fn all(context: &mut Context) -> CommandResult {
    let lines: alloc::string::String = context
        .env
        .iter()
        .flat_map(|(name, value)| [name, "=", value, "\n"])
        .collect();
    let len = context.env.len();
    context.say(format_args!(
        "{lines}\nEnvironment size: {len}/{} bytes",
        Environment::LIMIT
    ));
    Ok(Status::Success)
}
