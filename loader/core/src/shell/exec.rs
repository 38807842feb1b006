//! Runs parsed scripts.

use alloc::string::String;

use super::ast::{Assignment, Command, Connector, List, Simple, Step};
use super::expand::{EXPANSION_LIMIT, ExpandError, Variables};
use super::{PIECE_LIMIT, lookup, parser};
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
    /// The value of `$?`.
    pub status: Status,
    /// Whether all commands since the flag was set may be run again by an empty line.
    pub repeatable: bool,
    /// Whether an empty line is running them again: `md` goes on where it stopped.
    pub repeating: bool,
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
            scripts: 0,
            nesting: 0,
            held: 0,
            pieces_left: PIECE_LIMIT,
        }
    }
}

/// Runs `source` to its end or to `exit`. What its commands have to say is printed as they fail.
///
/// # Errors
/// [`CommandError::Failed`] with a report if it cannot be parsed, or runs within too many others; then nothing of it was run.
/// [`CommandError::Interrupted`] after Ctrl-C.
pub fn execute(context: &mut Context, source: &str) -> CommandResult {
    if context.shell.scripts == SCRIPT_DEPTH {
        let message = alloc::format!("scripts run one another more than {SCRIPT_DEPTH} deep");
        return Err(CommandError::failed(message));
    }
    let outside = context.shell.pieces_left;
    let (script, pieces_left) =
        parser::parse_within(source, outside).map_err(|error| CommandError::failed(error.report(source)))?;
    context.shell.pieces_left = pieces_left;
    context.shell.scripts = context.shell.scripts.saturating_add(1);
    let result = list(context, &script);
    context.shell.scripts = context.shell.scripts.saturating_sub(1);
    context.shell.pieces_left = outside;
    if let Err(CommandError::Exit(status)) = result {
        context.shell.status = status;
        return Ok(status);
    }
    result
}

fn list(context: &mut Context, steps: &List) -> CommandResult {
    for step in steps {
        let runs = match step.connector {
            Connector::Always => true,
            Connector::And => context.shell.status == Status::Success,
            Connector::Or => context.shell.status == Status::Failure,
        };
        if runs {
            context.shell.status = run_step(context, step)?;
        }
    }
    Ok(context.shell.status)
}

/// Runs one command and prints what is wrong with it. Only Ctrl-C and `exit` go further up.
fn run_step(context: &mut Context, step: &Step) -> CommandResult {
    let result = match &step.command {
        Command::Simple(command) => simple(context, command),
        compound => nested(context, compound),
    };
    let status = match result {
        Err(CommandError::Failed(message)) => {
            context.say(format_args!("{message}"));
            Status::Failure
        }
        other => other?,
    };
    Ok(match (step.negated, status) {
        (false, status) => status,
        (true, Status::Success) => Status::Failure,
        (true, Status::Failure) => Status::Success,
    })
}

fn nested(context: &mut Context, command: &Command) -> CommandResult {
    if context.shell.nesting == NESTING {
        let message = alloc::format!("the scripts that run nest commands deeper than {NESTING} levels");
        return Err(CommandError::failed(message));
    }
    context.shell.nesting = context.shell.nesting.saturating_add(1);
    let result = compound(context, command);
    context.shell.nesting = context.shell.nesting.saturating_sub(1);
    result
}

fn compound(context: &mut Context, command: &Command) -> CommandResult {
    let mut status = Status::Success;
    match command {
        Command::Simple(command) => return simple(context, command),
        Command::If { branches, otherwise } => {
            for (condition, body) in branches {
                if list(context, condition)? == Status::Success {
                    return body_status(context, body);
                }
            }
            return body_status(context, otherwise);
        }
        Command::For { name, words, body } => {
            let words = variables(context).words(words)?;
            let held = words.iter().map(String::len).fold(words.len(), usize::saturating_add);
            let outside = context.shell.held;
            context.shell.held = outside.saturating_add(held);
            let result = for_each(context, name, (&words, body));
            context.shell.held = outside;
            status = result?;
        }
        // As in U-Boot's present parser, the loop's status is that of its body, not that of the question that ended it.
        Command::While { condition, until, body } => {
            while (list(context, condition)? == Status::Success) != *until {
                status = body_status(context, body)?;
                poll(context)?;
            }
        }
    }
    Ok(status)
}

/// Runs the body of a `for` with its variable set to each of the words.
fn for_each(context: &mut Context, name: &str, (words, body): (&[String], &List)) -> CommandResult {
    if context.shell.held > EXPANSION_LIMIT {
        let message = alloc::format!("the loops that run hold more than {EXPANSION_LIMIT} bytes of words");
        return Err(CommandError::failed(message));
    }
    let mut status = Status::Success;
    for word in words {
        context.shell.locals.set(name, word)?;
        poll(context)?;
        status = body_status(context, body)?;
    }
    Ok(status)
}

/// The status of a list that may be empty.
fn body_status(context: &mut Context, body: &List) -> CommandResult {
    context.shell.status = Status::Success;
    list(context, body)
}

/// Ctrl-C ends whatever runs.
fn poll(context: &mut Context) -> Result<(), CommandError> {
    match context.terminal.interrupted() {
        true => Err(CommandError::Interrupted),
        false => Ok(()),
    }
}

fn variables(context: &mut Context) -> Variables<'_> {
    let status = context.shell.status;
    Variables {
        env: &context.env,
        locals: &mut context.shell.locals,
        status,
    }
}

fn simple(context: &mut Context, command: &Simple) -> CommandResult {
    poll(context)?;
    let words = variables(context).words(&command.words)?;
    let Some(name) = words.first() else {
        assign(context, &command.assignments)?;
        return Ok(Status::Success);
    };
    let Some(entry) = lookup::find(context.commands, name) else {
        context.shell.repeatable = false;
        return Err(CommandError::failed(alloc::format!(
            "Unknown command '{name}' - try 'help'"
        )));
    };
    context.shell.repeatable &= entry.repeatable;
    if command.assignments.is_empty() {
        return run_command(context, entry, &words);
    }
    let outside = context.shell.locals.clone();
    let result = assign(context, &command.assignments).map_err(CommandError::from);
    let result = result.and_then(|()| run_command(context, entry, &words));
    context.shell.locals = outside;
    result
}

fn run_command(context: &mut Context, entry: &crate::commands::Command, words: &[String]) -> CommandResult {
    match (entry.run)(context, words) {
        Err(CommandError::Usage) => Err(CommandError::failed(entry.usage_text())),
        other => other,
    }
}

fn assign(context: &mut Context, assignments: &[Assignment]) -> Result<(), ExpandError> {
    for assignment in assignments {
        let value = variables(context).value(&assignment.value)?;
        context.shell.locals.set(&assignment.name, &value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
