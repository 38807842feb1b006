//! `sntp`: asks a server for the time.

use core::time::Duration;

use super::Command;
use super::network::{self, Parts, Quiet};
use crate::calendar::Date;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::net::NetError;
use crate::net::sntp::SntpError;

pub(crate) const COMMAND: Command = Command {
    name: "sntp",
    aliases: &[],
    summary: "synchronize the date with an NTP server",
    usage: "[NTP server]",
    help: "Asks the server, or $ntpserverip, for the time, adds $timeoffset seconds, prints it, and sets what date shows.",
    examples: &["sntp 192.168.1.1", "setenv timeoffset 7200; sntp ${ntpserverip}"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let server = match args {
        [_] => context.env.get("ntpserverip").map(Into::into),
        [_, server] => Some(server.clone()),
        _ => return Err(CommandError::Usage),
    };
    let server = server.ok_or_else(|| network::not_set("ntpserverip"))?;
    let offset = offset(context)?;
    let settings = network::configure(context)?;
    let server = network::resolve(context, &server)?;
    settings.route(server)?;
    network::announce(context)?;
    let Parts { network, terminal, .. } = network::parts(context)?;
    let time = match network.time(server, &mut Quiet(terminal)) {
        Ok(time) => time,
        Err(SntpError::Network(NetError::Stopped)) => return Err(network::stopped(terminal)),
        Err(error) => return Err(error.into()),
    };
    let since_1970 = match offset {
        offset @ ..0 => time
            .since_1970
            .saturating_sub(Duration::from_secs(offset.unsigned_abs())),
        offset => time
            .since_1970
            .saturating_add(Duration::from_secs(offset.unsigned_abs())),
    };
    context.wall_clock.set(time.at, since_1970);
    context.say(format_args!("{}", Date::new(since_1970).plain()));
    Ok(Status::Success)
}

/// The seconds that local time is ahead of UTC; at most a day either way.
fn offset(context: &Context) -> Result<i64, CommandError> {
    const DAY: i64 = 86_400;
    let Some(text) = context.env.get("timeoffset") else {
        return Ok(0);
    };
    let offset = text.trim().parse().ok().filter(|offset| (-DAY..=DAY).contains(offset));
    let wrong = || alloc::format!("timeoffset is '{text}', which is not a number of seconds from -{DAY} to {DAY}");
    offset.ok_or_else(|| CommandError::Failed(wrong()))
}
