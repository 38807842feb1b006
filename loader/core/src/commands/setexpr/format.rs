//! `setexpr name fmt`: values in a format, as `printf` of C has it.

use alloc::format;
use alloc::string::{String, ToString};
use core::iter::Peekable;
use core::str::Chars;

use crate::context::CommandError;
use crate::shell::number;

/// The most values that a format may have.
const VALUES: usize = 4;

/// The widest field.
const WIDTH_LIMIT: usize = 128;

/// How a value is set: what stands between `%` and the letter.
#[derive(Default)]
struct Field {
    /// `-`: to the left.
    left: bool,
    /// `+`: a sign before positive numbers too.
    plus: bool,
    /// A blank: room for the sign before positive numbers.
    blank: bool,
    /// `#`: with `0x` or `0`.
    prefixed: bool,
    /// `0`: filled with zeros.
    zeros: bool,
    width: usize,
    precision: Option<usize>,
}

/// Puts the values, which follow the format in `words`, into it.
pub(super) fn format(words: &[String]) -> Result<String, CommandError> {
    let (format, values) = words.split_first().ok_or(CommandError::Usage)?;
    if values.len() > VALUES {
        return Err(CommandError::Usage);
    }
    let mut values = values.iter().map(String::as_str);
    let mut out = String::new();
    let mut rest = format.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '%' if rest.next_if_eq(&'%').is_some() => out.push('%'),
            '%' => {
                let text = conversion(&mut rest, &mut values)?;
                out.push_str(&text);
            }
            '\\' => match escape(&mut rest) {
                Some(text) => out.push_str(&text),
                None => break,
            },
            letter => out.push(letter),
        }
    }
    Ok(out)
}

/// One value as what follows `%` wants it.
fn conversion<'a>(
    rest: &mut Peekable<Chars<'_>>,
    values: &mut impl Iterator<Item = &'a str>,
) -> Result<String, CommandError> {
    let mut written = String::from("%");
    let field = field(rest, &mut written, values)?;
    // Lengths say nothing here: all numbers have 64 bits.
    while let Some(length) = rest.next_if(|c| matches!(c, 'l' | 'h' | 'L' | 'z')) {
        written.push(length);
    }
    let kind = rest.next();
    written.extend(kind);
    let mut value = || values.next();
    let number = |value: Option<&str>| value.map_or(Ok((false, 0)), signed);
    match kind {
        Some('s') => Ok(field.text(value().unwrap_or_default())),
        Some('b') => Ok(field.text(&unescaped(value().unwrap_or_default()))),
        Some('c') => {
            let first = value().unwrap_or_default().chars().next();
            Ok(field.text(&first.map(String::from).unwrap_or_default()))
        }
        Some('d' | 'i') => Ok(field.decimal(number(value())?)),
        Some(letter @ ('u' | 'o' | 'x' | 'X')) => Ok(field.unsigned(letter, number(value())?)),
        _ => Err(CommandError::failed(format!("`{written}': invalid format"))),
    }
}

fn field<'a>(
    rest: &mut Peekable<Chars<'_>>,
    written: &mut String,
    values: &mut impl Iterator<Item = &'a str>,
) -> Result<Field, CommandError> {
    let mut field = Field::default();
    while let Some(flag) = rest.next_if(|c| matches!(c, '-' | '+' | ' ' | '#' | '0')) {
        written.push(flag);
        match flag {
            '-' => field.left = true,
            '+' => field.plus = true,
            ' ' => field.blank = true,
            '#' => field.prefixed = true,
            _ => field.zeros = true,
        }
    }
    field.width = length(rest, written, values)?.unwrap_or_default();
    if let Some(dot) = rest.next_if_eq(&'.') {
        written.push(dot);
        field.precision = Some(length(rest, written, values)?.unwrap_or_default());
    }
    Ok(field)
}

