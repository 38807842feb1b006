//! `env exists`: whether a variable is set.

use super::SubCommand;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(super) const COMMAND: SubCommand = SubCommand { name: "exists", run };

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let name = args.get(1).ok_or(CommandError::Usage)?;
    Ok(match context.env.get(name) {
        Some(_) => Status::Success,
        None => Status::Failure,
    })
}
