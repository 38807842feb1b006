//! Overlays (devicetree source with `/plugin/`, as `dtc -@` makes them) merged into a tree.
//!
//! The steps are those of `libfdt`, whose tool `fdtoverlay` the tests hold this against: the overlay's phandles move above the
//! base's, references within the overlay follow (`__local_fixups__`), references to labels of the base are filled in
//! (`__fixups__` and the base's `__symbols__`), then each fragment's `__overlay__` is merged into its target and the overlay's
//! own labels go into the base's symbols. The overlay is a copy that is used up; its blob stays as it was.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::MAX_REFERENCES;
use super::error::{EditError, OverlayError};
use super::tree::{NodeId, Tree};

/// All ones is no phandle.
const NO_PHANDLE: u32 = u32::MAX;

impl Tree {
    /// Merges `overlay` into this tree. After an error the tree holds a part of it and is to be thrown away.
    ///
    /// # Errors
    /// [`OverlayError`] with the fragment, label or entry that does not fit.
    pub fn apply(&mut self, mut overlay: Self) -> Result<(), OverlayError> {
        let delta = self.max_phandle();
        renumber(&mut overlay, delta)?;
        let references = local_references(&overlay)?;
        for at in &references {
            at.update(&mut overlay, |phandle| phandle.checked_add(delta))?;
        }
        fill_in_labels(self, &mut overlay)?;
        let fragments = fragments(self, &overlay)?;
        keep_phandles(self, &mut overlay, &fragments, &references)?;
        for fragment in &fragments {
            merge(self, &overlay, fragment).map_err(|source| OverlayError::Edit {
                fragment: overlay.path(fragment.node),
                source,
            })?;
        }
        merge_symbols(self, &overlay, &fragments)
    }
}

/// A cell of the overlay that holds a phandle.
struct Reference {
    node: NodeId,
    property: String,
    offset: usize,
}

impl Reference {
    fn read(&self, overlay: &Tree) -> Option<u32> {
        let value = overlay.property(self.node, &self.property)?;
        value
            .get(self.offset..)?
            .first_chunk()
            .map(|cell| u32::from_be_bytes(*cell))
    }

    /// Replaces the cell by what `change` makes of it.
    fn update(&self, overlay: &mut Tree, change: impl FnOnce(u32) -> Option<u32>) -> Result<(), OverlayError> {
        let bad = || OverlayError::BadFixup {
            table: "__local_fixups__",
            entry: alloc::format!("{}:{}:{}", overlay.path(self.node), self.property, self.offset),
        };
        let cell = change(self.read(overlay).ok_or_else(bad)?).filter(|phandle| *phandle != NO_PHANDLE);
        let cell = cell.ok_or(OverlayError::Phandles)?;
        self.write(overlay, cell);
        Ok(())
    }

    fn write(&self, overlay: &mut Tree, phandle: u32) {
        let node = overlay.node_mut(self.node);
        let property = node.and_then(|node| node.properties.iter_mut().find(|at| at.name == self.property));
        let value = property.and_then(|property| property.value.get_mut(self.offset..));
        if let Some(cell) = value.and_then(|rest| rest.first_chunk_mut::<4>()) {
            *cell = phandle.to_be_bytes();
        }
    }
}

/// The properties that make a node's phandle.
const PHANDLES: [&str; 2] = ["phandle", "linux,phandle"];

/// Moves the overlay's phandles above those of the base.
fn renumber(overlay: &mut Tree, delta: u32) -> Result<(), OverlayError> {
    let nodes: Vec<NodeId> = overlay.nodes().collect();
    for id in nodes {
        for name in PHANDLES {
            if let Some(phandle) = overlay.u32(id, name) {
                let moved = phandle.checked_add(delta).filter(|moved| *moved != NO_PHANDLE);
                set_phandle(overlay, id, name, moved.ok_or(OverlayError::Phandles)?);
            }
        }
    }
    Ok(())
}

fn set_phandle(overlay: &mut Tree, node: NodeId, name: &str, phandle: u32) {
    let property = name.to_owned();
    Reference {
        node,
        property,
        offset: 0,
    }
    .write(overlay, phandle);
}

