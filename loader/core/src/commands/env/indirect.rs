//! `env indirect`: one variable set to the value of another.

use alloc::format;
use alloc::string::String;

use super::SubCommand;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(super) const COMMAND: SubCommand = SubCommand { name: "indirect", run };

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (to, from, default) = match args {
        [_, to, from] => (to, from, None),
        [_, to, from, default] => (to, from, Some(default.clone())),
        _ => return Err(CommandError::Usage),
    };
    let value = context.env.get(from).map(String::from).or(default);
    let value = value.ok_or_else(|| {
        CommandError::failed(format!(
            "## env indirect: Environment variable for <from> ({from}) does not exist."
        ))
    })?;
    context.set_variable(to, Some(&value), false)?;
    Ok(Status::Success)
}
