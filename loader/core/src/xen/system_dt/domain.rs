//! A domain's node turned into a `xen,domain` or into dom0.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{SystemDtError, Taken, access};
use crate::devicetree::{EditError, NodeId, Tree};
use crate::finding::Finding;
use crate::xen::config::{DomainLines, Section};
use crate::xen::graft::{self, GraftError};
use crate::xen::module::{self, FILE, Kind};

/// What refers to a domain by these is about the hardware's firewalls, and nothing of Xen's.
pub(super) const PHANDLES: [&str; 2] = ["phandle", "linux,phandle"];

/// The domain's name: its node's without the unit address. The trees of the specification and of ImageBuilder call all of them
/// `domain-N` or `domain@N` and tell them apart by their labels, so those count where the tree has them.
pub(super) fn name(tree: &Tree, domain: NodeId) -> String {
    let name = graft::base_name(tree, domain);
    let number = name.strip_prefix("domain").map(|rest| rest.trim_start_matches('-'));
    let is_any = number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    let label = if is_any { label(tree, domain) } else { None };
    label.unwrap_or(name).to_string()
}

fn label(tree: &Tree, node: NodeId) -> Option<&str> {
    let symbols = tree.child(tree.root(), "__symbols__")?;
    let path = tree.path(node);
    let mut labels = tree.properties(symbols);
    labels
        .find(|(_, value)| value.strip_suffix(&[0]) == Some(path.as_bytes()))
        .map(|(label, _)| label)
}

/// The lines of `section` for the domain, unless another one took them: by its name, else by its `id`.
pub(super) fn lines<'a>(
    tree: &Tree,
    domain: NodeId,
    (section, taken): (&'a Section, &[Taken]),
) -> Option<&'a DomainLines> {
    let id = tree.u32(domain, "id").map(|id| alloc::format!("domu{id}"));
    let names = [
        Some(name(tree, domain)),
        Some(graft::base_name(tree, domain).to_string()),
        id,
    ];
    let free = |lines: &&DomainLines| !taken.iter().any(|taken| taken.name == lines.name);
    let named = |name: String| section.domains.iter().find(|lines| lines.name == name);
    names.into_iter().flatten().filter_map(named).find(free)
}

/// The new node, with as many processors and as much memory, in KiB.
pub(super) fn add(
    tree: &mut Tree,
    (domain, chosen): (NodeId, NodeId),
    name: &str,
    (cpus, kib): (u32, Option<u64>),
) -> Result<NodeId, EditError> {
    let node = graft::add_domain(tree, chosen, name)?;
    if let Some(kib) = kib {
        tree.set_u64(node, "memory", kib)?;
    }
    tree.set_u32(node, "cpus", cpus)?;
    graft::copy_properties(tree, domain, node, |name| {
        graft::is_domain_property(name) && !is_tools(name) && !PHANDLES.contains(&name)
    })?;
    if tree.property(node, "vpl011").is_none() {
        tree.set(node, "vpl011", &[])?;
    }
    Ok(node)
}

/// Properties by which lopper writes ImageBuilder's configuration; Xen reads none of them.
fn is_tools(name: &str) -> bool {
    matches!(
        name,
        "xen,binary"
            | "xen,boot-mode"
            | "xen,cmdline"
            | "xen,device-tree"
            | "xen,initrd"
            | "xen,kernel"
            | "xen,kernel-cmdline"
            | "xen,propagate-config"
    )
}

