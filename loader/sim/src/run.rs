//! The program: scripts up to the jump, plans of what is described, or a console.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant as HostInstant};

use board_schema::Folder;
use hal::PhysAddr;
use hal::fakes::ManualClock;
use loader_core::boot::prepare::Prepared;
use loader_core::console::{Repl, print_banner};
use loader_core::context::{CommandError, Context, Status};
use loader_core::devicetree::parse_header;
use loader_core::shell;
use thiserror::Error;

use crate::clocks::{HostClock, ScriptClock};
use crate::drawing;
use crate::host_console::{HostConsole, Input as Keys, RawMode};
use crate::input::{self, Input, InputError};
use crate::lan;
use crate::options::{Options, Target};
use crate::output::Output;
use crate::power::{End, Ending};
use crate::report::Report;
use crate::simulation::{self, BuildError, Frame};

/// How far the network's time moves when it is read, in microseconds.
const NETWORK_STEP: u64 = 1;

/// How long the console sleeps when nothing was typed.
const IDLE: Duration = Duration::from_millis(2);

/// Why the program does not end well.
#[derive(Debug, Error)]
pub enum RunError {
    /// There is no such machine.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// What is to be run cannot be.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The terminal cannot be used.
    #[error("the terminal: {0}")]
    Terminal(io::Error),
    /// A script failed; it has said why.
    #[error("{}: the script failed", .0.display())]
    Failed(PathBuf),
    /// What is described cannot be started; the command's words say why.
    #[error("{}: the check failed", input.display())]
    Refused {
        /// What describes it.
        input: PathBuf,
        /// What the command said.
        why: String,
    },
    /// The last command at the console failed.
    #[error("the last command failed")]
    LastFailed,
    /// `reset`.
    #[error("the machine was reset")]
    Reset,
    /// A device tree is asked for and there is none.
    #[error("there was neither a jump nor a plan of one, so no device tree is written to {}", .0.display())]
    NoTree(PathBuf),
    /// A report is asked for and tells of nothing.
    #[error("no boot command came as far as its checks, so there is nothing to report")]
    NothingPrepared,
    /// A report is asked for, and it tells of errors that the script made nothing of.
    #[error("what was to be started has errors")]
    Forbidden,
    /// The device tree or a report cannot be written.
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
        matches!(self, Self::Build(_) | Self::Input(_))
    }
}

/// Does what the command line asks for.
///
/// # Errors
/// [`RunError`] if the machine cannot be made, a script fails, or something forbids to start what is described.
pub fn run(options: &Options) -> Result<(), RunError> {
    let board = simulation::board(&options.board)?;
    simulation::check_files(options)?;
    if options.inputs.is_empty() {
        console(options, &board)
    } else {
        batch(options, &board)
    }
}

/// Where the machine prints.
fn output(options: &Options) -> Output {
    match options.reports_to_stdout() {
        true => Output::Stderr,
        false => Output::Stdout,
    }
}

/// Runs all inputs, up to the first that fails or ends the machine. Time is simulated: nothing is waited for.
fn batch(options: &Options, board: &Folder) -> Result<(), RunError> {
    let inputs = read(options)?;
    let ending = Ending::default();
    let time = Rc::new(ManualClock::with_step(NETWORK_STEP));
    let frame = Frame {
        console: Box::new(HostConsole::new(output(options), ending.clone(), None)),
        clock: Rc::new(ScriptClock(Rc::clone(&time))),
        network_time: time,
        ending: ending.clone(),
    };
    let mut context = simulation::build(options, board, frame)?;
    let mut result = Ok(());
    for (path, input) in &inputs {
        result = match input {
            Input::Script(text) => execute(&mut context, path, text),
            Input::Description(name) => plan(&mut context, options, (path, name)),
        };
        if ending.is_set() || result.is_err() {
            break;
        }
    }
    conclude(&context, (options, board), (ending.take(), result))
}

/// All inputs, before the first is run.
fn read(options: &Options) -> Result<Vec<(&PathBuf, Input)>, InputError> {
    let inputs = options.inputs.iter();
    let inputs: Vec<_> = inputs
        .map(|path| Ok((path, input::read(path, &options.files)?)))
        .collect::<Result<_, InputError>>()?;
    let described = inputs.iter().any(|(_, input)| matches!(input, Input::Description(_)));
    match (described, options.check, &options.section) {
        (false, true, _) => Err(InputError::NoDescription("--check")),
        (false, _, Some(_)) => Err(InputError::NoDescription("--section")),
        _ => Ok(inputs),
    }
}

/// Runs a script and says what ended it early.
fn execute(context: &mut Context, path: &Path, text: &str) -> Result<(), RunError> {
    let status = shell::execute(context, text).unwrap_or_else(|error| {
        if let CommandError::Failed(message) = error {
            context.say(format_args!("{message}"));
        }
        Status::Failure
    });
    match status {
        Status::Success => Ok(()),
        Status::Failure => Err(RunError::Failed(path.to_owned())),
    }
}

