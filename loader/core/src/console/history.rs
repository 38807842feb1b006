//! The lines that were typed before.

use alloc::collections::VecDeque;
use alloc::string::String;

/// How many lines are kept.
const LINES: usize = 64;

/// The longest line that is kept, in bytes: a pasted script would only be in the way.
const LINE_LIMIT: usize = 4 * 1024;

/// Lines, and the one that is being looked at.
#[derive(Debug, Default)]
pub struct History {
    /// The newest first.
    lines: VecDeque<String>,
    /// How many steps back from the line being typed; 0 at that line itself.
    back: usize,
    /// The line being typed, while an older one is looked at.
    unfinished: String,
}

impl History {
    /// Adds a line, unless it is empty or the same as the last.
    pub fn add(&mut self, line: &str) {
        let repeated = self.lines.front().is_some_and(|last| last == line);
        if line.is_empty() || line.len() > LINE_LIMIT || repeated {
            return;
        }
        self.lines.truncate(LINES.saturating_sub(1));
        self.lines.push_front(line.into());
    }

    /// The lines, the oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().rev().map(String::as_str)
    }

    /// The newest line with `part` in it that is at least `back` lines old, and how old it is.
    #[must_use]
    pub fn find(&self, part: &str, back: usize) -> Option<(usize, &str)> {
        let mut lines = self.lines.iter().map(String::as_str).enumerate().skip(back);
        lines.find(|(_, line)| line.contains(part))
    }

    /// Begins with a new line.
    pub fn rewind(&mut self) {
        self.back = 0;
        self.unfinished.clear();
    }

    /// One step back; `None` at the oldest. The first step keeps `typed` for the way forward.
    pub fn older(&mut self, typed: &str) -> Option<&str> {
        let line = self.lines.get(self.back)?;
        if self.back == 0 {
            self.unfinished = typed.into();
        }
        self.back = self.back.saturating_add(1);
        Some(line)
    }

    /// One step forward, after the newest to the line that was being typed; `None` there.
    pub fn newer(&mut self) -> Option<&str> {
        self.back = self.back.checked_sub(1)?;
        let Some(index) = self.back.checked_sub(1) else {
            return Some(&self.unfinished);
        };
        self.lines.get(index).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::{History, LINES};

    #[test]
    fn lines_are_walked_back_and_forth() {
        let mut history = History::default();
        for line in ["a", "b", "b", "", "c"] {
            history.add(line);
        }
        assert_eq!(history.lines().collect::<alloc::vec::Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(history.newer(), None);
        assert_eq!(history.older("half"), Some("c"));
        assert_eq!(history.older("c"), Some("b"));
        assert_eq!(history.older("b"), Some("a"));
        assert_eq!(history.older("a"), None);
        assert_eq!(history.newer(), Some("b"));
        assert_eq!(history.newer(), Some("c"));
        assert_eq!(history.newer(), Some("half"));
        assert_eq!(history.newer(), None);
        history.older("next");
        history.rewind();
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn the_oldest_lines_go_first() {
        let mut history = History::default();
        for number in 0..=LINES {
            history.add(&alloc::format!("{number}"));
        }
        history.add(&"x".repeat(5000));
        assert_eq!(history.lines.len(), LINES);
        assert_eq!(history.lines.back().unwrap(), "1");
    }
}
