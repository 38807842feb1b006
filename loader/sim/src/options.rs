//! The command line.

use std::ffi::{OsStr, OsString};
use std::iter::Peekable;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// What `--help` prints.
pub const HELP: &str = "\
usage: slipway-sim [OPTION..] [SCRIPT | CONFIG | TREE | FOLDER/]..

Runs scripts (text, or made by mkimage -T script) on a simulated machine, up to the jump to what they boot; or plans the boot
that an xen.cfg (a name that ends in .cfg) or a device tree describes, or the xen.cfg in a folder, as xen plan does, whose files
are in the folder of --files: they are loaded, placed and checked, and what would be started is printed.
Without any of them: a console; Ctrl-] leaves it.

  --board NAME    the board: a name in board-configs, or a path to such a folder (qemu-virt)
  --files DIR     the folder that the TFTP server 10.0.2.2 serves (the current one)
  --env FILE      the flash that the board saves its environment in, as a raw image; made if it is not there.
                  A board that saves it on a card or a disk has it on the one that --card or --disk names
  --card FILE     a card in the next slot, as a raw image: mmc 0, mmc 1 and so on
  --disk FILE     the next disk, as a raw image: virtio 0, virtio 1 and so on.
                  Of either, a folder is one in memory that has its files, on a FAT32 in partition 1. What is written to that is
                  gone at the end: the folder is not changed
  --memory SIZE   RAM, such as 512M or 8G (1G)
  --el1           start at EL1, where Xen cannot run
  --dtb FILE      the machine's device tree, RAM included, in place of a small one made for the board
  --section NAME  the section of the xen.cfg, in place of the one that its default= names
  --check         only say what is wrong with the xen.cfg or device tree, as xen check does
  --dtb-out FILE  where to write the device tree that is handed over at the jump, or would be
  --json [FILE]   what is started, what lies where and what was found, as JSON. FILE ends in .json, or stands behind an =.
                  Without it, or for -, it goes to stdout, and all else to stderr
  --svg FILE      the same as a picture; - for stdout
  --help          this text

Exit status: 0 after a jump, poweroff, a script that succeeds, or a plan that nothing forbids to start; 1 if something does, or
the script fails; 2 if the arguments are wrong.
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

/// Where a report goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To stdout, which nothing else is printed to then.
    Stdout,
    /// To a file.
    File(PathBuf),
}

impl From<OsString> for Target {
    fn from(word: OsString) -> Self {
        match word == "-" {
            true => Self::Stdout,
            false => Self::File(word.into()),
        }
    }
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
    /// The images of the cards, or folders with their files.
    pub cards: Vec<PathBuf>,
    /// The images of the disks, or folders with their files.
    pub disks: Vec<PathBuf>,
    /// RAM in bytes; by default what the device tree says, or 1 GiB.
    pub memory: Option<u64>,
    /// Whether the loader runs at EL1.
    pub el1: bool,
    /// The machine's device tree.
    pub dtb: Option<PathBuf>,
    /// Where the tree goes that is handed over, or would be.
    pub dtb_out: Option<PathBuf>,
    /// The section of a configuration.
    pub section: Option<String>,
    /// Whether a description is only checked.
    pub check: bool,
    /// Where the report goes as JSON.
    pub json: Option<Target>,
    /// Where it goes as a picture.
    pub svg: Option<Target>,
    /// The scripts and descriptions to run one after another; none for a console.
    pub inputs: Vec<PathBuf>,
}

impl Options {
    /// Whether stdout belongs to a report.
    #[must_use]
    pub fn reports_to_stdout(&self) -> bool {
        [&self.json, &self.svg].contains(&&Some(Target::Stdout))
    }
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
            section: None,
            check: false,
            json: None,
            svg: None,
            inputs: Vec::new(),
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
    /// There is one stdout.
    #[error("--json and --svg cannot both be written to stdout")]
    StdoutTwice,
    /// A word that a command cannot have.
    #[error("{0} {1}: the value is not UTF-8")]
    NotUtf8(&'static str, String),
}

/// Reads the arguments, the program's name left out.
///
/// # Errors
/// [`UsageError`], naming the argument.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut options = Options::default();
    let mut args = args.into_iter().peekable();
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy().into_owned();
        if text == "--" {
            options.inputs.extend(args.by_ref().map(PathBuf::from));
        } else if !text.starts_with('-') {
            options.inputs.push(arg.into());
        } else if text == "--help" || text == "-h" {
            return Ok(Command::Help);
        } else {
            set(&mut options, &text, &mut args)?;
        }
    }
    if options.memory.is_some() && options.dtb.is_some() {
        return Err(UsageError::MemoryTwice);
    }
    if (&options.json, &options.svg) == (&Some(Target::Stdout), &Some(Target::Stdout)) {
        return Err(UsageError::StdoutTwice);
    }
    Ok(Command::Run(Box::new(options)))
}

