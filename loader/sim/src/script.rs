//! Scripts from the host's files.

use std::fs;
use std::path::{Path, PathBuf};

use loader_core::image::script;
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
    /// What is in it is no script.
    #[error("{}: {source}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: script::ScriptError,
    },
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
    match script::text(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(source) => Err(ScriptError::Content { path, source }),
    }
}
