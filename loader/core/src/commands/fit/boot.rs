//! The parts of a FIT that `bootm` and `booti` start: each found, printed, verified and put where it wants to lie.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::{PhysAddr, Region};

use super::put::{Packed, put};
use super::{Loaded, Part, Selector, Unverified, describe, open, say_on, verify};
use crate::boot::place;
use crate::boot::plan::{Packing, Ramdisk};
use crate::commands::legacy::Refusal;
use crate::context::{CommandError, Context};
use crate::devicetree::Tree;
use crate::image::fit::{self, Image, Use};

/// Alignment of a tree that is put into free RAM.
const TREE_ALIGNMENT: u64 = 0x1000;

/// Room behind a tree that overlays were merged into.
const TREE_SLACK: usize = 0x1000;

/// What a command's words have not said and a configuration may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Parts(Selector);

/// A part that is wanted: the word for it in U-Boot's lines, and its words when there is none.
struct Wanted {
    word: &'static str,
    use_: Use,
    closing: &'static str,
}

const KERNEL: Wanted = Wanted {
    word: "kernel",
    use_: Use::KERNEL,
    closing: "ERROR: can't get kernel image!",
};
const RAMDISK: Wanted = Wanted {
    word: "ramdisk",
    use_: Use::RAMDISK,
    closing: "Ramdisk image is corrupt or invalid",
};
const TREE: Wanted = Wanted {
    word: "fdt",
    use_: Use::FDT,
    closing: "Could not find a valid device tree",
};
const LOADABLES: Wanted = Wanted {
    word: "loadables",
    use_: Use::LOADABLES,
    closing: "ERROR: can't get loadables!",
};

/// An image whose hashes are right.
struct Verified<'a> {
    image: Image<'a>,
    data: Region,
    name: String,
}

impl Wanted {
    fn open(&self, context: &mut Context, selector: &Selector) -> Result<Loaded, CommandError> {
        let at = selector.address.get();
        context.say(format_args!("## Loading {} from FIT Image at {at:08x} ...", self.word));
        open(context, selector.address).map_err(|refusal| refusal.closed_by(self.closing))
    }

    /// The images that `part` names for this. With several configurations, those of the second and later are added.
    fn images<'a>(
        &self,
        context: &mut Context,
        loaded: &'a Loaded,
        part: &Part,
    ) -> Result<Vec<Image<'a>>, CommandError> {
        let (name, at) = (&loaded.file.name, loaded.file.region.start());
        let refused = |error: fit::Error| {
            let words = match error {
                fit::Error::NoConfiguration { .. } | fit::Error::NoDefault { .. } => {
                    "Could not find configuration node".to_string()
                }
                _ => format!("Could not find subimage node type '{}'", self.word),
            };
            Refusal::new(words, format_args!("{name} at {at}: {error}")).closed_by(self.closing)
        };
        let names = match part {
            Part::Image(image) => return Ok(Vec::from([loaded.fit.image(image).map_err(refused)?])),
            Part::Default => Vec::from([None]),
            Part::Configuration(names) => names.split('#').map(Some).collect(),
        };
        let mut images = Vec::new();
        for name in names {
            let configuration = loaded.fit.configuration(name).map_err(refused)?;
            context.say(format_args!("   Using '{}' configuration", configuration.name()));
            say_on(context, "   Verifying Hash Integrity ... ");
            for signature in configuration.signatures() {
                say_on(context, &format!("{signature}- "));
            }
            context.say(format_args!("OK"));
            images.extend(configuration.images(self.use_).map_err(refused)?);
        }
        Ok(images)
    }

    fn verified<'a>(
        &self,
        context: &mut Context,
        loaded: &Loaded,
        image: Image<'a>,
    ) -> Result<Verified<'a>, CommandError> {
        context.say(format_args!("   Trying '{}' {} subimage", image.name(), self.word));
        for line in describe::image(loaded, &image) {
            context.say(format_args!("   {line}"));
        }
        say_on(context, "   Verifying Hash Integrity ... ");
        let data = verify(context, loaded, &image).map_err(|error: Unverified| error.closed_by(self.closing))?;
        context.say(format_args!("OK"));
        Ok(Verified {
            image,
            data,
            name: loaded.name_of(&image),
        })
    }

    /// The refusal of an image that is not of a kind which can be this.
    fn expect(&self, verified: &Verified<'_>, kinds: &[&str], title: &str) -> Result<(), CommandError> {
        let kind = verified.image.kind();
        if kinds.contains(&kind) {
            return Ok(());
        }
        let sentence = format!(
            "{} has the type '{kind}', not '{}'",
            verified.name,
            kinds.join("' or '")
        );
        Err(Refusal::new(format!("No Linux AArch64 {title}"), sentence).closed_by(self.closing))
    }
}

