//! Xen's command line: the only place where dom0's size can be said.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::graft;
use crate::devicetree::{EditError, NodeId, Tree};
use crate::finding::Finding;

/// Where Xen looks for its command line first.
const XEN: &str = "xen,xen-bootargs";

/// What a form says of dom0 that no node of Xen on Arm can hold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dom0Size {
    /// Its memory.
    pub(super) kib: Option<u64>,
    /// Its virtual CPUs.
    pub(super) cpus: Option<u32>,
}

/// Puts `extra` (may be empty) behind Xen's command line, and `dom0_mem=` and `dom0_max_vcpus=` unless they are there: whoever wrote
/// them into the command line meant this boot, the form's own numbers come from when the tree was made.
///
/// Call it when dom0's modules are under `/chosen`: whether `bootargs` is Xen's depends on them.
pub(super) fn extend(
    tree: &mut Tree,
    chosen: NodeId,
    (extra, size, from): (&[String], Dom0Size, &str),
    findings: &mut Vec<Finding>,
) -> Result<(), EditError> {
    let old = current(tree, chosen).trim().to_string();
    let old_words = old.split_ascii_whitespace().count();
    let mut words: Vec<String> = core::iter::once(old).chain(extra.iter().cloned()).collect();
    let has = |words: &[String], name: &str| {
        let mut all = words.iter().flat_map(|line| line.split_ascii_whitespace());
        all.any(|word| word.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')))
    };
    let memory = size.kib.map(|kib| ("dom0_mem", format!("{kib}K")));
    let cpus = size.cpus.map(|cpus| ("dom0_max_vcpus", cpus.to_string()));
    for (name, value) in [memory, cpus].into_iter().flatten() {
        if has(&words, name) {
            findings.push(Finding::note(format_args!(
                "{from} would have {name}={value}; Xen's command line says otherwise already, and is kept"
            )));
        } else {
            findings.push(Finding::note(format_args!(
                "{from} is dom0, whose size only Xen's command line can say: {name}={value} added to it"
            )));
            words.push(format!("{name}={value}"));
        }
    }
    words.retain(|word| !word.trim().is_empty());
    let line = words.join(" ");
    // Written only if something came to it: with xen,xen-bootargs there, bootargs is dom0's.
    match line.split_ascii_whitespace().count() > old_words {
        true => tree.set_strings(chosen, XEN, &[&line]),
        false => Ok(()),
    }
}

/// The command line that Xen would take (`booting.txt`, "Command lines").
fn current(tree: &Tree, chosen: NodeId) -> &str {
    if let Some(line) = tree.str(chosen, XEN) {
        return line;
    }
    let is_told =
        |node| graft::may_be_kernel(tree, node) && tree.str(node, "bootargs").is_some_and(|line| !line.is_empty());
    let is_xens = tree.property(chosen, "xen,dom0-bootargs").is_some() || tree.children(chosen).any(is_told);
    let line = tree.str(chosen, "bootargs").filter(|_| is_xens);
    line.unwrap_or_default()
}
