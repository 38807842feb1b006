//! The console's main loop: boot by itself or be told what to do.

use alloc::string::String;
use core::fmt::Write;
use core::time::Duration;

use hal::{Deadline, Lull};

use super::VERSION;
use super::autoboot::{Autoboot, count_down};
use super::complete::complete;
use super::editor::{LineEditor, Typed};
use super::stop_keys::needs_a_word;
use crate::context::{CommandError, Context, Status};
use crate::shell::{self, SOURCE_LIMIT, number, parser};

/// How long the prompt waits at least before `bootretry` boots again: a person has to be able to change it.
const RETRY_MIN: Duration = Duration::from_secs(10);

/// Prints what the loader is, unless it is to be silent. To be called once, as soon as there is a console: drivers take a second banner for a
/// crash.
pub fn print_banner(context: &mut Context) {
    if context.env.get("silent").is_some() {
        context.terminal.set_silent(true);
    }
    context.say(format_args!("\n{VERSION}\n"));
}

/// Runs the console for ever.
pub fn run(context: &mut Context) -> ! {
    let mut repl = Repl::default();
    repl.start(context);
    let mut lull = Lull::default();
    loop {
        if repl.poll(context) {
            lull = Lull::default();
        } else {
            context.idle();
            lull.pass(context.clock.as_ref());
        }
    }
}

/// What is being typed, and what an empty line would repeat.
#[derive(Debug, Default)]
pub struct Repl {
    editor: LineEditor,
    /// Lines of a command that is not complete yet.
    unfinished: String,
    /// The last line, if it may be repeated.
    repeatable: String,
    /// Whether a prompt at which nobody types may boot again.
    may_retry: bool,
    /// When it does, if it shall.
    retry: Option<Deadline>,
}

impl Repl {
    /// Runs `preboot`, counts down, runs `bootcmd` unless a key stopped that, and prints the first prompt.
    pub fn start(&mut self, context: &mut Context) {
        if context.env.get("silent").is_some() {
            context.terminal.set_silent(true);
        }
        run_variable(context, "preboot");
        self.boot(context);
    }

    /// The count-down and what follows it, up to the prompt.
    fn boot(&mut self, context: &mut Context) {
        let outcome = count_down(context);
        if outcome == Autoboot::Boot {
            run_variable(context, "bootcmd");
        }
        self.may_retry = matches!(outcome, Autoboot::Boot | Autoboot::Delayed);
        // A prompt that is not seen looks like a dead board.
        context.terminal.set_silent(false);
        self.prompt(context);
    }

    /// Handles the next typed byte, or that none was typed for too long; whether there was anything.
    pub fn poll(&mut self, context: &mut Context) -> bool {
        let Some(byte) = context.terminal.read() else {
            return self.boot_again(context);
        };
        self.restart_retry(context);
        match self.editor.feed(byte, &mut context.history, &mut context.terminal) {
            Typed::Pending => {}
            Typed::Complete => self.complete(context),
            Typed::Redraw => {
                self.prompt(context);
                self.editor.show(&mut context.terminal);
            }
            Typed::TooLong => {
                self.unfinished.clear();
                context.say(format_args!(
                    "the line is longer than {SOURCE_LIMIT} bytes: nothing of it is run"
                ));
                context.shell.status = Status::Failure;
                self.prompt(context);
            }
            Typed::Interrupt => {
                self.unfinished.clear();
                context.say(format_args!("<INTERRUPT>"));
                self.prompt(context);
            }
            Typed::Line(line) => {
                context.shell.typed = true;
                context.terminal.set_page(context.env.hex("pager").unwrap_or(0));
                self.line(context, &line);
                context.terminal.set_page(0);
                context.shell.typed = false;
                self.prompt(context);
            }
        }
        true
    }

    fn prompt(&mut self, context: &mut Context) {
        self.restart_retry(context);
        let prompt = if self.unfinished.is_empty() { "=> " } else { "> " };
        let _ = context.write_str(prompt);
    }

    /// Begins to wait for `bootretry` seconds, if that is set, anew.
    fn restart_retry(&mut self, context: &Context) {
        let seconds = context.env.get("bootretry").filter(|_| self.may_retry);
        let wait = seconds.and_then(|text| number::decimal(text).ok());
        let wait = wait.map(|seconds| Duration::from_secs(seconds).max(RETRY_MIN));
        self.retry = wait.map(|wait| Deadline::after(context.clock.now(), wait));
    }

    /// Boots again if nobody typed for as long as `bootretry` says; whether it did.
    fn boot_again(&mut self, context: &mut Context) -> bool {
        if !self.retry.is_some_and(|deadline| deadline.expired(context.clock.now())) {
            return false;
        }
        context.say(format_args!("\nTimed out waiting for command"));
        self.editor = LineEditor::default();
        context.history.rewind();
        self.unfinished.clear();
        self.boot(context);
        true
    }

    fn line(&mut self, context: &mut Context, line: &str) {
        context.shell.repeating = line.is_empty() && self.unfinished.is_empty();
        if context.shell.repeating {
            run_source(context, &self.repeatable);
            context.shell.repeating = false;
            return;
        }
        self.unfinished.push_str(line);
        if parser::parse(&self.unfinished).is_err_and(|error| error.wants_more()) {
            self.unfinished.push('\n');
            return;
        }
        let source = core::mem::take(&mut self.unfinished);
        context.shell.repeatable = true;
        run_source(context, &source);
        self.repeatable = if context.shell.repeatable {
            source
        } else {
            String::new()
        };
    }

    fn complete(&mut self, context: &mut Context) {
        let before = self.editor.before_cursor();
        // Pasted scripts are indented: nothing can be meant by a Tab where no word has begun.
        if before.trim().is_empty() {
            return;
        }
        let completion = complete(context, &before);
        if completion.text.is_empty() {
            let _ = context.write_str("\x07");
            if completion.candidates.len() > 1 {
                context.say(format_args!("\n{}", completion.candidates.join(" ")));
                self.prompt(context);
                self.editor.show(&mut context.terminal);
            }
        } else {
            self.editor.insert(completion.text.as_bytes(), &mut context.terminal);
        }
    }
}

/// Runs the script in the variable, if it is set. Where a word is needed to stop autoboot, Ctrl-C does not do instead.
fn run_variable(context: &mut Context, name: &str) {
    if let Some(script) = context.env.get(name).map(String::from) {
        context.terminal.defer_interrupts(needs_a_word(&context.env));
        run_source(context, &script);
        context.terminal.defer_interrupts(false);
    }
}

/// Runs a script and says what ended it early.
fn run_source(context: &mut Context, source: &str) {
    let message = match shell::execute(context, source) {
        Ok(_) => return,
        Err(CommandError::Failed(message)) => message,
        Err(_) => String::from("<INTERRUPT>"),
    };
    context.say(format_args!("{message}"));
    context.shell.status = Status::Failure;
}

#[cfg(test)]
mod tests;
