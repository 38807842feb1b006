//! What the lines of `xen.cfg` say, written into the tree: dom0's files, domains and their properties, and the files that modules
//! name by a key of `binary=` or by themselves.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thiserror::Error;

use super::config::{DomainLines, FileLine, Place, Position, PropertyLine, Section};
use super::module::{self, FILE, Kind, OLD_FILE};
use super::property::{self, PropertyError};
use super::system_dt::Taken;
use crate::devicetree::{EditError, NodeId, Tree};
use crate::finding::Finding;

/// What makes a node one of Xen's domains.
const DOMAIN: &str = "xen,domain";

/// Why the lines and the tree do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Dom0lessError {
    /// Keys were given, and this is none of them.
    #[error("{node}: {property} = \"{name}\" is none of the keys that {source_file} gives to files: {keys}")]
    UnknownKey {
        /// The module.
        node: String,
        /// The property.
        property: &'static str,
        /// What it says.
        name: String,
        /// The file that has `binary=` lines.
        source_file: String,
        /// Its keys.
        keys: String,
    },
    /// A property that is to be a file's name is not.
    #[error("{node}: {property} is no name of a file: one string of printable characters is expected")]
    NoName {
        /// The module.
        node: String,
        /// The property.
        property: &'static str,
    },
    /// Two names for one module.
    #[error("{node} names two files, {first} by {OLD_FILE} and {second} by {FILE}")]
    TwoNames {
        /// The module.
        node: String,
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// A name in a node that Xen would not look at.
    #[error(
        "{node} names the file {name}, but is no module: compatible must be \"multiboot,kernel\", \"multiboot,module\" or alike"
    )]
    NoModule {
        /// The node.
        node: String,
        /// The file.
        name: String,
    },
    /// A domain that has nothing to run.
    #[error("{at}: {domain} has no kernel: {domain}_kernel=FILE is missing")]
    NoKernel {
        /// Where its first line is.
        at: Place,
        /// Its name.
        domain: String,
    },
    /// Lines for a domain that is not there.
    #[error(
        "{at}: the tree has no domain called {domain} under /chosen; lines that make one begin with domu and a number"
    )]
    NoDomain {
        /// Where its first line is.
        at: Place,
        /// Its name.
        domain: String,
    },
    /// A domain cannot be made: something else has its name.
    #[error("{at}: {node} is not \"{DOMAIN}\", and no domain can be made beside it")]
    Taken {
        /// Where the domain's first line is.
        at: Place,
        /// The node.
        node: String,
    },
    /// A property by which a domain would be none.
    #[error("{at}: {node} has to stay \"{DOMAIN}\"")]
    Compatible {
        /// Where the line is.
        at: Place,
        /// The domain.
        node: String,
    },
    /// A property that cannot be one.
    #[error("{at}: {source}")]
    Property {
        /// Where the line is.
        at: Place,
        /// What is wrong.
        source: PropertyError,
    },
    /// The tree cannot take an edit.
    #[error(transparent)]
    Edit(#[from] EditError),
}

impl Section {
    fn place(&self, at: Position) -> Place {
        Place {
            file: self.source.clone(),
            at,
        }
    }
}

/// Puts Xen's command line into the tree: what the file says wins.
///
/// # Errors
/// [`Dom0lessError::Edit`].
pub fn options(tree: &mut Tree, section: &Section, findings: &mut Vec<Finding>) -> Result<(), Dom0lessError> {
    const PROPERTY: &str = "xen,xen-bootargs";
    let Some(options) = &section.options else { return Ok(()) };
    let chosen = tree.ensure(tree.root(), "chosen")?;
    if let Some(old) = tree.str(chosen, PROPERTY).filter(|old| old != options) {
        findings.push(Finding::note(format_args!(
            "/chosen: options= of {} take the place of {PROPERTY} = \"{}\"",
            section.source,
            old.escape_debug()
        )));
    }
    Ok(tree.set_strings(chosen, PROPERTY, &[options])?)
}

