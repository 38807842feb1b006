//! `mmc`, `mmcinfo`: SD and MMC cards.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use hal::BlockDevice;
use hal::block::BlockInterface;

use super::Command;
use super::blocks::{Direction, Transfer};
use super::disk;
use super::meter::Size;
use super::partitions;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

const MMC: BlockInterface = BlockInterface::Mmc;

pub(crate) const COMMAND: Command = Command {
    name: "mmc",
    aliases: &[],
    summary: "MMC sub system",
    usage: "list\n\
        info\n\
        dev [dev] [part]\n\
        part\n\
        rescan\n\
        read addr blk# cnt\n\
        write addr blk# cnt",
    help: "list shows the card slots, info the card in the current one; dev shows the current slot, or chooses it; part prints its\n\
        partition table. A card is looked for when it is first used; rescan looks anew, after it was changed. read and write\n\
        move blocks of 512 bytes. Numbers are hexadecimal. part 0, the user area, is the only hardware partition that can be used.",
    examples: &["mmc list", "mmc dev 1; mmc info", "mmc read 0x40200000 0 1"],
    repeatable: false,
    run,
};

pub(crate) const MMCINFO: Command = Command {
    name: "mmcinfo",
    aliases: &[],
    summary: "display MMC info",
    usage: "",
    help: "Shows the card in the current slot, as mmc info does.",
    examples: &["mmcinfo"],
    repeatable: false,
    run: |context, _args| info(context),
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let words = args.get(1..).unwrap_or_default();
    let known = ["list", "info", "dev", "part", "rescan", "read", "write"];
    if !words.first().is_some_and(|word| known.contains(&word.as_str())) {
        return Err(CommandError::Usage);
    }
    if context.storage.count(MMC) == 0 {
        return Err(CommandError::failed("No MMC device available"));
    }
    match words {
        [list] if list == "list" => list_all(context),
        [word] if word == "info" => info(context),
        [dev] if dev == "dev" => {
            let number = context.storage.current(MMC);
            say_current(context, number)
        }
        [dev, number] if dev == "dev" => choose(context, number),
        [dev, number, part] if dev == "dev" => match part.as_str() {
            "0" => choose(context, number),
            _ => Err(CommandError::failed(
                "only hardware partition 0, the user area, can be used",
            )),
        },
        [part] if part == "part" => {
            let number = context.storage.current(MMC);
            partitions::print(context, MMC, number)?;
            Ok(Status::Success)
        }
        [rescan, ..] if rescan == "rescan" => {
            let number = context.storage.current(MMC);
            look_anew(context, number)?;
            Ok(Status::Success)
        }
        [read, place @ ..] if read == "read" => {
            Transfer::parse(context, place, Direction::Read)?.announced(context, MMC)
        }
        [write, place @ ..] if write == "write" => {
            Transfer::parse(context, place, Direction::Write)?.announced(context, MMC)
        }
        _ => Err(CommandError::Usage),
    }
}

fn list_all(context: &mut Context) -> CommandResult {
    let numbers: Vec<u32> = context.storage.numbers(MMC).collect();
    for number in numbers {
        if let Some(device) = context.storage.device(MMC, number) {
            let (name, kind) = (String::from(device.name()), kind(device));
            let kind = kind.map_or(String::new(), |kind| format!(" ({kind})"));
            context.say(format_args!("{name}: {number:x}{kind}"));
        }
    }
    Ok(Status::Success)
}

/// `SD` or `eMMC`, once a card was found.
fn kind(device: &dyn BlockDevice) -> Option<&'static str> {
    let medium = device.medium()?;
    let is_mmc = medium.facts.iter().any(|(word, _)| word.starts_with("MMC"));
    Some(if is_mmc { "eMMC" } else { "SD" })
}

fn choose(context: &mut Context, word: &str) -> CommandResult {
    let number = u32::try_from(context.hexadecimal(word)?).unwrap_or(u32::MAX);
    if !context.storage.has(MMC, number) {
        let there = context.storage.there_are(MMC);
        return Err(CommandError::Failed(format!(
            "MMC Device {word} not found\nno mmc device at slot {word}: {there}"
        )));
    }
    look_anew(context, number)?;
    context.storage.choose(MMC, number);
    context.say(format_args!("switch to partitions #0, OK"));
    say_current(context, number)
}

fn say_current(context: &mut Context, number: u32) -> CommandResult {
    let device = disk::parts(context, MMC, number)?.device;
    let user_area = if kind(device) == Some("eMMC") { "(part 0)" } else { "" };
    context.say(format_args!("mmc{number}{user_area} is current device"));
    Ok(Status::Success)
}

/// Looks for a card in a slot, whether one was found before or not.
fn look_anew(context: &mut Context, number: u32) -> Result<(), CommandError> {
    let Context { storage, terminal, .. } = context;
    let device = storage.device(MMC, number);
    let device = device.ok_or_else(|| CommandError::failed("No MMC device available"))?;
    device.rescan(&mut || terminal.poll())?;
    Ok(())
}

fn info(context: &mut Context) -> CommandResult {
    if context.storage.count(MMC) == 0 {
        return Err(CommandError::failed("No MMC device available"));
    }
    let number = context.storage.current(MMC);
    let device = disk::parts(context, MMC, number)?.device;
    let mut lines = format!("Device: {}", device.name());
    if let Some(medium) = device.medium() {
        for (word, value) in &medium.facts {
            if *word == "Bus Width" {
                let bytes = medium.blocks.saturating_mul(512);
                lines += &format!("\nCapacity: {}", Size(bytes));
            }
            let colon = if word.ends_with(" version") { "" } else { ":" };
            lines += &format!("\n{word}{colon} {value}");
        }
        if medium.read_only {
            lines += "\nWrite protected";
        }
    }
    context.say(format_args!("{lines}"));
    Ok(Status::Success)
}
