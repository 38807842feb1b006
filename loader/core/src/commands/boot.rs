//! `boot` and `bootd`: what the autoboot would do.

use super::{Command, run};
use crate::context::{Args, CommandError, CommandResult, Context};

pub(crate) const COMMAND: Command = Command {
    name: "boot",
    aliases: &[],
    summary: "boot default, i.e., run 'bootcmd'",
    usage: "",
    help: "Runs the commands in the variable bootcmd.",
    examples: &["boot"],
    repeatable: true,
    run: boot,
};

pub(crate) const BOOTD: Command = Command {
    name: "bootd",
    examples: &["bootd"],
    ..COMMAND
};

fn boot(context: &mut Context, args: Args<'_>) -> CommandResult {
    match args {
        [name] => run::run(context, &[name.clone(), "bootcmd".into()]),
        _ => Err(CommandError::Usage),
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn it_answers_as_u_boot_does() {
        Bench::new().dialogue(
            "\
=> setenv bootcmd 'echo hi; false'
=> boot; echo $?
hi
1
=> bootd; echo $?
hi
1
=> boot 40000000; echo $?
boot - boot default, i.e., run 'bootcmd'

Usage:
boot
1
=> bootd x
bootd - boot default, i.e., run 'bootcmd'

Usage:
bootd
=> setenv bootcmd; boot; echo $?
## Error: \"bootcmd\" not defined
1
",
        );
    }
}
