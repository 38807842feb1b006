//! What can be wrong with a script's text.

use alloc::format;
use alloc::string::String;

use thiserror::Error;

use super::span::{Place, Span};

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SyntaxErrorKind {
    /// A quote, `${`, or a backslash at the very end.
    #[error("unterminated {0}")]
    Unterminated(&'static str),
    /// A compound command without its last keyword.
    #[error("'{opener}' without '{missing}'")]
    Unfinished {
        /// The keyword that began it.
        opener: &'static str,
        /// The keyword that is missing.
        missing: &'static str,
    },
    /// `&&` or `||` with nothing after it.
    #[error("nothing follows '{0}'")]
    NothingFollows(&'static str),
    /// An operator or keyword where a command should begin, or where it has no meaning.
    #[error("unexpected '{0}'")]
    Unexpected(String),
    /// `&` or `|` alone.
    #[error("'{0}' is no operator here: quote it, or write '\\{0}'")]
    NoOperator(char),
    /// `for` without a proper variable name.
    #[error("'{0}' cannot name a variable")]
    BadName(String),
    /// `${..}` that cannot be read.
    #[error("bad substitution '${{{0}'")]
    BadSubstitution(String),
    /// Compound commands, or fallbacks of variables, within one another.
    #[error("nested deeper than {0} levels")]
    TooDeep(u8),
    /// More text than [`super::SOURCE_LIMIT`].
    #[error("{len} bytes of script are over the limit of {limit}")]
    TooLong {
        /// The script's length.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// More words than [`super::PIECE_LIMIT`].
    #[error("the scripts that run have more than {} words", super::PIECE_LIMIT)]
    TooManyPieces,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("syntax error: {kind}")]
pub struct SyntaxError {
    /// What.
    pub kind: SyntaxErrorKind,
    /// Where.
    pub span: Span,
}

impl SyntaxError {
    /// Whether more lines could complete the script: then a prompt asks for them.
    #[must_use]
    pub fn wants_more(&self) -> bool {
        matches!(
            self.kind,
            SyntaxErrorKind::Unterminated(_) | SyntaxErrorKind::Unfinished { .. } | SyntaxErrorKind::NothingFollows(_)
        )
    }

    /// The error with line, column and the line itself.
    #[must_use]
    pub fn report(&self, source: &str) -> String {
        let offset = self.span.start;
        format!("{self} at {}", Place { source, offset })
    }
}
