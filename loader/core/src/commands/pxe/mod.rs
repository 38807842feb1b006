//! `pxe`: a boot menu from a TFTP server, found by PXELINUX's rules.

mod names;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use hal::PhysAddr;

use super::network;
use super::origin::{Origin, missing};
use super::tftpboot::Refused;
use super::{Command, menu};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::source::Destination;

pub(crate) const COMMAND: Command = Command {
    name: "pxe",
    aliases: &[],
    summary: "get and boot from pxe files",
    usage: "\
get - try to retrieve a pxe file using tftp
boot [pxefile_addr_r] - boot from the pxe file at pxefile_addr_r",
    help: "pxe get loads a menu to $pxefile_addr_r, the first that the server has of: pxelinux.cfg/$pxeuuid, 01- and the Ethernet\n\
        address, the IP address in hexadecimal digits and again without its last ones, default-$arch-$soc-$board, default-$arch-$soc,\n\
        default-$arch, default; all of them in the folder of $bootfile.\n\
        pxe boot starts what the menu says, as sysboot does: see there. The files come from the same server and folder.",
    examples: &["setenv autoload no; dhcp; pxe get && pxe boot"],
    repeatable: false,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let words: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    match words[..] {
        ["get"] => get(context),
        ["boot"] => {
            let address = place(context)?;
            boot(context, address)
        }
        ["boot", address] => {
            let number = context.hexadecimal(address).map_err(|error| {
                CommandError::failed(format!("Invalid pxefile address: {}\n{error}", address.escape_debug()))
            });
            boot(context, PhysAddr(number?))
        }
        _ => Err(CommandError::Usage),
    }
}

fn place(context: &Context) -> Result<PhysAddr, CommandError> {
    let address = context.env.hex("pxefile_addr_r").map(PhysAddr);
    address.ok_or_else(|| missing("pxefile_addr_r"))
}

/// The server, and the folder that its files are in.
fn origin(context: &Context) -> Origin {
    Origin::tftp(None, context.env.get("bootfile").unwrap_or_default())
}

/// Loads the first menu that the server has.
///
/// # Errors
/// [`CommandError::Interrupted`] after Ctrl-C; if the network is not set up, or the server does not answer.
pub(super) fn get(context: &mut Context) -> CommandResult {
    let address = place(context)?;
    let own = network::configure(context)?.address();
    network::server(&context.env, "serverip")?;
    let mac = network::mac(context)?;
    let origin = origin(context);
    for name in names::candidates(&context.env, own, mac) {
        match origin.ask(context, &name, Destination::At(address))? {
            Ok(file) => {
                context.say(format_args!("Config file '{}' found", file.name));
                return Ok(Status::Success);
            }
            // The server answers: that name is not there, the next may be.
            Err(Refused(why)) => context.say(format_args!("{why}")),
        }
    }
    context.say(format_args!("Config file not found"));
    Ok(Status::Failure)
}

/// Starts what the menu at `address` says.
///
/// # Errors
/// As [`menu::run`].
pub(super) fn boot(context: &mut Context, address: PhysAddr) -> CommandResult {
    let origin = origin(context);
    menu::run(context, &origin, address, false)
}

/// [`get`], then [`boot`].
///
/// # Errors
/// As those.
pub(super) fn get_and_boot(context: &mut Context) -> CommandResult {
    match get(context)? {
        Status::Success => {
            let address = place(context)?;
            boot(context, address)
        }
        failure => Ok(failure),
    }
}

#[cfg(test)]
mod tests;
