//! From words as written to words as commands get them: variables replaced, values split at blanks.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thiserror::Error;

use super::ast::{Fallback, FallbackRule, Part, Word};
use crate::context::Status;
use crate::env::{EnvError, Environment};

/// How many bytes all words of one command may take.
pub const EXPANSION_LIMIT: usize = 256 * 1024;

/// What a word counts for besides its text: what it takes of the heap.
const WORD_COST: usize = 32;

/// Why words cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExpandError {
    /// The values of variables take more room than a command may have.
    #[error("the words of this command take more than {EXPANSION_LIMIT} bytes after ${{{name}}}")]
    TooLong {
        /// The variable that was one too many.
        name: String,
    },
    /// `${name:=word}` could not set the variable.
    #[error(transparent)]
    Assign(#[from] EnvError),
}

/// The variables that words are expanded with. An environment variable hides a local one of the same name, as in U-Boot.
#[derive(Debug)]
pub struct Variables<'a> {
    /// The environment.
    pub env: &'a Environment,
    /// Local variables: `name=value` without `setenv`.
    pub locals: &'a mut Environment,
    /// What `$?` stands for.
    pub status: Status,
}

impl Variables<'_> {
    /// The words of a command.
    ///
    /// # Errors
    /// [`ExpandError`] if they take too much room, or a `${name:=word}` cannot be set.
    pub fn words(&mut self, words: &[Word]) -> Result<Vec<String>, ExpandError> {
        let mut fields = Fields::default();
        for word in words {
            self.parts(&word.parts, false, &mut fields)?;
            fields.end_field();
        }
        Ok(fields.done)
    }

    /// The value of an assignment: one string, whatever blanks are in it.
    ///
    /// # Errors
    /// As [`Variables::words`].
    pub fn value(&mut self, word: &Word) -> Result<String, ExpandError> {
        let mut fields = Fields::default();
        self.parts(&word.parts, true, &mut fields)?;
        Ok(fields.current.unwrap_or_default())
    }

    /// Adds the parts; `whole` keeps values from being split.
    fn parts(&mut self, parts: &[Part], whole: bool, fields: &mut Fields) -> Result<(), ExpandError> {
        for part in parts {
            match part {
                Part::Literal { text, quoted } => fields.push_value(text, whole || *quoted),
                Part::Variable { name, fallback, quoted } => {
                    let whole = whole || *quoted;
                    self.variable(name, fallback.as_ref(), whole, fields)?;
                    if fields.len > EXPANSION_LIMIT {
                        return Err(ExpandError::TooLong { name: name.clone() });
                    }
                }
            }
        }
        Ok(())
    }

    fn variable(
        &mut self,
        name: &str,
        fallback: Option<&Fallback>,
        whole: bool,
        fields: &mut Fields,
    ) -> Result<(), ExpandError> {
        let value = self.get(name);
        match (fallback, value) {
            (
                None
                | Some(Fallback {
                    rule: FallbackRule::Default | FallbackRule::Assign,
                    ..
                }),
                Some(value),
            ) => {
                fields.push_value(&value, whole);
            }
            (None, None)
            | (
                Some(Fallback {
                    rule: FallbackRule::Alternative,
                    ..
                }),
                None,
            ) => {
                fields.push_value("", whole);
            }
            (
                Some(Fallback {
                    rule: FallbackRule::Assign,
                    parts,
                }),
                None,
            ) => {
                let mut value = Fields::default();
                self.parts(parts, true, &mut value)?;
                let value = value.current.unwrap_or_default();
                self.locals.set(name, &value)?;
                fields.push_value(&value, whole);
            }
            (Some(Fallback { parts, .. }), _) => self.parts(parts, whole, fields)?,
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        if name == "?" {
            return Some(Cow::Borrowed(match self.status {
                Status::Success => "0",
                Status::Failure => "1",
            }));
        }
        let value = self.env.get(name).or_else(|| self.locals.get(name))?;
        // The caller may go on to change the variables.
        Some(Cow::Owned(value.to_string()))
    }
}

/// The words so far, and the one that grows.
#[derive(Default)]
struct Fields {
    done: Vec<String>,
    current: Option<String>,
    /// Bytes in all words, and what the words themselves count for.
    len: usize,
}

impl Fields {
    /// Adds text to the growing word. Quoted text begins one even when it is empty.
    fn push(&mut self, text: &str, quoted: bool) {
        if quoted || !text.is_empty() {
            self.current.get_or_insert_default().push_str(text);
            self.len = self.len.saturating_add(text.len());
        }
    }

    fn push_value(&mut self, value: &str, whole: bool) {
        if whole {
            return self.push(value, true);
        }
        let is_separator = |c: char| matches!(c, ' ' | '\t' | '\n');
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

    fn end_field(&mut self) {
        if let Some(word) = self.current.take() {
            self.len = self.len.saturating_add(WORD_COST);
            self.done.push(word);
        }
    }
}

#[cfg(test)]
mod tests;
