//! `virtio`: virtio block devices.

use alloc::format;
use alloc::vec::Vec;

use hal::block::BlockInterface;

use super::Command;
use super::blocks::{Direction, Transfer};
use super::disk;
use super::partitions;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

const VIRTIO: BlockInterface = BlockInterface::Virtio;

pub(crate) const COMMAND: Command = Command {
    name: "virtio",
    aliases: &[],
    summary: "virtio block devices sub-system",
    usage: "scan\n\
        info\n\
        device [dev]\n\
        part [dev]\n\
        read addr blk# cnt\n\
        write addr blk# cnt",
    help: "The devices are found when the loader starts, so that scan has nothing to do. info shows all of them, device the current\n\
        one, or chooses it; part prints the partition tables. read and write move blocks of 512 bytes of the current device.\n\
        Numbers are hexadecimal.",
    examples: &[
        "virtio info",
        "virtio part 0",
        "virtio device 1; virtio read 0x40200000 0 1",
    ],
    repeatable: false,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let words = args.get(1..).unwrap_or_default();
    match words {
        [scan] if scan == "scan" => match context.storage.count(VIRTIO) {
            0 if !super::buses::has_virtio(context) => Err(CommandError::failed("This machine has no virtio bus")),
            _ => Ok(Status::Success),
        },
        [info] if info == "info" => info_of_all(context),
        [device] if is_device(device) => {
            let number = context.storage.current(VIRTIO);
            show(context, number)
        }
        [device, number] if is_device(device) => {
            let number = number_of(context, number)?;
            show(context, number)?;
            context.storage.choose(VIRTIO, number);
            context.say(format_args!("... is now current device"));
            Ok(Status::Success)
        }
        [part] if part == "part" => {
            for number in numbers(context) {
                partitions::print(context, VIRTIO, number)?;
            }
            Ok(Status::Success)
        }
        [part, number] if part == "part" => {
            let number = number_of(context, number)?;
            partitions::print(context, VIRTIO, number)?;
            Ok(Status::Success)
        }
        [read, place @ ..] if read == "read" => {
            Transfer::parse(context, place, Direction::Read)?.announced(context, VIRTIO)
        }
        [write, place @ ..] if write == "write" => {
            Transfer::parse(context, place, Direction::Write)?.announced(context, VIRTIO)
        }
        _ => Err(CommandError::Usage),
    }
}

fn numbers(context: &Context) -> Vec<u32> {
    context.storage.numbers(VIRTIO).collect()
}

/// Whether the word is `device`, or begins like it as `dev` does.
fn is_device(word: &str) -> bool {
    word.len() >= 3 && "device".starts_with(word)
}

fn number_of(context: &mut Context, word: &str) -> Result<u32, CommandError> {
    let number = context.hexadecimal(word)?;
    let number = u32::try_from(number).ok();
    let known = number.filter(|number| context.storage.has(VIRTIO, *number));
    known.ok_or_else(|| {
        let there = context.storage.there_are(VIRTIO);
        CommandError::Failed(format!("\nDevice {word}: unknown device: {there}"))
    })
}

fn show(context: &mut Context, number: u32) -> CommandResult {
    let text = disk::description(context, VIRTIO, number)?;
    context.say(format_args!("\nDevice {number:x}: {text}"));
    Ok(Status::Success)
}

fn info_of_all(context: &mut Context) -> CommandResult {
    for number in numbers(context) {
        let text = disk::description(context, VIRTIO, number)?;
        context.say(format_args!("Device {number:x}: {text}"));
    }
    Ok(Status::Success)
}
