//! What `booti` and `bootm` share: finding ramdisk and tree, the checks' printout, the jump.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use hal::{HandOver, PhysAddr, Region};

use super::fit::{self, Selector};
use super::legacy::{self, Refusal};

use crate::boot::handoff::{self, HandoffError};
use crate::boot::place::{Loaded, PlaceError};
use crate::boot::plan::Ramdisk;
use crate::boot::prepare::{Draft, PrepareError, Prepared, Request, prepare};
use crate::boot::report;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::devicetree::parse_header;
use crate::image::{detect, uimage};
use crate::memory::MemoryError;

/// U-Boot's last words when a ramdisk cannot be used; lab tools wait for them.
const BAD_RAMDISK: &str = "Ramdisk image is corrupt or invalid";

/// U-Boot's words for a missing tree; lab tools wait for them.
const NO_TREE: &str = "ERROR: Did not find a cmdline Flattened Device Tree";

/// A file in RAM, or what is taken for one.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) region: Region,
}

/// The file that holds `address`, from there to its end; `None` if nothing was loaded there.
pub(super) fn file_at(context: &Context, address: PhysAddr) -> Option<File> {
    let memory = &context.memory;
    let inside = || memory.files().iter().rev().find(|file| file.region.contains(address));
    let file = memory.file_at(address).or_else(inside)?;
    let region = Region::from_bounds(address, file.region.end())?;
    Some(File {
        name: file.name.clone(),
        region,
    })
}

/// The bytes of the file at `address`, or of RAM from there on if nothing was loaded.
pub(super) fn readable(context: &Context, address: PhysAddr) -> Result<&[u8], MemoryError> {
    match file_at(context, address) {
        Some(file) => context.memory.bytes(file.region),
        None => context.memory.bytes_from(address),
    }
}

/// What image the first of at most three arguments names, `$loadaddr` without any.
pub(super) fn image(context: &mut Context, args: Args<'_>) -> Result<Selector, CommandError> {
    if args.len() > 4 {
        return Err(CommandError::Usage);
    }
    let default = context.env.hex("loadaddr");
    match (args.get(1), default) {
        (Some(word), _) => Selector::parse(context, word, default),
        (None, Some(_)) => Selector::parse(context, "", default),
        (None, None) => Err(CommandError::Usage),
    }
}

/// The part of a FIT that `word` names, if there is a FIT at its address.
fn in_fit(context: &mut Context, word: &str) -> Option<Selector> {
    let selector = Selector::parse(context, word, None).ok()?;
    let found = fit::is_fit(context, selector.address) && fit::open(context, selector.address).is_ok();
    found.then_some(selector)
}

/// The ramdisk that `word` names: `ADDRESS`, `ADDRESS:SIZE`, a part of a FIT, or `-` for none.
pub(super) fn ramdisk(context: &mut Context, word: Option<&String>) -> Result<Option<Ramdisk>, CommandError> {
    let Some(word) = word.filter(|word| *word != "-") else {
        return Ok(None);
    };
    if let Some(selector) = in_fit(context, word) {
        return fit::ramdisk(context, &selector);
    }
    let (address, size) = word.split_once(':').unzip();
    let address = PhysAddr(context.hexadecimal(address.unwrap_or(word))?);
    let size = size.map(|size| context.hexadecimal(size)).transpose()?;
    let found = ramdisk_at(context, address, size);
    found.map(Some).map_err(|refusal| refusal.closed_by(BAD_RAMDISK))
}

fn ramdisk_at(context: &mut Context, address: PhysAddr, size: Option<u64>) -> Result<Ramdisk, Refusal> {
    let wrong = |error: &dyn fmt::Display| Refusal::new("Wrong Ramdisk Image Format", error);
    let start = readable(context, address).map_err(|error| wrong(&error))?;
    if detect::kind(start) == detect::Kind::LegacyImage {
        return wrapped_ramdisk(context, address);
    }
    let (name, len) = match (file_at(context, address), size) {
        (Some(file), None) => (file.name, file.region.len()),
        (Some(file), Some(size)) => {
            let len = file.region.len();
            if len != size {
                let name = &file.name;
                context.say(format_args!(
                    "Warning: {name} at {address} has {len:#x} bytes, {size:#x} are asked for"
                ));
            }
            (file.name, size)
        }
        (None, Some(size)) => (address.to_string(), size),
        (None, None) => {
            let sentence = format!("nothing was loaded at {address}, so its size must be given: {address}:SIZE");
            return Err(wrong(&sentence));
        }
    };
    let region = Region::new(address, len).ok_or_else(|| wrong(&"it runs past the end of the address space"))?;
    Ok(Ramdisk { name, region })
}

