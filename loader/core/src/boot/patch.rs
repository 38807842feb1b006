//! Makes the tree tell the truth: each module's `reg` and unit address, the ramdisk, `/memory`, the command line.
//!
//! Trees are written before the files' sizes are known, so they hold made-up ones; Xen needs the exact size of a
//! compressed kernel, and hands guests as many bytes as the tree says.

mod unwrap;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::{PhysAddr, Region};
use thiserror::Error;

use super::Finding;
use super::locate::{self, Cells, Place, Source};
use super::plan::{Module, Plan, Ramdisk, Role};
use super::survey::{self, Entry};
use crate::devicetree::{EditError, NodeId, RegError, Tree};
use crate::image::{detect, uimage};
use crate::memory::{LoadedFile, Memory};
use crate::xen::module::{self, Kind, MODULE};

/// Why a module's node cannot be put right.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatchError {
    /// The node names a file, as for `xen boot`.
    #[error("{node} names the file {file} and no address: xen boot loads the files that a tree names")]
    Named {
        /// The node's path.
        node: String,
        /// The file.
        file: String,
    },
    /// Nothing says where the file is.
    #[error("{node} has no reg that can be read ({len} bytes), and no unit address where a file was loaded")]
    NoPlace {
        /// The node's path.
        node: String,
        /// Length of its `reg`.
        len: usize,
    },
    /// The address does not fit the parent's cells.
    #[error("{node}: {source}; load the file below 4 GiB or give the parent more cells")]
    Cells {
        /// The node's path.
        node: String,
        /// What does not fit.
        source: RegError,
    },
    /// A wrapped ramdisk is damaged.
    #[error("{node}: the uImage {file} at {at} is damaged: {source}")]
    Wrapping {
        /// The node's path.
        node: String,
        /// The file's name.
        file: String,
        /// Its first address.
        at: PhysAddr,
        /// What is wrong with it.
        source: uimage::Error,
    },
    /// The tree cannot take the edit.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// Puts every module's node right, and says what it did. Those that cannot be put right are errors among the findings.
pub fn modules(tree: &mut Tree, memory: &Memory, findings: &mut Vec<Finding>) -> Plan {
    let (domains, entries) = survey::read(tree);
    findings.extend(survey::taken_for_dom0s(tree, &entries));
    let mut plan = Plan {
        domains,
        modules: Vec::new(),
    };
    let mut guesses = 0;
    for entry in &entries {
        match module(tree, memory, entry, findings) {
            Ok(mut module) => {
                if module.role == Role::Other && module.domain == 0 {
                    module.role = guess(guesses, module.contents);
                    guesses = guesses.saturating_add(1);
                }
                plan.modules.push(module);
            }
            Err(error) => findings.push(Finding::error(error)),
        }
    }
    plan
}

/// What Xen takes an untyped module of dom0 for: the first is the kernel, the second the ramdisk unless it is a policy.
fn guess(index: u32, contents: detect::Kind) -> Role {
    match (index, contents) {
        (0, _) => Role::Kernel,
        (_, detect::Kind::XsmPolicy) => Role::XsmPolicy,
        (1, _) => Role::Ramdisk,
        _ => Role::Other,
    }
}

fn module(tree: &mut Tree, memory: &Memory, entry: &Entry, findings: &mut Vec<Finding>) -> Result<Module, PatchError> {
    let ((address, size), warning) = module::spell_out_cells(tree, entry.parent)?;
    findings.extend(warning);
    let path = tree.path(entry.node);
    let places = locate::places(tree, entry.node, Cells { address, size });
    let chosen = locate::choose(&places, memory);
    let found = chosen.and_then(|(place, file)| Some((place, file, locate::region(place, file)?)));
    let (place, file, region) = found.ok_or_else(|| no_place(tree, entry.node))?;
    modern_compatible(tree, entry, findings)?;
    let role = Role::from(entry.kind);
    let region = unwrap::module(memory, (&path, entry), (region, file), findings)?;
    explain(&path, &places, place, (region, file), findings);
    write_place(tree, entry, region)?;
    Ok(Module {
        path: tree.path(entry.node),
        domain: entry.domain,
        role,
        region,
        file: file.map(|file| file.name.clone()),
        overwritten_by: file.and_then(|file| file.overwritten_by.clone()),
        contents: contents(memory, region),
    })
}

