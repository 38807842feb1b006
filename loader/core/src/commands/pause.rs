//! `pause`: waits for a key.

use core::fmt::Write;

use hal::Lull;

use super::Command;
use crate::console::terminal::CTRL_C;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "pause",
    aliases: &[],
    summary: "delay until user input",
    usage: "[prompt] - Wait until users presses any key. [prompt] can be used to customize the message.",
    help: "Prints the prompt and waits for a key, for as long as it takes. Ctrl-C ends the script that it stands in.",
    examples: &["pause", "pause 'Insert the card, then press a key.'"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let prompt = match args {
        [_] => "Press any key to continue...",
        [_, prompt] => prompt,
        _ => return Err(CommandError::Usage),
    };
    let _ = context.write_str(prompt);
    let mut lull = Lull::default();
    let key = loop {
        match context.terminal.read() {
            Some(key) => break key,
            None => context.idle(),
        }
        lull.pass(context.clock.as_ref());
    };
    context.terminal.write_bytes(b"\r\n");
    match key {
        CTRL_C => Err(CommandError::Interrupted),
        _ => Ok(Status::Success),
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;
    use crate::context::CommandError;

    #[test]
    fn any_key_goes_on() {
        let mut bench = Bench::new();
        let output = bench.type_in("pause; echo $?\r ");
        assert_eq!(output, "pause; echo $?\nPress any key to continue...\n0\n=> ");
        let output = bench.type_in("pause 'Wait: '\r\r\necho x\r");
        assert_eq!(output, "pause 'Wait: '\nWait: \n=> echo x\nx\n=> ");
    }

    #[test]
    fn ctrl_c_ends_the_script() {
        let mut bench = Bench::new();
        bench.wire.type_in("\x03");
        let result = super::run(&mut bench.context, &["pause".into()]);
        assert_eq!(result, Err(CommandError::Interrupted));
    }

    #[test]
    fn a_prompt_of_several_words_must_be_quoted() {
        assert!(
            Bench::new()
                .enter("pause a b")
                .starts_with("pause - delay until user input\n\nUsage:\npause [prompt] - ")
        );
    }
}
