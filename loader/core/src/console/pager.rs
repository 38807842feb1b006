//! Long outputs, a page at a time: the variable `pager` says how many lines a page has, in hexadecimal as in U-Boot; without it, or with 0,
//! nothing stops.

/// What stands below a page.
pub(super) const PROMPT: &[u8] = b": Press SPACE to continue";
/// Takes the prompt away again.
pub(super) const ERASE: &[u8] = b"\r                         \r";

/// What a person wants after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The next page.
    Page,
    /// The rest without a stop.
    All,
    /// No more of it.
    Quit,
}

impl Answer {
    /// What a key means; most mean nothing.
    pub(super) fn of(key: u8) -> Option<Self> {
        match key {
            b' ' => Some(Self::Page),
            b'c' => Some(Self::All),
            b'q' => Some(Self::Quit),
            _ => None,
        }
    }
}

/// How many lines there are on the screen, and how many it holds.
#[derive(Debug, Default)]
pub(super) struct Pager {
    /// 0: it has no end.
    page: u64,
    lines: u64,
}

impl Pager {
    /// An empty page of so many lines, one of them for the prompt.
    pub(super) fn of(lines: u64) -> Self {
        Self {
            page: lines.saturating_sub(1),
            lines: 0,
        }
    }

    pub(super) fn is_off(&self) -> bool {
        self.page == 0
    }

    /// Counts a line; whether it was the page's last.
    pub(super) fn is_full_after_line(&mut self) -> bool {
        self.lines = self.lines.saturating_add(1);
        let full = !self.is_off() && self.lines >= self.page;
        if full {
            self.lines = 0;
        }
        full
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    const PAUSE: &str = ": Press SPACE to continue\r                         \r";

    /// What `line` prints in pages of four lines while `keys` are typed.
    fn paged(line: &str, keys: &str) -> alloc::string::String {
        let mut bench = Bench::new();
        bench.context.env.set("pager", "4").unwrap();
        bench.type_in(&alloc::format!("{line}\r{keys}"))
    }

    const NINE: &str = "for i in 1 2 3 4 5 6 7 8 9; do echo $i; done";

    #[test]
    fn a_page_waits_for_a_blank() {
        let expected = alloc::format!("{NINE}\n1\n2\n3\n{PAUSE}4\n5\n6\n{PAUSE}7\n8\n9\n{PAUSE}=> ");
        assert_eq!(paged(NINE, "x  \r "), expected);
    }

    #[test]
    fn the_rest_comes_without_a_stop() {
        assert_eq!(
            paged(NINE, "c"),
            alloc::format!("{NINE}\n1\n2\n3\n{PAUSE}4\n5\n6\n7\n8\n9\n=> ")
        );
    }

    #[test]
    fn what_follows_is_not_wanted() {
        let expected = alloc::format!("{NINE}\n1\n2\n3\n{PAUSE}<INTERRUPT>\n=> ");
        assert_eq!(paged(NINE, "q"), expected);
    }

    #[test]
    fn each_line_begins_a_page() {
        let mut bench = Bench::new();
        bench.context.env.set("pager", "4").unwrap();
        for _ in 0..8 {
            assert_eq!(bench.enter("echo a; echo b"), "a\nb\n");
        }
        for off in ["0", "1", "none"] {
            bench.context.env.set("pager", off).unwrap();
            assert!(!bench.enter(NINE).contains("SPACE"), "{off}");
        }
    }
}
