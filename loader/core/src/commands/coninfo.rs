//! `coninfo`: the console.

use super::Command;
use crate::context::{Args, CommandResult, Context, Status};

pub(crate) const COMMAND: Command = Command {
    name: "coninfo",
    aliases: &[],
    summary: "print console devices and information",
    usage: "",
    help: "Prints the devices that can be a console, and what goes there: here it is all on the one serial port.",
    examples: &["coninfo"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, _args: Args<'_>) -> CommandResult {
    context.say(format_args!(
        "List of available devices\n|-- serial (IO)\n|   |-- stdin\n|   |-- stdout\n|   |-- stderr"
    ));
    Ok(Status::Success)
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn the_serial_port_is_everything() {
        Bench::new().dialogue(
            "\
=> coninfo
List of available devices
|-- serial (IO)
|   |-- stdin
|   |-- stdout
|   |-- stderr
",
        );
    }
}