/// How the data of an image are packed.
fn packing(wanted: &Wanted, verified: &Verified<'_>) -> Result<Packing, CommandError> {
    match verified.image.compression() {
        "none" => Ok(Packing::Plain),
        "gzip" => Ok(Packing::Gzip),
        other => {
            let sentence = format!("{} is packed by '{other}'; none and gzip can be used", verified.name);
            Err(Refusal::new(format!("Unimplemented compression type {other}"), sentence).closed_by(wanted.closing))
        }
    }
}

/// The kernel, and what the same configuration may say of the other parts.
pub(in crate::commands) fn kernel(
    context: &mut Context,
    selector: &Selector,
) -> Result<(place::Loaded, Option<Parts>), CommandError> {
    let loaded = KERNEL.open(context, selector)?;
    let images = KERNEL.images(context, &loaded, &selector.part)?;
    let image = images.first().copied().ok_or_else(|| {
        let sentence = format!("the configuration of the FIT at {} names no kernel", selector.address);
        Refusal::new("Could not find subimage node type 'kernel'", sentence).closed_by(KERNEL.closing)
    })?;
    let verified = KERNEL.verified(context, &loaded, image)?;
    KERNEL.expect(&verified, &["kernel", "kernel_noload"], "Kernel Image Image")?;
    if let Some(arch) = image.arch().filter(|arch| *arch != "arm64") {
        let sentence = format!("{} is for '{arch}', not for 'arm64'", verified.name);
        return Err(Refusal::new(format!("Unsupported Architecture {arch}"), sentence).closed_by(KERNEL.closing));
    }
    let packing = packing(&KERNEL, &verified)?;
    let (load, entry) = (image.load(), image.entry());
    let (wanted, raw_entry) = match image.kind() {
        // The entry counts from wherever the data lie.
        "kernel_noload" if packing == Packing::Plain => {
            let data = verified.data.start();
            (Some(data), data.checked_add(entry.unwrap_or(0)))
        }
        "kernel_noload" => (None, None),
        _ => (load.map(PhysAddr), load.and(entry.or(load)).map(PhysAddr)),
    };
    let kernel = place::Loaded {
        name: verified.name,
        source: verified.data,
        packing,
        wanted,
        raw_entry,
    };
    let others = !matches!(selector.part, Part::Image(_));
    Ok((kernel, others.then(|| Parts(selector.clone()))))
}

/// The ramdisk that `selector` names; a configuration may name none.
pub(in crate::commands) fn ramdisk(
    context: &mut Context,
    selector: &Selector,
) -> Result<Option<Ramdisk>, CommandError> {
    let loaded = RAMDISK.open(context, selector)?;
    let images = RAMDISK.images(context, &loaded, &selector.part)?;
    let Some(image) = images.first().copied() else {
        return Ok(None);
    };
    let verified = RAMDISK.verified(context, &loaded, image)?;
    RAMDISK.expect(&verified, &["ramdisk"], "Ramdisk Image")?;
    // The kernel unpacks it.
    let region = at_load_address(context, &RAMDISK, &verified, Packing::Plain)?;
    let name = verified.name;
    Ok(Some(Ramdisk { name, region }))
}

/// The tree that `selector` names, overlays merged into it; a configuration may name none.
pub(in crate::commands) fn tree(context: &mut Context, selector: &Selector) -> Result<Option<Region>, CommandError> {
    let loaded = TREE.open(context, selector)?;
    let images = TREE.images(context, &loaded, &selector.part)?;
    let mut regions = Vec::new();
    for image in images {
        let verified = TREE.verified(context, &loaded, image)?;
        TREE.expect(&verified, &["flat_dt"], "Flat Device Tree Image")?;
        let packing = packing(&TREE, &verified)?;
        let region = match (packing, image.load()) {
            (Packing::Gzip, None) => unpacked(context, &verified)?,
            _ => at_load_address(context, &TREE, &verified, packing)?,
        };
        regions.push((verified.name, region));
    }
    let region = match regions.as_slice() {
        [] => return Ok(None),
        [(_, region)] => *region,
        [(name, base), overlays @ ..] => merged(context, (name, *base), overlays)?,
    };
    let at = region.start().get();
    context.say(format_args!("   Booting using the fdt blob at {at:#x}"));
    Ok(Some(region))
}

