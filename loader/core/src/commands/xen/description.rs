//! What describes a boot, read until there is a tree and, if one is asked for, a section of `xen.cfg`.
//!
//! The tree is handed on, never copied: the largest that is taken fills a good part of the heap.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::origin::Origin;
use super::super::start::{self, File};
use super::super::tftpboot::Refused;
use super::base;
use super::source::{self, First, Source};
use crate::boot::room::{FilesRoom, Need};
use crate::context::{CommandError, Context};
use crate::devicetree::Tree;
use crate::finding::Finding;
use crate::image::detect::{self, Kind};
use crate::source::Destination;
use crate::xen::config::{self, Config, ConfigError, FileLine, Section};
use crate::xen::plan::CONFIG_TOO;

/// Configurations that one may lead to by `chain=`.
const MAX_CHAIN: usize = 16;

/// What was read besides the tree.
pub(super) struct Description {
    /// What `xen.cfg` says.
    pub(super) section: Option<Section>,
    /// Where the files are that both name.
    pub(super) origin: Origin,
    /// Xen, if it was what one began with.
    pub(super) image: Option<File>,
    /// The names that Xen may have otherwise, the likeliest first.
    pub(super) images: Vec<String>,
}

impl Description {
    /// The line `xen=`, and the file that has it.
    pub(super) fn xen_line(&self) -> Option<(&str, &FileLine)> {
        let section = self.section.as_ref()?;
        Some((&section.source, section.xen.as_ref()?))
    }
}

/// Reads all of it; the tree is as it was found.
///
/// # Errors
/// If a file is not there or not what it should be, with its name.
pub(super) fn read(context: &mut Context, source: &Source) -> Result<(Tree, Description), CommandError> {
    let (origin, file) = first(context, source)?;
    let wanted = source.section.as_deref();
    let (tree, mut description) = match kind(context, &file) {
        Kind::DeviceTree => by_tree(context, origin, file, wanted)?,
        Kind::Arm64Image | Kind::Gzip | Kind::LegacyImage => by_image(context, origin, file, wanted)?,
        _ => by_config(context, origin, file, wanted)?,
    };
    if let Some((_, line)) = description.xen_line() {
        description.images = Vec::from([line.file.clone()]);
        if let Some(other) = description.image.take() {
            release(context, &description.origin, &other);
        }
    }
    Ok((tree, description))
}

fn first(context: &mut Context, source: &Source) -> Result<(Origin, File), CommandError> {
    let files = match &source.first {
        First::Loaded(address) => return Ok((Origin::loaded(), source::loaded(context, *address)?)),
        First::Files(files) => files,
    };
    let mut last = None;
    for (origin, name) in files {
        match fetch(context, origin, name)? {
            Ok(file) => return Ok((origin.clone(), file)),
            Err(refused) => last = Some(refused),
        }
    }
    Err(last.map_or(CommandError::Usage, CommandError::from))
}

/// Loads a file that is read here, or Xen: anything may turn up, so there is room for that.
fn fetch(context: &mut Context, origin: &Origin, name: &str) -> Result<Result<File, Refused>, CommandError> {
    let small = [".cfg", ".dtb", ".dtbo"].iter().any(|end| name.ends_with(end));
    let need = if small { Need::Other } else { Need::Xen };
    let mut room = FilesRoom::new(&context.memory, &Tree::new());
    let mut slot = room.slot(need, true);
    origin.ask(context, name, Destination::Free(&mut slot))
}

fn kind(context: &Context, file: &File) -> Kind {
    detect::kind(context.memory.bytes(file.region).unwrap_or_default())
}

/// The tree in a file, which is not needed any more then.
fn tree(context: &mut Context, origin: &Origin, file: &File) -> Result<Tree, CommandError> {
    let tree = Tree::parse(context.memory.bytes(file.region)?)
        .map_err(|error| CommandError::failed(format!("{} is no device tree: {error}", file.name)));
    release(context, origin, file);
    tree
}

/// A file that was loaded to be read here need not stay; one that was loaded by hand does.
fn release(context: &mut Context, origin: &Origin, file: &File) {
    if !origin.is_loaded() {
        context.memory.forget(file.region.start());
    }
}

