//! Scripts: plain text, or text in a uImage as `mkimage -T script` makes it.

use thiserror::Error;

use super::uimage::{self, Header, Type};

/// Why a file is no script.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScriptError {
    /// It begins like a uImage and is a damaged one.
    #[error(transparent)]
    Damaged(#[from] uimage::Error),
    /// A uImage of another type.
    #[error("it is a uImage of type {0}, not a script")]
    Type(Type),
    /// Bytes that are no text.
    #[error("it is neither text nor a script made by mkimage (byte {offset} is no text)")]
    Binary {
        /// The first byte that is no text, counted in the script.
        offset: usize,
    },
}

/// The text of the script that `file` holds.
///
/// # Errors
/// Every [`ScriptError`].
pub fn text(file: &[u8]) -> Result<&str, ScriptError> {
    let script = if file.starts_with(&uimage::MAGIC) {
        packed(file)?
    } else {
        file
    };
    let text = core::str::from_utf8(script).map_err(|error| ScriptError::Binary {
        offset: error.valid_up_to(),
    })?;
    // mkimage's padding is no part of the text.
    let text = text.trim_end_matches('\0');
    match text.find('\0') {
        Some(offset) => Err(ScriptError::Binary { offset }),
        None => Ok(text),
    }
}

/// The first part of the uImage's data.
fn packed(file: &[u8]) -> Result<&[u8], ScriptError> {
    let header = Header::parse(file)?;
    if header.kind != Type::SCRIPT {
        return Err(ScriptError::Type(header.kind));
    }
    let data = header.data(file)?;
    let (parts, offset) = header.parts(data)?;
    let len = parts.first().and_then(|len| usize::try_from(*len).ok()).unwrap_or(0);
    let part = data.get(offset..).and_then(|rest| rest.get(..len));
    Ok(part.unwrap_or_default())
}
