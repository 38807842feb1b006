//! The table `[tree]`: the device tree that is built into the image.

use serde::Deserialize;
use thiserror::Error;

/// Where the built-in tree comes from. It is used where neither `x0` nor the start of RAM has one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Keys")]
pub enum Tree {
    /// A file of the board's folder: a blob `.dtb`, or a source `.dts` that `scripts/build` has `dtc` compile.
    File(String),
    /// A blob of Debian's arm64 kernel package, which `scripts/setup` fetches: `xilinx/zynqmp-zcu102-rev1.0.dtb`.
    Package(String),
}

/// Why the table says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TreeError {
    /// It has both keys, or none.
    #[error("tree has either file, in the board's folder, or package, in Debian's kernel package")]
    OneKey,
    /// The file cannot be what it should.
    #[error("tree: \"{0}\" is no path below the folder that ends in .dtb or .dts")]
    Path(String),
    /// A package has blobs only.
    #[error("tree: \"{0}\" ends in .dts, and packages have .dtb files")]
    Source(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Keys {
    file: Option<String>,
    package: Option<String>,
}

impl TryFrom<Keys> for Tree {
    type Error = TreeError;

    fn try_from(keys: Keys) -> Result<Self, TreeError> {
        match (keys.file, keys.package) {
            (Some(file), None) => Ok(Self::File(below(file)?)),
            (None, Some(file)) if file.ends_with(".dts") => Err(TreeError::Source(file)),
            (None, Some(file)) => Ok(Self::Package(below(file)?)),
            _ => Err(TreeError::OneKey),
        }
    }
}

/// The path, if it stays below its folder and has the name of a tree. Scripts take it as a word.
fn below(path: String) -> Result<String, TreeError> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._+-/,".contains(letter);
    let inside = path
        .split('/')
        .all(|part| !part.is_empty() && part != "." && part != "..");
    let named = [".dtb", ".dts"].iter().any(|end| path.ends_with(end));
    if inside && named && path.chars().all(plain) {
        return Ok(path);
    }
    Err(TreeError::Path(path))
}

#[cfg(test)]
mod tests;
