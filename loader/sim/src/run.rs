//! The program: scripts up to the jump, or a console.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant as HostInstant, SystemTime, UNIX_EPOCH};

use board_schema::Folder;
use hal::fakes::ManualClock;
use hal::{Clock, Instant, PhysAddr};
use loader_core::console::{Repl, print_banner};
use loader_core::context::{CommandError, Context, Status};
use loader_core::devicetree::parse_header;
use loader_core::shell;
use thiserror::Error;

use crate::host_console::{HostConsole, Input, RawMode};
use crate::options::Options;
use crate::power::{End, Ending};
use crate::script::{self, ScriptError};
use crate::simulation::{self, BuildError, Frame};

/// How far the network's time moves when it is read, in microseconds.
const NETWORK_STEP: u64 = 1;

/// How far a script's time moves when it is read: `sleep` ends soon.
const SCRIPT_STEP: Duration = Duration::from_millis(1);

/// How long the console sleeps when nothing was typed.
const IDLE: Duration = Duration::from_millis(2);

/// Why the program does not end well.
#[derive(Debug, Error)]
pub enum RunError {
    /// There is no such machine.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A script cannot be read.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The terminal cannot be used.
    #[error("the terminal: {0}")]
    Terminal(io::Error),
    /// A script failed; it has said why.
    #[error("{}: the script failed", .0.display())]
    Failed(PathBuf),
    /// The last command at the console failed.
    #[error("the last command failed")]
    LastFailed,
    /// `reset`.
    #[error("the machine was reset")]
    Reset,
    /// A device tree is asked for and there is none.
    #[error("there was no jump, so no device tree is written to {}", .0.display())]
    NoJump(PathBuf),
    /// The device tree cannot be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl RunError {
    /// Whether the arguments are to blame, or the files that they name: nothing was run.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Build(_) | Self::Script(_))
    }
}

/// Does what the command line asks for.
///
/// # Errors
/// [`RunError`] if the machine cannot be made, or a script fails.
pub fn run(options: &Options) -> Result<(), RunError> {
    let board = simulation::board(&options.board)?;
    if options.scripts.is_empty() {
        console(options, &board)
    } else {
        batch(options, &board)
    }
}

/// Runs the scripts, up to the first that fails or ends the machine. Time is simulated: nothing is waited for.
fn batch(options: &Options, board: &Folder) -> Result<(), RunError> {
    // All are read before the first is run.
    let mut scripts = Vec::new();
    for path in &options.scripts {
        scripts.push((path, script::read(path)?));
    }
    let ending = Ending::default();
    let time = Rc::new(ManualClock::with_step(NETWORK_STEP));
    let frame = Frame {
        console: Box::new(HostConsole::new(ending.clone(), None)),
        clock: Rc::new(ScriptClock(Rc::clone(&time))),
        network_time: time,
        ending: ending.clone(),
    };
    let mut context = simulation::build(options, board, frame)?;
    for (path, text) in scripts {
        let status = execute(&mut context, &text);
        if let Some(end) = ending.take() {
            return finish(&context, options, &end);
        }
        if status == Status::Failure {
            return Err(RunError::Failed(path.clone()));
        }
    }
    no_jump(options)
}

/// Runs a script and says what ended it early.
fn execute(context: &mut Context, text: &str) -> Status {
    match shell::execute(context, text) {
        Ok(status) => status,
        Err(error) => {
            if let CommandError::Failed(message) = error {
                context.say(format_args!("{message}"));
            }
            Status::Failure
        }
    }
}

/// Gives a console, until the machine or the input comes to its end.
fn console(options: &Options, board: &Folder) -> Result<(), RunError> {
    let ending = Ending::default();
    let (input, input_ended) = Input::open();
    let frame = Frame {
        console: Box::new(HostConsole::new(ending.clone(), Some(input))),
        clock: Rc::new(HostClock(HostInstant::now())),
        network_time: Rc::new(ManualClock::with_step(NETWORK_STEP)),
        ending: ending.clone(),
    };
    let mut context = simulation::build(options, board, frame)?;
    let raw = RawMode::enter().map_err(RunError::Terminal)?;
    if raw.is_none() {
        // The first of the bytes that wait in a pipe is no key that stops something.
        context
            .env
            .set("bootdelay", "-1")
            .unwrap_or_else(|error| unreachable!("{error}"));
    }
    print_banner(&mut context);
    introduce(&mut context, board);
    let mut repl = Repl::default();
    repl.start(&mut context);
    while !ending.is_set() {
        if !repl.poll(&mut context) {
            if input_ended.get() {
                break;
            }
            context.idle();
            thread::sleep(IDLE);
        }
    }
    drop(raw);
    say("");
    match ending.take() {
        Some(end) => finish(&context, options, &end),
        None if context.shell.status == Status::Failure => Err(RunError::LastFailed),
        None => no_jump(options),
    }
}

/// What the loader runs on.
fn introduce(context: &mut Context, board: &Folder) {
    let level = context.system.exception_level();
    let mib: u64 = context.memory.banks().iter().map(|bank| bank.len() >> 20).sum();
    context.say(format_args!(
        "Board: {} ({}), simulated, at {level}",
        board.name, board.board.description
    ));
    context.say(format_args!("DRAM:  {mib} MiB"));
}

fn finish(context: &Context, options: &Options, end: &End) -> Result<(), RunError> {
    match end {
        End::Jump(request) => {
            let (level, entry, tree) = (context.system.exception_level(), request.entry, request.device_tree);
            let regions: Vec<String> = request.clean.iter().map(ToString::to_string).collect();
            say(&format!(
                "Jump to {entry} at {level}, device tree at {tree}; in RAM: {}",
                regions.join(", ")
            ));
            match &options.dtb_out {
                Some(path) => write_tree(context, tree, path),
                None => Ok(()),
            }
        }
        End::PowerOff | End::Left => no_jump(options),
        End::Reset => Err(RunError::Reset),
    }
}

/// Well, unless a device tree was asked for.
fn no_jump(options: &Options) -> Result<(), RunError> {
    options
        .dtb_out
        .clone()
        .map_or(Ok(()), |path| Err(RunError::NoJump(path)))
}

fn write_tree(context: &Context, at: PhysAddr, path: &Path) -> Result<(), RunError> {
    let blob = context.memory.bytes_from(at).ok().and_then(|bytes| {
        let len = parse_header(bytes).ok()?.total_size;
        bytes.get(..usize::try_from(len).ok()?)
    });
    let blob = blob.ok_or_else(|| io::Error::other("the tree is not where it was put"));
    blob.and_then(|blob| fs::write(path, blob))
        .map_err(|source| RunError::Write {
            path: path.to_owned(),
            source,
        })
}

/// Prints a line of the simulation's own. As on a board, it is no error if nobody listens.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// The network's time in larger steps: nothing but the network and waits take any.
struct ScriptClock(Rc<ManualClock>);

impl Clock for ScriptClock {
    fn now(&self) -> Instant {
        self.0.advance(SCRIPT_STEP);
        self.0.now()
    }

    fn entropy(&self) -> u64 {
        self.0.entropy()
    }
}

/// The host's time: a person at the console needs the seconds of the count-down.
struct HostClock(HostInstant);

impl Clock for HostClock {
    fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn entropy(&self) -> u64 {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        time.as_secs() ^ u64::from(time.subsec_nanos())
    }
}
