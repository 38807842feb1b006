//! `env select`: where the environment is saved. A board has one such place, so this only says whether the name is its own.

use super::SubCommand;
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(super) const COMMAND: SubCommand = SubCommand { name: "select", run };

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let kind = context.persistence.storage.as_ref().map(crate::env::Storage::kind);
    let own = kind.unwrap_or("nowhere");
    let wanted = match args {
        [_] => own,
        [_, name] => name,
        _ => return Err(CommandError::Usage),
    };
    let found = wanted == own;
    let answer = if found { "OK" } else { "driver not found" };
    context.say(format_args!("Select Environment on {wanted}: {answer}"));
    Ok(if found { Status::Success } else { Status::Failure })
}
