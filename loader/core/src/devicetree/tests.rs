//! Tests of the tree: how it is looked up, edited, decoded and written.

mod blobs;
mod in_place;
mod overlay;

use super::*;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

fn sample() -> Tree {
    let mut tree = Tree::new();
    let root = tree.root();
    tree.set_u32(root, "#address-cells", 2).unwrap();
    tree.set_u32(root, "#size-cells", 2).unwrap();
    let chosen = tree.add(root, "chosen").unwrap();
    tree.set_strings(chosen, "stdout-path", &["serial0:115200n8"]).unwrap();
    let aliases = tree.add(root, "aliases").unwrap();
    tree.set_strings(aliases, "serial0", &["/soc/serial@9000000"]).unwrap();
    let soc = tree.add(root, "soc").unwrap();
    let serial = tree.add(soc, "serial@9000000").unwrap();
    tree.set_strings(serial, "compatible", &["arm,pl011", "arm,primecell"])
        .unwrap();
    let memory = tree.add(root, "memory@40000000").unwrap();
    tree.set_strings(memory, "device_type", &["memory"]).unwrap();
    let reg = tree.encode_reg(root, 0x4000_0000, 0x8000_0000).unwrap();
    tree.set(memory, "reg", &reg).unwrap();
    tree.add_reservation(0x4800_0000, 0x1000).unwrap();
    tree
}

/// All that a tree says, as text.
fn listing(tree: &Tree) -> Vec<alloc::string::String> {
    let mut lines = Vec::new();
    for at in tree.reservations() {
        lines.push(format!("{at:x?}"));
    }
    for (depth, id) in tree.descendants(tree.root()) {
        lines.push(format!("{depth} {}", tree.name(id)));
        lines.extend(tree.properties(id).map(|(name, value)| format!("{name}={value:x?}")));
    }
    lines
}

#[test]
fn an_emitted_tree_is_parsed_back_the_same() {
    let mut tree = sample();
    let root = tree.root();
    let symbols = tree.add(root, "__symbols__").unwrap();
    tree.set_strings(symbols, "uart0", &["/soc/serial@9000000"]).unwrap();
    let long = "a-node-name-that-is-longer-than-thirty-one-characters@0";
    let usb = tree.add(symbols, long).unwrap();
    tree.set_u32(usb, "snps,quirk-frame-length-adjustment", 0x20).unwrap();
    tree.set_u32(usb, "snps,another-name-of-more-than-31-characters", 1)
        .unwrap();
    tree.set_u32(symbols, "snps,quirk-frame-length-adjustment", 0x21)
        .unwrap();
    tree.set_boot_cpuid(3);
    let blob = tree.emit(0x100).unwrap();
    assert_eq!(
        u32::from_be_bytes(blob[4..8].try_into().unwrap()),
        u32::try_from(blob.len()).unwrap()
    );
    let again = Tree::parse(&blob).unwrap();
    assert_eq!(listing(&again), listing(&tree));
    assert_eq!(again.boot_cpuid(), 3);
}

#[test]
fn nodes_are_found_by_path_alias_and_base_name() {
    let tree = sample();
    let serial = tree.find("/soc/serial@9000000").unwrap();
    assert_eq!(tree.find("serial0"), Some(serial));
    assert_eq!(tree.find("/soc/serial"), Some(serial));
    assert_eq!(tree.find("/"), Some(tree.root()));
    assert_eq!(tree.path(serial), "/soc/serial@9000000");
    assert_eq!(tree.stdout_path(), Some((serial, Some("115200n8"))));
    let message = tree.lookup("/soc/timer").unwrap_err();
    assert_eq!(format!("{message}"), "/soc/timer: /soc has no node 'timer'");
    assert!(matches!(tree.lookup("serial9"), Err(PathError::NoAlias { .. })));
}

#[test]
fn a_base_name_that_fits_two_nodes_is_refused() {
    let mut tree = sample();
    let root = tree.root();
    tree.add(root, "memory@100000000").unwrap();
    assert!(matches!(tree.lookup("/memory"), Err(PathError::Ambiguous { .. })));
}

#[test]
fn reg_is_read_and_written_with_the_cells_of_the_parent() {
    for (address_cells, size_cells, len) in [(1, 1, 8), (2, 1, 12), (1, 0, 4), (2, 2, 16), (3, 2, 20)] {
        let mut tree = Tree::new();
        let root = tree.root();
        tree.set_u32(root, "#address-cells", address_cells).unwrap();
        tree.set_u32(root, "#size-cells", size_cells).unwrap();
        let node = tree.add(root, "node@1000").unwrap();
        let size = if size_cells == 0 { 0 } else { 0x234 };
        let reg = tree.encode_reg(root, 0x1000, size).unwrap();
        assert_eq!(reg.len(), len);
        tree.set(node, "reg", &reg).unwrap();
        assert_eq!(tree.reg(node).unwrap(), [(0x1000, size)]);
    }
}

