//! The regular expressions of `setexpr sub`, `setexpr gsub` and `test =~`.
//!
//! The dialect is that of U-Boot (SLRE with ranges and alternatives): `^ $ . [..] [^..] (..) |`, the quantifiers `* + ?` and their reluctant
//! forms `*? +? ??`, and the escapes `\s \S \d \xHH`, `\` before anything else being that character. Braces are letters.
//!
//! Patterns and texts come from scripts, so that both are hostile: a pattern becomes a short program ([`parse`]), whose threads all walk
//! through the text together ([`search`]): time grows with pattern times text, whatever the pattern. The `regex-automata` crate works
//! the same way, but takes 167 KiB of the image with its parser (a quarter of all else), refuses or reads differently what SLRE takes
//! (`{`, `\d` in another sense), and a search of it cannot be ended by Ctrl-C.

mod parse;
mod search;

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use thiserror::Error;

use parse::Instruction;

/// The longest pattern in bytes.
pub const PATTERN_LIMIT: usize = 4096;

/// The most instructions that a pattern may become.
pub const PROGRAM_LIMIT: usize = 1024;

/// The groups whose text can be used again, as `\1` to `\9`, and the whole match as `\0`.
pub const GROUPS: usize = 10;

/// Why a pattern is none, or was not searched for to the end.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RegexError {
    /// It is longer than [`PATTERN_LIMIT`], or becomes longer than [`PROGRAM_LIMIT`].
    #[error("a pattern of {len} bytes is too long or too complex")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// `(` without `)`.
    #[error("no closing ')' for the '(' at character {at}")]
    OpenGroup {
        /// Where it stands, from 1.
        at: usize,
    },
    /// `)` without `(`.
    #[error("no opening '(' for the ')' at character {at}")]
    ClosedGroup {
        /// Where it stands, from 1.
        at: usize,
    },
    /// `[` without `]`.
    #[error("no closing ']' for the '[' at character {at}")]
    OpenSet {
        /// Where it stands, from 1.
        at: usize,
    },
    /// `b-a` in brackets.
    #[error("the range {first}-{last} at character {at} runs backwards")]
    BackwardRange {
        /// Its first character.
        first: char,
        /// Its last character.
        last: char,
        /// Where it stands, from 1.
        at: usize,
    },
    /// A quantifier with nothing before it.
    #[error("nothing stands before the '{quantifier}' at character {at} that could be repeated")]
    NothingToRepeat {
        /// The quantifier.
        quantifier: char,
        /// Where it stands, from 1.
        at: usize,
    },
    /// A backslash at the end, or `\x` without two digits.
    #[error("the escape at character {at} is not complete")]
    BadEscape {
        /// Where it stands, from 1.
        at: usize,
    },
    /// Groups within one another.
    #[error("groups nested deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: u8,
    },
    /// The search took more than its share.
    #[error("the pattern takes too long on {len} bytes of text")]
    TooSlow {
        /// The text's length.
        len: usize,
    },
    /// Ctrl-C was typed.
    #[error("interrupted")]
    Interrupted,
}

/// A pattern that was understood.
#[derive(Debug)]
pub struct Regex {
    program: Vec<Instruction>,
}

/// Where a match and its groups lie in the text, in bytes; `None` for a group that took no part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    groups: [Option<Range<usize>>; GROUPS],
}

impl Match {
    /// The whole match.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.group(0).unwrap_or_default()
    }

    /// The group with this number; 0 is the whole match.
    #[must_use]
    pub fn group(&self, number: usize) -> Option<Range<usize>> {
        self.groups.get(number).cloned().flatten()
    }
}

/// What a search may take: a number of steps for all searches of a command together, and a question whether Ctrl-C was typed.
pub struct Patience<'a> {
    steps: usize,
    interrupted: &'a mut dyn FnMut() -> bool,
}

impl<'a> Patience<'a> {
    /// Steps of all searches: some seconds in an emulator.
    const STEPS: usize = 1 << 24;

    /// Steps between two questions.
    const ROUND: usize = 1 << 16;

