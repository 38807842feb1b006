//! `unzip`: inflates a gzip file in memory.

use alloc::string::String;

use hal::{PhysAddr, Region};

use super::Command;
use super::access::check_interrupt;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::image::gzip::{self, Inflater, Progress};
use crate::memory::{Claim, MemoryError};

pub(crate) const COMMAND: Command = Command {
    name: "unzip",
    aliases: &[],
    summary: "unzip a memory region",
    usage: "srcaddr dstaddr [dstsize]",
    help: "Inflates the gzip file at srcaddr to dstaddr, verifies its CRC-32 and its length, and sets filesize to the size that\n\
        came out. No more than dstsize bytes are written, and nothing that is reserved; the two must not overlap.",
    examples: &["unzip 44000000 40400000", "unzip ${fileaddr} 40400000 2000000"],
    repeatable: false,
    run,
};

/// How much is inflated between two looks for Ctrl-C, in bytes of the gzip file.
const PIECE: u64 = 64 * 1024;

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (source, target, size) = match args {
        [_, source, target] => (source, target, None),
        [_, source, target, size] => (source, target, Some(size)),
        _ => return Err(CommandError::Usage),
    };
    let source = PhysAddr(context.hexadecimal(source)?);
    let target = PhysAddr(context.hexadecimal(target)?);
    let size = size.map(|size| context.hexadecimal(size)).transpose()?;
    let (from, room) = places(context, source, target)?;
    if let Some(len) = size {
        // What is asked for must be RAM, even if the file turns out to be shorter.
        let whole = Region::new(target, len).ok_or(MemoryError::Wraps { start: target, len })?;
        context.memory.check(whole)?;
    }
    let name = name_of(context, source);
    let len = size.map_or(room.len(), |size| size.min(room.len()));
    let claim = context.memory.claim(target, len, &name)?;
    match inflate(context, &claim, from) {
        Ok(len) => {
            context.memory.record(claim, len);
            context.say(format_args!("Uncompressed size: {len} = {len:#X}"));
            context.env.set_hex("filesize", len);
            Ok(Status::Success)
        }
        Err((written, error)) => {
            context.memory.abandon(claim, written);
            Err(error)
        }
    }
}

/// Where the gzip file lies, and where what comes out may go, so that the two do not touch. Of a file that was not loaded only the start is
/// known: what lies behind it up to the target or to the end of RAM may belong to it.
fn places(context: &Context, source: PhysAddr, target: PhysAddr) -> Result<(Region, Region), CommandError> {
    let room = context.memory.window(target)?;
    let readable = context.memory.bytes_from(source)?.len();
    let readable = Region::new(source, u64::try_from(readable)?).unwrap_or(room);
    let mut from = context.memory.file_at(source).map_or(readable, |file| file.region);
    if !from.contains(target) && target < source {
        let end = room.end().min(source);
        return Ok((from, Region::from_bounds(target, end).unwrap_or(room)));
    }
    if from.contains(target) && context.memory.file_at(source).is_none() {
        from = Region::from_bounds(source, target).unwrap_or(from);
    }
    if from.contains(target) || from.is_empty() {
        return Err(CommandError::failed(alloc::format!(
            "{target} is inside the gzip file at {from}: it would be written over"
        )));
    }
    Ok((from, room))
}

/// The name of what comes out: that of the file, without its ending.
fn name_of(context: &Context, source: PhysAddr) -> String {
    let file = context.memory.file_at(source).map(|file| file.name.as_str());
    let name = file.map(|name| name.strip_suffix(".gz").unwrap_or(name));
    String::from(name.unwrap_or("unzip"))
}

