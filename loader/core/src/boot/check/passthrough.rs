//! Partial device trees: the devices that they pass through to a domain (`booting.txt`, "Device Assignment"; Xen's `passthrough.txt`).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::super::Finding;
use super::super::plan::{Module, Role};
use super::Subject;
use crate::devicetree::{NodeId, Tree, number};
use crate::image::detect;

/// Findings of one partial tree: who has more to mend sees the rest the next time.
const SHOWN: usize = 16;

/// What is mapped into a domain is mapped in pages.
const PAGE: u64 = 0x1000;

/// What a partial tree asks for must be there, or Xen stops ("Failed to assign device").
pub(super) fn devices(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let modules = subject.layout.plan.modules.iter();
    let trees = modules.filter(|module| {
        module.role == Role::DeviceTree && module.contents == detect::Kind::DeviceTree && module.file.is_some()
    });
    // Reading a tree takes time, and hundreds of modules may be the same.
    let mut read = BTreeSet::new();
    for module in trees.filter(|module| read.insert(module.region)) {
        let bytes = subject.memory.bytes(module.region).unwrap_or_default();
        match Tree::parse(bytes) {
            Ok(partial) => one(subject, module, &partial, findings),
            Err(error) => findings.push(Finding::error(format_args!(
                "{}: {}: {error}",
                module.path,
                module.file_name()
            ))),
        }
    }
}

/// Xen looks at `/passthrough` alone, besides `/aliases` and the interrupt controller's phandle.
fn one(subject: &Subject<'_>, module: &Module, partial: &Tree, findings: &mut Vec<Finding>) {
    let Some(passthrough) = partial.child(partial.root(), "passthrough") else {
        findings.push(Finding::warning(format_args!(
            "{}: {} has no node /passthrough: Xen gives nothing of it to the domain",
            module.path,
            module.file_name()
        )));
        return;
    };
    let nodes = partial.descendants(passthrough).map(|(_, node)| node);
    let found = nodes.flat_map(|node| device(subject, partial, node));
    findings.extend(found.take(SHOWN).map(|finding| Finding {
        sentence: alloc::format!("{}: {}: {}", module.path, module.file_name(), finding.sentence),
        ..finding
    }));
}

/// What is wrong with a node of the partial tree.
fn device(subject: &Subject<'_>, partial: &Tree, node: NodeId) -> Vec<Finding> {
    let name = partial.path(node);
    let reg = partial.property(node, "xen,reg");
    let path = partial.str(node, "xen,path");
    let force = partial.property(node, FORCE).is_some();
    match (reg, path) {
        (None, None) => Vec::new(),
        (None, Some(_)) => Vec::from([Finding::error(format_args!(
            "{name} has xen,path and no xen,reg: Xen stops"
        ))]),
        (Some(_), None) if !force => Vec::from([Finding::error(format_args!(
            "{name} has xen,reg and neither xen,path nor {FORCE}: Xen stops"
        ))]),
        (Some(reg), path) => {
            let mapped = registers(partial, (node, &name), reg);
            let found = path.and_then(|path| machines(subject, (&name, path), force));
            mapped.into_iter().chain(found).collect()
        }
    }
}

/// By which a device without an IOMMU is passed through all the same.
const FORCE: &str = "xen,force-assign-without-iommu";

/// `xen,reg`: an address of the machine, a size, and an address of the domain, any number of times.
fn registers(partial: &Tree, (node, name): (NodeId, &str), reg: &[u8]) -> Option<Finding> {
    let above = partial.parent(node).unwrap_or(partial.root());
    let bytes = |cells: u32| usize::try_from(cells.min(4)).unwrap_or(4).saturating_mul(4);
    let (address, size) = (bytes(partial.address_cells(above)), bytes(partial.size_cells(above)));
    let entry = address.saturating_mul(2).saturating_add(size);
    if address == 0 || size == 0 || !reg.len().is_multiple_of(entry) {
        return Some(Finding::warning(format_args!(
            "{name}: xen,reg has {} bytes; an address, a size and an address in the cells of the node above have {entry}",
            reg.len()
        )));
    }
    reg.chunks_exact(entry).find_map(|entry| {
        let (start, rest) = entry.split_at_checked(address)?;
        let (len, guest) = rest.split_at_checked(size)?;
        let (start, len, guest) = (number(start)?, number(len)?, number(guest)?);
        let is_whole = [start, len, guest].iter().all(|number| number.is_multiple_of(PAGE));
        (!is_whole).then(|| {
            Finding::error(format_args!(
                "{name}: xen,reg maps {len:#x} bytes at {start:#x} to {guest:#x}; Xen maps whole pages of {PAGE:#x} bytes and stops"
            ))
        })
    })
}

