//! `itest`: compares numbers or strings, in words or in memory.

use core::cmp::Ordering;

use hal::Width;

use super::Command;
use super::operand::{self, Kind};
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "itest",
    aliases: &[],
    summary: "return true/false on integer compare",
    usage: "[.b, .w, .l, .q, .s] [*]value1 <op> [*]value2",
    help: "Compares two hexadecimal numbers, of which the letter after the dot says the width: 8, 16, 32 or 64 bits, 32 without; what \
           does not fit is cut off. With .s compares two strings. After a * stands the address in RAM, or of a device's register, \
           where the value is.\n\
           The operators are -eq ==, -ne != <>, -lt <, -le <=, -gt >, -ge >=. Numbers of 64 bits have a sign.",
    examples: &[
        "itest *9000018 == 90 && echo idle",
        "if itest ${filesize} > 100000; then echo large; fi",
    ],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [name, left, operator, right] = args else {
        return Err(CommandError::Usage);
    };
    let kind = operand::kind_of(name).ok_or_else(|| CommandError::failed("Invalid data width specifier"))?;
    let holds = holds(operator).ok_or_else(|| CommandError::failed(alloc::format!("Unknown operator '{operator}'")))?;
    let order = match kind {
        Kind::Text => operand::text(context, left)?.cmp(&operand::text(context, right)?),
        Kind::Number(width) => {
            let mut value = |word: &str| operand::number(context, word, width);
            compare((value(left)?, value(right)?), width)
        }
    };
    Ok(match holds(order) {
        true => Status::Success,
        false => Status::Failure,
    })
}

fn compare((left, right): (u64, u64), width: Width) -> Ordering {
    let mask = match width {
        Width::Double => return left.cast_signed().cmp(&right.cast_signed()),
        Width::Word => 0xffff_ffff,
        Width::Half => 0xffff,
        Width::Byte => 0xff,
    };
    (left & mask).cmp(&(right & mask))
}

/// Whether the operator holds for values in this order.
fn holds(operator: &str) -> Option<fn(Ordering) -> bool> {
    Some(match operator {
        "-eq" | "==" => Ordering::is_eq,
        "-ne" | "!=" | "<>" => Ordering::is_ne,
        "-lt" | "<" => Ordering::is_lt,
        "-le" | "<=" => Ordering::is_le,
        "-gt" | ">" => Ordering::is_gt,
        "-ge" | ">=" => Ordering::is_ge,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use hal::PhysAddr;

    use crate::commands::testing::{Bench, RAM};

    /// The status of each line, as U-Boot 2025.01 has it.
    #[test]
    fn values_are_compared_as_u_boot_does() {
        let mut bench = Bench::new();
        let claim = bench.context.memory.claim(PhysAddr(RAM), 0x11, "values").unwrap();
        let bytes = *b"\xef\xcd\xab\x89\xef\xcd\xab\x89abc\0abd\0\xff";
        bench.context.memory.write(&claim, 0, &bytes).unwrap();
        for (line, status) in [
            ("itest 3 < 4", 0),
            ("itest 3 == 4", 1),
            ("itest.b 0x3002 < 0x4001", 1),
            ("itest.s 0xa1234 < 0xb", 0),
            ("itest *40000000 == 89abcdef", 0),
            ("itest.l *40000000 == 89abcdef", 0),
            ("itest.b *40000000 == ef", 0),
            ("itest.w *40000000 == cdef", 0),
            ("itest.q *40000000 == 89abcdef89abcdef", 0),
            ("itest 1 -eq 1", 0),
            ("itest 1 -ne 1", 1),
            ("itest 1 <> 2", 0),
            ("itest 1 != 2", 0),
            ("itest 1 -lt 2", 0),
            ("itest 1 -le 1", 0),
            ("itest 1 <= 1", 0),
            ("itest 1 >= 1", 0),
            ("itest 1 -ge 1", 0),
            ("itest 1 -gt 1", 1),
            ("itest 10 == 0x10", 0),
            ("itest ffffffff < 0", 1),
            ("itest ffffffff > 0", 0),
            ("itest.q ffffffffffffffff < 0", 0),
            ("itest.l ffffffff < 1", 1),
            ("itest.b ff < 1", 1),
            ("itest.b 1ff == ff", 0),
            ("itest.w 1ffff == ffff", 0),
            ("itest 1ffffffff == ffffffff", 0),
            ("itest.s abc == abc", 0),
            ("itest.s abc == abd", 1),
            ("itest.s abc < abd", 0),
            ("itest.s abc != abd", 0),
            ("itest.s \"\" == \"\"", 0),
            ("itest.s ab -lt b", 0),
            ("itest.s ab > b", 1),
            ("itest.s ab == AB", 1),
            ("itest.s *40000008 == abc", 0),
            ("itest.s *40000008 < *4000000c", 0),
            ("itest 5 -lt a", 0),
        ] {
            assert_eq!(bench.enter(line), "", "{line}");
            assert_eq!(bench.enter("echo $?"), alloc::format!("{status}\n"), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_compared_is_named() {
        let mut bench = Bench::new();
        let usage = super::COMMAND.usage_text() + "\n";
        for (line, output) in [
            ("itest 1 foo 2", "Unknown operator 'foo'\n"),
            ("itest 1 = 1", "Unknown operator '='\n"),
            ("itest.z 1 == 1", "Invalid data width specifier\n"),
            ("itest zz == 0", "'zz' is not a hexadecimal number\n"),
            ("itest 1 == 1 1", &usage),
            ("itest 1==1", &usage),
            ("itest", &usage),
            (
                "itest.s *40e00000 == a",
                "no string ends within 65536 bytes from 0x40e00000\n",
            ),
        ] {
            assert_eq!(bench.enter(line), output, "{line}");
            assert_eq!(bench.enter("echo $?"), "1\n", "{line}");
        }
        assert!(bench.enter("itest.s *0 == a").contains("RAM is 0x40000000..0x41000000"));
        assert_ne!(bench.enter("itest *10 == 0"), "");
    }
}
