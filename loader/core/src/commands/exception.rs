//! `exception`: a fault on purpose.

use hal::Fault;

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context};

pub(crate) const COMMAND: Command = Command {
    name: "exception",
    aliases: &[],
    summary: "forces an exception to occur",
    usage: "breakpoint - breakpoint instruction\n\
        execute - jump to data\n\
        stack - stack overflow\n\
        undefined - undefined instruction\n\
        write - write to the loader's code",
    help: "Makes the fault happen, to see that it is caught: the registers are printed and the machine is reset.",
    examples: &["exception undefined"],
    repeatable: false,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [_, kind] = args else {
        return Err(CommandError::Usage);
    };
    let fault = match kind.as_str() {
        "breakpoint" => Fault::Breakpoint,
        "execute" => Fault::ExecuteData,
        "stack" => Fault::StackOverflow,
        "undefined" => Fault::Undefined,
        "write" => Fault::WriteCode,
        _ => return Err(CommandError::Usage),
    };
    context.terminal.flush();
    context.system.provoke(fault);
    Err(CommandError::failed(alloc::format!(
        "{kind}: nothing came of it: this machine does not guard against it"
    )))
}

#[cfg(test)]
mod tests {
    use hal::Fault;
    use hal::fakes::SystemEvent;

    use crate::commands::testing::Bench;

    #[test]
    fn the_fault_that_is_named_is_made() {
        let mut bench = Bench::new();
        assert!(bench.enter("exception stack").contains("nothing came of it"));
        assert!(bench.enter("exception").contains("Usage:"));
        assert!(bench.enter("exception unicorn").contains("Usage:"));
        assert_eq!(bench.system.events(), [SystemEvent::Fault(Fault::StackOverflow)]);
    }
}
