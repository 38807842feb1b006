//! `env export`: variables as bytes in memory.

use alloc::format;
use alloc::vec::Vec;

use hal::PhysAddr;

use super::SubCommand;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::env::Environment;
use crate::env::format::{self, Header, Separator};

pub(super) const COMMAND: SubCommand = SubCommand { name: "export", run };

/// The size of the binary forms where none is given: U-Boot's for QEMU's virt machine.
const SIZE: usize = 0x4_0000;

/// The largest size that is given: what an environment can take.
const LARGEST: usize = Environment::LIMIT + Environment::MOST + 16;

/// How variables are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Binary,
    Checksum,
}

/// The request: form, size, and the words behind the options.
struct Request<'a> {
    form: Form,
    size: Option<usize>,
    words: Args<'a>,
}

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let request = parse(context, args)?;
    let (address, names) = request.words.split_first().ok_or(CommandError::Usage)?;
    let address = PhysAddr(context.hexadecimal(address)?);
    let bytes = bytes(context, &request, names)?;
    let len = u64::try_from(bytes.len())?;
    let claim = context.memory.claim(address, len, "env export")?;
    context.memory.write(&claim, 0, &bytes)?;
    context.memory.record(claim, len);
    // U-Boot prints the length of text in capitals, that of the other forms not.
    let size = match request.form {
        Form::Text => format!("{len:X}"),
        Form::Binary | Form::Checksum => format!("{len:x}"),
    };
    context.assign("filesize", &size)?;
    Ok(Status::Success)
}

fn parse<'a>(context: &mut Context, args: Args<'a>) -> Result<Request<'a>, CommandError> {
    let mut form = None;
    let mut size = None;
    let mut words = args.get(1..).unwrap_or_default();
    while let Some((option, more)) = words.split_first() {
        words = more;
        match option.as_str() {
            "-s" => {
                let (word, more) = words.split_first().ok_or(CommandError::Usage)?;
                words = more;
                size = Some(given_size(context, word)?);
            }
            "-t" => choose(&mut form, Form::Text)?,
            "-b" => choose(&mut form, Form::Binary)?,
            "-c" => choose(&mut form, Form::Checksum)?,
            option if option.starts_with('-') => return Err(CommandError::Usage),
            _ => {
                // The first word that is no option.
                let form = form.unwrap_or(Form::Text);
                let at = args.len().saturating_sub(words.len()).saturating_sub(1);
                let words = args.get(at..).unwrap_or_default();
                return Ok(Request { form, size, words });
            }
        }
    }
    Err(CommandError::Usage)
}

fn choose(form: &mut Option<Form>, chosen: Form) -> Result<(), CommandError> {
    match form.replace(chosen) {
        None => Ok(()),
        Some(_) => Err(CommandError::failed(
            "## Error: export: only one of \"-b\", \"-c\" or \"-t\" allowed",
        )),
    }
}

fn given_size(context: &mut Context, word: &str) -> Result<usize, CommandError> {
    let size = context.hexadecimal(word)?;
    let fits = usize::try_from(size).ok().filter(|size| *size <= LARGEST);
    fits.ok_or_else(|| CommandError::failed(format!("a size of {size:#x} bytes is over the limit of {LARGEST:#x}")))
}

/// The variables that are asked for, in the form that is asked for.
fn bytes(context: &Context, request: &Request<'_>, names: Args<'_>) -> Result<Vec<u8>, CommandError> {
    let wanted = |(name, _): &(&str, &str)| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let variables = context.env.iter().filter(wanted);
    let (separator, header) = match request.form {
        Form::Text => (Separator::Newline, None),
        Form::Binary => (Separator::Zero, None),
        Form::Checksum => (Separator::Zero, Some(header(context))),
    };
    if let Some(header) = header {
        let size = request.size.unwrap_or(SIZE);
        return format::image(variables, (header, size), 0).map_err(|error| too_small(&format!("{error}")));
    }
    let mut bytes = format::export(variables, separator);
    let size = match request.form {
        Form::Text => request.size.unwrap_or(bytes.len()),
        Form::Binary | Form::Checksum => request.size.unwrap_or(SIZE),
    };
    if bytes.len() > size {
        return Err(too_small(&format!(
            "Env export buffer too small: {size}, but need {}",
            bytes.len()
        )));
    }
    bytes.resize(size, 0);
    Ok(bytes)
}

/// The header of the images that this board saves.
fn header(context: &Context) -> Header {
    let storage = context.persistence.storage.as_ref();
    storage.map_or(Header::Plain, crate::env::Storage::header)
}

fn too_small(why: &str) -> CommandError {
    CommandError::failed(format!("{why}\n## Error: Cannot export environment: errno = 12"))
}
