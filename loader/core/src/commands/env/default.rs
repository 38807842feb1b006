//! `env default`: the board's own environment again, whole or in part.

use alloc::string::String;
use alloc::vec::Vec;

use super::{SubCommand, options};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::env::Rules;

pub(super) const COMMAND: SubCommand = SubCommand { name: "default", run };

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (mut all, mut force, mut keep) = (false, false, false);
    let names = options(args, |letter| {
        match letter {
            'a' => all = true,
            'f' => force = true,
            'k' => keep = true,
            _ => return false,
        }
        true
    })?;
    match (all, names) {
        (true, []) => everything(context, keep),
        (false, [_, ..]) if !keep => {
            for name in names {
                one(context, name, force);
            }
        }
        _ => return Err(CommandError::Usage),
    }
    Ok(Status::Success)
}

/// All variables, whatever their flags say.
fn everything(context: &mut Context, keep: bool) {
    context.say(format_args!("## Resetting to default environment"));
    context.persistence.is_loaded = false;
    let before = core::mem::replace(&mut context.env, context.default_env.clone());
    if keep {
        let default = &context.default_env;
        let kept: Vec<_> = before.iter().filter(|(name, _)| default.get(name).is_none()).collect();
        for (name, value) in kept {
            // What fitted beside other values may not fit beside these.
            if let Err(error) = context.env.change(name, Some(value), FORCE) {
                context.say(format_args!("{error}"));
            }
        }
    }
}

const FORCE: Rules<'static> = Rules {
    force: true,
    defaults: None,
};

/// One variable. As in U-Boot, what goes wrong is said and does not fail the command.
fn one(context: &mut Context, name: &str, force: bool) {
    let default = context.default_env.get(name).map(String::from);
    match default {
        Some(value) => super::import::set(context, name, &value, force),
        None => super::import::remove(context, name, force),
    }
}
