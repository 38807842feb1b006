//! What is looked for on a partition, and what is done with it. A further way to boot is a function and a line of [`METHODS`].

use alloc::format;
use alloc::string::{String, ToString};

use hal::PhysAddr;

use super::super::disk::Selector;
use super::super::network::not_set;
use super::super::origin::{Origin, folder_of, missing};
use super::super::{load, source, sysboot, xen};
use super::scan::Partition;
use crate::context::{CommandError, CommandResult, Context, Status};
use crate::source::{Destination, Part};

/// A way to boot from a partition.
pub(super) struct Method {
    /// Its name in lists.
    pub(super) name: &'static str,
    /// What the lines about tries call it.
    pub(super) what: &'static str,
    /// U-Boot's word for what was found.
    pub(super) found: &'static str,
    /// Where it looks, in this order.
    pub(super) files: &'static [&'static str],
    /// Boots by the file.
    pub(super) boot: fn(&mut Context, &Partition, &'static str) -> CommandResult,
}

/// All ways, in the order in which they are tried on each partition.
pub(super) const METHODS: &[Method] = &[
    Method {
        name: "script",
        what: "boot.scr",
        found: "Found U-Boot script",
        files: &["/boot.scr.uimg", "/boot/boot.scr.uimg", "/boot.scr", "/boot/boot.scr"],
        boot: script,
    },
    Method {
        name: "extlinux",
        what: "extlinux.conf",
        found: "Found",
        files: &["/extlinux/extlinux.conf", "/boot/extlinux/extlinux.conf"],
        boot: extlinux,
    },
    Method {
        name: "xen",
        what: "xen.cfg",
        found: "Found",
        files: xen::ON_VOLUMES,
        boot: by_xen_config,
    },
];

/// Scripts that were written for U-Boot find their files by these variables, which its `distro_bootcmd` sets.
fn script(context: &mut Context, partition: &Partition, file: &'static str) -> CommandResult {
    let Partition {
        interface,
        device,
        number,
        ..
    } = partition;
    context.assign("devtype", interface.word())?;
    context.assign("devnum", &format!("{device:x}"))?;
    context.assign("distro_bootpart", &format!("{number:x}"))?;
    context.assign("prefix", folder_of(file))?;
    let address = script_address(context)?;
    let selector: Selector = partition.selector(context)?;
    let file = (file, Part::default());
    load::load(context, (&selector, ""), file, Destination::At(address))??;
    run_script(context, address)
}

/// Where scripts are loaded.
///
/// # Errors
/// If no variable says it.
pub(super) fn script_address(context: &Context) -> Result<PhysAddr, CommandError> {
    let address = context.env.hex("scriptaddr").or_else(|| context.env.hex("loadaddr"));
    address.map(PhysAddr).ok_or_else(|| not_set("scriptaddr"))
}

/// Runs the script at `address`, with U-Boot's words if it fails.
///
/// # Errors
/// [`CommandError::Interrupted`] after Ctrl-C; what the script fails with.
pub(super) fn run_script(context: &mut Context, address: PhysAddr) -> CommandResult {
    let words: [String; 2] = ["source".to_string(), address.to_string()];
    let result = (source::COMMAND.run)(context, &words);
    if let Err(CommandError::Failed(why)) = &result {
        context.say(format_args!("{why}"));
    }
    match result {
        Ok(Status::Failure) | Err(CommandError::Failed(_)) => {
            context.say(format_args!("SCRIPT FAILED: continuing..."));
            Ok(Status::Failure)
        }
        other => other,
    }
}

fn extlinux(context: &mut Context, partition: &Partition, file: &'static str) -> CommandResult {
    let address = context
        .env
        .hex("pxefile_addr_r")
        .ok_or_else(|| missing("pxefile_addr_r"))?;
    let selector = partition.selector(context)?;
    sysboot::boot(context, (selector, ""), file, (PhysAddr(address), false))
}

fn by_xen_config(context: &mut Context, partition: &Partition, file: &'static str) -> CommandResult {
    let selector = partition.selector(context)?;
    xen::by_file(context, Origin::volume(selector, "", file), file)
}
