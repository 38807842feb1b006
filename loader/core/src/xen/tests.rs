//! Trees that mean nothing, made of words that do: none of the forms may panic, and what one of them took is no longer there for it.

use alloc::vec::Vec;

use super::config::Section;
use super::testing::{domain, modules};
use super::{chosen, hyperlaunch, system_dt};
use crate::devicetree::Tree;

const NAMES: [&str; 15] = [
    "chosen",
    "hypervisor",
    "domains",
    "domain@1",
    "domain@2",
    "dom0",
    "domain0",
    "domain1",
    "config",
    "module@1",
    "module@2",
    "cpus",
    "modules",
    "one",
    "__symbols__",
];

const PROPERTIES: [&str; 28] = [
    "compatible",
    "compatible",
    "compatible",
    "memory",
    "cpus",
    "domid",
    "functions",
    "permissions",
    "role",
    "capabilities",
    "mb-index",
    "module-addr",
    "reg",
    "xen,uefi-binary",
    "bootargs",
    "phandle",
    "access",
    "#access-flags-cells",
    "id",
    "#memory-flags-cells",
    "#address-cells",
    "#size-cells",
    "#cpus-mask-cells",
    "status",
    "firewallconf",
    "xen,xen-bootargs",
    "xen,kernel",
    "security-id",
];

const WORDS: [&str; 14] = [
    "",
    "xen,domain",
    "xen,config",
    "hypervisor,xen",
    "openamp,domain-v1",
    "openamp,hypervisor-v1",
    "multiboot,module",
    "multiboot,kernel",
    "module,ramdisk",
    "xen,xsm-policy",
    "xen,vcpu",
    "128M",
    "a\\0module",
    "\u{e9}",
];

/// A generator of numbers that is good enough for odd trees (Knuth's MMIX constants).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn value(&mut self) -> Vec<u8> {
        match self.below(3) {
            0 => (0..self.below(3))
                .flat_map(|_| self.of(&WORDS).bytes().chain([0]))
                .collect(),
            1 => (0..self.below(9))
                .flat_map(|_| [0, 0, 0, u8::try_from(self.below(5)).unwrap()])
                .collect(),
            _ => (0..self.below(40))
                .map(|_| u8::try_from(self.below(256)).unwrap())
                .collect(),
        }
    }

    fn tree(&mut self) -> Tree {
        let mut tree = Tree::new();
        let mut nodes = Vec::from([tree.root()]);
        for name in ["chosen", "domains"] {
            nodes.push(tree.add(tree.root(), name).unwrap());
        }
        let hypervisor = tree.add(nodes[1], "hypervisor").unwrap();
        tree.set_strings(hypervisor, "compatible", &["hypervisor,xen"]).unwrap();
        nodes.push(hypervisor);
        for _ in 0..self.below(24) {
            let parent = nodes[self.below(nodes.len())];
            nodes.extend(tree.add(parent, self.of(&NAMES)));
        }
        for _ in 0..self.below(80) {
            let node = nodes[self.below(nodes.len())];
            let (name, value) = (self.of(&PROPERTIES), self.value());
            tree.set(node, name, &value).unwrap();
        }
        tree
    }
}

#[test]
fn any_tree_is_taken_or_refused_and_taken_once() {
    let section = Section {
        domains: Vec::from([
            domain("dom0", ["k", "r", ""]),
            domain("domu1", ["k", "", "d"]),
            domain("one", ["k a", "", ""]),
        ]),
        ..modules(&["a b", "c"])
    };
    let mut random = Random(1);
    let mut taken = [0; 3];
    for _ in 0..4000 {
        let source = random.tree();
        let (mut tree, mut findings) = (source.clone(), Vec::new());
        if hyperlaunch::lower(&mut tree, Some(&section), &mut findings) == Ok(true) {
            taken[0] += 1;
            assert_eq!(hyperlaunch::lower(&mut tree, None, &mut findings), Ok(false));
            tree.emit(0).unwrap();
        }
        let (mut tree, mut findings) = (source.clone(), Vec::new());
        if let Ok(Some(_)) = system_dt::lower(&mut tree, Some(&section), &mut findings) {
            taken[1] += 1;
            assert_eq!(system_dt::lower(&mut tree, None, &mut findings), Ok(None));
            tree.emit(0).unwrap();
        }
        let (mut tree, mut findings) = (source, Vec::new());
        if chosen::lower(&mut tree, &mut findings) == Ok(true) {
            taken[2] += 1;
            assert_eq!(chosen::lower(&mut tree, &mut findings), Ok(false));
            tree.emit(0).unwrap();
        }
    }
    // Enough of them came through for this to mean something.
    assert!(taken.iter().all(|count| *count > 20), "{taken:?}");
}
