//! Warnings and notes with their places, not too many of them.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{MAX_FINDINGS, Position};
use crate::finding::Finding;

/// How many characters of a name are shown in a message.
const SHOWN: usize = 64;

/// Words from the file, as a message shows them: not too long, and without control characters. The file has none but tabs; the name of a
/// section that a person wants may have others.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).map(printable).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push_str("...");
    }
    short
}

fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        character if character.is_control() => '?',
        character => character,
    }
}

/// What was found so far.
pub(super) struct Findings<'a> {
    source: &'a str,
    list: Vec<Finding>,
    more: usize,
}

impl<'a> Findings<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self {
            source,
            list: Vec::new(),
            more: 0,
        }
    }

    pub(super) fn warn(&mut self, at: Position, what: fmt::Arguments<'_>) {
        self.push(|source| Finding::warning(format_args!("{source}:{at}: {what}")));
    }

    pub(super) fn note(&mut self, at: Position, what: fmt::Arguments<'_>) {
        self.push(|source| Finding::note(format_args!("{source}:{at}: {what}")));
    }

    /// A warning that is about no single line.
    pub(super) fn warn_of_file(&mut self, what: fmt::Arguments<'_>) {
        self.push(|source| Finding::warning(format_args!("{source}: {what}")));
    }

    fn push(&mut self, make: impl FnOnce(&str) -> Finding) {
        if self.list.len() < MAX_FINDINGS {
            self.list.push(make(self.source));
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    pub(super) fn finish(mut self) -> Vec<Finding> {
        if self.more != 0 {
            let last = format_args!("{}: {} more findings are not shown", self.source, self.more);
            self.list.push(Finding::note(last));
        }
        self.list
    }
}
