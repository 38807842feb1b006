//! Trees for the tests of this module, from devicetree source: the documents' examples stand in the tests as they are printed.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::config::{DomainLines, FileLine, Position, Section};
use crate::devicetree::{NodeId, Tree};
use crate::finding::{Finding, Severity};

/// The example by which `binary=` was proposed: the tree.
pub(crate) const KEYS_TREE: &[u8] = include_bytes!("../../tests/fixtures/boot/uefi-binary.dtb");

/// Its configuration.
pub(super) const KEYS: &str = "\
[global]
default=section1

[section1]
options=console=vga,com1 com1=57600 loglvl=all noreboot
kernel=vmlinuz-3.0.31-0.4-xen [domain 0 command line options]
ramdisk=initrd-3.0.31-0.4-xen
xsm=
dtb=devtree.dtb
binary=vmlinuz-guest domu-kernel
binary=ramdisk-domA.img domA-ramdisk
binary=ramdisk-domB.img domB-ramdisk
";

/// A reference `&label` in a cell.
struct Reference {
    node: NodeId,
    property: String,
    offset: usize,
    label: String,
}

/// As much of devicetree source as the examples need: nodes, labels, `<1 &label>`, `"text"`, `[00 11]`, comments.
struct Source<'a> {
    rest: &'a str,
    tree: Tree,
    labels: BTreeMap<String, NodeId>,
    references: Vec<Reference>,
}

/// The tree of what stands between the braces of the root node.
pub(super) fn tree(source: &str) -> Tree {
    compiled(source).tree
}

/// The same with `/__symbols__`, as `dtc -@` makes it.
pub(super) fn tree_with_symbols(source: &str) -> Tree {
    let Source { mut tree, labels, .. } = compiled(source);
    let symbols = tree.add(tree.root(), "__symbols__").unwrap();
    for (label, node) in labels {
        let path = tree.path(node);
        tree.set_strings(symbols, &label, &[&path]).unwrap();
    }
    tree
}

fn compiled(source: &str) -> Source<'_> {
    let tree = Tree::new();
    let mut source = Source {
        rest: source,
        tree,
        labels: BTreeMap::new(),
        references: Vec::new(),
    };
    let root = source.tree.root();
    source.body(root);
    for (phandle, (_, node)) in (1..).zip(&source.labels) {
        source.tree.set_u32(*node, "phandle", phandle).unwrap();
    }
    for at in &source.references {
        let phandle = source.tree.u32(source.labels[&at.label], "phandle").unwrap();
        let mut value = source.tree.property(at.node, &at.property).unwrap().to_vec();
        value[at.offset..at.offset + 4].copy_from_slice(&phandle.to_be_bytes());
        source.tree.set(at.node, &at.property, &value).unwrap();
    }
    source
}

