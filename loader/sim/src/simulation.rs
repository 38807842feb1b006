//! A board in memory: from the command line to a loader that can be told what to do.

use std::collections::TryReserveError;
use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::rc::Rc;

use board_schema::{BoardError, Folder, Reserved};
use hal::block::BlockInterface;
use hal::fakes::ManualClock;
use hal::{BlockDevice, Clock, Console, ExceptionLevel, PhysAddr, Ram, Region};
use loader_core::console::Terminal;
use loader_core::context::Context;
use loader_core::devicetree::{ParseError, Tree};
use loader_core::env::{Environment, persist};
use loader_core::memory::Memory;
use loader_core::net::Network;
use loader_core::storage::Storage;
use thiserror::Error;

use crate::board_tree::board_tree;
use crate::card::CardError;
use crate::disk::FileDisk;
use crate::environment;
use crate::lan::{Faults, Lan};
use crate::options::{MAX_RAM, MIN_RAM, Options};
use crate::power::{Ending, Processor};
use crate::ram::{SparseRam, joined};

/// RAM without `--memory` and `--dtb`.
const DEFAULT_RAM: u64 = 1 << 30;

/// What the firmware keeps for itself: length and alignment of its region.
const LOADER: (u64, u64) = (18 << 20, 2 << 20);

/// Room that the copy of the machine's tree has to grow, so that `fdt set` works on it.
const TREE_SLACK: usize = 0x1_0000;

/// Why the machine cannot be made.
#[derive(Debug, Error)]
pub enum BuildError {
    /// There is no such board.
    #[error("there is no board {name}; boards are: {boards}")]
    NoBoard {
        /// As it was named.
        name: String,
        /// Those that there are.
        boards: String,
    },
    /// The board's folder is not in order.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// A file or folder cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder cannot be made a card.
    #[error(transparent)]
    Card(#[from] CardError),
    /// `--files` does not name a folder.
    #[error("--files {}: not a folder", .0.display())]
    NoFolder(PathBuf),
    /// The file is no device tree.
    #[error("{}: {source}", path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: ParseError,
    },
    /// The device tree's RAM cannot be made.
    #[error("the device tree describes {0} MiB of RAM, the simulation takes from 64 MiB to 16 GiB")]
    RamSize(u64),
    /// The host has less memory than the machine.
    #[error("{mib} MiB of RAM for the machine: {source}")]
    HostMemory {
        /// What the machine needs.
        mib: u64,
        /// What the host says.
        source: TryReserveError,
    },
    /// The device tree cannot be made, read or stored.
    #[error("the machine's device tree: {0}")]
    Tree(String),
    /// `--env` for a board that saves its environment elsewhere.
    #[error("--env: the board {board} does not save its environment in a flash")]
    NoFlash {
        /// The board's name.
        board: String,
    },
    /// No room for the loader or for its copy of the tree.
    #[error("no RAM bank has {len:#x} bytes free for {what}")]
    NoRoom {
        /// For what.
        what: &'static str,
        /// How much, in bytes.
        len: u64,
    },
}

fn tree_error(error: impl Display) -> BuildError {
    BuildError::Tree(error.to_string())
}

/// What the machine is built around: the end of a console's wire, the time, and the end to wait for.
pub(crate) struct Frame {
    pub(crate) console: Box<dyn Console>,
    /// The time that commands see; the network has its own, which passes while it is silent.
    pub(crate) clock: Rc<dyn Clock>,
    pub(crate) network_time: Rc<ManualClock>,
    pub(crate) ending: Ending,
}

/// The loader on the machine that `options` describe.
///
/// # Errors
/// [`BuildError`]: all of them are the person's to put right.
pub(crate) fn build(options: &Options, folder: &Folder, frame: Frame) -> Result<Context, BuildError> {
    let env = Environment::from_defaults(&folder.environment);
    let tree = tree(options, folder)?;
    let memory = memory(&tree, env.hex("fdt_addr"), &folder.board.reserved)?;
    let level = match options.el1 {
        true => ExceptionLevel::El1,
        false => ExceptionLevel::El2,
    };
    let processor = Processor {
        level,
        ending: frame.ending,
    };
    let terminal = Terminal::new(frame.console);
    let mut context = Context::new(terminal, frame.clock, memory, Box::new(processor));
    context.default_env = env;
    context.env = context.default_env.clone();
    context.storage = storage(options)?;
    context.persistence = environment::persistence(options, folder, &context.storage)?;
    // What has not to be loaded is not worth a line in front of a script's.
    if context.persistence.storage.is_some() {
        persist::load(&mut context);
    }
    keep_tree(&mut context, &tree)?;
    connect(&mut context, frame.network_time, &options.files);
    Ok(context)
}

/// Makes sure that there is something to serve.
///
/// # Errors
/// [`BuildError::NoFolder`].
pub(crate) fn check_files(options: &Options) -> Result<(), BuildError> {
    match options.files.is_dir() {
        true => Ok(()),
        false => Err(BuildError::NoFolder(options.files.clone())),
    }
}

/// The cards and disks that the options name.
fn storage(options: &Options) -> Result<Storage, BuildError> {
    let cards = options.cards.iter().map(|path| (path, BlockInterface::Mmc));
    let disks = options.disks.iter().map(|path| (path, BlockInterface::Virtio));
    let mut devices: Vec<Box<dyn BlockDevice>> = Vec::new();
    for (path, interface) in cards.chain(disks) {
        devices.push(Box::new(disk(path, interface)?));
    }
    Ok(Storage::new(devices))
}

