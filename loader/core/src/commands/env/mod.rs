//! `env`: the environment's commands under one name.
//!
//! One file per sub-command, but for those that are commands of their own as well. To add one: its file with
//! `pub(super) const COMMAND: SubCommand`, its `mod` line and its [`SUB_COMMANDS`] line below.

mod default;
mod delete;
mod exists;
mod export;
mod flags;
mod import;
mod indirect;
mod info;
mod load;
mod select;

use super::{Command, askenv, editenv, eraseenv, grepenv, printenv, run, saveenv, setenv};
use crate::context::{Args, CommandError, CommandResult, Context};

/// A sub-command of `env`.
#[derive(Debug)]
struct SubCommand {
    /// Its name in full. A beginning that no other has stands for it as well.
    name: &'static str,
    /// Runs it; `args[0]` is its name as typed.
    run: fn(&mut Context, Args<'_>) -> CommandResult,
}

const SUB_COMMANDS: &[SubCommand] = &[
    shared("ask", askenv::run),
    default::COMMAND,
    delete::COMMAND,
    shared("edit", editenv::run),
    shared("erase", eraseenv::run),
    exists::COMMAND,
    export::COMMAND,
    flags::COMMAND,
    shared("grep", grepenv::run),
    import::COMMAND,
    indirect::COMMAND,
    info::COMMAND,
    load::COMMAND,
    shared("print", printenv::run),
    shared("run", run::run),
    shared("save", saveenv::run),
    select::COMMAND,
    shared("set", setenv::run),
];

/// A sub-command that is a command as well.
const fn shared(name: &'static str, run: fn(&mut Context, Args<'_>) -> CommandResult) -> SubCommand {
    SubCommand { name, run }
}

pub(crate) const COMMAND: Command = Command {
    name: "env",
    aliases: &[],
    summary: "environment handling commands",
    usage: "\
ask name [message] [size] - ask for a variable's value
default [-k] -a - go back to the board's own environment; -k keeps what is not in it
default [-f] name ... - set the variables as they are in the board's own environment
delete [-f] name ... - unset the variables
edit name - edit a variable's value
erase - erase what was saved
exists name - ask whether the variable is set
export [-t | -b | -c] [-s size] addr [name ...] - write variables to memory: text, binary, or with a checksum
flags - show what variables may hold and who may change them
grep [-e] [-n | -v | -b] string ... - print the variables with the string in name, value, or either
import [-d] [-t [-r] | -b | -c] addr [size | -] [name ...] - take variables from memory
indirect to from [default] - set one variable to the value of another
info [-d] [-p] [-q] - say whether the environment is the default one, and whether it can be saved
load - take the saved environment
print [-a | name ...] - print variables, -a those whose names begin with a dot as well
run name ... - run the commands in variables
save - save the environment
select [target] - choose where the environment is saved
set [-f] name [value ...] - set or unset a variable, -f whatever its flags say",
    help: "Works on the environment as a whole. `env exists` and `env info -q` print nothing: their status is the answer.\n\
        Where the environment is saved stands in the board's board.toml. The format is U-Boot's, so fw_printenv, fw_setenv and\n\
        mkenvimage work on it. `env export` sets filesize; the text form has one name=value a line, a backslash before a\n\
        newline that belongs to a value, and may have comments that begin with #.\n\
        Variable flags: .flags is a list such as `ipaddr:i,serial#:so`. The first letter is the type: s string, d decimal,\n\
        x hexadecimal, b boolean, i IP address, m MAC address; the second the access: a any, r read-only, o write-once,\n\
        c change-default.",
    examples: &[
        "env exists serverip || dhcp",
        "env default -a",
        "env import -t ${loadaddr} ${filesize}",
        "env export -t ${loadaddr} bootcmd bootargs",
        "if env info -p -d -q; then env save; fi",
    ],
    repeatable: true,
    run: dispatch,
};

fn dispatch(context: &mut Context, args: Args<'_>) -> CommandResult {
    let args = args.get(1..).unwrap_or_default();
    let name = args.first().ok_or(CommandError::Usage)?.as_str();
    let command = find(name).ok_or(CommandError::Usage)?;
    (command.run)(context, args)
}

fn find(name: &str) -> Option<&'static SubCommand> {
    let exact = SUB_COMMANDS.iter().find(|command| command.name == name);
    exact.or_else(|| {
        let mut begun = SUB_COMMANDS.iter().filter(|command| command.name.starts_with(name));
        begun.next().filter(|_| begun.next().is_none())
    })
}

/// The arguments after the sub-command's name and its leading options: the options' letters are given to `set` one by one, which
/// says whether it knows them.
fn options<'a>(args: Args<'a>, mut set: impl FnMut(char) -> bool) -> Result<Args<'a>, CommandError> {
    let mut rest = args.get(1..).unwrap_or_default();
    while let Some((option, more)) = rest.split_first() {
        // A single `-` is no option: `env import` has it as a size.
        let Some(letters) = option.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            break;
        };
        if !letters.chars().all(&mut set) {
            return Err(CommandError::Usage);
        }
        rest = more;
    }
    Ok(rest)
}

#[cfg(test)]
mod tests;
