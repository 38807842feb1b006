//! Values in the words of `setexpr` and `itest`: written out, or in memory, as `*address` says.

use alloc::string::{String, ToString};

use hal::{PhysAddr, Width};

use super::access::read;
use crate::context::{CommandError, Context};

/// The longest string that is taken from memory.
const STRING_LIMIT: usize = 64 * 1024;

/// What kind of values a command's name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Numbers, in memory of this width.
    Number(Width),
    /// Strings, in memory with a NUL at the end.
    Text,
}

/// The kind that the command's name asks for: `.b .w .l .q .s`, numbers of 32 bits without; `None` if it is something else.
pub(super) fn kind_of(name: &str) -> Option<Kind> {
    let suffix = name.split_once('.').map(|(_, suffix)| suffix);
    Some(match suffix {
        None | Some("l") => Kind::Number(Width::Word),
        Some("b") => Kind::Number(Width::Byte),
        Some("w") => Kind::Number(Width::Half),
        Some("q") => Kind::Number(Width::Double),
        Some("s") => Kind::Text,
        Some(_) => return None,
    })
}

/// The number that `word` stands for.
pub(super) fn number(context: &mut Context, word: &str, width: Width) -> Result<u64, CommandError> {
    match word.strip_prefix('*') {
        None => Ok(context.hexadecimal(word)?),
        Some(address) => {
            let address = PhysAddr(context.hexadecimal(address)?);
            Ok(read(context, address, width)?)
        }
    }
}

/// The string that `word` stands for. Bytes in memory that are no text are refused.
pub(super) fn text(context: &mut Context, word: &str) -> Result<String, CommandError> {
    let Some(address) = word.strip_prefix('*') else {
        return Ok(word.to_string());
    };
    let address = PhysAddr(context.hexadecimal(address)?);
    let bytes = context.memory.bytes_from(address)?;
    let bytes = bytes.get(..STRING_LIMIT).unwrap_or(bytes);
    let string = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    if string.len() == bytes.len() {
        return Err(CommandError::failed(alloc::format!(
            "no string ends within {STRING_LIMIT} bytes from {address}"
        )));
    }
    match core::str::from_utf8(string) {
        Ok(text) => Ok(text.to_string()),
        Err(_) => Err(CommandError::failed(alloc::format!("what is at {address} is no text"))),
    }
}
