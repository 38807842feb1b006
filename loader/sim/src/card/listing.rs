//! What a folder has that goes on a card, and whether FAT can hold it.

use std::collections::TryReserveError;
use std::ffi::OsString;
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// How many folders may lie in one another. Links are followed, and one that leads back up would never end.
const MAX_DEPTH: usize = 16;
/// How many files and folders a card may have: links can make many of few.
const MAX_NODES: usize = 65_536;
/// The most entries of a folder (FAT specification, section 6: its size is below 2 MiB).
const MAX_ENTRIES: u64 = 65_535;
/// The most bytes of a file (FAT specification, section 6).
const MAX_FILE: u64 = 0xffff_ffff;

/// Bytes of a directory entry.
const ENTRY: u64 = 32;
/// UTF-16 units of a long name in each of its entries (FAT specification, section 7).
const NAME_PART: usize = 13;
/// Bytes of the largest cluster that cards are made with.
pub(super) const CLUSTER: u64 = 4096;

/// Why a folder cannot be made a card. Each names the file or folder on the host.
#[derive(Debug, Error)]
pub enum CardError {
    /// It cannot be read, or copied.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither a file nor a folder.
    #[error("{}: neither a file nor a folder, nor a link to one", .0.display())]
    Special(PathBuf),
    /// A character that no name on FAT has.
    #[error("{path:?}: FAT cannot hold a name with {character:?} in it")]
    Character {
        /// Which.
        path: PathBuf,
        /// The first such character.
        character: char,
    },
    /// The name's end would be lost.
    #[error("{}: FAT cannot hold a name that ends in a dot or a space", .0.display())]
    End(PathBuf),
    /// The name is no text.
    #[error("{}: the name is not UTF-8, and those on FAT are Unicode", .0.display())]
    NotUtf8(PathBuf),
    /// The letters' case, or the short name that FAT gives to a long one, makes it another's name.
    #[error("{}: on FAT this is the name of another one in the same folder", .0.display())]
    Twice(PathBuf),
    /// The file is larger than a size on FAT can say.
    #[error("{}: {len} bytes, and a file on FAT has at most 4 GiB less one", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Its size in bytes.
        len: u64,
    },
    /// Too many folders in one another.
    #[error("{}: more than {MAX_DEPTH} folders deep: perhaps a link leads back to a folder above it", .0.display())]
    TooDeep(PathBuf),
    /// The folder's own size would be too large.
    #[error("{}: more names than a folder on FAT has room for", .0.display())]
    TooManyNames(PathBuf),
    /// Too many files and folders in all.
    #[error("{}: more than {MAX_NODES} files and folders", .0.display())]
    TooMany(PathBuf),
    /// No card is so large, or the host has less memory.
    #[error("{}: no room for a card of {mib} MiB in memory", path.display())]
    NoRoom {
        /// The folder.
        path: PathBuf,
        /// The size of the card.
        mib: u64,
        /// What the host says; `None` if there are no such cards.
        source: Option<TryReserveError>,
    },
}

/// A file or a folder that goes on the card.
pub(crate) struct Node {
    pub(super) name: String,
    /// Where it is on the host.
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    /// With its size in bytes.
    File(u64),
    /// With what is in it.
    Folder(Vec<Node>),
}

/// All that is in `folder`, sorted by name so that equal folders make equal cards. Links are followed.
///
/// # Errors
/// [`CardError`], if it cannot be read or FAT cannot hold it.
pub(crate) fn list(folder: &Path) -> Result<Vec<Node>, CardError> {
    let mut count = 0;
    list_level(folder, 0, &mut count)
}

fn list_level(folder: &Path, depth: usize, count: &mut usize) -> Result<Vec<Node>, CardError> {
    if depth > MAX_DEPTH {
        return Err(CardError::TooDeep(folder.to_owned()));
    }
    let mut nodes = Vec::new();
    for name in names(folder, count)? {
        let path = folder.join(&name);
        let name = check_name(name, &path)?;
        let metadata = fs::metadata(&path).map_err(|source| unreadable(&path, source))?;
        let kind = match Found::from(metadata.file_type()) {
            Found::File => Kind::File(check_len(&path, metadata.len())?),
            Found::Folder => Kind::Folder(list_level(&path, depth.saturating_add(1), count)?),
            Found::Other => return Err(CardError::Special(path)),
        };
        nodes.push(Node { name, path, kind });
    }
    if entries(&nodes) > MAX_ENTRIES {
        return Err(CardError::TooManyNames(folder.to_owned()));
    }
    Ok(nodes)
}

/// The names in a folder, sorted. `count` is how many there have been in all.
fn names(folder: &Path, count: &mut usize) -> Result<Vec<OsString>, CardError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|source| unreadable(folder, source))? {
        *count = count.saturating_add(1);
        if *count > MAX_NODES {
            return Err(CardError::TooMany(folder.to_owned()));
        }
        names.push(entry.map_err(|source| unreadable(folder, source))?.file_name());
    }
    names.sort();
    Ok(names)
}

/// What a path leads to.
enum Found {
    File,
    Folder,
    Other,
}

impl From<FileType> for Found {
    fn from(kind: FileType) -> Self {
        match (kind.is_file(), kind.is_dir()) {
            (true, _) => Self::File,
            (_, true) => Self::Folder,
            _ => Self::Other,
        }
    }
}

/// The name as text, if it can be one on FAT (FAT specification, section 7). How long it may be, the loader says that writes it.
fn check_name(name: OsString, path: &Path) -> Result<String, CardError> {
    let name = name.into_string().map_err(|_| CardError::NotUtf8(path.to_owned()))?;
    let foreign = |c: char| c.is_control() || "\"*/:<>?\\|".contains(c);
    if let Some(character) = name.chars().find(|c| foreign(*c)) {
        let path = path.to_owned();
        return Err(CardError::Character { path, character });
    }
    match name.ends_with(['.', ' ']) {
        true => Err(CardError::End(path.to_owned())),
        false => Ok(name),
    }
}

fn check_len(path: &Path, len: u64) -> Result<u64, CardError> {
    if len > MAX_FILE {
        let path = path.to_owned();
        return Err(CardError::TooLarge { path, len });
    }
    Ok(len)
}

/// Bytes that the nodes take on a card, and the folder that they are in.
pub(super) fn needed(nodes: &[Node]) -> u64 {
    // Those of a name are all in one block: each but the last one is at least half full.
    let folder = clusters(entries(nodes).saturating_mul(2 * ENTRY));
    let inside = nodes.iter().map(|node| match &node.kind {
        Kind::File(len) => clusters(*len),
        Kind::Folder(nodes) => needed(nodes),
    });
    inside.fold(folder, u64::saturating_add)
}

fn clusters(len: u64) -> u64 {
    len.checked_next_multiple_of(CLUSTER).unwrap_or(u64::MAX)
}

/// Entries of a folder: four of its own, and for each node one and those of its long name.
fn entries(nodes: &[Node]) -> u64 {
    let of = |node: &Node| node.name.encode_utf16().count().div_ceil(NAME_PART).saturating_add(1) as u64;
    nodes.iter().map(of).fold(4, u64::saturating_add)
}

pub(super) fn unreadable(path: &Path, source: io::Error) -> CardError {
    CardError::Read {
        path: path.to_owned(),
        source,
    }
}
