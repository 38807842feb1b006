//! `mm`: changes memory, one object after the other, and what it shares with `nm`.

use alloc::format;
use alloc::string::String;

use hal::{PhysAddr, Width};

use super::Command;
use super::access::{based_address, read, width_of, write};
use crate::console::read_line;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "mm",
    aliases: &[],
    summary: "memory modify (auto-incrementing address)",
    usage: "[.b, .w, .l, .q] address",
    help: "Shows an object and asks for its new value, then goes on to the next. An empty line leaves it as it is, `-` goes back by\n\
        one, `q` or any other word that is no number ends the command, as Ctrl-C does. RAM that is reserved is not written.",
    examples: &["mm 40200000", "mm.b 40200000"],
    repeatable: true,
    run,
};

/// Where a command goes after an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To the next one.
    Next,
    /// Nowhere.
    Stay,
}

/// What was typed at an object.
enum Answer {
    Value(u64),
    Leave,
    Back,
    End,
}

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    modify(context, args, Step::Next)
}

/// Asks for new values from the address on, or from where the last command stopped if an empty line repeats it.
pub(super) fn modify(context: &mut Context, args: Args<'_>, step: Step) -> CommandResult {
    if !context.shell.repeating {
        let [name, address] = args else {
            return Err(CommandError::Usage);
        };
        let width = width_of(name)?;
        context.display.modified = (based_address(context, address)?, width);
    }
    loop {
        let (address, width) = context.display.modified;
        let value = read(context, address, width)?;
        let line = read_line(context, &prompt(address, width, value), "")?;
        let forward = match answer(context, &line) {
            Ok(Answer::End) => return Ok(Status::Success),
            Ok(Answer::Leave) => width.bytes(),
            Ok(Answer::Back) => width.bytes().wrapping_neg(),
            Ok(Answer::Value(value)) => {
                write(context, address, width, value)?;
                width.bytes()
            }
            Err(CommandError::Failed(message)) => {
                context.say(format_args!("{message}"));
                0
            }
            Err(other) => return Err(other),
        };
        if step == Step::Next {
            context.display.modified.0 = PhysAddr(address.get().wrapping_add(forward));
        }
    }
}

fn prompt(address: PhysAddr, width: Width, value: u64) -> String {
    let address = address.get();
    // U-Boot pads all widths but 64 bits.
    match width {
        Width::Byte => format!("{address:08x}: {value:02x} ? "),
        Width::Half => format!("{address:08x}: {value:04x} ? "),
        Width::Word => format!("{address:08x}: {value:08x} ? "),
        Width::Double => format!("{address:08x}: {value:x} ? "),
    }
}

fn answer(context: &mut Context, line: &str) -> Result<Answer, CommandError> {
    match line {
        "" => Ok(Answer::Leave),
        "-" => Ok(Answer::Back),
        _ if line.starts_with(|first: char| first.is_ascii_hexdigit()) => Ok(Answer::Value(context.hexadecimal(line)?)),
        _ => Ok(Answer::End),
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;
    use crate::context::Status;

    #[test]
    fn it_answers_as_u_boot_does() {
        // Read off U-Boot 2025.01.
        let mut bench = Bench::new();
        bench.enter("mw.b 40200000 0 100");
        assert_eq!(
            bench.type_in("mm 40200000\r11\r\r22\r-\r\rq\r"),
            "mm 40200000\n\
             40200000: 00000000 ? 11\n\
             40200004: 00000000 ? \n\
             40200008: 00000000 ? 22\n\
             4020000c: 00000000 ? -\n\
             40200008: 00000022 ? \n\
             4020000c: 00000000 ? q\n=> "
        );
        bench.dialogue(
            "\
=> md 40200000 4; echo $?
40200000: 00000011 00000000 00000022 00000000  ........\".......
0
",
        );
        assert_eq!(
            bench.type_in("mm.b 40200000\rab\rzz\r"),
            "mm.b 40200000\n40200000: 11 ? ab\n40200001: 00 ? zz\n=> "
        );
        assert_eq!(
            bench.type_in("mm.q 40200000\r\r1122334455667788\r.\r"),
            "mm.q 40200000\n40200000: ab ? \n40200008: 22 ? 1122334455667788\n40200010: 0 ? .\n=> "
        );
        assert_eq!(
            bench.type_in("mm.w 40200000\r12345\r 55\r"),
            "mm.w 40200000\n40200000: 00ab ? 12345\n40200002: 0000 ?  55\n=> "
        );
        assert_eq!(
            bench.enter("md.w 40200000 1"),
            "40200000: 2345                                     E#\n"
        );
        assert!(bench.enter("mm").contains("Usage:"));
        assert!(bench.enter("mm 40200000 1").contains("Usage:"));
    }

    #[test]
    fn an_empty_line_goes_on_where_it_stopped() {
        let mut bench = Bench::new();
        bench.enter("mw.b 40200000 0 100");
        bench.type_in("mm 40200000\r1\rq\r");
        assert_eq!(
            bench.type_in("\r2\rq\r"),
            "\n40200004: 00000000 ? 2\n40200008: 00000000 ? q\n=> "
        );
    }

    #[test]
    fn what_is_no_number_changes_nothing() {
        let mut bench = Bench::new();
        bench.enter("mw 40200000 0");
        assert_eq!(
            bench.type_in("mm 40200000\r12x\rq\r"),
            "mm 40200000\n40200000: 00000000 ? 12x\n'12x' is not a hexadecimal number\n40200000: 00000000 ? q\n=> "
        );
    }

    #[test]
    fn ctrl_c_leaves() {
        let mut bench = Bench::new();
        bench.enter("mw 40200000 0");
        // The console takes in what was typed before it begins: Ctrl-C must come later.
        let wire = bench.wire.clone();
        bench.context.terminal = crate::console::Terminal::new(alloc::boxed::Box::new(Delayed { wire, silent: 0 }));
        assert_eq!(
            bench.type_in("mm 40200000\r"),
            "mm 40200000\n40200000: 00000000 ? <INTERRUPT>\n=> "
        );
        assert_eq!(bench.status(), Status::Failure);
    }

    /// Somebody types Ctrl-C after a while of waiting.
    struct Delayed {
        wire: hal::fakes::FakeConsole,
        silent: u32,
    }

    impl hal::Console for Delayed {
        fn write(&mut self, bytes: &[u8]) {
            self.wire.write(bytes);
        }

        fn read(&mut self) -> Option<u8> {
            let byte = self.wire.read();
            self.silent = if byte.is_some() { 0 } else { self.silent + 1 };
            byte.or((self.silent == 1000).then_some(3))
        }

        fn flush(&mut self) {}
    }

    #[test]
    fn what_may_not_be_written_ends_it() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.type_in("mm 40effffe\r1\r"),
            "mm 40effffe\n40effffe: a5a5a5a5 ? 1\n\
             0x40effffe..0x40f00002 runs into the loader at 0x40f00000..0x41000000\n=> "
        );
        assert_eq!(
            bench.enter("mm 900000000"),
            "nothing answers at 0x900000000 (ESR 0x96000010)\n"
        );
    }
}
