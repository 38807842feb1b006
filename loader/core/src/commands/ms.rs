//! `ms`: searches memory.

use alloc::vec::Vec;

use hal::{PhysAddr, Region, Width};

use super::Command;
use super::access::{based_address, check_interrupt, objects, read_bus, to_little_endian, width_of};
use super::md::show_range;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "ms",
    aliases: &[],
    summary: "memory search",
    usage: "[.b, .w, .l, .q, .s] [-q] [-l<n>] address #-of-objects value ...",
    help: "Looks through so many objects of 8, 16, 32 or 64 bits for the values, one after the other, or with .s for text, and\n\
        shows the lines of 16 bytes that they are in. Stops after 10 matches, or n (hexadecimal); an empty line goes on. With -q\n\
        nothing is shown. memmatches is set to the number of matches, memaddr and mempos to the address and the number of the\n\
        object where the first match in the last line begins. $? is 0 if there is a match.",
    examples: &["ms 40200000 400 d00dfeed", "ms.s -l1 40000000 1000000 'Linux version'"],
    repeatable: true,
    run,
};

/// How much is searched between two looks for Ctrl-C, in bytes: a multiple of all widths.
const STEP: u64 = 64 * 1024;
/// Bytes in a line.
const LINE: u64 = 16;

/// A search that can go on.
#[derive(Clone, Debug)]
pub(super) struct Search {
    region: Region,
    /// Where it goes on: the offset in bytes.
    next: u64,
    width: Width,
    pattern: Vec<u8>,
    limit: u64,
    quiet: bool,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            region: Region::new(PhysAddr(0), 0).unwrap_or_else(|| unreachable!("it is empty")),
            next: 0,
            width: Width::Word,
            pattern: Vec::new(),
            limit: 10,
            quiet: false,
        }
    }
}

/// What a search has found.
#[derive(Debug, Default)]
struct Found {
    matches: u64,
    /// The offset of the first match in the last line.
    offset: u64,
    /// The first byte after the last line that was shown.
    shown: Option<PhysAddr>,
}

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    // The command that Enter repeats may be one that failed before any search was made.
    let mut search = if context.shell.repeating && !context.display.search.pattern.is_empty() {
        context.display.search.clone()
    } else {
        parse(context, args)?
    };
    let found = go_on(context, &mut search)?;
    report(context, &search, &found);
    context.display.search = search;
    Ok(if found.matches == 0 {
        Status::Failure
    } else {
        Status::Success
    })
}

fn parse(context: &mut Context, args: Args<'_>) -> Result<Search, CommandError> {
    let (name, mut words) = args.split_first().ok_or(CommandError::Usage)?;
    let is_text = name.ends_with(".s");
    let mut search = Search {
        width: if is_text { Width::Byte } else { width_of(name)? },
        ..Search::default()
    };
    while let Some((option, rest)) = words.split_first()
        && let Some(option) = option.strip_prefix('-')
    {
        match option.strip_prefix('l') {
            Some(limit) if !limit.is_empty() => search.limit = context.hexadecimal(limit)?,
            None if option == "q" => search.quiet = true,
            _ => return Err(CommandError::Usage),
        }
        words = rest;
    }
    let [address, count, values @ ..] = words else {
        return Err(CommandError::Usage);
    };
    for value in values {
        if is_text {
            search.pattern.extend_from_slice(value.as_bytes());
        } else {
            let value = context.hexadecimal(value)?;
            search.pattern.extend(to_little_endian(value, search.width));
        }
    }
    if search.pattern.is_empty() {
        return Err(CommandError::Usage);
    }
    let start = based_address(context, address)?;
    let count = context.hexadecimal(count)?;
    search.region = objects(start, count, search.width)?;
    Ok(search)
}

/// Searches up to the limit or to the end.
fn go_on(context: &mut Context, search: &mut Search) -> Result<Found, CommandError> {
    let mut found = Found::default();
    let overlap = u64::try_from(search.pattern.len()).unwrap_or_default();
    while found.matches < search.limit && search.next.saturating_add(overlap) <= search.region.len() {
        check_interrupt(context)?;
        let left = search.region.len().saturating_sub(search.next);
        let part = search.region.slice(search.next, left.min(STEP.saturating_add(overlap)));
        let part = part.unwrap_or(search.region);
        let wanted = search.limit.saturating_sub(found.matches);
        let (hits, advance) = match context.memory.bytes(part) {
            Ok(bytes) => hits(bytes, search, wanted),
            Err(_) => hits(&read_bus(context, part)?, search, wanted),
        };
        for hit in hits {
            note(context, search, &mut found, search.next.saturating_add(hit))?;
        }
        search.next = search.next.saturating_add(advance);
    }
    Ok(found)
}