/// Plans or checks the boot that a file of the server describes, without a word of the network.
fn plan(context: &mut Context, options: &Options, (path, name): (&Path, &str)) -> Result<(), RunError> {
    let goal = if options.check { "check" } else { "plan" };
    let words = ["xen", goal, "tftp", name]
        .into_iter()
        .chain(options.section.as_deref());
    let words: Vec<String> = words.map(str::to_owned).collect();
    let command = context.commands.iter().find(|command| command.name == "xen");
    let run = command.map_or_else(|| unreachable!("the loader knows xen"), |command| command.run);
    context.quiet = true;
    let result = connect(context).and_then(|()| run(context, &words));
    context.quiet = false;
    let why = match result {
        Ok(Status::Success) if options.check => {
            context.say(format_args!("{}: nothing forbids the start", path.display()));
            return Ok(());
        }
        Ok(Status::Success) => return Ok(()),
        Ok(Status::Failure) => String::new(),
        Err(CommandError::Failed(why)) => why,
        Err(other) => format!("{name}: {other:?}"),
    };
    context.say(format_args!("{why}"));
    Err(RunError::Refused {
        input: path.to_owned(),
        why,
    })
}

/// What DHCP would say on the simulated network.
fn connect(context: &mut Context) -> Result<(), CommandError> {
    let (own, server) = (lan::CLIENT.to_string(), lan::HOST.to_string());
    for (name, value) in [
        ("ipaddr", own.as_str()),
        ("netmask", lan::NETMASK),
        ("serverip", &server),
    ] {
        context.set_variable(name, Some(value), true)?;
    }
    Ok(())
}

/// Gives a console, until the machine or the input comes to its end.
fn console(options: &Options, board: &Folder) -> Result<(), RunError> {
    let ending = Ending::default();
    let (keys, input_ended) = Keys::open();
    let frame = Frame {
        console: Box::new(HostConsole::new(output(options), ending.clone(), Some(keys))),
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
    output(options).line("");
    let result = match context.shell.status {
        Status::Failure if !ending.is_set() => Err(RunError::LastFailed),
        _ => Ok(()),
    };
    conclude(&context, (options, board), (ending.take(), result))
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

/// Says how it ended, and writes what was asked for: the report also of what failed.
fn conclude(
    context: &Context,
    (options, board): (&Options, &Folder),
    (end, result): (Option<End>, Result<(), RunError>),
) -> Result<(), RunError> {
    let result = match end {
        Some(End::Reset) => Err(RunError::Reset),
        // A script that is cut short by its end has not failed.
        Some(End::Jump(request)) => {
            let (level, entry, tree) = (context.system.exception_level(), request.entry, request.device_tree);
            let regions: Vec<String> = request.clean.iter().map(ToString::to_string).collect();
            output(options).line(&format!(
                "Jump to {entry} at {level}, device tree at {tree}; in RAM: {}",
                regions.join(", ")
            ));
            write_tree(options, || {
                Some(handed_over(context, tree).ok_or("the tree is not where it was put"))
            })
        }
        Some(End::PowerOff | End::Left) => write_tree(options, || planned(context).map(Ok)),
        None => result.and_then(|()| write_tree(options, || planned(context).map(Ok))),
    };
    report(context, (options, board), result)
}

/// The tree in RAM after a jump.
fn handed_over(context: &Context, at: PhysAddr) -> Option<&[u8]> {
    let bytes = context.memory.bytes_from(at).ok()?;
    let len = parse_header(bytes).ok()?.total_size;
    bytes.get(..usize::try_from(len).ok()?)
}

/// The tree of what could be started.
fn planned(context: &Context) -> Option<&[u8]> {
    let prepared = context.prepared.as_ref().filter(|prepared| prepared.errors() == 0);
    prepared.map(|Prepared { blob, .. }| blob.as_slice())
}

/// Writes the tree that `find` gives, if one is asked for.
fn write_tree<'a>(
    options: &Options,
    find: impl FnOnce() -> Option<Result<&'a [u8], &'static str>>,
) -> Result<(), RunError> {
    let Some(path) = &options.dtb_out else { return Ok(()) };
    let found = find().ok_or_else(|| RunError::NoTree(path.clone()))?;
    let written = found.map_err(io::Error::other).and_then(|blob| fs::write(path, blob));
    written.map_err(|source| RunError::Write {
        path: path.clone(),
        source,
    })
}

/// Writes the reports that are asked for. With one, the status is 0 only if it says that all is well.
fn report(
    context: &Context,
    (options, board): (&Options, &Folder),
    result: Result<(), RunError>,
) -> Result<(), RunError> {
    if (&options.json, &options.svg) == (&None, &None) {
        return result;
    }
    let result = result.and_then(|()| match &context.prepared {
        None => Err(RunError::NothingPrepared),
        Some(prepared) if prepared.errors() > 0 => Err(RunError::Forbidden),
        Some(_) => Ok(()),
    });
    let failure = match &result {
        Err(RunError::Refused { why, .. }) => Some(why.clone()),
        Err(other) => Some(other.to_string()),
        Ok(()) => None,
    };
    let report = Report::of(context, &board.name, failure);
    let json = options.json.iter().map(|target| (target, report.to_json()));
    let svg = options.svg.iter().map(|target| (target, drawing::draw(&report)));
    let written = json.chain(svg).try_for_each(|(target, text)| write(target, &text));
    result.and(written)
}

fn write(target: &Target, text: &str) -> Result<(), RunError> {
    let (path, written) = match target {
        Target::Stdout => (Path::new("stdout"), io::stdout().write_all(text.as_bytes())),
        Target::File(path) => (path.as_path(), fs::write(path, text)),
    };
    written.map_err(|source| RunError::Write {
        path: path.to_owned(),
        source,
    })
}
