//! `env load`: the saved environment, as at the start.

use super::SubCommand;
use crate::context::{Args, CommandError, CommandResult, Context};
use crate::env::persist;

pub(super) const COMMAND: SubCommand = SubCommand { name: "load", run };

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    if args.len() != 1 {
        return Err(CommandError::Usage);
    }
    if context.persistence.storage.is_none() {
        return Err(CommandError::failed(context.persistence.none()));
    }
    Ok(persist::load(context))
}
