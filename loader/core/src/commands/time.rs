//! `time`: how long a command takes.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::shell::lookup;

pub(crate) const COMMAND: Command = Command {
    name: "time",
    aliases: &[],
    summary: "run commands and summarize execution time",
    usage: "command [args...]",
    help: "Runs the command and prints how long it took. $? is that of the command.",
    examples: &["time tftpb 40400000 Image", "time crc32 40400000 ${filesize}"],
    repeatable: false,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let Some((_, words @ [name, ..])) = args.split_first() else {
        return Err(CommandError::Usage);
    };
    let before = context.clock.now();
    let result = match lookup::find(context.commands, name) {
        Some(command) => match (command.run)(context, words) {
            Err(CommandError::Usage) => Err(CommandError::failed(command.usage_text())),
            other => other,
        },
        None => Err(CommandError::failed(format!("Unknown command '{name}' - try 'help'"))),
    };
    let took = context.clock.now().since(before);
    let status = match result {
        Err(CommandError::Failed(message)) => {
            context.say(format_args!("{message}"));
            Status::Failure
        }
        other => other?,
    };
    context.say(format_args!("\ntime: {}", written(took)));
    Ok(status)
}

/// A time as U-Boot writes it.
fn written(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let mut text = String::new();
    if hours > 0 {
        text = format!("{hours} hours, ");
    }
    if hours > 0 || minutes > 0 {
        text = format!("{text}{minutes} minutes, ");
    }
    format!("{text}{}.{:03} seconds", seconds % 60, time.subsec_millis())
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::written;
    use crate::commands::testing::Bench;

    #[test]
    fn it_answers_as_u_boot_does() {
        // Read off U-Boot 2025.01 with CMD_TIME, whose clock does not move on by a millisecond at each look.
        Bench::new().dialogue(
            "\
=> time echo hi; echo $?
hi

time: 0.001 seconds
0
=> time false; echo $?

time: 0.001 seconds
1
=> time nosuch; echo $?
Unknown command 'nosuch' - try 'help'

time: 0.001 seconds
1
=> time mw; echo $?
mw - memory write (fill)

Usage:
mw [.b, .w, .l, .q] address value [count]

time: 0.001 seconds
1
=> time; echo $?
time - run commands and summarize execution time

Usage:
time command [args...]
1
",
        );
    }

    #[test]
    fn long_times() {
        for (millis, text) in [
            (0, "0.000 seconds"),
            (61_008, "1 minutes, 1.008 seconds"),
            (3_600_500, "1 hours, 0 minutes, 0.500 seconds"),
        ] {
            assert_eq!(written(Duration::from_millis(millis)), text);
        }
    }
}
