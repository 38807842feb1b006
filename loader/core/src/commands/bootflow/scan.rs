//! The partitions of a device, and what is on them.

use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use hal::block::BlockInterface;

use super::super::disk::{self, Selector};
use super::methods::{METHODS, Method};
use crate::context::{CommandError, CommandResult, Context, Status};
use crate::fs::{FileSystem, FsError, Scheme};
use crate::source::SourceError;

/// A partition that may be booted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) interface: BlockInterface,
    /// The device's number.
    pub(super) device: u32,
    /// The partition's; 0 is the whole device.
    pub(super) number: u32,
}

/// As it is typed: `mmc 0:1`.
impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            interface,
            device,
            number,
        } = self;
        write!(f, "{} {device:x}:{number:x}", interface.word())
    }
}

impl Partition {
    /// What names it for `load`.
    ///
    /// # Errors
    /// As [`Selector::parse`].
    pub(super) fn selector(&self, context: &Context) -> Result<Selector, CommandError> {
        let volume = format!("{:x}:{:x}", self.device, self.number);
        Selector::parse(context, self.interface.word(), Some(&volume))
    }
}

/// The partitions of a device that are marked as bootable, or all if none is; the whole device if it has no table.
///
/// # Errors
/// If the device cannot be read.
pub(super) fn partitions(
    context: &mut Context,
    interface: BlockInterface,
    device: u32,
) -> Result<Vec<Partition>, CommandError> {
    let table = disk::table(context, interface, device)?;
    let of_number = |number| Partition {
        interface,
        device,
        number,
    };
    if table.scheme == Scheme::None {
        return Ok(Vec::from([of_number(0)]));
    }
    let usable = table
        .partitions
        .iter()
        .filter(|partition| !partition.kind.is_extended());
    let marked = usable.clone().any(crate::fs::Partition::is_bootable);
    let chosen = usable.filter(|partition| !marked || partition.is_bootable());
    Ok(chosen.map(|partition| of_number(partition.number)).collect())
}

/// The file that each method finds on a partition.
///
/// # Errors
/// If it has no file system that can be read.
pub(super) fn look(
    context: &mut Context,
    partition: Partition,
) -> Result<Vec<(&'static Method, Option<&'static str>)>, CommandError> {
    let selector = partition.selector(context)?;
    disk::with_files(context, &selector, "", |files, _| {
        let mut found = Vec::new();
        for method in METHODS {
            found.push((method, first_of(files, method.files)?));
        }
        Ok(found)
    })
}

fn first_of(files: &mut dyn FileSystem, paths: &[&'static str]) -> Result<Option<&'static str>, SourceError> {
    for path in paths {
        match files.open(path) {
            Ok(_) => return Ok(Some(path)),
            Err(FsError::NotFound(_) | FsError::NotDirectory(_) | FsError::IsDirectory(_)) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(None)
}

/// Tries everything that is on a device.
///
/// # Errors
/// [`CommandError::Interrupted`] after Ctrl-C.
pub(super) fn boot(context: &mut Context, interface: BlockInterface, device: u32) -> CommandResult {
    let partitions = partitions(context, interface, device);
    let place = format!("{} {device:x}", interface.word());
    let Some(partitions) = said(context, &place, partitions)? else {
        return Ok(Status::Failure);
    };
    for partition in partitions {
        let place = format!("{partition}");
        let methods = look(context, partition);
        for (method, file) in said(context, &place, methods)?.unwrap_or_default() {
            let Some(file) = file else {
                context.say(format_args!("{place}: {} ... not there", method.what));
                continue;
            };
            context.say(format_args!("{place}: {} ... {} {file}", method.what, method.found));
            let booted = (method.boot)(context, &partition, file);
            if said(context, &place, booted)? == Some(Status::Success) {
                return Ok(Status::Success);
            }
        }
    }
    Ok(Status::Failure)
}

/// Says what failed where, and gives nothing then.
///
/// # Errors
/// What ends more than one try: [`CommandError::Interrupted`] after Ctrl-C.
pub(super) fn said<T>(
    context: &mut Context,
    place: &str,
    result: Result<T, CommandError>,
) -> Result<Option<T>, CommandError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(CommandError::Failed(why)) => {
            context.say(format_args!("{place}: {why}"));
            Ok(None)
        }
        Err(other) => Err(other),
    }
}
