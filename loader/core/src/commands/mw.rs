//! `mw`: fills memory.

use alloc::vec::Vec;

use hal::{PhysAddr, Region, Width};

use super::Command;
use super::access::{
    PIECE, based_address, check_interrupt, finish, from_little_endian, is_ram, objects, to_little_endian, width_of,
};
use crate::context::{Args, CommandError, CommandResult, Context, Status};

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

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (name, address, value, count) = match args {
        [name, address, value] => (name, address, value, None),
        [name, address, value, count] => (name, address, value, Some(count)),
        _ => return Err(CommandError::Usage),
    };
    let width = width_of(name)?;
    let start = based_address(context, address)?;
    let value = context.hexadecimal(value)?;
    let count = count.map_or(Ok(1), |count| context.hexadecimal(count))?;
    let region = objects(start, count, width)?;
    if region.is_empty() {
        return Ok(Status::Success);
    }
    if is_ram(context, region) {
        fill_ram(context, region, &to_little_endian(value, width))
    } else {
        fill_device(context, region, (value, width))
    }
}

fn fill_ram(context: &mut Context, region: Region, pattern: &[u8]) -> CommandResult {
    let claim = context.memory.claim(region.start(), region.len(), "mw")?;
    let mut written = 0;
    let mut result = Ok(());
    while written < region.len() && result.is_ok() {
        let len = PIECE.min(region.len().saturating_sub(written));
        fill(context.memory.claimed_mut(&claim, written, len)?, pattern);
        written = written.saturating_add(len);
        result = check_interrupt(context);
    }
    finish(context, claim, written);
    result.map(|()| Status::Success)
}

/// Fills a piece that begins at a whole object with the pattern, which divides a block.
fn fill(piece: &mut [u8], pattern: &[u8]) {
    const BLOCK: usize = 4096;
    let block: Vec<u8> = pattern.iter().copied().cycle().take(BLOCK).collect();
    for part in piece.chunks_mut(BLOCK) {
        let len = part.len();
        part.copy_from_slice(block.get(..len).unwrap_or_default());
    }
}

fn fill_device(context: &mut Context, region: Region, (value, width): (u64, Width)) -> CommandResult {
    let value = from_little_endian(&to_little_endian(value, width));
    let mut address = region.start();
    while address < region.end() {
        context.system.bus_write(address, width, value)?;
        address = PhysAddr(address.get().saturating_add(width.bytes()));
        check_interrupt(context)?;
    }
    Ok(Status::Success)
}
