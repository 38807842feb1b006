//! What would go wrong after the jump, found before it: places in RAM, contents of files (in `contents`), what the tree asks Xen to make
//! (in [`domains`]), what it gives away by address (in `given`) or passes through (in `passthrough`), and what Xen does not see of it (in
//! `seen`).

mod contents;
pub mod domains;
mod given;
mod passthrough;
mod seen;

use alloc::string::ToString;
use alloc::vec::Vec;

use hal::{ExceptionLevel, PhysAddr, Region};

use super::Finding;
use super::map::{Layout, Part};
use super::plan::{Module, Packing};
use crate::devicetree::Tree;
use crate::image::detect;
use crate::memory::Memory;

/// Xen and Linux map this much for the tree (booting.rst, part 2; Xen's `MAX_FDT_SIZE`).
const TREE_MAX: u64 = 0x20_0000;

/// Xen's own addresses begin here: it must be loaded below (Xen `docs/misc/arm/booting.txt`).
const XEN_CEILING: u64 = 10 << 40;

/// Modules that a stock Xen keeps (`MAX_MODULES`), itself and the tree taken off.
const XEN_MODULES: usize = 30;

/// All that the checks look at.
pub struct Subject<'a> {
    /// What will lie where.
    pub layout: &'a Layout,
    /// The tree as it will be handed over.
    pub tree: &'a Tree,
    /// The memory map.
    pub memory: &'a Memory,
    /// Where the loader runs, and so will the image.
    pub level: ExceptionLevel,
}

