//! The two edits of which scripts make hundreds, `fdt set` and `fdt mknode`, made in the blob itself.
//!
//! Reading a tree and writing it again costs as much as the tree is large, with an allocation for every name and value. Here the bytes
//! after the edit move, and nothing is allocated. Only what is ordinary is done: a sound blob whose blocks lie in the usual order, a
//! path that names one node, enough room. Everything else is left to [`Tree`](super::Tree), which checks all of it and has the words for
//! what is wrong; hence the answers here are `true` for done and `false` for untouched. The result is the one that the tree gives.

use core::ops::Range;

use super::header::{check_header, to_usize};
use super::parse::{BEGIN_NODE, END, END_NODE, NOP, PROP, c_string};
use super::{MAX_BLOCK_LEN, MAX_DEPTH, MAX_NODES, MAX_PROPERTIES, is_node_name, is_property_name};

/// Header fields that an edit changes (Devicetree Specification, section 5.2).
const OFF_DT_STRINGS: usize = 12;
const SIZE_DT_STRINGS: usize = 32;
const SIZE_DT_STRUCT: usize = 36;

/// Sets a property of the node at `path`, as [`Tree::set`](super::Tree::set) does. `blob` is all the room there is; its header's
/// `totalsize` must announce no more.
pub fn set_in_place(blob: &mut [u8], path: &str, name: &str, value: &[u8]) -> bool {
    is_property_name(name) && set(blob, path, name, value).is_some()
}

/// Adds a node before the other children of the node at `parent`, as [`Tree::add_first`](super::Tree::add_first) does.
pub fn add_in_place(blob: &mut [u8], parent: &str, name: &str) -> bool {
    is_node_name(name) && add(blob, parent, name).is_some()
}

fn set(blob: &mut [u8], path: &str, name: &str, value: &[u8]) -> Option<()> {
    let blocks = Blocks::open(blob)?;
    let (structs, strings) = (blob.get(blocks.structs.clone())?, blob.get(blocks.strings.clone())?);
    let node = find(structs, strings, path)?;
    let padded = value.len().checked_next_multiple_of(4)?;
    let len = u32::try_from(value.len()).ok()?;
    if let Some((at, old)) = property(structs, strings, node.content, name)? {
        let old = old.start..old.end.checked_next_multiple_of(4)?;
        blocks.splice(blob, old.clone(), padded, 0)?;
        let start = blocks.structs.start.checked_add(old.start)?;
        write(
            blob,
            blocks.structs.start.checked_add(at)?.checked_add(4)?,
            &len.to_be_bytes(),
        )?;
        return write_padded(blob, start, value);
    }
    if node.properties >= MAX_PROPERTIES {
        return None;
    }
    let known = string_offset(strings, name);
    let offset = u32::try_from(known.unwrap_or(strings.len())).ok()?;
    let new_string = known.map_or(name.len().checked_add(1), |_| Some(0))?;
    blocks.splice(blob, node.content..node.content, padded.checked_add(12)?, new_string)?;
    let start = blocks.structs.start.checked_add(node.content)?;
    for (at, word) in [(0, PROP), (4, len), (8, offset)] {
        write(blob, start.checked_add(at)?, &word.to_be_bytes())?;
    }
    write_padded(blob, start.checked_add(12)?, value)?;
    if new_string > 0 {
        let moved = padded.checked_add(12)?;
        let end = blocks.strings.end.checked_add(moved)?;
        write(blob, end, name.as_bytes())?;
        write(blob, end.checked_add(name.len())?, &[0])?;
    }
    Some(())
}

fn add(blob: &mut [u8], parent: &str, name: &str) -> Option<()> {
    let blocks = Blocks::open(blob)?;
    let (structs, strings) = (blob.get(blocks.structs.clone())?, blob.get(blocks.strings.clone())?);
    let node = find(structs, strings, parent)?;
    if node.nodes >= MAX_NODES || node.depth >= MAX_DEPTH || child(structs, node.content, name, Match::Exact)?.is_some()
    {
        return None;
    }
    let at = first_child(structs, node.content)?;
    let padded = name.len().checked_add(1)?.checked_next_multiple_of(4)?;
    blocks.splice(blob, at..at, padded.checked_add(8)?, 0)?;
    let start = blocks.structs.start.checked_add(at)?;
    write(blob, start, &BEGIN_NODE.to_be_bytes())?;
    // At least one zero follows each name: the padded length was counted with it.
    let text = start.checked_add(4)?;
    blob.get_mut(text..text.checked_add(padded)?)?.fill(0);
    write(blob, text, name.as_bytes())?;
    write(blob, text.checked_add(padded)?, &END_NODE.to_be_bytes())
}

