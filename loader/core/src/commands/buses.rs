//! `pci`, `scsi` and `usb`: the scans that scripts for U-Boot begin with.
//!
//! The loader looks for its devices once, at start, so there is nothing left to scan. Where the machine has a bus that the loader drives,
//! a scan succeeds and says nothing, as U-Boot's does; everything else is told, with status 1.

use alloc::string::String;

use hal::PhysAddr;

use super::Command;
use super::start::readable;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::devicetree::Tree;

pub(crate) const PCI: Command = Command {
    name: "pci",
    aliases: &[],
    summary: "PCI, which is enumerated at start",
    usage: "enum",
    help: "Succeeds if the machine has a PCI host that the loader drives. Its devices were found when the loader started.",
    examples: &["pci enum"],
    repeatable: false,
    run: pci,
};

pub(crate) const SCSI: Command = Command {
    name: "scsi",
    aliases: &[],
    summary: "SCSI sub-system, without a controller",
    usage: "scan\n\
        reset\n\
        info",
    help: "The loader drives no SCSI controller, so each of these fails and says so.",
    examples: &["scsi scan"],
    repeatable: false,
    run: scsi,
};

pub(crate) const USB: Command = Command {
    name: "usb",
    aliases: &[],
    summary: "USB sub-system, without a controller",
    usage: "start\n\
        reset\n\
        stop\n\
        tree\n\
        info",
    help: "The loader drives no USB controller, so each of these fails and says so.",
    examples: &["usb start"],
    repeatable: false,
    run: usb,
};

fn pci(context: &mut Context, args: Args<'_>) -> CommandResult {
    any_of(args, &["enum"])?;
    match has_any(context, &["pci-host-ecam-generic"]) {
        true => Ok(Status::Success),
        false => absent("This machine has no PCI host that the loader drives"),
    }
}

fn scsi(context: &mut Context, args: Args<'_>) -> CommandResult {
    if any_of(args, &["scan", "reset", "info", "device", "part", "read", "write"])? == "scan" {
        context.say(format_args!("scanning bus for devices..."));
    }
    absent("This loader drives no SCSI controller")
}

fn usb(context: &mut Context, args: Args<'_>) -> CommandResult {
    let known = [
        "start", "reset", "stop", "tree", "info", "storage", "dev", "part", "read", "write",
    ];
    if any_of(args, &known)? == "start" {
        context.say(format_args!("starting USB..."));
    }
    absent("No USB controllers found")
}

/// Whether the machine has a bus that virtio devices sit on.
pub(super) fn has_virtio(context: &Context) -> bool {
    has_any(context, &["virtio,mmio", "pci-host-ecam-generic"])
}

/// The sub-command, if it is one of those that there are.
fn any_of<'a>(args: Args<'a>, known: &[&str]) -> Result<&'a str, CommandError> {
    let what = args.get(1).map(String::as_str);
    what.filter(|what| known.contains(what)).ok_or(CommandError::Usage)
}

fn absent(what: &str) -> CommandResult {
    Err(CommandError::failed(what))
}

/// Whether the machine's own tree has a node with one of the `compatible` strings.
fn has_any(context: &Context, wanted: &[&str]) -> bool {
    let address = context.env.hex("fdtcontroladdr").map(PhysAddr);
    let blob = address.and_then(|address| readable(context, address).ok());
    let tree = blob.and_then(|blob| Tree::parse(blob).ok());
    tree.is_some_and(|tree| {
        wanted
            .iter()
            .any(|wanted| tree.find_compatible(wanted).next().is_some())
    })
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::{Bench, RAM};
    use crate::devicetree::Tree;

    #[test]
    fn what_is_not_there_is_told() {
        Bench::new().dialogue(
            "\
=> virtio scan; echo $?
This machine has no virtio bus
1
=> pci enum; echo $?
This machine has no PCI host that the loader drives
1
=> mmc rescan; echo $?
No MMC device available
1
=> mmc dev 0 1; echo $?
No MMC device available
1
=> usb start; echo $?
starting USB...
No USB controllers found
1
=> scsi scan; echo $?
scanning bus for devices...
This loader drives no SCSI controller
1
",
        );
    }

    #[test]
    fn on_qemu_virt_the_scans_succeed() {
        let mut bench = Bench::new();
        let blob = include_bytes!("../../../../tests/fixtures/devicetree/qemu-virt.dtb");
        bench.load(RAM, "tree", blob);
        bench.context.env.set_hex("fdtcontroladdr", RAM);
        assert!(Tree::parse(blob).is_ok());
        bench.dialogue(
            "\
=> virtio scan; echo $?
0
=> virtio info; echo $?
0
=> pci enum; echo $?
0
=> virtio read 40200000 0 1; echo $?
this machine has no virtio device
1
",
        );
    }

    #[test]
    fn what_is_not_known_shows_the_usage() {
        let mut bench = Bench::new();
        for line in ["mmc", "mmc x", "pci", "usb", "usb x", "scsi", "virtio", "virtio x"] {
            let (name, _) = line.split_once(' ').unwrap_or((line, ""));
            assert!(bench.enter(line).starts_with(&alloc::format!("{name} - ")), "{line}");
        }
    }
}
