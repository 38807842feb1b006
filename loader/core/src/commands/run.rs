//! `run`: the commands that variables hold.

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::shell;

pub(crate) const COMMAND: Command = Command {
    name: "run",
    aliases: &[],
    summary: "run the commands in environment variables",
    usage: "name ...",
    help: "Runs the value of each variable as a script; stops after the first that fails.",
    examples: &["run bootcmd", "run find_server load_xen boot_xen"],
    repeatable: true,
    run,
};

pub(super) fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let names = args.get(1..).unwrap_or_default();
    if names.is_empty() {
        return Err(CommandError::Usage);
    }
    for name in names {
        let Some(script) = context.env.get(name).map(alloc::string::String::from) else {
            context.say(format_args!("## Error: \"{name}\" not defined"));
            return Ok(Status::Failure);
        };
        if shell::execute(context, &script)? == Status::Failure {
            return Ok(Status::Failure);
        }
    }
    Ok(Status::Success)
}
