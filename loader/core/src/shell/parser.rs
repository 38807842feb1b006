//! From tokens to a tree.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::ast::{Assignment, Command, Connector, List, Part, Simple, Step, Word};
use super::error::{SyntaxError, SyntaxErrorKind};
use super::lexer::{Lexer, Token, TokenKind, is_variable_name};
use super::span::Span;
use super::{PIECE_LIMIT, SOURCE_LIMIT};

/// How deep compound commands may stand within one another.
const DEPTH: u8 = 32;

/// Words that mean something where a command could begin, unless they are quoted.
const KEYWORDS: &[&str] = &[
    "!", "do", "done", "elif", "else", "fi", "for", "if", "then", "until", "while",
];

/// Parses a whole script.
///
/// # Errors
/// [`SyntaxError`] with the place; [`SyntaxError::wants_more`] tells whether more text could complete it.
pub fn parse(source: &str) -> Result<List, SyntaxError> {
    parse_within(source, PIECE_LIMIT).map(|(list, _)| list)
}

/// Parses a whole script whose words may have up to `pieces` pieces, and says how many of them are left.
///
/// # Errors
/// As [`parse`].
pub fn parse_within(source: &str, pieces: usize) -> Result<(List, usize), SyntaxError> {
    if source.len() > SOURCE_LIMIT {
        let kind = SyntaxErrorKind::TooLong {
            len: source.len(),
            limit: SOURCE_LIMIT,
        };
        return Err(SyntaxError {
            kind,
            span: Span::default(),
        });
    }
    let mut lexer = Lexer::new(source, pieces);
    let token = lexer.next_token()?;
    let mut parser = Parser { lexer, token, depth: 0 };
    let list = parser.list()?;
    match parser.token.kind {
        TokenKind::End => Ok((list, parser.lexer.pieces_left())),
        _ => Err(parser.unexpected()),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The token that comes next.
    token: Token,
    depth: u8,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, SyntaxError> {
        let next = self.lexer.next_token()?;
        Ok(core::mem::replace(&mut self.token, next))
    }

    /// Takes the next token if it is a word.
    fn word(&mut self) -> Result<Option<Word>, SyntaxError> {
        if !matches!(self.token.kind, TokenKind::Word(_)) {
            return Ok(None);
        }
        Ok(match self.advance()?.kind {
            TokenKind::Word(word) => Some(word),
            _ => None,
        })
    }

    fn keyword(&self) -> Option<&'static str> {
        let TokenKind::Word(word) = &self.token.kind else {
            return None;
        };
        let text = word.bare()?;
        KEYWORDS.iter().find(|keyword| **keyword == text).copied()
    }

    fn error(&self, kind: SyntaxErrorKind) -> SyntaxError {
        let span = self.token.span;
        SyntaxError { kind, span }
    }

    fn unexpected(&self) -> SyntaxError {
        let text = match &self.token.kind {
            TokenKind::Word(word) => word.bare().unwrap_or("word"),
            TokenKind::Semicolon => ";",
            TokenKind::Newline => "end of line",
            TokenKind::And => "&&",
            TokenKind::Or => "||",
            TokenKind::End => "end of script",
        };
        self.error(SyntaxErrorKind::Unexpected(text.to_owned()))
    }

    /// Commands up to the end, or to a keyword that ends the list; whose it is, the caller knows.
    fn list(&mut self) -> Result<List, SyntaxError> {
        let mut list = List::new();
        loop {
            self.skip_separators()?;
            if self.at_list_end() {
                return Ok(list);
            }
            self.chain(&mut list)?;
            match self.token.kind {
                TokenKind::Semicolon | TokenKind::Newline => {}
                TokenKind::End => return Ok(list),
                // Right after a compound command: `fi fi`, or `done done`.
                TokenKind::Word(_) if self.at_list_end() => return Ok(list),
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// Commands joined by `&&` and `||`.
    fn chain(&mut self, list: &mut List) -> Result<(), SyntaxError> {
        let mut connector = Connector::Always;
        loop {
            let negated = self.keyword() == Some("!");
            if negated {
                self.advance()?;
            }
            let command = self.command()?;
            list.push(Step {
                connector,
                negated,
                command,
            });
            let text = match self.token.kind {
                TokenKind::And => "&&",
                TokenKind::Or => "||",
                _ => return Ok(()),
            };
            let operator = self.advance()?;
            connector = if text == "&&" { Connector::And } else { Connector::Or };
            while self.token.kind == TokenKind::Newline {
                self.advance()?;
            }
            if self.token.kind == TokenKind::End {
                let kind = SyntaxErrorKind::NothingFollows(text);
                return Err(SyntaxError {
                    kind,
                    span: operator.span,
                });
            }
        }
    }

    fn skip_separators(&mut self) -> Result<(), SyntaxError> {
        while matches!(self.token.kind, TokenKind::Semicolon | TokenKind::Newline) {
            self.advance()?;
        }
        Ok(())
    }

    fn at_list_end(&self) -> bool {
        let closing = ["then", "elif", "else", "fi", "do", "done"];
        self.token.kind == TokenKind::End || self.keyword().is_some_and(|keyword| closing.contains(&keyword))
    }

    fn command(&mut self) -> Result<Command, SyntaxError> {
        match self.keyword() {
            None => self.simple().map(Command::Simple),
            Some(keyword @ ("if" | "for" | "while" | "until")) => {
                if self.depth == DEPTH {
                    return Err(self.error(SyntaxErrorKind::TooDeep(DEPTH)));
                }
                self.depth = self.depth.saturating_add(1);
                let opener = self.advance()?.span;
                let command = match keyword {
                    "if" => self.if_command(opener),
                    "for" => self.for_command(opener),
                    _ => self.while_command(keyword, opener),
                };
                self.depth = self.depth.saturating_sub(1);
                command
            }
            Some(_) => Err(self.unexpected()),
        }
    }

    /// Takes the keyword `wanted`, which the command that began with `opener` needs here.
    fn expect(&mut self, wanted: &'static str, opener: (&'static str, Span)) -> Result<(), SyntaxError> {
        if self.keyword() == Some(wanted) {
            self.advance()?;
            return Ok(());
        }
        if self.token.kind == TokenKind::End {
            let (opener, span) = opener;
            let kind = SyntaxErrorKind::Unfinished {
                opener,
                missing: wanted,
            };
            return Err(SyntaxError { kind, span });
        }
        Err(self.unexpected())
    }

    fn if_command(&mut self, span: Span) -> Result<Command, SyntaxError> {
        let opener = ("if", span);
        let mut branches = Vec::new();
        let mut otherwise = List::new();
        loop {
            let condition = self.list()?;
            self.expect("then", opener)?;
            branches.push((condition, self.list()?));
            match self.keyword() {
                Some("elif") => {
                    self.advance()?;
                }
                Some("else") => {
                    self.advance()?;
                    otherwise = self.list()?;
                    break;
                }
                _ => break,
            }
        }
        self.expect("fi", opener)?;
        Ok(Command::If { branches, otherwise })
    }

    fn for_command(&mut self, span: Span) -> Result<Command, SyntaxError> {
        let name = self.loop_variable(span)?;
        let mut words = Vec::new();
        while let Some(word) = self.word()? {
            words.push(word);
        }
        self.skip_separators()?;
        let body = self.body(("for", span))?;
        Ok(Command::For { name, words, body })
    }

    /// `NAME in`.
    fn loop_variable(&mut self, span: Span) -> Result<String, SyntaxError> {
        let unfinished = SyntaxError {
            kind: SyntaxErrorKind::Unfinished {
                opener: "for",
                missing: "in",
            },
            span,
        };
        let name = match &self.token.kind {
            TokenKind::Word(word) => word.bare().unwrap_or_default().to_owned(),
            TokenKind::End => return Err(unfinished),
            _ => return Err(self.unexpected()),
        };
        if !is_variable_name(&name) {
            return Err(self.error(SyntaxErrorKind::BadName(name)));
        }
        self.advance()?;
        match &self.token.kind {
            TokenKind::Word(word) if word.bare() == Some("in") => self.advance()?,
            TokenKind::End => return Err(unfinished),
            _ => return Err(self.unexpected()),
        };
        Ok(name)
    }

    fn while_command(&mut self, keyword: &'static str, span: Span) -> Result<Command, SyntaxError> {
        let condition = self.list()?;
        let body = self.body((keyword, span))?;
        let until = keyword == "until";
        Ok(Command::While { condition, until, body })
    }

    fn body(&mut self, opener: (&'static str, Span)) -> Result<List, SyntaxError> {
        self.expect("do", opener)?;
        let body = self.list()?;
        self.expect("done", opener)?;
        Ok(body)
    }

    fn simple(&mut self) -> Result<Simple, SyntaxError> {
        let mut simple = Simple::default();
        while let Some(word) = self.word()? {
            match simple.words.is_empty().then(|| assignment(&word)).flatten() {
                Some(assignment) => simple.assignments.push(assignment),
                None => simple.words.push(word),
            }
        }
        simple.words.shrink_to_fit();
        simple.assignments.shrink_to_fit();
        if simple == Simple::default() {
            return Err(self.unexpected());
        }
        Ok(simple)
    }
}

/// The assignment that `word` is: its first part begins with a name and `=`, none of it quoted.
fn assignment(word: &Word) -> Option<Assignment> {
    let (first, rest) = word.parts.split_first()?;
    let Part::Literal { text, quoted: false } = first else {
        return None;
    };
    let (name, value) = text.split_once('=').filter(|(name, _)| is_variable_name(name))?;
    let head = Part::Literal {
        text: value.to_owned(),
        quoted: false,
    };
    let parts = core::iter::once(head).chain(rest.iter().cloned()).collect();
    Some(Assignment {
        name: name.to_owned(),
        value: Word { parts, span: word.span },
    })
}

#[cfg(test)]
mod tests;
