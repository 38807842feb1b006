//! `save`, `fatwrite`: files to a card or a disk.

use alloc::format;

use hal::{PhysAddr, Region};

use super::Command;
use super::disk::{self, Selector};
use super::load::moved;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::source::SourceError;

pub(crate) const COMMAND: Command = Command {
    name: "save",
    aliases: &[],
    summary: "save a file to a card or a disk",
    usage: "<interface> <dev[:part]> <addr> <filename> bytes [pos]",
    help: "Writes bytes bytes from addr to the file, in partition part of device dev, which has a FAT file system. With pos they are put\n\
        at that byte of the file and the rest of it stays; without, the file has nothing else afterwards. Numbers are hexadecimal.\n\
        Until it is written the file has its old content: a power cut meanwhile costs at most some clusters that belong to nobody.",
    examples: &["save mmc 0:1 ${fileaddr} boot.scr ${filesize}"],
    repeatable: false,
    run,
};

pub(crate) const FATWRITE: Command = Command {
    name: "fatwrite",
    summary: "write a file into a FAT file system",
    usage: "<interface> <dev[:part]> <addr> <filename> [<bytes> [<offset>]]",
    examples: &["fatwrite mmc 0:1 ${fileaddr} boot.scr ${filesize}"],
    ..COMMAND
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [name, interface, device, address, path, rest @ ..] = args else {
        return Err(CommandError::Usage);
    };
    let address = PhysAddr(context.hexadecimal(address)?);
    let (bytes, offset) = match rest {
        [] if name == FATWRITE.name => (context.env.hex("filesize"), None),
        [bytes] => (Some(context.hexadecimal(bytes)?), None),
        [bytes, offset] => (Some(context.hexadecimal(bytes)?), Some(context.hexadecimal(offset)?)),
        _ => return Err(CommandError::Usage),
    };
    let bytes = bytes.ok_or(CommandError::Usage)?;
    let region = Region::new(address, bytes);
    let wraps = || {
        CommandError::failed(format!(
            "{bytes:#x} bytes at {address} run past the end of the address space"
        ))
    };
    let region = region.ok_or_else(wraps)?;
    context.memory.bytes(region)?;
    let selector = Selector::parse(context, interface, Some(device))?;
    let start = context.clock.now();
    disk::with_files(context, &selector, "", |files, memory| {
        let written = files.write(path, offset, memory.bytes(region)?);
        let path = path.escape_debug();
        let sentence = |why: &str| format!("** Unable to write file {path} **\n{why}");
        written.map_err(|error| SourceError::from(error).map_reason(sentence))
    })?;
    let took = context.clock.now().since(start);
    context.say(format_args!("{}", moved(bytes, "written", took)));
    Ok(Status::Success)
}
