//! `env delete`: variables that go.

use super::{SubCommand, options};
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(super) const COMMAND: SubCommand = SubCommand { name: "delete", run };

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let mut force = false;
    let names = options(args, |letter| {
        force |= letter == 'f';
        letter == 'f'
    })?;
    if names.is_empty() {
        return Err(CommandError::Usage);
    }
    let mut status = Status::Success;
    for name in names {
        if context.env.get(name).is_none() {
            status = Status::Failure;
        }
        if let Err(error) = context.set_variable(name, None, force) {
            context.say(format_args!("{error}"));
            status = Status::Failure;
        }
    }
    Ok(status)
}