/// The offsets of up to `wanted` matches among the bytes, and how far the search is then.
fn hits(bytes: &[u8], search: &Search, wanted: u64) -> (Vec<u64>, u64) {
    let step = usize::try_from(search.width.bytes()).unwrap_or(1);
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let mut hits = Vec::new();
    let mut at = 0_usize;
    let places = bytes
        .windows(search.pattern.len())
        .step_by(step)
        .take(usize::try_from(STEP).unwrap_or(1) / step);
    for place in places {
        if hits.len() == wanted {
            break;
        }
        if place.first() == search.pattern.first() && place == search.pattern {
            hits.push(u64::try_from(at).unwrap_or_default());
        }
        at = at.saturating_add(step);
    }
    (hits, u64::try_from(at).unwrap_or_default())
}

/// Counts a match, and shows the lines that it is in and that were not shown yet.
fn note(context: &mut Context, search: &Search, found: &mut Found, offset: u64) -> Result<(), CommandError> {
    found.matches = found.matches.saturating_add(1);
    let len = u64::try_from(search.pattern.len()).unwrap_or_default();
    let first = search.region.start().get().saturating_add(offset);
    let last = first.saturating_add(len).saturating_sub(1);
    let line_of = |address: u64| address & !LINE.saturating_sub(1);
    let end = PhysAddr(line_of(last).saturating_add(LINE));
    let begun = found.shown.filter(|shown| first < shown.get());
    if begun.is_none() {
        found.offset = offset;
    }
    let start = begun.unwrap_or(PhysAddr(line_of(first)));
    if !search.quiet && start < end {
        if begun.is_none() && found.shown.is_some() {
            context.say(format_args!("--"));
        }
        let lines = Region::from_bounds(start, end).unwrap_or(search.region);
        show_range(context, lines, search.width)?;
    }
    found.shown = Some(end.max(start));
    Ok(())
}

