//! The options of a transfer (RFC 2347): asked for, and what the server made of them.
//!
//! A server may leave out any option, or lower the block size (RFC 2348) and the window (RFC 7440). Anything else, a larger
//! value, a value that is no number, an option nobody asked for or one given twice, ends the transfer with error 8.

use alloc::format;
use alloc::string::String;

use thiserror::Error;

use super::packet::Writer;

/// The block size without an option (RFC 1350 section 2).
pub const PLAIN_BLOCK: u16 = 512;

/// The smallest block size (RFC 2348).
pub const MIN_BLOCK: u16 = 8;

/// The largest block that fits an Ethernet frame without IP fragments: 1500 less 20 (IPv4), 8 (UDP) and 4 (TFTP) bytes.
pub const MAX_BLOCK: u16 = 1468;

/// What the client asks the server for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes a block (`blksize`, RFC 2348), [`MIN_BLOCK`] to [`MAX_BLOCK`].
    pub block_size: u16,
    /// Blocks between acknowledgements (`windowsize`, RFC 7440), from 1.
    pub window_size: u16,
    /// Seconds after which the server sends again (`timeout`, RFC 2349), from 1.
    pub timeout: u8,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            block_size: MAX_BLOCK,
            window_size: 64,
            timeout: 1,
        }
    }
}

/// What holds for the transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Bytes a block; a shorter block is the last.
    pub block_size: u16,
    /// Blocks between acknowledgements.
    pub window_size: u16,
    /// The file's size in bytes (`tsize`, RFC 2349), if the server told it.
    pub size: Option<u64>,
}

impl Agreed {
    /// The transfer of RFC 1350, without any option.
    pub const PLAIN: Self = Self {
        block_size: PLAIN_BLOCK,
        window_size: 1,
        size: None,
    };
}

/// What is wrong with a server's answer to the options.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OptionError {
    /// A name or value without its zero byte.
    #[error("the list of options ends within a word")]
    Unterminated,
    /// An option that was not asked for.
    #[error("option '{0}' was not asked for")]
    Unknown(String),
    /// An option given twice.
    #[error("option '{0}' is given twice")]
    Repeated(String),
    /// A value that was not offered.
    #[error("{name} is '{value}', which is not a number from {low} to {high}")]
    Value {
        /// The option.
        name: &'static str,
        /// What the server gave for it, escaped.
        value: String,
        /// The smallest value that fits the request.
        low: u64,
        /// The largest value that fits the request.
        high: u64,
    },
}

impl Options {
    /// Adds the options to a request. `size` is the file's for a write request, and 0 for a read request, which asks for it. A value
    /// that is the protocol's default is not asked for.
    pub(super) fn write(&self, size: u64, request: &mut Writer<'_>) {
        let mut option = |name, value: u64| {
            request.text(name);
            request.text(&format!("{value}"));
        };
        option("tsize", size);
        option("timeout", self.timeout.into());
        if self.block_size != PLAIN_BLOCK {
            option("blksize", self.block_size.into());
        }
        if self.window_size > 1 {
            option("windowsize", self.window_size.into());
        }
    }

    /// Reads the server's acknowledgement of these options: `list` is the packet after its opcode.
    ///
    /// # Errors
    /// Every [`OptionError`].
    pub fn agree(&self, list: &[u8]) -> Result<Agreed, OptionError> {
        let mut agreed = Agreed::PLAIN;
        let mut seen = [false; 4];
        let mut rest = list;
        while !rest.is_empty() {
            let (name, after) = word(rest)?;
            let (value, after) = word(after)?;
            rest = after;
            let known = ["blksize", "windowsize", "tsize", "timeout"];
            let index = known
                .iter()
                .position(|known| name.eq_ignore_ascii_case(known.as_bytes()));
            let seen = index
                .and_then(|index| seen.get_mut(index))
                .ok_or_else(|| OptionError::Unknown(escaped(name)))?;
            if core::mem::replace(seen, true) {
                return Err(OptionError::Repeated(escaped(name)));
            }
            match index {
                Some(0) => agreed.block_size = small("blksize", value, MIN_BLOCK, self.block_size)?,
                Some(1) => agreed.window_size = small("windowsize", value, 1, self.window_size)?,
                Some(2) => agreed.size = Some(decimal("tsize", value, 0, u64::MAX)?),
                // The server's own affair: any legal value will do.
                _ => {
                    decimal("timeout", value, 1, 255)?;
                }
            }
        }
        Ok(agreed)
    }
}

