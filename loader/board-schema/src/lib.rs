//! `board.toml` as a typed board.
//!
//! A board is a folder in `board-configs/`: data only. Its `board.toml` says what a device tree cannot say before it is
//! found: where RAM begins, where the loader may run from ROM, which UART to use when all else fails, and which tree to take
//! where nobody hands one over. Unknown keys are errors.

mod environment;
mod memory;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use thiserror::Error;

pub use environment::{
    BlockEnvironment, Device, Environment, FatEnvironment, FlashEnvironment, Interface, Kind, Volume,
};
pub use memory::{Bank, Load, Memory, Reserved, Rom};
pub use tree::{Tree, TreeError};

/// A board, as `board.toml` describes it. `E` is the kind of place that it keeps its environment in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Board<E = Environment> {
    /// One line for people.
    pub description: String,
    /// Where RAM is.
    pub memory: Memory,
    /// Memory that the loader must leave alone, beside what the device tree reserves.
    #[serde(default)]
    pub reserved: Vec<Reserved>,
    /// Where the stage before puts the loader, if that is one place; absent where it asks the image, as `booti` does. The loader itself runs
    /// anywhere.
    pub load: Option<Load>,
    /// Where the loader may be started in place from read-only memory; absent on boards that always copy it to RAM.
    pub rom: Option<Rom>,
    /// The UART for panics and for exceptions, before and beside the one that the device tree names.
    pub early_console: EarlyConsole,
    /// The device tree that is built into the image; absent where the stage before always hands one over.
    pub tree: Option<Tree>,
    /// Where the environment is saved; absent on boards that cannot save it.
    pub environment: Option<E>,
}

/// A UART at a fixed address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EarlyConsole {
    /// Which kind.
    pub kind: UartKind,
    /// Address of its registers.
    #[serde(deserialize_with = "registers")]
    pub address: u64,
}

/// The first steps have 39-bit addresses, and a console at address 0 is one that was forgotten.
fn registers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let address = u64::deserialize(deserializer)?;
    if address != 0 && address.is_multiple_of(4) && address < 1 << 39 {
        return Ok(address);
    }
    Err(D::Error::custom(format!(
        "{address:#x} is no place for registers: expected a multiple of 4 below 2^39, and not 0"
    )))
}

/// The UARTs that can serve as early console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UartKind {
    /// Arm PrimeCell PL011 (DDI 0183).
    Pl011,
    /// Cadence UART of Zynq and ZynqMP (AMD UG1085, chapter 21).
    Cadence,
    /// The UART of NXP's i.MX chips (i.MX 8M Plus Reference Manual, chapter UART).
    Imx,
    /// The Raspberry Pi's mini-UART (BCM2711 ARM Peripherals, section 2.2).
    MiniUart,
}

/// A board folder, read whole.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The folder's name: the board's name.
    pub name: String,
    /// `board.toml`.
    pub board: Board,
    /// `default.env`: the default environment, one `name=value` a line.
    pub environment: String,
    /// `boot.cmd`: an example of a script for the board, if it has one.
    pub script: Option<String>,
    /// The files that were read, for `cargo:rerun-if-changed`.
    pub files: Vec<PathBuf>,
}

/// Why a board folder cannot be used.
#[derive(Debug, Error)]
pub enum BoardError {
    /// A file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// `board.toml` is not a board; the source names line and column.
    #[error("{path}: {source}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// A value that cannot work.
    #[error("{path}: {reason}")]
    Value {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with the value.
        reason: String,
    },
}

impl Folder {
    /// Reads the board folder at `path`.
    ///
    /// # Errors
    /// [`BoardError`] naming the file and, for `board.toml`, line and column.
    pub fn read(path: &Path) -> Result<Self, BoardError> {
        let toml_path = path.join("board.toml");
        let env_path = path.join("default.env");
        let board = parse(&toml_path, &read(&toml_path)?)?;
        let environment = read(&env_path)?;
        check_environment(&env_path, &environment)?;
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let mut files = vec![toml_path, env_path];
        if let Some(Tree::File(file)) = &board.tree {
            let file = path.join(file);
            fs::metadata(&file).map_err(|source| BoardError::Read {
                path: file.clone(),
                source,
            })?;
            files.push(file);
        }
        let script_path = path.join("boot.cmd");
        let script = if script_path.exists() {
            Some(read(&script_path)?)
        } else {
            None
        };
        Ok(Self {
            name,
            board,
            environment,
            script,
            files,
        })
    }
}

fn read(path: &Path) -> Result<String, BoardError> {
    fs::read_to_string(path).map_err(|source| BoardError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Parses the text of a `board.toml`; `path` is for messages.
///
/// # Errors
/// [`BoardError::Parse`] with line and column; [`BoardError::Value`] if values contradict each other, such as two copies of the
/// environment in one place, or banks of RAM that overlap.
pub fn parse(path: &Path, text: &str) -> Result<Board, BoardError> {
    // Which keys there may be depends on one of them. What is wrong with the others is told of the typed board, with its line.
    let kind = read_toml::<Kinded>(path, text)?.environment;
    let board = match kind.map(|environment| environment.kind) {
        None | Some(Kind::Flash) => read_toml::<Board<_>>(path, text)?.with(Environment::Flash),
        Some(Kind::Fat) => read_toml::<Board<_>>(path, text)?.with(Environment::Fat),
        Some(Kind::Block) => read_toml::<Board<_>>(path, text)?.with(Environment::Block),
    };
    let environment = board.environment.as_ref();
    match environment
        .and_then(Environment::contradiction)
        .or_else(|| memory::contradiction(&board))
    {
        Some(reason) => Err(BoardError::Value {
            path: path.to_owned(),
            reason,
        }),
        None => Ok(board),
    }
}

/// The one key that says what the others are.
#[derive(Deserialize)]
struct Kinded {
    environment: Option<KindOnly>,
}

#[derive(Deserialize)]
struct KindOnly {
    kind: Kind,
}

fn read_toml<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, BoardError> {
    toml::from_str(text).map_err(|source| BoardError::Parse {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

impl<E> Board<E> {
    fn with(self, environment: impl FnOnce(E) -> Environment) -> Board {
        Board {
            description: self.description,
            memory: self.memory,
            reserved: self.reserved,
            load: self.load,
            rom: self.rom,
            early_console: self.early_console,
            tree: self.tree,
            environment: self.environment.map(environment),
        }
    }
}

fn check_environment(path: &Path, text: &str) -> Result<(), BoardError> {
    for (number, line) in text.lines().enumerate() {
        let content = line.trim();
        if !content.is_empty() && !content.starts_with('#') && !content.contains('=') {
            let reason = format!("line {}: expected name=value, found `{content}`", number + 1);
            return Err(BoardError::Value {
                path: path.to_owned(),
                reason,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