fn wrapped_ramdisk(context: &mut Context, address: PhysAddr) -> Result<Ramdisk, Refusal> {
    let at = address.get();
    context.say(format_args!(
        "## Loading init Ramdisk from Legacy Image at {at:08x} ..."
    ));
    let (header, File { name, region }) = legacy::verified(context, address)?;
    match header.kind {
        uimage::Type::RAMDISK => Ok(Ramdisk { name, region }),
        other => {
            let sentence = format!("{name} at {address} is a {other}");
            Err(Refusal::new("No Linux AArch64 Ramdisk Image", sentence))
        }
    }
}

/// The tree that `word` names; without it the working tree, or the machine's own.
pub(super) fn tree(context: &mut Context, word: Option<&String>) -> Result<Region, CommandError> {
    if let Some(selector) = word.and_then(|word| in_fit(context, word))
        && let Some(region) = fit::tree(context, &selector)?
    {
        return Ok(region);
    }
    let given = word.map(|word| context.hexadecimal(word)).transpose()?.map(PhysAddr);
    let own = || context.env.hex("fdtcontroladdr").map(PhysAddr);
    let address = given.or(context.working_tree).or_else(own);
    let address = address
        .ok_or_else(|| CommandError::failed(format!("{NO_TREE}\nno device tree was named or set by fdt addr")))?;
    if let Some(file) = file_at(context, address) {
        return Ok(file.region);
    }
    let missing = |error: &dyn fmt::Display| CommandError::failed(format!("{NO_TREE}\n{address}: {error}"));
    let bytes = readable(context, address).map_err(|error| missing(&error))?;
    let len = parse_header(bytes).map_err(|error| missing(&error))?.total_size;
    Region::new(address, u64::from(len)).ok_or_else(|| missing(&"the tree runs past the end of the address space"))
}

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Say what the checks found.
    Check,
    /// Put everything in its place, too, and print what would be started.
    Plan,
    /// Start it.
    Start,
}

/// Prepares, prints what was found and what will be started, and starts it unless something forbids it.
pub(super) fn start(context: &mut Context, image: Loaded, (ramdisk, tree): (Option<Ramdisk>, Region)) -> CommandResult {
    context.begin_boot();
    let bootargs = context.env.get("bootargs").map(ToString::to_string);
    let request = Request {
        image,
        ramdisk,
        tree: Draft::Loaded(tree),
        bootargs,
    };
    go(context, request, Goal::Start)
}

/// Prepares what is requested, and goes as far as asked for.
pub(super) fn go(context: &mut Context, request: Request, goal: Goal) -> CommandResult {
    let prepared = prepare(&context.memory, context.system.exception_level(), request);
    let prepared = prepared.map_err(|error| refused(&error))?;
    context.report(&prepared.findings);
    let errors = prepared.errors();
    let result = match (errors, goal) {
        (0, Goal::Check) => Ok(Status::Success),
        (0, Goal::Plan) => put(context, &prepared).map(|_| Status::Success),
        (0, Goal::Start) => jump(context, &prepared),
        _ => Err(CommandError::failed(format!(
            "{} is not started: {errors} error{} above; nothing was written",
            prepared.layout.image.name,
            if errors == 1 { "" } else { "s" }
        ))),
    };
    context.prepared = Some(prepared);
    result
}

/// What cannot even be prepared, with U-Boot's words where lab tools wait for them.
fn refused(error: &PrepareError) -> CommandError {
    match error {
        PrepareError::Place(PlaceError::Header { .. }) => {
            CommandError::failed(format!("Bad Linux ARM64 Image magic!\n{error}"))
        }
        other => CommandError::failed(other.to_string()),
    }
}

/// Prints what is started, and puts the image and the tree in their places.
fn put(context: &mut Context, prepared: &Prepared) -> Result<HandOver, CommandError> {
    let Prepared { layout, blob, .. } = prepared;
    let map = report::memory_map(layout, &context.memory);
    for line in report::table(layout).iter().chain([&String::new()]).chain(&map) {
        context.say(format_args!("{line}"));
    }
    let Context { memory, terminal, .. } = context;
    let request = handoff::prepare(memory, layout, blob, &mut || terminal.interrupted());
    request.map_err(|error| match error {
        HandoffError::Interrupted => CommandError::Interrupted,
        other => CommandError::from(other),
    })
}

fn jump(context: &mut Context, prepared: &Prepared) -> CommandResult {
    let request = put(context, prepared)?;
    context.say(format_args!("\nStarting kernel ...\n"));
    context.terminal.flush();
    context.quiesce();
    context.system.hand_over(&request);
    Ok(Status::Success)
}

#[cfg(test)]
pub(super) mod tests;
