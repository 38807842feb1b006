//! `help`: the list of commands, and what each does.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Command;
use crate::context::{Args, CommandResult, Context, Status};
use crate::shell::lookup;

pub(crate) const COMMAND: Command = Command {
    name: "help",
    aliases: &["?"],
    summary: "list the commands, or tell about some",
    usage: "\n[command ...]",
    help: "Without arguments lists all commands; with the names of commands prints how each is used, what it does, and examples.",
    examples: &["help", "help fdt"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let names = args.get(1..).unwrap_or_default();
    if names.is_empty() {
        for line in listing(context.commands) {
            context.say(format_args!("{line}"));
        }
        return Ok(Status::Success);
    }
    let mut status = Status::Success;
    for name in names {
        match lookup::find(context.commands, name) {
            Some(command) => explain(context, command),
            None => {
                context.say(format_args!(
                    "Unknown command '{name}' - try 'help' without arguments for list of all known commands\n"
                ));
                status = Status::Failure;
            }
        }
    }
    Ok(status)
}

/// A line for each name and alias, sorted.
fn listing(commands: &[Command]) -> Vec<String> {
    let mut lines = Vec::new();
    for command in commands {
        lines.push(format!("{:<10}- {}", command.name, command.summary));
        for alias in command.aliases {
            lines.push(format!("{alias:<10}- alias for '{}'", command.name));
        }
    }
    lines.sort_unstable();
    lines
}

fn explain(context: &mut Context, command: &Command) {
    context.say(format_args!("{}\n\n{}", command.usage_text(), command.help));
    context.say(format_args!("\nExamples:"));
    for example in command.examples {
        context.say(format_args!("    {example}"));
    }
    context.say(format_args!(""));
}