/// Prints how many matches there are, and sets the variables.
fn report(context: &mut Context, search: &Search, found: &Found) {
    let matches = found.matches;
    if !search.quiet {
        let plural = if matches == 1 { "" } else { "es" };
        let more = if matches == search.limit {
            " (repeat command to check for more)"
        } else {
            ""
        };
        context.say(format_args!("{matches} match{plural}{more}"));
    }
    let (address, position) = match matches {
        0 => (0, 0),
        _ => (
            search.region.start().get().saturating_add(found.offset),
            found.offset / search.width.bytes(),
        ),
    };
    context.env.set_hex("memmatches", matches);
    context.env.set_hex("memaddr", address);
    context.env.set_hex("mempos", position);
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;
    use crate::context::CommandError;

    #[test]
    fn enter_after_a_search_that_could_not_begin_says_so_again() {
        let mut bench = Bench::new();
        for line in ["ms 40200000q1", "", ""] {
            assert!(bench.enter(line).starts_with("ms - "), "{line}");
        }
    }

    #[test]
    fn it_answers_as_u_boot_does() {
        // Read off U-Boot 2025.01 with CMD_MEM_SEARCH.
        Bench::new().dialogue(
            "\
=> mw.b 40200000 0 1100
=> mw.b 40200105 5; mw.w 40200200 1234; mw.l 40200304 deadbeef; mw.q 40200408 1122334455667788
=> ms.b 40200000 1000 5; echo $?
40200100: 00 00 00 00 00 05 00 00 00 00 00 00 00 00 00 00  ................
1 match
0
=> printenv memaddr memmatches mempos
memaddr=40200105
memmatches=1
mempos=105
=> ms.b 40200000 1000 5 6; echo $?
0 matches
1
=> ms.w 40200000 800 1234; echo $?
40200200: 1234 0000 0000 0000 0000 0000 0000 0000  4...............
1 match
0
=> ms 40200000 400 deadbeef; printenv mempos
40200300: 00000000 deadbeef 00000000 00000000  ................
1 match
mempos=c1
=> ms.q 40200000 200 1122334455667788; echo $?
40200400: 0000000000000000 1122334455667788  .........wfUD3\".
1 match
0
=> ms.b 40200000 1000 44 33; echo $?
40200400: 00 00 00 00 00 00 00 00 88 77 66 55 44 33 22 11  .........wfUD3\".
1 match
0
=> ms 40200000 400 77777777; echo $?; printenv memaddr memmatches mempos
0 matches
1
memaddr=0
memmatches=0
mempos=0
",
        );
    }

    #[test]
    fn text_and_limits_are_as_u_boot_has_them() {
        // Read off U-Boot 2025.01 with CMD_MEM_SEARCH.
        Bench::new().dialogue(
            "\
=> mw.b 40200000 0 1100; mw.w 40200105 5; mw.l 40200304 deadbeef; mw.b 40200800 61 3; mw.b 40200900 61 3
=> ms.s 40200000 1000 aaa; echo $?
40200800: 61 61 61 00 00 00 00 00 00 00 00 00 00 00 00 00  aaa.............
--
40200900: 61 61 61 00 00 00 00 00 00 00 00 00 00 00 00 00  aaa.............
2 matches
0
=> ms.s 40200000 1000 a a; echo $?
40200800: 61 61 61 00 00 00 00 00 00 00 00 00 00 00 00 00  aaa.............
--
40200900: 61 61 61 00 00 00 00 00 00 00 00 00 00 00 00 00  aaa.............
4 matches
0
=> ms.b 40200000 1000 61
40200800: 61 61 61 00 00 00 00 00 00 00 00 00 00 00 00 00  aaa.............
--
40200900: 61 61 61 00 00 00 00 00 00 00 00 00 00 00 00 00  aaa.............
6 matches
=> ms -q 40200000 400 deadbeef; echo $?; printenv memaddr
0
memaddr=40200304
=> ms -l2 40200000 400 0; echo $?
40200000: 00000000 00000000 00000000 00000000  ................
2 matches (repeat command to check for more)
0
=> ms.b -l20 40200000 100 0; printenv memmatches memaddr mempos
40200000: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
--
40200010: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
32 matches (repeat command to check for more)
memmatches=20
memaddr=40200010
mempos=10
=> ms.w 40200001 800 5; echo $?
40200100: 0000 0000 0500 0000 0000 0000 0000 0000  ................
1 match
0
=> ms 40200000 0 5; echo $?
0 matches
1
",
        );
    }

    #[test]
    fn a_match_across_two_lines_shows_both() {
        // Read off U-Boot 2025.01 with CMD_MEM_SEARCH.
        Bench::new().dialogue(
            "\
=> mw.b 40200000 0 100; mw.b 40200010 aa; mw.b 40200011 bb; mw.b 4020001f cc; mw.b 40200020 dd
=> ms.b 40200000 100 cc dd
40200010: aa bb 00 00 00 00 00 00 00 00 00 00 00 00 00 cc  ................
40200020: dd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
1 match
=> ms.w 40200008 7c bbaa; printenv mempos
40200010: bbaa 0000 0000 0000 0000 0000 0000 cc00  ................
1 match
mempos=4
=> ms.b 40200000 20 cc dd
0 matches
=> ms.b 40200000 21 cc dd
40200010: aa bb 00 00 00 00 00 00 00 00 00 00 00 00 00 cc  ................
40200020: dd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
1 match
=> ms.w 40200000 10 0 0
40200000: 0000 0000 0000 0000 0000 0000 0000 0000  ................
--
40200010: bbaa 0000 0000 0000 0000 0000 0000 cc00  ................
10 matches (repeat command to check for more)
=> base 10
Base Address: 0x00000010
=> ms.b 401fffff 20 aa
40200010: aa bb 00 00 00 00 00 00 00 00 00 00 00 00 00 cc  ................
1 match
",
        );
    }

    #[test]
    fn an_empty_line_goes_on() {
        let mut bench = Bench::new();
        bench.enter("mw.b 40200000 0 40; mw.b 40200000 7; mw.b 40200012 7; mw.b 40200034 7");
        let line = |at: &str| alloc::format!("{at} match (repeat command to check for more)\n");
        assert!(bench.enter("ms.b -l1 40200000 40 7").ends_with(&line("1")));
        assert!(bench.enter("").starts_with("40200010: "));
        assert!(bench.enter("").starts_with("40200030: "));
        assert_eq!(bench.context.env.get("mempos"), Some("34"));
        assert_eq!(bench.enter(""), "0 matches\n");
    }

    #[test]
    fn long_ranges_and_devices_are_searched() {
        let mut bench = Bench::new();
        bench.enter("mw.b 40200000 0 40000; mw.q 4020fffc 1122334455667788; mw.q 40230001 1122334455667788");
        // At the seam of two pieces, and unaligned.
        assert!(
            bench
                .enter("ms.b 40200000 40000 88 77 66 55 44 33 22 11")
                .ends_with("2 matches\n")
        );
        assert_eq!(bench.context.env.get("memaddr"), Some("40230001"));
        assert!(
            bench
                .enter("ms.l 40200000 10000 55667788 11223344")
                .ends_with("1 match\n")
        );
        assert_eq!(
            bench.enter("ms 9000000 10 9000024"),
            "09000020: 09000020 09000024 09000028 0900002c   ...$...(...,...\n1 match\n"
        );
        assert_eq!(bench.interrupted("ms 40200000 10 0"), Err(CommandError::Interrupted));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let mut bench = Bench::new();
        for line in [
            "ms",
            "ms 1",
            "ms 1 2",
            "ms -q -l 1 2 3",
            "ms -2 1 2 3",
            "ms.x 1 2 3",
            "ms.s 40200000 4 ''",
        ] {
            assert!(
                bench.enter(line).starts_with("ms - memory search\n\nUsage:\n"),
                "{line}"
            );
        }
        bench.dialogue(
            "\
=> ms 900000000 10 0; echo $?
nothing answers at 0x900000000 (ESR 0x96000010)
1
=> ms 40200000 ffffffffffffffff 0
0xffffffffffffffff bytes at 0x40200000 run past the end of the address space
=> ms 40200000 10 zz
'zz' is not a hexadecimal number
",
        );
    }
}
