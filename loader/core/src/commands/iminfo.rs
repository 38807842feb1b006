//! `iminfo`: what an image in memory is, and whether it is whole.

use hal::PhysAddr;

use super::Command;
use super::fit;
use super::legacy::{self, Refusal};
use super::start;
use crate::boot::report;
use crate::context::{Args, CommandError, CommandResult, Context, Status};
use crate::image::{arm64, detect, gzip};

pub(crate) const COMMAND: Command = Command {
    name: "iminfo",
    aliases: &[],
    summary: "print header information for application image",
    usage: "[addr [addr ...]]",
    help: "Prints what is at each addr ($loadaddr if none is given): the header of a uImage with both checksums\n\
        verified, the images and configurations of a FIT with all hashes verified, the header of an arm64 Image, or\n\
        of gzip data.",
    examples: &["iminfo 0x1400000"],
    repeatable: true,
    run,
};

fn run(context: &mut Context, args: Args<'_>) -> CommandResult {
    let words = args.get(1..).unwrap_or_default();
    if words.is_empty() {
        let address = context.env.hex("loadaddr").ok_or(CommandError::Usage)?;
        return show(context, PhysAddr(address));
    }
    let mut status = Status::Success;
    for word in words {
        let address = PhysAddr(context.hexadecimal(word)?);
        if show(context, address)? == Status::Failure {
            status = Status::Failure;
        }
    }
    Ok(status)
}

fn show(context: &mut Context, address: PhysAddr) -> CommandResult {
    context.say(format_args!("\n## Checking Image at {:08x} ...", address.get()));
    let bytes = start::readable(context, address)?;
    match detect::kind(bytes) {
        detect::Kind::LegacyImage => legacy(context, address),
        detect::Kind::Arm64Image => image(context, address),
        detect::Kind::Gzip => packed(context, address),
        detect::Kind::DeviceTree => fit_image(context, address),
        other => Err(CommandError::failed(alloc::format!(
            "Unknown image format!\n{address} holds {other}"
        ))),
    }
}

fn legacy(context: &mut Context, address: PhysAddr) -> CommandResult {
    context.say(format_args!("   Legacy image found"));
    match legacy::verified(context, address) {
        Ok(_) => Ok(Status::Success),
        Err(Refusal { words, sentence }) => {
            let words = words.trim_start();
            Err(CommandError::failed(alloc::format!("   {words}\n{sentence}")))
        }
    }
}

fn image(context: &mut Context, address: PhysAddr) -> CommandResult {
    let bytes = start::readable(context, address)?;
    let header = arm64::Header::parse(bytes)?;
    let size = header.memory_size(0);
    let (offset, anywhere) = (header.text_offset(), header.may_lie_anywhere());
    context.say(format_args!("   ARM64 Image found"));
    context.say(format_args!("   Text Offset:  {offset:#x}"));
    context.say(format_args!("   Memory Size:  {size} Bytes = {}", report::size(size)));
    context.say(format_args!(
        "   Placement:    {}",
        if anywhere { "anywhere" } else { "as low as possible" }
    ));
    Ok(Status::Success)
}

fn fit_image(context: &mut Context, address: PhysAddr) -> CommandResult {
    context.say(format_args!("   FIT image found"));
    let loaded = fit::open(context, address).map_err(|Refusal { words, sentence }| {
        let message = alloc::format!("{words}!\n{sentence}");
        CommandError::failed(message)
    })?;
    for line in fit::describe(&loaded) {
        context.say(format_args!("   {line}"));
    }
    let at = address.get();
    context.say(format_args!("## Checking hash(es) for FIT Image at {at:08x} ..."));
    for (index, image) in loaded.fit.images().enumerate() {
        let name = image.name();
        fit::say_on(context, &alloc::format!("   Hash(es) for Image {index} ({name}): "));
        fit::verify(context, &loaded, &image).map_err(|error| error.closed_by("Bad hash in FIT image!"))?;
        context.say(format_args!(""));
    }
    Ok(Status::Success)
}

fn packed(context: &mut Context, address: PhysAddr) -> CommandResult {
    let bytes = start::readable(context, address)?;
    let mut first = [0; 64];
    let shown = gzip::peek(bytes, &mut first)?;
    let inside = detect::kind(first.get(..shown).unwrap_or_default());
    let stated = start::file_at(context, address).and_then(|_| gzip::stated_size(bytes));
    context.say(format_args!("   GZIP data found"));
    context.say(format_args!("   Contents:     {inside}"));
    if let Some(stated) = stated {
        context.say(format_args!(
            "   Data Size:    {stated} Bytes = {}",
            report::size(u64::from(stated))
        ));
    }
    Ok(Status::Success)
}

#[cfg(test)]
mod tests;