/// Gives every module that names its file in one way or another the property [`FILE`], and nothing else that says where it is.
///
/// # Errors
/// [`Dom0lessError`] with the node that cannot be understood.
pub fn names(tree: &mut Tree, section: Option<&Section>, findings: &mut Vec<Finding>) -> Result<(), Dom0lessError> {
    let Some(chosen) = tree.child(tree.root(), "chosen") else {
        return Ok(());
    };
    let nodes: Vec<NodeId> = tree.descendants(chosen).map(|(_, node)| node).collect();
    let keys = section.map(|section| (section, Keys::of(section)));
    for node in nodes {
        let Some(name) = named(tree, node, keys.as_ref())? else {
            continue;
        };
        if !module::is_one(tree, node) {
            let node = tree.path(node);
            return Err(Dom0lessError::NoModule { node, name });
        }
        if tree.property(node, "reg").is_some() {
            findings.push(Finding::warning(format_args!(
                "{} has a reg beside the name of its file, {name}: the file is loaded, and reg is written anew",
                tree.path(node)
            )));
            tree.remove_property(node, "reg")?;
        }
        if tree.property(node, OLD_FILE).is_some() {
            tree.remove_property(node, OLD_FILE)?;
        }
        tree.set_strings(node, FILE, &[&name])?;
    }
    Ok(())
}

/// The files by the keys of `binary=` lines.
struct Keys<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Keys<'a> {
    fn of(section: &'a Section) -> Self {
        let pairs = section.binaries.iter();
        Self(pairs.map(|line| (line.key.as_str(), line.file.as_str())).collect())
    }
}

/// The only string of a property, if it can be a file's name. `Tree::str` would pass over others, and over what is no text.
fn file_name(value: &[u8]) -> Option<&str> {
    let name = core::str::from_utf8(value.strip_suffix(&[0])?).ok()?;
    (!name.is_empty() && !name.contains(char::is_control)).then_some(name)
}

