//! Tests on whole blobs: good ones, bent ones and hostile ones.

use super::{listing, sample};
use crate::devicetree::{MAX_DEPTH, MAX_NAME_LEN, MAX_NODES, ParseError, ParseErrorKind as Kind, Reservation, Tree};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use fdt::Fdt;
use fdt::nodes::AsNode;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/devicetree/",
            $name,
            ".dtb"
        ))
    };
}

pub(super) const FIXTURES: [(&str, &[u8]); 4] = [
    ("dom0less", fixture!("dom0less")),
    ("symbols", fixture!("symbols")),
    ("nops", fixture!("nops")),
    ("qemu-virt", fixture!("qemu-virt")),
];

fn parse_kind(blob: &[u8]) -> Kind {
    Tree::parse(blob).unwrap_err().kind
}

/// A copy of `blob` with the big-endian word at `offset` replaced.
fn with_word(blob: &[u8], offset: usize, word: u32) -> Vec<u8> {
    let mut blob = blob.to_vec();
    blob[offset..offset + 4].copy_from_slice(&word.to_be_bytes());
    blob
}

/// A blob with nothing but that structure block, and `reg` in the strings block.
fn blob_of(structs: &[u32]) -> Vec<u8> {
    let structs: Vec<u8> = structs.iter().flat_map(|word| word.to_be_bytes()).collect();
    let len = u32::try_from(structs.len()).unwrap();
    let header = [0xd00d_feed, 60 + len, 56, 56 + len, 40, 17, 16, 0, 4, len];
    let mut blob: Vec<u8> = header.iter().flat_map(|word: &u32| word.to_be_bytes()).collect();
    blob.extend([0; 16]);
    blob.extend(structs);
    blob.extend(b"reg\0");
    blob
}

#[test]
fn fixtures_survive_a_round_trip() {
    for (name, blob) in FIXTURES {
        let tree = Tree::parse(blob).unwrap();
        for slack in [0, 3, 0x1000] {
            let written = tree.emit(slack).unwrap();
            let again = Tree::parse(&written).unwrap();
            assert_eq!(listing(&again), listing(&tree), "{name}");
            assert_eq!(again.boot_cpuid(), tree.boot_cpuid());
        }
    }
}

