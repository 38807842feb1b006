//! A line that a command asks for, with the keys that the prompt has.

use alloc::string::String;
use core::fmt::Write;
use core::time::Duration;

use hal::{Deadline, Lull};

use super::editor::{LineEditor, Typed};
use super::history::History;
use crate::context::{CommandError, Context};

/// Prints the prompt and `initial`, has the line edited, and gives it when Enter is typed. Neither is it added to the history of the prompt nor
/// can that be walked: what is asked for here is no command.
///
/// # Errors
/// [`CommandError::Interrupted`] after Ctrl-C.
pub fn read_line(context: &mut Context, prompt: &str, initial: &str) -> Result<String, CommandError> {
    ask(context, (prompt, initial), None).map(Option::unwrap_or_default)
}

/// As [`read_line`], but gives `None` if no key is typed for as long as `limit`.
///
/// # Errors
/// As [`read_line`].
pub fn read_line_within(
    context: &mut Context,
    prompt: &str,
    initial: &str,
    limit: Duration,
) -> Result<Option<String>, CommandError> {
    ask(context, (prompt, initial), Some(limit))
}

fn ask(
    context: &mut Context,
    (prompt, initial): (&str, &str),
    limit: Option<Duration>,
) -> Result<Option<String>, CommandError> {
    let _ = context.write_str(prompt);
    let mut editor = LineEditor::default();
    let mut history = History::default();
    editor.insert(initial.as_bytes(), &mut context.terminal);
    let mut deadline = next_deadline(context, limit);
    let mut lull = Lull::default();
    loop {
        let Some(key) = context.terminal.read() else {
            if deadline.is_some_and(|deadline| deadline.expired(context.clock.now())) {
                context.terminal.write_bytes(b"\r\n");
                return Ok(None);
            }
            context.idle();
            lull.pass(context.clock.as_ref());
            continue;
        };
        lull = Lull::default();
        deadline = next_deadline(context, limit);
        match editor.feed(key, &mut history, &mut context.terminal) {
            Typed::Line(line) => return Ok(Some(line)),
            Typed::Interrupt => return Err(CommandError::Interrupted),
            Typed::TooLong => {
                return Err(CommandError::failed(
                    "the line is longer than a line can be: nothing of it is taken",
                ));
            }
            Typed::Redraw => {
                let _ = context.write_str(prompt);
                editor.show(&mut context.terminal);
            }
            Typed::Pending | Typed::Complete => {}
        }
    }
}

fn next_deadline(context: &Context, limit: Option<Duration>) -> Option<Deadline> {
    limit.map(|limit| Deadline::after(context.clock.now(), limit))
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::{read_line, read_line_within};
    use crate::commands::testing::Bench;
    use crate::context::CommandError;

    #[test]
    fn a_line_is_edited_and_stays_out_of_the_history() {
        let mut bench = Bench::new();
        bench.wire.type_in("\x08\x08new\tish\r\nrest");
        assert_eq!(read_line(&mut bench.context, "edit: ", "old").unwrap(), "onewish");
        assert!(bench.wire.take_output().starts_with("edit: old"));
        assert_eq!(bench.context.history.lines().count(), 0);
        let rest = core::iter::from_fn(|| bench.context.terminal.read());
        assert!(rest.eq(*b"rest"), "only the second half of Enter is gone");
    }

    #[test]
    fn ctrl_c_ends_it() {
        let mut bench = Bench::new();
        bench.wire.type_in("abc\x03");
        let error = read_line(&mut bench.context, "? ", "").unwrap_err();
        assert_eq!(error, CommandError::Interrupted);
    }

    #[test]
    fn it_waits_no_longer_than_it_shall() {
        let mut bench = Bench::new();
        let limit = Duration::from_secs(3);
        bench.wire.type_in("half");
        assert_eq!(read_line_within(&mut bench.context, "? ", "", limit).unwrap(), None);
        assert_eq!(bench.wire.take_output(), "? half\r\n");
        bench.wire.type_in("all\n");
        let line = read_line_within(&mut bench.context, "? ", "", limit).unwrap();
        assert_eq!(line.as_deref(), Some("all"));
    }
}
