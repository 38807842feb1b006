//! SVG as text: rectangles, lines and words in whole pixels. The same picture is the same text.

use std::fmt::Write;

/// The looks, by class. Only fonts that are everywhere: a picture on a web page loads none.
const STYLE: &str = "\
text{font-family:'DejaVu Sans','Segoe UI',Helvetica,Arial,sans-serif;font-size:13px;fill:#222}
.small{font-size:12px}.grey{fill:#666}.mono{font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:12px}
.h1{font-size:20px;font-weight:bold}.h2{font-size:15px;font-weight:bold}.bold{font-weight:bold}
.middle{text-anchor:middle}.end{text-anchor:end}
.good{fill:#2e7d32}.warning{fill:#9a6700}.error{fill:#c62828}
.paper{fill:#fff}.ram{fill:#f6f7f8;stroke:#9aa0a6}.card{fill:#fafbfc;stroke:#d8dce0}
.break{fill:none;stroke:#9aa0a6}.free{fill:none;stroke:#c8ccd0;stroke-dasharray:3 3}
.ray{fill:#eceef0}.bss{fill:url(#bss)}
.image{fill:#cbd8ec;stroke:#4f6f9f}.tree{fill:#dfd6ee;stroke:#7a64a5}
.kernel{fill:#d0e8d8;stroke:#4b8760}.ramdisk{fill:#f5e6c6;stroke:#a37f33}
.other{fill:#e6e6e6;stroke:#777}.reserved{fill:#e3e6e9;stroke:#88929b}.given{fill:#d2e9ec;stroke:#47858e}
.bad{fill:#fbe3e3;stroke:#c62828;stroke-width:2}.overlap{fill:#c62828}.white{fill:#fff}
";

/// What fills the part of an image that no file has.
const BSS: &str = "<defs><pattern id=\"bss\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">\
                   <path d=\"M0 6L6 0\" stroke=\"#4f6f9f\" stroke-width=\"0.7\"/></pattern></defs>\n";

/// How wide a letter is at most on average, in hundredths of the font's size; others than ASCII's may be wider.
const LETTER: u64 = 62;
const WIDE_LETTER: u64 = 110;

/// A rectangle, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) width: u64,
    pub(super) height: u64,
}

/// A picture in the making.
#[derive(Debug, Default)]
pub(super) struct Svg(String);

impl Svg {
    /// A rectangle that shows `hint` to whom points at it; an empty one is none.
    pub(super) fn rect(&mut self, rect: Rect, class: &str, hint: &str) {
        let Rect { x, y, width, height } = rect;
        let title = match hint {
            "" => String::new(),
            hint => format!("<title>{}</title>", escaped(hint)),
        };
        self.add(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" class=\"{class}\">{title}</rect>"
        ));
    }

    /// A line of text that begins, or by its class is centred or ends, at `x`, and stands on `y`.
    pub(super) fn text(&mut self, (x, y): (u64, u64), class: &str, text: &str) {
        let text = escaped(text);
        self.add(format_args!(
            "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{text}</text>"
        ));
    }

    /// A line through points, closed if its class fills it.
    pub(super) fn line(&mut self, points: &[(u64, u64)], class: &str) {
        let mut path = String::new();
        for (index, (x, y)) in points.iter().enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{x} {y}");
        }
        self.add(format_args!("<path d=\"{path}\" class=\"{class}\"/>"));
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // A string takes everything.
        let _ = writeln!(self.0, "{element}");
    }

    /// The whole file.
    pub(super) fn finish(self, (width, height): (u64, u64), title: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
             <title>{}</title>\n<style>\n{STYLE}</style>\n{BSS}\
             <rect width=\"{width}\" height=\"{height}\" class=\"paper\"/>\n{}</svg>\n",
            escaped(title),
            self.0
        )
    }
}

/// Text for XML 1.0. What it cannot have, and what steers those who show text, is written as an escape.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ if letter.is_control() || is_steering(letter) => out.extend(letter.escape_default()),
            _ => out.push(letter),
        }
    }
    out
}

/// Changes of direction and line ends of Unicode, and the two letters that XML forbids.
fn is_steering(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn width(letter: char, size: u64) -> u64 {
    size * if letter.is_ascii() { LETTER } else { WIDE_LETTER }
}

/// As much of `text` as `room` pixels hold in letters of that size, with three dots if it is not all.
pub(super) fn fit(text: &str, size: u64, room: u64) -> String {
    let mut left = room * 100;
    for (at, letter) in text.char_indices() {
        let Some(rest) = left.checked_sub(width(letter, size)) else {
            let end = text[..at].char_indices().next_back().map_or(0, |(before, _)| before);
            return format!("{}\u{2026}", &text[..end]);
        };
        left = rest;
    }
    text.to_owned()
}

/// `text` in lines of `room` pixels, at most `most` of them.
pub(super) fn wrap(text: &str, (size, room): (u64, u64), most: usize) -> Vec<String> {
    let whole: u64 = room * 100;
    let (mut lines, mut line, mut left) = (Vec::new(), String::new(), whole);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let len: u64 = word.chars().map(|letter| width(letter, size)).sum();
        if !line.is_empty() && len + width(' ', size) > left {
            lines.push(std::mem::take(&mut line));
            left = whole;
        }
        if !line.is_empty() {
            line.push(' ');
            left = left.saturating_sub(width(' ', size));
        }
        for letter in word.chars() {
            if width(letter, size) > left {
                lines.push(std::mem::take(&mut line));
                left = whole;
            }
            line.push(letter);
            left = left.saturating_sub(width(letter, size));
        }
        if lines.len() > most {
            break;
        }
    }
    lines.push(line);
    if lines.len() > most {
        lines.truncate(most);
        lines
            .iter_mut()
            .skip(most.saturating_sub(1))
            .for_each(|last| last.push('\u{2026}'));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{escaped, fit, wrap};

    #[test]
    fn nothing_in_a_text_is_markup_or_steers() {
        assert_eq!(escaped("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
        assert_eq!(
            escaped("\0\u{1b}[2J\n\u{202e}\u{ffff}"),
            "\\u{0}\\u{1b}[2J\\n\\u{202e}\\u{ffff}"
        );
        assert_eq!(escaped("Größe 文"), "Größe 文");
    }

    #[test]
    fn what_does_not_fit_is_cut_between_letters() {
        assert_eq!(fit("Image", 13, 100), "Image");
        assert_eq!(fit("Image-6.1.192-rt", 10, 62), "Image-6.1\u{2026}");
        assert_eq!(fit("文文文文", 10, 30), "文\u{2026}");
        assert_eq!(fit("x", 10, 0), "\u{2026}");
        assert_eq!(fit("", 10, 0), "");
    }

    #[test]
    fn lines_are_broken_at_blanks_and_in_words_that_are_too_long() {
        let wrap = |text, most| wrap(text, (10, 62), most);
        assert_eq!(wrap("one two three", 9), ["one two", "three"]);
        assert_eq!(
            wrap("/chosen/domU1/module@0 x", 9),
            ["/chosen/do", "mU1/module", "@0 x"]
        );
        assert_eq!(wrap("one two three four five", 2), ["one two", "three four\u{2026}"]);
        assert_eq!(wrap("", 2), [""]);
        assert_eq!(wrap(&"x".repeat(100_000), 3).len(), 3);
    }
}
