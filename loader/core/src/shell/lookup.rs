//! From a typed word to the command that it means.

use crate::commands::Command;

/// The command called `typed`: by its name, by an alias, or by a beginning that only one command has. What stands after a
/// dot is the command's own business: `md.b`. The commands are sorted by name.
#[must_use]
pub fn find<'a>(commands: &'a [Command], typed: &str) -> Option<&'a Command> {
    let name = typed.split('.').next().filter(|name| !name.is_empty())?;
    // The table is sorted by name.
    let named = commands.binary_search_by(|command| command.name.cmp(name)).ok();
    let named = named.and_then(|at| commands.get(at));
    let exact = named.or_else(|| commands.iter().find(|command| command.aliases.contains(&name)));
    exact.or_else(|| {
        let mut begun = commands.iter().filter(|command| begins(command, name));
        begun.next().filter(|_| begun.next().is_none())
    })
}

fn begins(command: &Command, typed: &str) -> bool {
    let mut names = core::iter::once(&command.name).chain(command.aliases);
    names.any(|name| name.starts_with(typed))
}

#[cfg(test)]
mod tests {
    use super::find;
    use crate::commands::Command;
    use crate::context::Status;

    const fn command(name: &'static str, aliases: &'static [&'static str]) -> Command {
        Command {
            name,
            aliases,
            summary: "",
            usage: "",
            help: "",
            examples: &[],
            repeatable: false,
            run: |_, _| Ok(Status::Success),
        }
    }

    const TABLE: &[Command] = &[
        command("booti", &[]),
        command("bootm", &[]),
        command("help", &["?"]),
        command("md", &[]),
        command("tftpboot", &["tftp", "tftpb"]),
        command("tftpput", &[]),
    ];

    #[test]
    fn names_aliases_and_their_beginnings_find_a_command() {
        for (typed, name) in [
            ("booti", Some("booti")),
            ("boot", None),
            ("?", Some("help")),
            ("he", Some("help")),
            ("tftp", Some("tftpboot")),
            ("tftpbo", Some("tftpboot")),
            ("tftpp", Some("tftpput")),
            ("tft", None),
            ("md.b", Some("md")),
            ("md.", Some("md")),
            (".b", None),
            ("", None),
            ("bootix", None),
        ] {
            assert_eq!(find(TABLE, typed).map(|found| found.name), name, "{typed}");
        }
    }
}
