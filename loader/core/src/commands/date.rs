//! `date`: the date and the time, as `sntp` or a person has told it.

use super::Command;
use crate::calendar::{Date, RESET};
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "date",
    aliases: &[],
    summary: "get/set/reset date & time",
    usage: "[MMDDhhmm[[CC]YY][.ss]]\nreset",
    help: "Without arguments it prints the date, with a number it sets it, and with reset it goes back to 2000-01-01. The loader counts\n\
        on from what date or sntp set; at the start no date is set. A year without its century is one of the 21st.",
    examples: &["date", "date 112714352026.30", "sntp && date"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let now = context.clock.now();
    match args {
        [_] => {}
        [_, word] if word == "reset" => {
            context.say(format_args!("Reset RTC..."));
            context.wall_clock.set(now, RESET);
        }
        [_, text] => {
            let time = Date::parse(text, context.wall_clock.at(now));
            let time =
                time.map_err(|error| CommandError::Failed(alloc::format!("## Bad date format\n{text}: {error}")))?;
            context.wall_clock.set(now, time);
        }
        _ => return Err(CommandError::Usage),
    }
    let unset = || CommandError::failed("no date is set: sntp asks a server, date MMDDhhmm[[CC]YY][.ss] sets it");
    let time = context.wall_clock.at(now).ok_or_else(unset)?;
    context.say(format_args!("{}", Date::new(time)));
    Ok(Status::Success)
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;
    use crate::context::Status;

    #[test]
    fn a_date_is_set_shown_and_reset() {
        let mut bench = Bench::new();
        bench.dialogue(
            "=> date\n\
            no date is set: sntp asks a server, date MMDDhhmm[[CC]YY][.ss] sets it\n\
            => date 010112302026.15\n\
            Date: 2026-01-01 (Thursday)    Time: 12:30:15\n\
            => date 02030405\n\
            Date: 2026-02-03 (Tuesday)    Time:  4:05:00\n\
            => date 13010000\n\
            ## Bad date format\n\
            13010000: there is no such month\n\
            => date reset\n\
            Reset RTC...\n\
            Date: 2000-01-01 (Saturday)    Time:  0:00:00\n",
        );
        bench.enter("sleep 3");
        assert_eq!(bench.enter("date"), "Date: 2000-01-01 (Saturday)    Time:  0:00:03\n");
        bench.enter("date x");
        assert_eq!(bench.status(), Status::Failure);
        assert!(bench.enter("date 1 2").contains("Usage:"));
    }
}
