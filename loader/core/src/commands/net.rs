//! `net`: what network devices there are.

use super::Command;
use super::network::{self, Parts};
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "net",
    aliases: &[],
    summary: "NET sub-system",
    usage: "list - list available devices",
    help: "Prints the devices with their Ethernet addresses; the one in use is active.",
    examples: &["net list"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    if !matches!(args, [_, word] if word == "list") {
        return Err(CommandError::Usage);
    }
    let address = network::mac(context)?;
    let Parts { network, .. } = network::parts(context)?;
    let name = alloc::string::String::from(network.device_name());
    context.say(format_args!("eth0 : {name} {address} active"));
    Ok(Status::Success)
}