#[test]
fn a_number_that_does_not_fit_names_the_node_and_the_number() {
    let mut tree = sample();
    let chosen = tree.find("/chosen").unwrap();
    tree.set_u32(chosen, "#address-cells", 1).unwrap();
    tree.set_u32(chosen, "#size-cells", 1).unwrap();
    let message = tree.encode_reg(chosen, 0x1_0000_0000, 1).unwrap_err();
    let expected = "0x100000000 does not fit the 1 cell(s) that #address-cells of /chosen gives it";
    assert_eq!(format!("{message}"), expected);
    tree.set_u32(chosen, "#address-cells", 4).unwrap();
    assert!(matches!(
        tree.encode_reg(chosen, 0, 1),
        Err(RegError::BadCellCount { count: 4, .. })
    ));
}

#[test]
fn memory_and_reserved_memory_are_decoded() {
    let mut tree = sample();
    let root = tree.root();
    assert_eq!(tree.memory().unwrap(), [(0x4000_0000, 0x8000_0000)]);
    let reserved = tree.add(root, "reserved-memory").unwrap();
    tree.set_u32(reserved, "#address-cells", 1).unwrap();
    tree.set_u32(reserved, "#size-cells", 1).unwrap();
    let atf = tree.add(reserved, "atf@50000000").unwrap();
    tree.set(atf, "reg", &[0x50, 0, 0, 0, 0, 1, 0, 0]).unwrap();
    tree.add(reserved, "dynamic").unwrap();
    assert_eq!(tree.reserved_memory().unwrap(), [(atf, 0x5000_0000, 0x1_0000)]);
    tree.set(atf, "reg", &[0; 6]).unwrap();
    assert!(matches!(
        tree.reserved_memory(),
        Err(RegError::BadLength {
            len: 6,
            entry_len: 8,
            ..
        })
    ));
}

#[test]
fn edits_keep_the_tree_valid() {
    let mut tree = sample();
    let root = tree.root();
    let chosen = tree.find("/chosen").unwrap();
    let first = tree.add_first(chosen, "domU1").unwrap();
    let zero = tree.add_first(chosen, "domU0").unwrap();
    assert_eq!(tree.children(chosen).collect::<Vec<_>>(), [zero, first]);
    assert!(matches!(tree.add(chosen, "domU0"), Err(EditError::NodeExists { .. })));
    assert!(matches!(tree.add(chosen, "a/b"), Err(EditError::BadNodeName(_))));
    assert!(matches!(tree.rename(first, "domU0"), Err(EditError::NodeExists { .. })));
    tree.rename(first, "domU2").unwrap();
    assert_eq!(tree.find("/chosen/domU2"), Some(first));
    assert!(matches!(tree.remove(root), Err(EditError::Root)));
    let below = tree.add(first, "module").unwrap();
    tree.remove(first).unwrap();
    assert!(!tree.contains(below));
    assert_eq!(tree.set(below, "x", &[]), Err(EditError::NoNode));
    assert_eq!(tree.remove(first), Err(EditError::NoNode));
    tree.remove_property(chosen, "stdout-path").unwrap();
    assert!(matches!(
        tree.remove_property(chosen, "stdout-path"),
        Err(EditError::NoProperty { .. })
    ));
}

#[test]
fn depth_is_limited_when_parsing_and_when_adding() {
    let mut tree = Tree::new();
    let mut at = tree.root();
    for _ in 1..MAX_DEPTH {
        at = tree.add(at, "n").unwrap();
    }
    assert!(matches!(tree.add(at, "n"), Err(EditError::TooDeep(_))));
    let blob = tree.emit(0).unwrap();
    assert_eq!(Tree::parse(&blob).unwrap().nodes().count(), MAX_DEPTH);
}

#[test]
fn overlapping_reservations_are_merged_when_written() {
    let mut tree = Tree::new();
    tree.add_reservation(0x3000, 0x1000).unwrap();
    tree.add_reservation(0x1000, 0x1800).unwrap();
    tree.add_reservation(0x2000, 0x400).unwrap();
    let again = Tree::parse(&tree.emit(0).unwrap()).unwrap();
    let expected = [
        Reservation {
            address: 0x1000,
            size: 0x1800,
        },
        Reservation {
            address: 0x3000,
            size: 0x1000,
        },
    ];
    assert_eq!(again.reservations(), expected);
}

#[test]
fn a_tree_that_can_be_written_can_be_read_again() {
    let mut tree = Tree::new();
    for entry in 0..MAX_RESERVATIONS as u64 {
        tree.add_reservation(entry * 16, 8).unwrap();
    }
    assert_eq!(tree.add_reservation(0, 8), Err(EditError::TooManyReservations));
    // Five tokens, the root's name, the property's length and name.
    let room = MAX_BLOCK_LEN - 28;
    tree.set(tree.root(), "p", &vec![0; room]).unwrap();
    assert!(Tree::parse(&tree.emit(0).unwrap()).is_ok());
    tree.set(tree.root(), "p", &vec![0; room + 4]).unwrap();
    let error = tree.emit(0).err().map(|error| error.to_string());
    assert_eq!(
        error.as_deref(),
        Some("the structure block would have 0x200004 bytes, the limit is 0x200000")
    );
}
