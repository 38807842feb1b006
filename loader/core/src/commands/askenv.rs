//! `askenv`: asks the person at the console for the value of an environment variable.

use alloc::format;
use alloc::string::String;

use super::{Command, setenv};
use crate::console::read_line;
use crate::context::{Args, CommandError, CommandResult, Context};
use crate::shell::number;

/// How long an answer may be if nothing is said: U-Boot's longest line.
const LONGEST: usize = 1023;

pub(crate) const COMMAND: Command = Command {
    name: "askenv",
    aliases: &[],
    summary: "get environment variables from stdin",
    usage: "name [message] [size] - display 'message' and get environment variable 'name' from stdin (max 'size' chars)",
    help: "Prints the message, waits for a line, and sets the variable to its first size characters, 1023 if size is not given.\n\
        size is decimal. An empty line unsets the variable; Ctrl-C leaves it as it was, and ends the script.",
    examples: &["askenv board_rev", "askenv serverip 'Address of the server:' 15"],
    repeatable: false,
    run,
};

pub(super) fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (name, words) = args
        .get(1..)
        .and_then(<[String]>::split_first)
        .ok_or(CommandError::Usage)?;
    let size = words.last().and_then(|last| number::decimal(last).ok());
    let words = match (size, words.split_last()) {
        (Some(_), Some((_, before))) => before,
        _ => words,
    };
    let size = size.map_or(LONGEST, |size| usize::try_from(size).unwrap_or(usize::MAX));
    if size == 0 {
        return Err(CommandError::failed(format!(
            "an answer of 0 characters for {name} need not be asked for"
        )));
    }
    let prompt = match words {
        [] => format!("Please enter '{name}': "),
        words => format!("{} ", words.join(" ")),
    };
    let answer: String = read_line(context, &prompt, "")?.chars().take(size).collect();
    let answer = Some(answer.as_str()).filter(|answer| !answer.is_empty());
    setenv::assign(context, name, (answer, false))
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn the_message_and_the_size_may_be_given() {
        let mut bench = Bench::new();
        for (line, question, value) in [
            ("askenv a", "Please enter 'a': ", "1234567890123"),
            ("askenv a 10", "Please enter 'a': ", "1234567890"),
            ("askenv a Type a value: 10", "Type a value: ", "1234567890"),
            ("askenv a 'Two  words'", "Two  words ", "1234567890123"),
        ] {
            let output = bench.type_in(&alloc::format!("{line}\r1234567890123\recho $?\r"));
            assert_eq!(
                output,
                alloc::format!("{line}\n{question}1234567890123\n=> echo $?\n0\n=> ")
            );
            assert_eq!(bench.context.env.get("a"), Some(value), "{line}");
        }
        bench.type_in("askenv a\r\r");
        assert_eq!(bench.context.env.get("a"), None);
    }

    #[test]
    fn an_answer_is_cut_between_characters() {
        let mut bench = Bench::new();
        bench.type_in("askenv a 2\r\u{e9}\u{e9}\u{e9}\r");
        assert_eq!(bench.context.env.get("a"), Some("\u{e9}\u{e9}"));
    }

    #[test]
    fn a_name_is_needed_and_a_size_of_nothing_is_refused() {
        let mut bench = Bench::new();
        assert!(
            bench
                .enter("askenv")
                .starts_with("askenv - get environment variables from stdin\n")
        );
        assert!(bench.enter("askenv a 0").contains("0 characters"));
    }
}