/// The file that a node names.
fn named(tree: &Tree, node: NodeId, keys: Option<&(&Section, Keys<'_>)>) -> Result<Option<String>, Dom0lessError> {
    let read = |property| -> Result<Option<String>, Dom0lessError> {
        let Some(value) = tree.property(node, property) else {
            return Ok(None);
        };
        let name = file_name(value).ok_or_else(|| Dom0lessError::NoName {
            node: tree.path(node),
            property,
        })?;
        let file = keys.and_then(|(_, keys)| keys.0.get(name));
        match (file, keys) {
            (Some(file), _) => Ok(Some((*file).to_string())),
            (None, Some((section, keys))) if property == OLD_FILE && !keys.0.is_empty() => {
                Err(Dom0lessError::UnknownKey {
                    node: tree.path(node),
                    property,
                    name: name.to_string(),
                    source_file: section.source.clone(),
                    keys: keys.0.keys().copied().collect::<Vec<_>>().join(", "),
                })
            }
            _ => Ok(Some(name.to_string())),
        }
    };
    match (read(OLD_FILE)?, read(FILE)?) {
        (Some(first), Some(second)) if first != second => Err(Dom0lessError::TwoNames {
            node: tree.path(node),
            first,
            second,
        }),
        (first, second) => Ok(first.or(second)),
    }
}

/// Makes what the lines say of dom0 and of domains part of the tree. Groups of lines in `done` are those of domains that have their files
/// already, with their nodes: only their properties are missing.
///
/// # Errors
/// [`Dom0lessError`] with the line that cannot be followed.
pub fn lines(
    tree: &mut Tree,
    section: &Section,
    done: &[Taken],
    findings: &mut Vec<Finding>,
) -> Result<(), Dom0lessError> {
    let chosen = tree.ensure(tree.root(), "chosen")?;
    let own = [
        (&section.kernel, Kind::Kernel),
        (&section.ramdisk, Kind::Ramdisk),
        (&section.xsm, Kind::XsmPolicy),
    ];
    for (line, kind) in own {
        if let Some(line) = line {
            file(tree, (chosen, kind), line, (section, findings))?;
        }
    }
    for group in &section.domains {
        let known = done
            .iter()
            .find(|taken| taken.name == group.name)
            .map(|taken| taken.node);
        let node = match known {
            Some(node) => node,
            None => domain(tree, chosen, group, (section, findings))?,
        };
        for line in &group.properties {
            set_property(tree, node, line, section)?;
        }
    }
    Ok(())
}

/// Makes the file of a line a module of `domain`. The line takes the place of a module of that kind that is there.
fn file(
    tree: &mut Tree,
    (domain, kind): (NodeId, Kind),
    line: &FileLine,
    (section, findings): (&Section, &mut Vec<Finding>),
) -> Result<(), Dom0lessError> {
    let old: Vec<NodeId> = tree
        .children(domain)
        .filter(|node| module::kind(tree, *node) == Some(kind))
        .collect();
    for node in old {
        findings.push(Finding::warning(format_args!(
            "{}: {} takes the place of {}",
            section.place(line.at),
            line.file,
            tree.path(node)
        )));
        tree.remove(node)?;
    }
    let node = module::add(tree, domain, kind)?;
    tree.set_strings(node, FILE, &[&line.file])?;
    if let Some(args) = &line.args {
        tree.set_strings(node, "bootargs", &[args])?;
    }
    Ok(())
}

/// The node of a group of lines, with its files: one that is there, or a new one.
fn domain(
    tree: &mut Tree,
    chosen: NodeId,
    group: &DomainLines,
    (section, findings): (&Section, &mut Vec<Finding>),
) -> Result<NodeId, Dom0lessError> {
    let node = domain_node(tree, chosen, group, section)?;
    let files = [
        (&group.kernel, Kind::Kernel),
        (&group.ramdisk, Kind::Ramdisk),
        (&group.dtb, Kind::DeviceTree),
    ];
    for (line, kind) in files {
        if let Some(line) = line {
            file(tree, (node, kind), line, (section, findings))?;
        }
    }
    let has_kernel = tree
        .children(node)
        .any(|child| module::kind(tree, child) == Some(Kind::Kernel));
    if has_kernel {
        Ok(node)
    } else {
        Err(Dom0lessError::NoKernel {
            at: section.place(group.at),
            domain: group.name.clone(),
        })
    }
}

/// The node that the lines mean: the domain of that name, else a new one.
fn domain_node(
    tree: &mut Tree,
    chosen: NodeId,
    group: &DomainLines,
    section: &Section,
) -> Result<NodeId, Dom0lessError> {
    let is_meant = |node: &NodeId| {
        let name = tree.name(*node).split('@').next().unwrap_or_default();
        tree.compatible(*node, DOMAIN) && name.eq_ignore_ascii_case(&group.name)
    };
    if let Some(there) = tree.children(chosen).find(is_meant) {
        return Ok(there);
    }
    let at = section.place(group.at);
    let Some(number) = group.name.strip_prefix("domu") else {
        let domain = group.name.clone();
        return Err(Dom0lessError::NoDomain { at, domain });
    };
    let name = format!("domU{number}");
    if let Some(other) = tree.child(chosen, &name) {
        let node = tree.path(other);
        return Err(Dom0lessError::Taken { at, node });
    }
    Ok(new_domain(tree, chosen, &name)?)
}

fn new_domain(tree: &mut Tree, chosen: NodeId, name: &str) -> Result<NodeId, EditError> {
    let node = tree.add(chosen, name)?;
    tree.set_strings(node, "compatible", &[DOMAIN])?;
    tree.set_u32(node, "#address-cells", 2)?;
    tree.set_u32(node, "#size-cells", 2)?;
    Ok(node)
}

fn set_property(tree: &mut Tree, node: NodeId, line: &PropertyLine, section: &Section) -> Result<(), Dom0lessError> {
    let was_domain = tree.compatible(node, DOMAIN);
    property::set(tree, node, line).map_err(|source| Dom0lessError::Property {
        at: section.place(line.at),
        source,
    })?;
    match was_domain && !tree.compatible(node, DOMAIN) {
        true => Err(Dom0lessError::Compatible {
            at: section.place(line.at),
            node: tree.path(node),
        }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
