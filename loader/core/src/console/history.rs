//! The lines that were typed before.

use alloc::collections::VecDeque;
use alloc::string::String;

/// How many lines are kept.
const LINES: usize = 64;

/// The longest line that is kept, in bytes: a pasted script would only be in the way.
const LINE_LIMIT: usize = 4 * 1024;

/// Lines, and the one that is being looked at.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The newest first.
    lines: VecDeque<String>,
    /// How many steps back from the line being typed; 0 at that line itself.
    back: usize,
}

impl History {
    /// Adds a line, unless it is empty or the same as the last.
    pub(super) fn add(&mut self, line: &str) {
        let repeated = self.lines.front().is_some_and(|last| last == line);
        if line.is_empty() || line.len() > LINE_LIMIT || repeated {
            return;
        }
        self.lines.truncate(LINES.saturating_sub(1));
        self.lines.push_front(line.into());
    }

    /// Goes back to the line being typed.
    pub(super) fn rewind(&mut self) {
        self.back = 0;
    }

    /// One step back; `None` at the oldest.
    pub(super) fn older(&mut self) -> Option<&str> {
        let line = self.lines.get(self.back)?;
        self.back = self.back.saturating_add(1);
        Some(line)
    }

    /// One step forward, to an empty line after the newest; `None` there.
    pub(super) fn newer(&mut self) -> Option<&str> {
        self.back = self.back.checked_sub(1)?;
        let Some(index) = self.back.checked_sub(1) else {
            return Some("");
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
        assert_eq!(history.newer(), None);
        assert_eq!(history.older(), Some("c"));
        assert_eq!(history.older(), Some("b"));
        assert_eq!(history.older(), Some("a"));
        assert_eq!(history.older(), None);
        assert_eq!(history.newer(), Some("b"));
        assert_eq!(history.newer(), Some("c"));
        assert_eq!(history.newer(), Some(""));
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
