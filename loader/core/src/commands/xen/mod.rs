//! `xen`: boots Xen by a configuration or a device tree that names its files: where each lies is found here.
//!
//! [`source`] says where to begin; [`description`] reads what is there, whatever its form, until there is a tree and perhaps a section
//! of `xen.cfg`; [`files`] loads what they name.

mod description;
mod files;
mod source;

use alloc::string::String;
use alloc::vec::Vec;

use hal::Region;

use super::Command;
use super::origin::Origin;
use super::start::{self, Goal};
use crate::boot::limits;
use crate::boot::prepare::{Draft, Request};
use crate::context::{Args, CommandError, CommandResult, Context};
use crate::xen::plan;

pub(super) use source::ON_VOLUMES;
use source::Source;

pub(crate) const COMMAND: Command = Command {
    name: "xen",
    aliases: &[],
    summary: "boot Xen by xen.cfg or a device tree that names its files",
    usage: "\
boot <source> [section]   - load all files and start Xen
plan <source> [section]   - as boot, but stop before the jump
check <source> [section]  - say what is wrong, and leave memory as it is
    <source> is one of
        <interface> <dev[:part]> [file]  - a file on a card or a disk
        tftp [[host:]file]               - a file on a TFTP server
        http://host[:port]/file          - a file on a web server
        <addr>                           - a file that was loaded by hand",
    help: "The file is a xen.cfg, or a device tree in which modules name their files, or Xen itself, beside which a .cfg of its name is\n\
        looked for; a folder, which has / behind it, or nothing stands for the xen.cfg in it. section is one of xen.cfg, else what\n\
        default= says. Files are looked for where the first one was.\n\
        xen.cfg has lines KEY=VALUE: options=, kernel=, ramdisk=, xsm=, dtb=, and in [global] default= and chain=, as for Xen's EFI\n\
        stub; for domains domu1_kernel=FILE [args], domu1_ramdisk=, domu1_dtb=, and domu1_property=NAME[=VALUE] as often as needed;\n\
        binary=FILE KEY for modules with uefi,binary = \"KEY\"; module=FILE for the mb-index of Hyperlaunch; xen= for Xen's own file,\n\
        which is else the .efi or plain file of the configuration's name, xen.efi, xen or xen.gz.\n\
        A module in the tree names its file by xen,uefi-binary or uefi,binary; xen,uefi-cfg-load in /chosen has a xen.cfg read, too.\n\
        Hyperlaunch (/chosen/hypervisor), /domains of a System Device Tree and modules under /chosen/domain0 become what Xen reads.\n\
        Without dtb= the tree is the working one (fdt addr), or the machine's own.\n\
        Each file goes to free RAM, from the top, where its module can name it; a file that several modules name is loaded once.\n\
        Every module's reg then says the exact address and size, everything is checked, and nothing is started if Xen or a domain\n\
        could not come up. plan leaves all of it in RAM until the next xen command, and sets xen_addr and xen_fdt_addr:\n\
        booti ${xen_addr} - ${xen_fdt_addr} starts it.",
    examples: &[
        "xen boot mmc 0:1",
        "xen plan tftp lab/xen.cfg two-domains",
        "xen check http://10.0.2.2:8000/dom0less.dtb",
    ],
    repeatable: false,
    run,
};

/// Where Xen and the tree lie after a plan.
const PLACES: [&str; 2] = ["xen_addr", "xen_fdt_addr"];

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (goal, words) = match args {
        [_, goal, words @ ..] if !words.is_empty() => (goal.as_str(), words),
        _ => return Err(CommandError::Usage),
    };
    let goal = match goal {
        "boot" => Goal::Start,
        "plan" => Goal::Plan,
        "check" => Goal::Check,
        _ => return Err(CommandError::Usage),
    };
    let source = source::parse(context, words)?;
    boot(context, &source, goal)
}

/// Starts Xen by what is in `file` of a place, or goes as far as `goal`.
///
/// # Errors
/// As the command.
pub(super) fn by_file(context: &mut Context, origin: Origin, file: &str) -> CommandResult {
    boot(context, &Source::file(origin, file), Goal::Start)
}

/// What it loads is known until the next time if it succeeds, and forgotten if it does not.
fn boot(context: &mut Context, source: &Source, goal: Goal) -> CommandResult {
    context.begin_boot();
    let last = core::mem::take(&mut context.planned);
    forget(context, &last);
    for name in PLACES {
        // Nothing to say: an empty value unsets it.
        let _ = context.env.set(name, "");
    }
    let before = places(context);
    let result = go(context, source, goal);
    let mut own = places(context);
    own.retain(|place| !before.contains(place));
    match (&result, goal) {
        (Ok(_), Goal::Plan | Goal::Start) => context.planned = own,
        _ => forget(context, &own),
    }
    result
}

fn places(context: &Context) -> Vec<Region> {
    context.memory.files().iter().map(|file| file.region).collect()
}

/// Takes what lies there out of the map, but for what somebody loaded over it since.
fn forget(context: &mut Context, places: &[Region]) {
    for place in places {
        let start = place.start();
        if context.memory.file_at(start).is_some_and(|file| file.region == *place) {
            context.memory.forget(start);
        }
    }
}

fn go(context: &mut Context, source: &Source, goal: Goal) -> CommandResult {
    let (tree, description) = description::read(context, source)?;
    let mut findings = Vec::new();
    let section = description.section.as_ref();
    let plan = plan::make(tree, section, &mut findings);
    context.report(&findings);
    let plan = plan.map_err(|error| CommandError::failed(alloc::format!("{error}")))?;
    // Before anything is loaded for it: a tree of 2 MiB can name thousands of files.
    limits::check(&plan.tree).map_err(|error| CommandError::failed(alloc::format!("{error}")))?;
    let (image, tree) = files::load(context, &description, plan)?;
    let request = Request {
        image,
        ramdisk: None,
        tree: Draft::Made(tree),
        bootargs: None,
    };
    let status = start::go(context, request, goal)?;
    if goal != Goal::Check
        && let Some(prepared) = &context.prepared
    {
        let layout = &prepared.layout;
        let (image, tree) = (layout.image.target.start(), layout.tree.start());
        for (name, place) in PLACES.into_iter().zip([image, tree]) {
            context.env.set_hex(name, place.get());
        }
    }
    Ok(status)
}

/// The name behind the last slash.
fn base(path: &str) -> String {
    String::from(path.rsplit('/').next().unwrap_or_default())
}

#[cfg(test)]
mod tests;
