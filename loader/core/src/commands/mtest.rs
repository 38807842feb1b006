//! `mtest`: writes a pattern to RAM and reads it back.

use hal::{PhysAddr, Region};

use super::Command;
use super::access::{PIECE, finish};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::memory::Claim;

pub(crate) const COMMAND: Command = Command {
    name: "mtest",
    aliases: &[],
    summary: "simple RAM read/write test",
    usage: "[start [end [pattern [iterations]]]]",
    help: "Fills RAM from start up to end with 64-bit numbers that count up from the pattern, by default 0, and reads them back\n\
        past the caches; every second time with all bits turned over. Stops after so many iterations (hexadecimal), without\n\
        them at Ctrl-C. Without start and end the largest part of RAM is tested that is free and holds no file. RAM that is\n\
        reserved is refused; files in the range are lost. $? is 0 if all iterations found no error.",
    examples: &["mtest 40200000 48000000 0 2", "mtest"],
    repeatable: true,
    run,
};

/// What is tested, and with what.
struct Test {
    region: Region,
    pattern: u64,
    /// 0 for no end.
    iterations: u64,
}

/// How an iteration ended.
enum Outcome {
    Errors(u64),
    Interrupted,
}

const WORD: u64 = 8;

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let test = parse(context, args)?;
    let (start, end) = (test.region.start().get(), test.region.end().get());
    let claim = context.memory.claim(test.region.start(), test.region.len(), "mtest")?;
    context.say(format_args!("Testing {start:08x} ... {end:08x}:"));
    let (mut done, mut errors, mut interrupted) = (0_u64, 0_u64, false);
    while !interrupted && (test.iterations == 0 || done < test.iterations) {
        match iterate(context, &claim, (&test, done))? {
            Outcome::Errors(found) => {
                errors = errors.saturating_add(found);
                done = done.saturating_add(1);
            }
            Outcome::Interrupted => interrupted = true,
        }
    }
    finish(context, claim, test.region.len());
    context.say(format_args!("\nTested {done} iteration(s) with {errors} errors."));
    match (interrupted, errors) {
        (true, _) => Err(CommandError::Interrupted),
        (false, 0) => Ok(Status::Success),
        _ => Ok(Status::Failure),
    }
}

fn parse(context: &mut Context, args: Args<'_>) -> Result<Test, CommandError> {
    let words = args.get(1..).unwrap_or_default();
    let mut numbers = [None; 4];
    if words.len() > numbers.len() {
        return Err(CommandError::Usage);
    }
    for (number, word) in numbers.iter_mut().zip(words) {
        *number = Some(context.hexadecimal(word)?);
    }
    let [start, end, pattern, iterations] = numbers;
    let region = match (start, end) {
        (None, _) => largest_free(context)?,
        (Some(start), None) => context.memory.window(PhysAddr(start))?,
        (Some(start), Some(end)) => {
            let region = Region::from_bounds(PhysAddr(start), PhysAddr(end));
            region.filter(|region| region.len() >= WORD).ok_or_else(|| {
                context.say(format_args!("Refusing to do empty test"));
                CommandError::Usage
            })?
        }
    };
    let whole = region.len().saturating_sub(region.len() % WORD);
    Ok(Test {
        region: region.slice(0, whole).unwrap_or(region),
        pattern: pattern.unwrap_or(0),
        iterations: iterations.unwrap_or(0),
    })
}

/// The largest part of RAM that is neither reserved nor holds a file.
fn largest_free(context: &Context) -> Result<Region, CommandError> {
    let (mut none, mut room) = (0_u64, u64::MAX);
    let mut best = None;
    // The largest length for which there is room, by halving.
    while none < room.saturating_sub(1) {
        let middle = none.saturating_add(room.saturating_sub(none) / 2);
        match context.memory.find_free(middle, WORD, None) {
            Some(found) => {
                best = Some(found);
                none = middle;
            }
            None => room = middle,
        }
    }
    best.filter(|region| region.len() >= WORD)
        .ok_or_else(|| CommandError::failed("all RAM is reserved or holds files: name the range to test"))
}

