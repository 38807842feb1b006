//! Loads the files of a plan, each once, and writes into the tree where they lie.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use hal::Region;

use super::super::start::File;
use super::super::tftpboot::Refused;
use super::super::{booti, bootm};
use super::description::Description;
use crate::boot::place::{self, Loaded};
use crate::boot::room::{FilesRoom, Need, Slot};
use crate::context::{CommandError, Context};
use crate::devicetree::{NodeId, Tree};
use crate::image::{detect, uimage};
use crate::source::{Destination, Room};
use crate::xen::config::FileLine;
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
        Some(file) => {
            // It lies where it will run, and what lies behind it so far is its BSS.
            room.take(Need::Xen, file.region);
            file.clone()
        }
        None => xen(context, description, &mut room)?,
    };
    for wanted in &files {
        let file = module(context, description, wanted, (&mut room, &tree))?;
        for (users, place) in shared(context, wanted, &file, &mut room)? {
            plan::settle(&mut tree, &users, place)
                .map_err(|error| CommandError::failed(format!("{}: {error}", file.name)))?;
        }
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
    if let Some((source, line)) = description.xen_line() {
        let why = last.unwrap_or_default();
        let FileLine { file, at, .. } = line;
        return Err(CommandError::failed(format!("{source}:{at}: xen={file}: {why}")));
    }
    // Loaded by hand, it may be called anything.
    let loaded = context.memory.files().iter();
    let mut xens = loaded.filter(|file| place::is_xen(&context.memory, file.region));
    if let Some(file) = xens.next() {
        room.take(Need::Xen, file.region);
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
    let mut slot = slot(room, need, wanted);
    let origin = &description.origin;
    let asked = origin.ask(context, &wanted.file, Destination::Free(&mut slot))?;
    let file = asked.map_err(|Refused(why)| {
        let user = wanted.users.first().map(|node| tree.path(*node)).unwrap_or_default();
        CommandError::failed(format!("{user} wants {}: {why}", wanted.file))
    })?;
    room.take(need, file.region);
    Ok(file)
}

/// Room where all who want the file can name it.
fn slot<'a>(room: &'a mut FilesRoom, need: Need, wanted: &Wanted) -> Slot<'a> {
    let slot = room.slot(need, wanted.anywhere);
    if wanted.widens { slot.else_anywhere() } else { slot }
}

/// Who gets the file, and who a copy of it: Xen unpacks a gzip'd kernel for the first domain that has it, and frees what it unpacked, so
/// that the next does not find it any more ("Missing kernel boot module?", seen with 4.17).
///
/// # Errors
/// If there is no room for a copy.
fn shared(
    context: &mut Context,
    wanted: &Wanted,
    file: &File,
    room: &mut FilesRoom,
) -> Result<Vec<(Vec<NodeId>, Region)>, CommandError> {
    let packed = is_packed(context.memory.bytes(file.region)?);
    if wanted.kind != Some(Kind::Kernel) || !packed {
        return Ok(Vec::from([(wanted.users.clone(), file.region)]));
    }
    let mut places = Vec::new();
    for node in wanted.users.iter().copied() {
        let place = match places.is_empty() {
            true => file.region,
            false => copy(context, (file, wanted), room)?,
        };
        places.push((Vec::from([node]), place));
    }
    Ok(places)
}

/// Whether gzip data begin there, or behind the header of a uImage, which the module will not have any more.
fn is_packed(bytes: &[u8]) -> bool {
    match detect::kind(bytes) {
        detect::Kind::LegacyImage => {
            detect::kind(bytes.get(uimage::HEADER_LEN..).unwrap_or_default()) == detect::Kind::Gzip
        }
        kind => kind == detect::Kind::Gzip,
    }
}

/// Another file with the same bytes.
fn copy(context: &mut Context, (file, wanted): (&File, &Wanted), room: &mut FilesRoom) -> Result<Region, CommandError> {
    let place = slot(room, Need::Kernel, wanted).place(Some(file.region.len()))?;
    let claim = context.memory.claim(place.start(), place.len(), &file.name)?;
    context.memory.copy(&claim, 0, file.region)?;
    let place = context.memory.record(claim, place.len());
    room.take(Need::Kernel, place);
    Ok(place)
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