    /// Full patience.
    pub fn new(interrupted: &'a mut dyn FnMut() -> bool) -> Self {
        Self {
            steps: Self::STEPS,
            interrupted,
        }
    }

    /// Takes `count` steps.
    fn take(&mut self, count: usize, text: &str) -> Result<(), RegexError> {
        let rounds = |steps: usize| steps.checked_div(Self::ROUND);
        let left = self.steps.checked_sub(count);
        let left = left.ok_or(RegexError::TooSlow { len: text.len() })?;
        let asks = rounds(left) != rounds(self.steps);
        self.steps = left;
        match asks && (self.interrupted)() {
            true => Err(RegexError::Interrupted),
            false => Ok(()),
        }
    }
}

impl Regex {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`RegexError`] if it is not well formed, or too long.
    pub fn new(pattern: &str) -> Result<Self, RegexError> {
        let program = parse::program(pattern)?;
        Ok(Self { program })
    }

    /// The first match at or after byte `from` of the text; among those that begin there the one that the quantifiers prefer.
    ///
    /// # Errors
    /// [`RegexError::TooSlow`] or [`RegexError::Interrupted`].
    pub fn find(&self, text: &str, from: usize, patience: &mut Patience<'_>) -> Result<Option<Match>, RegexError> {
        search::find(&self.program, (text, from), patience)
    }
}

/// How many matches are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// The first one.
    First,
    /// All that do not overlap.
    All,
}

/// The text with matches replaced by `template`, in which `\0` to `\9` stand for the match and its groups.
///
/// # Errors
/// As [`Regex::find`]; [`ReplaceError::TooLong`] if the result would take more than [`REPLACED_LIMIT`] bytes.
pub fn replace(
    regex: &Regex,
    text: &str,
    (template, count): (&str, Count),
    patience: &mut Patience<'_>,
) -> Result<String, ReplaceError> {
    let mut out = String::new();
    let mut copied = 0_usize;
    let mut from = 0_usize;
    let slice = |range: Range<usize>| text.get(range).unwrap_or_default();
    while let Some(found) = regex.find(text, from, patience)? {
        let range = found.range();
        // An empty match right behind the last one is none, as in sed: `l*` finds five places in `hello`.
        let repeated = range.is_empty() && copied == range.start && copied > 0;
        if !repeated {
            out.push_str(slice(copied..range.start));
            expand(template, &found, text, &mut out)?;
            copied = range.end;
        }
        let step = slice(range.end..text.len()).chars().next().map(char::len_utf8);
        from = match (range.is_empty(), step) {
            (false, _) => range.end,
            (true, Some(step)) => range.end.saturating_add(step),
            (true, None) => break,
        };
        if count == Count::First {
            break;
        }
    }
    out.push_str(slice(copied..text.len()));
    bounded(&out)?;
    Ok(out)
}

/// The longest result of a replacement, in bytes.
pub const REPLACED_LIMIT: usize = 64 * 1024;

/// Why matches could not be replaced.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReplaceError {
    /// The search failed.
    #[error(transparent)]
    Regex(#[from] RegexError),
    /// The result is too long.
    #[error("the result takes more than {REPLACED_LIMIT} bytes")]
    TooLong,
}

fn bounded(out: &str) -> Result<(), ReplaceError> {
    match out.len() > REPLACED_LIMIT {
        true => Err(ReplaceError::TooLong),
        false => Ok(()),
    }
}

/// Appends the template with the match's text in it. What stands for a group that is not there stays as it is, as in U-Boot.
fn expand(template: &str, found: &Match, text: &str, out: &mut String) -> Result<(), ReplaceError> {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let number = after.chars().next().and_then(|digit| digit.to_digit(10));
        let number = number.and_then(|number| usize::try_from(number).ok());
        let group = number.and_then(|number| found.group(number));
        match group.and_then(|range| text.get(range)) {
            Some(group) => {
                out.push_str(group);
                rest = after.get(1..).unwrap_or_default();
            }
            None => {
                out.push('\\');
                rest = after;
            }
        }
        bounded(out)?;
    }
    out.push_str(rest);
    bounded(out)
}

#[cfg(test)]
mod tests;
