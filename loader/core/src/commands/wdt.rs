//! `wdt`: watchdogs, of which the loader drives none.

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context};

pub(crate) const COMMAND: Command = Command {
    name: "wdt",
    aliases: &[],
    summary: "Watchdog sub-system, without a watchdog",
    usage: "list\n\
        dev [<name>]\n\
        start <timeout ms> [flags]\n\
        stop\n\
        reset\n\
        expire [flags]",
    help: "The loader drives no watchdog, so each of these fails and says so. One that runs already is not fed either: it has to\n\
        give the boot the time that it takes.",
    examples: &["wdt list"],
    repeatable: false,
    run,
};

fn run(_context: &mut Context, args: Args<'_>) -> CommandResult {
    match args.get(1).map(alloc::string::String::as_str) {
        Some("list" | "dev" | "start" | "stop" | "reset" | "expire") => Err(CommandError::failed(
            "No watchdog timer device set!\nThis loader drives no watchdog.",
        )),
        _ => Err(CommandError::Usage),
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn there_is_none() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.enter("wdt dev; echo $?"),
            "No watchdog timer device set!\nThis loader drives no watchdog.\n1\n"
        );
        assert!(bench.enter("wdt").contains("Usage:"));
        assert!(bench.enter("wdt x").contains("Usage:"));
    }
}
