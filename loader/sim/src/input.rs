//! What the command line names to be run: scripts, and descriptions of a boot that the simulated server gives.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

use crate::script::{self, ScriptError};

/// The file that a folder is taken for.
const CONFIG: &str = "xen.cfg";

/// The first bytes of a device tree (Devicetree Specification 0.4, 5.2).
const TREE_MAGIC: [u8; 4] = [0xd0, 0x0d, 0xfe, 0xed];

/// Why an argument cannot be run.
#[derive(Debug, Error)]
pub enum InputError {
    /// It is no script, and nothing else either.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// There is no such description.
    #[error("{}: there is no such file, neither here nor in {} (--files)", path.display(), files.display())]
    Missing {
        /// As it was named.
        path: PathBuf,
        /// The server's folder.
        files: PathBuf,
    },
    /// The folder has no configuration.
    #[error("{}: there is no {CONFIG} in this folder", .0.display())]
    NoConfig(PathBuf),
    /// The server does not have it.
    #[error(
        "{}: it is not in the folder {} (--files), which has all that the simulated server can give",
        path.display(),
        files.display()
    )]
    Outside {
        /// As it was named.
        path: PathBuf,
        /// The server's folder.
        files: PathBuf,
    },
    /// Its name cannot be asked for.
    #[error("{}: the name is not UTF-8, so no server can be asked for it", .0.display())]
    NotUtf8(PathBuf),
    /// The system does not let it be looked at.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `--section` or `--check` with scripts alone.
    #[error("{0} is about an xen.cfg or a device tree, and none is given")]
    NoDescription(&'static str),
}

/// Something to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The text of a script.
    Script(String),
    /// An `xen.cfg` or a device tree, by its name on the server.
    Description(String),
}

/// Finds out what `path` names. A description is looked for below `files` first.
///
/// # Errors
/// [`InputError`], naming the path.
pub(crate) fn read(path: &Path, files: &Path) -> Result<Input, InputError> {
    let text = path.to_string_lossy();
    let is_folder = text.ends_with('/');
    let by_name = is_folder || [".cfg", ".dtb"].iter().any(|end| text.ends_with(end));
    if by_name || is_tree(path) || is_tree(&files.join(path)) {
        return on_server(path, files, is_folder).map(Input::Description);
    }
    Ok(Input::Script(script::read(path)?))
}

/// Whether it is a file that begins as a device tree. A pipe would be without what was looked at.
fn is_tree(path: &Path) -> bool {
    if !path.is_file() {
        return false;
    }
    let mut start = [0; TREE_MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == TREE_MAGIC
}

/// The name that the server knows `path` by.
fn on_server(path: &Path, files: &Path, is_folder: bool) -> Result<String, InputError> {
    let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    let inside = match path.components().all(plain) && files.join(path).exists() {
        true => path.to_owned(),
        false => below(path, files)?,
    };
    let parts = inside
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .map(|part| part.as_os_str().to_str());
    let parts: Option<Vec<&str>> = parts.chain(is_folder.then_some(Some(CONFIG))).collect();
    let name = parts.ok_or_else(|| InputError::NotUtf8(path.to_owned()))?.join("/");
    match files.join(&name).is_file() {
        true => Ok(name),
        false if is_folder => Err(InputError::NoConfig(path.to_owned())),
        false => Err(InputError::Missing {
            path: path.to_owned(),
            files: files.to_owned(),
        }),
    }
}

/// What leads from `files` to `path`. A link is taken for what it is called, not for what it leads to: the server follows it.
fn below(path: &Path, files: &Path) -> Result<PathBuf, InputError> {
    if !path.exists() {
        return Err(InputError::Missing {
            path: path.to_owned(),
            files: files.to_owned(),
        });
    }
    let real = |path: &Path| {
        let here = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        here.canonicalize().map_err(|source| InputError::Read {
            path: path.to_owned(),
            source,
        })
    };
    let whole = match (path.file_name(), path.parent()) {
        (Some(name), Some(parent)) => real(parent)?.join(name),
        _ => real(path)?,
    };
    let inside = whole.strip_prefix(real(files)?).map(Path::to_owned);
    inside.map_err(|_| InputError::Outside {
        path: path.to_owned(),
        files: files.to_owned(),
    })
}
