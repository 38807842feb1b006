//! Where the simulated board saves its environment: where its `board.toml` says, on the images that the options name.

use std::borrow::Cow;
use std::path::Path;

use board_schema::{BlockEnvironment, Device, FatEnvironment, FlashEnvironment, Folder, Interface, Volume};
use hal::PhysAddr;
use hal::block::BlockInterface;
use loader_core::env::{BlockPlace, Copies, FatPlace, FlashPlace, Persistence, Place};
use loader_core::fs::Which;
use loader_core::storage::Storage;

use crate::flash::FileFlash;
use crate::options::Options;
use crate::simulation::BuildError;

/// The place that the board names; where the options name no image for it, why there is none.
///
/// # Errors
/// [`BuildError::Read`] if the image of a flash cannot be used, [`BuildError::NoFlash`] if one is named and the board has no use for it.
pub(crate) fn persistence(options: &Options, folder: &Folder, disks: &Storage) -> Result<Persistence, BuildError> {
    let place = folder.board.environment.as_ref().map(place);
    match (place, &options.env) {
        (Some(Place::Flash(place)), Some(path)) => in_flash(place, path),
        (Some(Place::Flash(_)), None) => Ok(missing("--env names no file for it".to_owned())),
        (_, Some(_)) => {
            let board = folder.name.clone();
            Err(BuildError::NoFlash { board })
        }
        (Some(place), None) => Ok(on_device(place, disks)),
        (None, None) => Ok(Persistence::default()),
    }
}

fn in_flash(place: FlashPlace, path: &Path) -> Result<Persistence, BuildError> {
    let last = match place.copies {
        Copies::Single => place.offset,
        Copies::Backup(other) | Copies::Redundant(other) => place.offset.max(other),
    };
    let least = last.saturating_add(place.size);
    let flash = FileFlash::open(path, place.flash, least).map_err(|source| BuildError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(Persistence::open(Some(Place::Flash(place)), vec![Box::new(flash)]))
}

fn on_device(place: Place, disks: &Storage) -> Persistence {
    match place.device() {
        Some((interface, number)) if !disks.has(interface, number) => {
            let option = match interface {
                BlockInterface::Mmc => "--card",
                BlockInterface::Virtio => "--disk",
            };
            let word = interface.word();
            missing(format!("{option} names no image for {word} {number:x}"))
        }
        _ => Persistence::open(Some(place), Vec::new()),
    }
}

fn missing(missing: String) -> Persistence {
    Persistence {
        missing,
        ..Persistence::default()
    }
}

/// The place as the loader's core has it.
fn place(environment: &board_schema::Environment) -> Place {
    match environment {
        board_schema::Environment::Flash(flash) => Place::Flash(flash_place(flash)),
        board_schema::Environment::Fat(fat) => Place::Fat(fat_place(fat)),
        board_schema::Environment::Block(block) => Place::Block(block_place(block)),
    }
}

fn flash_place(flash: &FlashEnvironment) -> FlashPlace {
    FlashPlace {
        flash: PhysAddr(flash.address),
        offset: flash.offset,
        size: flash.size,
        copies: copies(flash.redundant_offset, flash.backup_offset),
    }
}

fn block_place(block: &BlockEnvironment) -> BlockPlace {
    BlockPlace {
        interface: interface(&block.device),
        number: block.device.number,
        offset: block.offset,
        size: block.size,
        copies: copies(block.redundant_offset, block.backup_offset),
    }
}

fn fat_place(fat: &FatEnvironment) -> FatPlace {
    let volume = match &fat.device.volume {
        Volume::Default => Which::Default,
        Volume::Auto => Which::Auto,
        Volume::Number(number) => Which::Number(*number),
        Volume::Name(name) => Which::Name(Cow::Owned(name.clone())),
    };
    FatPlace {
        interface: interface(&fat.device),
        number: fat.device.number,
        volume,
        file: Cow::Owned(fat.file.clone()),
        redundant: fat.redundant_file.clone().map(Cow::Owned),
        size: fat.size,
    }
}

fn copies(redundant: Option<u64>, backup: Option<u64>) -> Copies {
    let backup = backup.map_or(Copies::Single, Copies::Backup);
    redundant.map_or(backup, Copies::Redundant)
}

fn interface(device: &Device) -> BlockInterface {
    match device.interface {
        Interface::Mmc => BlockInterface::Mmc,
        Interface::Virtio => BlockInterface::Virtio,
    }
}
