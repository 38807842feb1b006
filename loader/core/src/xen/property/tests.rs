//! Tests of the rules, one after another.

use alloc::string::{String, ToString};

use super::set;
use crate::devicetree::Tree;
use crate::xen::config::{Position, PropertyLine};

fn line(text: &str) -> PropertyLine {
    let (name, value) = text
        .split_once('=')
        .map_or((text, None), |(name, value)| (name, Some(value)));
    PropertyLine {
        name: name.to_string(),
        value: value.map(ToString::to_string),
        at: Position { line: 3, column: 5 },
    }
}

/// What the property prints as.
fn written(text: &str) -> String {
    let mut tree = Tree::new();
    let node = tree.add(tree.root(), "n").unwrap();
    set(&mut tree, node, &line(text)).unwrap_or_else(|error| panic!("{text}: {error}"));
    let all = tree.print(node).to_string();
    all.trim_start_matches("n {\n\t")
        .trim_end_matches(";\n};\n")
        .to_string()
}

fn error(text: &str) -> String {
    let mut tree = Tree::new();
    let node = tree.add(tree.root(), "n").unwrap();
    let message = set(&mut tree, node, &line(text)).unwrap_err().to_string();
    assert_eq!(tree.properties(node).len(), 0);
    message
}

#[test]
fn the_proposals_lines_are_written() {
    assert_eq!(written("cpus=2"), "cpus = <0x00000002>");
    assert_eq!(written("memory=0xC0000"), "memory = <0x00000000 0x000c0000>");
    assert_eq!(written("vpl011"), "vpl011");
    assert_eq!(written("vpl011="), "vpl011");
    assert_eq!(written("address-cells=1"), "#address-cells = <0x00000001>");
    assert_eq!(written("size-cells=0x2"), "#size-cells = <0x00000002>");
    assert_eq!(
        written("xen,static-mem-address-cells=1"),
        "#xen,static-mem-address-cells = <0x00000001>"
    );
    assert_eq!(
        written("xen,static-mem-size-cells=1"),
        "#xen,static-mem-size-cells = <0x00000001>"
    );
    assert_eq!(written("#size-cells=1"), "#size-cells = <0x00000001>");
}

#[test]
fn memory_is_always_64_bits_of_kib() {
    let expected = "memory = <0x00000000 0x000c0000>";
    for value in [
        "786432",
        "768M",
        "<786432>",
        "<0 0xC0000>",
        "<0x0>, <0xC0000>",
        "0 0xC0000",
        " 0xC0000 ",
    ] {
        assert_eq!(written(&alloc::format!("memory={value}")), expected, "{value}");
    }
    assert_eq!(written("memory=0x100000001"), "memory = <0x00000001 0x00000001>");
    assert_eq!(written("memory=<1 1>"), "memory = <0x00000001 0x00000001>");
    for value in [
        "",
        "much",
        "<1 2 3>",
        "<>",
        "<0 0x100000000>",
        "<1",
        "1 2 3",
        "-1",
        "\"1M\"",
        "99999999999999999999",
    ] {
        let message = error(&alloc::format!("memory={value}"));
        assert!(
            message.starts_with(&alloc::format!("memory={value} is no size: write KiB")),
            "{message}"
        );
    }
    assert!(error("memory").starts_with("memory= is no size"));
}

#[test]
fn numbers_are_cells() {
    assert_eq!(written("a=10"), "a = <0x0000000a>");
    assert_eq!(written("a=010"), "a = <0x0000000a>");
    assert_eq!(written("a=0x10"), "a = <0x00000010>");
    assert_eq!(written("a=4294967296"), "a = <0x00000001 0x00000000>");
    assert_eq!(
        written("a=1 2,3, 4"),
        "a = <0x00000001 0x00000002 0x00000003 0x00000004>"
    );
    assert_eq!(written("a=<0x30000000 0x20000000>"), "a = <0x30000000 0x20000000>");
    assert_eq!(
        written("a=<1>, <2 0x500000003>"),
        "a = <0x00000001 0x00000002 0x00000005 0x00000003>"
    );
    assert_eq!(written("a=<>"), "a");
    assert_eq!(written("a=[00 1f]"), "a = [00 1f]");
}

#[test]
fn anything_else_is_text() {
    assert_eq!(written("a=text"), "a = \"text\"");
    assert_eq!(written("a=1 and 0xzz"), "a = \"1 and 0xzz\"");
    assert_eq!(written("a=-1"), "a = \"-1\"");
    assert_eq!(written("a=,"), "a = \",\"");
    assert_eq!(written("a=\"12\""), "a = \"12\"");
    assert_eq!(written("a=\"\""), "a = [00]");
    assert_eq!(written("a=\"x\", \"y z\",\"w\""), "a = \"x\", \"y z\", \"w\"");
    for name in ["llc-colors", "hard-affinity", "passthrough", "xen,enhanced"] {
        assert_eq!(written(&alloc::format!("{name}=0")), alloc::format!("{name} = \"0\""));
    }
    assert_eq!(written("llc-colors=0-6,9"), "llc-colors = \"0-6,9\"");
}

#[test]
fn slips_are_named() {
    assert_eq!(
        error("a=0x1g"),
        "a: '0x1g' is no number of up to 64 bits, decimal or hexadecimal after 0x"
    );
    assert_eq!(
        error("a=1 0x"),
        "a: '0x' is no number of up to 64 bits, decimal or hexadecimal after 0x"
    );
    assert_eq!(
        error("a=18446744073709551616"),
        "a: '18446744073709551616' is no number of up to 64 bits, decimal or hexadecimal after 0x"
    );
    assert_eq!(
        error("a=<1 x>"),
        "a: 'x' is no number of up to 64 bits, decimal or hexadecimal after 0x"
    );
    assert_eq!(
        error("a=<1> 2"),
        "a: '2' is no number of up to 64 bits, decimal or hexadecimal after 0x"
    );
    assert_eq!(error("a=<1"), "a: '<' is not closed");
    assert_eq!(error("a=\"x"), "a: '\"' is not closed");
    assert_eq!(
        error("a=\"x\" y"),
        "a: \"y\" follows a string in quotes; a comma stands between two of them"
    );
    assert_eq!(
        error("a=\"x\","),
        "a: \"\" follows a string in quotes; a comma stands between two of them"
    );
    assert!(error("a=[0").starts_with("a: Sorry") || error("a=[0").contains("'[' is not closed"));
    assert_eq!(error("a b=1"), "'a b' cannot be the name of a property");
}

#[test]
fn a_node_that_is_gone_is_an_error() {
    let mut tree = Tree::new();
    let node = tree.add(tree.root(), "n").unwrap();
    tree.remove(node).unwrap();
    let message = set(&mut tree, node, &line("a=1")).unwrap_err().to_string();
    assert_eq!(message, "the node is no longer in the tree");
}

#[test]
fn a_second_line_replaces_the_first() {
    let mut tree = Tree::new();
    let node = tree.add(tree.root(), "n").unwrap();
    set(&mut tree, node, &line("cpus=1")).unwrap();
    set(&mut tree, node, &line("cpus=2")).unwrap();
    assert_eq!((tree.u32(node, "cpus"), tree.properties(node).len()), (Some(2), 1));
}
