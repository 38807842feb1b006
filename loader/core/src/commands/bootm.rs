//! `bootm`: start a kernel or Xen from a legacy uImage.

use alloc::format;
use alloc::string::String;

use hal::PhysAddr;

use super::Command;
use super::start;
use crate::boot::place::Loaded;
use crate::boot::plan::Packing;
use crate::context::{Args, CommandError, CommandResult, Context};
use crate::image::{detect, uimage};

pub(crate) const COMMAND: Command = Command {
    name: "bootm",
    aliases: &[],
    summary: "boot application image from memory",
    usage: "[addr [initrd[:size]|-] [fdt]]",
    help: "Starts the kernel in the uImage (mkimage -A arm64 -O linux -T kernel) at addr, as booti starts an Image:\n\
        see there. Both checksums are verified. The image goes to its load address; where the Image protocol forbids\n\
        that, or something else is there, it is moved and said so. What is no arm64 Image is started at its entry.",
    examples: &["bootm 0x1400000 0x9000000 0x1280000", "bootm 0x1400000 - 0x1280000"],
    repeatable: false,
    run,
};

/// U-Boot's last words when there is no kernel.
const NO_KERNEL: &str = "ERROR: can't get kernel image!";

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    if args.len() > 4 {
        return Err(CommandError::Usage);
    }
    let given = args.get(1).map(|word| context.hexadecimal(word)).transpose()?;
    let address = given
        .or_else(|| context.env.hex("loadaddr"))
        .map(PhysAddr)
        .ok_or(CommandError::Usage)?;
    let image = image_at(context, address)?;
    let ramdisk = start::ramdisk(context, args.get(2))?;
    let tree = start::tree(context, args.get(3))?;
    start::start(context, image, (ramdisk, tree))
}

fn refused(first: &str, sentence: &str) -> CommandError {
    CommandError::failed(format!("{first}\n{NO_KERNEL}\n{sentence}"))
}

fn image_at(context: &mut Context, address: PhysAddr) -> Result<Loaded, CommandError> {
    let bytes =
        start::readable(context, address).map_err(|error| refused("Wrong Image Format for bootm command", &error))?;
    let kind = detect::kind(bytes);
    if kind != detect::Kind::LegacyImage {
        let hint = if kind == detect::Kind::Arm64Image {
            "; booti starts it"
        } else {
            ""
        };
        let sentence = format!("{address} holds {kind}, not a uImage{hint}");
        return Err(refused("Wrong Image Format for bootm command", &sentence));
    }
    context.say(format_args!(
        "## Booting kernel from Legacy Image at {:08x} ...",
        address.get()
    ));
    let (header, file) = start::verified(context, address).map_err(|error| {
        let (first, sentence) = error.split_once('\n').unwrap_or((&error, ""));
        refused(first, sentence)
    })?;
    let (wanted, entry) = places(&header, file.region.start()).map_err(|error| {
        let (first, sentence) = error.split_once('\n').unwrap_or((&error, ""));
        refused(first, &format!("{} at {address} {sentence}", file.name))
    })?;
    let packing = if header.compression == uimage::Compression::GZIP {
        Packing::Gzip
    } else {
        Packing::Plain
    };
    Ok(Loaded {
        name: file.name,
        source: file.region,
        packing,
        wanted: Some(wanted),
        raw_entry: Some(entry),
    })
}

/// Where the kernel goes and starts by its header; the error is U-Boot's words, and ours to follow the file's name.
fn places(header: &uimage::Header, data: PhysAddr) -> Result<(PhysAddr, PhysAddr), String> {
    use uimage::{Arch, Compression, Type};
    let [load, entry] = [header.load, header.entry].map(|at| PhysAddr(u64::from(at)));
    match (header.arch, header.kind, header.compression) {
        (Arch::ARM64, Type::KERNEL, Compression::NONE | Compression::GZIP) => Ok((load, entry)),
        // The entry counts from wherever the data lie.
        (Arch::ARM64, Type::KERNEL_NOLOAD, Compression::NONE) => {
            let start = data.checked_add(entry.get());
            start
                .map(|start| (data, start))
                .ok_or_else(|| String::from("has an entry beyond the address space"))
        }
        (Arch::ARM64, Type::KERNEL | Type::KERNEL_NOLOAD, other) => Err(format!(
            "Unimplemented compression type {}\nis {other}; uncompressed and gzip can be started",
            other.0
        )),
        (Arch::ARM64, other, _) => Err(format!(
            "Wrong Image Type for bootm command\nis a {other}, not a kernel"
        )),
        (other, ..) => Err(format!(
            "Unsupported Architecture {:#x}\nis marked as {other}, not AArch64: wrap it again with mkimage -A arm64",
            other.0
        )),
    }
}

#[cfg(test)]
mod tests;
