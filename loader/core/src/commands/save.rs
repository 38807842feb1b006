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
    run: |context, args| run(context, args, None),
};

pub(crate) const FATWRITE: Command = Command {
    name: "fatwrite",
    summary: "write a file into a FAT file system",
    usage: "<interface> <dev[:part]> <addr> <filename> [<bytes> [<offset>]]",
    examples: &["fatwrite mmc 0:1 ${fileaddr} boot.scr ${filesize}"],
    run: |context, args| {
        let loaded = context.env.hex("filesize");
        run(context, args, loaded)
    },
    ..COMMAND
};

/// `loaded` is how many bytes are written if that is not said.
fn run(context: &mut Context, args: Args<'_>, loaded: Option<u64>) -> CommandResult {
    let [_, interface, device, address, path, rest @ ..] = args else {
        return Err(CommandError::Usage);
    };
    let address = PhysAddr(context.hexadecimal(address)?);
    let (bytes, offset) = match rest {
        [] => (loaded, None),
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

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;
    use crate::commands::testing::disks::{fat, partitioned};

    /// However it is abbreviated, `fatwrite` writes what was loaded last if nothing else is said; `save` wants to be told.
    #[test]
    fn fatwrite_knows_what_was_loaded() {
        let mut bench = Bench::new();
        bench.attach(&[partitioned(&[(true, &fat(&[]))])]);
        bench.load(0x4020_0000, "file", b"one\ntwo\n");
        bench.enter("setenv filesize 4");
        for (word, path) in [("fatwrite", "a"), ("fatwrit", "b"), ("fatw", "c")] {
            bench.enter(&alloc::format!("{word} virtio 0:1 40200000 {path}"));
            assert_eq!(bench.enter(&alloc::format!("cat virtio 0:1 {path}")), "one\n", "{word}");
        }
        let output = bench.enter("save virtio 0:1 40200000 d");
        assert!(output.starts_with("save - save a file"), "{output}");
        bench.enter("setenv filesize");
        let output = bench.enter("fatw virtio 0:1 40200000 d");
        assert!(output.starts_with("fatwrite - write a file"), "{output}");
    }
}
