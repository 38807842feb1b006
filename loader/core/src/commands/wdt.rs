//! `wdt`: watchdogs, of which the loader starts and stops none.

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
    help: "The loader starts and stops no watchdog, so each of these fails and says so. One that an earlier stage left running (the\n\
        i.MX chips', the Cadence one of Zynq chips) is serviced once a second, up to the jump; the start says so. What is started\n\
        has to go on with it.",
    examples: &["wdt list"],
    repeatable: false,
    run,
};

fn run(_context: &mut Context, args: Args<'_>) -> CommandResult {
    match args.get(1).map(alloc::string::String::as_str) {
        Some("list" | "dev" | "start" | "stop" | "reset" | "expire") => Err(CommandError::failed(
            "No watchdog timer device set!\nThis loader starts and stops no watchdog.",
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
            "No watchdog timer device set!\nThis loader starts and stops no watchdog.\n1\n"
        );
        assert!(bench.enter("wdt").contains("Usage:"));
        assert!(bench.enter("wdt x").contains("Usage:"));
    }
}
