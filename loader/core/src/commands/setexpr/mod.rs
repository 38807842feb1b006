//! `setexpr`: computes the value of an environment variable.

mod format;

use alloc::string::String;

use hal::Width;

use super::Command;
use super::operand::{self, Kind};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::env::EnvError;
use crate::shell::regex::{Count, Patience, Regex, RegexError, ReplaceError, replace};

pub(crate) const COMMAND: Command = Command {
    name: "setexpr",
    aliases: &[],
    summary: "set environment variable as the result of eval expression",
    usage: "\
[.b, .w, .l, .q, .s] name [*]value1 <op> [*]value2
[.b, .w, .l, .q, .s] name [*]value
name fmt <format> [value]...
name gsub r s [t]
name sub r s [t]",
    help: "Sets the environment variable to the result, a number in hexadecimal without 0x.\n\
        Numbers are hexadecimal and have 64 bits; <op> is one of + - * / % & | ^, of which & and | must be quoted or have a backslash \
        before them. What leaves the 64 bits is cut off. After a * stands the address in memory where the value is: a number of 8, 16, \
        32 or 64 bits (.b .w .l .q, 32 without), or a string (.s). For strings there is only +, which puts them together.\n\
        fmt puts the values, up to four, into the format, as printf of C does: %d %i %u (decimal) %o %x %X %c %s, with flags, width and \
        precision, and the escapes \\n \\t and so on. Numbers among the values are hexadecimal.\n\
        gsub replaces each substring of t that matches the regular expression r by s, sub only the first; without t, the substrings of \
        the variable's value. In s, \\1 to \\9 stand for what the groups of r matched, \\0 for all of it. Quote both: a backslash stands for \
        itself between single quotes only, unless $, \" or another one follows.",
    examples: &[
        "setexpr memaddr ${memaddr} \\+ ${filesize}",
        "setexpr reg *9000018 \\& 20",
        "setexpr.b first *${loadaddr}",
        "setexpr name fmt 'vmlinuz-%d.%02d' 6 0x1",
        "setexpr board gsub '[^a-z0-9]' _ ${board}",
        "setexpr part sub '.*p([0-9]+)$' '\\1' mmcblk0p2",
    ],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [command, name, words @ ..] = args else {
        return Err(CommandError::Usage);
    };
    let kind = operand::kind_of(command).ok_or(CommandError::Usage)?;
    let value = match words {
        [method, words @ ..] if method == "fmt" && !words.is_empty() => format::format(words)?,
        [method, pattern, template, text @ ..] if matches!(method.as_str(), "sub" | "gsub") && text.len() < 2 => {
            let count = if method == "sub" { Count::First } else { Count::All };
            let text = match text.first() {
                Some(text) => text.clone(),
                None => own_value(context, name)?,
            };
            substituted(context, &text, pattern, (template, count))?
        }
        [value] => single(context, kind, value)?,
        [left, operator, right] => computed(context, kind, (left, operator, right))?,
        _ => return Err(CommandError::Usage),
    };
    store(context, name, &value)
}

fn store(context: &mut Context, name: &str, value: &str) -> CommandResult {
    match context.assign(name, value) {
        Ok(()) => Ok(Status::Success),
        Err(EnvError::BadName { .. }) if name.contains('=') => Err(CommandError::failed(alloc::format!(
            "## Error: illegal character '=' in variable name \"{name}\""
        ))),
        Err(other) => Err(other.into()),
    }
}

fn own_value(context: &Context, name: &str) -> Result<String, CommandError> {
    let value = context.env.get(name).map(String::from);
    value.ok_or_else(|| CommandError::failed(alloc::format!("## Error: variable \"{name}\" not defined")))
}

fn single(context: &mut Context, kind: Kind, word: &str) -> Result<String, CommandError> {
    match kind {
        Kind::Text => operand::text(context, word),
        Kind::Number(width) => Ok(alloc::format!("{:x}", operand::number(context, word, width)?)),
    }
}

fn computed(
    context: &mut Context,
    kind: Kind,
    (left, operator, right): (&str, &str, &str),
) -> Result<String, CommandError> {
    if operator.chars().count() != 1 {
        return Err(CommandError::Usage);
    }
    match kind {
        Kind::Text if operator == "+" => Ok(operand::text(context, left)? + &operand::text(context, right)?),
        Kind::Text => Err(CommandError::failed("invalid op")),
        Kind::Number(width) => {
            let value = number(context, width, (left, operator, right))?;
            Ok(alloc::format!("{value:x}"))
        }
    }
}

fn number(
    context: &mut Context,
    width: Width,
    (left, operator, right): (&str, &str, &str),
) -> Result<u64, CommandError> {
    let left = operand::number(context, left, width)?;
    let right = operand::number(context, right, width)?;
    let divided = |result: Option<u64>| {
        result.ok_or_else(|| {
            CommandError::failed(alloc::format!("{left:x} {operator} 0: nothing can be divided by zero"))
        })
    };
    Ok(match operator {
        "+" => left.wrapping_add(right),
        "-" => left.wrapping_sub(right),
        "*" => left.wrapping_mul(right),
        "/" => divided(left.checked_div(right))?,
        "%" => divided(left.checked_rem(right))?,
        "&" => left & right,
        "|" => left | right,
        "^" => left ^ right,
        _ => return Err(CommandError::failed("invalid op")),
    })
}

fn substituted(context: &mut Context, text: &str, pattern: &str, how: (&str, Count)) -> Result<String, CommandError> {
    let regex =
        Regex::new(pattern).map_err(|error| CommandError::failed(alloc::format!("Error compiling regex: {error}")))?;
    let terminal = &mut context.terminal;
    let mut interrupted = || terminal.interrupted();
    match replace(&regex, text, how, &mut Patience::new(&mut interrupted)) {
        Ok(value) => Ok(value),
        Err(ReplaceError::Regex(RegexError::Interrupted)) => Err(CommandError::Interrupted),
        Err(error) => Err(CommandError::failed(alloc::format!("## error: {error}"))),
    }
}

#[cfg(test)]
mod tests;
