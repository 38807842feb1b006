//! A script as a tree: what the parser builds and the executor walks.

use alloc::string::String;
use alloc::vec::Vec;

use super::span::Span;

/// Commands in order.
pub type List = Vec<Step>;

/// One command of a list, and how it hangs on those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When it runs.
    pub connector: Connector,
    /// Whether a `!` stands before it.
    pub negated: bool,
    /// The command.
    pub command: Command,
}

/// What stands before a command. `&&` and `||` bind alike and from the left, so one flat list says it all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connector {
    /// `;`, a line end, or nothing: it runs.
    Always,
    /// `&&`: it runs if `$?` is 0.
    And,
    /// `||`: it runs if `$?` is not 0.
    Or,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Assignments and words.
    Simple(Simple),
    /// `if .. then .. elif .. then .. else .. fi`.
    If {
        /// Conditions with what they guard, in order.
        branches: Vec<(List, List)>,
        /// What follows `else`; empty without one.
        otherwise: List,
    },
    /// `for NAME in WORDS; do .. done`.
    For {
        /// The variable.
        name: String,
        /// What it is set to, one after the other.
        words: Vec<Word>,
        /// What is done each time.
        body: List,
    },
    /// `while .. do .. done`, and `until`.
    While {
        /// What is asked each time.
        condition: List,
        /// Whether the loop ends when the condition holds, instead of when it does not.
        until: bool,
        /// What is done each time.
        body: List,
    },
}

/// `a=1 b=2 command words`; either half may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simple {
    /// The local variables to set: for good without words, else for this command.
    pub assignments: Vec<Assignment>,
    /// The command's name and arguments before expansion.
    pub words: Vec<Word>,
}

/// `name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub name: String,
    /// Its value before expansion.
    pub value: Word,
}

/// A word as written: parts that stand without a blank between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// The parts.
    pub parts: Vec<Part>,
    /// Where it stands.
    pub span: Span,
}

impl Word {
    /// The text of a word without quotes, escapes and variables: only such a word can be a keyword.
    #[must_use]
    pub fn bare(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Literal { text, quoted: false }] => Some(text),
            _ => None,
        }
    }
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it is.
    Literal {
        /// The text without its quotes.
        text: String,
        /// Whether it was quoted or escaped: then it makes a word even when empty.
        quoted: bool,
    },
    /// `\"` outside of quotes: the character, or a quote around the value of a variable.
    EscapedQuote {
        /// Whether it is `\\\"`: then it is never a quote.
        twice: bool,
    },
    /// `$name`, `${name}`, `$?`.
    Variable {
        /// The name.
        name: String,
        /// `:-word` and the like, within braces.
        fallback: Option<Fallback>,
        /// Whether it stands in double quotes: then its value is not split at blanks.
        quoted: bool,
    },
}

/// What stands in for a variable, or instead of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// When it does.
    pub rule: FallbackRule,
    /// Its text before expansion.
    pub parts: Vec<Part>,
}

/// The operators of `${name:-word}`. Without the colon they mean the same, since a variable is never set to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackRule {
    /// `-`: the word stands in for an unset variable.
    Default,
    /// `=`: so it does, and a local variable is set to it.
    Assign,
    /// `+`: the word stands instead of a set variable.
    Alternative,
}
