//! `grepenv`: the variables that have a string in them.

use alloc::string::String;

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "grepenv",
    aliases: &[],
    summary: "search environment variables",
    usage: "[-n | -v | -b] string ...",
    help: "Prints the variables, sorted by name, that have one of the strings in their name (-n), their value (-v), or either (-b, and\n\
        without an option). The status is 1 if there is none. The same as `env grep`.",
    examples: &["grepenv addr", "grepenv -v tftpboot booti"],
    repeatable: true,
    run,
};

pub(super) fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let mut words = args.get(1..).unwrap_or_default();
    let (mut names, mut values) = (true, true);
    while let Some((option, rest)) = words.split_first().filter(|(word, _)| word.starts_with('-')) {
        (names, values) = match option.as_str() {
            "-n" => (true, false),
            "-v" => (false, true),
            "-b" => (true, true),
            "--" => {
                words = rest;
                break;
            }
            _ => return Err(CommandError::Usage),
        };
        words = rest;
    }
    if words.is_empty() {
        return Err(CommandError::Usage);
    }
    let fits = |(name, value): &(&str, &str)| {
        words
            .iter()
            .any(|word| (names && name.contains(word.as_str())) || (values && value.contains(word.as_str())))
    };
    let found = context.env.iter().filter(fits);
    let lines: String = found.flat_map(|(name, value)| [name, "=", value, "\n"]).collect();
    let Some(lines) = lines.strip_suffix('\n') else {
        return Ok(Status::Failure);
    };
    context.say(format_args!("{lines}"));
    Ok(Status::Success)
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn names_values_or_both() {
        let mut bench = Bench::new();
        bench.dialogue(
            "\
=> setenv loadaddr 40200000; setenv bootcmd 'tftpb ${loadaddr}'; setenv x 1
=> grepenv addr
bootcmd=tftpb ${loadaddr}
loadaddr=40200000
=> grepenv -n addr x
loadaddr=40200000
x=1
=> env grep -v addr 402
bootcmd=tftpb ${loadaddr}
loadaddr=40200000
=> grepenv -b nothing; echo $?
1
=> grepenv -- -n; echo $?
1
",
        );
        for wrong in ["grepenv", "grepenv -n", "grepenv -x y"] {
            assert!(
                bench
                    .enter(wrong)
                    .starts_with("grepenv - search environment variables\n\nUsage:"),
                "{wrong}"
            );
        }
    }
}