fn no_place(tree: &Tree, id: NodeId) -> PatchError {
    let node = tree.path(id);
    let name = [module::FILE, module::OLD_FILE]
        .iter()
        .find_map(|name| tree.str(id, name));
    match name {
        Some(file) => PatchError::Named {
            node,
            file: file.to_string(),
        },
        None => PatchError::NoPlace {
            node,
            len: tree.property(id, "reg").map_or(0, <[u8]>::len),
        },
    }
}

/// What the first bytes of `region` say it is.
pub(super) fn contents(memory: &Memory, region: Region) -> detect::Kind {
    let looked_at = u64::try_from(detect::LOOKED_AT).unwrap_or(u64::MAX);
    let start = Region::new(region.start(), region.len().min(looked_at));
    detect::kind(start.and_then(|start| memory.bytes(start).ok()).unwrap_or_default())
}

/// Adds the strings without which Xen does not see the module.
fn modern_compatible(tree: &mut Tree, entry: &Entry, findings: &mut Vec<Finding>) -> Result<(), EditError> {
    let has = |name: &str| tree.compatible(entry.node, name);
    let kind_name = entry.kind.map(Kind::compatible);
    let kind_name = kind_name.filter(|name| entry.domain != 0 && !has(name));
    let module_name = MODULE.first().filter(|_| !MODULE.iter().any(|name| has(name)));
    let added: Vec<&str> = kind_name.into_iter().chain(module_name.copied()).collect();
    if !added.is_empty() {
        let old: Vec<String> = tree
            .strings(entry.node, "compatible")
            .map(ToString::to_string)
            .collect();
        let all: Vec<&str> = added.iter().copied().chain(old.iter().map(String::as_str)).collect();
        findings.push(Finding::warning(format_args!(
            "{} is \"{}\"; Xen takes a module here only if it is also \"{}\": added",
            tree.path(entry.node),
            old.join("\", \""),
            added.join("\" and \"")
        )));
        tree.set_strings(entry.node, "compatible", &all)?;
    }
    Ok(())
}

/// Says what was wrong with the node, if anything was.
fn explain(
    path: &str,
    places: &[Place],
    place: Place,
    (region, file): (Region, Option<&LoadedFile>),
    findings: &mut Vec<Finding>,
) {
    let name = file.map_or("nothing", |file| &file.name);
    let address = |source| {
        places
            .iter()
            .find(|place| place.source == source)
            .map(|place| place.address)
    };
    let lies = format!("{name} was loaded at {:#x}", place.address);
    match (address(Source::Reg), address(Source::UnitAddress)) {
        _ if matches!(place.source, Source::Cells(_)) => {
            findings.push(Finding::warning(format_args!(
                "{path}: reg is not written in the cells of the node above; {lies}, so that is meant: written anew"
            )));
        }
        (reg, Some(unit)) if reg != Some(unit) && !path.starts_with("/chosen/modules/") => {
            let reg = reg.map_or_else(
                || "is missing or too short for the cells of the node above".to_string(),
                |reg| format!("says {reg:#x}"),
            );
            findings.push(Finding::warning(format_args!(
                "{path}: the unit address says {unit:#x}, reg {reg}; {lies}: both now say {}",
                region.start()
            )));
        }
        _ => {}
    }
    if let Some(told) = place.size.filter(|told| file.is_some() && *told != region.len()) {
        findings.push(Finding::note(format_args!(
            "{path}: reg said {told} bytes ({told:#x}), {name} has {}: corrected",
            region.len()
        )));
    }
}

/// Writes `reg` and the unit address. A number behind the `@` in `/chosen/modules` is an index, and stays.
fn write_place(tree: &mut Tree, entry: &Entry, region: Region) -> Result<(), PatchError> {
    let start = region.start().get();
    let reg = tree.encode_reg(entry.parent, start, region.len());
    let reg = reg.map_err(|source| PatchError::Cells {
        node: tree.path(entry.node),
        source,
    })?;
    tree.set(entry.node, "reg", &reg)?;
    let wrong = locate::unit_address(tree.name(entry.node)).is_some_and(|unit| unit != start);
    if !wrong || tree.name(entry.parent) == "modules" {
        return Ok(());
    }
    Ok(module::set_unit_address(tree, entry.node, start)?)
}

