//! The command line.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use thiserror::Error;

/// What `--help` prints.
pub const HELP: &str = "\
usage: slipway-sim [OPTION..] [SCRIPT..]

Runs the scripts (text, or made by mkimage -T script) on a simulated machine, up to the jump to what they boot.
Without a script: a console; Ctrl-] leaves it.

  --board NAME    the board: a name in board-configs, or a path to such a folder (qemu-virt)
  --files DIR     the folder that the TFTP server 10.0.2.2 serves (the current one)
  --env FILE      the flash that the board saves its environment in, as a raw image; made if it is not there.
                  A board that saves it on a card or a disk has it on the one that --card or --disk names
  --card FILE     a card in the next slot, as a raw image: mmc 0, mmc 1 and so on
  --disk FILE     the next disk, as a raw image: virtio 0, virtio 1 and so on
  --memory SIZE   RAM, such as 512M or 8G (1G)
  --el1           start at EL1, where Xen cannot run
  --dtb FILE      the machine's device tree, RAM included, in place of a small one made for the board
  --dtb-out FILE  where to write the device tree that is handed over at the jump
  --help          this text

Exit status: 0 after a jump, poweroff, or a script that succeeds; 1 if the script fails; 2 if the arguments are wrong.
";

/// The largest RAM, in bytes.
pub const MAX_RAM: u64 = 16 << 30;
/// The smallest RAM, in bytes: the loader keeps 18 MiB of it.
pub const MIN_RAM: u64 = 64 << 20;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Print [`HELP`].
    Help,
    /// Start the machine.
    Run(Box<Options>),
}

/// The machine to start, and what to do on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Name of a board, or path of a board's folder.
    pub board: PathBuf,
    /// The TFTP server's folder.
    pub files: PathBuf,
    /// The image of the flash that holds the environment.
    pub env: Option<PathBuf>,
    /// The images of the cards.
    pub cards: Vec<PathBuf>,
    /// The images of the disks.
    pub disks: Vec<PathBuf>,
    /// RAM in bytes; by default what the device tree says, or 1 GiB.
    pub memory: Option<u64>,
    /// Whether the loader runs at EL1.
    pub el1: bool,
    /// The machine's device tree.
    pub dtb: Option<PathBuf>,
    /// Where the tree goes that is handed over.
    pub dtb_out: Option<PathBuf>,
    /// The scripts to run one after another; none for a console.
    pub scripts: Vec<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            board: PathBuf::from("qemu-virt"),
            files: PathBuf::from("."),
            env: None,
            cards: Vec::new(),
            disks: Vec::new(),
            memory: None,
            el1: false,
            dtb: None,
            dtb_out: None,
            scripts: Vec::new(),
        }
    }
}

/// Why the command line cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UsageError {
    /// There is no such option.
    #[error("unknown option {0}; try --help")]
    Unknown(String),
    /// The option stands at the end, or before nothing.
    #[error("{0} needs a value; try --help")]
    NoValue(String),
    /// The option takes no value.
    #[error("{0} takes no value")]
    Value(String),
    /// Not a size of RAM.
    #[error("--memory {0}: expected a size from 64M to 16G, a decimal number with K, M or G behind it")]
    Size(String),
    /// The tree says how much RAM there is.
    #[error("--memory and --dtb exclude each other: the device tree says how much RAM there is")]
    MemoryTwice,
}

/// Reads the arguments, the program's name left out.
///
/// # Errors
/// [`UsageError`], naming the argument.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut options = Options::default();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy().into_owned();
        if text == "--" {
            options.scripts.extend(args.by_ref().map(PathBuf::from));
        } else if !text.starts_with('-') {
            options.scripts.push(arg.into());
        } else if text == "--help" || text == "-h" {
            return Ok(Command::Help);
        } else {
            set(&mut options, &text, &mut args)?;
        }
    }
    if options.memory.is_some() && options.dtb.is_some() {
        return Err(UsageError::MemoryTwice);
    }
    Ok(Command::Run(Box::new(options)))
}

