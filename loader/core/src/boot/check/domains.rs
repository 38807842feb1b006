//! Checks of what the tree asks Xen to make: a kernel for each domain, memory in KiB, a console.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::Region;

use super::super::Finding;
use super::super::plan::{Domain, Module, Plan, Role};
use super::Subject;
use crate::devicetree::Tree;
use crate::image::{arm64, detect, gzip};

const KIB: u64 = 1024;

/// `memory` values up to this are thought to be MiB: 4096 KiB hold no Linux.
const SUSPICIOUSLY_SMALL: u64 = 4096;

/// Xen puts the parts of a domain at multiples of this.
const PIECE: u64 = 0x20_0000;

/// The bit of `capabilities` that makes a domain the one that answers for the xenstore (Xen 4.21: `DOMAIN_CAPS_XENSTORE`).
const XENSTORE: u32 = 1 << 2;

/// Domains that Xen makes by the tree, with their index; dom0 is not one of them.
fn domus(plan: &Plan) -> impl Iterator<Item = (usize, &Domain)> {
    plan.domains.iter().enumerate().skip(1)
}

fn with_role(plan: &Plan, domain: usize, role: Role) -> Vec<&Module> {
    plan.modules_of(domain).filter(|module| module.role == role).collect()
}

/// Each domain has one kernel; dom0 may have none if there are others.
pub(super) fn kernels(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let plan = &subject.layout.plan;
    for (index, domain) in plan.domains.iter().enumerate() {
        match with_role(plan, index, Role::Kernel).as_slice() {
            [] if index != 0 => findings.push(Finding::error(format_args!(
                "{} has no kernel: no module in it is \"multiboot,kernel\"",
                domain.path
            ))),
            [first, second, ..] => findings.push(Finding::error(format_args!(
                "{} has two kernels, {} at {} and {} at {}",
                domain.name,
                first.path,
                first.region.start(),
                second.path,
                second.region.start()
            ))),
            _ => {}
        }
    }
    let nothing = plan.domains.len() <= 1 && with_role(plan, 0, Role::Kernel).is_empty();
    if subject.layout.image.is_xen && nothing {
        findings.push(Finding::error(format_args!(
            "Xen would have nothing to start: /chosen names neither a kernel for dom0 nor a xen,domain{}",
            unnamed_files(subject)
        )));
    }
}

/// Loaded files that nothing refers to: most likely one of them was meant.
fn unnamed_files(subject: &Subject<'_>) -> String {
    let layout = subject.layout;
    let named = |region: Region| {
        region.overlaps(layout.image.source) || layout.parts().iter().any(|part| part.region.overlaps(region))
    };
    let files = subject.memory.files().iter().filter(|file| !named(file.region));
    let list: Vec<String> = files
        .map(|file| alloc::format!("{} at {}", file.name, file.region.start()))
        .collect();
    if list.is_empty() {
        String::new()
    } else {
        alloc::format!("; loaded and not named: {}", list.join(", "))
    }
}

/// Xen unpacks a gzip'd kernel for the first domain that has it and frees what it unpacked: the next one finds nothing.
pub(super) fn shared_kernels(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let modules = subject.layout.plan.modules.iter();
    let packed = modules.filter(|module| module.role == Role::Kernel && module.contents == detect::Kind::Gzip);
    let mut first: BTreeMap<Region, &Module> = BTreeMap::new();
    for module in packed {
        if let Some(other) = first.get(&module.region) {
            findings.push(Finding::error(format_args!(
                "{} and {} share {} at {}: Xen unpacks a gzip'd kernel for one domain only; load it once more for the other",
                other.path,
                module.path,
                module.file_name(),
                module.region.start()
            )));
        } else {
            first.insert(module.region, module);
        }
    }
}

/// At most one ramdisk each, and one for dom0 only with a kernel.
pub(super) fn ramdisks(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let plan = &subject.layout.plan;
    for (index, domain) in plan.domains.iter().enumerate() {
        if let [first, second, ..] = with_role(plan, index, Role::Ramdisk).as_slice() {
            findings.push(Finding::warning(format_args!(
                "{} has two ramdisks, {} and {}; Xen takes one of them",
                domain.name, first.path, second.path
            )));
        }
    }
    let module = with_role(plan, 0, Role::Ramdisk)
        .first()
        .map(|module| module.path.clone());
    let argument = subject.layout.ramdisk.as_ref().filter(|_| plan.is_for_xen());
    if let (Some(module), Some(argument)) = (&module, argument) {
        findings.push(Finding::warning(format_args!(
            "dom0 has two ramdisks, {} by linux,initrd-start and {module}; Xen takes the first",
            argument.name
        )));
    }
    let ramdisk = argument.map(|ramdisk| ramdisk.name.clone()).or(module);
    if let Some(ramdisk) = ramdisk.filter(|_| with_role(plan, 0, Role::Kernel).is_empty()) {
        findings.push(Finding::warning(format_args!(
            "dom0 has a ramdisk ({ramdisk}) and no kernel: Xen will not start it"
        )));
    }
}

