//! `env flags`: what variables may hold, and who may change them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::SubCommand;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::env::flags::{ACCESSES, FLAGS_VARIABLE, Flags, KINDS, STATIC, entries};

pub(super) const COMMAND: SubCommand = SubCommand { name: "flags", run };

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    if args.len() != 1 {
        return Err(CommandError::Usage);
    }
    context.say(format_args!("Available variable type flags (position 0):"));
    context.say(format_args!("\tFlag\tVariable Type Name\n\t----\t------------------"));
    for (letter, name, _) in KINDS {
        context.say(format_args!("\t{letter}\t{name}"));
    }
    context.say(format_args!("\nAvailable variable access flags (position 1):"));
    context.say(format_args!(
        "\tFlag\tVariable Access Name\n\t----\t--------------------"
    ));
    for (letter, name, _) in ACCESSES {
        context.say(format_args!("\t{letter}\t{name}"));
    }
    table(context, "Static flags", entries(STATIC).map(line).collect());
    let list = context.env.get(FLAGS_VARIABLE).map(String::from).unwrap_or_default();
    table(context, "Flags in .flags", entries(&list).map(line).collect());
    let active = context.env.iter().map(|(name, _)| (name, context.env.flags(name)));
    let active = active.filter(|(_, flags)| *flags != Flags::default());
    let active = active.map(line).collect();
    table(context, "Active flags", active);
    Ok(Status::Success)
}

fn table(context: &mut Context, title: &str, lines: Vec<String>) {
    context.say(format_args!("\n{title}:"));
    context.say(format_args!(
        "\t{:<20} {:<20} Variable Access",
        "Variable Name", "Variable Type"
    ));
    context.say(format_args!(
        "\t{:<20} {:<20} ---------------",
        "-------------", "-------------"
    ));
    for line in lines {
        context.say(format_args!("{line}"));
    }
}

fn line((name, flags): (&str, Flags)) -> String {
    format!("\t{name:<20} {:<20} {}", flags.kind.name(), flags.access.name())
}