type Check = fn(&Subject<'_>, &mut Vec<Finding>);

/// The checks, in the order of their findings.
const CHECKS: &[Check] = &[
    exception_level,
    xen_address,
    entry_point,
    image_file,
    module_files,
    contents::roles,
    passthrough::devices,
    in_ram,
    in_tree_ram,
    reserved_memory,
    memory_reservations,
    given::nothing_in_it,
    given::places,
    given::sums,
    given::direct_maps,
    overlaps,
    tree_ram,
    tree_size,
    module_count,
    linux_with_domains,
    seen::nodes,
    seen::names,
    seen::command_lines,
    domains::kernels,
    domains::shared_kernels,
    domains::ramdisks,
    domains::memory,
    domains::memory_sum,
    domains::cpus,
    domains::status,
    domains::enhanced,
    domains::consoles,
];

/// Runs all checks.
#[must_use]
pub fn all(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for check in CHECKS {
        check(subject, &mut findings);
    }
    findings
}

/// Xen needs EL2.
fn exception_level(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if subject.layout.image.is_xen && subject.level < ExceptionLevel::El2 {
        findings.push(Finding::error(format_args!(
            "{} is Xen and needs EL2, this machine runs at {}; plain Linux can be started here",
            subject.layout.image.name, subject.level
        )));
    }
}

fn xen_address(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let image = &subject.layout.image;
    if image.is_xen && image.target.end().get() > XEN_CEILING {
        findings.push(Finding::error(format_args!(
            "{} is Xen and must lie below 10 TiB, not at {}",
            image.name, image.target
        )));
    }
}

/// A uImage's header may name any entry.
fn entry_point(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let image = &subject.layout.image;
    if !image.target.contains(image.entry) || !image.entry.is_aligned(4) {
        findings.push(Finding::error(format_args!(
            "{} would be started at {}, which is no instruction of the image at {}",
            image.name, image.entry, image.target
        )));
    }
}

/// The image's file, and the ramdisk's, must still be what was loaded.
fn image_file(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Layout { image, ramdisk, .. } = subject.layout;
    if let Some(ramdisk) = ramdisk.as_ref().filter(|ramdisk| ramdisk.region.overlaps(image.source)) {
        findings.push(Finding::error(format_args!(
            "ERROR: RD image overlaps OS image: {} at {}, {} at {}",
            ramdisk.name, ramdisk.region, image.name, image.source
        )));
        return;
    }
    for region in core::iter::once(image.source).chain(ramdisk.as_ref().map(|ramdisk| ramdisk.region)) {
        // The last one that holds it: an earlier and longer one may be what it was loaded over.
        let file = subject
            .memory
            .files_in(region)
            .filter(|file| file.region.covers(region))
            .last();
        if let Some((file, by)) = file.and_then(|file| Some((file, file.overwritten_by.as_ref()?))) {
            findings.push(Finding::error(format_args!(
                "{} at {} was written over by {by} after it was loaded",
                file.name, file.region
            )));
        }
    }
}

/// A module must be a file that was loaded and is still whole.
fn module_files(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for module in &subject.layout.plan.modules {
        let Module { path, region, .. } = module;
        match (&module.file, &module.overwritten_by) {
            (Some(file), Some(by)) => findings.push(Finding::error(format_args!(
                "{path}: {file} at {region} was written over by {by} after it was loaded"
            ))),
            _ if region.is_empty() => {
                findings.push(Finding::error(format_args!(
                    "{path}: the module at {} has no bytes",
                    region.start()
                )));
            }
            (None, _) if matches!(module.contents, detect::Kind::Unknown(_)) => {
                let (at, found) = (region.start(), module.contents);
                findings.push(Finding::error(format_args!(
                    "{path}: nothing was loaded at {at}, and what lies there is {found}"
                )));
            }
            (None, _) => findings.push(Finding::warning(format_args!(
                "{path}: nothing was loaded at {}, but {} lies there; its size of {} bytes is the tree's and not \
                 checked",
                region.start(),
                module.contents,
                region.len()
            ))),
            (Some(_), None) => {}
        }
    }
}

/// Everything must lie in RAM that the loader does not keep for itself.
fn in_ram(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for part in subject.layout.parts() {
        if let Err(error) = subject.memory.check(part.region) {
            findings.push(Finding::error(format_args!("{}: {error}", part.what)));
        }
    }
}

fn tree_banks(tree: &Tree) -> Vec<Region> {
    let banks = tree.memory().unwrap_or_default().into_iter();
    banks
        .filter_map(|(start, len)| Region::new(PhysAddr(start), len))
        .collect()
}

/// The system that is started knows only the RAM of its tree.
fn in_tree_ram(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if let Err(error) = subject.tree.memory() {
        findings.push(Finding::error(format_args!(
            "the tree does not say where RAM is: {error}"
        )));
        return;
    }
    let banks = tree_banks(subject.tree);
    for Part { what, region, .. } in subject.layout.parts() {
        let known = banks
            .iter()
            .filter_map(|bank| bank.intersection(region))
            .map(Region::len);
        if known.fold(0, u64::saturating_add) < region.len() {
            let list: Vec<_> = banks.iter().map(ToString::to_string).collect();
            findings.push(Finding::error(format_args!(
                "{what}: {region} is not in the RAM that the tree's /memory describes ({})",
                list.join(", ")
            )));
        }
    }
}

/// The tree must not promise RAM that is not there.
fn tree_ram(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for bank in tree_banks(subject.tree) {
        if !subject.memory.banks().iter().any(|there| there.covers(bank)) {
            let list: Vec<_> = subject.memory.banks().iter().map(ToString::to_string).collect();
            findings.push(Finding::warning(format_args!(
                "the tree's /memory says that {bank} is RAM, this machine has {}",
                list.join(", ")
            )));
        }
    }
}

/// Nothing may lie in `/reserved-memory`: Xen stops there without a word.
fn reserved_memory(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let reserved = subject.tree.reserved_memory().unwrap_or_else(|error| {
        findings.push(Finding::warning(format_args!(
            "what is reserved cannot be read: {error}"
        )));
        Vec::new()
    });
    let reserved = reserved
        .into_iter()
        .filter_map(|(node, start, len)| Some((node, Region::new(PhysAddr(start), len)?)));
    let parts = subject.layout.parts();
    let reserved: Vec<_> = reserved.collect();
    for part in &parts {
        // One is enough to move it away, and hundreds may lie over one another.
        if let Some((node, region)) = reserved.iter().find(|(_, region)| part.region.overlaps(*region)) {
            findings.push(Finding::error(format_args!(
                "{} at {} lies in {} at {region}",
                part.what,
                part.region,
                subject.tree.path(*node)
            )));
        }
    }
}

/// Entries of the blob's reservation block: exact ones are other loaders' marks for modules, partial ones mistakes.
fn memory_reservations(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let parts = subject.layout.parts();
    let kept = subject.tree.reservations().iter();
    let kept: Vec<Region> = kept
        .filter_map(|entry| Region::new(PhysAddr(entry.address), entry.size))
        .collect();
    for part in &parts {
        let partly = |region: &&Region| part.region.overlaps(**region) && !region.covers(part.region);
        if let Some(region) = kept.iter().find(partly) {
            findings.push(Finding::warning(format_args!(
                "{} at {} lies partly in {region}, which the tree's reservation block keeps",
                part.what, part.region
            )));
        }
    }
}

/// No two things may share a byte.
fn overlaps(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let parts = subject.layout.parts();
    let mut widest: Option<&Part> = None;
    for part in &parts {
        if let Some(before) = widest.filter(|before| before.region.overlaps(part.region)) {
            findings.push(Finding::error(format_args!(
                "{} at {} and {} at {} overlap",
                before.what, before.region, part.what, part.region
            )));
        }
        if widest.is_none_or(|before| before.region.end() < part.region.end()) {
            widest = Some(part);
        }
    }
}

fn tree_size(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let len = subject.layout.tree.len();
    if len > TREE_MAX {
        findings.push(Finding::error(format_args!(
            "the device tree has {len} bytes, Xen and Linux take {TREE_MAX}"
        )));
    }
}

fn module_count(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let modules = subject.layout.parts().iter().filter(|part| part.role.is_some()).count();
    if subject.layout.image.is_xen && modules > XEN_MODULES {
        findings.push(Finding::warning(format_args!(
            "the tree names {modules} modules; a Xen built as usual takes {XEN_MODULES} and ignores the others"
        )));
    }
}

/// A tree for Xen under a kernel that is not Xen.
fn linux_with_domains(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Layout { plan, image, .. } = subject.layout;
    if plan.is_for_xen() && !image.is_xen && image.packing == Packing::Plain {
        findings.push(Finding::warning(format_args!(
            "the tree describes domains for Xen, but {} does not look like Xen and may ignore them",
            image.name
        )));
    }
}

#[cfg(test)]
mod tests;
