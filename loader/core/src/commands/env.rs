//! `env`: the environment's commands under one name.

use alloc::string::String;

use super::{Command, printenv, run, setenv};
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "env",
    aliases: &[],
    summary: "environment handling commands",
    usage: "\
default [-f] -a - go back to the board's own environment
default [-f] name ... - set the variables as they are in the board's own environment
delete [-f] name ... - unset the variables
exists name - ask whether the variable is set
print [name ...] - as printenv
run name ... - as run
set [-f] name [value ...] - as setenv",
    help: "Works on the environment as a whole. `env exists` prints nothing: its status is the answer.",
    examples: &["env exists serverip || dhcp", "env default -a", "env delete bootargs"],
    repeatable: true,
    run: dispatch,
};

type Run = fn(&mut Context, Args<'_>) -> CommandResult;

/// The name of a sub-command in full, and what runs it; its arguments begin with its name.
const SUB_COMMANDS: &[(&str, Run)] = &[
    ("default", default),
    ("delete", delete),
    ("exists", exists),
    ("print", printenv::run),
    ("run", run::run),
    ("set", setenv::run),
];

fn dispatch(context: &mut Context, args: Args<'_>) -> CommandResult {
    let args = args.get(1..).unwrap_or_default();
    let name = args.first().ok_or(CommandError::Usage)?;
    let mut fitting = SUB_COMMANDS.iter().filter(|(full, _)| full.starts_with(name.as_str()));
    match (fitting.next(), fitting.next()) {
        (Some((_, run)), None) => run(context, args),
        _ => Err(CommandError::Usage),
    }
}

/// The arguments after the sub-command's name and `-f`, which changes nothing here.
fn operands(args: Args<'_>) -> &[String] {
    let args = args.get(1..).unwrap_or_default();
    args.strip_prefix(&["-f".into()][..]).unwrap_or(args)
}

fn default(context: &mut Context, args: Args<'_>) -> CommandResult {
    let names = operands(args);
    match names {
        [] => return Err(CommandError::Usage),
        [all] if all == "-a" => {
            context.say(format_args!("## Resetting to default environment"));
            context.env = context.default_env.clone();
        }
        names => {
            for name in names {
                let value = context.default_env.get(name).unwrap_or_default();
                context.env.set(name, value)?;
            }
        }
    }
    Ok(Status::Success)
}

fn delete(context: &mut Context, args: Args<'_>) -> CommandResult {
    let names = operands(args);
    if names.is_empty() {
        return Err(CommandError::Usage);
    }
    let mut status = Status::Success;
    for name in names {
        if context.env.get(name).is_none() {
            status = Status::Failure;
        }
        context.env.set(name, "")?;
    }
    Ok(status)
}

fn exists(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [_, name] = args else {
        return Err(CommandError::Usage);
    };
    Ok(match context.env.get(name) {
        Some(_) => Status::Success,
        None => Status::Failure,
    })
}
