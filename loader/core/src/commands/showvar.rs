//! `showvar`: the shell's local variables.

use alloc::string::String;

use super::Command;
use crate::context::{Args, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "showvar",
    aliases: &[],
    summary: "print local hushshell variables",
    usage: "\nname ...",
    help: "Prints all local variables of the shell, sorted by name, or those that are named. A local variable is made by `name=value`; it is \
           not in the environment, so that neither printenv nor run nor saveenv knows it. Where both have the name, $name is the \
           environment's.",
    examples: &["x=1; showvar x", "showvar"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let names = args.get(1..).unwrap_or_default();
    if names.is_empty() {
        let variables = context.shell.locals.iter();
        let lines: String = variables.flat_map(|(name, value)| [name, "=", value, "\n"]).collect();
        if let Some(lines) = lines.strip_suffix('\n') {
            context.say(format_args!("{lines}"));
        }
        return Ok(Status::Success);
    }
    let mut status = Status::Success;
    for name in names {
        match context.shell.locals.get(name) {
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

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn local_variables_are_apart_from_the_environment() {
        Bench::new().dialogue(
            "\
=> showvar
=> x=1; showvar
x=1
=> showvar x nope; echo $?
x=1
## Error: \"nope\" not defined
1
=> printenv x
## Error: \"x\" not defined
=> setenv x 5; x=7; echo $x
5
=> showvar x
x=7
=> printenv x
x=5
=> setenv x; echo $x
7
=> a='b  c'; showvar
a=b  c
x=7
",
        );
    }
}
