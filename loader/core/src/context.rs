//! What a command may touch: the machine as a struct of narrow parts.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use hal::{Clock, PhysAddr, Region, System};

use crate::boot::prepare::Prepared;
use crate::calendar::WallClock;
use crate::commands::{COMMANDS, Command, Display};
use crate::console::{History, Terminal};
use crate::env::{EnvError, Environment, Persistence, Rules};
use crate::finding::Finding;
use crate::memory::Memory;
use crate::net::Network;
use crate::shell;
use crate::shell::number::{self, NumberError};
use crate::source::SourceError;
use crate::storage::Storage;

/// The machine as commands see it. One exists at run time; tests and the simulator make their own.
pub struct Context {
    /// Console in and out; implements [`fmt::Write`].
    pub terminal: Terminal,
    /// The lines that were typed at the prompt.
    pub history: History,
    /// Time.
    pub clock: Rc<dyn Clock>,
    /// The date, once somebody has told it.
    pub wall_clock: WallClock,
    /// The environment variables.
    pub env: Environment,
    /// What `env default` goes back to: the board's own environment.
    pub default_env: Environment,
    /// Where the environment is saved.
    pub persistence: Persistence,
    /// Local variables, `$?` and what else the shell remembers.
    pub shell: shell::State,
    /// Where `md` stopped.
    pub display: Display,
    /// RAM: banks, reservations, loaded files, claims.
    pub memory: Memory,
    /// Card slots and disks.
    pub storage: Storage,
    /// The network; `None` if the machine has no device for it.
    pub network: Option<Network>,
    /// Reset, power, exception level, bus accesses, the jump.
    pub system: Box<dyn System>,
    /// Address of the working tree, as `fdt addr` sets it.
    pub working_tree: Option<PhysAddr>,
    /// What the last command that boots prepared: for those who draw it. `None` if it did not come so far.
    pub prepared: Option<Prepared>,
    /// What that command has found, from the first file that it read on.
    pub findings: Vec<Finding>,
    /// Whether the files that a description or a menu names are fetched without a word, unless it goes wrong.
    pub quiet: bool,
    /// Where the files lie that the last plan loaded by itself: they make room for those of the next one.
    pub planned: Vec<Region>,
    /// The commands that the shell knows, sorted by name.
    pub commands: &'static [Command],
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// `$?` is 0.
    Success,
    /// `$?` is 1; the command has said why, or has nothing to say (`false`).
    Failure,
}

/// How a command ends other than with a status, for the shell to deal with.
#[derive(Debug, PartialEq, Eq)]
pub enum CommandError {
    /// The arguments do not fit: the shell prints the command's usage.
    Usage,
    /// Ctrl-C was typed.
    Interrupted,
    /// `exit` ends the script that it stands in, with this status.
    Exit(Status),
    /// A whole message: one sentence or several lines, without a final newline.
    Failed(String),
}

impl CommandError {
    /// A failure with `message`.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }
}

impl<E: core::error::Error> From<E> for CommandError {
    fn from(error: E) -> Self {
        Self::Failed(alloc::format!("{error}"))
    }
}

impl From<SourceError> for CommandError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Stopped => Self::Interrupted,
            SourceError::NoRoom(error) => Self::from(error),
            SourceError::Refused(why) | SourceError::Failed(why) => Self::Failed(why),
        }
    }
}

/// What a command's `run` gives.
pub type CommandResult = Result<Status, CommandError>;

/// A command's words: `args[0]` is its name as typed.
pub type Args<'a> = &'a [String];

/// A terminal that shows control characters instead of obeying them.
struct Visible<'a>(&'a mut Terminal);

impl fmt::Write for Visible<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.split_inclusive(is_steering) {
            let steering = piece.chars().next_back().filter(|last| is_steering(*last));
            let plain = steering.and_then(|last| piece.strip_suffix(last)).unwrap_or(piece);
            self.0.write_str(plain)?;
            if let Some(steering) = steering {
                write!(self.0, "{}", steering.escape_default())?;
            }
        }
        Ok(())
    }
}

