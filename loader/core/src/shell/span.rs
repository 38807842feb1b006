//! Places in a script, and how a message shows them.

use core::fmt;

/// A part of a script, as byte offsets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

/// Shows where `offset` lies in `source`: line and column, the line itself, and a mark below it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The script.
    pub source: &'a str,
    /// The place in it, in bytes.
    pub offset: usize,
}

/// How many characters of a long line are shown before and after the place.
const CONTEXT_CHARS: usize = 36;

impl<'a> Place<'a> {
    /// The line number, the column, both from 1 and the latter in characters, and the line's two parts around the place.
    fn split(&self) -> (usize, usize, &'a str, &'a str) {
        let (before, after) = self.source.split_at_checked(self.offset).unwrap_or((self.source, ""));
        let line_start = before.rsplit('\n').next().unwrap_or_default();
        let line_end = after.split('\n').next().unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        let column = line_start.chars().count().saturating_add(1);
        (line, column, line_start, line_end)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column, before, after) = self.split();
        let skipped = column.saturating_sub(1).saturating_sub(CONTEXT_CHARS);
        let visible = |c: char| if c.is_control() { ' ' } else { c };
        writeln!(f, "line {line}, column {column}:")?;
        for c in before.chars().skip(skipped).chain(after.chars().take(CONTEXT_CHARS)) {
            fmt::Write::write_char(f, visible(c))?;
        }
        let indent = column.saturating_sub(skipped);
        write!(f, "\n{:>indent$}", '^')
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::Place;

    #[test]
    fn a_place_shows_its_line() {
        let source = "echo a\n\techo é && && b\necho c";
        let offset = source.rfind("&&").unwrap();
        let shown = Place { source, offset }.to_string();
        assert_eq!(shown, "line 2, column 12:\n echo é && && b\n           ^");
    }

    #[test]
    fn long_lines_are_cut() {
        let source = "x".repeat(10_000);
        let shown = Place {
            source: &source,
            offset: 5000,
        }
        .to_string();
        let expected = ["line 1, column 5001:", &"x".repeat(72), &alloc::format!("{:>37}", '^')];
        assert_eq!(shown, expected.join("\n"));
    }

    #[test]
    fn the_end_is_a_place_too() {
        let shown = Place {
            source: "if",
            offset: 2,
        }
        .to_string();
        assert_eq!(shown, "line 1, column 3:\nif\n  ^");
    }
}
