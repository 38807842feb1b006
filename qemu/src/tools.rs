//! Host programs that the scenarios call: `dtc`, `mkimage`, `ip`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A host program could not be run, or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program could not be started.
    #[error("{program} cannot be started: {source} (scripts/setup installs it)")]
    Start {
        /// Name of the program.
        program: String,
        /// Why it could not be started.
        source: std::io::Error,
    },
    /// A file could not be made, read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The program ran and reported failure.
    #[error("{program} failed ({status}): {message}")]
    Failed {
        /// Name of the program.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it wrote to its standard error.
        message: String,
    },
}

impl Error {
    pub(crate) fn file(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        Self::File { path, source }
    }
}

/// Runs a program to its end and returns what it wrote to its standard output.
///
/// # Errors
/// [`Error::Start`] if it cannot be started, [`Error::Failed`] if its exit status is not 0.
pub(crate) fn run(command: &mut Command) -> Result<Vec<u8>, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| Error::Start {
        program: program.clone(),
        source,
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Failed {
        program,
        status: output.status,
        message,
    })
}

/// Compiles a device tree source to a blob, or a blob to source: `input` and `output` are dtc's format names.
///
/// # Errors
/// As [`run`].
pub(crate) fn dtc(input: &str, output: &str, from: &Path, to: &Path) -> Result<(), Error> {
    let mut command = Command::new("dtc");
    command.args(["-q", "-I", input, "-O", output, "-o"]).arg(to).arg(from);
    run(&mut command).map(drop)
}
