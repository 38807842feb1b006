//! Runs parsed scripts.

use alloc::string::String;
use alloc::vec::Vec;

use super::ast::{Assignment, Command, Connector, List, Simple, Step, Word};
use super::expand::{Buffers, EXPANSION_LIMIT, ExpandError, Variables};
use super::span::{Place, Span};
use super::{PIECE_LIMIT, lookup, parser};
use crate::commands::Command as Entry;
use crate::context::{CommandError, CommandResult, Context, Status};
use crate::env::Environment;

/// How deep `run` and `source` may go: a script that runs itself ends here.
const SCRIPT_DEPTH: u8 = 16;

/// How deep compound commands may stand within one another, over all scripts that are running. Bounds the stack.
const NESTING: u8 = 64;

/// What the shell remembers from one command to the next.
#[derive(Debug)]
pub struct State {
    /// Local variables.
    pub locals: Environment,
    /// How the last command ended.
    pub status: Status,
    /// Whether all commands since the flag was set may be run again by an empty line.
    pub repeatable: bool,
    /// Whether an empty line is running them again: `md` goes on where it stopped.
    pub repeating: bool,
    /// Whether a line that was typed at the prompt is running, maybe with scripts in it.
    pub typed: bool,
    /// The value of `$?` after a failure; 0 if that was not a command's.
    code: u32,
    /// What `exit` has said that `$?` shall be after the script.
    exit_code: Option<u32>,
    /// Room for the words of commands.
    buffers: Buffers,
    /// How often the console was not looked at since it was the last time.
    polls_saved: u8,
    scripts: u8,
    nesting: u8,
    /// Bytes of the words that the loops which run have still to go through, and one for each.
    held: usize,
    /// How many more pieces the words of scripts may have.
    pieces_left: usize,
}

impl Default for State {
    fn default() -> Self {
        Self {
            locals: Environment::default(),
            status: Status::Success,
            repeatable: false,
            repeating: false,
            typed: false,
            code: 0,
            exit_code: None,
            buffers: Buffers::default(),
            polls_saved: 0,
            scripts: 0,
            nesting: 0,
            held: 0,
            pieces_left: PIECE_LIMIT,
        }
    }
}

impl State {
    /// The value of `$?`: 0 after a success, 1 after a failure, what `exit` said after a script that it ended.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self.status {
            Status::Success => 0,
            Status::Failure => self.code.max(1),
        }
    }

    /// The end of the script that runs, after which `$?` is `code`: for `exit` to give back.
    pub fn exit(&mut self, code: u32) -> CommandError {
        self.exit_code = Some(code);
        CommandError::Exit(match code {
            0 => Status::Success,
            _ => Status::Failure,
        })
    }

    /// Whether what runs is no script, but stands in the typed line itself.
    #[must_use]
    pub fn is_at_prompt(&self) -> bool {
        self.typed && self.scripts <= 1
    }

    /// Notes how a command ended.
    fn ended(&mut self, status: Status) {
        self.status = status;
        self.code = match status {
            Status::Success => 0,
            Status::Failure => self.exit_code.take().unwrap_or(1),
        };
    }
}

/// Runs `source` to its end or to `exit`. What its commands have to say is printed as they fail.
///
/// # Errors
/// [`CommandError::Failed`] with a report if it cannot be parsed, or runs within too many others; then nothing of it was run.
/// [`CommandError::Interrupted`] after Ctrl-C.
pub fn execute(context: &mut Context, source: &str) -> CommandResult {
    let result = script(context, source);
    match result {
        Err(CommandError::Exit(status)) => {
            context.shell.status = status;
            context.shell.code = context.shell.exit_code.unwrap_or_default();
            Ok(status)
        }
        other => other,
    }
}

