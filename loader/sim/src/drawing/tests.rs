use roxmltree::{Document, Node};

use super::draw;
use crate::report::{Address, Domain, FORMAT, File, Given, Image, Memory, Module, Place, Report, Reservation};

const MIB: u64 = 1 << 20;

fn place(start: u64, size: u64) -> Place {
    Place {
        address: Address(start),
        size,
    }
}

/// A machine with 1 GiB, Xen and a tree.
fn report(domains: Vec<Domain>) -> Report {
    Report {
        format: FORMAT,
        board: "qemu-virt".to_owned(),
        ok: true,
        errors: Vec::new(),
        warnings: Vec::new(),
        notes: Vec::new(),
        image: Some(Image {
            file: "xen".to_owned(),
            xen: true,
            place: place(0x4040_0000, 0x13_0000),
            file_size: 983_048,
            gzip: false,
        }),
        tree: Some(place(0x4128_0000, 12_394)),
        ramdisk: None,
        domains,
        memory: Memory {
            banks: vec![place(0x4000_0000, 1 << 30)],
            reservations: vec![Reservation {
                owner: "the loader".to_owned(),
                place: place(0x7ee0_0000, 18 * MIB),
            }],
            given: Vec::new(),
        },
    }
}

fn module(role: &str, file: &str, start: u64, size: u64) -> Module {
    Module {
        role: role.to_owned(),
        file: Some(file.to_owned()),
        path: format!("/chosen/domU1/module@{start:x}"),
        place: place(start, size),
    }
}

fn domain(name: &str, modules: Vec<Module>) -> Domain {
    Domain {
        name: name.to_owned(),
        path: format!("/chosen/{name}"),
        memory_kib: Some(131_072),
        cpus: Some(1),
        vpl011: true,
        enhanced: None,
        modules,
    }
}

fn texts(picture: &Document<'_>) -> Vec<String> {
    let all = picture.descendants().filter(|node| node.has_tag_name("text"));
    all.filter_map(|node| node.text()).map(str::to_owned).collect()
}

fn number(node: &Node<'_, '_>, name: &str) -> u64 {
    node.attribute(name).unwrap_or("0").parse().unwrap()
}

/// Nothing is drawn outside of the picture, and no two lines of text lie over one another.
fn check_places(picture: &Document<'_>) {
    let root = picture.root_element();
    let (width, height) = (number(&root, "width"), number(&root, "height"));
    for node in picture.descendants().filter(|node| node.has_tag_name("rect")) {
        let (right, bottom) = (
            number(&node, "x") + number(&node, "width"),
            number(&node, "y") + number(&node, "height"),
        );
        assert!(right <= width && bottom <= height, "{node:?}");
    }
    let texts = picture.descendants().filter(|node| node.has_tag_name("text"));
    let mut places: Vec<(u64, u64)> = texts.map(|node| (number(&node, "x"), number(&node, "y"))).collect();
    places.sort_unstable();
    for pair in places.windows(2) {
        let [(x0, y0), (x1, y1)] = pair else { unreachable!() };
        assert!(x0 != x1 || y1 - y0 >= 13, "{pair:?}");
    }
}

#[test]
fn ten_modules_one_mebibyte_apart_have_their_labels() {
    let modules = (0..10).map(|n| module("ramdisk", &format!("initrd-{n}.gz"), 0x4200_0000 + n * MIB, 900_000 + n));
    let report = report(vec![domain("domU1", modules.collect())]);
    let drawn = draw(&report);
    assert_eq!(drawn, draw(&report), "the same picture is the same text");
    let picture = Document::parse(&drawn).unwrap();
    check_places(&picture);
    let texts = texts(&picture);
    let has = |text: &str| texts.iter().any(|there| there == text);
    for n in 0..10 {
        let start = 0x4200_0000 + n * MIB;
        let bytes = 900_000 + n;
        assert!(has(&format!("initrd-{n}.gz")) && has(&format!("{bytes} bytes")), "{n}");
        assert!(
            has(&format!("0x{start:010x}..0x{:010x}", start + bytes)),
            "{n}: {texts:?}"
        );
    }
    assert!(has("1.2 MiB: file 983048 bytes, BSS 256 KiB") && has("the loader") && has("domU1"));
    assert!(has("128 MiB, 1 CPU, vpl011") && has("nothing forbids the start"));
    assert!(!drawn.contains("\"bad\"") && !drawn.contains("\"overlap\""));
}

/// Parts and holes of the bar lie where they are: in the bar of 1 GiB, what is at its half is in the middle.
#[test]
fn the_bar_is_to_scale() {
    let report = report(vec![domain(
        "domU1",
        vec![module("kernel", "Image", 0x6000_0000, 256 * MIB)],
    )]);
    let drawn = draw(&report);
    let picture = Document::parse(&drawn).unwrap();
    let of_class = |class: &str| {
        let all = picture
            .descendants()
            .filter(|node| node.attribute("class") == Some(class));
        let found: Vec<_> = all.map(|node| (number(&node, "y"), number(&node, "height"))).collect();
        found[0]
    };
    let ((top, height), (y, len)) = (of_class("ram"), of_class("kernel"));
    assert!(
        (top + height / 2).abs_diff(y) <= 1 && len.abs_diff(height / 4) <= 1,
        "{top} {height} {y} {len}"
    );
}

#[test]
fn a_file_of_several_domains_is_drawn_once() {
    let kernel = || module("kernel", "Image", 0x4200_0000, MIB);
    let report = report(vec![domain("domU1", vec![kernel()]), domain("domU2", vec![kernel()])]);
    let drawn = draw(&report);
    let texts = texts(&Document::parse(&drawn).unwrap());
    assert!(
        texts.iter().any(|text| text == "domU1 kernel, domU2 kernel"),
        "{texts:?}"
    );
    assert!(!drawn.contains("\"overlap\""));
}