/// Gives `target` the domain's modules, those of its lines, and the sub-nodes that Xen reads.
pub(super) fn fill(
    tree: &mut Tree,
    (domain, target): (NodeId, NodeId),
    lines: Option<&DomainLines>,
    findings: &mut Vec<Finding>,
) -> Result<(), SystemDtError> {
    for node in graft::modules(tree, domain)? {
        move_module(tree, (node, target), findings)?;
    }
    let is_dom0 = !tree.compatible(target, "xen,domain");
    let others = tree.children(domain).filter(|node| match is_dom0 {
        true => graft::is_dom0_node(tree, *node),
        false => is_xens(tree, *node),
    });
    for node in others.collect::<Vec<NodeId>>() {
        graft::copy_node(tree, node, target)?;
    }
    let files = lines.map(|lines| {
        [
            (Kind::Kernel, &lines.kernel),
            (Kind::Ramdisk, &lines.ramdisk),
            (Kind::DeviceTree, &lines.dtb),
        ]
    });
    for (kind, line) in files.into_iter().flatten() {
        if let Some(line) = line {
            add_file(tree, target, kind, (&line.file, line.args.as_deref()))?;
        }
    }
    add_lopper_files(tree, domain, target)?;
    give_bootargs(tree, domain, target)?;
    access::warn(tree, (domain, target), findings);
    Ok(())
}

/// Sub-nodes of a `xen,domain`, such as `xen,vcpu`; a domain in the domain has a node of its own.
pub(super) fn is_xens(tree: &Tree, node: NodeId) -> bool {
    let mut words = tree.strings(node, "compatible");
    let is_domain = tree.compatible(node, super::DOMAIN) || tree.compatible(node, "xen,domain");
    !is_domain && !module::is_one_in_any_form(tree, node) && words.any(|word| word.starts_with("xen,"))
}

fn move_module(
    tree: &mut Tree,
    (node, target): (NodeId, NodeId),
    findings: &mut Vec<Finding>,
) -> Result<(), GraftError> {
    let Some(kind) = module::kind_in_any_form(tree, node) else {
        let path = tree.path(node);
        findings.push(Finding::warning(format_args!(
            "{path} is left out: its compatible does not say whether it is a kernel, a ramdisk or a device tree"
        )));
        return Ok(());
    };
    let binary = graft::binary(tree, node)?;
    graft::module(tree, (node, target), kind, &binary)?;
    Ok(())
}

/// The files that lopper's `image-builder` knows a domain by, where nothing else gave it such a module.
fn add_lopper_files(tree: &mut Tree, domain: NodeId, target: NodeId) -> Result<(), EditError> {
    for (kind, name) in [(Kind::Kernel, "xen,kernel"), (Kind::Ramdisk, "xen,initrd")] {
        let has_one = tree
            .children(target)
            .any(|node| module::kind_in_any_form(tree, node) == Some(kind));
        let Some(file) = tree.str(domain, name).filter(|file| !file.is_empty() && !has_one) else {
            continue;
        };
        let (file, args) = (
            file.to_string(),
            tree.str(domain, "xen,kernel-cmdline").map(ToString::to_string),
        );
        add_file(tree, target, kind, (&file, args.as_deref()))?;
    }
    Ok(())
}

fn add_file(tree: &mut Tree, target: NodeId, kind: Kind, (file, args): (&str, Option<&str>)) -> Result<(), EditError> {
    let node = module::add(tree, target, kind)?;
    tree.set_strings(node, FILE, &[file])?;
    match args.filter(|_| kind == Kind::Kernel) {
        Some(args) => tree.set_strings(node, "bootargs", &[args]),
        None => Ok(()),
    }
}

/// The domain's own command line, for a kernel that was not given one.
fn give_bootargs(tree: &mut Tree, domain: NodeId, target: NodeId) -> Result<(), EditError> {
    let chosen = tree.child(domain, "chosen");
    let line = chosen.and_then(|chosen| tree.str(chosen, "bootargs"));
    let Some(line) = line.map(ToString::to_string) else {
        return Ok(());
    };
    let is_silent = |node: &NodeId| {
        module::kind_in_any_form(tree, *node) == Some(Kind::Kernel) && tree.property(*node, "bootargs").is_none()
    };
    let kernel = tree.children(target).rfind(is_silent);
    match kernel {
        Some(kernel) => tree.set_strings(kernel, "bootargs", &[&line]),
        None => Ok(()),
    }
}
