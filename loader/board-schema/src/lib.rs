//! `board.toml` as a typed board.
//!
//! A board is a folder in `board-configs/`: data only. Its `board.toml` says what a device tree cannot say before it is
//! found: where RAM begins, where the loader may run from ROM, which UART to use when all else fails. Unknown keys are errors.

mod environment;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

pub use environment::{
    BlockEnvironment, Device, Environment, FatEnvironment, FlashEnvironment, Interface, Kind, Volume,
};

/// A board, as `board.toml` describes it. `E` is the kind of place that it keeps its environment in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Board<E = Environment> {
    /// One line for people.
    pub description: String,
    /// Where RAM is.
    pub memory: Memory,
    /// Where the loader may be started in place from read-only memory; absent on boards that always copy it to RAM.
    pub rom: Option<Rom>,
    /// The UART for panics and for exceptions, before and beside the one that the device tree names.
    pub early_console: EarlyConsole,
    /// Where the environment is saved; absent on boards that cannot save it.
    pub environment: Option<E>,
}

/// What is known of RAM before a device tree is found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Memory {
    /// First address of RAM; a device tree is looked for here when `x0` names none.
    pub start: u64,
}

/// Read-only memory that the loader can be started from. It then copies itself first to the first 2 MiB of RAM, behind the device tree blob
/// if one lies there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rom {
    /// First address.
    pub start: u64,
    /// Length in bytes.
    pub size: u64,
}

/// A UART at a fixed address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EarlyConsole {
    /// Which kind.
    pub kind: UartKind,
    /// Address of its registers.
    pub address: u64,
}

/// The UARTs that can serve as early console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UartKind {
    /// Arm PrimeCell PL011 (DDI 0183).
    Pl011,
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
        Ok(Self {
            name,
            board,
            environment,
            files: vec![toml_path, env_path],
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
/// environment in one place.
pub fn parse(path: &Path, text: &str) -> Result<Board, BoardError> {
    // Which keys there may be depends on one of them. What is wrong with the others is told of the typed board, with its line.
    let kind = read_toml::<Kinded>(path, text)?.environment;
    let board = match kind.map(|environment| environment.kind) {
        None | Some(Kind::Flash) => read_toml::<Board<_>>(path, text)?.with(Environment::Flash),
        Some(Kind::Fat) => read_toml::<Board<_>>(path, text)?.with(Environment::Fat),
        Some(Kind::Block) => read_toml::<Board<_>>(path, text)?.with(Environment::Block),
    };
    match board.environment.as_ref().and_then(Environment::contradiction) {
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
            rom: self.rom,
            early_console: self.early_console,
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
pub(crate) mod tests {
    use std::path::Path;

    use super::{Environment, Folder, UartKind, parse};

    pub(crate) const VIRT: &str = "description = 'd'\nmemory.start = 0x4000_0000\n\
        rom = { start = 0, size = 0x400_0000 }\n\
        [early-console]\nkind = 'pl011'\naddress = 0x900_0000\n";

    #[test]
    fn a_board_parses() {
        let board = parse(Path::new("board.toml"), VIRT).unwrap();
        assert_eq!(board.memory.start, 0x4000_0000);
        assert_eq!(board.early_console.kind, UartKind::Pl011);
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_line() {
        let error = parse(Path::new("board.toml"), &VIRT.replace("address", "adress"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 6") && error.contains("adress"), "{error}");
    }

    const FLASH: &str = "[environment]\nkind = 'flash'\naddress = 0x400_0000\noffset = 0\nsize = 0x4_0000\n";

    #[test]
    fn the_environment_has_a_place() {
        let board = |more: &str| parse(Path::new("board.toml"), &format!("{VIRT}{FLASH}{more}"));
        let place = |more: &str| match board(more).unwrap().environment {
            Some(Environment::Flash(flash)) => (flash.size, flash.redundant_offset, flash.backup_offset),
            other => panic!("{other:?}"),
        };
        assert_eq!(place(""), (0x4_0000, None, None));
        assert_eq!(place("redundant-offset = 7\n"), (0x4_0000, Some(7), None));
        assert_eq!(place("backup-offset = 7\n"), (0x4_0000, None, Some(7)));
        let two = board("redundant-offset = 7\nbackup-offset = 8\n")
            .unwrap_err()
            .to_string();
        assert_eq!(
            two,
            "board.toml: environment has redundant-offset and backup-offset; there is one second copy"
        );
        let unknown = board("offest = 7\n").unwrap_err().to_string();
        assert!(
            unknown.contains("line 12, column 1\n") && unknown.contains("offest"),
            "{unknown}"
        );
        let kind = parse(
            Path::new("board.toml"),
            &format!("{VIRT}[environment]\nkind = 'tape'\n"),
        );
        assert!(kind.unwrap_err().to_string().contains("tape"));
    }

    #[test]
    fn every_board_in_the_tree_reads() {
        let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../board-configs");
        let mut count = 0;
        for entry in std::fs::read_dir(boards).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                Folder::read(&path).unwrap();
                count += 1;
            }
        }
        assert!(count > 0);
    }
}
