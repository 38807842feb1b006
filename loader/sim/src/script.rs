//! Scripts from the host's files.

use std::fs;
use std::path::{Path, PathBuf};

use loader_core::image::uimage::{self, Header, Type};
use thiserror::Error;

/// Why a file is no script.
#[derive(Debug, Error)]
pub enum ScriptError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It begins like a uImage and is a damaged one.
    #[error("{}: {source}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: uimage::Error,
    },
    /// A uImage of another type.
    #[error("{}: it is a uImage of type {found}, not a script", path.display())]
    Type {
        /// Which file.
        path: PathBuf,
        /// Its type.
        found: Type,
    },
    /// Bytes that are no text.
    #[error("{}: it is neither text nor a script made by mkimage", .0.display())]
    Binary(PathBuf),
}

/// The text of the script in the file at `path`, plain or made by `mkimage -T script`.
///
/// # Errors
/// [`ScriptError`], naming the file.
pub(crate) fn read(path: &Path) -> Result<String, ScriptError> {
    let path = path.to_owned();
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(ScriptError::Read { path, source }),
    };
    let text = if bytes.starts_with(&uimage::MAGIC) {
        match first_part(&bytes) {
            Ok((Type::SCRIPT, text)) => text,
            Ok((found, _)) => return Err(ScriptError::Type { path, found }),
            Err(source) => return Err(ScriptError::Damaged { path, source }),
        }
    } else {
        &bytes
    };
    // mkimage's padding is no part of the text.
    let text = std::str::from_utf8(text).map(|text| text.trim_end_matches('\0'));
    let text = text.ok().filter(|text| !text.contains('\0'));
    text.map(str::to_owned).ok_or(ScriptError::Binary(path))
}

/// The type of a uImage and the first part of its data.
fn first_part(file: &[u8]) -> Result<(Type, &[u8]), uimage::Error> {
    let header = Header::parse(file)?;
    let data = header.data(file)?;
    let (parts, offset) = header.parts(data)?;
    let len = parts.first().and_then(|len| usize::try_from(*len).ok()).unwrap_or(0);
    let part = data.get(offset..).and_then(|rest| rest.get(..len));
    Ok((header.kind, part.unwrap_or_default()))
}