fn unpacked(context: &mut Context, verified: &Verified<'_>) -> Result<Region, CommandError> {
    let packed = Packed {
        region: verified.data,
        packing: Packing::Gzip,
    };
    let len = crate::image::gzip::stated_size(context.memory.bytes(verified.data)?).map_or(0, u64::from);
    let place = free(context, len, &verified.name)?;
    put(context, &packed, place.start(), &verified.name)
}

fn free(context: &Context, len: u64, name: &str) -> Result<Region, CommandError> {
    let place = context.memory.find_free(len, TREE_ALIGNMENT, None);
    place.ok_or_else(|| CommandError::failed(format!("{name} needs {len:#x} bytes, and no free RAM is that large")))
}

/// The base with the overlays merged into it, in free RAM.
fn merged(
    context: &mut Context,
    (name, base): (&str, Region),
    overlays: &[(String, Region)],
) -> Result<Region, CommandError> {
    let parse = |context: &Context, name: &str, region| {
        let blob = context.memory.bytes(region)?;
        Tree::parse(blob).map_err(|error| CommandError::failed(format!("{}\n{name}: {error}", TREE.closing)))
    };
    let mut tree = parse(context, name, base)?;
    for (name, region) in overlays {
        let overlay = parse(context, name, *region)?;
        tree.apply(overlay).map_err(|error| {
            let code = error.code();
            let words = format!("failed on fdt_overlay_apply(): {code}");
            CommandError::failed(format!("{words}\n{}\n{name}: {error}", TREE.closing))
        })?;
    }
    let blob = tree.emit(TREE_SLACK)?;
    let len = u64::try_from(blob.len())?;
    let place = free(context, len, name)?;
    let claim = context.memory.claim(place.start(), len, name)?;
    context.memory.write(&claim, 0, &blob)?;
    Ok(context.memory.record(claim, len))
}

/// Puts the data where the image says, if it does; else they stay where they are.
fn at_load_address(
    context: &mut Context,
    wanted: &Wanted,
    verified: &Verified<'_>,
    packing: Packing,
) -> Result<Region, CommandError> {
    let Some(load) = verified.image.load() else {
        return Ok(verified.data);
    };
    let from = verified.data.start().get();
    context.say(format_args!(
        "   Loading {} from {from:#010x} to {load:#010x}",
        wanted.word
    ));
    let packed = Packed {
        region: verified.data,
        packing,
    };
    put(context, &packed, PhysAddr(load), &verified.name)
}

impl Parts {
    /// The configuration's ramdisk.
    pub(in crate::commands) fn ramdisk(&self, context: &mut Context) -> Result<Option<Ramdisk>, CommandError> {
        match self.names(context, &RAMDISK) {
            true => ramdisk(context, &self.0),
            false => Ok(None),
        }
    }

    /// The configuration's tree.
    pub(in crate::commands) fn tree(&self, context: &mut Context) -> Result<Option<Region>, CommandError> {
        match self.names(context, &TREE) {
            true => tree(context, &self.0),
            false => Ok(None),
        }
    }

    /// Puts the configuration's other images where they want to lie.
    pub(in crate::commands) fn loadables(&self, context: &mut Context) -> Result<(), CommandError> {
        if !self.names(context, &LOADABLES) {
            return Ok(());
        }
        let loaded = LOADABLES.open(context, &self.0)?;
        for image in LOADABLES.images(context, &loaded, &self.0.part)? {
            let verified = LOADABLES.verified(context, &loaded, image)?;
            let packing = match image.load() {
                Some(_) => packing(&LOADABLES, &verified)?,
                None => Packing::Plain,
            };
            at_load_address(context, &LOADABLES, &verified, packing)?;
        }
        Ok(())
    }

    /// Whether the configuration has such a part at all; U-Boot is silent about those that it has not.
    fn names(&self, context: &Context, wanted: &Wanted) -> bool {
        let names = match &self.0.part {
            Part::Image(_) => return false,
            Part::Default => Vec::from([None]),
            Part::Configuration(names) => names.split('#').map(Some).collect(),
        };
        open(context, self.0.address).is_ok_and(|loaded| {
            let mut configurations = names.into_iter().filter_map(|name| loaded.fit.configuration(name).ok());
            configurations.any(|at| at.names(wanted.use_).next().is_some())
        })
    }
}