/// `memory` is a 64-bit number of KiB that holds at least the domain's own files.
pub(super) fn memory(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for (index, domain) in domus(&subject.layout.plan) {
        let path = &domain.path;
        let value = subject.tree.property(domain.node, "memory");
        let Some(kib) = subject.tree.u64(domain.node, "memory") else {
            findings.push(match value {
                Some(value) => Finding::error(format_args!(
                    "{path}: memory has {} bytes; Xen reads a 64-bit number of KiB, such as <0 131072>",
                    value.len()
                )),
                None => Finding::error(format_args!(
                    "{path} has no memory property; it is a number of KiB, such as <0 131072>"
                )),
            });
            continue;
        };
        let need = subject
            .layout
            .plan
            .modules_of(index)
            .map(|module| footprint(subject, module));
        let need = need.fold(0, u64::saturating_add);
        let finding = judge_memory(kib, need, total_ram(subject)).or_else(|| judge_pieces(kib, pieces(subject, index)));
        findings.extend(finding.map(|finding| Finding {
            sentence: alloc::format!("{path}: {}", finding.sentence),
            ..finding
        }));
    }
}

/// What is wrong with a domain of `kib` KiB whose files need `need` bytes, on a machine with `ram` bytes.
fn judge_memory(kib: u64, need: u64, ram: u64) -> Option<Finding> {
    let bytes = kib.saturating_mul(KIB);
    if bytes > ram && kib <= ram && kib.is_multiple_of(1 << 20) {
        return Some(Finding::error(format_args!(
            "memory = {kib} KiB is more than the machine's {} KiB; if bytes were meant, write {}",
            ram / KIB,
            kib / KIB
        )));
    }
    if bytes > ram {
        return Some(Finding::error(format_args!(
            "memory = {kib} KiB is more than the machine's {} KiB",
            ram / KIB
        )));
    }
    if bytes < need {
        let guess = if (1..=SUSPICIOUSLY_SMALL).contains(&kib) {
            "; if MiB were meant, write "
        } else {
            ""
        };
        let number = if guess.is_empty() {
            String::new()
        } else {
            kib.saturating_mul(KIB).to_string()
        };
        return Some(Finding::error(format_args!(
            "memory = {kib} KiB do not hold the domain's own files, which need {} KiB{guess}{number}",
            need.div_ceil(KIB)
        )));
    }
    (kib <= SUSPICIOUSLY_SMALL).then(|| {
        Finding::warning(format_args!(
            "memory = {kib} KiB is very little; if MiB were meant, write {}",
            kib.saturating_mul(KIB)
        ))
    })
}

/// What is wrong with a domain of `kib` KiB in which Xen finds room for kernel, ramdisk and device tree only above `pieces` bytes.
fn judge_pieces(kib: u64, pieces: u64) -> Option<Finding> {
    (kib.saturating_mul(KIB) <= pieces).then(|| {
        Finding::error(format_args!(
            "memory = {kib} KiB do not hold the domain's own files: Xen puts kernel, ramdisk and device tree into pieces of 2 MiB, \
             which needs more than {} KiB",
            pieces / KIB
        ))
    })
}

/// What a domain's files take in pieces of 2 MiB, with one for its device tree (`place_modules` in Xen's `kernel.c`). A kernel's BSS is not
/// looked at there.
fn pieces(subject: &Subject<'_>, domain: usize) -> u64 {
    let modules = subject.layout.plan.modules_of(domain);
    let pieces = modules.map(|module| {
        let len = match (module.role, module.contents) {
            (Role::Kernel, detect::Kind::Gzip) => footprint(subject, module),
            (Role::Kernel | Role::Ramdisk, _) => module.region.len(),
            _ => 0,
        };
        len.checked_next_multiple_of(PIECE).unwrap_or(u64::MAX)
    });
    pieces.fold(PIECE, u64::saturating_add)
}

/// What a module takes in its domain's memory at least.
fn footprint(subject: &Subject<'_>, module: &Module) -> u64 {
    let bytes = subject.memory.bytes(module.region).unwrap_or_default();
    match (module.role, module.contents) {
        (Role::Kernel, detect::Kind::Arm64Image) => {
            arm64::Header::parse(bytes).map_or(module.region.len(), |header| header.memory_size(module.region.len()))
        }
        (Role::Kernel, detect::Kind::Gzip) if module.file.is_some() => gzip::stated_size(bytes).map_or(0, u64::from),
        (Role::Kernel | Role::Ramdisk, _) => module.region.len(),
        _ => 0,
    }
}

