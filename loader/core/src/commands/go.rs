//! `go`: calls a program in memory.

use hal::{PhysAddr, Region};

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "go",
    aliases: &[],
    summary: "start application at address 'addr'",
    usage: "addr [arg ...]",
    help: "Calls the function at addr with the number of words from addr on in x0 and an array of pointers to them in x1, as C's\n\
        main has them. It runs at the loader's exception level and on its stack, with the MMU and the caches on; RAM is\n\
        executable for it. What it returns is printed, and $? is 0 if it is 0. Kernels are started with booti or bootm.",
    examples: &["go 40200000", "go 40200000 first second"],
    repeatable: false,
    run,
};

/// Code that was written by hand, and so belongs to no file, is expected within this distance of the entry, to both sides.
const AROUND: u64 = 1024 * 1024;

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (Some(word), Some(words)) = (args.get(1), args.get(1..)) else {
        return Err(CommandError::Usage);
    };
    let entry = PhysAddr(context.hexadecimal(word)?);
    let code = code_at(context, entry)?;
    let at = entry.get();
    context.say(format_args!("## Starting application at 0x{at:08X} ..."));
    context.terminal.flush();
    context.system.sync_instructions(code);
    let returned = context.system.call(entry, words).map_err(CommandError::failed)?;
    context.say(format_args!("## Application terminated, rc = 0x{returned:X}"));
    Ok(if returned == 0 {
        Status::Success
    } else {
        Status::Failure
    })
}

/// What may have to be made visible to instruction fetch: the file that holds the entry, or else what lies around it.
fn code_at(context: &Context, entry: PhysAddr) -> Result<Region, CommandError> {
    const INSTRUCTION: u64 = 4;
    if !entry.is_aligned(INSTRUCTION) {
        return Err(CommandError::failed(alloc::format!(
            "no code can be at {entry}: it is no multiple of 4"
        )));
    }
    let window = context.memory.window(entry)?;
    if let Some(file) = context.memory.files().iter().find(|file| file.region.contains(entry)) {
        return Ok(file.region);
    }
    let bank = context.memory.banks().iter().find(|bank| bank.contains(entry));
    let bottom = bank.map_or(entry, |bank| bank.start());
    let start = PhysAddr(entry.get().saturating_sub(AROUND)).max(bottom);
    let end = entry.checked_add(AROUND).unwrap_or(entry).min(window.end());
    let around = Region::from_bounds(start, end).filter(|around| context.memory.bytes(*around).is_ok());
    Ok(around.unwrap_or(window))
}

#[cfg(test)]
mod tests {
    use hal::fakes::SystemEvent;
    use hal::{PhysAddr, Region};

    use crate::commands::testing::{Bench, RAM};

    #[test]
    fn it_answers_as_u_boot_does() {
        let mut bench = Bench::new();
        // The fake machine's programs return the number of their words.
        bench.dialogue(
            "\
=> go 40200000 a 'b c'; echo $?
## Starting application at 0x40200000 ...
## Application terminated, rc = 0x3
1
=> go; echo $?
go - start application at address 'addr'

Usage:
go addr [arg ...]
1
",
        );
        let called = |entry, words: &[&str]| {
            SystemEvent::Call(PhysAddr(entry), words.iter().map(|word| (*word).into()).collect())
        };
        let synced = |start, len| SystemEvent::SyncInstructions(Region::new(PhysAddr(start), len).unwrap());
        assert_eq!(
            bench.system.events(),
            [
                synced(0x4010_0000, 0x20_0000),
                called(0x4020_0000, &["40200000", "a", "b c"])
            ]
        );
    }

    #[test]
    fn a_file_is_made_executable_as_a_whole() {
        let mut bench = Bench::new();
        let claim = bench
            .context
            .memory
            .claim(PhysAddr(RAM), 0x30_0000, "hello.bin")
            .unwrap();
        bench.context.memory.record(claim, 0x30_0000);
        bench.enter("go 40000040");
        let code = Region::new(PhysAddr(RAM), 0x30_0000).unwrap();
        assert_eq!(
            bench.system.events().first(),
            Some(&SystemEvent::SyncInstructions(code))
        );
    }

    #[test]
    fn what_cannot_be_code_is_refused() {
        let mut bench = Bench::new();
        bench.dialogue(
            "\
=> go 40200002; echo $?
no code can be at 0x40200002: it is no multiple of 4
1
=> go 0
0x0..0x1 is not all RAM: RAM is 0x40000000..0x41000000
=> go 40f00000
0x40f00000..0x40f00001 runs into the loader at 0x40f00000..0x41000000
=> go zz
'zz' is not a hexadecimal number
",
        );
        assert_eq!(bench.system.events(), []);
    }
}
