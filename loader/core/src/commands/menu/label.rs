//! One label: its files, its command line, its start.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::PhysAddr;

use super::super::origin::{Origin, missing};
use super::super::start::{self, File};
use super::super::{booti, bootm, network, run};
use super::tree;
use crate::boot::extlinux::{Label, MAX_LINE, expand};
use crate::context::{CommandError, CommandResult, Context, Status};
use crate::image::detect;

/// How it went with a label.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was not started, and has said why: the next is tried.
    Skipped,
    /// It ends the menu with this status.
    With(Status),
}

/// Starts a label, which has this number in the menu.
///
/// # Errors
/// [`CommandError::Interrupted`] after Ctrl-C; what is wrong with a `localboot`, which ends the menu whatever comes of it. Everything else
/// is said and makes the label one that was skipped.
pub(super) fn start(
    context: &mut Context,
    origin: &Origin,
    (number, label): (usize, &Label),
) -> Result<Ended, CommandError> {
    context.say(format_args!("{number}:\t{}", label.shown()));
    let before = context.env.get("bootargs").map(ToString::to_string);
    if let Some(kind) = label.local_boot {
        return local(context, kind, label).map(Ended::With);
    }
    match boot(context, origin, label) {
        Ok(Status::Success) => return Ok(Ended::With(Status::Success)),
        Ok(Status::Failure) => {}
        Err(CommandError::Failed(why)) => context.say(format_args!("{why}")),
        Err(other) => return Err(other),
    }
    // The next label may have no command line of its own.
    if context.env.get("bootargs") != before.as_deref()
        && let Err(why) = context.set_variable("bootargs", before.as_deref(), false)
    {
        context.say(format_args!("{why}"));
    }
    Ok(Ended::Skipped)
}

/// `localboot`: what the variable `localcmd` holds, whatever the kind is; a negative one leaves the menu.
fn local(context: &mut Context, kind: i64, label: &Label) -> CommandResult {
    if kind < 0 {
        return Ok(Status::Failure);
    }
    if let Some(append) = &label.append {
        set_bootargs(context, append)?;
    }
    if context.env.get("localcmd").is_none() {
        return Err(missing("localcmd"));
    }
    run::run(context, &["run".to_string(), "localcmd".to_string()])
}

fn boot(context: &mut Context, origin: &Origin, label: &Label) -> CommandResult {
    let name = &label.name;
    let path = label.kernel.as_ref();
    let path = path.ok_or_else(|| CommandError::failed(format!("No kernel given, skipping {name}")))?;
    let kernel = fetch(context, origin, (path, "kernel_addr_r"));
    let kernel = kernel.map_err(|error| skipping(error, name, "kernel"))?;
    let mut ramdisk = None;
    if let Some(path) = &label.initrd {
        let file = fetch(context, origin, (path, "ramdisk_addr_r"));
        ramdisk = Some(file.map_err(|error| skipping(error, name, "initrd"))?);
    }
    command_line(context, label)?;
    let tree = tree::load(context, origin, label)?;
    if label.kaslr_seed {
        context.say(format_args!(
            "No RNG device\nThe kernel gets no seed for its own address: this machine has no source of random numbers"
        ));
    }
    hand_to_boot_command(context, label, (&kernel, ramdisk.as_ref(), tree))
}

/// The two lines for a file that is not there: why, and U-Boot's.
fn skipping(error: CommandError, label: &str, what: &str) -> CommandError {
    match error {
        CommandError::Failed(why) => {
            CommandError::Failed(format!("{why}\nSkipping {label} for failure retrieving {what}"))
        }
        other => other,
    }
}

/// Loads a file to where a variable says.
pub(super) fn fetch(
    context: &mut Context,
    origin: &Origin,
    (path, variable): (&str, &str),
) -> Result<File, CommandError> {
    let address = context.env.hex(variable).ok_or_else(|| missing(variable))?;
    origin.retrieve(context, path, PhysAddr(address))
}

/// Sets `bootargs` if the label has anything to say of it.
fn command_line(context: &mut Context, label: &Label) -> Result<(), CommandError> {
    let mut line = label.append.clone().unwrap_or_default();
    if label.ip_append & 1 != 0 {
        let value = |name| context.env.get(name).unwrap_or_default();
        let addresses = ["ipaddr", "serverip", "gatewayip", "netmask"].map(value);
        line += &format!(" ip={}", addresses.join(":"));
    }
    if label.ip_append & 2 != 0 {
        line += &format!(" BOOTIF={}", network::dashed(network::mac(context)?));
    }
    if label.append.is_none() && label.ip_append & 3 == 0 {
        return Ok(());
    }
    let line = set_bootargs(context, &line)?;
    context.say(format_args!("append: {line}"));
    Ok(())
}

fn set_bootargs(context: &mut Context, line: &str) -> Result<String, CommandError> {
    let env = &context.env;
    let line = expand(line, &|name| env.get(name)).ok_or_else(|| {
        CommandError::failed(format!(
            "bootarg overflow: with its variables expanded the command line has more than {MAX_LINE} bytes"
        ))
    })?;
    context.assign("bootargs", &line)?;
    Ok(line)
}

/// What `booti`, or `bootm` for a uImage or a FIT, does with the files.
fn hand_to_boot_command(
    context: &mut Context,
    label: &Label,
    (kernel, ramdisk, tree): (&File, Option<&File>, Option<PhysAddr>),
) -> CommandResult {
    let address = kernel.region.start();
    let kind = detect::kind(start::readable(context, address)?);
    let is_fit = kind == detect::Kind::DeviceTree;
    // A FIT has a tree of its own, unless the label names one.
    let tree = match tree {
        None if !is_fit => tree::fallback(context),
        tree => tree,
    };
    let mut words: Vec<String> = Vec::new();
    let configuration = label.configuration.as_deref().unwrap_or_default();
    words.push(format!("{address}{configuration}"));
    match ramdisk {
        Some(file) => words.push(format!("{}:{:x}", file.region.start(), file.region.len())),
        None if tree.is_some() => words.push("-".to_string()),
        None => {}
    }
    words.extend(tree.map(|tree| tree.to_string()));
    let command = match kind {
        detect::Kind::LegacyImage | detect::Kind::DeviceTree => &bootm::COMMAND,
        _ => &booti::COMMAND,
    };
    words.insert(0, command.name.to_string());
    (command.run)(context, &words)
}
