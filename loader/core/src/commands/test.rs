//! `test`, also written `[ .. ]`: strings, numbers and files.

use alloc::format;
use alloc::string::String;
use core::cmp::Ordering;

use super::Command;
use super::disk::{self, Selector};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::fs::FsError;
use crate::shell::number;
use crate::shell::regex::{Patience, Regex, RegexError};

pub(crate) const COMMAND: Command = Command {
    name: "test",
    aliases: &["["],
    summary: "minimal test like /bin/sh",
    usage: "[args..]",
    help: "Asks a question and answers with $?: 0 for yes, 1 for no. Written `[`, it ends with `]`.\n\
        Strings: -z S (is empty), -n S (is not), S = S, S != S, S < S, S > S; S =~ R: matches the regular expression R.\n\
        Numbers: N -eq N, -ne, -lt, -le, -gt, -ge. They are decimal, hexadecimal after 0x and octal after 0; what follows the last digit \
        does not count, and what has no digit is 0. Mind that ${filesize} and the like are hexadecimal without 0x: for them there is itest.\n\
        Files: -e INTERFACE DEV[:PART] PATH.\n\
        Questions are joined by -a (and) and -o (or), which are taken from left to right, turned round by !, and held together by ( and ).",
    examples: &[
        "test -n \"${serverip}\" || dhcp",
        "if test ${retries} -lt 5 -a -z \"${done}\"; then run again; fi",
    ],
    repeatable: true,
    run,
};

/// How deep parentheses may stand within one another.
const DEPTH: u8 = 16;

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (name, words) = args.split_first().ok_or(CommandError::Usage)?;
    let words = match (name.as_str(), words.split_last()) {
        ("[", Some((last, words))) if last == "]" => words,
        ("[", _) => return Err(CommandError::failed("'[' without ']'")),
        _ => words,
    };
    // U-Boot asks nothing of a single word: it is a no, even if it is not empty.
    let answer = words.len() > 1 && questions(context, words, DEPTH)?;
    Ok(match answer {
        true => Status::Success,
        false => Status::Failure,
    })
}

/// How a question hangs on those before it.
#[derive(Clone, Copy)]
enum Join {
    And,
    Or,
}

/// The answer to all questions, from left to right. What is no question is a yes, and the last answer: so U-Boot has it, and scripts
/// with an unset variable in a question (`test $none = a`) go on as they do there.
fn questions(context: &mut Context, words: &[String], depth: u8) -> Result<bool, CommandError> {
    let mut rest = words;
    let mut answer = false;
    let mut join = None;
    let mut negated = false;
    while let Some((first, after)) = rest.split_first() {
        let (holds, taken) = match (binary(rest), first.as_str()) {
            (Some(operator), _) => match rest {
                [left, _, right, ..] => (compared(context, operator, (left, right))?, 3),
                _ => return Ok(true),
            },
            (None, "!") => {
                negated = !negated;
                rest = after;
                continue;
            }
            (None, "-a" | "-o") => {
                join = Some(if first == "-a" { Join::And } else { Join::Or });
                rest = after;
                continue;
            }
            (None, _) => match unary(context, rest, depth)? {
                Some(answer) => answer,
                None => return Ok(true),
            },
        };
        let holds = holds != core::mem::take(&mut negated);
        answer = match join.take() {
            None => holds,
            Some(Join::And) => answer && holds,
            Some(Join::Or) => answer || holds,
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(answer)
}

/// The answer to a question whose operator stands between its words.
fn compared(context: &mut Context, operator: Binary, (left, right): (&str, &str)) -> Result<bool, CommandError> {
    match operator {
        Binary::Text(holds) => Ok(holds(left.cmp(right))),
        Binary::Number(holds) => Ok(holds(number::prefix(left).cmp(&number::prefix(right)))),
        Binary::Matches => matches(context, left, right),
    }
}

/// The answer to the question that `words` begin with, and how many words it has; `None` if they are no question.
fn unary(context: &mut Context, words: &[String], depth: u8) -> Result<Option<(bool, usize)>, CommandError> {
    Ok(match words {
        [operator, text, ..] if operator == "-z" => Some((text.is_empty(), 2)),
        [operator, text, ..] if operator == "-n" => Some((!text.is_empty(), 2)),
        [operator, interface, device, path, ..] if operator == "-e" => {
            Some((exists(context, (interface, device), path)?, 4))
        }
        [open, inside @ ..] if open == "(" => Some(group(context, inside, depth)?),
        _ => None,
    })
}

/// The answer to what stands between parentheses, and how many words that takes with them.
fn group(context: &mut Context, inside: &[String], depth: u8) -> Result<(bool, usize), CommandError> {
    let depth = depth
        .checked_sub(1)
        .ok_or_else(|| CommandError::failed(format!("test: parentheses nested deeper than {DEPTH} levels")))?;
    let mut open = 1_usize;
    for (at, word) in inside.iter().enumerate() {
        open = match word.as_str() {
            "(" => open.saturating_add(1),
            ")" => open.saturating_sub(1),
            _ => open,
        };
        if open == 0 {
            let words = inside.get(..at).unwrap_or_default();
            return Ok((questions(context, words, depth)?, at.saturating_add(2)));
        }
    }
    Err(CommandError::failed("test: '(' without ')'"))
}

/// Whether there is a file or a directory. A device that is not there is told, and has none.
fn exists(context: &mut Context, (interface, device): (&str, &str), path: &str) -> Result<bool, CommandError> {
    let found = Selector::parse(context, interface, Some(device)).and_then(|selector| {
        disk::with_files(context, &selector, "", |files, _| match files.open(path) {
            Ok(_) | Err(FsError::IsDirectory(_)) => Ok(true),
            Err(FsError::NotFound(_) | FsError::NotDirectory(_)) => Ok(false),
            Err(error) => Err(error.into()),
        })
    });
    match found {
        Err(CommandError::Failed(why)) => {
            context.say(format_args!("{why}"));
            Ok(false)
        }
        other => other,
    }
}

fn matches(context: &mut Context, text: &str, pattern: &str) -> Result<bool, CommandError> {
    let regex = Regex::new(pattern).map_err(|error| CommandError::failed(format!("Error compiling regex: {error}")))?;
    let terminal = &mut context.terminal;
    let mut interrupted = || terminal.interrupted();
    match regex.find(text, 0, &mut Patience::new(&mut interrupted)) {
        Ok(found) => Ok(found.is_some()),
        Err(RegexError::Interrupted) => Err(CommandError::Interrupted),
        Err(error) => Err(error.into()),
    }
}

/// An operator between two words.
enum Binary {
    /// Compares them as strings.
    Text(fn(Ordering) -> bool),
    /// Compares them as numbers.
    Number(fn(Ordering) -> bool),
    /// Searches the first for the second.
    Matches,
}

/// The operator that is the second of `words`.
fn binary(words: &[String]) -> Option<Binary> {
    let [_, operator, ..] = words else { return None };
    Some(match operator.as_str() {
        "=" | "==" => Binary::Text(Ordering::is_eq),
        "!=" => Binary::Text(Ordering::is_ne),
        "<" => Binary::Text(Ordering::is_lt),
        ">" => Binary::Text(Ordering::is_gt),
        "-eq" => Binary::Number(Ordering::is_eq),
        "-ne" => Binary::Number(Ordering::is_ne),
        "-lt" => Binary::Number(Ordering::is_lt),
        "-le" => Binary::Number(Ordering::is_le),
        "-gt" => Binary::Number(Ordering::is_gt),
        "-ge" => Binary::Number(Ordering::is_ge),
        "=~" => Binary::Matches,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
