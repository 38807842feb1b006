//! Tests of what moves, and under which names.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::{base_name, copy_node, free_name, listed, place, shown};
use crate::devicetree::MAX_DEPTH;
use crate::xen::testing::{printed, tree};

#[test]
fn free_names_keep_their_unit_address() {
    let tree = tree("a { }; a-2 { }; m@1 { }; m-2@1 { };");
    let free = |wanted| free_name(&tree, tree.root(), wanted);
    assert_eq!(
        [free("b"), free("a"), free("m@1"), free("m@2")],
        ["b", "a-3", "m-3@1", "m@2"]
    );
    assert_eq!(free("modules"), "modules-2");
    assert_eq!(base_name(&tree, tree.find("/m@1").unwrap()), "m");
}

#[test]
fn a_copy_has_everything() {
    let source = "a { x = <1>; y = \"2\"; b { c { z; }; d { }; }; e { }; }; t { };";
    let mut tree = tree(source);
    let (from, to) = (tree.find("/a").unwrap(), tree.find("/t").unwrap());
    copy_node(&mut tree, from, to).unwrap();
    let copy = printed(&tree, "/t/a").replace("\n\t", "\n");
    assert_eq!(copy, printed(&tree, "/a").replace("\n\t", "\n"));
    let second = copy_node(&mut tree, from, to).unwrap();
    assert_eq!(tree.path(second), "/t/a-2");
}

#[test]
fn a_copy_stays_within_the_depth() {
    let mut tree = tree("a { };");
    let mut at = tree.find("/a").unwrap();
    for _ in 2..MAX_DEPTH {
        at = tree.add(at, "n").unwrap();
    }
    let from = tree.find("/a").unwrap();
    assert!(copy_node(&mut tree, from, at).is_err());
    tree.remove(at).unwrap();
    assert!(copy_node(&mut tree, at, from).is_err());
}

#[test]
fn a_place_is_read_in_the_cells_that_fit() {
    let read = |cells: &str, value: &str| {
        let tree = tree(&format!("p {{ {cells} m {{ r = {value}; }}; }};"));
        place(&tree, tree.find("/p/m").unwrap(), "r").map_err(|error| error.to_string())
    };
    let cells = |address: u32, size: u32| format!("#address-cells = <{address}>; #size-cells = <{size}>;");
    assert_eq!(read("", "<1 2>"), Ok((1, 2)));
    assert_eq!(read("", "<1 2 3>"), Ok((0x1_0000_0002, 3)));
    assert_eq!(read("", "<1 2 3 4>"), Ok((0x1_0000_0002, 0x3_0000_0004)));
    assert_eq!(read(&cells(1, 2), "<1 2 3>"), Ok((1, 0x2_0000_0003)));
    assert_eq!(read(&cells(1, 2), "<1 2>"), Ok((1, 2)));
    assert_eq!(read(&cells(3, 1), "<0 1 2 3>"), Ok((0x1_0000_0002, 3)));
    assert_eq!(read(&cells(1, 0), "<1 2>"), Ok((1, 2)));
    let error = "/p/m: r has 16 bytes; an address and a size that fit 64 bits are 2, 3 or 4 cells of 4 bytes";
    assert_eq!(read(&cells(3, 1), "<1 1 2 3>"), Err(error.to_string()));
    assert!(read(&cells(u32::MAX, u32::MAX), "<1>").is_err());
    assert!(read(&cells(0, 1), "<1>").is_err());
    assert!(read("", "\"\"").is_err());
}

#[test]
fn long_lists_are_cut() {
    let names: Vec<&str> = (0..10).map(|_| "n").collect();
    assert_eq!(listed(names.iter().copied()), "n, n, n, n, n, n, n, n and 2 more");
    assert_eq!(listed(["a", "b"].into_iter()), "a, b");
}

#[test]
fn strings_of_the_tree_do_not_reach_the_terminal_as_they_are() {
    assert_eq!(shown("multiboot,kernel"), "multiboot,kernel");
    assert_eq!(shown("\u{1b}[2J\n"), "\\u{1b}[2J\\n");
    assert_eq!(shown(&"a".repeat(64)), "a".repeat(64));
    assert_eq!(shown(&"a".repeat(65)), "a".repeat(64) + "...");
}
