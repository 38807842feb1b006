//! What the tree gives to domains by address: static memory, the static heap, shared memory (`booting.txt`, "Static Allocation").

use alloc::string::String;
use alloc::vec::Vec;

use hal::{PhysAddr, Region};

use super::super::Finding;
use super::super::pinned::{self, Pinned};
use super::Subject;

/// Domains' memory, which is theirs alone.
const STATIC: &str = "xen,static-mem";

/// Memory that several nodes name because several domains share it.
const SHARED: &str = "xen,shared-mem";

/// Nothing may lie in what Xen hands to domains by address.
pub(super) fn nothing_in_it(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let given = pinned::by_xen(subject.tree);
    for part in subject.layout.parts() {
        if let Some(hit) = given.iter().find(|given| part.region.overlaps(given.region)) {
            findings.push(Finding::error(format_args!(
                "{} at {} lies in {}, which {} of {} gives away",
                part.what, part.region, hit.region, hit.property, hit.path
            )));
        }
    }
}

/// It must be RAM, and no other domain's: Xen stops otherwise.
pub(super) fn places(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let mut given = pinned::by_xen(subject.tree);
    // An empty piece is none to Xen either.
    given.retain(|given| !given.region.is_empty());
    let banks = super::tree_banks(subject.tree);
    let reserved = reserved(subject);
    for (index, one) in given.iter().enumerate() {
        let Pinned { path, property, region } = one;
        if !banks.iter().any(|bank| bank.covers(*region)) {
            findings.push(Finding::error(format_args!(
                "{path}: {property} gives {region} away, which is not in the RAM that the tree's /memory describes"
            )));
        }
        if let Some((node, place)) = reserved.iter().find(|(_, place)| place.overlaps(*region)) {
            findings.push(Finding::warning(format_args!(
                "{path}: {property} gives {region} away, and {node} keeps {place}; Xen stops there since 4.18"
            )));
        }
        let before = given.get(..index).unwrap_or_default();
        let both_share = |other: &&Pinned| other.property == SHARED && *property == SHARED;
        if let Some(other) = before
            .iter()
            .find(|other| other.region.overlaps(*region) && !both_share(other))
        {
            findings.push(Finding::error(format_args!(
                "{path}: {property} gives {region} away, and {} of {} gives {}",
                other.property, other.path, other.region
            )));
        }
    }
}

fn reserved(subject: &Subject<'_>) -> Vec<(String, Region)> {
    let nodes = subject.tree.reserved_memory().unwrap_or_default().into_iter();
    let places =
        nodes.filter_map(|(node, start, len)| Some((subject.tree.path(node), Region::new(PhysAddr(start), len)?)));
    places.collect()
}

/// `memory` says the same as the pieces of static memory together, or Xen stops ("Size of "memory" property doesn't match up").
pub(super) fn sums(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let given = pinned::by_xen(subject.tree);
    for domain in subject.layout.plan.domains.iter().skip(1) {
        let own = given
            .iter()
            .filter(|given| given.property == STATIC && given.path == domain.path);
        let pieces: Vec<u64> = own.map(|given| given.region.len()).collect();
        let sum = pieces.iter().copied().fold(0, u64::saturating_add);
        let told = subject.tree.u64(domain.node, "memory");
        if let Some(kib) = told.filter(|kib| !pieces.is_empty() && kib.saturating_mul(1024) != sum) {
            findings.push(Finding::error(format_args!(
                "{}: memory = {kib} KiB, and {STATIC} gives it {} KiB: Xen wants both to be the same",
                domain.path,
                sum / 1024
            )));
        }
    }
}

