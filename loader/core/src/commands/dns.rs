//! `dns`: looks up the address of a host.

use alloc::string::ToString;

use super::Command;
use super::network;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "dns",
    aliases: &[],
    summary: "lookup the IP of a hostname",
    usage: "hostname [envvar]",
    help: "Asks the DNS server dnsip, then dnsip2, for the IPv4 address of hostname, prints it, and sets the variable envvar to it.",
    examples: &["dns files.lan", "dns files.lan serverip && tftpboot"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (name, variable) = match args {
        [_, name] => (name, None),
        [_, name, variable] => (name, Some(variable)),
        _ => return Err(CommandError::Usage),
    };
    network::configure(context)?;
    let address = network::resolve(context, name)?.to_string();
    context.say(format_args!("{address}"));
    if let Some(variable) = variable {
        context.assign(variable, &address)?;
    }
    Ok(Status::Success)
}
