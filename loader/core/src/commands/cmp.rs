//! `cmp`: compares two ranges of memory.

use hal::{PhysAddr, Region, Width};

use super::Command;
use super::access::{based_address, check_interrupt, objects, read, width_of};
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "cmp",
    aliases: &[],
    summary: "memory compare",
    usage: "[.b, .w, .l, .q] addr1 addr2 count",
    help: "Compares count objects of 8, 16, 32 or 64 bits, prints the first that differs and how many were the same before it.\n\
        $? is 0 if all are the same.",
    examples: &[
        "cmp.b 40200000 44000000 ${filesize}",
        "cmp 40200000 40300000 100 && echo same",
    ],
    repeatable: true,
    run,
};

/// How much is compared between two looks for Ctrl-C, in bytes: a multiple of all widths.
const STEP: u64 = 64 * 1024;

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [name, first, second, count] = args else {
        return Err(CommandError::Usage);
    };
    let width = width_of(name)?;
    let first = based_address(context, first)?;
    let second = based_address(context, second)?;
    let count = context.hexadecimal(count)?;
    let (first, second) = (objects(first, count, width)?, objects(second, count, width)?);
    let same = compare(context, (first, second), width)?;
    let objects = name_of(width);
    context.say(format_args!("Total of {same} {objects}(s) were the same"));
    Ok(if same == count {
        Status::Success
    } else {
        Status::Failure
    })
}

/// What U-Boot calls an object of this width.
fn name_of(width: Width) -> &'static str {
    match width {
        Width::Byte => "byte",
        Width::Half => "halfword",
        Width::Word => "word",
        Width::Double => "double word",
    }
}

/// How many objects are the same up to the first that differs, which is printed.
fn compare(context: &mut Context, (first, second): (Region, Region), width: Width) -> Result<u64, CommandError> {
    let mut offset = 0;
    while offset < first.len() {
        check_interrupt(context)?;
        let len = STEP.min(first.len().saturating_sub(offset));
        let parts = (part(first, offset, len), part(second, offset, len));
        if !are_same_ram(context, parts)
            && let Some(at) = first_difference(context, parts, width)?
        {
            return Ok(offset.saturating_add(at) / width.bytes());
        }
        offset = offset.saturating_add(len);
    }
    Ok(first.len() / width.bytes())
}

fn part(region: Region, offset: u64, len: u64) -> Region {
    region.slice(offset, len).unwrap_or(region)
}

/// Whether both are RAM that can be looked at in one piece, and hold the same: the fast way.
fn are_same_ram(context: &Context, (first, second): (Region, Region)) -> bool {
    let bytes = context.memory.bytes(first).ok().zip(context.memory.bytes(second).ok());
    bytes.is_some_and(|(first, second)| are_same(first, second))
}

/// As `==`, but by words: the comparison that the compiler calls for slices goes byte by byte here.
fn are_same(first: &[u8], second: &[u8]) -> bool {
    let (words, rest) = first.as_chunks::<16>();
    let (other_words, other_rest) = second.as_chunks::<16>();
    let mut pairs = words.iter().zip(other_words);
    words.len() == other_words.len()
        && rest == other_rest
        && pairs.all(|(word, other)| u128::from_ne_bytes(*word) == u128::from_ne_bytes(*other))
}

/// The offset of the first object that differs, which is printed.
fn first_difference(
    context: &mut Context,
    (first, second): (Region, Region),
    width: Width,
) -> Result<Option<u64>, CommandError> {
    let mut offset = 0;
    while offset < first.len() {
        let places = (first.start().checked_add(offset), second.start().checked_add(offset));
        let (Some(one), Some(other)) = places else { break };
        let values = (read(context, one, width)?, read(context, other, width)?);
        if values.0 != values.1 {
            show(context, (one, values.0), (other, values.1), width);
            return Ok(Some(offset));
        }
        offset = offset.saturating_add(width.bytes());
    }
    Ok(None)
}