/// Guest addresses can be the machine's only where those are said.
pub(super) fn direct_maps(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let has = |node, name| subject.tree.property(node, name).is_some();
    for domain in subject.layout.plan.domains.iter().skip(1) {
        if has(domain.node, "direct-map") && !has(domain.node, STATIC) {
            findings.push(Finding::error(format_args!(
                "{}: direct-map without {STATIC}: Xen stops, since it cannot know at which addresses",
                domain.path
            )));
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::super::super::Severity::{Error, Warning};
    use super::super::tests::{found, virt};
    use crate::devicetree::{NodeId, Tree};

    fn cells(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes()).collect()
    }

    /// The fixture's domains, with a domain's memory at that place (in one cell each), in KiB what `memory` says.
    fn given(tree: &mut Tree, path: &str, (start, len): (u32, u32), kib: u64) -> NodeId {
        let node = tree.find(path).unwrap();
        tree.set_u32(node, "#xen,static-mem-address-cells", 1).unwrap();
        tree.set_u32(node, "#xen,static-mem-size-cells", 1).unwrap();
        tree.set(node, "xen,static-mem", &cells(&[start, len])).unwrap();
        tree.set_u64(node, "memory", kib).unwrap();
        node
    }

    fn errors(edit: impl FnOnce(&mut Tree)) -> Vec<String> {
        found(&virt(edit), Error)
    }

    #[test]
    fn what_is_given_away_is_ram_and_nobody_elses() {
        let two = |second: (u32, u32)| {
            errors(|tree| {
                given(tree, "/chosen/domU1", (0x5000_0000, 0x400_0000), 0x1_0000);
                given(tree, "/chosen/domU2", second, u64::from(second.1 / 1024));
            })
        };
        assert_eq!(two((0x5400_0000, 0x400_0000)), [""; 0]);
        assert_eq!(
            two((0x53ff_f000, 0x400_0000)),
            [
                "/chosen/domU2: xen,static-mem gives 0x53fff000..0x57fff000 away, and xen,static-mem of /chosen/domU1 gives \
                 0x50000000..0x54000000"
            ]
        );
        assert_eq!(
            two((0x9000_0000, 0x400_0000)),
            [
                "/chosen/domU2: xen,static-mem gives 0x90000000..0x94000000 away, which is not in the RAM that the tree's /memory \
                 describes"
            ]
        );
    }

    #[test]
    fn reserved_memory_is_not_given_away() {
        let memory = virt(|tree| {
            given(tree, "/chosen/domU1", (0x7c00_0000, 0x300_0000), 0xc000);
        });
        assert_eq!(
            found(&memory, Warning),
            [
                "/chosen/domU1: xen,static-mem gives 0x7c000000..0x7f000000 away, and /reserved-memory/optee@7e000000 keeps \
                 0x7e000000..0x7f000000; Xen stops there since 4.18"
            ]
        );
        assert_eq!(found(&memory, Error), [""; 0]);
    }

    #[test]
    fn domains_may_share() {
        let with = |second: u32| {
            errors(|tree| {
                for (path, start) in [("/chosen/domU1", 0x5000_0000), ("/chosen/domU2", second)] {
                    let domain = tree.find(path).unwrap();
                    let node = tree.add(domain, "shared").unwrap();
                    tree.set_strings(node, "compatible", &["xen,domain-shared-memory-v1"])
                        .unwrap();
                    for (name, count) in [("address", 1), ("size", 1)] {
                        tree.set_u32(node, &alloc::format!("#xen,shared-mem-{name}-cells"), count)
                            .unwrap();
                    }
                    tree.set(node, "xen,shared-mem", &cells(&[start, start, 0x1000]))
                        .unwrap();
                }
                given(tree, "/chosen/domU1", (0x5400_0000, 0x400_0000), 0x1_0000);
            })
        };
        assert_eq!(with(0x5000_0000), [""; 0]);
        assert!(with(0x5400_0000)[0].contains("and xen,static-mem of /chosen/domU1 gives"));
        let empty = errors(|tree| {
            let chosen = tree.find("/chosen").unwrap();
            tree.set(chosen, "xen,static-heap", &[0; 16]).unwrap();
        });
        assert_eq!(empty, [""; 0]);
    }

    #[test]
    fn memory_is_the_sum_of_the_pieces() {
        let found = errors(|tree| {
            given(tree, "/chosen/domU1", (0x5000_0000, 0x400_0000), 0x2_0000);
        });
        assert_eq!(
            found,
            [
                "/chosen/domU1: memory = 131072 KiB, and xen,static-mem gives it 65536 KiB: Xen wants both to be the same"
            ]
        );
    }

    #[test]
    fn a_direct_map_needs_static_memory() {
        let with = |is_static: bool| {
            errors(|tree| {
                if is_static {
                    given(tree, "/chosen/domU1", (0x5000_0000, 0x400_0000), 0x1_0000);
                }
                let node = tree.find("/chosen/domU1").unwrap();
                tree.set(node, "direct-map", &[]).unwrap();
            })
        };
        assert_eq!(with(true), [""; 0]);
        assert_eq!(
            with(false),
            ["/chosen/domU1: direct-map without xen,static-mem: Xen stops, since it cannot know at which addresses"]
        );
    }
}
