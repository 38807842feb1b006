//! `cls`: an empty screen.

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "cls",
    aliases: &[],
    summary: "clear screen",
    usage: "",
    help: "Clears the terminal's screen and moves the cursor to its upper left corner (ECMA-48).",
    examples: &["cls"],
    repeatable: true,
    run,
};

/// ED 2, then CUP 1;1.
const CLEAR: &[u8] = b"\x1b[2J\x1b[1;1H";

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    if args.len() > 1 {
        return Err(CommandError::Usage);
    }
    context.terminal.write_bytes(CLEAR);
    Ok(Status::Success)
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn it_sends_what_u_boot_sends() {
        let mut bench = Bench::new();
        assert_eq!(bench.enter("cls; echo $?"), "\x1b[2J\x1b[1;1H0\n");
        assert!(bench.enter("cls a").contains("Usage:"));
    }
}