fn by_tree(
    context: &mut Context,
    origin: Origin,
    file: File,
    wanted: Option<&str>,
) -> Result<(Tree, Description), CommandError> {
    let tree = tree(context, &origin, &file)?;
    let chosen = tree.child(tree.root(), "chosen");
    let config_too = chosen.is_some_and(|chosen| tree.property(chosen, CONFIG_TOO).is_some());
    let section = match (config_too, wanted) {
        (true, _) => Some(beside(context, &origin, &file, wanted)?),
        (false, Some(section)) => {
            return Err(CommandError::failed(format!(
                "{} is a device tree without {CONFIG_TOO} in /chosen: no configuration is read that could have a section {section}",
                file.name
            )));
        }
        (false, None) => None,
    };
    if let Some((section, line)) = section
        .as_ref()
        .and_then(|section| Some((section, section.dtb.as_ref()?)))
    {
        let warning = Finding::warning(format_args!(
            "{}:{}: dtb={} is not read: the tree is {}, which had the configuration read",
            section.source, line.at, line.file, file.name
        ));
        context.report(&[warning]);
    }
    let description = Description {
        section,
        origin,
        image: None,
        images: images(None),
    };
    Ok((tree, description))
}

fn by_image(
    context: &mut Context,
    origin: Origin,
    file: File,
    wanted: Option<&str>,
) -> Result<(Tree, Description), CommandError> {
    let section = beside(context, &origin, &file, wanted)?;
    let tree = tree_of(context, &origin, &section)?;
    let description = Description {
        section: Some(section),
        origin,
        image: Some(file),
        images: Vec::new(),
    };
    Ok((tree, description))
}

fn by_config(
    context: &mut Context,
    origin: Origin,
    file: File,
    wanted: Option<&str>,
) -> Result<(Tree, Description), CommandError> {
    let name = base(&file.name);
    let section = follow(context, &origin, file, wanted)?;
    let tree = tree_of(context, &origin, &section)?;
    let description = Description {
        section: Some(section),
        origin,
        image: None,
        images: images(name.strip_suffix(".cfg")),
    };
    Ok((tree, description))
}

/// What Xen's file may be called beside a configuration or a tree.
fn images(stem: Option<&str>) -> Vec<String> {
    let own = stem.map(|stem| [format!("{stem}.efi"), stem.to_string()]);
    let usual = ["xen.efi", "xen", "xen.gz"].map(ToString::to_string);
    let mut names: Vec<String> = own.into_iter().flatten().collect();
    for name in usual {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The section of the configuration that belongs to Xen's image or to a tree, by its name.
fn beside(context: &mut Context, origin: &Origin, file: &File, wanted: Option<&str>) -> Result<Section, CommandError> {
    let image = base(&file.name);
    let image = image.strip_suffix(".dtb").unwrap_or(&image);
    let mut last = None;
    for name in config::names(image) {
        match fetch(context, origin, &name)? {
            Ok(file) => return follow(context, origin, file, wanted),
            Err(Refused(why)) => last = Some(why),
        }
    }
    Err(CommandError::failed(format!(
        "{} has no configuration beside it: {}",
        file.name,
        last.unwrap_or_default()
    )))
}

/// The wanted section of a configuration, or of one that it leads to by `chain=`.
fn follow(
    context: &mut Context,
    origin: &Origin,
    mut file: File,
    wanted: Option<&str>,
) -> Result<Section, CommandError> {
    let mut wanted = wanted.map(ToString::to_string);
    let mut seen = BTreeSet::from([base(&file.name)]);
    loop {
        let name = base(&file.name);
        let config = Config::parse(&name, context.memory.bytes(file.region)?);
        release(context, origin, &file);
        let config = config.map_err(failed)?;
        context.report(config.findings());
        let default = || config.default_section().map(ToString::to_string);
        wanted = wanted.or_else(default);
        let next = config.chain().filter(|_| !config.has_kernel(wanted.as_deref()));
        let Some(next) = next else {
            let section = config.section(wanted.as_deref()).map_err(failed)?;
            context.report(&section.findings);
            return Ok(section);
        };
        if !seen.insert(next.file.clone()) || seen.len() > MAX_CHAIN {
            return Err(CommandError::failed(format!(
                "{name}:{}: chain={} leads in a circle, or further than {MAX_CHAIN} files",
                next.at, next.file
            )));
        }
        let asked = fetch(context, origin, &next.file)?;
        file = asked
            .map_err(|Refused(why)| CommandError::failed(format!("{name}:{}: chain={}: {why}", next.at, next.file)))?;
    }
}

fn failed(error: ConfigError) -> CommandError {
    CommandError::failed(error.to_string())
}

/// The tree that `dtb=` names, or else the one that the board has.
fn tree_of(context: &mut Context, origin: &Origin, section: &Section) -> Result<Tree, CommandError> {
    if let Some(line) = &section.dtb {
        let file = fetch(context, origin, &line.file)?.map_err(|Refused(why)| {
            CommandError::failed(format!("{}:{}: dtb={}: {why}", section.source, line.at, line.file))
        })?;
        return tree(context, origin, &file);
    }
    let at = start::tree(context, None)?;
    let tree = Tree::parse(context.memory.bytes(at)?);
    tree.map_err(|error| CommandError::failed(format!("the device tree at {at}: {error}")))
}
