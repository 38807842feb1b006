//! What the commands share that name a device or a partition: `<interface> <dev[:part]>`.

use alloc::format;
use alloc::string::{String, ToString};

use hal::block::{BlockInterface, Medium};
use hal::{BlockDevice, BlockIdx};

use crate::console::Terminal;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::fs::{self, ChoiceError, FileSystem, Partition, Table, Volume, VolumeError, Watch, Which};
use crate::memory::Memory;
use crate::shell::number::hexadecimal;
use crate::source::SourceError;

/// The window that is the whole device: [`Volume`] takes as much as there is.
pub(super) const WHOLE: (BlockIdx, u64) = (BlockIdx(0), u64::MAX);

/// A volume as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selector {
    /// The interface.
    pub(super) interface: BlockInterface,
    /// The device's number.
    pub(super) device: u32,
    /// Which volume of it.
    pub(super) which: Which,
    /// As typed, for messages.
    text: String,
}

impl Selector {
    /// Reads `<interface> <dev[:part]>`, with U-Boot's words for what is wrong with it.
    ///
    /// # Errors
    /// [`CommandError::Failed`].
    pub(super) fn parse(context: &Context, interface: &str, text: Option<&str>) -> Result<Self, CommandError> {
        let text = match text.filter(|text| *text != "-") {
            Some(text) => text.to_string(),
            None => match context.env.get("bootdevice") {
                Some(text) => text.to_string(),
                None => return Err(failed(interface, "-", "** No device specified **", "")),
            },
        };
        let (device, which) = match text.split_once('#') {
            Some((device, name)) => (device, Which::Name(name.to_string().into())),
            None => match text.split_once(':') {
                Some((device, part)) => (device, part_of(interface, &text, part)?),
                None => (text.as_str(), Which::Default),
            },
        };
        // The hardware partition of an eMMC follows a dot; only the user area can be used.
        let (device, hardware) = device.split_once('.').unwrap_or((device, "0"));
        let bad = format!("** Bad device specification {interface} {device} **");
        let known = BlockInterface::ALL.into_iter().find(|known| known.word() == interface);
        let known = known.ok_or_else(|| failed(interface, &text, &bad, "the interfaces are mmc and virtio"))?;
        let number =
            number(device).ok_or_else(|| failed(interface, &text, &bad, "the device is no hexadecimal number"))?;
        if !context.storage.has(known, number) {
            return Err(failed(interface, &text, &bad, &context.storage.there_are(known)));
        }
        if hardware != "0" {
            let why = "only hardware partition 0, the user area, can be used";
            return Err(failed(interface, &text, &bad, why));
        }
        Ok(Self {
            interface: known,
            device: number,
            which,
            text,
        })
    }

    /// Reads a command's `<interface> [<dev[:part]>] <path>`.
    ///
    /// # Errors
    /// [`CommandError::Usage`]; as [`Selector::parse`].
    pub(super) fn with_path<'a>(context: &Context, args: Args<'a>) -> Result<(Self, &'a str), CommandError> {
        let (interface, device, path) = match args {
            [_, interface, path] => (interface, None, path),
            [_, interface, device, path] => (interface, Some(device.as_str()), path),
            _ => return Err(CommandError::Usage),
        };
        Ok((Self::parse(context, interface, device)?, path))
    }

    /// The partition that is meant; `None` for the whole device.
    fn partition<'a>(&self, table: &'a Table) -> Result<Option<&'a Partition>, CommandError> {
        let interface = self.interface.word();
        table.choose(&self.which).map_err(|error| {
            let (first, why) = match error {
                ChoiceError::NoTable => (
                    format!("** No partition table - {interface} {} **", self.device),
                    String::new(),
                ),
                ChoiceError::NoNumber(number) => (format!("** Invalid partition {number} **"), partitions_there(table)),
                ChoiceError::NoneUsable => ("** No valid partitions found **".into(), String::new()),
                ChoiceError::NoName(name) => (
                    format!("Could not find \"{}\" partition", name.escape_debug()),
                    partitions_there(table),
                ),
            };
            failed(interface, &self.text, &first, &why)
        })
    }
}

/// What stands behind the colon.
fn part_of(interface: &str, text: &str, part: &str) -> Result<Which, CommandError> {
    if part.is_empty() {
        return Ok(Which::Default);
    }
    if part == "auto" {
        return Ok(Which::Auto);
    }
    let bad = format!("** Bad partition specification {interface} {text} **");
    let number = number(part).map(Which::Number);
    number.ok_or_else(|| failed(interface, text, &bad, "a partition is a hexadecimal number, or auto"))
}

/// The number of a device or a partition: hexadecimal, with `0x` in front or without, as `part number` prints it.
pub(super) fn number(word: &str) -> Option<u32> {
    // A prefix that stands there twice is read elsewhere with a warning; nothing writes a number of these so.
    let number = hexadecimal(word).ok().filter(|number| !number.doubled_prefix);
    number.and_then(|number| u32::try_from(number.value).ok())
}

/// U-Boot's two lines for a volume that is not there, and why.
fn failed(interface: &str, text: &str, first: &str, why: &str) -> CommandError {
    let text = text.escape_debug();
    let colon = if why.is_empty() { "" } else { ": " };
    CommandError::Failed(format!(
        "{first}\nCouldn't find partition {interface} {text}{colon}{why}"
    ))
}

