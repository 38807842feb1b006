//! `nm`: changes one object of memory again and again.

use super::Command;
use super::mm::{Step, modify};
use crate::context::{Args, CommandResult, Context};

pub(crate) const COMMAND: Command = Command {
    name: "nm",
    aliases: &[],
    summary: "memory modify (constant address)",
    usage: "[.b, .w, .l, .q] address",
    help: "Shows an object, a device's register for instance, and asks for its new value, again and again. An empty line only\n\
        shows it anew, `q` or any other word that is no number ends the command, as Ctrl-C does.",
    examples: &["nm.l 9000000"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    modify(context, args, Step::Stay)
}

#[cfg(test)]
mod tests {
    use hal::fakes::SystemEvent;
    use hal::{PhysAddr, Width};

    use crate::commands::testing::Bench;

    #[test]
    fn it_stays_where_it_is() {
        // Read off U-Boot 2025.01.
        let mut bench = Bench::new();
        bench.enter("mw 40200000 0");
        assert_eq!(
            bench.type_in("nm 40200000\r11\r22\r\r33\r-\rq\r"),
            "nm 40200000\n\
             40200000: 00000000 ? 11\n\
             40200000: 00000011 ? 22\n\
             40200000: 00000022 ? \n\
             40200000: 00000022 ? 33\n\
             40200000: 00000033 ? -\n\
             40200000: 00000033 ? q\n=> "
        );
        assert!(bench.enter("nm").contains("Usage:"));
    }

    #[test]
    fn a_register_is_written_with_its_width() {
        let mut bench = Bench::new();
        bench.type_in("nm.b 9000000\r1ff\rq\r");
        let written = SystemEvent::Write(PhysAddr(0x0900_0000), Width::Byte, 0xff);
        assert_eq!(bench.system.events(), [written]);
    }
}
