//! `grepenv`: the variables that have a string in them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::shell::regex::{Patience, Regex, RegexError};

pub(crate) const COMMAND: Command = Command {
    name: "grepenv",
    aliases: &[],
    summary: "search environment variables",
    usage: "[-e] [-n | -v | -b] string ...",
    help: "Prints the variables, sorted by name, that have one of the strings in their name (-n), their value (-v), or either (-b, and\n\
        without an option). With -e the strings are regular expressions, as `setexpr` takes them.\n\
        The status is 1 if there is none. The same as `env grep`.",
    examples: &[
        "grepenv addr",
        "grepenv -v tftpboot booti",
        "grepenv -e -n '^eth[0-9]*addr$'",
    ],
    repeatable: true,
    run,
};

pub(super) fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (options, words) = options(args)?;
    let needles: Vec<Needle<'_>> = words
        .iter()
        .map(|word| options.needle(word))
        .collect::<Result<_, _>>()?;
    let terminal = &mut context.terminal;
    let mut interrupted = || terminal.interrupted();
    let mut patience = Patience::new(&mut interrupted);
    let mut lines = String::new();
    for (name, value) in context.env.iter() {
        let mut found = false;
        for needle in &needles {
            found = found
                || options.names && needle.is_in(name, &mut patience)?
                || options.values && needle.is_in(value, &mut patience)?;
        }
        if found {
            lines.extend([name, "=", value, "\n"]);
        }
    }
    let Some(lines) = lines.strip_suffix('\n') else {
        return Ok(Status::Failure);
    };
    context.say(format_args!("{lines}"));
    Ok(Status::Success)
}

/// Where to look, and for what.
struct Options {
    names: bool,
    values: bool,
    regex: bool,
}

/// What is looked for.
enum Needle<'a> {
    Text(&'a str),
    Pattern(Regex),
}

impl Options {
    fn needle<'a>(&self, word: &'a str) -> Result<Needle<'a>, CommandError> {
        if !self.regex {
            return Ok(Needle::Text(word));
        }
        let regex = Regex::new(word);
        let regex = regex.map_err(|error| CommandError::failed(format!("Error compiling regex: {error}")))?;
        Ok(Needle::Pattern(regex))
    }
}

impl Needle<'_> {
    fn is_in(&self, text: &str, patience: &mut Patience<'_>) -> Result<bool, CommandError> {
        match self {
            Self::Text(word) => Ok(text.contains(word)),
            Self::Pattern(regex) => match regex.find(text, 0, patience) {
                Ok(found) => Ok(found.is_some()),
                Err(RegexError::Interrupted) => Err(CommandError::Interrupted),
                Err(error) => Err(error.into()),
            },
        }
    }
}

fn options(args: Args<'_>) -> Result<(Options, Args<'_>), CommandError> {
    let mut options = Options {
        names: true,
        values: true,
        regex: false,
    };
    let mut words = args.get(1..).unwrap_or_default();
    while let Some((option, rest)) = words.split_first().filter(|(word, _)| word.starts_with('-')) {
        words = rest;
        match option.as_str() {
            "-n" => options.values = false,
            "-v" => options.names = false,
            "-b" => (options.names, options.values) = (true, true),
            "-e" => options.regex = true,
            "--" => break,
            _ => return Err(CommandError::Usage),
        }
    }
    if words.is_empty() {
        return Err(CommandError::Usage);
    }
    // Both at once ask for both.
    let neither = !options.names && !options.values;
    options.names |= neither;
    options.values |= neither;
    Ok((options, words))
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
=> grepenv -e -n '^b.*d$' '^x'
bootcmd=tftpb ${loadaddr}
x=1
=> grepenv -e -v '^[0-9]$'
x=1
=> grepenv -e '^nothing'; echo $?
1
=> grepenv -e '(' ; echo $?
Error compiling regex: no closing ')' for the '(' at character 1
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
