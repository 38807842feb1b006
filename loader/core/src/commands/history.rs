//! `history`: the lines that were typed.

use alloc::string::String;
use alloc::vec::Vec;

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "history",
    aliases: &[],
    summary: "print command history",
    usage: "",
    help: "Prints the lines that the arrow keys and Ctrl-R go through, the oldest first.",
    examples: &["history"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    if args.len() > 1 {
        return Err(CommandError::Usage);
    }
    let lines: Vec<String> = context.history.lines().map(String::from).collect();
    for line in lines {
        context.say(format_args!("{line}"));
    }
    Ok(Status::Success)
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn it_prints_what_was_typed_and_itself() {
        let mut bench = Bench::new();
        for line in ["echo a", "echo a", "", "nonsense"] {
            bench.enter(line);
        }
        assert_eq!(bench.enter("history"), "echo a\nnonsense\nhistory\n");
        assert!(
            bench
                .enter("history x")
                .starts_with("history - print command history\n")
        );
    }
}
