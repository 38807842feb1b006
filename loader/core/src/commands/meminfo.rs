//! `meminfo`: what RAM is used for.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::{PhysAddr, Region};

use super::Command;
use crate::context::{Args, CommandResult, Context, Status};
use crate::memory::Memory;

pub(crate) const COMMAND: Command = Command {
    name: "meminfo",
    aliases: &[],
    summary: "display memory information",
    usage: "",
    help: "Prints how much RAM there is, and from the top down what lies in it: what is reserved, the files that were loaded, and\n\
        what is free. All numbers are hexadecimal.",
    examples: &["meminfo"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, _args: Args<'_>) -> CommandResult {
    let total = context.memory.banks().iter().map(|bank| bank.len()).sum();
    context.say(format_args!("DRAM:  {}\n", size(total)));
    context.say(format_args!(
        "{:<12}{:>12}{:>12}{:>12}  {}",
        "Region", "Base", "Size", "End", "Owner"
    ));
    context.say(format_args!("{}", "-".repeat(56)));
    for (kind, region, owner) in parts(&context.memory) {
        let line = format!(
            "{kind:<12}{:>12x}{:>12x}{:>12x}  {owner}",
            region.start().get(),
            region.len(),
            region.end().get()
        );
        context.say(format_args!("{}", line.trim_end()));
    }
    Ok(Status::Success)
}

/// A size as U-Boot writes it: in the largest unit that it is at least one of, with one digit after the point if there must be one.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["EiB", "PiB", "TiB", "GiB", "MiB", "KiB"];
    for (unit, shift) in UNITS.iter().zip((1..=6).rev().map(|power| power * 10_u32)) {
        let whole = bytes >> shift;
        if whole > 0 {
            let rest = bytes.saturating_sub(whole << shift);
            let tenths = u128::from(rest).saturating_mul(10) >> shift;
            return if tenths == 0 {
                format!("{whole} {unit}")
            } else {
                format!("{whole}.{tenths} {unit}")
            };
        }
    }
    format!("{bytes} Bytes")
}

/// Everything in RAM from the top down.
fn parts(memory: &Memory) -> Vec<(&'static str, Region, String)> {
    let reserved = memory
        .reservations()
        .iter()
        .map(|hit| ("reserved", hit.region, hit.owner.clone()));
    let files = memory.files().iter().map(|file| {
        let damage = file
            .overwritten_by
            .as_ref()
            .map_or_else(String::new, |by| format!(", overwritten by {by}"));
        ("file", file.region, format!("{}{damage}", file.name))
    });
    let mut parts: Vec<_> = reserved.chain(files).collect();
    let free: Vec<_> = memory.banks().iter().flat_map(|bank| gaps(*bank, &parts)).collect();
    parts.extend(free.into_iter().map(|gap| ("free", gap, "".to_string())));
    parts.sort_by_key(|(_, region, _)| core::cmp::Reverse(*region));
    parts
}

/// What of the bank belongs to nothing.
fn gaps(bank: Region, parts: &[(&'static str, Region, String)]) -> Vec<Region> {
    let mut taken: Vec<Region> = parts
        .iter()
        .filter_map(|(_, region, _)| region.intersection(bank))
        .collect();
    taken.sort();
    let mut gaps = Vec::new();
    let mut at: PhysAddr = bank.start();
    for region in taken {
        gaps.extend(Region::from_bounds(at, region.start()).filter(|gap| !gap.is_empty()));
        at = at.max(region.end());
    }
    gaps.extend(Region::from_bounds(at, bank.end()).filter(|gap| !gap.is_empty()));
    gaps
}

#[cfg(test)]
mod tests {
    use hal::PhysAddr;

    use super::size;
    use crate::commands::testing::{Bench, RAM};

    #[test]
    fn everything_has_its_line() {
        let mut bench = Bench::new();
        let memory = &mut bench.context.memory;
        let claim = memory.claim(PhysAddr(RAM + 0x20_0000), 0x1234, "Image").unwrap();
        memory.record(claim, 0x1234);
        bench.enter("mw.b 401fffff 0 2");
        bench.dialogue(
            "\
=> meminfo
DRAM:  16 MiB

Region              Base        Size         End  Owner
--------------------------------------------------------
reserved        40f00000      100000    41000000  the loader
free            40201234      cfedcc    40f00000
file            40200000        1234    40201234  Image, overwritten by mw
free            40000000      200000    40200000
",
        );
    }

    #[test]
    fn sizes() {
        for (bytes, text) in [
            (0, "0 Bytes"),
            (1023, "1023 Bytes"),
            (1024, "1 KiB"),
            (3 << 29, "1.5 GiB"),
            (4 << 30, "4 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