/// Where the blocks of a sound blob lie. The structure block comes before the strings block, the reservations before both.
struct Blocks {
    structs: Range<usize>,
    strings: Range<usize>,
}

impl Blocks {
    fn open(blob: &[u8]) -> Option<Self> {
        let (header, _) = check_header(blob).ok()?;
        let block = |start, len| {
            let start = to_usize(start);
            Some(start..start.checked_add(to_usize(len))?)
        };
        let structs = block(header.structs_offset, header.structs_size)?;
        let strings = block(header.strings_offset, header.strings_size)?;
        let ordered = to_usize(header.memory_reserve_map_offset) < structs.start && structs.end <= strings.start;
        let ended = blob.get(strings.clone())?.last().is_none_or(|byte| *byte == 0);
        (ordered && ended).then_some(Self { structs, strings })
    }

    /// Makes `len` bytes of the structure block out of those in `old`, a range within it, and appends `new_string` bytes to the strings
    /// block. What comes after moves, the header is put right. Nothing is changed if there is no room.
    fn splice(&self, blob: &mut [u8], old: Range<usize>, len: usize, new_string: usize) -> Option<()> {
        let moved = |at: usize| at.checked_sub(old.len())?.checked_add(len);
        let (structs_len, strings_len) = (moved(self.structs.len())?, self.strings.len().checked_add(new_string)?);
        let (strings_start, end) = (moved(self.strings.start)?, moved(self.strings.end)?);
        let fits = end.checked_add(new_string)? <= blob.len();
        if !fits || structs_len > MAX_BLOCK_LEN || strings_len > MAX_BLOCK_LEN {
            return None;
        }
        let from = self.structs.start.checked_add(old.end)?;
        let fields = [
            (OFF_DT_STRINGS, strings_start),
            (SIZE_DT_STRINGS, strings_len),
            (SIZE_DT_STRUCT, structs_len),
        ];
        let to = moved(from)?;
        if from > self.strings.end || self.strings.end > blob.len() {
            return None;
        }
        blob.copy_within(from..self.strings.end, to);
        for (at, value) in fields {
            write(blob, at, &u32::try_from(value).ok()?.to_be_bytes())?;
        }
        Some(())
    }
}

fn write(blob: &mut [u8], at: usize, bytes: &[u8]) -> Option<()> {
    blob.get_mut(at..at.checked_add(bytes.len())?)?.copy_from_slice(bytes);
    Some(())
}

fn write_padded(blob: &mut [u8], at: usize, value: &[u8]) -> Option<()> {
    write(blob, at, value)?;
    let end = at.checked_add(value.len())?;
    let padding = value.len().checked_next_multiple_of(4)?.checked_sub(value.len())?;
    blob.get_mut(end..end.checked_add(padding)?)?.fill(0);
    Some(())
}

/// A token of the structure block. Positions count from its start.
enum Token<'a> {
    BeginNode(&'a str),
    Property { name: usize, value: Range<usize> },
    EndNode,
    Nop,
    End,
}

/// Reads the token at `at` and moves on behind it.
fn next<'a>(structs: &'a [u8], at: &mut usize) -> Option<Token<'a>> {
    let word = |at: usize| Some(u32::from_be_bytes(*structs.get(at..)?.first_chunk()?));
    let token = word(*at)?;
    let after = at.checked_add(4)?;
    let (token, end) = match token {
        BEGIN_NODE => {
            let name = c_string(structs.get(after..)?)?;
            (Token::BeginNode(name), after.checked_add(name.len())?.checked_add(1)?)
        }
        PROP => {
            let (len, name) = (to_usize(word(after)?), to_usize(word(after.checked_add(4)?)?));
            let start = after.checked_add(8)?;
            let value = start..start.checked_add(len)?;
            structs.get(value.clone())?;
            (
                Token::Property {
                    name,
                    value: value.clone(),
                },
                value.end,
            )
        }
        END_NODE => (Token::EndNode, after),
        NOP => (Token::Nop, after),
        END => (Token::End, after),
        _ => return None,
    };
    *at = end.checked_next_multiple_of(4)?;
    Some(token)
}

/// A node that was found, and how much there is in the tree.
struct Found {
    /// Where what is in the node begins.
    content: usize,
    /// Nodes from the root down to it, both counted.
    depth: usize,
    nodes: usize,
    properties: usize,
}