/// A disk over an image, or with the files of a folder.
fn disk(path: &Path, interface: BlockInterface) -> Result<FileDisk, BuildError> {
    if path.is_dir() {
        return Ok(FileDisk::with_folder(path, interface)?);
    }
    FileDisk::open(path, interface).map_err(|source| BuildError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Finds the board that is named, or the folder of one.
///
/// # Errors
/// [`BuildError::NoBoard`] with the boards that there are; [`BuildError::Board`].
pub(crate) fn board(name: &Path) -> Result<Folder, BuildError> {
    let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../board-configs");
    let is_path = name.to_string_lossy().contains(MAIN_SEPARATOR);
    let folder = if is_path { name.to_owned() } else { boards.join(name) };
    if folder.is_dir() {
        return Ok(Folder::read(&folder)?);
    }
    let entries = fs::read_dir(boards).into_iter().flatten().flatten();
    let mut known: Vec<String> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    known.sort();
    Err(BuildError::NoBoard {
        name: name.display().to_string(),
        boards: known.join(", "),
    })
}

/// The machine's tree: the one that was given, or one for the board.
fn tree(options: &Options, folder: &Folder) -> Result<Tree, BuildError> {
    let Some(path) = &options.dtb else {
        let start = PhysAddr(folder.board.memory.start);
        let bank = Region::new(start, options.memory.unwrap_or(DEFAULT_RAM));
        let bank = bank.ok_or_else(|| tree_error("RAM would run past the end of the address space"))?;
        return board_tree(&folder.board, bank).map_err(tree_error);
    };
    let path = path.clone();
    match fs::read(&path) {
        Ok(blob) => Tree::parse(&blob).map_err(|source| BuildError::Parse { path, source }),
        Err(source) => Err(BuildError::Read { path, source }),
    }
}

/// RAM as the tree describes it, with the loader in it, and the tree where the board's earlier firmware leaves it.
fn memory(tree: &Tree, tree_address: Option<u64>, kept: &[Reserved]) -> Result<Memory, BuildError> {
    let banks = tree.memory().map_err(tree_error)?;
    let banks = joined(banks.into_iter().filter_map(region).collect());
    let size = banks.iter().map(|bank| bank.len()).fold(0, u64::saturating_add);
    if !(MIN_RAM..=MAX_RAM).contains(&size) {
        return Err(BuildError::RamSize(size >> 20));
    }
    let mut ram = SparseRam::new(&banks).map_err(|source| BuildError::HostMemory {
        mib: size >> 20,
        source,
    })?;
    let blob = tree.emit(0).map_err(tree_error)?;
    let place = tree_address.and_then(|address| region((address, blob.len() as u64)));
    if let Some(bytes) = place.and_then(|place| ram.bytes_mut(place)) {
        bytes.copy_from_slice(&blob);
    }
    let mut memory = Memory::new(Box::new(ram), &banks);
    for (node, start, len) in tree.reserved_memory().map_err(tree_error)? {
        region((start, len))
            .into_iter()
            .for_each(|region| memory.reserve(region, &tree.path(node)));
    }
    for entry in tree.reservations() {
        let region = region((entry.address, entry.size));
        region
            .into_iter()
            .for_each(|region| memory.reserve(region, "a /memreserve/ of the device tree"));
    }
    for Reserved { address, size, name } in kept {
        let region = region((*address, *size));
        region.into_iter().for_each(|region| memory.reserve(region, name));
    }
    let (len, alignment) = LOADER;
    let loader = room(&memory, len, alignment, "the loader")?;
    memory.reserve(loader, "the loader");
    Ok(memory)
}

fn region((start, len): (u64, u64)) -> Option<Region> {
    Region::new(PhysAddr(start), len)
}

/// The highest free place, below 4 GiB if there is one.
fn room(memory: &Memory, len: u64, alignment: u64, what: &'static str) -> Result<Region, BuildError> {
    let low = memory.find_free(len, alignment, Some(PhysAddr(1 << 32)));
    let place = low.or_else(|| memory.find_free(len, alignment, None));
    place.ok_or(BuildError::NoRoom { what, len })
}

/// Keeps a copy of the machine's tree out of the way, and says where it is.
fn keep_tree(context: &mut Context, tree: &Tree) -> Result<(), BuildError> {
    const OWNER: &str = "the machine's device tree";
    let blob = tree.emit(TREE_SLACK).map_err(tree_error)?;
    let place = room(&context.memory, blob.len() as u64, 0x1000, OWNER)?;
    let claim = context
        .memory
        .claim(place.start(), place.len(), OWNER)
        .map_err(tree_error)?;
    context.memory.write(&claim, 0, &blob).map_err(tree_error)?;
    context.memory.record(claim, place.len());
    persist::announce_tree(&mut context.env, place.start());
    Ok(())
}

/// Plugs the machine into a network whose TFTP server has `files`.
fn connect(context: &mut Context, time: Rc<ManualClock>, files: &Path) {
    let lan = Lan::new(Rc::clone(&time), Faults::default(), 0);
    lan.serve(files.to_owned());
    let network = Network::new(lan.device(), time).unwrap_or_else(|error| unreachable!("a good address: {error}"));
    context.network = Some(network);
    persist::adopt_mac(context);
}
