//! Modules: what they are, and where their bytes come from.

use alloc::string::String;
use alloc::vec::Vec;

use super::HyperlaunchError;
use crate::devicetree::{NodeId, Tree};
use crate::finding::Finding;
use crate::xen::config::Section;
use crate::xen::graft::{self, Binary, LOCATORS};
use crate::xen::module::{self, Kind};

/// A property of one cell; `None` if it is not there.
///
/// # Errors
/// [`HyperlaunchError::BadCell`].
pub(super) fn cell(tree: &Tree, node: NodeId, name: &'static str) -> Result<Option<u32>, HyperlaunchError> {
    let Some(value) = tree.property(node, name) else {
        return Ok(None);
    };
    let bad = || HyperlaunchError::BadCell {
        node: tree.path(node),
        name,
        len: value.len(),
    };
    tree.u32(node, name).map(Some).ok_or_else(bad)
}

/// Makes the modules of a domain anew in `parent`. `bootargs` is the kernel's if neither its node nor its `module=` line has any.
pub(super) fn lower(
    tree: &mut Tree,
    (domain, parent): (NodeId, NodeId),
    (section, bootargs): (Option<&Section>, Option<&str>),
    findings: &mut Vec<Finding>,
) -> Result<(), HyperlaunchError> {
    for node in graft::modules(tree, domain)? {
        let path = tree.path(node);
        match module::kind_in_any_form(tree, node) {
            Some(Kind::XsmPolicy) | None => findings.push(useless(tree, node)),
            Some(kind) => {
                let made = lower_one(tree, (node, parent), kind, section)?;
                if let Some(bootargs) = bootargs.filter(|_| kind == Kind::Kernel && is_silent(tree, made)) {
                    tree.set_strings(made, "bootargs", &[bootargs])?;
                }
                let line = tree.str(made, "bootargs").unwrap_or_default();
                findings.extend(wrong_console(tree, (&path, parent), line));
            }
        }
    }
    Ok(())
}

fn is_silent(tree: &Tree, node: NodeId) -> bool {
    tree.property(node, "bootargs").is_none()
}

/// Takes over the policy of a `config` node; nothing else in one means anything on Arm.
pub(super) fn lower_config(
    tree: &mut Tree,
    (config, chosen): (NodeId, NodeId),
    section: Option<&Section>,
    findings: &mut Vec<Finding>,
) -> Result<(), HyperlaunchError> {
    for node in graft::modules(tree, config)? {
        if module::kind_in_any_form(tree, node) == Some(Kind::XsmPolicy) {
            module::spell_out_cells(tree, chosen)?;
            lower_one(tree, (node, chosen), Kind::XsmPolicy, section)?;
        } else {
            findings.push(useless(tree, node));
        }
    }
    Ok(())
}

fn lower_one(
    tree: &mut Tree,
    (node, parent): (NodeId, NodeId),
    kind: Kind,
    section: Option<&Section>,
) -> Result<NodeId, HyperlaunchError> {
    let binary = binary(tree, node, section)?;
    let made = graft::module(tree, (node, parent), kind, &binary)?;
    if let Binary::File { args: Some(args), .. } = &binary
        && kind == Kind::Kernel
        && is_silent(tree, made)
    {
        tree.set_strings(made, "bootargs", &[args])?;
    }
    Ok(made)
}

/// Where the module's bytes come from. A `reg` counts if it has a size: below `#size-cells = <0>` it is only the node's number.
fn binary(tree: &Tree, node: NodeId, section: Option<&Section>) -> Result<Binary, HyperlaunchError> {
    let reg = graft::place(tree, node, "reg").ok().filter(|(_, size)| *size != 0);
    let named = LOCATORS.iter().filter(|name| tree.property(node, name).is_some());
    let mut found = named.copied().chain(reg.map(|_| "reg"));
    let (first, second) = (found.next(), found.next());
    if let (Some(first), Some(second)) = (first, second) {
        let node = tree.path(node);
        return Err(HyperlaunchError::TwoPlaces { node, first, second });
    }
    match first {
        Some(name @ ("mb-index" | "module-index")) => by_index(tree, (node, name), section),
        Some(name @ ("module-addr" | "reg")) => {
            let (address, size) = graft::place(tree, node, name)?;
            Ok(Binary::At(address, size))
        }
        Some(_) => Ok(Binary::AsWritten),
        // A reg that is there and cannot be read is worth its own sentence.
        None if tree.property(node, "reg").is_some_and(|reg| reg.len() > 4) => {
            let (address, size) = graft::place(tree, node, "reg")?;
            Ok(Binary::At(address, size))
        }
        None => Err(HyperlaunchError::NoPlace { node: tree.path(node) }),
    }
}

/// The module with that number in the chain. The configuration itself is number 0 of it, so the first `module=` line is number 1.
fn by_index(
    tree: &Tree,
    (node, name): (NodeId, &'static str),
    section: Option<&Section>,
) -> Result<Binary, HyperlaunchError> {
    let index = cell(tree, node, name)?.unwrap_or_default();
    let path = tree.path(node);
    let Some(section) = section else {
        return Err(HyperlaunchError::NoList {
            node: path,
            name,
            index,
        });
    };
    let Some(place) = usize::try_from(index).ok().and_then(|index| index.checked_sub(1)) else {
        return Err(HyperlaunchError::IndexOfTree { node: path, name });
    };
    let line = section.modules.get(place).ok_or_else(|| HyperlaunchError::OutOfRange {
        node: path,
        name,
        index,
        source_name: section.source.clone(),
        count: section.modules.len(),
    })?;
    Ok(Binary::File {
        name: line.file.clone(),
        args: line.args.clone(),
    })
}

/// A warning of a module that Xen on Arm has no use for.
fn useless(tree: &Tree, node: NodeId) -> Finding {
    let words: Vec<&str> = tree.strings(node, "compatible").take(4).collect();
    let why = match words.iter().find_map(|word| word.strip_prefix("module,")) {
        Some("microcode") => "microcode is for x86 processors and means nothing on Arm",
        Some("config") => "Xen on Arm hands no configuration to a domain",
        Some("domain-builder") => "Xen on Arm builds the domains itself",
        Some("xsm-policy") => "a policy is Xen's, and stands in the config node",
        _ => "it is neither a kernel, a ramdisk nor a device tree",
    };
    let shown: Vec<String> = words.iter().map(|word| graft::shown(word)).collect();
    Finding::warning(format_args!(
        "{} (\"{}\") is left out: {why}",
        tree.path(node),
        shown.join("\", \"")
    ))
}

/// A warning of a guest that talks to `hvc0`, which dom0less guests do not have before Xen 4.21.
fn wrong_console(tree: &Tree, (path, parent): (&str, NodeId), line: &str) -> Option<Finding> {
    let console = |name: &str| {
        let mut words = line.split_ascii_whitespace();
        words.any(|word| word.strip_prefix("console=").is_some_and(|rest| rest.starts_with(name)))
    };
    let is_domu = tree.compatible(parent, "xen,domain");
    (is_domu && console("hvc0") && !console("ttyAMA0")).then(|| {
        Finding::warning(format_args!(
            "{path}: bootargs say console=hvc0; a guest of Xen on Arm has console=ttyAMA0 (vpl011)"
        ))
    })
}
