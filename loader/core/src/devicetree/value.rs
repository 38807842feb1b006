//! The value grammar of `fdt set`.
//!
//! ```text
//! <0x0 12 0xAB >    cells: decimal, hexadecimal after 0x, octal after 0 (as in devicetree sources)
//! <? 5 ?>           cells of which some keep the value that they have
//! [00 11 2233]      bytes in hexadecimal
//! "a b" c           a string list; its quotes are the shell's, so none arrive here
//! <1> [22] "x"      one after another; what follows a string is a string
//!                   nothing: a property that only has to exist
//! ```
//!
//! The words come as the shell split them, so a bracket may be open over several words.

use super::error::ValueError;
use alloc::vec::Vec;

/// Bytes of the value that `words` describe, in place of the `present` ones.
///
/// # Errors
/// [`ValueError`] with the word that is no cell or byte, or the bracket that is not closed.
pub fn parse_value<W: AsRef<str>>(words: &[W], present: &[u8]) -> Result<Vec<u8>, ValueError> {
    let mut value = Vec::new();
    let mut state = State::Start;
    for word in words {
        let mut rest = word.as_ref();
        // What stands before any bracket is a string, and the empty word is one too.
        if state == State::Start && !rest.starts_with(['<', '[']) {
            state = State::Strings;
        }
        if state == State::Strings {
            value.extend(rest.bytes().chain([0]));
            continue;
        }
        while !rest.is_empty() {
            (state, rest) = step(state, rest, (&mut value, present))?;
        }
    }
    match state {
        State::Start | State::Strings => Ok(value),
        State::Cells => Err(ValueError::Unclosed('<')),
        State::Bytes => Err(ValueError::Unclosed('[')),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Start,
    Cells,
    Bytes,
    Strings,
}

/// Takes one bracket, number or blank off the front of `rest`.
fn step<'a>(
    state: State,
    rest: &'a str,
    (value, present): (&mut Vec<u8>, &[u8]),
) -> Result<(State, &'a str), ValueError> {
    if let Some(after) = rest.strip_prefix([' ', '\t', '\n', '\r']) {
        return Ok((state, after));
    }
    match state {
        State::Cells | State::Bytes => {
            let close = if state == State::Cells { '>' } else { ']' };
            if let Some(after) = rest.strip_prefix(close) {
                return Ok((State::Start, after));
            }
            let end = rest.find([' ', '\t', '\n', '\r', close]).unwrap_or(rest.len());
            let (token, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            match state {
                State::Cells if token == "?" => value.extend(kept_cell(value.len(), present)?),
                State::Cells => value.extend(cell(token)?.to_be_bytes()),
                _ => bytes(token, value)?,
            }
            Ok((state, after))
        }
        State::Start | State::Strings => match rest.strip_prefix('<') {
            Some(after) => Ok((State::Cells, after)),
            None => match rest.strip_prefix('[') {
                Some(after) => Ok((State::Bytes, after)),
                None => Err(ValueError::AfterBracket(rest.into())),
            },
        },
    }
}

/// The cell that the property has at `offset` bytes from its start.
fn kept_cell(offset: usize, present: &[u8]) -> Result<[u8; 4], ValueError> {
    let cell = present.get(offset..).and_then(|rest| rest.first_chunk::<4>());
    cell.copied().ok_or(ValueError::NoPresentCell {
        index: offset / 4,
        len: present.len(),
    })
}

fn cell(token: &str) -> Result<u32, ValueError> {
    let (digits, radix) = match token.strip_prefix("0x").or_else(|| token.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if token.len() > 1 && token.starts_with('0') => (token, 8),
        None => (token, 10),
    };
    // `from_str_radix` would take a sign.
    let digits = Some(digits).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let number = digits.and_then(|digits| u32::from_str_radix(digits, radix).ok());
    number.ok_or_else(|| ValueError::BadCell(token.into()))
}

fn bytes(token: &str, value: &mut Vec<u8>) -> Result<(), ValueError> {
    let bad = || ValueError::BadByte(token.into());
    let digits = token
        .strip_prefix("0x")
        .or_else(|| token.strip_prefix("0X"))
        .unwrap_or(token)
        .as_bytes();
    let (pairs, single) = digits.as_chunks::<2>();
    let mut push = |digits: &[u8]| {
        let digits = str::from_utf8(digits)
            .ok()
            .filter(|text| text.bytes().all(|digit| digit.is_ascii_hexdigit()));
        value.push(u8::from_str_radix(digits.ok_or_else(bad)?, 16).map_err(|_| bad())?);
        Ok(())
    };
    match (pairs, single) {
        ([], [_]) => push(single),
        ([_, ..], []) => pairs.iter().try_for_each(|pair| push(pair)),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn parse(line: &[&str]) -> Vec<u8> {
        parse_value(line, &[]).unwrap()
    }

    #[test]
    fn cells_are_decimal_unless_prefixed() {
        let expected = [0, 0, 0, 0, 0x40, 0x40, 0, 0, 0, 0, 0, 12, 0xab, 0, 0, 0xab];
        assert_eq!(parse(&["<0x0", "0x40400000", "12", "0xAB0000AB", ">"]), expected);
        assert_eq!(parse(&["<0x0 0x40400000 12 0xAB0000AB >"]), expected);
        assert_eq!(parse(&["<", "010", ">"]), [0, 0, 0, 8]);
        assert_eq!(parse(&["<>"]), []);
    }

    #[test]
    fn bytes_are_hexadecimal_pairs() {
        assert_eq!(parse(&["[00", "11", "2a]"]), [0, 0x11, 0x2a]);
        assert_eq!(parse(&["[0011 0x22 3]"]), [0, 0x11, 0x22, 3]);
    }

    #[test]
    fn strings_end_with_nul_and_keep_their_characters() {
        assert_eq!(parse(&["a b", "c"]), b"a b\0c\0");
        assert_eq!(parse(&["a", "<1>", "[x]"]), b"a\0<1>\0[x]\0");
        assert_eq!(parse(&[""]), [0]);
        assert_eq!(parse(&[]), []);
    }

    #[test]
    fn question_marks_keep_cells() {
        let present = [0, 0, 0, 1, 0, 0, 0, 2];
        assert_eq!(parse_value(&["<?", "5>"], &present).unwrap(), [0, 0, 0, 1, 0, 0, 0, 5]);
        assert_eq!(
            parse_value(&["<9 ? 3>"], &present).unwrap(),
            [0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 3]
        );
        assert_eq!(parse_value(&["?"], &present).unwrap(), b"?\0");
        let short = parse_value(&["<1 2 ?>"], &present);
        assert_eq!(short, Err(ValueError::NoPresentCell { index: 2, len: 8 }));
        assert!(parse_value(&["[?]"], &present).is_err() && parse_value(&["<?1>"], &present).is_err());
    }

    #[test]
    fn values_can_be_mixed() {
        assert_eq!(parse(&["<1>", "[22]", "x"]), *b"\0\0\0\x01\x22x\0");
        assert_eq!(parse(&["<1>[22]"]), [0, 0, 0, 1, 0x22]);
    }

    #[test]
    fn what_is_no_value_is_named() {
        let message = |words: &[&str]| parse_value(words, &[]).unwrap_err().to_string();
        assert!(message(&["<zz>"]).starts_with("Sorry, I could not convert \"zz\""));
        for bad in ["<0xfffffffff>", "<-1>", "<+1>", "<0x>", "<08>", "<1,2>"] {
            assert!(matches!(parse_value(&[bad], &[]), Err(ValueError::BadCell(_))), "{bad}");
        }
        for bad in ["[2g]", "[123]", "[0x]", "[+1]"] {
            assert!(matches!(parse_value(&[bad], &[]), Err(ValueError::BadByte(_))), "{bad}");
        }
        assert_eq!(parse_value(&["<1", "2"], &[]), Err(ValueError::Unclosed('<')));
        assert_eq!(parse_value(&["<1>x"], &[]), Err(ValueError::AfterBracket("x".into())));
    }
}
