//! Variables in a command line.

use alloc::string::String;
use core::iter::Peekable;
use core::str::Chars;

use super::MAX_LINE;

/// Replaces `${name}` and `$(name)` in `text` as U-Boot does in what `append` has: what is not set is nothing, what stands between single
/// quotes stays as it is and loses them, and a backslash takes what follows it as it is. A `$` before anything else is a `$`.
///
/// `None` if the result would have more than [`MAX_LINE`] bytes.
#[must_use]
pub fn expand<'v>(text: &str, value: &dyn Fn(&str) -> Option<&'v str>) -> Option<String> {
    let mut chars = text.chars().peekable();
    let mut expanded = String::new();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', _) => expanded.extend(chars.next()),
            ('\'', _) => quoted(&mut chars, &mut expanded),
            ('$', Some('{' | '(')) => {
                if let Some(value) = name(&mut chars).as_deref().and_then(value) {
                    expanded.push_str(value);
                }
            }
            _ => expanded.push(c),
        }
        if expanded.len() > MAX_LINE {
            return None;
        }
    }
    Some(expanded)
}

/// Copies up to the closing quote, of which a backslash makes a character as any other.
fn quoted(chars: &mut Peekable<Chars<'_>>, expanded: &mut String) {
    let mut previous = '\'';
    for c in chars {
        if c == '\'' && previous != '\\' {
            return;
        }
        expanded.push(c);
        previous = c;
    }
}

/// The name between the braces that come next; `None` if they are not closed, and then all of the text is used up.
fn name(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let close = match chars.next() {
        Some('{') => '}',
        _ => ')',
    };
    let mut name = String::new();
    for c in chars {
        if c == close {
            return Some(name);
        }
        name.push(c);
    }
    None
}
