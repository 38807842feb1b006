//! The network as a target: an address, a script, a menu.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::origin::{Origin, folder_of};
use super::super::tftpboot::{self, Refused};
use super::super::{dhcp, network, pxe, xen};
use super::methods;
use super::scan::said;
use crate::context::{CommandError, CommandResult, Context, Status};
use crate::source::Destination;

/// The names that a script may have if nothing else is said.
const SCRIPTS: [&str; 2] = ["boot.scr.uimg", "boot.scr"];

/// Xen's configuration, in the folder of the boot file.
const CONFIG: &str = "xen.cfg";

/// Gets an address, runs the first script that the server has, if scripts are wanted, then starts the menu that it has, and then Xen by
/// its configuration.
///
/// # Errors
/// [`CommandError::Interrupted`] after Ctrl-C.
pub(super) fn boot(context: &mut Context, scripts: bool) -> CommandResult {
    let place = if scripts { "dhcp" } else { "pxe" };
    let lease = dhcp::acquire(context);
    let Some(lease) = said(context, place, lease)? else {
        return Ok(Status::Failure);
    };
    if scripts {
        for name in names(context, lease.boot_file.as_deref()) {
            let result = script(context, &name);
            match said(context, place, result)? {
                Some(Some(Status::Success)) => return Ok(Status::Success),
                // The server does not know the name, or the script failed.
                Some(_) => {}
                // There is no server.
                None => return Ok(Status::Failure),
            }
        }
    }
    let menu = pxe::get_and_boot(context);
    match said(context, place, menu)? {
        Some(Status::Failure) => {}
        other => return Ok(other.unwrap_or(Status::Failure)),
    }
    let file = format!("{}{CONFIG}", folder_of(context.env.get("bootfile").unwrap_or_default()));
    let config = xen::by_file(context, Origin::tftp(None, &file), &file);
    Ok(said(context, place, config)?.unwrap_or(Status::Failure))
}

/// The names of the script, in the order in which they are asked for.
fn names(context: &Context, boot_file: Option<&str>) -> Vec<String> {
    if let Some(name) = context.env.get("boot_script_dhcp") {
        return Vec::from([name.to_string()]);
    }
    // A boot file of another kind, as a loader for PCs, is nothing to be run here.
    let given = boot_file.filter(|name| [".scr", ".uimg"].iter().any(|end| name.ends_with(end)));
    let mut names: Vec<String> = given.into_iter().chain(SCRIPTS).map(ToString::to_string).collect();
    names.dedup();
    names
}

/// Loads a script and runs it; `None` if the server does not know it.
fn script(context: &mut Context, name: &str) -> Result<Option<Status>, CommandError> {
    let address = methods::script_address(context)?;
    let server = network::server(&context.env, "serverip")?;
    match tftpboot::fetch(context, (server, name), Destination::At(address))? {
        Ok(_) => methods::run_script(context, address).map(Some),
        Err(Refused(why)) => {
            context.say(format_args!("{why}\ndhcp: {name} ... not there"));
            Ok(None)
        }
    }
}
