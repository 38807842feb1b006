//! The commands: one file each, and one sorted table.
//!
//! To add a command: a file with `pub(crate) const COMMAND: Command`, its `mod` line and its [`COMMANDS`] line below.

mod booti;
mod bootm;
mod fdt;
mod iminfo;
mod legacy;
mod start;

use crate::context::{Args, CommandResult, Context};

/// A command: its name, its texts and the function that runs it.
#[derive(Debug)]
pub struct Command {
    /// The name, as typed.
    pub name: &'static str,
    /// Other names that mean the same. Unique prefixes of a name work without being listed.
    pub aliases: &'static [&'static str],
    /// One line for the list that `help` prints; no full stop.
    pub summary: &'static str,
    /// The argument forms after the name, one a line; empty for none.
    pub usage: &'static str,
    /// What it does, in sentences, for `help NAME` and the manual.
    pub help: &'static str,
    /// Lines that a person could type.
    pub examples: &'static [&'static str],
    /// Whether an empty line runs it again.
    pub repeatable: bool,
    /// Runs it.
    pub run: fn(&mut Context, Args<'_>) -> CommandResult,
}

/// All commands, sorted by name.
pub const COMMANDS: &[Command] = &[booti::COMMAND, bootm::COMMAND, fdt::COMMAND, iminfo::COMMAND];

#[cfg(test)]
mod tests {
    use super::COMMANDS;

    #[test]
    fn the_table_is_sorted_and_documented() {
        assert!(
            COMMANDS.is_sorted_by(|a, b| a.name < b.name),
            "COMMANDS is not sorted by name"
        );
        for command in COMMANDS {
            assert!(!command.summary.is_empty(), "{} has no summary", command.name);
            assert!(!command.help.is_empty(), "{} has no help", command.name);
            assert!(!command.examples.is_empty(), "{} has no example", command.name);
        }
    }
}