/// Inflates the file into the claim and gives the size; the error comes with the number of bytes that were written.
fn inflate(context: &mut Context, claim: &Claim, from: Region) -> Result<u64, (u64, CommandError)> {
    let refused = |error: gzip::Error| match error {
        gzip::Error::Magic => {
            CommandError::failed(alloc::format!("Error: Bad gzipped data\n{}: {error}", from.start()))
        }
        error => CommandError::failed(alloc::format!("Error: {error}")),
    };
    let header = context
        .memory
        .bytes(from)
        .map(gzip::header_len)
        .map_err(|error| (0, error.into()))?;
    let mut at = u64::try_from(header.map_err(|error| (0, refused(error)))?).unwrap_or(u64::MAX);
    let mut inflater = Inflater::new();
    loop {
        let len = PIECE.min(from.len().saturating_sub(at));
        let written = inflater.written();
        let step = |context: &mut Context, inflater: &mut Inflater| -> Result<Progress, CommandError> {
            check_interrupt(context)?;
            let part = from.slice(at, len).unwrap_or(from);
            let input = context.memory.bytes(part)?.to_vec();
            inflater.feed(&input, context.memory.bytes_mut(claim)?).map_err(refused)
        };
        match step(context, &mut inflater).map_err(|error| (inflater.written().max(written), error))? {
            Progress::Done(len) => return Ok(len),
            Progress::More => at = at.saturating_add(len),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use hal::{PhysAddr, Region};

    use crate::commands::testing::{Bench, RAM};
    use crate::context::CommandError;
    use crate::image::gzip::tests::gzip;

    const SOURCE: u64 = RAM + 0x40_0000;

    fn load(bench: &mut Bench, file: &[u8], name: Option<&str>) {
        let memory = &mut bench.context.memory;
        let len = u64::try_from(file.len()).unwrap();
        let claim = memory.claim(PhysAddr(SOURCE), len, name.unwrap_or("test")).unwrap();
        memory.write(&claim, 0, file).unwrap();
        match name {
            Some(_) => drop(memory.record(claim, len)),
            None => memory.abandon(claim, len),
        }
    }

    fn sample() -> Vec<u8> {
        (0..400_000_u32)
            .flat_map(|n| (n.wrapping_mul(n) >> 9).to_le_bytes())
            .collect()
    }

    #[test]
    fn it_answers_as_u_boot_does() {
        // The lines of U-Boot 2025.01, for a file of another size.
        let mut bench = Bench::new();
        load(&mut bench, &gzip(&sample()), Some("Image.gz"));
        bench.dialogue(
            "\
=> unzip 40400000 40800000; echo $?; printenv filesize
Uncompressed size: 1600000 = 0x186A00
0
filesize=186a00
=> unzip 40400000 40800000 100; echo $?; printenv filesize
Error: the data do not fit: more than 256 bytes (0x100) come out
1
filesize=186a00
=> unzip 40400000 40800000 200000; echo $?
Uncompressed size: 1600000 = 0x186A00
0
=> unzip 40400000
unzip - unzip a memory region

Usage:
unzip srcaddr dstaddr [dstsize]
=> mw 40400000 0; unzip 40400000 40800000; echo $?
Error: Bad gzipped data
0x40400000: the file does not start with the gzip magic 1f 8b
1
",
        );
        let out = Region::new(PhysAddr(RAM + 0x80_0000), 1_600_000).unwrap();
        assert!(bench.context.memory.bytes(out).unwrap() == sample());
        assert_eq!(bench.context.memory.file_at(out.start()).unwrap().name, "Image");
    }

    #[test]
    fn damaged_files_are_refused() {
        let mut bench = Bench::new();
        let mut file = gzip(&sample());
        load(&mut bench, &file[..1000], Some("cut.gz"));
        assert_eq!(
            bench.enter("unzip 40400000 40800000"),
            "Error: the gzip file is cut short after 990 bytes\n"
        );
        let crc = file.len() - 5;
        file[crc] ^= 1;
        load(&mut bench, &file, Some("crc.gz"));
        assert!(bench.enter("unzip 40400000 40800000").contains("the data's CRC-32 is"));
        assert_eq!(bench.context.memory.file_at(PhysAddr(RAM + 0x80_0000)), None);
        assert_eq!(
            bench.interrupted("unzip 40400000 40800000"),
            Err(CommandError::Interrupted)
        );
    }

    #[test]
    fn the_gzip_file_is_not_written_over() {
        let mut bench = Bench::new();
        let file = gzip(&sample());
        load(&mut bench, &file, Some("Image.gz"));
        assert!(
            bench
                .enter("unzip 40400000 40400010")
                .contains("0x40400010 is inside the gzip file at 0x40400000..")
        );
        assert!(
            bench
                .enter("unzip 40400000 40400000")
                .contains("is inside the gzip file")
        );
        assert_eq!(
            bench.enter("unzip 40400000 40300000"),
            "Error: the data do not fit: more than 1048576 bytes (0x100000) come out\n"
        );
        assert!(bench.enter("unzip 40400000 40000000").starts_with("Uncompressed size"));
        // Without a loaded file, its end shows only at the end.
        let mut bench = Bench::new();
        load(&mut bench, &file, None);
        assert!(bench.enter("unzip 40400000 40400010").contains("cut short"));
        assert!(bench.enter("unzip 40400000 40800000").starts_with("Uncompressed size"));
        assert!(bench.enter("unzip 40400000 40000000").starts_with("Uncompressed size"));
    }

    #[test]
    fn reserved_memory_is_not_written() {
        let mut bench = Bench::new();
        load(&mut bench, &gzip(&sample()), Some("Image.gz"));
        assert_eq!(
            bench.enter("unzip 40400000 40e80000"),
            "Error: the data do not fit: more than 524288 bytes (0x80000) come out\n"
        );
        bench.dialogue(
            "\
=> unzip 40400000 40f00000
0x40f00000..0x40f00001 runs into the loader at 0x40f00000..0x41000000
=> unzip 40400000 40800000 ffffffffffffffff
0xffffffffffffffff bytes at 0x40800000 run past the end of the address space
=> unzip 9000000 40800000
0x9000000..0x9000001 is not all RAM: RAM is 0x40000000..0x41000000
",
        );
    }
}
