//! From text to tokens: words with their quotes and variables taken apart, and operators.
//!
//! The rules are hush's as U-Boot has them: no redirection, no pipes and no background jobs, so that `<` and `>` are letters
//! (`fdt set` has its values between them) and a single `&` or `|` is an error.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::ast::{Fallback, FallbackRule, Part, Word};
use super::error::{SyntaxError, SyntaxErrorKind};
use super::span::Span;

/// How deep `${a:-${b:-..}}` may go.
const FALLBACK_DEPTH: u8 = 4;

/// What ends a name within `${}`: the operators of shells, also of those that this one does not have.
const NOT_IN_NAMES: &str = "{}:=+-?%#/*@^\"'$`\\";

/// What a word or an operator is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A word.
    Word(Word),
    /// `;`.
    Semicolon,
    /// The end of a line.
    Newline,
    /// `&&`.
    And,
    /// `||`.
    Or,
    /// The end of the text.
    End,
}

/// A token and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
}

/// Cuts a script into tokens, one at a time.
#[derive(Clone, Debug)]
pub struct Lexer<'a> {
    source: &'a str,
    at: usize,
    /// How many more pieces the words may have.
    pieces_left: usize,
}

type Parts = Vec<Part>;

impl<'a> Lexer<'a> {
    /// A lexer at the start of `source`, whose words may have up to `pieces` pieces.
    #[must_use]
    pub fn new(source: &'a str, pieces: usize) -> Self {
        Self {
            source,
            at: 0,
            pieces_left: pieces,
        }
    }

    /// How many more pieces the words may have.
    #[must_use]
    pub fn pieces_left(&self) -> usize {
        self.pieces_left
    }

    /// The next token; [`TokenKind::End`] for ever after the last.
    ///
    /// # Errors
    /// [`SyntaxError`] for an unterminated quote or substitution, for a lone `&` or `|`, and for one piece too many.
    pub fn next_token(&mut self) -> Result<Token, SyntaxError> {
        self.skip_blanks();
        let start = self.at;
        let kind = match self.peek() {
            None => TokenKind::End,
            Some(';') => self.operator(TokenKind::Semicolon),
            Some('\n') => self.operator(TokenKind::Newline),
            Some(twice @ ('&' | '|')) => {
                self.bump();
                if !self.eat(twice) {
                    return Err(self.error(SyntaxErrorKind::NoOperator(twice), start));
                }
                if twice == '&' { TokenKind::And } else { TokenKind::Or }
            }
            Some(_) => TokenKind::Word(self.word()?),
        };
        let span = Span { start, end: self.at };
        Ok(Token { kind, span })
    }