impl Source<'_> {
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if let Some(comment) = self.rest.strip_prefix("/*") {
                self.rest = comment.split_once("*/").unwrap().1;
            } else if self.rest.starts_with("//") {
                self.rest = self.rest.split_once('\n').unwrap().1;
            } else {
                return;
            }
        }
    }

    fn takes(&mut self, text: &str) -> bool {
        self.skip();
        let found = self.rest.strip_prefix(text);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn word(&mut self) -> String {
        self.skip();
        let end = self
            .rest
            .find(|at: char| at.is_whitespace() || ":;={}<>[]\"".contains(at));
        let (word, rest) = self.rest.split_at(end.unwrap());
        self.rest = rest;
        assert!(!word.is_empty(), "at {:.20}", self.rest);
        word.to_string()
    }

    fn body(&mut self, node: NodeId) {
        let mut properties = Vec::new();
        while !(self.takes("};") || self.rest.is_empty()) {
            let mut name = self.word();
            let label = self.takes(":").then(|| core::mem::replace(&mut name, self.word()));
            if self.takes("{") {
                let child = self.tree.add(node, &name).unwrap();
                self.labels.extend(label.map(|label| (label, child)));
                self.body(child);
            } else {
                let value = if self.takes("=") {
                    self.value(node, &name)
                } else {
                    Vec::new()
                };
                assert!(self.takes(";"), "{name} at {:.20}", self.rest);
                properties.push((name, value));
            }
        }
        for (name, value) in properties.iter().rev() {
            self.tree.set(node, name, value).unwrap();
        }
    }

    fn value(&mut self, node: NodeId, property: &str) -> Vec<u8> {
        let mut value = Vec::new();
        loop {
            if self.takes("\"") {
                let (text, rest) = self.rest.split_once('"').unwrap();
                self.rest = rest;
                value.extend(text.bytes().chain([0]));
            } else if self.takes("[") {
                while !self.takes("]") {
                    value.push(u8::from_str_radix(&self.word(), 16).unwrap());
                }
            } else {
                assert!(self.takes("<"), "{property} at {:.20}", self.rest);
                while !self.takes(">") {
                    let cell = self.cell(node, property, value.len());
                    value.extend(cell.to_be_bytes());
                }
            }
            if !self.takes(",") {
                return value;
            }
        }
    }

    fn cell(&mut self, node: NodeId, property: &str, offset: usize) -> u32 {
        let word = self.word();
        if let Some(label) = word.strip_prefix('&') {
            let (property, label) = (property.to_string(), label.to_string());
            self.references.push(Reference {
                node,
                property,
                offset,
                label,
            });
            return u32::MAX;
        }
        let hex = word.strip_prefix("0x").map(|digits| u32::from_str_radix(digits, 16));
        hex.unwrap_or_else(|| word.parse()).unwrap()
    }
}

/// What the node at `path` prints as.
pub(super) fn printed(tree: &Tree, path: &str) -> String {
    let node = tree.find(path).unwrap_or_else(|| panic!("no node {path}"));
    tree.print(node).to_string()
}

/// The names of the nodes below `path`.
pub(super) fn names(tree: &Tree, path: &str) -> Vec<String> {
    let node = tree.find(path).unwrap_or_else(|| panic!("no node {path}"));
    tree.children(node).map(|child| tree.name(child).to_string()).collect()
}

/// A string property of the node at `path`.
pub(super) fn text<'a>(tree: &'a Tree, path: &str, name: &str) -> Option<&'a str> {
    let node = tree.find(path).unwrap_or_else(|| panic!("no node {path}"));
    tree.str(node, name)
}

/// A line `FILE [args]`.
pub(super) fn file(line: &str) -> FileLine {
    let (file, args) = line
        .split_once(' ')
        .map_or((line, None), |(file, args)| (file, Some(args)));
    FileLine {
        file: file.to_string(),
        args: args.map(ToString::to_string),
        at: Position { line: 1, column: 1 },
    }
}

/// A `xen.cfg` with lines `module=`.
pub(super) fn modules(lines: &[&str]) -> Section {
    Section {
        source: "xen.cfg".to_string(),
        modules: lines.iter().map(|line| file(line)).collect(),
        ..Section::default()
    }
}

/// The lines of a domain, an empty one for what it does not have: kernel, ramdisk, dtb.
pub(super) fn domain(name: &str, lines: [&str; 3]) -> DomainLines {
    let [kernel, ramdisk, dtb] = lines.map(|line| (!line.is_empty()).then(|| file(line)));
    DomainLines {
        name: name.to_string(),
        at: Position { line: 1, column: 1 },
        kernel,
        ramdisk,
        dtb,
        properties: Vec::new(),
    }
}

/// The findings as they are printed.
pub(super) fn sentences(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

/// The findings as they are printed, without the notes.
pub(super) fn complaints(findings: &[Finding]) -> Vec<String> {
    let bad = findings.iter().filter(|finding| finding.severity != Severity::Note);
    bad.map(ToString::to_string).collect()
}

/// The notes among the findings.
pub(super) fn notes(findings: &[Finding]) -> Vec<String> {
    let notes = findings.iter().filter(|finding| finding.severity == Severity::Note);
    notes.map(|finding| finding.sentence.clone()).collect()
}