/// The node at `path` in a structure block that is sound as a whole.
fn find(structs: &[u8], strings: &[u8], path: &str) -> Option<Found> {
    let (nodes, properties) = count(structs)?;
    let mut root = 0;
    while !matches!(next(structs, &mut root)?, Token::BeginNode(_)) {}
    let mut at = (root, 1);
    let rest = match path.strip_prefix('/') {
        Some(rest) => rest,
        None => {
            let (alias, rest) = path.split_once('/').unwrap_or((path, ""));
            let aliases = child(structs, root, "aliases", Match::Exact)??;
            let (_, target) = property(structs, strings, aliases, alias)??;
            let target = structs
                .get(target)?
                .strip_suffix(&[0])?
                .split(|byte| *byte == 0)
                .next()?;
            let target = core::str::from_utf8(target).ok()?;
            at = descend(structs, at, target.strip_prefix('/')?)?;
            rest
        }
    };
    let (content, depth) = descend(structs, at, rest)?;
    Some(Found {
        content,
        depth,
        nodes,
        properties,
    })
}

fn descend(structs: &[u8], start: (usize, usize), rest: &str) -> Option<(usize, usize)> {
    let mut components = rest.split('/').filter(|component| !component.is_empty());
    components.try_fold(start, |(at, depth), component| {
        Some((child(structs, at, component, Match::OnlyUnit)??, depth.checked_add(1)?))
    })
}

/// Counts nodes and properties; `None` if the tokens do not make a tree, or properties stand after nodes.
fn count(structs: &[u8]) -> Option<(usize, usize)> {
    let (mut at, mut depth, mut nodes, mut properties) = (0, 0_usize, 0_usize, 0_usize);
    let mut may_hold_properties = false;
    loop {
        match next(structs, &mut at)? {
            // One root, and only it has no name.
            Token::BeginNode(name)
                if depth < MAX_DEPTH && name.is_empty() == (nodes == 0) && (depth > 0 || nodes == 0) =>
            {
                depth = depth.checked_add(1)?;
                nodes = nodes.checked_add(1)?;
                may_hold_properties = true;
            }
            Token::Property { .. } if may_hold_properties => properties = properties.checked_add(1)?,
            Token::EndNode => {
                depth = depth.checked_sub(1)?;
                may_hold_properties = false;
            }
            Token::Nop => {}
            Token::End if depth == 0 && nodes > 0 && at == structs.len() => return Some((nodes, properties)),
            _ => return None,
        }
    }
}

/// How a path's component names a node.
#[derive(Clone, Copy, PartialEq)]
enum Match {
    /// In full.
    Exact,
    /// In full, or without the unit address where only one node fits.
    OnlyUnit,
}

/// Where what is in the child `name` of a node begins, whose own content begins at `at`; the inner `None` if it has no such child.
fn child(structs: &[u8], mut at: usize, name: &str, how: Match) -> Option<Option<usize>> {
    let (mut depth, mut fitting, mut only) = (0_usize, 0_usize, None);
    loop {
        match next(structs, &mut at)? {
            Token::BeginNode(other) => {
                if depth == 0 && other == name {
                    return Some(Some(at));
                }
                if depth == 0 && other.split_once('@').is_some_and(|(base, _)| base == name) {
                    fitting = fitting.checked_add(1)?;
                    only = Some(at);
                }
                depth = depth.checked_add(1)?;
            }
            Token::EndNode if depth == 0 => return Some(only.filter(|_| how == Match::OnlyUnit && fitting == 1)),
            Token::EndNode => depth = depth.checked_sub(1)?,
            Token::Property { .. } | Token::Nop => {}
            Token::End => return None,
        }
    }
}

/// Where the first child of a node stands or would stand.
fn first_child(structs: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let here = at;
        if let Token::BeginNode(_) | Token::EndNode = next(structs, &mut at)? {
            return Some(here);
        }
    }
}

/// Token and value of a property of the node whose content begins at `at`; the inner `None` if it has no such property.
fn property(structs: &[u8], strings: &[u8], mut at: usize, name: &str) -> Option<Option<(usize, Range<usize>)>> {
    loop {
        let here = at;
        match next(structs, &mut at)? {
            Token::Property { name: offset, value } if c_string(strings.get(offset..)?)? == name => {
                return Some(Some((here, value)));
            }
            Token::Property { .. } | Token::Nop => {}
            _ => return Some(None),
        }
    }
}

/// Where `name` stands in the strings block, be it as the end of a longer name.
fn string_offset(strings: &[u8], name: &str) -> Option<usize> {
    let mut start = 0_usize;
    for string in strings.split(|byte| *byte == 0) {
        let end = start.checked_add(string.len())?;
        if string.ends_with(name.as_bytes()) && end < strings.len() {
            return end.checked_sub(name.len());
        }
        start = end.checked_add(1)?;
    }
    None
}