/// The cells that `__local_fixups__` lists: it mirrors the overlay's nodes, each property holding offsets into its namesake.
fn local_references(overlay: &Tree) -> Result<Vec<Reference>, OverlayError> {
    const TABLE: &str = "__local_fixups__";
    let mut references = Vec::new();
    let Some(table) = overlay.child(overlay.root(), TABLE) else {
        return Ok(references);
    };
    let mut pending = Vec::from([(table, overlay.root())]);
    while let Some((list, node)) = pending.pop() {
        for (name, offsets) in overlay.properties(list) {
            for offset in offsets.as_chunks::<4>().0 {
                if references.len() >= MAX_REFERENCES {
                    return Err(OverlayError::TooManyReferences);
                }
                references.push(Reference {
                    node,
                    property: name.to_owned(),
                    offset: usize::try_from(u32::from_be_bytes(*offset)).unwrap_or(usize::MAX),
                });
            }
        }
        for child in overlay.children(list) {
            let name = overlay.name(child);
            let same = overlay.child(node, name).ok_or_else(|| OverlayError::BadFixup {
                table: TABLE,
                entry: overlay.path(child),
            })?;
            pending.push((child, same));
        }
    }
    Ok(references)
}

/// Fills in the phandles of the base's labels that `__fixups__` lists: `label = "PATH:PROPERTY:OFFSET", ...`.
fn fill_in_labels(base: &mut Tree, overlay: &mut Tree) -> Result<(), OverlayError> {
    let Some(table) = overlay.child(overlay.root(), "__fixups__") else {
        return Ok(());
    };
    let labels: Vec<String> = overlay.properties(table).map(|(label, _)| label.to_owned()).collect();
    let mut count = 0_usize;
    for label in labels {
        let phandle = label_phandle(base, &label)?;
        let entries: Vec<String> = overlay.strings(table, &label).map(ToString::to_string).collect();
        for entry in entries {
            count = count.saturating_add(1);
            if count > MAX_REFERENCES {
                return Err(OverlayError::TooManyReferences);
            }
            let found = reference(overlay, &entry).filter(|at| at.read(overlay).is_some());
            let found = found.ok_or(OverlayError::BadFixup {
                table: "__fixups__",
                entry,
            })?;
            found.write(overlay, phandle);
        }
    }
    Ok(())
}

/// The cell that an entry of `__fixups__` names.
fn reference(overlay: &Tree, entry: &str) -> Option<Reference> {
    let mut parts = entry.splitn(3, ':');
    let (path, property, offset) = (parts.next()?, parts.next()?, parts.next()?);
    let node = exact(overlay, overlay.root(), path.strip_prefix('/')?)?;
    let offset = offset.bytes().all(|digit| digit.is_ascii_digit()).then_some(offset)?;
    Some(Reference {
        node,
        property: property.to_owned(),
        offset: offset.parse().ok()?,
    })
}

/// The node at `path` below `start`, every name in full.
fn exact(tree: &Tree, start: NodeId, path: &str) -> Option<NodeId> {
    let mut names = path.split('/').filter(|name| !name.is_empty());
    names.try_fold(start, |at, name| tree.child(at, name))
}

/// The phandle of the base's node with that label; one without a phandle gets the next.
fn label_phandle(base: &mut Tree, label: &str) -> Result<u32, OverlayError> {
    let symbols = base.child(base.root(), "__symbols__");
    let symbols = symbols.ok_or_else(|| OverlayError::NoSymbols { label: label.into() })?;
    let path = base.str(symbols, label);
    let path = path.ok_or_else(|| OverlayError::NoSymbol { label: label.into() })?;
    let node = base.find(path).ok_or_else(|| OverlayError::DeadSymbol {
        label: label.into(),
        path: path.into(),
    })?;
    if let Some(phandle) = base.phandle(node) {
        return Ok(phandle);
    }
    let next = base.max_phandle().checked_add(1).filter(|next| *next != NO_PHANDLE);
    let next = next.ok_or(OverlayError::Phandles)?;
    base.set_u32(node, "phandle", next)
        .map_err(|source| OverlayError::Edit {
            fragment: base.path(node),
            source,
        })?;
    Ok(next)
}

/// A fragment: its node and its `__overlay__` in the overlay, its target in the base.
struct Fragment {
    node: NodeId,
    content: NodeId,
    target: NodeId,
}

fn fragments(base: &Tree, overlay: &Tree) -> Result<Vec<Fragment>, OverlayError> {
    let mut fragments = Vec::new();
    for node in overlay.children(overlay.root()) {
        if let Some(content) = overlay.child(node, "__overlay__") {
            let target = target(base, overlay, node)?;
            fragments.push(Fragment { node, content, target });
        }
    }
    match fragments.is_empty() {
        true => Err(OverlayError::NoFragment),
        false => Ok(fragments),
    }
}