#[test]
fn overlaps_are_red() {
    for (other, named) in [
        (module("ramdisk", "initrd", 0x4210_0000, MIB), "overlaps Image"),
        (module("ramdisk", "initrd", 0x4228_0000, 16), "overlaps Image"),
        (module("ramdisk", "initrd", 0x7ee0_1000, 16), "overlaps the loader"),
        (module("ramdisk", "initrd", 0x4050_0000, MIB), "overlaps xen"),
    ] {
        let kernel = module("kernel", "Image", 0x4200_0000, 3 * MIB);
        let report = report(vec![domain("domU1", vec![kernel, other])]);
        let drawn = draw(&report);
        let picture = Document::parse(&drawn).unwrap();
        check_places(&picture);
        assert!(texts(&picture).iter().any(|text| text == named), "{named}");
        assert_eq!(
            drawn.matches("class=\"bad\"").count(),
            4,
            "{named}: two parts, in bar and row"
        );
    }
    // What is reserved twice is no fault, and what Xen gives away must be free of files.
    let mut report = report(vec![domain("domU1", vec![module("kernel", "Image", 0x5000_0000, MIB)])]);
    report.memory.reservations.push(Reservation {
        owner: "/reserved-memory/a".to_owned(),
        place: place(0x7f00_0000, MIB),
    });
    assert!(!draw(&report).contains("\"bad\""));
    report.memory.given.push(Given {
        path: "/chosen/domU2".to_owned(),
        property: "xen,static-mem".to_owned(),
        place: place(0x5000_0000, 16 * MIB),
    });
    assert!(draw(&report).contains("overlaps "));
}

#[test]
fn what_is_not_in_ram_is_drawn_too() {
    let lost = module("ramdisk", "lost.gz", 0x10_0000, MIB);
    let empty = module("ramdisk", "empty.gz", 0x4200_0000, 0);
    let far = module("kernel", "far", u64::MAX - 10, 10);
    let mut report = report(vec![domain("domU1", vec![lost, empty, far])]);
    report.memory.banks.push(place(0x8_0000_0000, 2 << 30));
    let drawn = draw(&report);
    let picture = Document::parse(&drawn).unwrap();
    check_places(&picture);
    let texts = texts(&picture);
    for text in [
        "Not in RAM",
        "lost.gz",
        "empty.gz",
        "far",
        "RAM, 1 GiB",
        "RAM, 2 GiB",
        "free: 2 GiB",
    ] {
        assert!(texts.iter().any(|there| there == text), "{text}: {texts:?}");
    }
}

#[test]
fn names_are_text_whatever_is_in_them() {
    let hostile = "</text><script>alert(1)</script>\"'&\0\u{1b}[2J\u{202e}\u{ffff}";
    let mut domain = domain(hostile, vec![module(hostile, hostile, 0x4200_0000, MIB)]);
    domain.enhanced = Some(hostile.to_owned());
    let mut report = report(vec![domain]);
    report.board = hostile.to_owned();
    report.errors = vec![hostile.to_owned(), "x".repeat(100_000), " ".repeat(1000), String::new()];
    report.ramdisk = Some(File {
        file: "文".repeat(10_000),
        place: place(0x4300_0000, 1),
    });
    report.memory.reservations[0].owner = hostile.to_owned();
    let drawn = draw(&report);
    let picture = Document::parse(&drawn).unwrap();
    check_places(&picture);
    assert!(picture.descendants().all(|node| !node.has_tag_name("script")));
    assert!(!drawn.contains(['\0', '\u{1b}', '\u{202e}', '\u{ffff}']));
    assert!(texts(&picture).iter().any(|text| text == "not started: 4 errors"));
}

#[test]
fn sixty_four_domains_of_three_modules_make_a_long_picture_and_no_more() {
    let modules = |n: u64| {
        let at = 0x4200_0000 + n * 8 * MIB;
        vec![
            module("kernel", &format!("Image-{n}"), at, MIB),
            module("ramdisk", &format!("initrd-{n}"), at + 2 * MIB, MIB),
            module("dtb", &format!("part-{n}.dtb"), at + 4 * MIB, 4096),
        ]
    };
    let report = report((0..64).map(|n| domain(&format!("domU{n}"), modules(n))).collect());
    let drawn = draw(&report);
    assert!(drawn.len() < 400_000, "{} bytes", drawn.len());
    let picture = Document::parse(&drawn).unwrap();
    check_places(&picture);
    let texts = texts(&picture);
    for n in 0..64 {
        for file in [format!("Image-{n}"), format!("initrd-{n}"), format!("part-{n}.dtb")] {
            assert_eq!(
                texts.iter().filter(|text| **text == file).count(),
                2,
                "{file}: in RAM and in its domain"
            );
        }
    }
}

#[test]
fn without_anything_there_is_still_the_machine() {
    let mut report = report(Vec::new());
    report.image = None;
    report.tree = None;
    report.memory.banks.clear();
    report.errors = vec!["xen.cfg:3:1: nothing is good".to_owned()];
    let picture = draw(&report);
    let picture = Document::parse(&picture).unwrap();
    let texts = texts(&picture);
    for text in [
        "qemu-virt: memory",
        "not started: 1 error",
        "xen.cfg:3:1: nothing is good",
        "Not in RAM",
    ] {
        assert!(texts.iter().any(|there| there == text), "{text}");
    }
}
