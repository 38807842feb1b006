//! `editenv`: edits the value of an environment variable.

use alloc::string::String;

use super::{Command, setenv};
use crate::console::read_line;
use crate::context::{Args, CommandError, CommandResult, Context};

pub(crate) const COMMAND: Command = Command {
    name: "editenv",
    aliases: &[],
    summary: "edit environment variable",
    usage: "name",
    help: "Shows the value of the variable to be edited with the keys of the prompt, and sets it when Enter is typed;\n\
        an empty line unsets it. Ctrl-C leaves it as it was.",
    examples: &["editenv bootargs"],
    repeatable: false,
    run,
};

pub(super) fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let [_, name] = args else {
        return Err(CommandError::Usage);
    };
    let value = context.env.get(name).map(String::from).unwrap_or_default();
    let value = read_line(context, "edit: ", &value)?;
    let value = Some(value.as_str()).filter(|value| !value.is_empty());
    setenv::assign(context, name, (value, false))
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;
    use crate::context::CommandError;

    #[test]
    fn a_value_is_edited_set_and_unset() {
        let mut bench = Bench::new();
        bench.enter("setenv x 123");
        assert_eq!(bench.type_in("editenv x\r4\r"), "editenv x\nedit: 1234\n=> ");
        assert_eq!(bench.enter("printenv x"), "x=1234\n");
        assert_eq!(bench.type_in("editenv y\ra  b\r"), "editenv y\nedit: a  b\n=> ");
        assert_eq!(bench.enter("printenv y; echo $?"), "y=a  b\n0\n");
        bench.type_in("editenv x\r\x15\r");
        assert_eq!(bench.context.env.get("x"), None);
    }

    #[test]
    fn ctrl_c_leaves_the_value_alone() {
        let mut bench = Bench::new();
        bench.enter("setenv x 1");
        bench.wire.type_in("2\x03");
        let result = super::run(&mut bench.context, &["editenv".into(), "x".into()]);
        assert_eq!(result, Err(CommandError::Interrupted));
        assert_eq!(bench.context.env.get("x"), Some("1"));
    }

    #[test]
    fn one_name_is_needed() {
        let mut bench = Bench::new();
        let usage = "editenv - edit environment variable\n\nUsage:\neditenv name\n";
        assert_eq!(bench.enter("editenv"), usage);
        assert_eq!(bench.enter("editenv a b"), usage);
    }
}