fn target(base: &Tree, overlay: &Tree, fragment: NodeId) -> Result<NodeId, OverlayError> {
    let name = || overlay.path(fragment);
    if let Some(phandle) = overlay.u32(fragment, "target") {
        let found = base.find_phandle(phandle).filter(|_| phandle != NO_PHANDLE);
        return found.ok_or_else(|| OverlayError::NoTargetPhandle {
            fragment: name(),
            phandle,
        });
    }
    let path = overlay.str(fragment, "target-path");
    let path = path.ok_or_else(|| OverlayError::NoTarget { fragment: name() })?;
    base.find(path).ok_or_else(|| OverlayError::NoTargetPath {
        fragment: name(),
        path: path.into(),
    })
}

/// Nodes of the base that have a phandle keep it: others refer to them by it. Where the overlay has a number of its own for such a node,
/// the overlay takes the base's.
fn keep_phandles(
    base: &Tree,
    overlay: &mut Tree,
    fragments: &[Fragment],
    references: &[Reference],
) -> Result<(), OverlayError> {
    let mut replaced = BTreeMap::new();
    for fragment in fragments {
        let mut pending = Vec::from([(fragment.content, fragment.target)]);
        while let Some((from, to)) = pending.pop() {
            if let (Some(new), Some(old)) = (overlay.phandle(from), base.phandle(to)) {
                replaced.insert(new, old);
                PHANDLES.iter().for_each(|name| set_phandle(overlay, from, name, old));
            }
            let pairs = overlay.children(from).filter_map(|child| {
                let same = base.child(to, overlay.name(child))?;
                Some((child, same))
            });
            pending.extend(pairs);
        }
    }
    if replaced.is_empty() {
        return Ok(());
    }
    for at in references {
        at.update(overlay, |phandle| {
            Some(replaced.get(&phandle).copied().unwrap_or(phandle))
        })?;
    }
    Ok(())
}

/// Merges a fragment's content into its target. New nodes and properties come first, where `libfdt` puts them.
fn merge(base: &mut Tree, overlay: &Tree, fragment: &Fragment) -> Result<(), EditError> {
    let mut pending = Vec::from([(fragment.content, fragment.target)]);
    while let Some((from, to)) = pending.pop() {
        for (name, value) in overlay.properties(from) {
            base.set(to, name, value)?;
        }
        for child in overlay.children(from) {
            let name = overlay.name(child);
            let same = match base.child(to, name) {
                Some(same) => same,
                None => base.add_first(to, name)?,
            };
            pending.push((child, same));
        }
    }
    Ok(())
}

/// Adds the overlay's labels to the base's, their paths now those in the base.
fn merge_symbols(base: &mut Tree, overlay: &Tree, fragments: &[Fragment]) -> Result<(), OverlayError> {
    let Some(symbols) = overlay.child(overlay.root(), "__symbols__") else {
        return Ok(());
    };
    for (label, _) in overlay.properties(symbols) {
        let Some((fragment, rest)) = overlay.str(symbols, label).and_then(|path| in_fragment(overlay, path)) else {
            continue;
        };
        let Some(fragment) = fragments.iter().find(|at| at.node == fragment) else {
            continue;
        };
        let target = base.path(fragment.target);
        let path = match (target.as_str(), rest) {
            (_, "") => target,
            ("/", rest) => alloc::format!("/{rest}"),
            (target, rest) => alloc::format!("{target}/{rest}"),
        };
        let done = base
            .ensure_first(base.root(), "__symbols__")
            .and_then(|at| base.set_strings(at, label, &[&path]));
        done.map_err(|source| OverlayError::Edit {
            fragment: overlay.path(fragment.node),
            source,
        })?;
    }
    Ok(())
}

/// The fragment that a label's path begins with, and what follows its `__overlay__`; `None` for what stays behind.
fn in_fragment<'a>(overlay: &Tree, path: &'a str) -> Option<(NodeId, &'a str)> {
    let (name, rest) = path.strip_prefix('/')?.split_once('/')?;
    let rest = rest.strip_prefix("__overlay__")?;
    let rest = match rest {
        "" => rest,
        _ => rest.strip_prefix('/')?,
    };
    Some((overlay.child(overlay.root(), name)?, rest))
}
