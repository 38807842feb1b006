//! Trees and properties as text, close to devicetree source.
//!
//! The form is that of U-Boot's `fdt print`, which people compare and scripts read: tabs, cells in eight digits, and
//! by the bytes alone it is decided what a value is. One thing differs: a number such as `<0x0bebc200>`, whose bytes
//! happen to be Latin-1 letters, is printed as the number that it is, since text has to be UTF-8 here.

use super::tree::{NodeId, Tree};
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// A node with its properties, and the nodes below it down to `depth` levels. The last level shows names only.
///
/// The iteration is the tree's own, so its depth is bounded as the tree's is.
#[derive(Debug, Clone, Copy)]
pub struct PrintNode<'a> {
    tree: &'a Tree,
    id: NodeId,
    depth: usize,
}

/// The value of a property, without its name.
#[derive(Debug, Clone, Copy)]
pub struct PrintValue<'a>(&'a [u8]);

impl Tree {
    /// The node and all that is below it, for printing.
    pub fn print(&self, id: NodeId) -> PrintNode<'_> {
        PrintNode {
            tree: self,
            id,
            depth: usize::MAX,
        }
    }

    /// The node with its properties and the names of its children, for printing.
    pub fn print_level(&self, id: NodeId) -> PrintNode<'_> {
        PrintNode {
            tree: self,
            id,
            depth: 1,
        }
    }
}

impl<'a> PrintValue<'a> {
    /// The raw value, for printing: strings, cells (in a multiple of 4 bytes) or bytes.
    pub fn new(value: &'a [u8]) -> Self {
        Self(value)
    }
}

impl fmt::Display for PrintNode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut open = 0_usize;
        for (depth, id) in self.tree.descendants(self.id).filter(|(depth, _)| *depth <= self.depth) {
            close(f, &mut open, depth)?;
            let name = if id == self.tree.root() {
                "/"
            } else {
                self.tree.name(id)
            };
            indent(f, depth)?;
            writeln!(f, "{name} {{")?;
            open = depth.saturating_add(1);
            if depth == self.depth {
                continue;
            }
            for (name, value) in self.tree.properties(id) {
                indent(f, open)?;
                match value {
                    [] => writeln!(f, "{name};")?,
                    _ => writeln!(f, "{name} = {};", PrintValue(value))?,
                }
            }
        }
        close(f, &mut open, 0)
    }
}

/// Ends the nodes that are open until `depth` of them are left.
fn close(f: &mut fmt::Formatter<'_>, open: &mut usize, depth: usize) -> fmt::Result {
    while *open > depth {
        *open = open.saturating_sub(1);
        indent(f, *open)?;
        f.write_str("};\n")?;
    }
    Ok(())
}

fn indent(f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
    (0..depth).try_for_each(|_| f.write_char('\t'))
}

impl fmt::Display for PrintValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(strings) = strings_of(self.0) {
            return separated(f, ", ", strings, |f, text| {
                f.write_char('"')?;
                text.chars().try_for_each(|letter| write_letter(f, letter))?;
                f.write_char('"')
            });
        }
        let (cells, rest) = self.0.as_chunks::<4>();
        let (start, end) = if rest.is_empty() { ("<", ">") } else { ("[", "]") };
        f.write_str(start)?;
        if rest.is_empty() {
            separated(f, " ", cells, |f, cell| {
                write!(f, "{:#010x}", u32::from_be_bytes(*cell))
            })?;
        } else {
            separated(f, " ", self.0, |f, byte| write!(f, "{byte:02x}"))?;
        }
        f.write_str(end)
    }
}

/// The strings that a value consists of, if it looks like a string list: no string is empty, and there are no control characters but white
/// space.
pub(crate) fn strings_of(value: &[u8]) -> Option<Vec<&str>> {
    let text = str::from_utf8(value.strip_suffix(&[0])?).ok()?;
    let strings: Vec<&str> = text.split('\0').collect();
    let is_string =
        |text: &&str| !text.is_empty() && text.chars().all(|at| !at.is_control() || at.is_ascii_whitespace());
    strings.iter().all(is_string).then_some(strings)
}

/// White space other than a blank could pass for the text around it, so it is written as in devicetree sources.
fn write_letter(f: &mut fmt::Formatter<'_>, letter: char) -> fmt::Result {
    match letter {
        '\t' | '\n' | '\r' | '\x0c' => write!(f, "{}", letter.escape_default()),
        _ => f.write_char(letter),
    }
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    separator: &str,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        write(f, item)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn text(value: &[u8]) -> alloc::string::String {
        PrintValue::new(value).to_string()
    }

    #[test]
    fn values_print_as_what_their_bytes_look_like() {
        assert_eq!(text(b"a,b\0c,d\0"), r#""a,b", "c,d""#);
        assert_eq!(text(b"\0"), "[00]");
        assert_eq!(text(b"\0\0"), "[00 00]");
        assert_eq!(text(b"ABC\0"), r#""ABC""#);
        assert_eq!(text(&[0; 4]), "<0x00000000>");
        assert_eq!(text(b"abc\0\0\0\0\x05"), "<0x61626300 0x00000005>");
        assert_eq!(text(&[0, 0x11, 0x22]), "[00 11 22]");
        assert_eq!(text("\u{e9}\0".as_bytes()), "\"\u{e9}\"");
        assert_eq!(text(b"a\nb\0"), r#""a\nb""#);
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(text(b"\x1b[2J\0"), "[1b 5b 32 4a 00]");
    }

    #[test]
    fn a_node_prints_with_what_is_below_it() {
        let mut tree = Tree::new();
        let node = tree.add(tree.root(), "node@1").unwrap();
        tree.set(node, "empty", &[]).unwrap();
        tree.set_u32(node, "reg", 1).unwrap();
        let sub = tree.add(node, "sub").unwrap();
        tree.set_strings(sub, "r", &["s"]).unwrap();
        tree.add(node, "last").unwrap();
        let all = "node@1 {\n\treg = <0x00000001>;\n\tempty;\n\tsub {\n\t\tr = \"s\";\n\t};\n\tlast {\n\t};\n};\n";
        assert_eq!(tree.print(node).to_string(), all);
        let level = "node@1 {\n\treg = <0x00000001>;\n\tempty;\n\tsub {\n\t};\n\tlast {\n\t};\n};\n";
        assert_eq!(tree.print_level(node).to_string(), level);
        assert_eq!(tree.print_level(tree.root()).to_string(), "/ {\n\tnode@1 {\n\t};\n};\n");
    }
}
