//! What Tab may complete: commands, and variables where they are expected.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::context::Context;

/// Commands whose arguments are variables.
const TAKES_VARIABLES: &[&str] = &["printenv", "run", "setenv"];

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
    let first = command.split_whitespace().next().unwrap_or_default();
    let (typed, close, names) = match variable {
        Some((name, close)) => (name, close, variables(context)),
        None if word.len() == command.len() => (word, " ", commands(context)),
        None if TAKES_VARIABLES.contains(&first) => (word, " ", variables(context)),
        None => (word, " ", Vec::new()),
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