/// U-Boot's line for two objects that differ. Its numbers are as many characters wide as the object has bytes, the prefix included.
fn show(context: &mut Context, (one, value): (PhysAddr, u64), (other, other_value): (PhysAddr, u64), width: Width) {
    let object = name_of(width);
    let room = usize::try_from(width.bytes()).unwrap_or_default();
    context.say(format_args!(
        "{object} at {:#010x} ({value:#0room$x}) != {object} at {:#010x} ({other_value:#0room$x})",
        one.get(),
        other.get()
    ));
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;
    use crate::context::CommandError;

    #[test]
    fn it_answers_as_u_boot_does() {
        // Read off U-Boot 2025.01.
        Bench::new().dialogue(
            "\
=> mw.b 40200000 0 100; mw.b 40200000 ff; mw 40200010 99
=> cmp 40200000 40200000 4; echo $?
Total of 4 word(s) were the same
0
=> cmp 40200000 40200010 4; echo $?
word at 0x40200000 (0xff) != word at 0x40200010 (0x99)
Total of 0 word(s) were the same
1
=> cmp.b 40200000 40200001 1; echo $?
byte at 0x40200000 (0xff) != byte at 0x40200001 (0x0)
Total of 0 byte(s) were the same
1
=> mw.b 40210000 5 100; mw.b 40210040 6
=> mw.b 40220000 5 100
=> cmp.b 40210000 40220000 100; echo $?
byte at 0x40210040 (0x6) != byte at 0x40220040 (0x5)
Total of 64 byte(s) were the same
1
=> cmp.w 40210000 40220000 80; echo $?
halfword at 0x40210040 (0x506) != halfword at 0x40220040 (0x505)
Total of 32 halfword(s) were the same
1
=> cmp.l 40210000 40220000 40; echo $?
word at 0x40210040 (0x5050506) != word at 0x40220040 (0x5050505)
Total of 16 word(s) were the same
1
=> cmp.q 40210000 40220000 20; echo $?
double word at 0x40210040 (0x505050505050506) != double word at 0x40220040 (0x505050505050505)
Total of 8 double word(s) were the same
1
=> cmp.b 40210000 40220000 40; echo $?
Total of 64 byte(s) were the same
0
=> cmp.b 40210000 40220000 0; echo $?
Total of 0 byte(s) were the same
0
=> mw.q 40200000 d503201f1400000a; mw.q 40200008 0
=> cmp.q 40200000 40200008 1
double word at 0x40200000 (0xd503201f1400000a) != double word at 0x40200008 (0x000000)
Total of 0 double word(s) were the same
=> cmp 40210000 40220000; echo $?
cmp - memory compare

Usage:
cmp [.b, .w, .l, .q] addr1 addr2 count
1
",
        );
    }

    #[test]
    fn a_difference_far_in_is_found_and_devices_are_compared() {
        Bench::new().dialogue(
            "\
=> mw.b 40200000 7 300000; mw.b 40500001 7 300000; mw.b 40754321 8
=> cmp.b 40200000 40500001 300000
byte at 0x40454320 (0x7) != byte at 0x40754321 (0x8)
Total of 2442016 byte(s) were the same
=> cmp 9000010 9000010 4
Total of 4 word(s) were the same
=> cmp 9000ffc 40200000 2
word at 0x09000ffc (0x9000ffc) != word at 0x40200000 (0x7070707)
Total of 0 word(s) were the same
",
        );
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        Bench::new().dialogue(
            "\
=> cmp 900000000 40200000 1; echo $?
nothing answers at 0x900000000 (ESR 0x96000010)
1
=> cmp ffffffffffffffff 40200000 1; echo $?
0x4 bytes at 0xffffffffffffffff run past the end of the address space
1
=> cmp 40200000 40200000 ffffffffffffffff
0xffffffffffffffff bytes at 0x40200000 run past the end of the address space
=> cmp.b 40fffff0 40fffff0 20; echo $?
nothing answers at 0x41000000 (ESR 0x96000010)
1
",
        );
    }

    #[test]
    fn ctrl_c_ends_it() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.interrupted("cmp 40200000 40200000 1000"),
            Err(CommandError::Interrupted)
        );
        assert_eq!(bench.wire.take_output(), "");
    }
}
