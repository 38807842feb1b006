//! What `booti` and `bootm` share: finding ramdisk and tree, the checks' printout, the jump.

use alloc::format;
use alloc::string::{String, ToString};

use hal::{PhysAddr, Region};

use crate::boot::handoff::{self, HandoffError};
use crate::boot::place::{Loaded, PlaceError};
use crate::boot::plan::Ramdisk;
use crate::boot::prepare::{PrepareError, Prepared, Request, prepare};
use crate::boot::report;
use crate::context::{CommandError, CommandResult, Context, Status};
use crate::devicetree::parse_header;
use crate::image::{detect, uimage};

/// U-Boot's last words when a ramdisk cannot be used; lab tools wait for them.
const BAD_RAMDISK: &str = "Ramdisk image is corrupt or invalid";

/// U-Boot's words for a missing tree; lab tools wait for them.
const NO_TREE: &str = "ERROR: Did not find a cmdline Flattened Device Tree";

/// A file in RAM, or what is taken for one.
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

/// The uImage at `address` with both CRCs verified, printed as U-Boot does; the region is that of its data.
///
/// The error's text is U-Boot's word for what is wrong, and our sentence.
pub(super) fn verified(context: &mut Context, address: PhysAddr) -> Result<(uimage::Header, File), String> {
    let bytes = readable(context, address)?;
    let header = uimage::Header::parse(bytes).map_err(|error| format!("Bad Header Checksum\n{address}: {error}"))?;
    let data = header.data(bytes);
    let parts = data.ok().and_then(|data| header.parts(data).ok()).unwrap_or_default();
    let error = data.err();
    for line in describe(&header, &parts.0) {
        context.say(format_args!("   {line}"));
    }
    if let Some(error) = error {
        let name = file_at(context, address).map_or_else(|| address.to_string(), |file| file.name);
        return Err(format!(
            "   Verifying Checksum ... Bad Data CRC\n{name} at {address}: {error}"
        ));
    }
    context.say(format_args!("   Verifying Checksum ... OK"));
    let name = file_at(context, address).map_or_else(|| header.name.clone(), |file| file.name);
    let whole = context
        .memory
        .bytes_from(address)
        .map_err(|error| error.to_string())?
        .len();
    let whole = u64::try_from(whole).ok().and_then(|len| Region::new(address, len));
    let region = whole.and_then(|whole| header.data_region(whole));
    Ok((
        header,
        File {
            name,
            region: region.ok_or("the image runs past the end of RAM")?,
        },
    ))
}

/// The bytes of the file at `address`, or of RAM from there on if nothing was loaded.
pub(super) fn readable(context: &Context, address: PhysAddr) -> Result<&[u8], String> {
    let bytes = match file_at(context, address) {
        Some(file) => context.memory.bytes(file.region),
        None => context.memory.bytes_from(address),
    };
    bytes.map_err(|error| error.to_string())
}

/// The lines in which U-Boot describes a uImage.
pub(super) fn describe(header: &uimage::Header, parts: &[u32]) -> alloc::vec::Vec<String> {
    let mut lines = alloc::vec::Vec::from([
        format!("Image Name:   {}", header.name),
        format!("Created:      {}", utc(header.created)),
        format!(
            "Image Type:   {} {} {} ({})",
            header.arch, header.os, header.kind, header.compression
        ),
        format!(
            "Data Size:    {} Bytes = {}",
            header.data_len,
            report::size(u64::from(header.data_len))
        ),
        format!("Load Address: {:08x}", header.load),
        format!("Entry Point:  {:08x}", header.entry),
    ]);
    if !parts.is_empty() {
        lines.push("Contents:".to_string());
    }
    for (index, len) in parts.iter().enumerate() {
        lines.push(format!(
            "   Image {index}: {len} Bytes = {}",
            report::size(u64::from(*len))
        ));
    }
    lines
}

/// Seconds since 1970 as U-Boot prints a date: `2026-11-21   7:08:28 UTC`. Days to dates after the proleptic Gregorian
/// calendar, years beginning in March so that leap days come last.
fn utc(seconds: u32) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + later;
    format!(
        "{year}-{month:02}-{day:02}  {:2}:{:02}:{:02} UTC",
        rest / 3600,
        rest % 3600 / 60,
        rest % 60
    )
}

