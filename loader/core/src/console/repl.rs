//! The console's main loop: boot by itself or be told what to do.

use alloc::string::String;
use core::fmt::Write;

use super::VERSION;
use super::autoboot::{Autoboot, count_down};
use super::complete::complete;
use super::editor::{LineEditor, Typed};
use crate::context::{CommandError, Context, Status};
use crate::shell::{self, parser};

/// Prints what the loader is. To be called once, as soon as there is a console: drivers take a second banner for a crash.
pub fn print_banner(context: &mut Context) {
    context.say(format_args!("\n{VERSION}\n"));
}

/// Runs the console for ever.
pub fn run(context: &mut Context) -> ! {
    let mut repl = Repl::default();
    repl.start(context);
    loop {
        if !repl.poll(context) {
            context.idle();
            core::hint::spin_loop();
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
}

impl Repl {
    /// Runs `preboot`, counts down, runs `bootcmd` unless a key stopped that, and prints the first prompt.
    pub fn start(&mut self, context: &mut Context) {
        run_variable(context, "preboot");
        match count_down(context) {
            Autoboot::Boot => run_variable(context, "bootcmd"),
            Autoboot::Off | Autoboot::Stopped => {}
        }
        self.prompt(context);
    }

    /// Handles the next typed byte; whether there was one.
    pub fn poll(&mut self, context: &mut Context) -> bool {
        let Some(byte) = context.terminal.read() else {
            return false;
        };
        match self.editor.feed(byte, &mut context.history, &mut context.terminal) {
            Typed::Pending => {}
            Typed::Complete => self.complete(context),
            Typed::Interrupt => {
                self.unfinished.clear();
                context.say(format_args!("<INTERRUPT>"));
                self.prompt(context);
            }
            Typed::Line(line) => {
                context.shell.typed = true;
                self.line(context, &line);
                context.shell.typed = false;
                self.prompt(context);
            }
        }
        true
    }

    fn prompt(&self, context: &mut Context) {
        let prompt = if self.unfinished.is_empty() { "=> " } else { "> " };
        let _ = context.write_str(prompt);
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

/// Runs the script in the variable, if it is set.
fn run_variable(context: &mut Context, name: &str) {
    if let Some(script) = context.env.get(name).map(String::from) {
        run_source(context, &script);
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
