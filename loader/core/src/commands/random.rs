//! `random`: fills memory with a pattern that looks like chance.

use hal::{PhysAddr, Region};

use super::Command;
use super::access::{PIECE, check_interrupt, finish};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::memory::MemoryError;

pub(crate) const COMMAND: Command = Command {
    name: "random",
    aliases: &[],
    summary: "fill memory with random pattern",
    usage: "<addr> <len> [<seed>]",
    help: "Fills len bytes with pseudo-random numbers (Marsaglia's 32-bit xorshift). The same seed, of 32 bits and not 0, gives\n\
        the same bytes, on U-Boot, too. No secret may be made of them.",
    examples: &["random 40200000 1000", "random 40200000 100000 1234abcd"],
    repeatable: true,
    run,
};

/// What stands in for a seed of 0, which would give nothing but zeros.
const FALLBACK: u32 = 0xdead_beef;

/// Marsaglia's generator with 32 bits of state ("Xorshift RNGs", Journal of Statistical Software 8/14, 2003).
struct Xorshift(u32);

impl Xorshift {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// Fills whole words with a number each, and each byte after them with one of its own, as U-Boot does.
    fn fill(&mut self, bytes: &mut [u8]) {
        let (words, rest) = bytes.as_chunks_mut::<4>();
        for word in words {
            *word = self.next().to_le_bytes();
        }
        for byte in rest {
            [*byte, ..] = self.next().to_le_bytes();
        }
    }
}

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (address, len, seed) = match args {
        [_, address, len] => (address, len, None),
        [_, address, len, seed] => (address, len, Some(seed)),
        _ => return Err(CommandError::Usage),
    };
    let start = PhysAddr(context.hexadecimal(address)?);
    let len = context.hexadecimal(len)?;
    let seed = match seed {
        Some(seed) => context.hexadecimal(seed)?,
        None => context.clock.entropy() | 1,
    };
    let mut generator = Xorshift(u32::try_from(seed & u64::from(u32::MAX)).unwrap_or(FALLBACK));
    if generator.0 == 0 {
        context.say(format_args!("The seed cannot be 0. Using {FALLBACK:#X}."));
        generator.0 = FALLBACK;
    }
    let region = Region::new(start, len).ok_or(MemoryError::Wraps { start, len })?;
    if !region.is_empty() {
        fill(context, region, &mut generator)?;
    }
    context.say(format_args!("{len} bytes filled with random data"));
    Ok(Status::Success)
}

fn fill(context: &mut Context, region: Region, generator: &mut Xorshift) -> Result<(), CommandError> {
    let claim = context.memory.claim(region.start(), region.len(), "random")?;
    let mut written = 0;
    let mut result = Ok(());
    while written < region.len() && result.is_ok() {
        let len = PIECE.min(region.len().saturating_sub(written));
        generator.fill(context.memory.claimed_mut(&claim, written, len)?);
        written = written.saturating_add(len);
        result = check_interrupt(context);
    }
    finish(context, claim, written);
    result
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
=> mw.l 40200000 0 10
=> random 40200000 13 5; echo $?
19 bytes filled with random data
0
=> md 40200000 8
40200000: 0014a0a5 14091e05 cefd19c1 d564eb43  ............C.d.
40200010: 00e3b7e5 00000000 00000000 00000000  ................
=> random 40200000 3 7; md 40200000 2
3 bytes filled with random data
40200000: 004307e7 14091e05                    ..C.....
=> random 40200000 8 0
The seed cannot be 0. Using 0xDEADBEEF.
8 bytes filled with random data
=> random 40200000 8 123456789; md 40200000 2
8 bytes filled with random data
40200000: 79340a33 f630d74a                    3.4yJ.0.
=> random 40200000 0; echo $?
0 bytes filled with random data
0
=> random 40200000; echo $?
random - fill memory with random pattern

Usage:
random <addr> <len> [<seed>]
1
",
        );
    }

    #[test]
    fn what_may_not_be_written_is_refused() {
        let mut bench = Bench::new();
        bench.dialogue(
            "\
=> random 40efffff 2; echo $?
0x40efffff..0x40f00001 runs into the loader at 0x40f00000..0x41000000
1
=> random 9000000 4; echo $?
0x9000000..0x9000004 is not all RAM: RAM is 0x40000000..0x41000000
1
=> random ffffffffffffffff 2
0x2 bytes at 0xffffffffffffffff run past the end of the address space
=> random 40200000 2 zz
'zz' is not a hexadecimal number
",
        );
        assert_eq!(
            bench.interrupted("random 40200000 300000"),
            Err(CommandError::Interrupted)
        );
    }
}
