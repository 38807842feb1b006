//! `base`: an offset for the memory commands.

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "base",
    aliases: &[],
    summary: "print or set address offset",
    usage: "\n\
        off",
    help: "Prints the offset that is added to each address of md, mw, mm, nm, cmp and cp, or sets it. Checksums and all other\n\
        commands take addresses as they are.",
    examples: &["base 40000000; md 200000 10", "base 0"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    match args {
        [_] => {}
        [_, offset] => context.display.base = context.hexadecimal(offset)?,
        _ => return Err(CommandError::Usage),
    }
    let base = context.display.base;
    context.say(format_args!("Base Address: {base:#010x}"));
    Ok(Status::Success)
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn it_is_added_where_u_boot_adds_it() {
        // As U-Boot 2025.01 answers; its checksums leave the base aside, too.
        Bench::new().dialogue(
            "\
=> base
Base Address: 0x00000000
=> mw.l 40200000 12345678; mw.l 40200004 9abcdef0
=> base 40000000; echo $?
Base Address: 0x40000000
0
=> md 200000 1
40200000: 12345678                             xV4.
=> mw 200010 99; mw 200020 98
=> md 200010 1
40200010: 00000099                             ....
=> cmp 200000 200010 1
word at 0x40200000 (0x12345678) != word at 0x40200010 (0x99)
Total of 0 word(s) were the same
=> cp 200010 200020 1; md 200020 1
40200020: 00000099                             ....
=> crc32 40200000 4
crc32 for 40200000 ... 40200003 ==> af6d87d2
=> base 0
Base Address: 0x00000000
=> md 40200020 1
40200020: 00000099                             ....
=> base 1 2
base - print or set address offset

Usage:
base
base off
=> base zz; base
'zz' is not a hexadecimal number
Base Address: 0x00000000
",
        );
    }

    #[test]
    fn it_may_be_negative() {
        Bench::new().dialogue(
            "\
=> mw 40200000 1; base fffffffffffffff0
Base Address: 0xfffffffffffffff0
=> md 40200010 1
40200000: 00000001                             ....
",
        );
    }
}
