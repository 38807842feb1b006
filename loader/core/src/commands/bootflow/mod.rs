//! `bootflow`: what can be booted, found and started without being named: cards, disks, the network.
//!
//! [`targets`] says which devices are looked at, and in which order; [`methods`] what is looked for on each of their partitions;
//! [`scan`] walks over both; [`network`] is the target that is no disk.

mod list;
mod methods;
mod network;
mod scan;
mod targets;

use alloc::string::String;
use alloc::vec::Vec;

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

use targets::Target;

pub(crate) const COMMAND: Command = Command {
    name: "bootflow",
    aliases: &[],
    summary: "find what can be booted, and boot it",
    usage: "\
scan [-l] [-b] [target ...]  - look at the targets (-l list what is there, -b boot the first that starts)
list [target ...]            - list what is there",
    help: "Looks at each target in turn, and on a card or disk at each partition that is marked as bootable, or at all if none is, or\n\
        at the whole device if it has no partitions. A target is mmc or virtio for all such devices, mmc0 or virtio0 for one, dhcp\n\
        for the network, pxe for the network without its scripts. Without targets they are those in boot_targets, or else mmc virtio\n\
        dhcp.\n\
        On a partition it looks for a script, boot.scr.uimg or boot.scr in / or /boot/, then for a menu, extlinux.conf in\n\
        /extlinux/ or /boot/extlinux/, and then for xen.cfg in /, /boot/ or /EFI/xen/. A script is loaded to $scriptaddr and run as\n\
        source does, with devtype, devnum, distro_bootpart and prefix set to where it was found; a menu is started as sysboot does,\n\
        xen.cfg as xen boot does. dhcp gets an address and runs the script that\n\
        boot_script_dhcp names, else the boot file of the DHCP server if that is called .scr or .uimg, boot.scr.uimg or boot.scr; then\n\
        it does as pxe get and pxe boot do, and then as xen boot tftp does.\n\
        -b prints a line for each try, and goes on with the next if something does not start. A script that ends well ends the scan.",
    examples: &[
        "bootflow scan -lb",
        "bootflow list",
        "bootflow scan -b mmc0 dhcp",
        "setenv boot_targets 'virtio0 mmc0 dhcp'; saveenv",
    ],
    repeatable: false,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let words: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    let (list, boot, names) = match words.split_first() {
        Some((&"list", names)) => (true, false, names),
        Some((&"scan", rest)) => options(rest)?,
        _ => return Err(CommandError::Usage),
    };
    if names.iter().any(|name| name.starts_with('-')) {
        return Err(CommandError::Usage);
    }
    let targets = targets::read(context, names);
    if boot {
        return boot_first(context, &targets);
    }
    let found = list::all(context, &targets)?;
    if list {
        list::show(context, &found);
    }
    let count = found.len();
    context.say(format_args!("({count} bootflow{})", if count == 1 { "" } else { "s" }));
    Ok(if count == 0 { Status::Failure } else { Status::Success })
}

/// `-l` and `-b`, together or one by one, and what follows them.
fn options<'a, 'w>(words: &'a [&'w str]) -> Result<(bool, bool, &'a [&'w str]), CommandError> {
    let (mut list, mut boot) = (false, false);
    let mut rest = words;
    while let Some((word, behind)) = rest.split_first()
        && let Some(letters) = word.strip_prefix('-')
    {
        for letter in letters.chars() {
            match letter {
                'l' => list = true,
                'b' => boot = true,
                _ => return Err(CommandError::Usage),
            }
        }
        rest = behind;
    }
    Ok((list, boot, rest))
}

/// Boots from the first target that has something which starts.
fn boot_first(context: &mut Context, targets: &[Target]) -> CommandResult {
    for target in targets {
        let result = match target {
            Target::Disk(interface, number) => scan::boot(context, *interface, *number),
            Target::Dhcp => network::boot(context, true),
            Target::Pxe => network::boot(context, false),
        };
        if result? == Status::Success {
            return Ok(Status::Success);
        }
    }
    context.say(format_args!("Nothing was booted: no target is left"));
    Ok(Status::Failure)
}

#[cfg(test)]
mod tests;
