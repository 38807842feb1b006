//! Whole blocks between RAM and a device: what `read`, `write`, `mmc` and `virtio` have in common.

use alloc::format;

use hal::block::{BLOCK_SIZE, BlockInterface};
use hal::{BlockIdx, PhysAddr, Region};

use super::Command;
use super::disk::{self, Looker, Selector, volume_error};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::fs::Volume;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the device.
    Read,
    /// To the device.
    Write,
}

pub(crate) const READ: Command = Command {
    name: "read",
    aliases: &[],
    summary: "load blocks from a card or a disk",
    usage: "<interface> <dev[:part|#partname]> addr blk# cnt",
    help: "Reads cnt blocks of 512 bytes, from block blk# of the partition on, to addr. Numbers are hexadecimal.",
    examples: &["read mmc 0:1 0x40200000 0 1"],
    repeatable: true,
    run: |context, args| run(context, args, Direction::Read),
};

pub(crate) const WRITE: Command = Command {
    name: "write",
    summary: "write blocks to a card or a disk",
    help: "Writes cnt blocks of 512 bytes from addr to the partition, from its block blk# on. Numbers are hexadecimal.",
    examples: &["write virtio 0#scratch 0x40200000 0 10"],
    repeatable: false,
    run: |context, args| run(context, args, Direction::Write),
    ..READ
};

fn run(context: &mut Context, args: Args<'_>, direction: Direction) -> CommandResult {
    let [_, interface, device, place @ ..] = args else {
        return Err(CommandError::Usage);
    };
    let transfer = Transfer::parse(context, place, direction)?;
    let selector = Selector::parse(context, interface, Some(device))?;
    let window = disk::window(context, &selector)?;
    transfer.run(context, (selector.interface, selector.device), window)?;
    Ok(Status::Success)
}

/// So many blocks between a device and RAM.
pub(super) struct Transfer {
    direction: Direction,
    address: PhysAddr,
    first: u64,
    count: u64,
}

impl Transfer {
    /// Reads `addr blk# cnt`.
    pub(super) fn parse(context: &mut Context, words: Args<'_>, direction: Direction) -> Result<Self, CommandError> {
        let [address, first, count] = words else {
            return Err(CommandError::Usage);
        };
        Ok(Self {
            direction,
            address: PhysAddr(context.hexadecimal(address)?),
            first: context.hexadecimal(first)?,
            count: context.hexadecimal(count)?,
        })
    }

    /// Does it, with blocks that count from the window's first one.
    pub(super) fn run(
        &self,
        context: &mut Context,
        (interface, device): (BlockInterface, u32),
        window: (BlockIdx, u64),
    ) -> Result<(), CommandError> {
        let Self { first, count, .. } = *self;
        let parts = disk::parts(context, interface, device)?;
        let name = format!(
            "blocks {first:#x} to {:#x} of {}",
            first.saturating_add(count),
            parts.device.name()
        );
        let mut watch = Looker(parts.terminal);
        let mut volume = Volume::new(parts.device, &mut watch, window).map_err(volume_error)?;
        if first.checked_add(count).is_none_or(|end| end > volume.blocks()) {
            let blocks = volume.blocks();
            return Err(CommandError::Failed(format!(
                "{name} are not all there: it has {blocks:#x}"
            )));
        }
        if count == 0 {
            return Ok(());
        }
        let len = count.saturating_mul(u64::try_from(BLOCK_SIZE)?);
        let result = match self.direction {
            Direction::Read => {
                let claim = parts.memory.claim(self.address, len, &name)?;
                let read = volume.read_blocks(first, parts.memory.bytes_mut(&claim)?);
                match &read {
                    Ok(()) => {
                        parts.memory.record(claim, len);
                    }
                    Err(_) => parts.memory.abandon(claim, len),
                }
                read
            }
            Direction::Write => {
                let region =
                    Region::new(self.address, len).ok_or_else(|| CommandError::failed("the bytes wrap around"))?;
                volume.write_blocks(first, parts.memory.bytes(region)?)
            }
        };
        result.map_err(volume_error)
    }

    /// Does it for `mmc` and `virtio`, on their current device, with U-Boot's line around it.
    pub(super) fn announced(&self, context: &mut Context, interface: BlockInterface) -> CommandResult {
        let device = context.storage.current(interface);
        disk::parts(context, interface, device)?;
        let (verb, past) = match self.direction {
            Direction::Read => ("read", "read"),
            Direction::Write => ("write", "written"),
        };
        let (first, count) = (self.first, self.count);
        let head = match interface {
            BlockInterface::Mmc => format!("MMC {verb}: dev # {device},"),
            BlockInterface::Virtio => format!("virtio {verb}: device {device}"),
        };
        let line = format!("\n{head} block # {first}, count {count} ... ");
        // The rest of the line follows when it is done. The terminal cannot fail.
        let _ = core::fmt::Write::write_str(&mut context.terminal, &line);
        match self.run(context, (interface, device), disk::WHOLE) {
            Ok(()) => {
                context.say(format_args!("{count} blocks {past}: OK"));
                Ok(Status::Success)
            }
            Err(CommandError::Failed(why)) => Err(CommandError::Failed(format!("0 blocks {past}: ERROR\n{why}"))),
            Err(other) => Err(other),
        }
    }
}