/// Tells the kernel, or Xen for dom0, where its ramdisk is.
///
/// # Errors
/// [`EditError`] if the tree has no room for the node.
pub fn ramdisk(tree: &mut Tree, ramdisk: &Ramdisk) -> Result<(), EditError> {
    let chosen = tree.ensure(tree.root(), "chosen")?;
    tree.set_u64(chosen, "linux,initrd-end", ramdisk.region.end().get())?;
    tree.set_u64(chosen, "linux,initrd-start", ramdisk.region.start().get())
}

/// The ramdisk that the tree names by itself, its end put right if its file was loaded here.
///
/// # Errors
/// [`EditError`] if the tree cannot take the edit.
pub fn named_ramdisk(
    tree: &mut Tree,
    memory: &Memory,
    findings: &mut Vec<Finding>,
) -> Result<Option<Ramdisk>, EditError> {
    let Some((start, end)) = survey::ramdisk(tree).filter(|(start, end)| start < end) else {
        no_ramdisk(tree, findings)?;
        return Ok(None);
    };
    let Some(file) = memory.file_at(start) else {
        findings.push(Finding::warning(format_args!(
            "/chosen: linux,initrd-start says {start}, but nothing was loaded there; kept as it is"
        )));
        let region = Region::from_bounds(start, end);
        return Ok(region.map(|region| Ramdisk {
            name: "(not loaded here)".to_string(),
            region,
        }));
    };
    let found = Ramdisk {
        name: file.name.clone(),
        region: unwrap::ramdisk(memory, file.region),
    };
    if found.region != file.region {
        findings.push(Finding::note(format_args!(
            "/chosen: {} is a uImage; linux,initrd-start names the ramdisk behind its 64-byte header",
            file.name
        )));
    } else if file.region.end() != end {
        findings.push(Finding::note(format_args!(
            "/chosen: linux,initrd-end said {end}, {} ends at {}: corrected",
            file.name,
            file.region.end()
        )));
    }
    if (found.region.start(), found.region.end()) != (start, end) {
        ramdisk(tree, &found)?;
    }
    Ok(Some(found))
}

/// Takes out what is said of a ramdisk and names none: Xen stops reading the tree there, before it has seen a module.
fn no_ramdisk(tree: &mut Tree, findings: &mut Vec<Finding>) -> Result<(), EditError> {
    let Some(chosen) = tree.child(tree.root(), "chosen") else {
        return Ok(());
    };
    let names = ["linux,initrd-start", "linux,initrd-end"];
    let said: Vec<&str> = names
        .into_iter()
        .filter(|name| tree.property(chosen, name).is_some())
        .collect();
    if said.is_empty() {
        return Ok(());
    }
    findings.push(Finding::warning(format_args!(
        "/chosen: {} does not say where a ramdisk begins and ends: taken out, since Xen would not read on there",
        said.join(" with ")
    )));
    said.into_iter().try_for_each(|name| tree.remove_property(chosen, name))
}

/// Fills `/memory` in with the machine's banks if the tree does not say where RAM is.
///
/// # Errors
/// [`PatchError`] if the tree cannot take it.
pub fn memory_node(tree: &mut Tree, memory: &Memory, findings: &mut Vec<Finding>) -> Result<(), PatchError> {
    if !tree.memory().is_ok_and(|banks| banks.is_empty()) {
        return Ok(());
    }
    let root = tree.root();
    let mut reg = Vec::new();
    for bank in memory.banks() {
        let part = tree.encode_reg(root, bank.start().get(), bank.len());
        reg.extend(part.map_err(|source| PatchError::Cells {
            node: "/memory".to_string(),
            source,
        })?);
    }
    let is_memory = |id: &NodeId| matches!(tree.name(*id).split('@').next(), Some("memory"));
    let found = tree.children(root).find(is_memory);
    let first = memory.banks().first().map_or(0, |bank| bank.start().get());
    let node = match found {
        Some(node) => node,
        None => tree.add(root, &format!("memory@{first:x}"))?,
    };
    tree.set(node, "reg", &reg)?;
    tree.set_strings(node, "device_type", &["memory"])?;
    findings.push(Finding::note(format_args!(
        "{} did not say where RAM is: filled in from the machine",
        tree.path(node)
    )));
    Ok(())
}

/// Puts the kernel's command line into `/chosen`.
///
/// # Errors
/// [`EditError`] if the tree has no room for the node.
pub fn command_line(tree: &mut Tree, bootargs: &str) -> Result<(), EditError> {
    let chosen = tree.ensure(tree.root(), "chosen")?;
    tree.set_strings(chosen, "bootargs", &[bootargs])
}

#[cfg(test)]
mod tests;