/// Follows one option, `--name value` or `--name=value`.
fn set(options: &mut Options, arg: &str, rest: &mut impl Iterator<Item = OsString>) -> Result<(), UsageError> {
    let (name, inline) = match arg.split_once('=') {
        Some((name, value)) => (name, Some(OsString::from(value))),
        None => (arg, None),
    };
    if name == "--el1" {
        options.el1 = true;
        return inline.map_or(Ok(()), |_| Err(UsageError::Value(name.to_owned())));
    }
    let mut value = || {
        let value = inline.clone().or_else(|| rest.next());
        value
            .filter(|value| !value.is_empty())
            .ok_or_else(|| UsageError::NoValue(name.to_owned()))
    };
    match name {
        "--board" => options.board = value()?.into(),
        "--files" => options.files = value()?.into(),
        "--env" => options.env = Some(value()?.into()),
        "--card" => options.cards.push(value()?.into()),
        "--disk" => options.disks.push(value()?.into()),
        "--memory" => options.memory = Some(size(&value()?)?),
        "--dtb" => options.dtb = Some(value()?.into()),
        "--dtb-out" => options.dtb_out = Some(value()?.into()),
        _ => return Err(UsageError::Unknown(name.to_owned())),
    }
    Ok(())
}

/// A size of RAM in bytes, a whole number of pages.
fn size(value: &OsStr) -> Result<u64, UsageError> {
    let text = value.to_string_lossy();
    let (digits, unit) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
        Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
        Some((at, 'g' | 'G')) => (&text[..at], 1 << 30),
        _ => (&*text, 1),
    };
    let number: Option<u64> = digits.parse().ok();
    let bytes = number.and_then(|number| number.checked_mul(unit));
    bytes
        .filter(|bytes| (MIN_RAM..=MAX_RAM).contains(bytes) && bytes.is_multiple_of(4096))
        .ok_or_else(|| UsageError::Size(text.into_owned()))
}

#[cfg(test)]
mod tests {
    use std::ffi::{OsStr, OsString};
    use std::path::PathBuf;

    use super::{Command, Options, UsageError, parse, size};

    fn read(line: &str) -> Result<Command, UsageError> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn options_in_both_forms_and_scripts_among_them() {
        let expected = Options {
            files: PathBuf::from("lab"),
            env: Some(PathBuf::from("env.img")),
            cards: vec![PathBuf::from("sd.img")],
            disks: vec![PathBuf::from("a.img"), PathBuf::from("b.img")],
            memory: Some(2 << 30),
            el1: true,
            dtb_out: Some(PathBuf::from("out.dtb")),
            scripts: vec![PathBuf::from("a.txt"), PathBuf::from("--b")],
            ..Options::default()
        };
        let line = "--files lab a.txt --env env.img --disk a.img --card=sd.img --disk b.img --memory=2G --el1 --dtb-out out.dtb -- --b";
        assert_eq!(read(line), Ok(Command::Run(Box::new(expected))));
        assert_eq!(read(""), Ok(Command::Run(Box::default())));
        assert_eq!(read("a.txt --help"), Ok(Command::Help));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(read("--flies x"), Err(UsageError::Unknown("--flies".to_owned())));
        assert_eq!(read("-x"), Err(UsageError::Unknown("-x".to_owned())));
        assert_eq!(read("--files"), Err(UsageError::NoValue("--files".to_owned())));
        assert_eq!(read("--files="), Err(UsageError::NoValue("--files".to_owned())));
        assert_eq!(read("--el1=yes"), Err(UsageError::Value("--el1".to_owned())));
        assert_eq!(read("--memory 1G --dtb x"), Err(UsageError::MemoryTwice));
    }

    #[test]
    fn sizes() {
        let read = |text| size(OsStr::new(text)).ok();
        assert_eq!(read("512M"), Some(512 << 20));
        assert_eq!(read("65536k"), Some(64 << 20));
        assert_eq!(read("17179869184"), Some(16 << 30));
        for bad in [
            "",
            "G",
            "1T",
            "-1G",
            "0",
            "63M",
            "17G",
            "99999999999G",
            "1073741825",
            "1 G",
            "1Gé",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