#[test]
fn fixtures_read_as_crate_fdt_reads_them() {
    for (name, blob) in FIXTURES {
        let tree = Tree::parse(blob).unwrap();
        let ours: Vec<_> = tree.nodes().map(|id| tree.properties(id).collect::<Vec<_>>()).collect();
        let oracle = Fdt::new_unaligned_fallible(blob).unwrap();
        let root = oracle.root().unwrap().as_node().properties().unwrap().into_iter();
        let below = oracle.all_nodes().unwrap().map(|node| node.unwrap().1);
        let mut theirs = alloc::vec![
            root.map(|at| at.unwrap())
                .map(|at| (at.name, at.value))
                .collect::<Vec<_>>()
        ];
        theirs.extend(below.map(|node| {
            let properties = node.properties().unwrap().into_iter().map(|at| at.unwrap());
            properties.map(|at| (at.name, at.value)).collect()
        }));
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn what_nops_cover_is_gone() {
    let tree = Tree::parse(FIXTURES[2].1).unwrap();
    assert_eq!(tree.find("/aliases"), None);
    assert_eq!(tree.property(tree.root(), "model"), None);
    assert_eq!(tree.str(tree.root(), "compatible"), Some("vendor,board"));
    assert_eq!(
        tree.nodes().count(),
        Tree::parse(FIXTURES[0].1).unwrap().nodes().count() - 1
    );
}

#[test]
fn a_real_tree_is_understood() {
    let tree = Tree::parse(FIXTURES[0].1).unwrap();
    let expected = [
        Reservation {
            address: 0x4800_0000,
            size: 0x1000,
        },
        Reservation {
            address: 0x12_3456_789a,
            size: 0x20,
        },
    ];
    assert_eq!(tree.reservations(), expected);
    assert_eq!(tree.boot_cpuid(), 1);
    assert_eq!(
        tree.memory().unwrap(),
        [(0x4000_0000, 0x8000_0000), (0x8_0000_0000, 0x8000_0000)]
    );
    let module = tree.find("/chosen/domU1/module@3000000").unwrap();
    assert_eq!(tree.reg(module).unwrap(), [(0x300_0000, 0xff_ffff)]);
    assert!(tree.compatible(module, "multiboot,module"));
    assert_eq!(tree.u64(tree.find("/chosen/domU1").unwrap(), "memory"), Some(0x2_0000));
    let (console, options) = tree.stdout_path().unwrap();
    assert_eq!(
        (tree.path(console).as_str(), options),
        ("/soc/serial@9000000", Some("115200n8"))
    );
    assert_eq!(tree.find_compatible("xen,domain").count(), 1);

    let tree = Tree::parse(FIXTURES[1].1).unwrap();
    let phy = tree.find("/phy@1").unwrap();
    let usb = tree.find("/usb@0").unwrap();
    assert_eq!((tree.phandle(phy), tree.phandle(usb)), (Some(1), Some(2)));
    assert_eq!((tree.find_phandle(1), tree.max_phandle()), (Some(phy), 2));
    assert_eq!(tree.u32(usb, "snps,quirk-frame-length-adjustment"), Some(0x20));
    assert_eq!(tree.str(tree.find("/__symbols__").unwrap(), "phy"), Some("/phy@1"));
}

#[test]
fn bad_headers_are_refused_with_numbers() {
    let blob = sample().emit(0).unwrap();
    let len = u32::try_from(blob.len()).unwrap();
    assert_eq!(parse_kind(&blob[..39]), Kind::NoHeader(39));
    assert_eq!(parse_kind(&with_word(&blob, 0, 0x1234)), Kind::BadMagic(0x1234));
    assert_eq!(
        parse_kind(&blob[..100]),
        Kind::Truncated {
            announced: len,
            given: 100
        }
    );
    assert_eq!(
        parse_kind(&with_word(&blob, 4, 39)),
        Kind::Truncated {
            announced: 39,
            given: blob.len()
        }
    );
    assert_eq!(
        parse_kind(&with_word(&blob, 20, 16)),
        Kind::BadVersion {
            version: 16,
            last_compatible: 16
        }
    );
    assert_eq!(
        parse_kind(&with_word(&blob, 24, 18)),
        Kind::BadVersion {
            version: 17,
            last_compatible: 18
        }
    );
    for offset in [8, 12, 32, 36] {
        for word in [0xffff_fff0, len, 0x7fff_ffff] {
            assert!(
                matches!(parse_kind(&with_word(&blob, offset, word)), Kind::BlockOutside { .. }),
                "{offset}"
            );
        }
    }
    assert!(matches!(parse_kind(&with_word(&blob, 8, 0)), Kind::BlockOutside { .. }));
    assert_eq!(parse_kind(&with_word(&blob, 16, len)), Kind::UnendedReservations);
    let message = Tree::parse(&blob[..100]).unwrap_err().to_string();
    let expected =
        format!("the devicetree is not usable: the header says {len:#x} bytes, 0x64 are there (at offset 0x4)");
    assert_eq!(message, expected);
}

#[test]
fn bad_structure_is_refused_where_it_is() {
    const BEGIN: [u32; 2] = [1, 0];
    const CHILD: [u32; 2] = [1, 0x6100_0000];
    const REG: [u32; 3] = [3, 0, 0];
    let cases: &[(&[&[u32]], Kind, usize)] = &[
        (&[&BEGIN, &[2]], Kind::UnexpectedEnd("the tree"), 12),
        (&[&BEGIN, &[9]], Kind::MisplacedToken("END"), 8),
        (&[&[9]], Kind::MisplacedToken("END"), 0),
        (&[&[2, 9]], Kind::MisplacedToken("END_NODE"), 0),
        (&[&REG, &[9]], Kind::MisplacedToken("PROP"), 0),
        (&[&BEGIN, &[2, 9, 4]], Kind::TrailingData(4), 12),
        (
            &[&BEGIN, &[2], &BEGIN, &[2, 9]],
            Kind::MisplacedToken("second root BEGIN_NODE"),
            12,
        ),
        (&[&CHILD, &[2, 9]], Kind::NamedRoot, 0),
        (&[&BEGIN, &BEGIN, &[2, 2, 9]], Kind::BadName("node"), 8),
        (&[&BEGIN, &[5]], Kind::BadToken(5), 8),
        (&[&BEGIN, &CHILD, &[2], &REG, &[2, 9]], Kind::MisplacedToken("PROP"), 20),
        (
            &[&BEGIN, &CHILD, &[2], &CHILD, &[2, 2, 9]],
            Kind::DuplicateNode("a".into()),
            20,
        ),
        (
            &[&BEGIN, &REG, &REG, &[2, 9]],
            Kind::DuplicateProperty("reg".into()),
            20,
        ),
        (
            &[&BEGIN, &[3, 0x100, 0, 2, 9]],
            Kind::UnexpectedEnd("a property's value"),
            8,
        ),
        (&[&BEGIN, &[3, 0, 99, 2, 9]], Kind::BadName("property"), 8),
        (&[&BEGIN, &[1, 0x1b5b_0000, 2, 2, 9]], Kind::BadName("node"), 8),
    ];
    for (structs, kind, at) in cases {
        let blob = blob_of(&structs.concat());
        assert_eq!(
            Tree::parse(&blob).unwrap_err(),
            ParseError {
                kind: kind.clone(),
                offset: 56 + at
            }
        );
    }
    assert!(Tree::parse(&blob_of(&[1, 0, 4, 3, 0, 0, 4, 2, 4, 9])).is_ok());
}

#[test]
fn a_tree_that_is_too_deep_is_refused() {
    let begin = [1, 0x6100_0000].repeat(MAX_DEPTH);
    let structs = [&[1, 0], begin.as_slice(), &[2; MAX_DEPTH + 1], &[9]].concat();
    assert_eq!(parse_kind(&blob_of(&structs)), Kind::TooDeep);
}

#[test]
fn the_largest_tree_is_read_in_one_pass_and_a_larger_one_refused() {
    // All in one node: looking each name up among its siblings would take billions of steps.
    let blob_with_children = |count: usize| {
        let mut structs = Vec::from([1, 0]);
        for index in 0..count {
            let name: Vec<u8> = format!("n{index:06}\0").into_bytes();
            structs.push(1);
            structs.extend(name.as_chunks().0.iter().map(|word| u32::from_be_bytes(*word)));
            structs.push(2);
        }
        structs.extend([2, 9]);
        blob_of(&structs)
    };
    let tree = Tree::parse(&blob_with_children(MAX_NODES - 1)).unwrap();
    assert!(tree.find(&format!("/n{:06}", MAX_NODES - 2)).is_some());
    assert_eq!(parse_kind(&blob_with_children(MAX_NODES)), Kind::TooManyNodes);
}

#[test]
fn names_have_a_limited_length() {
    let blob_with_name = |len: usize| {
        let mut blob = blob_of(&[1, 0, 3, 0, 0, 2, 9]);
        blob.truncate(blob.len() - 4);
        blob.extend(alloc::vec![b'a'; len]);
        blob.push(0);
        let blob = with_word(&blob, 32, u32::try_from(len + 1).unwrap());
        with_word(&blob, 4, u32::try_from(blob.len()).unwrap())
    };
    assert!(Tree::parse(&blob_with_name(MAX_NAME_LEN)).is_ok());
    assert_eq!(parse_kind(&blob_with_name(MAX_NAME_LEN + 1)), Kind::BadName("property"));
    assert_eq!(parse_kind(&blob_with_name(0)), Kind::BadName("property"));
}

/// xorshift64*: the same mutations in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = u32::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32).unwrap();
        usize::try_from(high).unwrap() % limit
    }
}

