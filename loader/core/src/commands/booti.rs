//! `booti`: start an arm64 Image, Xen or Linux.

use alloc::format;
use alloc::string::ToString;
use core::fmt;

use hal::{PhysAddr, Region};

use super::Command;
use super::fit::{Part, Selector};
use super::start::{self, File};
use crate::boot::place::Loaded;
use crate::boot::plan::Packing;
use crate::context::{Args, CommandError, CommandResult, Context};
use crate::image::{arm64, detect};

pub(crate) const COMMAND: Command = Command {
    name: "booti",
    aliases: &[],
    summary: "boot Linux kernel or Xen 'Image' format from memory",
    usage: "[addr [initrd[:size]|-] [fdt]]",
    help: "Starts the arm64 Image at addr, plain or gzip'd, with the ramdisk and the device tree at the other two\n\
        addresses; without fdt, with the working tree (fdt addr). addr is $loadaddr if it is not given.\n\
        The image is moved if the Image protocol demands it. Every module of the tree that Xen will look for gets\n\
        the address and the exact size of the file that was loaded there; everything is checked, and nothing is\n\
        written or started if Xen or Linux could not come up.",
    examples: &["booti 0x40400000 - 0x44000000", "booti ${kernel_addr_r} - ${fdt_addr}"],
    repeatable: false,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let Selector { address, part } = start::image(context, args)?;
    if part != Part::Default {
        return Err(CommandError::failed(format!(
            "booti starts what lies at an address; bootm starts a part of the FIT at {address}"
        )));
    }
    let image = image_at(context, address)?;
    let ramdisk = start::ramdisk(context, args.get(2))?;
    let tree = start::tree(context, args.get(3))?;
    start::start(context, image, (ramdisk, tree))
}

/// The arm64 `Image` at `address`, plain or gzip'd.
///
/// # Errors
/// In U-Boot's words, if it is none.
pub(super) fn image_at(context: &Context, address: PhysAddr) -> Result<Loaded, CommandError> {
    let bad = |error: &dyn fmt::Display| CommandError::failed(format!("Bad Linux ARM64 Image magic!\n{error}"));
    let bytes = start::readable(context, address).map_err(|error| bad(&error))?;
    match detect::kind(bytes) {
        detect::Kind::Gzip => packed(context, address),
        _ => {
            let header = arm64::Header::parse(bytes)
                .map_err(|error| bad(&format_args!("{address} holds {}: {error}", detect::kind(bytes))))?;
            // What was not loaded here has no length but the one that the image states.
            let stated = || {
                Region::new(address, header.memory_size(0)).map(|region| File {
                    name: address.to_string(),
                    region,
                })
            };
            let file = start::file_at(context, address)
                .or_else(stated)
                .ok_or(CommandError::Usage)?;
            Ok(Loaded {
                name: file.name,
                source: file.region,
                packing: Packing::Plain,
                wanted: Some(address),
                raw_entry: None,
            })
        }
    }
}

/// A gzip'd image: the length of the file must be known, the place where it is unpacked is free RAM.
fn packed(context: &Context, address: PhysAddr) -> Result<Loaded, CommandError> {
    let by_hand = || {
        let region = Region::new(address, context.env.hex("kernel_comp_size")?)?;
        Some(File {
            name: address.to_string(),
            region,
        })
    };
    let file = start::file_at(context, address).or_else(by_hand).ok_or_else(|| {
        CommandError::failed(format!(
            "kernel_comp_addr_r or kernel_comp_size is not provided!\n\
             nothing was loaded at {address}, so the size of the compressed image must be in kernel_comp_size"
        ))
    })?;
    Ok(Loaded {
        name: file.name,
        source: file.region,
        packing: Packing::Gzip,
        wanted: None,
        raw_entry: None,
    })
}

#[cfg(test)]
mod tests;
