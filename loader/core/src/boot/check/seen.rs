//! What Xen does not see, or not as it was meant: nodes that are no modules to it, names and command lines that are too long for it.

use alloc::string::String;
use alloc::vec::Vec;

use hal::PhysAddr;

use super::super::plan::Role;
use super::super::{Finding, locate};
use super::Subject;
use crate::devicetree::NodeId;
use crate::xen::module;

/// A module whose path has more letters is passed over (`path[92]` in Xen's `process_multiboot_node`; its end takes one).
const PATH: usize = 91;

/// Of a domain's name so many letters are kept, by which its kernel's command line is found (`DT_MAX_NAME`; its end takes one).
const NAME: usize = 40;

/// Xen stops where a module's command line is longer (`BOOTMOD_MAX_CMDLINE`), before its console works.
const COMMAND_LINE: usize = 1023;

/// Nodes in which a file lies and which are no modules, and modules that are nothing to their domain.
pub(super) fn nodes(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let plan = &subject.layout.plan;
    if !subject.layout.image.is_xen {
        return;
    }
    for domain in &plan.domains {
        let others = subject.tree.children(domain.node);
        let others = others.filter(|node| !module::is_one(subject.tree, *node));
        findings.extend(others.filter_map(|node| no_module(subject, node)));
    }
    let modules = plan.modules.iter().filter(|module| module.domain != 0);
    findings.extend(modules.filter(|module| module.role == Role::Other).map(|module| {
        Finding::warning(format_args!(
            "{}: its compatible says neither kernel nor ramdisk nor device-tree: Xen does not give {} to {}",
            module.path,
            module.file_name(),
            plan.domains.get(module.domain).map_or("it", |domain| &domain.name)
        ))
    }));
}

/// The warning of a node that looks like a module's.
fn no_module(subject: &Subject<'_>, node: NodeId) -> Option<Finding> {
    let tree = subject.tree;
    let at = locate::unit_address(tree.name(node)).filter(|_| tree.property(node, "reg").is_some())?;
    let file = subject.memory.file_at(PhysAddr(at))?;
    let words: Vec<&str> = tree.strings(node, "compatible").take(4).collect();
    let compatible = match words.as_slice() {
        [] => String::from("it has no compatible"),
        words => alloc::format!("its compatible is \"{}\"", words.join("\", \"")),
    };
    Some(Finding::warning(format_args!(
        "{}: {} was loaded there, but {compatible}: to Xen this is no module, which is \"multiboot,module\"",
        tree.path(node),
        file.name
    )))
}

/// Names that are longer than Xen's tables.
pub(super) fn names(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let plan = &subject.layout.plan;
    if !subject.layout.image.is_xen {
        return;
    }
    for module in plan.modules.iter().filter(|module| module.path.len() > PATH) {
        findings.push(Finding::error(format_args!(
            "{}: the path has {} letters; Xen passes over a module with more than {PATH}",
            module.path,
            module.path.len()
        )));
    }
    for (index, domain) in plan.domains.iter().enumerate() {
        let has_line = |path: &str| {
            let node = subject.tree.find(path);
            node.is_some_and(|node| subject.tree.property(node, "bootargs").is_some())
        };
        let len = domain.name.len();
        if len > NAME && plan.modules_of(index).any(|module| has_line(&module.path)) {
            findings.push(Finding::error(format_args!(
                "{}: the name has {len} letters; Xen keeps {NAME} and would not find its kernel's command line",
                domain.path
            )));
        }
    }
}

