//! What Tab may complete: commands, and variables where they are expected.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::context::Context;
use crate::shell::lookup;

/// Commands whose arguments are variables, and sub-commands of `env`.
const TAKES_VARIABLES: &[&str] = &[
    "askenv", "editenv", "printenv", "run", "setenv", "ask", "default", "delete", "edit", "exists", "print", "set",
];

/// The ways to go on from what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What all of them have in common beyond what was typed, with what closes it if there is only one.
    pub text: String,
    /// The whole words, sorted.
    pub candidates: Vec<String>,
}

/// How the last word of `before`, the text before the cursor, could go on.
#[must_use]
pub fn complete(context: &Context, before: &str) -> Completion {
    let command = before.rsplit([';', '&', '|']).next().unwrap_or_default().trim_start();
    let word = command.rsplit(char::is_whitespace).next().unwrap_or_default();
    let variable = ["${", "$"].into_iter().find_map(|mark| {
        let (_, name) = word.rsplit_once(mark)?;
        Some((name, if mark == "${" { "}" } else { " " }))
    });
    let finished = command.strip_suffix(word).unwrap_or_default();
    let finished: Vec<&str> = finished.split_whitespace().collect();
    let (typed, close, names) = match (variable, finished.as_slice()) {
        (Some((name, close)), _) => (name, close, expandable(context)),
        (None, []) => (word, " ", commands(context)),
        (None, ["env", name, ..] | [name, ..]) if TAKES_VARIABLES.contains(name) => (word, " ", variables(context)),
        (None, [name]) => (word, " ", sub_commands(context, name)),
        _ => (word, " ", Vec::new()),
    };
    let candidates: Vec<String> = names.into_iter().filter(|name| name.starts_with(typed)).collect();
    let mut text = common_beginning(&candidates)
        .get(typed.len()..)
        .unwrap_or_default()
        .to_string();
    if candidates.len() == 1 {
        text.push_str(close);
    }
    Completion { text, candidates }
}

fn variables(context: &Context) -> Vec<String> {
    context.env.iter().map(|(name, _)| name.to_string()).collect()
}

/// What may stand after a `$`.
fn expandable(context: &Context) -> Vec<String> {
    let all = context.env.iter().chain(context.shell.locals.iter());
    sorted(all.map(|(name, _)| name.to_string()).collect())
}

/// The sub-commands of the command called `name`: the words that the forms of its usage begin with, if these are several.
fn sub_commands(context: &Context, name: &str) -> Vec<String> {
    let usage = lookup::find(context.commands, name).map_or("", |command| command.usage);
    let firsts = usage.lines().filter_map(|form| form.split_whitespace().next());
    let words = firsts.filter(|word| {
        word.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    });
    let words = sorted(words.map(String::from).collect());
    if words.len() > 1 { words } else { Vec::new() }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}

fn commands(context: &Context) -> Vec<String> {
    context.command_names().into_iter().map(String::from).collect()
}

/// What all words begin with.
fn common_beginning(words: &[String]) -> &str {
    let Some((first, rest)) = words.split_first() else {
        return "";
    };
    rest.iter().fold(first.as_str(), |common, word| {
        let len = common.bytes().zip(word.bytes()).take_while(|(a, b)| a == b).count();
        common.get(..len).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests;
