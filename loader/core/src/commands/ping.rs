//! `ping`: asks whether a machine is there.

use super::Command;
use super::network::{self, Parts, Quiet};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::net::NetError;

pub(crate) const COMMAND: Command = Command {
    name: "ping",
    aliases: &[],
    summary: "send ICMP ECHO_REQUEST to network host",
    usage: "pingAddress",
    help: "Asks once a second, for ten seconds, and succeeds with the first answer. ipaddr has to be set, for instance by dhcp.\n\
        A host may also be named, if the server dnsip knows it.",
    examples: &["ping 10.0.2.2", "ping ${serverip} && tftpboot"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [_, host] = args else {
        return Err(CommandError::Usage);
    };
    let settings = network::configure(context)?;
    let host = network::resolve(context, host)?;
    settings.route(host)?;
    network::announce(context)?;
    let Parts { network, terminal, .. } = network::parts(context)?;
    match network.ping(host, &mut Quiet(terminal)) {
        Ok(Some(_)) => {
            context.say(format_args!("host {host} is alive"));
            Ok(Status::Success)
        }
        Ok(None) => Err(CommandError::Failed(alloc::format!(
            "ping failed; host {host} is not alive"
        ))),
        Err(NetError::Stopped) => Err(network::stopped(terminal)),
        Err(error) => Err(error.into()),
    }
}
