//! `sysboot`: a boot menu from a card or a disk.

use alloc::string::String;

use hal::PhysAddr;

use super::disk::Selector;
use super::origin::{Origin, missing};
use super::{Command, menu};
use crate::context::{Args, CommandError, CommandResult, Context};

pub(crate) const COMMAND: Command = Command {
    name: "sysboot",
    aliases: &[],
    summary: "boot by a menu of extlinux on a card or a disk",
    usage: "[-p] <interface> <dev[:part]> <ext2|ext4|fat|any> [addr] [filename]",
    help: "Loads the menu filename, or $bootfile, from partition part of device dev to addr, or $pxefile_addr_r, and starts what\n\
        it says, from the same partition. -p shows it and waits for a choice even if it does not ask for that. A choice is a\n\
        label's number or name; nothing chooses the default, and so does the time that the menu's timeout gives. If a label cannot\n\
        be started, the others are tried in their order.\n\
        The kernel goes to $kernel_addr_r, the ramdisk to $ramdisk_addr_r, the device tree to $fdt_addr_r, overlays to\n\
        $fdtoverlay_addr_r; without a tree of its own, the label gets the one at $fdt_addr, or else the loader's. Then bootargs is\n\
        set to what append has, with ${names} replaced, and the kernel is started as booti or bootm does.\n\
        The keys are those of U-Boot: default, timeout, prompt, say, include, menu title, label; and for a label kernel (linux, fit),\n\
        append, initrd, fdt (devicetree), fdtdir (devicetreedir), fdtoverlays (devicetree-overlay), ipappend, localboot, menu label,\n\
        menu default.",
    examples: &[
        "sysboot mmc 0:1 any ${pxefile_addr_r} /extlinux/extlinux.conf",
        "sysboot -p virtio 0:1 any",
    ],
    repeatable: false,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (ask, words) = match args {
        [_, flag, rest @ ..] if flag == "-p" => (true, rest),
        [_, rest @ ..] => (false, rest),
        [] => return Err(CommandError::Usage),
    };
    let (interface, device, kind, rest) = match words {
        [interface, device, kind, rest @ ..] if rest.len() <= 2 => (interface, device, kind, rest),
        _ => return Err(CommandError::Usage),
    };
    let kind = match kind.as_str() {
        "any" => "",
        "fat" => "fat",
        "ext2" | "ext4" => "ext4",
        _ => return Err(CommandError::Usage),
    };
    let address = rest.first().map(|word| context.hexadecimal(word)).transpose()?;
    let address = address.or_else(|| context.env.hex("pxefile_addr_r"));
    let address = PhysAddr(address.ok_or_else(|| missing("pxefile_addr_r"))?);
    let file = rest.get(1).map(String::as_str);
    let file = file.or_else(|| context.env.get("bootfile"));
    let file = String::from(file.ok_or_else(|| missing("bootfile"))?);
    let selector = Selector::parse(context, interface, Some(device))?;
    boot(context, (selector, kind), &file, (address, ask))
}

/// Loads the menu `file` of a volume to an address and starts it.
///
/// # Errors
/// As [`menu::run`]; if there is no such file.
pub(super) fn boot(
    context: &mut Context,
    (selector, kind): (Selector, &'static str),
    file: &str,
    (address, ask): (PhysAddr, bool),
) -> CommandResult {
    // What the menu is called is a path from the root, as for `load`.
    let root = Origin::volume(selector.clone(), kind, "");
    root.retrieve(context, file, address)?;
    menu::run(context, &Origin::volume(selector, kind, file), address, ask)
}
