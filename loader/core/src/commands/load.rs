//! `load`, `fatload`, `ext4load`: files from a card or a disk.

use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use hal::{PhysAddr, Region};

use super::Command;
use super::disk::{self, Selector};
use super::meter::Size;
use super::network::not_set;
use super::tftpboot::Refused;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::source::{self, Destination, Part, SourceError, VolumeFile};

const HELP: &str = "Loads the file from partition part of device dev to address, or $loadaddr; the file is $bootfile if it is not given. bytes\n\
    and pos, in hexadecimal, are how much of it and from where; 0 or none is all, and from its start. Sets filesize and fileaddr.\n\
    part is a number, 0 for the whole device, auto for the first that is bootable, or 1 if it is not given; dev#name is a partition\n\
    by its name. Nothing is written outside free RAM.";

pub(crate) const COMMAND: Command = Command {
    name: "load",
    aliases: &[],
    summary: "load a file from a card or a disk",
    usage: "<interface> [<dev[:part]> [<addr> [<filename> [bytes [pos]]]]]",
    help: HELP,
    examples: &[
        "load mmc 0:1 ${kernel_addr_r} Image",
        "load virtio 0 0x40200000 boot/boot.scr",
    ],
    repeatable: true,
    run: |context, args| run(context, args, ""),
};

pub(crate) const FATLOAD: Command = Command {
    name: "fatload",
    summary: "load a file from a FAT file system",
    examples: &["fatload mmc 0:1 ${kernel_addr_r} Image"],
    run: |context, args| run(context, args, "fat"),
    ..COMMAND
};

pub(crate) const EXT4LOAD: Command = Command {
    name: "ext4load",
    aliases: &["ext2load"],
    summary: "load a file from an ext2, ext3 or ext4 file system",
    examples: &["ext4load virtio 0:2 ${kernel_addr_r} boot/Image"],
    run: |context, args| run(context, args, "ext4"),
    ..COMMAND
};

/// What is to be loaded, and where to.
struct Request {
    selector: Selector,
    address: PhysAddr,
    path: String,
    part: Part,
}

fn run(context: &mut Context, args: Args<'_>, kind: &str) -> CommandResult {
    let request = parse(context, args)?;
    let file = (request.path.as_str(), request.part);
    load(
        context,
        (&request.selector, kind),
        file,
        Destination::At(request.address),
    )??;
    Ok(Status::Success)
}

/// Loads a part of the file at `path` of a volume, and says what `load` says; a file that is not there is a refusal.
///
/// # Errors
/// As `load`, for everything else.
pub(super) fn load(
    context: &mut Context,
    volume: (&Selector, &str),
    file: (&str, Part),
    destination: Destination<'_>,
) -> Result<Result<Region, Refused>, CommandError> {
    let start = context.clock.now();
    let asked = fetch(context, volume, file, destination)?;
    if let Ok(region) = asked {
        let took = context.clock.now().since(start);
        context.say(format_args!("{}", moved(region.len(), "read", took)));
        context.env.set_hex("filesize", region.len());
        context.env.set_hex("fileaddr", region.start().get());
    }
    Ok(asked)
}

fn parse(context: &mut Context, args: Args<'_>) -> Result<Request, CommandError> {
    let (interface, rest) = match args {
        [_, interface, rest @ ..] if rest.len() <= 5 => (interface, rest),
        _ => return Err(CommandError::Usage),
    };
    let mut number = |at: usize| {
        let word = rest.get(at);
        word.map(|word| context.hexadecimal(word)).transpose()
    };
    let (address, bytes, offset) = (number(1)?, number(3)?, number(4)?);
    let address = address.or_else(|| context.env.hex("loadaddr"));
    let address = PhysAddr(address.ok_or_else(|| not_set("loadaddr"))?);
    let path = rest.get(2).map(String::as_str).or_else(|| context.env.get("bootfile"));
    let path = path
        .ok_or_else(|| CommandError::failed("** No boot file defined **"))?
        .to_string();
    let selector = Selector::parse(context, interface, rest.first().map(String::as_str));
    let part = Part {
        offset: offset.unwrap_or_default(),
        limit: bytes.filter(|bytes| *bytes != 0),
    };
    Ok(Request {
        selector: selector.map_err(no_device)?,
        address,
        path,
        part,
    })
}

fn fetch(
    context: &mut Context,
    (selector, kind): (&Selector, &str),
    (path, part): (&str, Part),
    destination: Destination<'_>,
) -> Result<Result<Region, Refused>, CommandError> {
    let name = path.escape_debug();
    let failed = |error| match error {
        SourceError::NoRoom(error) => SourceError::Failed(format!(
            "** Reading file would overwrite reserved memory **\nFailed to load '{name}': {error}"
        )),
        other => other.map_reason(|why| format!("Failed to load '{name}': {why}")),
    };
    // What is wrong before there is a file system has U-Boot's other words.
    let mut mounted = false;
    let result = disk::with_files(context, selector, kind, |files, memory| {
        mounted = true;
        let file = VolumeFile::open(files, path, part);
        let loaded = file.and_then(|mut file| source::load(memory, &mut file, destination));
        match loaded.map_err(failed) {
            Err(SourceError::Refused(why)) => Ok(Err(Refused(why))),
            other => other.map(Ok),
        }
    });
    result.map_err(|error| if mounted { error } else { no_device(error) })
}

/// U-Boot's last line where no file system can be had.
fn no_device(error: CommandError) -> CommandError {
    match error {
        CommandError::Failed(why) if why.starts_with("** ") || why.starts_with("Could not") => {
            CommandError::Failed(format!("{why}\nCan't set block device"))
        }
        CommandError::Failed(why) => CommandError::Failed(format!("Can't set block device: {why}")),
        other => other,
    }
}

/// How much was moved, and how fast.
pub(super) fn moved(bytes: u64, verb: &str, took: Duration) -> String {
    let millis = took.as_millis();
    let rate = u128::from(bytes).saturating_mul(1000).checked_div(millis);
    let rate = rate.and_then(|rate| u64::try_from(rate).ok());
    let rate = rate.map_or(String::new(), |rate| format!(" ({}/s)", Size(rate)));
    format!("{bytes} bytes {verb} in {millis} ms{rate}")
}
