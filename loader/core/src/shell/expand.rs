//! From words as written to words as commands get them: variables replaced, values split at blanks.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thiserror::Error;

use super::ast::{Fallback, FallbackRule, Part, Word};
use super::span::{Place, Span};
use crate::env::{EnvError, Environment};

/// How many bytes all words of one command may take.
pub const EXPANSION_LIMIT: usize = 256 * 1024;

/// What a word counts for besides its text: what it takes of the heap.
const WORD_COST: usize = 32;

/// Why words cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExpandErrorKind {
    /// The values of variables take more room than a command may have.
    #[error("the words of this command take more than {EXPANSION_LIMIT} bytes after ${{{name}}}")]
    TooLong {
        /// The variable that was one too many.
        name: String,
    },
    /// The list of a `for` takes more room than that.
    #[error("the words of this 'for' take more than {EXPANSION_LIMIT} bytes")]
    TooLongList,
    /// `${name:=word}` could not set the variable.
    #[error(transparent)]
    Assign(#[from] EnvError),
}

/// Why words cannot be expanded, and which.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}")]
pub struct ExpandError {
    /// Why.
    pub kind: ExpandErrorKind,
    /// Where the word stands.
    pub span: Span,
}

impl ExpandError {
    /// The error with line, column and the line itself.
    #[must_use]
    pub fn report(&self, source: &str) -> String {
        let offset = self.span.start;
        format!("{self} at {}", Place { source, offset })
    }
}

/// The variables that words are expanded with. An environment variable hides a local one of the same name, as in U-Boot.
#[derive(Debug)]
pub struct Variables<'a> {
    /// The environment.
    pub env: &'a Environment,
    /// Local variables: `name=value` without `setenv`.
    pub locals: &'a mut Environment,
    /// Where words come from and go to.
    pub buffers: &'a mut Buffers,
    /// What `$?` stands for.
    pub code: u32,
}

impl Variables<'_> {
    /// The words of a command.
    ///
    /// # Errors
    /// [`ExpandError`] if they take too much room, or a `${name:=word}` cannot be set.
    pub fn words(&mut self, words: &[Word]) -> Result<Vec<String>, ExpandError> {
        let mut fields = Fields {
            buffers: core::mem::take(self.buffers),
            ..Fields::default()
        };
        fields.done = core::mem::take(&mut fields.buffers.list);
        let regroups = escaped_quotes_group(words);
        for word in words {
            let added = match regroups {
                true => self.regrouped(&word.parts, &mut fields),
                false => self.parts(&word.parts, false, &mut fields),
            };
            added.map_err(|kind| ExpandError { kind, span: word.span })?;
            fields.end_word();
        }
        *self.buffers = fields.buffers;
        Ok(fields.done)
    }

    /// What a `for` goes through: the words, split at blanks even where they are quoted, since U-Boot's older parser forgets the quotes
    /// and scripts rely on it (`for slot in "${BOOT_ORDER}"`, `for devtype in "usb mmc"`).
    ///
    /// # Errors
    /// As [`Variables::words`].
    pub fn items(&mut self, words: &[Word]) -> Result<Vec<String>, ExpandError> {
        let mut fields = Fields {
            splits_all: true,
            ..Fields::default()
        };
        for word in words {
            let added = self.parts(&word.parts, false, &mut fields);
            added.map_err(|kind| ExpandError { kind, span: word.span })?;
            fields.end_word();
            if fields.len > EXPANSION_LIMIT {
                let kind = ExpandErrorKind::TooLongList;
                return Err(ExpandError { kind, span: word.span });
            }
        }
        Ok(fields.done)
    }

    /// The value of an assignment: one string, whatever blanks are in it.
    ///
    /// # Errors
    /// As [`Variables::words`].
    pub fn value(&mut self, word: &Word) -> Result<String, ExpandError> {
        let mut fields = Fields::default();
        self.parts(&word.parts, true, &mut fields)
            .map_err(|kind| ExpandError { kind, span: word.span })?;
        Ok(fields.current.unwrap_or_default())
    }

    /// Adds the parts of a word of a command whose escaped quotes group.
    fn regrouped(&mut self, parts: &[Part], fields: &mut Fields) -> Result<(), ExpandErrorKind> {
        for part in parts {
            match part {
                Part::EscapedQuote { twice: false } => fields.open_or_close_group(),
                Part::EscapedQuote { twice: true } => fields.push("\"", true),
                part => self.parts(core::slice::from_ref(part), fields.in_group, fields)?,
            }
        }
        Ok(())
    }

    /// Adds the parts; `whole` keeps values from being split.
    fn parts(&mut self, parts: &[Part], whole: bool, fields: &mut Fields) -> Result<(), ExpandErrorKind> {
        for part in parts {
            match part {
                Part::Literal { text, quoted } => fields.push_value(text, whole || *quoted),
                Part::EscapedQuote { twice } => fields.push_value(if *twice { "\\\"" } else { "\"" }, true),
                Part::Variable { name, fallback, quoted } => {
                    let whole = whole || *quoted;
                    match fallback {
                        Some(fallback) => self.variable(name, fallback, whole, fields)?,
                        None => self.value_of(name, |value| fields.push_value(value.unwrap_or_default(), whole)),
                    }
                    if fields.len > EXPANSION_LIMIT {
                        return Err(ExpandErrorKind::TooLong { name: name.clone() });
                    }
                }
            }
        }
        Ok(())
    }

    /// A variable with something that may stand in for it.
    fn variable(
        &mut self,
        name: &str,
        Fallback { rule, parts }: &Fallback,
        whole: bool,
        fields: &mut Fields,
    ) -> Result<(), ExpandErrorKind> {
        let is_set = self.value_of(name, |value| value.is_some());
        match (rule, is_set) {
            (FallbackRule::Default | FallbackRule::Assign, true) => {
                self.value_of(name, |value| fields.push_value(value.unwrap_or_default(), whole));
            }
            (FallbackRule::Alternative, false) => fields.push_value("", whole),
            (FallbackRule::Default, false) | (FallbackRule::Alternative, true) => self.parts(parts, whole, fields)?,
            (FallbackRule::Assign, false) => {
                let mut value = Fields::default();
                self.parts(parts, true, &mut value)?;
                let value = value.current.unwrap_or_default();
                self.locals.set(name, &value)?;
                fields.push_value(&value, whole);
            }
        }
        Ok(())
    }

    /// Shows the variable's value to `see`.
    fn value_of<T>(&self, name: &str, see: impl FnOnce(Option<&str>) -> T) -> T {
        match name {
            "?" => see(Some(&self.code.to_string())),
            name => see(self.env.get(name).or_else(|| self.locals.get(name))),
        }
    }
}