/// Command lines that are longer than Xen's.
pub(super) fn command_lines(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if !subject.layout.image.is_xen {
        return;
    }
    for module in &subject.layout.plan.modules {
        let node = subject.tree.find(&module.path);
        let len = node
            .and_then(|node| subject.tree.str(node, "bootargs"))
            .map_or(0, str::len);
        if len > COMMAND_LINE {
            findings.push(Finding::error(format_args!(
                "{}: bootargs has {len} letters; Xen takes {COMMAND_LINE} and stops at more",
                module.path
            )));
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::super::super::Severity::{self, Error, Warning};
    use super::super::tests::{found, virt};
    use crate::devicetree::Tree;

    fn said(severity: Severity, edit: impl FnOnce(&mut Tree)) -> Vec<String> {
        found(&virt(edit), severity)
    }

    #[test]
    fn a_file_in_a_node_that_is_no_module() {
        let ramdisk = |tree: &Tree| tree.find("/chosen/domU1/module@43000000").unwrap();
        let without = said(Warning, |tree| {
            let node = ramdisk(tree);
            tree.remove_property(node, "compatible").unwrap();
        });
        assert_eq!(
            without,
            [
                "/chosen/domU1/module@43000000: initrd was loaded there, but it has no compatible: to Xen this is no module, which is \
                 \"multiboot,module\""
            ]
        );
        let misspelt = said(Warning, |tree| {
            let node = ramdisk(tree);
            tree.set_strings(node, "compatible", &["multiboot,initrd", "boot,module"])
                .unwrap();
        });
        assert!(misspelt[0].contains("but its compatible is \"multiboot,initrd\", \"boot,module\": to Xen"));
        // Nothing was loaded there, or it is no place at all.
        let other = said(Warning, |tree| {
            let domain = tree.find("/chosen/domU1").unwrap();
            for name in ["shared@50000000", "vcpu0", "shm@43000000"] {
                tree.add(domain, name).unwrap();
            }
            let node = tree.find("/chosen/domU1/shared@50000000").unwrap();
            tree.set(node, "reg", &[0; 8]).unwrap();
        });
        assert_eq!(other, [""; 0]);
    }

    #[test]
    fn a_module_that_is_nothing_to_its_domain() {
        let warnings = said(Warning, |tree| {
            let node = tree.find("/chosen/domU1/module@43000000").unwrap();
            tree.set_strings(node, "compatible", &["multiboot,initrd", "multiboot,module"])
                .unwrap();
        });
        assert_eq!(
            warnings,
            [
                "/chosen/domU1/module@43000000: its compatible says neither kernel nor ramdisk nor device-tree: Xen does not give initrd to \
                 domU1"
            ]
        );
    }

    #[test]
    fn names_and_command_lines_fit_xens_tables() {
        let named = |domain: usize, module: usize, line: usize| {
            said(Error, |tree| {
                let node = tree.find("/chosen/domU1/module@42000000").unwrap();
                tree.set_strings(node, "bootargs", &[&"b".repeat(line)]).unwrap();
                tree.rename(node, &alloc::format!("{}@42000000", "m".repeat(module - 9)))
                    .unwrap();
                let node = tree.find("/chosen/domU1").unwrap();
                tree.rename(node, &"d".repeat(domain)).unwrap();
            })
        };
        // "/chosen/" and the "/" behind the domain.
        assert_eq!(named(40, 91 - 9 - 40, 1023), [""; 0]);
        let long = named(40, 92 - 9 - 40, 1023);
        assert_eq!(long.len(), 1);
        assert!(
            long[0].ends_with(": the path has 92 letters; Xen passes over a module with more than 91"),
            "{long:?}"
        );
        let silent = said(Error, |tree| {
            let node = tree.find("/chosen/domU1").unwrap();
            let kernel = tree.child(node, "module@42000000").unwrap();
            tree.remove_property(kernel, "bootargs").unwrap();
            tree.rename(node, &"d".repeat(41)).unwrap();
        });
        assert_eq!(silent, [""; 0], "there is nothing to lose");
        let long = named(41, 20, 1024);
        assert!(
            long[0].ends_with(": the name has 41 letters; Xen keeps 40 and would not find its kernel's command line")
        );
        assert!(
            long[1].ends_with(": bootargs has 1024 letters; Xen takes 1023 and stops at more"),
            "{long:?}"
        );
        assert_eq!(long.len(), 2);
    }
}
