//! Loads the files of a plan, each once, and writes into the tree where they lie.

use alloc::format;
use alloc::string::ToString;

use super::super::start::File;
use super::super::tftpboot::Refused;
use super::super::{booti, bootm};
use super::description::Description;
use crate::boot::place::{self, Loaded};
use crate::boot::room::{FilesRoom, Need};
use crate::context::{CommandError, Context};
use crate::devicetree::Tree;
use crate::image::detect;
use crate::source::Destination;
use crate::xen::module::Kind;
use crate::xen::plan::{self, Plan, Wanted};

/// Loads everything; gives Xen's image and the tree.
///
/// # Errors
/// If a file is not there, or finds no room.
pub(super) fn load(
    context: &mut Context,
    description: &Description,
    plan: Plan,
) -> Result<(Loaded, Tree), CommandError> {
    let Plan { mut tree, files } = plan;
    let mut room = FilesRoom::new(&context.memory, &tree);
    let image = match &description.image {
        Some(file) => file.clone(),
        None => xen(context, description, &mut room)?,
    };
    for wanted in &files {
        let file = module(context, description, wanted, (&mut room, &tree))?;
        plan::settle(&mut tree, wanted, file.region)
            .map_err(|error| CommandError::failed(format!("{}: {error}", file.name)))?;
    }
    Ok((as_image(context, &image)?, tree))
}

/// Xen's file, by the first of its names that is there.
fn xen(context: &mut Context, description: &Description, room: &mut FilesRoom) -> Result<File, CommandError> {
    let mut last = None;
    for name in &description.images {
        let mut slot = room.slot(Need::Xen, true);
        match description.origin.ask(context, name, Destination::Free(&mut slot))? {
            Ok(file) => {
                room.take(Need::Xen, file.region);
                return Ok(file);
            }
            Err(Refused(why)) => last = Some(why),
        }
    }
    // Loaded by hand, it may be called anything.
    let loaded = context.memory.files().iter();
    let mut xens = loaded.filter(|file| place::is_xen(&context.memory, file.region));
    if let Some(file) = xens.next() {
        return Ok(File {
            name: file.name.clone(),
            region: file.region,
        });
    }
    Err(CommandError::failed(format!(
        "Xen was not found under the names {}; the line xen=FILE of a xen.cfg names it: {}",
        description.images.join(", "),
        last.unwrap_or_default()
    )))
}

fn module(
    context: &mut Context,
    description: &Description,
    wanted: &Wanted,
    (room, tree): (&mut FilesRoom, &Tree),
) -> Result<File, CommandError> {
    let need = match wanted.kind {
        Some(Kind::Kernel) => Need::Kernel,
        Some(Kind::Ramdisk) => Need::Ramdisk,
        _ => Need::Other,
    };
    let mut slot = room.slot(need, wanted.anywhere);
    let origin = &description.origin;
    let asked = origin.ask(context, &wanted.file, Destination::Free(&mut slot))?;
    let file = asked.map_err(|Refused(why)| {
        let user = wanted.users.first().map(|node| tree.path(*node)).unwrap_or_default();
        CommandError::failed(format!("{user} wants {}: {why}", wanted.file))
    })?;
    room.take(need, file.region);
    Ok(file)
}

/// The image as the commands for its kind of file see it.
fn as_image(context: &mut Context, file: &File) -> Result<Loaded, CommandError> {
    let start = file.region.start();
    let loaded = match detect::kind(context.memory.bytes(file.region)?) {
        detect::Kind::LegacyImage => {
            bootm::image_at(context, start).map_err(|refusal| refusal.closed_by(bootm::NO_KERNEL))?
        }
        _ => booti::image_at(context, start)?,
    };
    Ok(Loaded {
        name: file.name.to_string(),
        ..loaded
    })
}