/// The node of the machine that is meant: where Xen finds interrupts and the IOMMU.
fn machines(subject: &Subject<'_>, (name, path): (&str, &str), force: bool) -> Option<Finding> {
    let tree = subject.tree;
    // Xen compares whole paths.
    let Some(node) = tree.find(path).filter(|node| tree.path(*node) == path) else {
        return Some(Finding::error(format_args!(
            "{name}: xen,path = \"{}\" is no node of the machine's tree: Xen stops",
            path.escape_debug()
        )));
    };
    let has = |property| tree.property(node, property).is_some();
    let mut modules = subject.layout.plan.modules_of(0);
    if modules.any(|module| module.role == Role::Kernel) && !has("xen,passthrough") {
        return Some(Finding::warning(format_args!(
            "{name}: {path} is not marked with xen,passthrough in the machine's tree, so dom0 is given it first"
        )));
    }
    // An SMMU of the old kind names its devices by itself.
    let is_told = |node| tree.property(node, "mmu-masters").is_some();
    (!force && !has("iommus") && !tree.nodes().any(is_told)).then(|| {
        Finding::warning(format_args!(
            "{name}: {path} has no iommus in the machine's tree; without an IOMMU Xen passes a device through only with {FORCE}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::super::super::Severity::{self, Error, Warning};
    use super::super::super::testing::load;
    use super::super::tests::{found, virt};
    use crate::devicetree::{NodeId, Tree};

    fn cells(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes()).collect()
    }

    const UART: &str = "/pl011@9000000";

    /// `/passthrough` with a UART as the documents have it, changed by `edit`.
    fn partial(edit: impl FnOnce(&mut Tree, NodeId)) -> Vec<u8> {
        let mut tree = Tree::new();
        let above = tree.add(tree.root(), "passthrough").unwrap();
        tree.set_u32(above, "#address-cells", 2).unwrap();
        tree.set_u32(above, "#size-cells", 1).unwrap();
        let node = tree.add(above, "uart").unwrap();
        tree.set(node, "xen,reg", &cells(&[0, 0x900_0000, 0x1000, 0, 0x3000_0000]))
            .unwrap();
        tree.set_strings(node, "xen,path", &[UART]).unwrap();
        tree.set(node, "xen,force-assign-without-iommu", &[]).unwrap();
        edit(&mut tree, node);
        tree.emit(0).unwrap()
    }

    /// What is found of that severity with that tree for domU1, without the way to the file.
    fn said(severity: Severity, dom0: bool, blob: &[u8]) -> Vec<String> {
        let mut memory = virt(|tree| {
            tree.add(tree.root(), "pl011@9000000").unwrap();
            let mut kernels = Vec::from([("/chosen/domU1", "module@45000000", "multiboot,device-tree", 0x4500_0000)]);
            if dom0 {
                kernels.push(("/chosen", "module@44000000", "multiboot,kernel", 0x4400_0000));
            }
            for (above, name, kind, at) in kernels {
                let above = tree.find(above).unwrap();
                let node = tree.add(above, name).unwrap();
                tree.set_strings(node, "compatible", &[kind, "multiboot,module"])
                    .unwrap();
                let reg = tree.encode_reg(above, at, 0xff_ffff).unwrap();
                tree.set(node, "reg", &reg).unwrap();
            }
        });
        load(&mut memory, 0x4500_0000, "uart.dtb", blob);
        let all = found(&memory, severity).into_iter();
        all.map(|sentence| sentence.replace("/chosen/domU1/module@45000000: uart.dtb: ", ""))
            .collect()
    }

    #[test]
    fn the_documents_device_is_passed_through() {
        for severity in [Error, Warning] {
            assert_eq!(said(severity, false, &partial(|_, _| {})), [""; 0]);
        }
        // A clock that devices need is no device of the machine.
        let blob = partial(|tree, node| {
            for name in ["xen,reg", "xen,path", "xen,force-assign-without-iommu"] {
                tree.remove_property(node, name).unwrap();
            }
        });
        assert_eq!(said(Error, false, &blob), [""; 0]);
    }

    #[test]
    fn half_of_the_words_is_not_enough() {
        let without = |names: &'static [&'static str]| {
            said(
                Error,
                false,
                &partial(|tree, node| names.iter().for_each(|name| tree.remove_property(node, name).unwrap())),
            )
        };
        assert_eq!(
            without(&["xen,reg"]),
            ["/passthrough/uart has xen,path and no xen,reg: Xen stops"]
        );
        assert_eq!(without(&["xen,path"]), [""; 0]);
        assert_eq!(
            without(&["xen,path", "xen,force-assign-without-iommu"]),
            ["/passthrough/uart has xen,reg and neither xen,path nor xen,force-assign-without-iommu: Xen stops"]
        );
    }

    #[test]
    fn the_path_is_one_of_the_machines_tree() {
        for path in ["/pl011@9000001", "/pl011", "pl011@9000000", "/"] {
            let blob = partial(|tree, node| tree.set_strings(node, "xen,path", &[path]).unwrap());
            let expected = match path {
                "/" => Vec::new(),
                _ => Vec::from([alloc::format!(
                    "/passthrough/uart: xen,path = \"{path}\" is no node of the machine's tree: Xen stops"
                )]),
            };
            assert_eq!(said(Error, false, &blob), expected);
        }
    }

    #[test]
    fn registers_are_whole_pages_in_the_cells_of_the_node_above() {
        let with = |severity, reg: &[u32]| {
            said(
                severity,
                false,
                &partial(|tree, node| tree.set(node, "xen,reg", &cells(reg)).unwrap()),
            )
        };
        assert_eq!(
            with(
                Error,
                &[
                    0,
                    0x900_0000,
                    0x1000,
                    0,
                    0x3000_0000,
                    0,
                    0x903_0000,
                    0x200,
                    0,
                    0x3000_1000
                ]
            ),
            [
                "/passthrough/uart: xen,reg maps 0x200 bytes at 0x9030000 to 0x30001000; Xen maps whole pages of 0x1000 bytes and stops"
            ]
        );
        assert_eq!(
            with(Warning, &[0x900_0000, 0x1000, 0x3000_0000]),
            [
                "/passthrough/uart: xen,reg has 12 bytes; an address, a size and an address in the cells of the node above have 20"
            ]
        );
        // A device may have interrupts alone.
        assert_eq!(with(Warning, &[]), [""; 0]);
        assert_eq!(with(Error, &[]), [""; 0]);
    }

    #[test]
    fn dom0_does_not_get_it_and_an_iommu_guards_it() {
        assert_eq!(
            said(Warning, true, &partial(|_, _| {})),
            [
                "/passthrough/uart: /pl011@9000000 is not marked with xen,passthrough in the machine's tree, so dom0 is given it first"
            ]
        );
        let unguarded = partial(|tree, node| tree.remove_property(node, "xen,force-assign-without-iommu").unwrap());
        assert_eq!(
            said(Warning, false, &unguarded),
            [
                "/passthrough/uart: /pl011@9000000 has no iommus in the machine's tree; without an IOMMU Xen passes a device through only \
                 with xen,force-assign-without-iommu"
            ]
        );
    }

    #[test]
    fn what_is_no_partial_tree_is_told() {
        let mut blob = Tree::new();
        blob.add(blob.root(), "pass-through").unwrap();
        let blob = blob.emit(0).unwrap();
        assert_eq!(
            said(Warning, false, &blob),
            ["/chosen/domU1/module@45000000: uart.dtb has no node /passthrough: Xen gives nothing of it to the domain"]
        );
        let cut = said(Error, false, &blob[..blob.len() - 4]);
        assert_eq!(cut.len(), 1, "{cut:?}");
        assert!(cut[0].starts_with("the devicetree is not usable"), "{cut:?}");
        let many = partial(|tree, node| {
            let above = tree.parent(node).unwrap();
            for number in 0..100 {
                let node = tree.add(above, &alloc::format!("n{number}")).unwrap();
                tree.set_strings(node, "xen,path", &[UART]).unwrap();
            }
        });
        assert_eq!(said(Error, false, &many).len(), super::SHOWN);
    }
}