/// Follows one option, `--name value` or `--name=value`.
fn set(
    options: &mut Options,
    arg: &str,
    rest: &mut Peekable<impl Iterator<Item = OsString>>,
) -> Result<(), UsageError> {
    let (name, inline) = match arg.split_once('=') {
        Some((name, value)) => (name, Some(OsString::from(value))),
        None => (arg, None),
    };
    let flag = match name {
        "--el1" => Some(&mut options.el1),
        "--check" => Some(&mut options.check),
        _ => None,
    };
    if let Some(flag) = flag {
        *flag = true;
        return inline.map_or(Ok(()), |_| Err(UsageError::Value(name.to_owned())));
    }
    if name == "--json" && inline.is_none() {
        options.json = Some(rest.next_if(|next| is_json(next)).map_or(Target::Stdout, Target::from));
        return Ok(());
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
        "--section" => {
            let section = value()?.into_string();
            let wrong = |section: OsString| UsageError::NotUtf8("--section", section.to_string_lossy().into_owned());
            options.section = Some(section.map_err(wrong)?);
        }
        "--json" => options.json = Some(value()?.into()),
        "--svg" => options.svg = Some(value()?.into()),
        _ => return Err(UsageError::Unknown(name.to_owned())),
    }
    Ok(())
}

/// Whether the word behind `--json` is its file, and not what is to be run.
fn is_json(word: &OsStr) -> bool {
    word == "-" || Path::new(word).extension().is_some_and(|extension| extension == "json")
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

    use super::{Command, Options, Target, UsageError, parse, size};

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
            inputs: vec![PathBuf::from("a.txt"), PathBuf::from("--b")],
            ..Options::default()
        };
        let line = "--files lab a.txt --env env.img --disk a.img --card=sd.img --disk b.img --memory=2G --el1 --dtb-out out.dtb -- --b";
        assert_eq!(read(line), Ok(Command::Run(Box::new(expected))));
        assert_eq!(read(""), Ok(Command::Run(Box::default())));
        assert_eq!(read("a.txt --help"), Ok(Command::Help));
    }

    fn options(line: &str) -> Options {
        match read(line) {
            Ok(Command::Run(options)) => *options,
            other => panic!("{line}: {other:?}"),
        }
    }

    /// What is run is never taken for a file to be written.
    #[test]
    fn the_file_of_json_may_be_left_out() {
        let file = |name: &str| Some(Target::File(PathBuf::from(name)));
        for (line, json, inputs) in [
            ("--json xen.cfg", Some(Target::Stdout), 1),
            ("xen.cfg --json", Some(Target::Stdout), 1),
            ("--json - xen.cfg", Some(Target::Stdout), 1),
            ("--json=- xen.cfg", Some(Target::Stdout), 1),
            ("--json out.json xen.cfg", file("out.json"), 1),
            ("--json=out xen.cfg", file("out"), 1),
            ("--json --check xen.cfg", Some(Target::Stdout), 1),
            ("--json lab/", Some(Target::Stdout), 1),
        ] {
            let options = options(line);
            assert_eq!((&options.json, options.inputs.len()), (&json, inputs), "{line}");
            assert_eq!(options.reports_to_stdout(), json == Some(Target::Stdout), "{line}");
        }
        let options = options("--check --section two --svg - --json a.json lab/");
        assert!(options.check && options.reports_to_stdout());
        assert_eq!(
            (options.section.as_deref(), &options.svg),
            (Some("two"), &Some(Target::Stdout))
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(read("--json --svg -"), Err(UsageError::StdoutTwice));
        assert_eq!(read("--svg"), Err(UsageError::NoValue("--svg".to_owned())));
        assert_eq!(read("--json="), Err(UsageError::NoValue("--json".to_owned())));
        assert_eq!(read("--check=yes"), Err(UsageError::Value("--check".to_owned())));
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
