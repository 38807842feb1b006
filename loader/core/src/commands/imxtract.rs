//! `imxtract`: a part of an image that holds several, copied out.

use alloc::format;
use alloc::string::String;

use hal::{PhysAddr, Region};

use super::fit::{self, Packed, put};
use super::legacy::{self, Refusal};
use super::start::File;
use super::{Command, start};
use crate::boot::plan::Packing;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::image::{detect, uimage};

pub(crate) const COMMAND: Command = Command {
    name: "imxtract",
    aliases: &[],
    summary: "extract a part of a multi-image",
    usage: "\
[addr] part [dest]
[addr] uname [dest]",
    help: "Copies part number part (0 is the first) of the multi-file uImage or script at addr, or the image called\n\
        uname of the FIT at addr, to dest; all checksums and hashes are verified first. gzip data are unpacked if\n\
        the image says so. What is at dest then counts as a loaded file. Without dest nothing is copied.\n\
        filesize and fileaddr are set to the size of the part, and to where it lies in the image.",
    examples: &[
        "tftpb 0x42000000 boot.fit; imxtract 0x42000000 dom0_kernel 0x48000000",
        "imxtract 0x42000000 1 0x48000000",
    ],
    repeatable: false,
    run,
};

/// A part that was found and verified.
struct Part {
    /// What it is called in the line that U-Boot prints at the end.
    index: u64,
    packed: Packed,
    name: String,
}

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let (address, part, dest) = match args {
        [_] => (None, None, None),
        [_, address] => (Some(address), None, None),
        [_, address, part] => (Some(address), Some(part), None),
        [_, address, part, dest] => (Some(address), Some(part), Some(dest)),
        _ => return Err(CommandError::Usage),
    };
    // Scripts name a configuration behind the address, as for bootm: it says nothing that the image's name does not.
    let address = address.map(|word| word.split_once('#').map_or(word.as_str(), |(address, _)| address));
    let address = address.map(|word| context.hexadecimal(word)).transpose()?;
    let address = address.or_else(|| context.env.hex("loadaddr")).map(PhysAddr);
    let address = address.ok_or(CommandError::Usage)?;
    let dest = dest.map(|word| context.hexadecimal(word)).transpose()?.map(PhysAddr);
    let kind = start::readable(context, address).map(detect::kind);
    let part = part.map(String::as_str);
    let found = match kind {
        Ok(detect::Kind::LegacyImage) => of_legacy(context, address, part)?,
        Ok(detect::Kind::DeviceTree) => of_fit(context, address, part, dest.is_some())?,
        Ok(other) => return Err(wrong_image(format_args!("{address} holds {other}"))),
        Err(error) => return Err(wrong_image(format_args!("{error}"))),
    };
    let data = found.packed.region;
    let len = deliver(context, &found, dest)?;
    context.env.set_hex("filesize", len);
    context.env.set_hex("fileaddr", data.start().get());
    Ok(Status::Success)
}

fn wrong_image(sentence: core::fmt::Arguments<'_>) -> CommandError {
    CommandError::failed(format!("Invalid image type for imxtract\n{sentence}"))
}

/// Puts the part at `dest`, if that was given; gives its length.
fn deliver(context: &mut Context, part: &Part, dest: Option<PhysAddr>) -> Result<u64, CommandError> {
    let Part { index, packed, name } = part;
    let Some(dest) = dest else {
        return match packed.packing {
            Packing::Plain => Ok(packed.region.len()),
            Packing::Gzip => Err(CommandError::failed(format!(
                "Must specify load address for imxtract command with compressed image\n{name} is packed by gzip"
            ))),
        };
    };
    let doing = match packed.packing {
        Packing::Plain => "Loading",
        Packing::Gzip => "Uncompressing",
    };
    fit::say_on(context, &format!("   {doing} part {index} ... "));
    let region = put(context, packed, dest, name)?;
    context.say(format_args!("OK"));
    Ok(region.len())
}

/// The image of a FIT; `copied` if more is printed on the line of its hashes.
fn of_fit(context: &mut Context, address: PhysAddr, name: Option<&str>, copied: bool) -> Result<Part, CommandError> {
    let name = name.ok_or_else(|| {
        CommandError::failed(format!(
            "No FIT subimage unit name\n{address} holds a FIT: give the name of an image"
        ))
    })?;
    let at = address.get();
    context.say(format_args!(
        "## Copying '{name}' subimage from FIT image at {at:08x} ..."
    ));
    let closed = |refusal: Refusal| CommandError::failed(format!("{}\n{}", refusal.words, refusal.sentence));
    let loaded = fit::open(context, address).map_err(closed)?;
    let image = loaded.fit.image(name).map_err(|error| {
        let file = &loaded.file.name;
        CommandError::failed(format!(
            "Can't find '{name}' FIT subimage\n{file} at {address}: {error}"
        ))
    })?;
    let region = fit::verify(context, &loaded, &image).map_err(|error| error.closed_by("Bad Data Hash"))?;
    if !copied {
        // U-Boot leaves the line open, and its prompt stands behind the hashes, where nobody looks for it.
        context.say(format_args!(""));
    }
    let packing = match image.compression() {
        "none" => Packing::Plain,
        "gzip" => Packing::Gzip,
        other => return Err(unknown_packing(other)),
    };
    Ok(Part {
        index: 0,
        packed: Packed { region, packing },
        name: loaded.name_of(&image),
    })
}

fn unknown_packing(name: &str) -> CommandError {
    CommandError::failed(format!(
        "Unimplemented compression type {name}\nthe part is packed by '{name}'; none and gzip can be unpacked"
    ))
}

fn of_legacy(context: &mut Context, address: PhysAddr, part: Option<&str>) -> Result<Part, CommandError> {
    let index = part.map(|word| context.hexadecimal(word)).transpose()?.unwrap_or(0);
    let at = address.get();
    context.say(format_args!(
        "## Copying part {index} from legacy image at {at:08x} ..."
    ));
    let closed = |refusal: Refusal| CommandError::failed(format!("{}\n{}", refusal.words, refusal.sentence));
    let (header, File { name, region }) = legacy::checked(context, address).map_err(closed)?;
    if ![uimage::Type::MULTI, uimage::Type::SCRIPT].contains(&header.kind) {
        return Err(CommandError::failed(format!(
            "Wrong Image Type for imxtract command\n{name} at {address} is a {}, not a multi-file image or a script",
            header.kind
        )));
    }
    let (sizes, list_len) = header.parts(context.memory.bytes(region)?)?;
    let count = sizes.len();
    let found = part_region(region, &sizes, (index, list_len));
    let region = found.ok_or_else(|| {
        CommandError::failed(format!(
            "Bad Image Part\n{name} at {address} has no part {index}, it has {count}"
        ))
    })?;
    let packing = match header.compression {
        uimage::Compression::NONE => Packing::Plain,
        uimage::Compression::GZIP => Packing::Gzip,
        other => return Err(unknown_packing(&format!("{other}"))),
    };
    Ok(Part {
        index,
        packed: Packed { region, packing },
        name: format!("{name}:{index}"),
    })
}

/// Where a part lies: behind the list, each part but the last padded to a multiple of 4 bytes.
fn part_region(data: Region, sizes: &[u32], (index, list_len): (u64, usize)) -> Option<Region> {
    let index = usize::try_from(index).ok()?;
    let before = sizes
        .get(..index)?
        .iter()
        .map(|size| u64::from(*size).next_multiple_of(4));
    let offset = before.sum::<u64>().checked_add(u64::try_from(list_len).ok()?)?;
    data.slice(offset, u64::from(*sizes.get(index)?))
}