/// Whether the escaped quotes of a command are quotes, and those escaped twice the character: if there is a variable in it, and each
/// quote has its partner. U-Boot's older parser reads such a command once more when the values are in it, and scripts are written for
/// that, those for Xen above all: `fdt set /chosen xen,xen-bootargs \"${xen_bootargs}\"`.
fn escaped_quotes_group(words: &[Word]) -> bool {
    let parts = || words.iter().flat_map(|word| &word.parts);
    let quotes = || parts().filter(|part| matches!(part, Part::EscapedQuote { .. }));
    let single = quotes().filter(|part| matches!(part, Part::EscapedQuote { twice: false }));
    quotes().next().is_some()
        && single.count().is_multiple_of(2)
        && parts().any(|part| matches!(part, Part::Variable { .. }))
}

/// The room of words that are done with, to be used again: a loop that runs ten thousand commands would else go to the heap for each of
/// their words.
#[derive(Debug, Default)]
pub struct Buffers {
    list: Vec<String>,
    words: Vec<String>,
}

impl Buffers {
    /// How many words are kept.
    const MOST: usize = 16;

    /// How much room a word that is kept may have, in bytes.
    const ROOM: usize = 256;

    /// Takes the words of a command that has ended.
    pub fn give_back(&mut self, mut words: Vec<String>) {
        for mut word in words.drain(..) {
            if self.words.len() < Self::MOST && word.capacity() <= Self::ROOM {
                word.clear();
                self.words.push(word);
            }
        }
        if words.capacity() <= Self::MOST {
            self.list = words;
        }
    }
}

/// The words so far, and the one that grows.
#[derive(Default)]
struct Fields {
    buffers: Buffers,
    done: Vec<String>,
    current: Option<String>,
    /// Bytes in all words, and what the words themselves count for.
    len: usize,
    /// Whether blanks separate words even where they are quoted.
    splits_all: bool,
    /// Whether an escaped quote is open: blanks up to its partner separate no words.
    in_group: bool,
}

impl Fields {
    /// Adds text to the growing word. Quoted text begins one even when it is empty.
    fn push(&mut self, text: &str, quoted: bool) {
        if quoted || !text.is_empty() {
            let word = || self.buffers.words.pop().unwrap_or_default();
            self.current.get_or_insert_with(word).push_str(text);
            self.len = self.len.saturating_add(text.len());
        }
    }

    fn push_value(&mut self, value: &str, whole: bool) {
        let is_separator = |c: char| matches!(c, ' ' | '\t' | '\n');
        let whole = whole && !self.splits_all;
        if whole || !value.contains(is_separator) {
            return self.push(value, whole);
        }
        let mut pieces = value.split(is_separator);
        self.push(pieces.next().unwrap_or_default(), false);
        for piece in pieces {
            if self.len > EXPANSION_LIMIT {
                return;
            }
            self.end_field();
            self.push(piece, false);
        }
    }

    /// Goes over an escaped quote. One begins a word even if nothing is in it.
    fn open_or_close_group(&mut self) {
        self.push("", true);
        self.in_group = !self.in_group;
    }

    /// Goes over the blanks behind a word as written. However many there are, the older parser leaves one between quotes.
    fn end_word(&mut self) {
        match self.in_group {
            true => self.push(" ", true),
            false => self.end_field(),
        }
    }

    fn end_field(&mut self) {
        if let Some(word) = self.current.take() {
            self.len = self.len.saturating_add(WORD_COST);
            self.done.push(word);
        }
    }
}

#[cfg(test)]
mod tests;