fn mutate(blob: &[u8], random: &mut Random) -> Vec<u8> {
    let mut blob = blob.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(blob.len());
        let word = at & !3;
        match random.below(6) {
            0 => blob.truncate(at.max(1)),
            1 => blob[at] ^= 1 << random.below(8),
            2 => blob[at] = [0, 0xff, 0x7f, 0x80][random.below(4)],
            3 if blob.len() >= 40 => blob = with_word(&blob, random.below(10) * 4, [0, u32::MAX][random.below(2)]),
            4 if word + 4 <= blob.len() => blob = with_word(&blob, word, [1, 2, 3, 4, 9, u32::MAX][random.below(6)]),
            _ => {
                let other = random.below(blob.len());
                blob.swap(at, other);
            }
        }
    }
    blob
}

#[test]
fn mutated_blobs_neither_panic_nor_give_a_tree_that_cannot_be_written() {
    let mut random = Random(0x0005_eed0_f511_97a7);
    let mut accepted = 0;
    for round in 0..20_000 {
        let (name, blob) = FIXTURES[round % FIXTURES.len()];
        let blob = mutate(blob, &mut random);
        let Ok(tree) = Tree::parse(&blob) else { continue };
        accepted += 1;
        let again = Tree::parse(&tree.emit(0).unwrap()).unwrap();
        assert_eq!(again.nodes().count(), tree.nodes().count(), "{name}, round {round}");
        // None of these may panic, whatever the properties hold.
        let _ = (
            tree.memory(),
            tree.reserved_memory(),
            tree.stdout_path(),
            tree.max_phandle(),
        );
        let regs: Vec<_> = tree.nodes().map(|id| tree.reg(id)).collect();
        let text: String = tree.print(tree.root()).to_string();
        assert!(regs.len() == tree.nodes().count() && text.ends_with("};\n"));
    }
    assert!(
        accepted > 1000,
        "only {accepted} mutations were accepted: the accessors were hardly tried"
    );
}
