use std::path::Path;

use super::Tree;
use crate::parse;
use crate::tests::{VIRT, all_refused};

fn tree(table: &str) -> Option<Tree> {
    let text = format!("{VIRT}{table}");
    parse(Path::new("board.toml"), &text).unwrap().tree
}

#[test]
fn a_tree_is_a_file_or_in_a_package() {
    assert_eq!(tree(""), None);
    assert_eq!(
        tree("[tree]\nfile = 'board.dts'\n"),
        Some(Tree::File("board.dts".to_owned()))
    );
    let package = "xilinx/zynqmp-zcu102-rev1.0.dtb";
    assert_eq!(
        tree(&format!("[tree]\npackage = '{package}'\n")),
        Some(Tree::Package(package.to_owned()))
    );
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let cases = [
        ("[tree]\n", 7, "either file"),
        ("[tree]\nfile = 'a.dtb'\npackage = 'b.dtb'\n", 7, "either file"),
        ("[tree]\npackage = 'b.dts'\n", 7, "packages have .dtb files"),
        ("[tree]\nfile = '../a.dtb'\n", 7, "\"../a.dtb\" is no path below"),
        ("[tree]\nfile = '/a.dtb'\n", 7, "\"/a.dtb\" is no path below"),
        ("[tree]\nfile = 'a b.dtb'\n", 7, "is no path below"),
        ("[tree]\nfile = 'a.txt'\n", 7, "\"a.txt\" is no path below"),
        ("[tree]\nurl = 'a'\n", 8, "unknown field `url`"),
    ];
    all_refused(&cases.map(|(table, line, why)| (table.to_owned(), line, 1, why)));
}
