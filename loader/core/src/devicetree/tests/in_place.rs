//! Edits in the blob give what the same edits of the tree give, or leave the blob alone.

use super::blobs::FIXTURES;
use super::{listing, sample};
use crate::devicetree::{Tree, add_in_place, parse_header, set_in_place};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A source of test cases, the same in each run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 32).unwrap() % bound
    }
}

fn paths(tree: &Tree) -> Vec<String> {
    tree.nodes().map(|id| tree.path(id)).collect()
}

#[test]
fn a_thousand_edits_agree_with_the_tree() {
    let mut dice = Dice(0x1234_5678_9abc_def1);
    for (name, blob) in FIXTURES {
        let mut tree = Tree::parse(blob).unwrap();
        let mut blob = tree.emit(0x8000).unwrap();
        for round in 0..250 {
            let paths = paths(&tree);
            let path = &paths[dice.below(paths.len())];
            let id = tree.find(path).unwrap();
            if dice.below(4) == 0 {
                let node = format!("node{}@{round}", dice.below(20));
                assert!(add_in_place(&mut blob, path, &node), "{name}: {path} {node}");
                tree.add_first(id, &node).unwrap();
            } else {
                let known: Vec<String> = tree.properties(id).map(|(name, _)| name.into()).collect();
                let property = match dice.below(3) {
                    0 => format!("new,property-{}", dice.below(20)),
                    1 => "el".into(),
                    _ => known
                        .get(dice.below(known.len().max(1)))
                        .cloned()
                        .unwrap_or("status".into()),
                };
                let value: Vec<u8> = (0..dice.below(40))
                    .map(|_| u8::try_from(dice.below(256)).unwrap())
                    .collect();
                assert!(
                    set_in_place(&mut blob, path, &property, &value),
                    "{name}: {path} {property}"
                );
                tree.set(id, &property, &value).unwrap();
            }
        }
        assert_eq!(listing(&Tree::parse(&blob).unwrap()), listing(&tree), "{name}");
    }
}

#[test]
fn paths_are_taken_as_the_tree_takes_them() {
    let mut blob = sample().emit(0x400).unwrap();
    for path in [
        "/soc/serial",
        "serial0",
        "serial0/",
        "/memory",
        "/",
        "//soc//serial@9000000",
    ] {
        assert!(set_in_place(&mut blob, path, "mark", path.as_bytes()), "{path}");
        let tree = Tree::parse(&blob).unwrap();
        assert_eq!(tree.property(tree.find(path).unwrap(), "mark"), Some(path.as_bytes()));
    }
    assert!(add_in_place(&mut blob, "/", "cpu@0") && add_in_place(&mut blob, "/", "cpu@1"));
    let before = blob.clone();
    for path in ["/cpu", "/cpus", "serial1", "", "soc", "/soc/serial@9000001"] {
        assert!(!set_in_place(&mut blob, path, "mark", b""), "{path}");
    }
    for (parent, name) in [("/", "soc"), ("/", ""), ("/", "a/b"), ("/nowhere", "n")] {
        assert!(!add_in_place(&mut blob, parent, name), "{parent} {name}");
    }
    assert!(
        add_in_place(&mut blob, "/", "memory"),
        "not the one with a unit address"
    );
    assert!(!set_in_place(&mut before.clone(), "/soc", "not a name", b""));
}

#[test]
fn without_room_nothing_is_changed() {
    let exact = sample().emit(0).unwrap();
    let mut blob = exact.clone();
    assert!(!set_in_place(&mut blob, "/soc", "a", b"1"));
    assert!(!add_in_place(&mut blob, "/soc", "n"));
    assert!(!set_in_place(&mut blob, "/chosen", "stdout-path", &[0; 40]));
    assert_eq!(blob, exact);
    assert!(
        set_in_place(&mut blob, "/chosen", "stdout-path", b"serial0:9600n8\0"),
        "the same padded length"
    );
    // 12 bytes of token and 4 of value, the name "reg" is there already.
    let mut blob = sample().emit(16).unwrap();
    assert!(set_in_place(&mut blob, "/soc", "reg", &[1, 2, 3, 4]));
    assert!(!set_in_place(&mut blob, "/soc", "reg", &[1, 2, 3, 4, 5]));
    assert!(set_in_place(&mut blob, "/soc", "reg", &[]));
    let header = parse_header(&blob).unwrap();
    assert_eq!(header.strings_size, parse_header(&exact).unwrap().strings_size);
}

/// Every bent byte: no panic, and what is reported as untouched is untouched.
#[test]
fn bent_blobs_do_no_harm() {
    let sound = sample().emit(0x40).unwrap();
    for at in 0..sound.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bent = sound.clone();
            bent[at] ^= flip;
            let before = bent.clone();
            if !set_in_place(&mut bent, "/soc/serial@9000000", "compatible", b"another,uart\0") {
                assert_eq!(bent, before, "byte {at:#x}");
            }
            let before = bent.clone();
            if !add_in_place(&mut bent, "/chosen", "domU1") {
                assert_eq!(bent, before, "byte {at:#x}");
            }
        }
    }
}
