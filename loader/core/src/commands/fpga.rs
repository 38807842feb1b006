//! `fpga`: not here.

use super::Command;
use crate::context::{Args, CommandError, CommandResult, Context};

pub(crate) const COMMAND: Command = Command {
    name: "fpga",
    aliases: &[],
    summary: "FPGA logic, which this loader does not load",
    usage: "load [dev] [address] [size]",
    help: "Scripts that load a bitstream call this. It fails and says so: the logic has to be loaded by the stage before the loader,\n\
        or later by the control domain.",
    examples: &["fpga load 0 ${fileaddr} ${filesize}"],
    repeatable: false,
    run,
};

fn run(_context: &mut Context, args: Args<'_>) -> CommandResult {
    match args {
        [_] => Err(CommandError::Usage),
        _ => Err(CommandError::failed(
            "This loader does not load FPGA logic: the stage before it or the control domain has to",
        )),
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn it_refuses() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.enter("fpga load 0 40200000 100; echo $?"),
            "This loader does not load FPGA logic: the stage before it or the control domain has to\n1\n"
        );
        assert!(bench.enter("fpga").contains("Usage:"));
    }
}