fn script(context: &mut Context, source: &str) -> CommandResult {
    if context.shell.scripts == SCRIPT_DEPTH {
        let message = alloc::format!("scripts run one another more than {SCRIPT_DEPTH} deep");
        return Err(CommandError::failed(message));
    }
    let outside = context.shell.pieces_left;
    let (script, pieces_left) =
        parser::parse_within(source, outside).map_err(|error| CommandError::failed(error.report(source)))?;
    context.shell.pieces_left = pieces_left;
    context.shell.scripts = context.shell.scripts.saturating_add(1);
    let result = Runner { context, source }.list(&script);
    context.shell.scripts = context.shell.scripts.saturating_sub(1);
    context.shell.pieces_left = outside;
    result
}

/// Runs one script.
struct Runner<'a> {
    context: &'a mut Context,
    /// The script's text, for messages.
    source: &'a str,
}

impl Runner<'_> {
    fn list(&mut self, steps: &List) -> CommandResult {
        for step in steps {
            let status = self.context.shell.status;
            let runs = match step.connector {
                Connector::Always => true,
                Connector::And => status == Status::Success,
                Connector::Or => status == Status::Failure,
            };
            if runs {
                self.step(step)?;
            }
        }
        Ok(self.context.shell.status)
    }

    /// Runs one command and prints what is wrong with it. Only Ctrl-C and `exit` go further up.
    fn step(&mut self, step: &Step) -> Result<(), CommandError> {
        let result = match &step.command {
            Command::Simple(command) => self.simple(command),
            compound => self.nested(compound),
        };
        match result {
            Err(CommandError::Failed(message)) => {
                self.context.say(format_args!("{message}"));
                self.context.shell.exit_code = None;
                self.context.shell.ended(Status::Failure);
            }
            other => other?,
        }
        if step.negated {
            let negated = match self.context.shell.status {
                Status::Success => Status::Failure,
                Status::Failure => Status::Success,
            };
            self.context.shell.ended(negated);
        }
        Ok(())
    }

    fn nested(&mut self, command: &Command) -> Result<(), CommandError> {
        if self.context.shell.nesting == NESTING {
            let message = alloc::format!("the scripts that run nest commands deeper than {NESTING} levels");
            return Err(CommandError::failed(message));
        }
        self.context.shell.nesting = self.context.shell.nesting.saturating_add(1);
        let result = self.compound(command);
        self.context.shell.nesting = self.context.shell.nesting.saturating_sub(1);
        result
    }

    fn compound(&mut self, command: &Command) -> Result<(), CommandError> {
        match command {
            Command::Simple(command) => self.simple(command),
            Command::If { branches, otherwise } => {
                for (condition, body) in branches {
                    if self.list(condition)? == Status::Success {
                        return self.body(body);
                    }
                }
                self.body(otherwise)
            }
            Command::For { name, words, body } => {
                let words = self.items(words)?;
                let held = words.iter().map(String::len).fold(words.len(), usize::saturating_add);
                let outside = self.context.shell.held;
                self.context.shell.held = outside.saturating_add(held);
                let result = self.for_each(name, &words, body);
                self.context.shell.held = outside;
                result
            }
            Command::While { condition, until, body } => {
                while (self.list(condition)? == Status::Success) != *until {
                    self.body(body)?;
                    self.poll()?;
                }
                // As in U-Boot's present parser, the question that ends a loop is no failure, nor is the last round.
                self.context.shell.ended(Status::Success);
                Ok(())
            }
        }
    }

    /// Runs the body of a `for` with its variable set to each of the words.
    fn for_each(&mut self, name: &str, words: &[String], body: &List) -> Result<(), CommandError> {
        if self.context.shell.held > EXPANSION_LIMIT {
            let message = alloc::format!("the loops that run hold more than {EXPANSION_LIMIT} bytes of words");
            return Err(CommandError::failed(message));
        }
        self.context.shell.ended(Status::Success);
        for word in words {
            self.context.shell.locals.set(name, word)?;
            self.poll()?;
            self.body(body)?;
        }
        Ok(())
    }

    /// Runs what a condition or a loop guards. It begins with a success: an empty one is one.
    fn body(&mut self, body: &List) -> Result<(), CommandError> {
        self.context.shell.ended(Status::Success);
        self.list(body)?;
        Ok(())
    }

    /// Ctrl-C ends whatever runs. A look at the receiver takes longer than a small command, so that only every fourth time is one: what takes
    /// long, or prints, looks for itself.
    fn poll(&mut self) -> Result<(), CommandError> {
        const SAVED: u8 = 3;
        if self.context.shell.polls_saved < SAVED {
            self.context.shell.polls_saved = self.context.shell.polls_saved.saturating_add(1);
            return Ok(());
        }
        self.context.shell.polls_saved = 0;
        match self.context.terminal.interrupted() {
            true => Err(CommandError::Interrupted),
            false => Ok(()),
        }
    }

    fn simple(&mut self, command: &Simple) -> Result<(), CommandError> {
        self.poll()?;
        let words = self.words(&command.words)?;
        let result = self.expanded(command, &words);
        self.context.shell.buffers.give_back(words);
        result
    }

    /// Runs a command with these words in place of its own.
    fn expanded(&mut self, command: &Simple, words: &[String]) -> Result<(), CommandError> {
        let Some(name) = words.first() else {
            // Words that come to nothing leave `$?` as it was.
            if !command.assignments.is_empty() {
                self.assign(&command.assignments)?;
                self.context.shell.ended(Status::Success);
            }
            return Ok(());
        };
        let Some(entry) = lookup::find(self.context.commands, name) else {
            self.context.shell.repeatable = false;
            let place = command.words.first().map(|word| word.span).unwrap_or_default();
            return Err(self.unknown(name, place));
        };
        self.context.shell.repeatable &= entry.repeatable;
        if command.assignments.is_empty() {
            return self.run(entry, words);
        }
        let outside = self.context.shell.locals.clone();
        let result = self.assign(&command.assignments);
        let result = result.and_then(|()| self.run(entry, words));
        self.context.shell.locals = outside;
        result
    }

    fn run(&mut self, entry: &Entry, words: &[String]) -> Result<(), CommandError> {
        self.context.shell.exit_code = None;
        match (entry.run)(self.context, words) {
            Err(CommandError::Usage) => Err(CommandError::failed(entry.usage_text())),
            other => {
                self.context.shell.ended(other?);
                Ok(())
            }
        }
    }

    /// U-Boot's line for a command that there is not. In a script of several lines a second one says where.
    fn unknown(&self, name: &str, span: Span) -> CommandError {
        let (source, offset) = (self.source, span.start);
        let message = alloc::format!("Unknown command '{name}' - try 'help'");
        CommandError::Failed(match source.trim().contains('\n') {
            true => alloc::format!("{message}\nat {}", Place { source, offset }),
            false => message,
        })
    }

    fn assign(&mut self, assignments: &[Assignment]) -> Result<(), CommandError> {
        for assignment in assignments {
            let value = self.variables().value(&assignment.value);
            let value = value.map_err(|error| self.located(&error))?;
            self.context.shell.locals.set(&assignment.name, &value)?;
        }
        Ok(())
    }

    fn words(&mut self, words: &[Word]) -> Result<Vec<String>, CommandError> {
        let words = self.variables().words(words);
        words.map_err(|error| self.located(&error))
    }

    fn items(&mut self, words: &[Word]) -> Result<Vec<String>, CommandError> {
        let items = self.variables().items(words);
        items.map_err(|error| self.located(&error))
    }

    fn located(&self, error: &ExpandError) -> CommandError {
        CommandError::Failed(error.report(self.source))
    }

    fn variables(&mut self) -> Variables<'_> {
        let code = self.context.shell.code();
        Variables {
            env: &self.context.env,
            locals: &mut self.context.shell.locals,
            buffers: &mut self.context.shell.buffers,
            code,
        }
    }
}

#[cfg(test)]
mod tests;