/// Writes the pattern everywhere, takes it out of the caches, and reads it back.
fn iterate(context: &mut Context, claim: &Claim, (test, done): (&Test, u64)) -> Result<Outcome, CommandError> {
    // Every second time all bits are turned over.
    let turned = if done % 2 == 0 { 0 } else { u64::MAX };
    let shown = test.pattern ^ turned;
    let number = done.saturating_add(1);
    print(
        context,
        &alloc::format!("Iteration: {number:6}\r\rPattern {shown:016X}  Writing..."),
    );
    print(context, &alloc::format!("{:12}", ""));
    let expected = |offset: u64| test.pattern.wrapping_add(offset / WORD) ^ turned;
    let mut offset = 0;
    while offset < test.region.len() {
        let len = PIECE.min(test.region.len().saturating_sub(offset));
        let piece = context.memory.claimed_mut(claim, offset, len)?;
        for (word, offset) in piece.as_chunks_mut::<8>().0.iter_mut().zip((offset..).step_by(8)) {
            *word = expected(offset).to_le_bytes();
        }
        offset = offset.saturating_add(len);
        if context.terminal.interrupted() {
            return Ok(Outcome::Interrupted);
        }
    }
    context.system.sync_instructions(test.region);
    print(context, &"\x08".repeat(10));
    print(context, "Reading...");
    read_back(context, test, &expected)
}

fn read_back(context: &mut Context, test: &Test, expected: &dyn Fn(u64) -> u64) -> Result<Outcome, CommandError> {
    let mut errors = 0_u64;
    let mut offset = 0;
    while offset < test.region.len() {
        let len = PIECE.min(test.region.len().saturating_sub(offset));
        let piece = test.region.slice(offset, len).unwrap_or(test.region);
        let bytes = context.memory.bytes(piece)?;
        let words = bytes.as_chunks::<8>().0.iter().zip((offset..).step_by(8));
        let wrong = words
            .map(|(word, offset)| (offset, u64::from_le_bytes(*word)))
            .filter(|(offset, found)| *found != expected(*offset));
        // As many as a person may want to see of one piece.
        const SHOWN: usize = 16;
        let mut first = alloc::vec::Vec::new();
        for (offset, found) in wrong {
            errors = errors.saturating_add(1);
            if first.len() < SHOWN {
                first.push((offset, found));
            }
        }
        for (offset, found) in first {
            let address = test.region.start().get().saturating_add(offset);
            let expected = expected(offset);
            context.say(format_args!(
                "\nMem error @ 0x{address:016X}: found {found:016X}, expected {expected:016X}"
            ));
        }
        offset = offset.saturating_add(len);
        if context.terminal.interrupted() {
            return Ok(Outcome::Interrupted);
        }
    }
    Ok(Outcome::Errors(errors))
}

