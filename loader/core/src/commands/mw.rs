//! `mw`: fills memory.

use alloc::vec::Vec;

use hal::{PhysAddr, Region, Width};

use super::Command;
use super::access::{from_little_endian, width_of};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::memory::MemoryError;

pub(crate) const COMMAND: Command = Command {
    name: "mw",
    aliases: &[],
    summary: "memory write (fill)",
    usage: "[.b, .w, .l, .q] address value [count]",
    help: "Writes the value count times, once without a count, in objects of 8, 16, 32 or 64 bits.\n\
        RAM that is reserved is refused. A file that was loaded is changed by a write inside it; one that reaches beyond its\n\
        ends destroys it, and it is not booted any more.",
    examples: &["mw 40200000 deadbeef", "mw.b 40200000 0 1000", "mw.l 9000000 41"],
    repeatable: true,
    run,
};

/// How much is written between two looks for Ctrl-C, in bytes: a multiple of all widths.
const PIECE: u64 = 1024 * 1024;

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (name, address, value, count) = match args {
        [name, address, value] => (name, address, value, None),
        [name, address, value, count] => (name, address, value, Some(count)),
        _ => return Err(CommandError::Usage),
    };
    let width = width_of(name)?;
    let start = PhysAddr(context.hexadecimal(address)?);
    let value = context.hexadecimal(value)?;
    let count = count.map_or(Ok(1), |count| context.hexadecimal(count))?;
    let len = count.checked_mul(width.bytes());
    let region = len.and_then(|len| Region::new(start, len)).ok_or(MemoryError::Wraps {
        start,
        len: len.unwrap_or(u64::MAX),
    })?;
    let pattern = pattern(value, width);
    if context.memory.banks().iter().any(|bank| bank.overlaps(region)) {
        fill_ram(context, region, &pattern)
    } else {
        fill_device(context, region, (from_little_endian(&pattern), width))
    }
}

fn pattern(value: u64, width: Width) -> Vec<u8> {
    let bytes = value.to_le_bytes();
    let len = usize::try_from(width.bytes()).unwrap_or_default();
    bytes.into_iter().take(len).collect()
}

fn fill_ram(context: &mut Context, region: Region, pattern: &[u8]) -> CommandResult {
    let claim = context.memory.claim(region.start(), region.len(), "mw")?;
    let edits_a_file = context.memory.files_in(region).any(|file| file.region.covers(region));
    let mut written = 0;
    let mut result = Ok(Status::Success);
    while written < region.len() && result.is_ok() {
        let len = PIECE.min(region.len().saturating_sub(written));
        let first = usize::try_from(written)?;
        let pieces = context.memory.bytes_mut(&claim)?;
        let piece = pieces.get_mut(first..).unwrap_or_default();
        for object in piece.chunks_exact_mut(pattern.len()).take(objects(len, pattern)) {
            object.copy_from_slice(pattern);
        }
        written = written.saturating_add(len);
        if context.terminal.interrupted() {
            result = Err(CommandError::Interrupted);
        }
    }
    context.memory.abandon(claim, if edits_a_file { 0 } else { written });
    result
}

fn objects(len: u64, pattern: &[u8]) -> usize {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    len.checked_div(pattern.len()).unwrap_or_default()
}

fn fill_device(context: &mut Context, region: Region, (value, width): (u64, Width)) -> CommandResult {
    let mut address = region.start();
    while address < region.end() {
        context.system.bus_write(address, width, value)?;
        address = PhysAddr(address.get().saturating_add(width.bytes()));
        if context.terminal.interrupted() {
            return Err(CommandError::Interrupted);
        }
    }
    Ok(Status::Success)
}