/// The ramdisk that `word` names: `ADDRESS`, `ADDRESS:SIZE`, or `-` for none.
pub(super) fn ramdisk(context: &mut Context, word: Option<&String>) -> Result<Option<Ramdisk>, CommandError> {
    let Some(word) = word.filter(|word| *word != "-") else {
        return Ok(None);
    };
    let (address, size) = word.split_once(':').unzip();
    let address = PhysAddr(context.hexadecimal(address.unwrap_or(word))?);
    let size = size.map(|size| context.hexadecimal(size)).transpose()?;
    let start = readable(context, address).map_err(|error| bad_ramdisk("Wrong Ramdisk Image Format", &error))?;
    if detect::kind(start) == detect::Kind::LegacyImage {
        return wrapped_ramdisk(context, address).map(Some);
    }
    let file = file_at(context, address);
    if let (Some(file), Some(size)) = (
        &file,
        size.filter(|size| file.as_ref().is_some_and(|file| file.region.len() != *size)),
    ) {
        context.say(format_args!(
            "Warning: {} at {address} has {:#x} bytes, {size:#x} are asked for",
            file.name,
            file.region.len()
        ));
    }
    let none = || {
        bad_ramdisk(
            "Wrong Ramdisk Image Format",
            &format!("nothing was loaded at {address}, so its size must be given: {address}:SIZE"),
        )
    };
    let len = size.or(file.as_ref().map(|file| file.region.len())).ok_or_else(none)?;
    let region = Region::new(address, len).ok_or(CommandError::Usage)?;
    let name = file.map_or_else(|| address.to_string(), |file| file.name);
    Ok(Some(Ramdisk { name, region }))
}

fn bad_ramdisk(first: &str, sentence: &str) -> CommandError {
    CommandError::failed(format!("{first}\n{BAD_RAMDISK}\n{sentence}"))
}

fn wrapped_ramdisk(context: &mut Context, address: PhysAddr) -> Result<Ramdisk, CommandError> {
    context.say(format_args!(
        "## Loading init Ramdisk from Legacy Image at {:08x} ...",
        address.get()
    ));
    let (header, file) = verified(context, address).map_err(|error| {
        let (first, sentence) = error.split_once('\n').unwrap_or((&error, ""));
        bad_ramdisk(first, sentence)
    })?;
    if header.kind != uimage::Type::RAMDISK {
        let sentence = format!("{} at {address} is a {}", file.name, header.kind);
        return Err(bad_ramdisk("No Linux AArch64 Ramdisk Image", &sentence));
    }
    Ok(Ramdisk {
        name: file.name,
        region: file.region,
    })
}

/// The tree that `word` names; without it the working tree, or the machine's own.
pub(super) fn tree(context: &mut Context, word: Option<&String>) -> Result<Region, CommandError> {
    let given = word.map(|word| context.hexadecimal(word)).transpose()?.map(PhysAddr);
    let own = || context.env.hex("fdtcontroladdr").map(PhysAddr);
    let address = given.or(context.working_tree).or_else(own);
    let address = address
        .ok_or_else(|| CommandError::failed(format!("{NO_TREE}\nno device tree was named or set by fdt addr")))?;
    if let Some(file) = file_at(context, address) {
        return Ok(file.region);
    }
    let missing = |error: &str| CommandError::failed(format!("{NO_TREE}\n{address}: {error}"));
    let bytes = readable(context, address).map_err(|error| missing(&error))?;
    let len = parse_header(bytes)
        .map_err(|error| missing(&error.to_string()))?
        .total_size;
    Region::new(address, u64::from(len)).ok_or_else(|| missing("the tree runs past the end of the address space"))
}

/// Prepares, prints what was found and what will be started, and starts it unless something forbids it.
pub(super) fn start(context: &mut Context, image: Loaded, (ramdisk, tree): (Option<Ramdisk>, Region)) -> CommandResult {
    let bootargs = context.env.get("bootargs").map(ToString::to_string);
    let request = Request {
        image,
        ramdisk,
        tree,
        bootargs,
    };
    let prepared =
        prepare(&context.memory, context.system.exception_level(), &request).map_err(|error| refused(&error))?;
    for finding in &prepared.findings {
        context.say(format_args!("{finding}"));
    }
    match prepared.errors() {
        0 => jump(context, &prepared),
        errors => Err(CommandError::failed(format!(
            "{} is not started: {errors} error{} above; nothing was written",
            prepared.layout.image.name,
            if errors == 1 { "" } else { "s" }
        ))),
    }
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

fn jump(context: &mut Context, prepared: &Prepared) -> CommandResult {
    let Prepared { layout, blob, .. } = prepared;
    let map = report::memory_map(layout, &context.memory);
    for line in report::table(layout).iter().chain([&String::new()]).chain(&map) {
        context.say(format_args!("{line}"));
    }
    let Context { memory, terminal, .. } = context;
    let request = handoff::prepare(memory, layout, blob, &mut || terminal.interrupted());
    let request = request.map_err(|error| match error {
        HandoffError::Interrupted => CommandError::Interrupted,
        other => CommandError::from(other),
    })?;
    context.say(format_args!("\nStarting kernel ...\n"));
    context.terminal.flush();
    context.system.hand_over(&request);
    Ok(Status::Success)
}

#[cfg(test)]
pub(super) mod tests;