/// `text` for a message: printable ASCII, the rest escaped, at most 128 bytes of it.
pub(in crate::net) fn escaped(text: &[u8]) -> String {
    let (shown, dots) = text
        .split_at_checked(128)
        .map_or((text, ""), |(shown, _)| (shown, "..."));
    format!("{}{dots}", shown.escape_ascii())
}

fn word(list: &[u8]) -> Result<(&[u8], &[u8]), OptionError> {
    let end = list
        .iter()
        .position(|byte| *byte == 0)
        .ok_or(OptionError::Unterminated)?;
    let (word, rest) = list.split_at_checked(end).ok_or(OptionError::Unterminated)?;
    Ok((word, rest.get(1..).unwrap_or_default()))
}

fn decimal(name: &'static str, value: &[u8], low: u64, high: u64) -> Result<u64, OptionError> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let number = core::str::from_utf8(value)
        .ok()
        .filter(|_| digits)
        .and_then(|text| text.parse().ok());
    number
        .filter(|number| (low..=high).contains(number))
        .ok_or_else(|| OptionError::Value {
            name,
            value: escaped(value),
            low,
            high,
        })
}

fn small(name: &'static str, value: &[u8], low: u16, high: u16) -> Result<u16, OptionError> {
    let number = decimal(name, value, low.into(), high.into())?;
    Ok(u16::try_from(number).unwrap_or(high))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{Agreed, Options};
    use crate::net::tftp::packet::Writer;

    const ASKED: Options = Options {
        block_size: 1468,
        window_size: 64,
        timeout: 1,
    };

    #[test]
    fn a_request_lists_what_differs_from_the_default() {
        let mut buffer = [0; 100];
        let mut writer = Writer::read_request(&mut buffer, "f");
        ASKED.write(0, &mut writer);
        let len = writer.finish().unwrap();
        assert_eq!(
            &buffer[10..len],
            b"tsize\x000\0timeout\x001\0blksize\x001468\0windowsize\x0064\0"
        );
        let mut writer = Writer::read_request(&mut buffer, "f");
        Options {
            block_size: 512,
            window_size: 1,
            timeout: 3,
        }
        .write(0, &mut writer);
        let len = writer.finish().unwrap();
        assert_eq!(&buffer[10..len], b"tsize\x000\0timeout\x003\0");
    }

    #[test]
    fn options_may_be_shrunk_or_left_out() {
        assert_eq!(ASKED.agree(b""), Ok(Agreed::PLAIN));
        let shrunk = Agreed {
            block_size: 8,
            window_size: 1,
            size: Some(u64::MAX),
        };
        let list = b"BlkSize\x008\0windowsize\x001\0TSIZE\x0018446744073709551615\0timeout\x009\0";
        assert_eq!(ASKED.agree(list), Ok(shrunk));
        assert_eq!(ASKED.agree(b"blksize\x001468\0").unwrap().window_size, 1);
    }

    #[test]
    fn everything_else_is_refused_with_its_value() {
        let refused = |list: &[u8]| ASKED.agree(list).unwrap_err().to_string();
        assert_eq!(
            refused(b"blksize\x001469\0"),
            "blksize is '1469', which is not a number from 8 to 1468"
        );
        assert_eq!(
            refused(b"blksize\x007\0"),
            "blksize is '7', which is not a number from 8 to 1468"
        );
        for value in [
            &b"0"[..],
            b"-1",
            b"+8",
            b"",
            b" 8",
            b"0x10",
            b"18446744073709551616",
            b"99999999999999999999",
        ] {
            for name in [&b"blksize"[..], b"windowsize"] {
                let list = [name, b"\0", value, b"\0"].concat();
                assert!(refused(&list).contains("which is not a number from"), "{list:?}");
            }
        }
        assert!(refused(b"tsize\x0099999999999999999999\0").starts_with("tsize is '99999999999999999999'"));
        assert!(refused(b"timeout\x000\0").starts_with("timeout is '0'"));
        assert_eq!(refused(b"multicast\0\0"), "option 'multicast' was not asked for");
        assert_eq!(refused(b"\x1b[2J\x001\0"), "option '\\x1b[2J' was not asked for");
        assert_eq!(refused(b"tsize\x001\0tsize\x001\0"), "option 'tsize' is given twice");
        for list in [&b"blksize"[..], b"blksize\0", b"blksize\x008", b"blksize\x008\0t"] {
            assert_eq!(refused(list), "the list of options ends within a word");
        }
    }
}
