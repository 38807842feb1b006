//! `md`: shows memory.

use alloc::format;
use alloc::string::String;
use core::fmt::Write;

use hal::{PhysAddr, Region, Width};

use super::Command;
use super::access::{Display, based_address, check_interrupt, read, width_of};
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "md",
    aliases: &[],
    summary: "memory display",
    usage: "[.b, .w, .l, .q] address [# of objects]",
    help: "Shows memory in objects of 8, 16, 32 or 64 bits and as text. An empty line shows what comes next.\n\
        Without a number shows as many as the last time. RAM may be read at any address, a device only at one that fits its width.",
    examples: &["md 40000000", "md.b ${fileaddr} 40", "md.l 9000000 1"],
    repeatable: true,
    run,
};

/// Bytes in a line.
const LINE: u64 = 16;

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    if !context.shell.repeating {
        let (address, count) = match args {
            [_, address] => (address, None),
            [_, address, count] => (address, Some(count)),
            _ => return Err(CommandError::Usage),
        };
        context.display.width = args.first().map_or(Ok(Width::Word), |name| width_of(name))?;
        context.display.next = based_address(context, address)?;
        if let Some(count) = count {
            context.display.count = context.hexadecimal(count)?;
        }
    }
    let mut left = context.display.count;
    while left > 0 {
        check_interrupt(context)?;
        left = show_line(context, left)?;
    }
    Ok(Status::Success)
}

/// Shows one line of up to `left` objects and gives how many are left then. What can be read before a fault is shown.
fn show_line(context: &mut Context, left: u64) -> Result<u64, CommandError> {
    let Display { next, width, .. } = context.display;
    let objects = left.min(LINE / width.bytes());
    let read = line(context, next, (objects, width));
    let shown = read.as_ref().map_or_else(|fault| fault.0, |()| objects);
    context.display.next = PhysAddr(next.get().wrapping_add(shown.saturating_mul(width.bytes())));
    read.map_err(|fault| fault.1)?;
    Ok(left.saturating_sub(objects))
}

/// Shows whole lines.
pub(super) fn show_range(context: &mut Context, lines: Region, width: Width) -> Result<(), CommandError> {
    let mut at = lines.start();
    while at < lines.end() {
        line(context, at, (LINE / width.bytes(), width)).map_err(|fault| fault.1)?;
        at = PhysAddr(at.get().saturating_add(LINE));
    }
    Ok(())
}

/// Shows one line. A fault comes with the number of objects before it, which are shown.
fn line(context: &mut Context, start: PhysAddr, (objects, width): (u64, Width)) -> Result<(), (u64, CommandError)> {
    let mut line = Line::new(start, width);
    for index in 0..objects {
        let address = PhysAddr(start.get().wrapping_add(index.saturating_mul(width.bytes())));
        match read(context, address, width) {
            Ok(value) => line.push(value),
            Err(fault) => {
                if index > 0 {
                    context.say(format_args!("{}", line.finish()));
                }
                return Err((index, fault.into()));
            }
        }
    }
    context.say(format_args!("{}", line.finish()));
    Ok(())
}

struct Line {
    width: Width,
    numbers: String,
    text: String,
}

impl Line {
    fn new(address: PhysAddr, width: Width) -> Self {
        Self {
            width,
            numbers: format!("{:08x}:", address.get()),
            text: String::new(),
        }
    }

    fn push(&mut self, value: u64) {
        let bytes = value.to_le_bytes();
        let bytes = bytes
            .iter()
            .take(usize::try_from(self.width.bytes()).unwrap_or_default());
        let letter = |byte: &u8| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        };
        self.text.extend(bytes.map(letter));
        // A `String` takes what is written.
        let _ = write!(self.numbers, " {value:0digits$x}", digits = self.digits());
    }

    /// Pads the numbers, so that the text stands in a column of its own.
    fn finish(self) -> String {
        let room = LINE.saturating_sub(u64::try_from(self.text.len()).unwrap_or_default());
        let missing = usize::try_from(room / self.width.bytes()).unwrap_or_default();
        let padding = missing
            .saturating_mul(self.digits().saturating_add(1))
            .saturating_add(2);
        format!("{}{:padding$}{}", self.numbers, "", self.text)
    }

    fn digits(&self) -> usize {
        usize::try_from(self.width.bytes().saturating_mul(2)).unwrap_or_default()
    }
}