    fn operator(&mut self, kind: TokenKind) -> TokenKind {
        self.bump();
        kind
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at = self.at.saturating_add(next.len_utf8());
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.bump();
        }
        there
    }

    /// Takes the characters for which `belongs` holds.
    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at = self.at.saturating_add(len);
        rest.get(..len).unwrap_or_default()
    }

    fn error(&self, kind: SyntaxErrorKind, start: usize) -> SyntaxError {
        let span = Span { start, end: self.at };
        SyntaxError { kind, span }
    }

    fn unterminated(&self, what: &'static str, start: usize) -> SyntaxError {
        self.error(SyntaxErrorKind::Unterminated(what), start)
    }

    /// Skips blanks, joined lines and a comment up to its line's end. A comment begins only where a word could.
    fn skip_blanks(&mut self) {
        loop {
            self.take_while(is_blank);
            if self.rest().starts_with("\\\n") {
                self.bump();
                self.bump();
            } else if self.peek() == Some('#') {
                self.take_while(|c| c != '\n');
            } else {
                return;
            }
        }
    }

    fn word(&mut self) -> Result<Word, SyntaxError> {
        let start = self.at;
        let ends = |c: char| is_blank(c) || matches!(c, '\n' | ';' | '&' | '|');
        let parts = self.unquoted(&ends, FALLBACK_DEPTH)?;
        let span = Span { start, end: self.at };
        Ok(Word { parts, span })
    }

    /// The parts up to a character for which `ends` holds, outside of quotes. `depth` is how many fallbacks may still open.
    fn unquoted(&mut self, ends: &dyn Fn(char) -> bool, depth: u8) -> Result<Parts, SyntaxError> {
        let mut parts = Parts::new();
        while let Some(next) = self.peek().filter(|c| !ends(*c)) {
            match next {
                '\\' => self.escape(&mut parts)?,
                '\'' => self.single_quoted(&mut parts)?,
                '"' => self.double_quoted(&mut parts, depth)?,
                '$' => self.dollar(&mut parts, false, depth)?,
                _ => {
                    let plain = |c: char| !ends(c) && !matches!(c, '\\' | '\'' | '"' | '$');
                    let text = self.take_while(plain);
                    push_text(&mut parts, text, false);
                }
            }
            self.check_pieces(parts.len())?;
        }
        self.pieces_left = self.pieces_left.saturating_sub(parts.len());
        parts.shrink_to_fit();
        Ok(parts)
    }

    /// Whether the word at hand may have `count` pieces.
    fn check_pieces(&self, count: usize) -> Result<(), SyntaxError> {
        match count <= self.pieces_left {
            true => Ok(()),
            false => Err(self.error(SyntaxErrorKind::TooManyPieces, self.at)),
        }
    }

    /// A backslash outside of quotes makes the next character an ordinary one; before a line end it joins the lines.
    fn escape(&mut self, parts: &mut Parts) -> Result<(), SyntaxError> {
        let start = self.at;
        self.bump();
        match self.peek() {
            None => return Err(self.unterminated("\\", start)),
            Some('\n') => {}
            Some('"') => parts.push(Part::EscapedQuote { twice: false }),
            Some('\\') if self.rest().starts_with("\\\\\"") => {
                parts.push(Part::EscapedQuote { twice: true });
                self.bump();
                self.bump();
            }
            Some(c) => push_text(parts, c.encode_utf8(&mut [0; 4]), true),
        }
        self.bump();
        Ok(())
    }

    /// In single quotes a backslash is one, unless it stands before `$`, `"` or another: scripts that put commands into variables which put
    /// commands into variables are written for U-Boot's older parser, to which it is an escape there (`'env set go "load \\${addr}"'`).
    fn single_quoted(&mut self, parts: &mut Parts) -> Result<(), SyntaxError> {
        let start = self.at;
        self.bump();
        push_text(parts, "", true);
        loop {
            let text = self.take_while(|c| c != '\'' && c != '\\');
            push_text(parts, text, true);
            match self.bump() {
                None => return Err(self.unterminated("'", start)),
                Some('\\') => {
                    let escaped = self.peek().filter(|c| matches!(c, '$' | '"' | '\\'));
                    push_text(parts, escaped.unwrap_or('\\').encode_utf8(&mut [0; 4]), true);
                    escaped.and_then(|_| self.bump());
                }
                Some(_) => return Ok(()),
            }
        }
    }

    fn double_quoted(&mut self, parts: &mut Parts, depth: u8) -> Result<(), SyntaxError> {
        let start = self.at;
        self.bump();
        if self.peek() == Some('"') {
            // An empty pair makes a word too.
            push_text(parts, "", true);
        }
        loop {
            match self.peek() {
                None => return Err(self.unterminated("\"", start)),
                Some('"') => break,
                Some('$') => self.dollar(parts, true, depth)?,
                Some('\\') => self.escape_in_quotes(parts),
                Some(_) => {
                    let text = self.take_while(|c| !matches!(c, '"' | '$' | '\\'));
                    push_text(parts, text, true);
                }
            }
            self.check_pieces(parts.len())?;
        }
        self.bump();
        Ok(())
    }

    /// In double quotes a backslash is one, unless it stands before a character that means something there.
    fn escape_in_quotes(&mut self, parts: &mut Parts) {
        self.bump();
        match self.peek() {
            Some('\n') => {
                self.bump();
            }
            Some(c @ ('$' | '"' | '\\' | '`')) => {
                self.bump();
                push_text(parts, c.encode_utf8(&mut [0; 4]), true);
            }
            _ => push_text(parts, "\\", true),
        }
    }

    /// `$name`, `$?`, `${..}`; a `$` before anything else is a letter.
    fn dollar(&mut self, parts: &mut Parts, quoted: bool, depth: u8) -> Result<(), SyntaxError> {
        let start = self.at;
        self.bump();
        let name = match self.peek() {
            Some('{') => {
                self.bump();
                parts.push(self.braced(start, quoted, depth)?);
                return Ok(());
            }
            Some('?') => {
                self.bump();
                "?"
            }
            Some(c) if is_name_start(c) => self.take_while(is_name),
            _ => {
                push_text(parts, "$", quoted);
                return Ok(());
            }
        };
        parts.push(Part::Variable {
            name: name.to_owned(),
            fallback: None,
            quoted,
        });
        Ok(())
    }

    /// What follows `${`, up to and with `}`. Names are the environment's, which may have dots and the like in them.
    fn braced(&mut self, start: usize, quoted: bool, depth: u8) -> Result<Part, SyntaxError> {
        let name = match self.eat('?') {
            true => "?",
            false => self.take_while(|c| c.is_ascii_graphic() && !NOT_IN_NAMES.contains(c)),
        };
        let name = name.to_owned();
        if name.is_empty() {
            self.take_while(|c| c != '}' && c != '\n');
            return Err(self.bad_substitution(start));
        }
        let colon = self.eat(':');
        let rule = match self.peek() {
            Some('}') if !colon => None,
            Some('-') => Some(FallbackRule::Default),
            Some('=') => Some(FallbackRule::Assign),
            Some('+') => Some(FallbackRule::Alternative),
            None => return Err(self.unterminated("${", start)),
            Some(_) => return Err(self.bad_substitution(start)),
        };
        let fallback = match rule {
            None => None,
            Some(rule) => Some(self.fallback(rule, depth)?),
        };
        if !self.eat('}') {
            return Err(self.unterminated("${", start));
        }
        Ok(Part::Variable { name, fallback, quoted })
    }

    fn fallback(&mut self, rule: FallbackRule, depth: u8) -> Result<Fallback, SyntaxError> {
        let start = self.at;
        self.bump();
        let depth = depth
            .checked_sub(1)
            .ok_or_else(|| self.error(SyntaxErrorKind::TooDeep(FALLBACK_DEPTH), start))?;
        let ends: Box<dyn Fn(char) -> bool> = Box::new(|c| c == '}');
        let parts = self.unquoted(&*ends, depth)?;
        Ok(Fallback { rule, parts })
    }

    fn bad_substitution(&self, start: usize) -> SyntaxError {
        let inside = start.saturating_add("${".len());
        let text = self.source.get(inside..self.at).unwrap_or_default();
        self.error(SyntaxErrorKind::BadSubstitution(text.to_owned()), start)
    }
}

/// A carriage return is a blank, so that scripts written on Windows run.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r')
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether `text` can be written `$text` and `text=value`.
pub(super) fn is_variable_name(text: &str) -> bool {
    text.starts_with(is_name_start) && text.chars().all(is_name)
}

/// Appends text, to the last part if that is of the same kind.
fn push_text(parts: &mut Parts, text: &str, quoted: bool) {
    if let Some(Part::Literal {
        text: last,
        quoted: same,
    }) = parts.last_mut()
        && *same == quoted
    {
        last.push_str(text);
        return;
    }
    parts.push(Part::Literal {
        text: String::from(text),
        quoted,
    });
}

#[cfg(test)]
mod tests;
