//! `panic`: the end, on purpose.

use super::Command;
use super::reset;
use crate::context::{Args, CommandError, CommandResult, Context};

pub(crate) const COMMAND: Command = Command {
    name: "panic",
    aliases: &[],
    summary: "Panic with optional message",
    usage: "[message]",
    help: "Prints the message and resets the machine.",
    examples: &["panic 'no server answers'"],
    repeatable: false,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let message = match args {
        [_] => "",
        [_, message] => message,
        _ => return Err(CommandError::Usage),
    };
    context.say(format_args!("{message}"));
    reset::restart(context)
}

#[cfg(test)]
mod tests {
    use hal::fakes::SystemEvent;

    use crate::commands::testing::Bench;

    #[test]
    fn it_answers_as_u_boot_does() {
        let mut bench = Bench::new();
        let refused = "The machine was not reset: this machine is a simulation\n";
        assert_eq!(
            bench.enter("panic hello"),
            alloc::format!("hello\nresetting ...\n{refused}")
        );
        assert_eq!(bench.enter("panic"), alloc::format!("\nresetting ...\n{refused}"));
        assert_eq!(bench.system.events(), [SystemEvent::Reset, SystemEvent::Reset]);
        assert!(bench.enter("panic hello world").contains("Usage:"));
    }
}