/// Prints without a line end, control characters as they are.
fn print(context: &mut Context, text: &str) {
    context.terminal.write_bytes(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;

    use hal::fakes::VecRam;
    use hal::{PhysAddr, Ram, Region};

    use crate::commands::testing::{Bench, RAM};
    use crate::context::{CommandError, Status};
    use crate::memory::Memory;

    #[test]
    fn it_answers_as_u_boot_does() {
        // Read off U-Boot 2025.01 with CMD_MEMTEST.
        let mut bench = Bench::new();
        assert_eq!(
            bench.enter("mtest 40300000 40310000 55aa 2; echo $?"),
            "Testing 40300000 ... 40310000:\n\
             Iteration:      1\r\rPattern 00000000000055AA  Writing...            \
             \x08\x08\x08\x08\x08\x08\x08\x08\x08\x08Reading...\
             Iteration:      2\r\rPattern FFFFFFFFFFFFAA55  Writing...            \
             \x08\x08\x08\x08\x08\x08\x08\x08\x08\x08Reading...\n\
             Tested 2 iteration(s) with 0 errors.\n0\n"
        );
        bench.dialogue(
            "\
=> md.q 40300000 4
40300000: ffffffffffffaa55 ffffffffffffaa54  U.......T.......
40300010: ffffffffffffaa53 ffffffffffffaa52  S.......R.......
=> mtest 40310000 40300000 0 1; echo $?
Refusing to do empty test
mtest - simple RAM read/write test

Usage:
mtest [start [end [pattern [iterations]]]]
1
",
        );
        bench.enter("mtest 40300000 40300020 55aa55aa55aa55aa 1");
        assert_eq!(
            bench.enter("md 40300000 4"),
            "40300000: 55aa55aa 55aa55aa 55aa55ab 55aa55aa  .U.U.U.U.U.U.U.U\n"
        );
    }

    /// RAM in which one bit is stuck.
    struct Stuck(VecRam);

    impl Stuck {
        const BIT: u64 = RAM + 0x20_0013;
    }

    impl Ram for Stuck {
        fn bytes(&self, region: Region) -> Option<&[u8]> {
            self.0.bytes(region)
        }

        fn bytes_mut(&mut self, region: Region) -> Option<&mut [u8]> {
            // Whoever writes next finds the bit set again: a look at the neighbouring pieces is enough for the test.
            let bit = Region::new(PhysAddr(Self::BIT), 1)?;
            if !region.contains(bit.start())
                && let Some([byte]) = self.0.bytes_mut(bit)
            {
                *byte |= 4;
            }
            self.0.bytes_mut(region)
        }
    }

    #[test]
    fn a_wrong_bit_is_found() {
        let mut bench = Bench::new();
        let bank = Region::new(PhysAddr(RAM), 16 << 20).unwrap();
        bench.context.memory = Memory::new(Box::new(Stuck(VecRam::new(&[bank]))), &[bank]);
        let answer = bench.enter("mtest 40200000 40400000 0 1; echo $?");
        let error = "\n\nMem error @ 0x0000000040200010: found 0000000004000002, expected 0000000000000002\n";
        assert!(answer.contains(&error[1..]), "{answer:?}");
        assert!(
            answer.ends_with("\nTested 1 iteration(s) with 1 errors.\n1\n"),
            "{answer:?}"
        );
    }

    #[test]
    fn only_free_ram_is_tested() {
        let mut bench = Bench::new();
        bench.dialogue(
            "\
=> mtest 40e00000 40f00008 0 1; echo $?
0x40e00000..0x40f00008 runs into the loader at 0x40f00000..0x41000000
1
=> mtest 0 1000 0 1; echo $?
0x0..0x1000 is not all RAM: RAM is 0x40000000..0x41000000
1
=> mtest zz
'zz' is not a hexadecimal number
",
        );
        assert!(bench.enter("mtest 1 2 3 4 5").contains("Usage:"));
        let memory = &mut bench.context.memory;
        let claim = memory.claim(PhysAddr(RAM + 0x10_0000), 0x10_0001, "Image").unwrap();
        memory.record(claim, 0x10_0001);
        let damage = |bench: &Bench| bench.context.memory.files().first().unwrap().overwritten_by.clone();
        assert_eq!(bench.interrupted("mtest"), Err(CommandError::Interrupted));
        let output = bench.wire.take_output();
        assert!(output.starts_with("Testing 40200008 ... 40f00000:\r\n"), "{output}");
        assert!(
            output.ends_with("\r\nTested 0 iteration(s) with 0 errors.\r\n"),
            "{output}"
        );
        assert_eq!(damage(&bench), None);
        assert!(bench.enter("mtest 40100000 40100100 0 1").contains("0 errors"));
        assert_eq!(bench.status(), Status::Success);
        assert_eq!(damage(&bench), None, "a write inside a file is an edit");
        bench.enter("mtest 40000000 40200000 0 1");
        assert_eq!(damage(&bench).as_deref(), Some("mtest"));
    }
}