fn partitions_there(table: &Table) -> String {
    let mut text = String::new();
    for partition in table.partitions.iter().take(16) {
        let name = if partition.name.is_empty() {
            String::new()
        } else {
            format!(" \"{}\"", partition.name.escape_debug())
        };
        text += &format!(
            "{}{:x}{name}",
            if text.is_empty() { "" } else { ", " },
            partition.number
        );
    }
    match text.is_empty() {
        true => "it has no partitions".into(),
        false => format!("its partitions are {text}"),
    }
}

/// Serves the console while a device works, and notices Ctrl-C.
pub(super) struct Looker<'a>(pub(super) &'a mut Terminal);

impl Watch for Looker<'_> {
    fn meanwhile(&mut self) {
        self.0.poll();
    }

    fn stop(&mut self) -> bool {
        self.0.interrupted()
    }
}

/// The machine's parts that commands about files need.
pub(super) struct Parts<'a> {
    pub(super) device: &'a mut dyn BlockDevice,
    pub(super) terminal: &'a mut Terminal,
    pub(super) memory: &'a mut Memory,
}

/// A device with a medium in it, found now if it was not before, and the other parts.
///
/// # Errors
/// If there is no such device, or nothing in it.
pub(super) fn parts(context: &mut Context, interface: BlockInterface, number: u32) -> Result<Parts<'_>, CommandError> {
    let Context {
        storage,
        terminal,
        memory,
        ..
    } = context;
    let device = storage.ready(interface, number, &mut || terminal.poll())?;
    Ok(Parts {
        device,
        terminal,
        memory,
    })
}

/// Whether an error is the user's Ctrl-C.
pub(super) fn volume_error(error: VolumeError) -> CommandError {
    match error {
        VolumeError::Aborted => CommandError::Interrupted,
        other => CommandError::from(other),
    }
}

/// The partition table of a device.
///
/// # Errors
/// If there is no medium, or its table cannot be read.
pub(super) fn table(context: &mut Context, interface: BlockInterface, number: u32) -> Result<Table, CommandError> {
    let Parts { device, terminal, .. } = parts(context, interface, number)?;
    read_table(device, &mut Looker(terminal))
}

fn read_table(device: &mut dyn BlockDevice, watch: &mut dyn Watch) -> Result<Table, CommandError> {
    let mut disk = Volume::whole(device, watch).map_err(volume_error)?;
    fs::read_table(&mut disk).map_err(|error| match error {
        fs::PartitionError::Volume(error) => volume_error(error),
        other => CommandError::from(other),
    })
}

/// The first block and the number of blocks of the volume that is meant; of the whole device, more than it has.
///
/// # Errors
/// If it is not there, with U-Boot's words.
pub(super) fn window(context: &mut Context, selector: &Selector) -> Result<(BlockIdx, u64), CommandError> {
    if selector.which == Which::Number(0) {
        return Ok(WHOLE);
    }
    let table = table(context, selector.interface, selector.device)?;
    let partition = selector.partition(&table)?;
    Ok(partition.map_or(WHOLE, |partition| (partition.start, partition.blocks)))
}

/// The partition that is meant.
///
/// # Errors
/// If there is none; the whole device is none.
pub(super) fn partition(context: &mut Context, selector: &Selector) -> Result<Partition, CommandError> {
    let table = table(context, selector.interface, selector.device)?;
    let partition = selector.partition(&table)?.cloned();
    partition.ok_or_else(|| CommandError::failed("** Invalid partition 0 **"))
}

/// Mounts the file system that is meant and lets `work` at it. `kind` is the only kind that will do; empty for any.
///
/// # Errors
/// If there is none, or `work` fails.
pub(super) fn with_files<R>(
    context: &mut Context,
    selector: &Selector,
    kind: &str,
    work: impl FnOnce(&mut dyn FileSystem, &mut Memory) -> Result<R, SourceError>,
) -> Result<R, CommandError> {
    let window = window(context, selector)?;
    let Parts {
        device,
        terminal,
        memory,
    } = parts(context, selector.interface, selector.device)?;
    let mut watch = Looker(terminal);
    let volume = Volume::new(device, &mut watch, window).map_err(volume_error)?;
    let place = format!("{} {}", selector.interface.word(), selector.text);
    let mut files = fs::mount(volume).map_err(SourceError::from)?;
    if !kind.is_empty() && files.kind() != kind {
        let found = files.kind();
        return Err(CommandError::Failed(format!("{place} has {found}, not {kind}")));
    }
    Ok(work(&mut *files, memory)?)
}

/// Gives the answer of a command: to the variable, if one was named, or else to the console.
///
/// # Errors
/// If the variable may not be set.
pub(super) fn answer(context: &mut Context, variable: Option<&String>, text: &str) -> CommandResult {
    match variable {
        Some(variable) => context.assign(variable, text)?,
        None => context.say(format_args!("{text}")),
    }
    Ok(Status::Success)
}

/// The three lines about what is in a device that `virtio info` and `fatinfo` have.
///
/// # Errors
/// As [`parts`].
pub(super) fn description(
    context: &mut Context,
    interface: BlockInterface,
    number: u32,
) -> Result<String, CommandError> {
    let device = parts(context, interface, number)?.device;
    Ok(device.medium().map(describe).unwrap_or_default())
}

fn describe(medium: &Medium) -> String {
    let blocks = medium.blocks;
    // Tenths of 2^20 and of 2^30 bytes.
    let mb = blocks.saturating_mul(10) / 2048;
    let gb = mb / 1024;
    format!(
        "{} {}\n            Type: Hard Disk\n            Capacity: {}.{} MB = {}.{} GB ({blocks} x 512)",
        medium.vendor,
        medium.product,
        mb / 10,
        mb % 10,
        gb / 10,
        gb % 10,
    )
}

#[cfg(test)]
mod tests;
