//! A boot menu (extlinux, PXELINUX) that lies in RAM: shown, chosen from, and started. `sysboot`, `pxe boot` and `bootflow` share this.

mod choose;
mod label;
mod tree;

use alloc::string::ToString;
use alloc::vec::Vec;

use hal::PhysAddr;

use super::origin::Origin;
use super::start;
use crate::boot::extlinux::{self, MAX_FILE, Menu};
use crate::context::{CommandError, CommandResult, Context, Status};
use crate::source::SourceError;

use label::Ended;

/// Included files are loaded behind the menu, from such a boundary on.
const ALIGNMENT: u64 = 0x1000;

/// Reads the menu at `address`, has a label chosen, and starts it; if it cannot be started, the others in their order. `ask` shows the menu
/// even if it does not ask for that.
///
/// # Errors
/// [`CommandError::Interrupted`] after Ctrl-C; if it is no menu.
pub(super) fn run(context: &mut Context, origin: &Origin, address: PhysAddr, ask: bool) -> CommandResult {
    let mut menu = read(context, origin, address)?;
    menu.prompt |= ask;
    for note in &menu.notes {
        context.say(format_args!("{note}"));
    }
    if menu.more_notes > 0 {
        context.say(format_args!("and {} more such lines", menu.more_notes));
    }
    let chosen = choose::choose(context, &menu)?;
    let others = (0..menu.labels.len()).filter(|index| Some(*index) != chosen);
    for index in chosen.into_iter().chain(others) {
        let Some(label) = menu.labels.get(index) else { break };
        match label::start(context, origin, (index.saturating_add(1), label))? {
            Ended::With(status) => return Ok(status),
            Ended::Skipped => {}
        }
    }
    context.say(format_args!("No label of the menu could be started"));
    Ok(Status::Failure)
}

/// The menu, with what it includes.
fn read(context: &mut Context, origin: &Origin, address: PhysAddr) -> Result<Menu, CommandError> {
    let name = start::file_at(context, address).map_or_else(|| address.to_string(), |file| file.name);
    let text = copy(start::readable(context, address)?);
    let len = u64::try_from(text.len()).unwrap_or(u64::MAX);
    let behind = address.checked_add(len).and_then(|end| end.align_up(ALIGNMENT));
    let behind = behind.ok_or_else(|| CommandError::failed("the menu ends with the address space"))?;
    let mut include = |path: &str| {
        let file = origin.retrieve(context, path, behind).map_err(source_error)?;
        Ok(copy(context.memory.bytes(file.region)?))
    };
    extlinux::parse(&name, &text, &mut include).map_err(|error| match error {
        extlinux::Error::Stopped => CommandError::Interrupted,
        other => CommandError::Failed(alloc::format!("Error parsing config file\n{other}")),
    })
}

/// A menu's text, or so much of it that it is seen to be too long.
fn copy(bytes: &[u8]) -> Vec<u8> {
    let text = bytes.iter().take(MAX_FILE.saturating_add(1));
    text.take_while(|byte| **byte != 0).copied().collect()
}

fn source_error(error: CommandError) -> SourceError {
    match error {
        CommandError::Failed(why) => SourceError::Failed(why),
        _ => SourceError::Stopped,
    }
}

#[cfg(test)]
mod tests;
