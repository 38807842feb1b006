//! Numbers in arguments: hexadecimal without a prefix, as U-Boot reads them; decimal where a command says so.

use alloc::string::{String, ToString};
use core::time::Duration;

use thiserror::Error;

/// Why a word is not a number.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NumberError {
    /// It has a character that is no hexadecimal digit, or no digit at all.
    #[error("'{word}' is not a hexadecimal number")]
    NotHexadecimal {
        /// The word.
        word: String,
    },
    /// It has a character that is no decimal digit, or no digit at all.
    #[error("'{word}' is not a decimal number")]
    NotDecimal {
        /// The word.
        word: String,
    },
    /// It does not fit in 64 bits.
    #[error("'{word}' does not fit in 64 bits")]
    TooLarge {
        /// The word.
        word: String,
    },
}

/// A hexadecimal number as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hexadecimal {
    /// Its value.
    pub value: u64,
    /// Whether the prefix stood there twice, as in the `0x0x80000` of Xen's dom0less document.
    pub doubled_prefix: bool,
}

/// Reads a hexadecimal number; `0x` may stand before it, and even twice, of which the result tells.
///
/// # Errors
/// [`NumberError::NotHexadecimal`] or [`NumberError::TooLarge`].
pub fn hexadecimal(word: &str) -> Result<Hexadecimal, NumberError> {
    let once = without_prefix(word);
    let digits = without_prefix(once);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(NumberError::NotHexadecimal { word: word.to_string() });
    }
    let value = u64::from_str_radix(digits, 16).map_err(|_| NumberError::TooLarge { word: word.to_string() })?;
    Ok(Hexadecimal {
        value,
        doubled_prefix: digits.len() < once.len() && once.len() < word.len(),
    })
}

fn without_prefix(word: &str) -> &str {
    let stripped = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    stripped.unwrap_or(word)
}

/// Reads a decimal number.
///
/// # Errors
/// [`NumberError::NotDecimal`] or [`NumberError::TooLarge`].
pub fn decimal(word: &str) -> Result<u64, NumberError> {
    if word.is_empty() || !word.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NumberError::NotDecimal { word: word.to_string() });
    }
    word.parse()
        .map_err(|_| NumberError::TooLarge { word: word.to_string() })
}

/// The signed number that `word` begins with, 0 if with none: decimal, hexadecimal after `0x`, octal after `0`; cut to 64 bits. So `test`
/// reads its numbers, and scripts are used to it.
#[must_use]
pub fn prefix(word: &str) -> i64 {
    let digits = word.strip_prefix('-').unwrap_or(word);
    let (radix, digits) = match without_prefix(digits) {
        hexadecimal if hexadecimal.len() < digits.len() => (16, hexadecimal),
        _ if digits.starts_with('0') => (8, digits),
        _ => (10, digits),
    };
    let digits = digits.chars().map_while(|digit| digit.to_digit(radix));
    let value = digits.fold(0_i64, |value, digit| {
        value.wrapping_mul(i64::from(radix)).wrapping_add(i64::from(digit))
    });
    match word.starts_with('-') {
        true => value.wrapping_neg(),
        false => value,
    }
}

/// Reads decimal seconds, with a fraction or without: `2`, `0.5`. Digits beyond the microseconds do not count.
///
/// # Errors
/// As [`decimal`].
pub fn seconds(word: &str) -> Result<Duration, NumberError> {
    const FRACTION_DIGITS: usize = 6;
    let (whole, fraction) = word.split_once('.').unwrap_or((word, "0"));
    let both = [whole, fraction].map(|part| decimal(part).map(|_| part));
    let [Ok(whole), Ok(fraction)] = both else {
        return Err(NumberError::NotDecimal { word: word.to_string() });
    };
    let digits: String = fraction
        .chars()
        .chain(core::iter::repeat('0'))
        .take(FRACTION_DIGITS)
        .collect();
    Ok(Duration::from_secs(decimal(whole)?).saturating_add(Duration::from_micros(decimal(&digits)?)))
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use alloc::string::ToString;

    use super::{NumberError, decimal, hexadecimal, prefix, seconds};

    #[test]
    fn numbers_are_hexadecimal_with_or_without_prefix() {
        for (word, value) in [
            ("0", 0),
            ("10", 0x10),
            ("0x10", 0x10),
            ("0XFf", 0xff),
            ("ffffffffffffffff", u64::MAX),
            ("00000000000000000001", 1),
        ] {
            let read = hexadecimal(word).unwrap();
            assert_eq!((read.value, read.doubled_prefix), (value, false), "{word}");
        }
    }

    #[test]
    fn a_doubled_prefix_is_read_and_told() {
        let read = hexadecimal("0x0x80000").unwrap();
        assert_eq!((read.value, read.doubled_prefix), (0x8_0000, true));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for word in ["", "0x", "0x0x", "0x0x0x1", "-1", "+1", "12g", "0b1g", " 1", "1_0"] {
            let error = hexadecimal(word).unwrap_err();
            assert!(matches!(error, NumberError::NotHexadecimal { .. }), "{word}");
        }
        let error = hexadecimal("1ffffffffffffffff").unwrap_err();
        assert_eq!(error.to_string(), "'1ffffffffffffffff' does not fit in 64 bits");
        assert!(decimal("18446744073709551616").is_err());
        assert!(decimal("1a").is_err());
    }

    #[test]
    fn the_number_that_a_word_begins_with_counts() {
        for (word, value) in [
            ("12", 12),
            ("0x10", 16),
            ("0X1f", 31),
            ("010", 8),
            ("08", 0),
            ("-5", -5),
            ("-0x10", -16),
            ("1x", 1),
            ("ff", 0),
            ("", 0),
            ("-", 0),
            ("+1", 0),
            (" 1", 0),
            ("0x", 0),
            ("0b1", 0),
            ("0xffffffffffffffff", -1),
            ("9223372036854775808", i64::MIN),
            ("18446744073709551617", 1),
        ] {
            assert_eq!(prefix(word), value, "{word}");
        }
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        assert_eq!(seconds("2"), Ok(Duration::from_secs(2)));
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("1.0000019"), Ok(Duration::from_micros(1_000_001)));
        for word in ["", ".", "1.", ".5", "1.x", "-1", "0x1", "1.5.5"] {
            let error = seconds(word).unwrap_err();
            assert_eq!(error, NumberError::NotDecimal { word: word.to_string() }, "{word}");
        }
    }
}
