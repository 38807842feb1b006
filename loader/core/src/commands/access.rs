//! What the commands that look at memory and change it share: the base offset, the width of an access, ranges, and reading RAM or a device.

use alloc::vec::Vec;

use hal::system::BusFault;
use hal::{PhysAddr, Region, Width};

use crate::context::{CommandError, Context};
use crate::memory::{Claim, MemoryError};

/// How much is read or written between two looks for Ctrl-C, in bytes: a multiple of all widths.
pub(super) const PIECE: u64 = 1024 * 1024;

/// How much is taken at a time where the loader has no slice of it: devices, and the loader's own memory.
const BUS_PIECE: u64 = 4096;

/// What the memory commands remember from one line to the next.
#[derive(Debug)]
pub struct Display {
    /// What `base` set: it is added to each address of `md`, `mw`, `mm`, `nm`, `cmp` and `cp`.
    pub(super) base: u64,
    /// Where `md` goes on.
    pub(super) next: PhysAddr,
    /// The width that `md` was asked for.
    pub(super) width: Width,
    /// How many objects `md` was asked for.
    pub(super) count: u64,
    /// Where `mm` or `nm` goes on, and with which width.
    pub(super) modified: (PhysAddr, Width),
    /// Where `ms` goes on.
    pub(super) search: super::ms::Search,
}

impl Default for Display {
    fn default() -> Self {
        Self {
            base: 0,
            next: PhysAddr(0),
            width: Width::Word,
            count: 64,
            modified: (PhysAddr(0), Width::Word),
            search: super::ms::Search::default(),
        }
    }
}

/// The width that the command's name asks for: `.b`, `.w`, `.l`, `.q`; 32 bits without.
pub(super) fn width_of(name: &str) -> Result<Width, CommandError> {
    match name.split_once('.').map(|(_, suffix)| suffix) {
        None | Some("l") => Ok(Width::Word),
        Some("b") => Ok(Width::Byte),
        Some("w") => Ok(Width::Half),
        Some("q") => Ok(Width::Double),
        Some(_) => Err(CommandError::Usage),
    }
}

/// The address that `word` stands for, the base added. It wraps, as U-Boot's does: a base may be negative.
pub(super) fn based_address(context: &mut Context, word: &str) -> Result<PhysAddr, CommandError> {
    let offset = context.hexadecimal(word)?;
    Ok(PhysAddr(offset.wrapping_add(context.display.base)))
}

/// The region of `count` objects of `width` at `start`.
pub(super) fn objects(start: PhysAddr, count: u64, width: Width) -> Result<Region, MemoryError> {
    let len = count.checked_mul(width.bytes());
    let wraps = MemoryError::Wraps {
        start,
        len: len.unwrap_or(u64::MAX),
    };
    len.and_then(|len| Region::new(start, len)).ok_or(wraps)
}

/// Whether any of `region` is RAM: then all of it must be, and it is written through a claim.
pub(super) fn is_ram(context: &Context, region: Region) -> bool {
    context.memory.banks().iter().any(|bank| bank.overlaps(region))
}

/// Gives a claim back after `written` bytes. A loaded file is changed by a write inside it; one that reaches beyond its ends destroys it.
pub(super) fn finish(context: &mut Context, claim: Claim, written: u64) {
    let region = claim.region();
    let edits_a_file = context.memory.files_in(region).any(|file| file.region.covers(region));
    context.memory.abandon(claim, if edits_a_file { 0 } else { written });
}

/// Reads a value: RAM at any address, a device with one access of this width.
pub(super) fn read(context: &mut Context, address: PhysAddr, width: Width) -> Result<u64, BusFault> {
    let ram = Region::new(address, width.bytes()).and_then(|region| context.memory.bytes(region).ok());
    match ram {
        Some(bytes) => Ok(from_little_endian(bytes)),
        None => context.system.bus_read(address, width),
    }
}

/// Writes a value: RAM at any address if it is free, a device with one access of this width.
pub(super) fn write(context: &mut Context, address: PhysAddr, width: Width, value: u64) -> Result<(), CommandError> {
    let region = objects(address, 1, width)?;
    if !is_ram(context, region) {
        let value = from_little_endian(&to_little_endian(value, width));
        return Ok(context.system.bus_write(address, width, value)?);
    }
    let claim = context.memory.claim(address, region.len(), "a value that was typed")?;
    context.memory.write(&claim, 0, &to_little_endian(value, width))?;
    finish(context, claim, region.len());
    Ok(())
}

/// Ends the command if Ctrl-C was typed.
pub(super) fn check_interrupt(context: &mut Context) -> Result<(), CommandError> {
    match context.terminal.interrupted() {
        true => Err(CommandError::Interrupted),
        false => Ok(()),
    }
}

/// Hands all bytes of `region` to `each`, in order and in pieces: RAM as it lies, the rest as it is read over the bus. Ctrl-C ends it
/// between two pieces.
pub(super) fn for_each_piece(
    context: &mut Context,
    region: Region,
    mut each: impl FnMut(&[u8]),
) -> Result<(), CommandError> {
    let mut at = region.start();
    while at < region.end() {
        check_interrupt(context)?;
        let piece = piece(context, region, at);
        match context.memory.bytes(piece) {
            Ok(bytes) => each(bytes),
            Err(_) => each(&read_bus(context, piece)?),
        }
        at = piece.end();
    }
    Ok(())
}

/// The next piece of `region` from `at`: as much as is RAM and not too long, or a little to read over the bus.
pub(super) fn piece(context: &Context, region: Region, at: PhysAddr) -> Region {
    let up_to = |step: u64| {
        let next = at.checked_add(1).and_then(|next| next.align_up(step));
        let end = next.map_or(region.end(), |next| next.min(region.end()));
        Region::from_bounds(at, end).unwrap_or(region)
    };
    let long = up_to(PIECE);
    if context.memory.bytes(long).is_ok() {
        long
    } else {
        up_to(BUS_PIECE)
    }
}

/// Reads bytes over the bus, with words where they are aligned.
pub(super) fn read_bus(context: &mut Context, region: Region) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    let mut at = region.start();
    while at < region.end() {
        let fits = |width: &Width| {
            let end = at.checked_add(width.bytes());
            at.is_aligned(width.bytes()) && end.is_some_and(|end| end <= region.end())
        };
        let width = [Width::Word].into_iter().find(fits).unwrap_or(Width::Byte);
        let value = context.system.bus_read(at, width)?;
        bytes.extend(to_little_endian(value, width));
        at = PhysAddr(at.get().saturating_add(width.bytes()));
    }
    Ok(bytes)
}

/// The value of up to 8 bytes.
pub(super) fn from_little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The low bytes of a value, as many as the width has.
pub(super) fn to_little_endian(value: u64, width: Width) -> Vec<u8> {
    let len = usize::try_from(width.bytes()).unwrap_or_default();
    value.to_le_bytes().into_iter().take(len).collect()
}