/// A width or a precision: digits, or `*` for the next value.
fn length<'a>(
    rest: &mut Peekable<Chars<'_>>,
    written: &mut String,
    values: &mut impl Iterator<Item = &'a str>,
) -> Result<Option<usize>, CommandError> {
    let len = if let Some(star) = rest.next_if_eq(&'*') {
        written.push(star);
        let (_, value) = values.next().map_or(Ok((false, 0)), signed)?;
        usize::try_from(value).ok()
    } else {
        let start = written.len();
        while let Some(digit) = rest.next_if(char::is_ascii_digit) {
            written.push(digit);
        }
        match written.get(start..).unwrap_or_default() {
            "" => return Ok(None),
            digits => digits.parse().ok(),
        }
    };
    let len = len.filter(|len| *len <= WIDTH_LIMIT);
    len.map(Some)
        .ok_or_else(|| CommandError::failed(format!("`{written}': wider than {WIDTH_LIMIT} characters")))
}

/// A hexadecimal number, which may have a sign: whether it has one, and its amount.
fn signed(word: &str) -> Result<(bool, u64), CommandError> {
    let digits = word.strip_prefix('-');
    let value = number::hexadecimal(digits.unwrap_or(word))?.value;
    Ok((digits.is_some(), value))
}

impl Field {
    fn text(&self, text: &str) -> String {
        let text: String = match self.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text.to_string(),
        };
        self.padded("", &text, false)
    }

    fn decimal(&self, (negative, value): (bool, u64)) -> String {
        let value = if negative { value.wrapping_neg() } else { value }.cast_signed();
        let sign = match (value < 0, self.plus, self.blank) {
            (true, _, _) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            (false, false, false) => "",
        };
        self.padded(sign, &value.unsigned_abs().to_string(), true)
    }

    fn unsigned(&self, letter: char, (negative, value): (bool, u64)) -> String {
        let value = if negative { value.wrapping_neg() } else { value };
        let prefixed = self.prefixed && value != 0;
        let (prefix, digits) = match letter {
            'x' => ("0x", format!("{value:x}")),
            'X' => ("0X", format!("{value:X}")),
            'o' => ("0", format!("{value:o}")),
            _ => return self.padded("", &value.to_string(), true),
        };
        self.padded(if prefixed { prefix } else { "" }, &digits, true)
    }

    /// The text with what stands before it, filled up to the width.
    fn padded(&self, prefix: &str, text: &str, is_number: bool) -> String {
        let zeros = match (is_number, self.precision) {
            (true, Some(digits)) => digits.saturating_sub(text.len()),
            (true, None) if self.zeros && !self.left => {
                let taken = prefix.len().saturating_add(text.len());
                self.width.saturating_sub(taken)
            }
            _ => 0,
        };
        let body = [prefix, &"0".repeat(zeros), text].concat();
        let width = self.width;
        match self.left {
            true => format!("{body:<width$}"),
            false => format!("{body:>width$}"),
        }
    }
}

/// What follows a backslash; `None` for `\c`, which ends the output. What means nothing stays as it is.
fn escape(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    if rest.peek().is_some_and(|c| c.is_digit(8)) {
        let digits = core::iter::from_fn(|| rest.next_if(|c| c.is_digit(8))?.to_digit(8));
        let code = digits
            .take(3)
            .fold(0, |code: u32, digit| code.wrapping_mul(8).wrapping_add(digit));
        let letter = char::from_u32(code & 0xff).filter(|letter| *letter != '\0');
        return Some(letter.map(String::from).unwrap_or_default());
    }
    let Some(letter) = rest.next_if(|c| "\\abcfnrtv".contains(*c)) else {
        return Some(String::from('\\'));
    };
    Some(String::from(match letter {
        'a' => '\x07',
        'b' => '\x08',
        'c' => return None,
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        other => other,
    }))
}

fn unescaped(text: &str) -> String {
    let mut rest = text.chars().peekable();
    let mut out = String::new();
    while let Some(next) = rest.next() {
        match next {
            '\\' => match escape(&mut rest) {
                Some(text) => out.push_str(&text),
                None => break,
            },
            letter => out.push(letter),
        }
    }
    out
}
