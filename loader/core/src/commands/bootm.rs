//! `bootm`: start a kernel or Xen from a legacy uImage or a FIT.

use alloc::format;
use core::fmt;

use hal::PhysAddr;

use super::Command;
use super::fit::{self, Part, Selector};
use super::legacy::{self, Refusal};
use super::start::{self, File};
use crate::boot::place::Loaded;
use crate::boot::plan::Packing;
use crate::context::{Args, CommandResult, Context};
use crate::image::{detect, uimage};

pub(crate) const COMMAND: Command = Command {
    name: "bootm",
    aliases: &[],
    summary: "boot application image from memory",
    usage: "\
[addr [initrd[:size]|-] [fdt]]
addr#configuration [initrd|-] [fdt]
addr:image [addr:image|-] [addr:image]",
    help: "Starts the kernel in the uImage (mkimage -A arm64 -O linux -T kernel) at addr, as booti starts an Image:\n\
        see there. Both checksums are verified. The image goes to its load address; where the Image protocol forbids\n\
        that, or something else is there, it is moved and said so. What is no arm64 Image is started at its entry.\n\
        Of a FIT (mkimage -f) it takes kernel, ramdisk, device tree and loadables of the configuration, of the default\n\
        one if none is named, or single images. Every hash is verified; signatures are not. Further configurations\n\
        behind a # add their device trees as overlays.",
    examples: &[
        "bootm 0x1400000 0x9000000 0x1280000",
        "bootm 0x1400000 - 0x1280000",
        "bootm 0x42000000#conf-1",
        "bootm 0x42000000:kernel-1 0x42000000:ramdisk-1 0x42000000:fdt-1",
    ],
    repeatable: false,
    run,
};

/// U-Boot's last words when there is no kernel.
pub(super) const NO_KERNEL: &str = "ERROR: can't get kernel image!";

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let selector = start::image(context, args)?;
    if fit::is_fit(context, selector.address) {
        return of_fit(context, &selector, args);
    }
    if selector.part != Part::Default {
        let sentence = format!("{} holds no FIT, which alone has parts with names", selector.address);
        return Err(Refusal::new("Wrong Image Format for bootm command", sentence).closed_by(NO_KERNEL));
    }
    let image = image_at(context, selector.address).map_err(|refusal| refusal.closed_by(NO_KERNEL))?;
    let ramdisk = start::ramdisk(context, args.get(2))?;
    let tree = start::tree(context, args.get(3))?;
    start::start(context, image, (ramdisk, tree))
}

/// What the words do not say, the configuration may.
fn of_fit(context: &mut Context, selector: &Selector, args: Args<'_>) -> CommandResult {
    let (image, parts) = fit::kernel(context, selector)?;
    let ramdisk = match (args.get(2), &parts) {
        (None, Some(parts)) => parts.ramdisk(context)?,
        (word, _) => start::ramdisk(context, word)?,
    };
    let tree = match (args.get(3), &parts) {
        (None, Some(parts)) => parts.tree(context)?,
        _ => None,
    };
    let tree = match tree {
        Some(tree) => tree,
        None => start::tree(context, args.get(3))?,
    };
    if let Some(parts) = parts {
        parts.loadables(context)?;
    }
    start::start(context, image, (ramdisk, tree))
}

/// The image in the uImage at `address`.
///
/// # Errors
/// A [`Refusal`] in U-Boot's words if it is none that can be started here.
pub(super) fn image_at(context: &mut Context, address: PhysAddr) -> Result<Loaded, Refusal> {
    let wrong = |error: &dyn fmt::Display| Refusal::new("Wrong Image Format for bootm command", error);
    let kind = detect::kind(start::readable(context, address).map_err(|error| wrong(&error))?);
    match kind {
        detect::Kind::LegacyImage => {}
        detect::Kind::Arm64Image => {
            return Err(wrong(&format_args!(
                "{address} holds {kind}, not a uImage; booti starts it"
            )));
        }
        _ => return Err(wrong(&format_args!("{address} holds {kind}, not a uImage"))),
    }
    let at = address.get();
    context.say(format_args!("## Booting kernel from Legacy Image at {at:08x} ..."));
    let (header, File { name, region }) = legacy::verified(context, address)?;
    let (wanted, entry) = places(&header, region.start()).map_err(|refusal| {
        let sentence = format!("{name} at {address} {}", refusal.sentence);
        Refusal { sentence, ..refusal }
    })?;
    let packing = match header.compression {
        uimage::Compression::GZIP => Packing::Gzip,
        _ => Packing::Plain,
    };
    Ok(Loaded {
        name,
        source: region,
        packing,
        wanted: Some(wanted),
        raw_entry: Some(entry),
    })
}

/// Where the kernel goes and starts by its header; the refusal's sentence is to follow the file's name.
fn places(header: &uimage::Header, data: PhysAddr) -> Result<(PhysAddr, PhysAddr), Refusal> {
    use uimage::{Arch, Compression, Type};
    let [load, entry] = [header.load, header.entry].map(|at| PhysAddr(u64::from(at)));
    match (header.arch, header.kind, header.compression) {
        (Arch::ARM64, Type::KERNEL, Compression::NONE | Compression::GZIP) => Ok((load, entry)),
        // The entry counts from wherever the data lie; both are far from the end of 64 bits.
        (Arch::ARM64, Type::KERNEL_NOLOAD, Compression::NONE) => {
            Ok((data, data.checked_add(entry.get()).unwrap_or(data)))
        }
        (Arch::ARM64, Type::KERNEL | Type::KERNEL_NOLOAD, other) => Err(Refusal::new(
            format!("Unimplemented compression type {}", other.0),
            format_args!("is {other}; uncompressed and gzip can be started"),
        )),
        (Arch::ARM64, other, _) => Err(Refusal::new(
            "Wrong Image Type for bootm command",
            format_args!("is a {other}, not a kernel"),
        )),
        (other, ..) => Err(Refusal::new(
            format!("Unsupported Architecture {:#x}", other.0),
            format_args!("is marked as {other}, not AArch64: wrap it again with mkimage -A arm64"),
        )),
    }
}

#[cfg(test)]
mod tests;
