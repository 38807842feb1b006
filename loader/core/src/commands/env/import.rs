//! `env import`: variables from bytes in memory.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};

use hal::PhysAddr;

use super::{SubCommand, options};
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::env::Environment;
use crate::env::flags::FLAGS_VARIABLE;
use crate::env::format::{self, Change, Entries, Header, Separator};
use crate::env::persist::LeftOut;

pub(super) const COMMAND: SubCommand = SubCommand { name: "import", run };

/// How much is read where nothing ends the variables.
const LONGEST: usize = 1 << 20;

/// How variables are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Binary,
    Checksum,
}

#[derive(Default)]
struct Options {
    form: Option<Form>,
    conflict: bool,
    crlf: bool,
    delete: bool,
}

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let mut chosen = Options::default();
    let words = options(args, |letter| set_option(&mut chosen, letter))?;
    if chosen.conflict {
        return Err(CommandError::failed(
            "## import: only one of \"-b\", \"-c\" or \"-t\" allowed",
        ));
    }
    let (address, words) = words.split_first().ok_or(CommandError::Usage)?;
    let form = chosen.form.unwrap_or_else(|| {
        context.say(format_args!("## Warning: defaulting to text format"));
        Form::Text
    });
    let address = PhysAddr(context.hexadecimal(address)?);
    let (size, names) = match words.split_first() {
        Some((size, names)) if size != "-" => (Some(context.hexadecimal(size)?), names),
        Some((_, names)) => (None, names),
        None => (None, words),
    };
    let bytes = bytes(context, address, (form, size))?;
    let bytes = content(&bytes, form)?;
    let separator = match (form, chosen.crlf) {
        (Form::Text, true) => Separator::CrLf,
        (Form::Text, false) => Separator::Newline,
        (Form::Binary | Form::Checksum, _) => Separator::Zero,
    };
    apply(context, Entries::new(bytes, separator), (chosen.delete, names));
    Ok(Status::Success)
}

fn set_option(options: &mut Options, letter: char) -> bool {
    let form = match letter {
        't' => Form::Text,
        'b' => Form::Binary,
        'c' => Form::Checksum,
        'r' => {
            options.crlf = true;
            return true;
        }
        'd' => {
            options.delete = true;
            return true;
        }
        _ => return false,
    };
    options.conflict |= options.form.replace(form).is_some();
    true
}

/// The bytes to read. They are copied, since they may be printed about while they are applied.
fn bytes(
    context: &mut Context,
    address: PhysAddr,
    (form, size): (Form, Option<u64>),
) -> Result<alloc::vec::Vec<u8>, CommandError> {
    let all = context.memory.bytes_from(address)?;
    if let Some(size) = size {
        let len = usize::try_from(size).ok().filter(|len| *len <= LONGEST);
        let len =
            len.ok_or_else(|| CommandError::failed(format!("{size:#x} bytes are over the limit of {LONGEST:#x}")))?;
        let bytes = all
            .get(..len)
            .ok_or_else(|| CommandError::failed(format!("{len:#x} bytes at {address} run past the end of RAM")))?;
        return Ok(bytes.to_vec());
    }
    let most = all.get(..LONGEST).unwrap_or(all);
    let end = match form {
        Form::Checksum => {
            return Err(CommandError::failed(
                "## Error: external checksum format must pass size",
            ));
        }
        Form::Text => most.iter().position(|byte| *byte == 0).map(|at| at.saturating_add(1)),
        Form::Binary => format::end_of_binary(most),
    };
    let bytes = end.and_then(|end| most.get(..end)).unwrap_or(most).to_vec();
    if end.is_none() {
        context.say(format_args!(
            "## Warning: Input data exceeds {} bytes - truncated",
            bytes.len()
        ));
    }
    context.say(format_args!("## Info: input data size = {} = {0:#X}", bytes.len()));
    Ok(bytes)
}

/// Behind the checksum, if there is one; with U-Boot's words if it does not fit. With a byte of flags or without.
fn content(bytes: &[u8], form: Form) -> Result<&[u8], CommandError> {
    if form != Form::Checksum {
        return Ok(bytes);
    }
    if bytes.len() <= Header::Plain.size() {
        let size = bytes.len();
        return Err(CommandError::failed(format!("## Error: Invalid size {size:#X}")));
    }
    let plain = format::import(bytes, Header::Plain);
    let flagged = format::import(bytes, Header::Flagged);
    let header = match (plain, flagged) {
        (Ok(_), _) => Header::Plain,
        (_, Ok(_)) => Header::Flagged,
        (Err(error), _) => {
            return Err(CommandError::failed(format!(
                "## Error: bad CRC, import failed\n{error}"
            )));
        }
    };
    Ok(bytes.get(header.size()..).unwrap_or_default())
}

/// Changes the environment as the entries say, those among `names` if there are any. Flags that come with them hold afterwards.
fn apply(context: &mut Context, entries: Entries<'_>, (deletes, names): (bool, Args<'_>)) {
    if deletes && names.is_empty() {
        context.env = Environment::default();
    }
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let mut left_out = LeftOut::default();
    let mut seen = BTreeSet::new();
    let mut flags = None;
    for entry in entries {
        match entry {
            Ok(Change::Set { name, value }) if wanted(name) => {
                if !names.is_empty() {
                    seen.insert(name.to_string());
                }
                match name {
                    FLAGS_VARIABLE => flags = Some(value),
                    name => set(context, name, &value, false),
                }
            }
            Ok(Change::Unset { name }) if wanted(name) => {
                if let Err(error) = context.set_variable(name, None, false) {
                    context.say(format_args!("{error}"));
                }
            }
            Ok(_) => {}
            Err(error) => left_out.entry(&error),
        }
    }
    left_out.tell(context);
    for name in names.iter().filter(|name| deletes && !seen.contains(name.as_str())) {
        remove(context, name, false);
    }
    if let Some(flags) = flags {
        set(context, FLAGS_VARIABLE, &flags, false);
    }
}

/// Sets a variable, or says why not as U-Boot does where one of many is not taken.
pub(super) fn set(context: &mut Context, name: &str, value: &str, force: bool) {
    if let Err(error) = context.set_variable(name, Some(value), force) {
        let error = error.to_string();
        // `setenv` names itself in the last line.
        let reason = error.rsplit_once('\n').map_or(error.as_str(), |(reason, _)| reason);
        context.say(format_args!(
            "{reason}\nhimport_r: can't insert \"{name}={value}\" into hash table"
        ));
    }
}

/// Unsets a variable that is not among those that were to be set.
pub(super) fn remove(context: &mut Context, name: &str, force: bool) {
    let was_set = context.env.get(name).is_some();
    let result = context.set_variable(name, None, force);
    let line = match result {
        Ok(()) if was_set => format!("WARNING: '{name}' not in imported env, deleting it!"),
        Ok(()) => neither(name),
        Err(error) => format!("{error}\n{}", neither(name)),
    };
    context.say(format_args!("{line}"));
}

fn neither(name: &str) -> String {
    format!("WARNING: '{name}' neither in running nor in imported env!")
}