fn total_ram(subject: &Subject<'_>) -> u64 {
    super::tree_banks(subject.tree)
        .into_iter()
        .map(Region::len)
        .fold(0, u64::saturating_add)
}

/// All domains together fit the machine.
pub(super) fn memory_sum(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let ram = total_ram(subject);
    let each = domus(&subject.layout.plan).filter_map(|(_, domain)| subject.tree.u64(domain.node, "memory"));
    let bytes: Vec<u64> = each.map(|kib| kib.saturating_mul(KIB)).collect();
    let sum = bytes.iter().copied().fold(0, u64::saturating_add);
    // A single domain that is too large has its own finding.
    if sum > ram && bytes.iter().all(|one| *one <= ram) {
        findings.push(Finding::error(format_args!(
            "the domains ask for {} KiB together, the machine has {} KiB",
            sum / KIB,
            ram / KIB
        )));
    }
}

/// What Xen's driver for the GIC of version 2 is for (its `gic-v2.c`).
const GIC_V2: [&str; 3] = ["arm,gic-400", "arm,cortex-a15-gic", "arm,cortex-a7-gic"];

/// How many virtual CPUs a domain may have: 128 on Arm (`MAX_VIRT_CPUS`), and 8 where guests see a GIC of version 2, as they do if it is the
/// machine's.
fn most_cpus(tree: &Tree) -> u32 {
    let has = |name: &str| tree.nodes().any(|node| tree.compatible(node, name));
    let is_2 = !has("arm,gic-v3") && GIC_V2.into_iter().any(has);
    if is_2 { 8 } else { 128 }
}

/// Xen stops without `cpus`, and if there are too many.
pub(super) fn cpus(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let most = most_cpus(subject.tree);
    for (_, domain) in domus(&subject.layout.plan) {
        let path = &domain.path;
        match (
            subject.tree.property(domain.node, "cpus"),
            subject.tree.u32(domain.node, "cpus"),
        ) {
            (None, _) => findings.push(Finding::error(format_args!(
                "{path} has no cpus property; Xen stops without it: write cpus = <1>"
            ))),
            (Some(value), None) => findings.push(Finding::error(format_args!(
                "{path}: cpus has {} bytes; Xen reads one cell, such as <1>",
                value.len()
            ))),
            (_, Some(count)) if count == 0 || count > 128 => findings.push(Finding::error(format_args!(
                "{path}: cpus = {count}; a domain has from 1 to 128"
            ))),
            (_, Some(count)) if count > most => findings.push(Finding::error(format_args!(
                "{path}: cpus = {count}; with the machine's GIC of version 2 a domain has {most} at most"
            ))),
            _ => {}
        }
    }
}

/// `xen,enhanced` needs a dom0 that answers, or Xen stops ("Xenstore support requires dom0 to be present"); since 4.21 a domain may
/// answer in its place. "legacy" means the same since 4.20, and nothing before.
pub(super) fn enhanced(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let plan = &subject.layout.plan;
    let answers = |domain: &Domain| {
        let capabilities = subject.tree.u32(domain.node, "capabilities");
        capabilities.is_some_and(|bits| bits & XENSTORE != 0)
    };
    if !with_role(plan, 0, Role::Kernel).is_empty() || domus(plan).any(|(_, domain)| answers(domain)) {
        return;
    }
    for (_, domain) in domus(plan) {
        let wants = subject.tree.property(domain.node, "xen,enhanced");
        let value = subject.tree.str(domain.node, "xen,enhanced").unwrap_or_default();
        let path = &domain.path;
        match (wants, value) {
            (Some(_), "" | "enabled") => findings.push(Finding::error(format_args!(
                "{path}: xen,enhanced needs a dom0, and there is none: Xen would stop; \"no-xenstore\" does without"
            ))),
            (Some(_), "legacy") => findings.push(Finding::warning(format_args!(
                "{path}: xen,enhanced = \"legacy\" needs a dom0, and there is none: Xen stops since 4.20; \"no-xenstore\" does without"
            ))),
            _ => {}
        }
    }
}

/// Xen does not look at a domain's `status`.
pub(super) fn status(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for (_, domain) in domus(&subject.layout.plan) {
        if !subject.tree.is_enabled(domain.node) {
            findings.push(Finding::warning(format_args!(
                "{}: its status says that it is not to be used, which Xen does not look at: it starts the domain",
                domain.path
            )));
        }
    }
}

/// A domain without `vpl011` is silent unless a device is passed through.
pub(super) fn consoles(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for (_, domain) in domus(&subject.layout.plan) {
        if subject.tree.property(domain.node, "vpl011").is_none() {
            findings.push(Finding::note(format_args!(
                "{} has no vpl011: its console will not be seen",
                domain.path
            )));
        }
    }
}

#[cfg(test)]
mod tests;