fn is_steering(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
}

impl fmt::Write for Context {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.terminal.write_str(text)
    }
}

impl Context {
    /// A machine with these parts, an empty environment and all commands. The other fields are set by who has something to put there.
    #[must_use]
    pub fn new(terminal: Terminal, clock: Rc<dyn Clock>, memory: Memory, system: Box<dyn System>) -> Self {
        Self {
            terminal,
            history: History::default(),
            clock,
            wall_clock: WallClock::default(),
            env: Environment::default(),
            default_env: Environment::default(),
            persistence: Persistence::default(),
            shell: shell::State::default(),
            display: Display::default(),
            memory,
            storage: Storage::default(),
            network: None,
            system,
            working_tree: None,
            prepared: None,
            findings: Vec::new(),
            quiet: false,
            planned: Vec::new(),
            commands: COMMANDS,
        }
    }

    /// The hexadecimal number that `word` stands for. A prefix that stands there twice is taken for one, with a warning.
    ///
    /// # Errors
    /// [`NumberError`] if it is not a number of up to 64 bits.
    pub fn hexadecimal(&mut self, word: &str) -> Result<u64, NumberError> {
        let number = number::hexadecimal(word)?;
        if number.doubled_prefix {
            let value = number.value;
            self.say(format_args!("Warning: '{word}' has its 0x twice; read as {value:#x}"));
        }
        Ok(number.value)
    }

    /// Prints a line, or several. The console cannot fail, so neither can this. A word in it may come from a script, a server or a file:
    /// control characters other than line ends and tabs are shown escaped, so that none steers the terminal.
    pub fn say(&mut self, line: fmt::Arguments<'_>) {
        self.say_part(line);
        self.terminal.write_bytes(b"\r\n");
    }

    /// As [`Context::say`], but the line goes on.
    pub fn say_part(&mut self, part: fmt::Arguments<'_>) {
        // Terminal's `write_str` always gives Ok: what the UART cannot send is dropped there.
        let _ = fmt::Write::write_fmt(&mut Visible(&mut self.terminal), part);
    }

    /// Begins a boot: what the one before has found and prepared is forgotten.
    pub(crate) fn begin_boot(&mut self) {
        self.prepared = None;
        self.findings.clear();
    }

    /// Prints what was found, and keeps it for those who draw the boot.
    pub(crate) fn report(&mut self, findings: &[Finding]) {
        for finding in findings {
            self.say(format_args!("{finding}"));
        }
        self.findings.extend_from_slice(findings);
    }

    /// Sets a variable as `setenv` does, or unsets it: its flags hold, and say so with U-Boot's words.
    ///
    /// # Errors
    /// [`EnvError`] if the name cannot be one, the flags do not let it, or there is no room.
    pub fn set_variable(&mut self, name: &str, value: Option<&str>, force: bool) -> Result<(), EnvError> {
        let defaults = Some(&self.default_env);
        self.env.change(name, value, Rules { force, defaults })
    }

    /// Sets a variable to what a command found out: its flags hold, and nothing unsets it.
    ///
    /// # Errors
    /// As [`Context::set_variable`].
    pub fn assign(&mut self, name: &str, value: &str) -> Result<(), EnvError> {
        self.set_variable(name, Some(value).filter(|value| !value.is_empty()), false)
    }

    /// Does what waits while nobody types: the network answers ARP and ping. And somebody may exchange a card meanwhile.
    pub fn idle(&mut self) {
        self.storage.forget();
        if let Some(network) = &mut self.network {
            network.serve();
        }
    }

    /// Stops every device that writes to memory by itself: the last thing before the jump.
    pub fn quiesce(&mut self) {
        if let Some(mut network) = self.network.take() {
            network.shutdown();
        }
        self.storage.shutdown();
    }

    /// The names of all commands and aliases, sorted, for help and completion.
    #[must_use]
    pub fn command_names(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = self
            .commands
            .iter()
            .flat_map(|command| core::iter::once(&command.name).chain(command.aliases))
            .copied()
            .collect();
        names.sort_unstable();
        names
    }
}
