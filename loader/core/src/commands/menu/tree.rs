//! The device tree of a label, and its overlays.

use alloc::format;
use alloc::string::{String, ToString};

use hal::PhysAddr;

use super::super::fdt;
use super::super::origin::Origin;
use super::label::fetch;
use crate::boot::extlinux::Label;
use crate::context::{CommandError, Context};

/// Where the trees of labels go.
const PLACE: &str = "fdt_addr_r";

/// Loads the label's tree and applies its overlays; `None` if it has none, or the folder that it names has none for this board.
///
/// # Errors
/// If a tree that the label names itself cannot be had.
pub(super) fn load(context: &mut Context, origin: &Origin, label: &Label) -> Result<Option<PhysAddr>, CommandError> {
    let Some((path, named)) = path(context, label) else {
        return without_tree(context, label);
    };
    if context.env.hex(PLACE).is_none() {
        if named {
            context.say(format_args!("{PLACE} is not set: {path} is not loaded"));
        }
        return without_tree(context, label);
    }
    match fetch(context, origin, (&path, PLACE)) {
        Ok(file) => {
            let tree = file.region.start();
            for overlay in &label.overlays {
                apply(context, origin, (tree, overlay))?;
            }
            Ok(Some(tree))
        }
        Err(CommandError::Failed(why)) if named => {
            let name = &label.name;
            Err(CommandError::Failed(format!(
                "{why}\nSkipping {name} for failure retrieving FDT"
            )))
        }
        Err(CommandError::Failed(why)) => {
            context.say(format_args!("{why}"));
            without_tree(context, label)
        }
        Err(other) => Err(other),
    }
}

/// The tree that the loader itself uses: what it has where the label names none.
pub(super) fn fallback(context: &Context) -> Option<PhysAddr> {
    let address = |name| context.env.hex(name).map(PhysAddr);
    address("fdt_addr").or_else(|| address("fdtcontroladdr"))
}

/// The file that has the tree, and whether it is the one file that the label names.
fn path(context: &Context, label: &Label) -> Option<(String, bool)> {
    if let Some(path) = &label.fdt {
        return Some((path.clone(), true));
    }
    let folder = label.fdt_dir.as_deref()?;
    let value = |name| context.env.get(name);
    let file = match (value("fdtfile"), value("soc"), value("board")) {
        (Some(file), ..) => file.to_string(),
        (None, Some(soc), Some(board)) => format!("{soc}-{board}.dtb"),
        (None, Some(one), None) | (None, None, Some(one)) => format!("{one}.dtb"),
        (None, None, None) => return None,
    };
    let slash = if folder.ends_with('/') { "" } else { "/" };
    Some((format!("{folder}{slash}{file}"), false))
}

fn without_tree(context: &mut Context, label: &Label) -> Result<Option<PhysAddr>, CommandError> {
    if !label.overlays.is_empty() {
        context.say(format_args!(
            "The overlays of {} are left out: they go into a tree that the label loads",
            label.name
        ));
    }
    Ok(None)
}

/// Applies one overlay. One that cannot be had or does not fit is left out, as U-Boot does.
fn apply(context: &mut Context, origin: &Origin, (tree, path): (PhysAddr, &str)) -> Result<(), CommandError> {
    const PLACE: &str = "fdtoverlay_addr_r";
    if context.env.hex(PLACE).is_none() {
        context.say(format_args!(
            "Invalid {PLACE} for loading overlays\n{path} is left out: {PLACE} is not set"
        ));
        return Ok(());
    }
    let (result, words) = match fetch(context, origin, (path, PLACE)) {
        Ok(file) => {
            let merged = fdt::merge(context, tree, file.region.start());
            (merged, format!("Failed to apply overlay {path}, skipping"))
        }
        Err(error) => (Err(error), format!("Failed loading overlay {path}")),
    };
    match result {
        Err(CommandError::Failed(why)) => {
            context.say(format_args!("{why}\n{words}"));
            Ok(())
        }
        other => other,
    }
}
