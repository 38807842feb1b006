//! `env info`: where the environment comes from, and whether it can be saved.

use super::{SubCommand, options};
use crate::context::{Args, CommandError, CommandResult, Context, Status};

pub(super) const COMMAND: SubCommand = SubCommand { name: "info", run };

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (mut default, mut persistent, mut quiet) = (false, false, false);
    let rest = options(args, |letter| {
        match letter {
            'd' => default = true,
            'p' => persistent = true,
            'q' => quiet = true,
            _ => return false,
        }
        true
    })?;
    if !rest.is_empty() {
        return Err(CommandError::Usage);
    }
    let is_default = !context.persistence.is_loaded;
    let storage = context.persistence.storage.as_ref();
    let can_be_saved = storage.is_some_and(|storage| storage.is_there(&context.storage));
    if args.len() == 1 {
        let valid = if is_default { "invalid" } else { "valid" };
        context.say(format_args!(
            "env_valid = {valid}\nenv_ready = true\nenv_use_default = {is_default}"
        ));
        return Ok(Status::Success);
    }
    if default && !quiet {
        context.say(format_args!(
            "{}",
            if is_default {
                "Default environment is used"
            } else {
                "Environment was loaded from persistent storage"
            }
        ));
    }
    if persistent && !quiet {
        let can = if can_be_saved { "can" } else { "cannot" };
        context.say(format_args!("Environment {can} be persisted"));
    }
    let holds = (!default || is_default) && (!persistent || can_be_saved);
    Ok(if holds { Status::Success } else { Status::Failure })
}
