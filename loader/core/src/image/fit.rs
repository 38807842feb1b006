//! FIT, the image that is a devicetree: images with their hashes, and configurations that name them.
//!
//! The format is U-Boot's "Flat Image Tree"; `mkimage -f` makes it. The tree is read as strictly as every other blob, but for the images'
//! `data`: they are megabytes and stay where they are. Data may also lie behind the tree (`mkimage -E`). Names are taken as they stand, with an
//! `@` or without: a name is looked up in full, so that nothing hangs on where an `@` is. Where data lie outside the file, they are no data.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::devicetree::{NodeId, Outline, Places, Tree, outline};
use crate::digest::Algorithm;

mod error;

pub use error::Error;

/// Configurations and images that are looked at; real ones have a few.
const MAX_IMAGES: usize = 256;

/// What the images of a configuration are for, by the property that names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use(pub &'static str);

impl Use {
    /// The kernel, or Xen.
    pub const KERNEL: Self = Self("kernel");
    /// The ramdisk.
    pub const RAMDISK: Self = Self("ramdisk");
    /// The device tree, and overlays for it.
    pub const FDT: Self = Self("fdt");
    /// What is only to be put somewhere.
    pub const LOADABLES: Self = Self("loadables");
    /// A script.
    pub const SCRIPT: Self = Self("script");
}

/// A FIT: what it says, and where its data are.
#[derive(Debug)]
pub struct Fit {
    tree: Tree,
    /// The images' data that stand in the tree, by node.
    data: Places,
    images: NodeId,
    /// Where data begin that lie behind the tree.
    behind: u64,
    file_len: u64,
}

/// An image of a FIT.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    fit: &'a Fit,
    node: NodeId,
}

/// A configuration of a FIT.
#[derive(Clone, Copy, Debug)]
pub struct Configuration<'a> {
    fit: &'a Fit,
    node: NodeId,
}

/// A hash that an image must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hash<'a> {
    /// Its node's name.
    pub node: &'a str,
    /// The algorithm's name in the FIT.
    pub algorithm: &'a str,
    /// The hash; empty if it is missing.
    pub value: &'a [u8],
    /// Whether it says that it is not to be looked at.
    pub ignored: bool,
}

impl Hash<'_> {
    /// The algorithm, if the loader has it.
    #[must_use]
    pub fn known(&self) -> Option<Algorithm> {
        Algorithm::named(self.algorithm)
    }
}

/// A signature: whose it is said to be. It is not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// Hash and cipher, such as `sha256,rsa2048`.
    pub algorithm: &'a str,
    /// The key's name.
    pub key: &'a str,
}

impl fmt::Display for Signature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (algorithm, key) = (printable(self.algorithm), printable(self.key));
        write!(f, "{algorithm}:{key}")
    }
}

/// Text without what could steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

impl Fit {
    /// Reads the FIT at the start of `file`, which may be longer.
    ///
    /// # Errors
    /// [`Error::Tree`], [`Error::NoImages`], [`Error::TooMany`].
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        let Outline {
            tree,
            left_out,
            total_size,
        } = outline(file, "data")?;
        let images = tree.child(tree.root(), "images").ok_or(Error::NoImages)?;
        let fit = Self {
            images,
            data: left_out,
            behind: u64::from(total_size).next_multiple_of(4),
            file_len: super::length(file),
            tree,
        };
        let configurations = fit.configurations().count();
        if fit.images().count().max(configurations) > MAX_IMAGES {
            return Err(Error::TooMany);
        }
        Ok(fit)
    }

    /// What it is, in its maker's words.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.tree.str(self.tree.root(), "description")
    }

    /// Seconds since 1970 (UTC) at which it was made.
    #[must_use]
    pub fn created(&self) -> Option<u32> {
        self.tree.u32(self.tree.root(), "timestamp")
    }

    /// The images, in order.
    pub fn images(&self) -> impl Iterator<Item = Image<'_>> {
        let nodes = self.tree.children(self.images);
        nodes.map(|node| Image { fit: self, node })
    }

    /// The image called `name`.
    ///
    /// # Errors
    /// [`Error::NoImage`].
    pub fn image(&self, name: &str) -> Result<Image<'_>, Error> {
        let node = self.tree.child(self.images, name);
        let node = node.ok_or_else(|| Error::NoImage {
            name: name.into(),
            present: list(self.images().map(|image| image.name())),
        })?;
        Ok(Image { fit: self, node })
    }

    /// The name of the image that `/images` has for who names none.
    #[must_use]
    pub fn default_image(&self) -> Option<&str> {
        self.tree.str(self.images, "default")
    }

    fn configurations_node(&self) -> Option<NodeId> {
        self.tree.child(self.tree.root(), "configurations")
    }

    /// The configurations, in order.
    pub fn configurations(&self) -> impl Iterator<Item = Configuration<'_>> {
        let nodes = self.configurations_node().into_iter();
        let nodes = nodes.flat_map(|node| self.tree.children(node));
        nodes.map(|node| Configuration { fit: self, node })
    }

    /// The name of the default configuration.
    #[must_use]
    pub fn default_configuration(&self) -> Option<&str> {
        self.tree.str(self.configurations_node()?, "default")
    }

    /// The configuration called `name`, or the default one.
    ///
    /// # Errors
    /// [`Error::NoConfiguration`], [`Error::NoDefault`].
    pub fn configuration(&self, name: Option<&str>) -> Result<Configuration<'_>, Error> {
        let present = || list(self.configurations().map(|at| at.name()));
        let name = name.or(self.default_configuration());
        let name = name.ok_or_else(|| Error::NoDefault { present: present() })?;
        let parent = self.configurations_node();
        let node = parent.and_then(|parent| self.tree.child(parent, name));
        let node = node.ok_or_else(|| Error::NoConfiguration {
            name: name.into(),
            present: present(),
        })?;
        Ok(Configuration { fit: self, node })
    }

    fn signatures(&self, node: NodeId) -> impl Iterator<Item = Signature<'_>> {
        self.named(node, "signature").map(|child| Signature {
            algorithm: self.tree.str(child, "algo").unwrap_or_default(),
            key: self.tree.str(child, "key-name-hint").unwrap_or_default(),
        })
    }

    /// The nodes below `node` whose names begin with `start`.
    fn named(&self, node: NodeId, start: &'static str) -> impl Iterator<Item = NodeId> {
        let children = self.tree.children(node);
        children.filter(move |child| self.tree.name(*child).starts_with(start))
    }
}

/// Names for a sentence.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.is_empty() {
        true => "none".to_string(),
        false => names.join(", "),
    }
}

impl<'a> Image<'a> {
    /// Its name: that of its node.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.fit.tree.name(self.node)
    }

    /// What it is, in its maker's words.
    #[must_use]
    pub fn description(&self) -> Option<&'a str> {
        self.text("description")
    }

    /// `kernel`, `ramdisk`, `flat_dt`, `script` and so on; empty if it does not say.
    #[must_use]
    pub fn kind(&self) -> &'a str {
        self.text("type").unwrap_or_default()
    }

    /// `none`, `gzip` and so on. Nothing said is `none`.
    #[must_use]
    pub fn compression(&self) -> &'a str {
        self.text("compression").unwrap_or("none")
    }

    /// `arm64` and so on.
    #[must_use]
    pub fn arch(&self) -> Option<&'a str> {
        self.text("arch")
    }

    /// `linux` and so on.
    #[must_use]
    pub fn os(&self) -> Option<&'a str> {
        self.text("os")
    }

    /// Where it wants to lie.
    #[must_use]
    pub fn load(&self) -> Option<u64> {
        self.address("load")
    }

    /// Where to start it.
    #[must_use]
    pub fn entry(&self) -> Option<u64> {
        self.address("entry")
    }

    fn text(&self, property: &str) -> Option<&'a str> {
        self.fit.tree.str(self.node, property)
    }

    /// An address of one cell or two.
    fn address(&self, property: &str) -> Option<u64> {
        let Fit { tree, .. } = self.fit;
        tree.u64(self.node, property)
            .or_else(|| tree.u32(self.node, property).map(u64::from))
    }

    /// Where its data are: offset from the FIT's start, and length; all within the file.
    ///
    /// # Errors
    /// [`Error::NoData`], [`Error::Outside`].
    pub fn data(&self) -> Result<(u64, u64), Error> {
        let Fit {
            tree,
            data,
            behind,
            file_len,
            ..
        } = self.fit;
        if let Some((_, range)) = data.iter().find(|(node, _)| *node == self.node) {
            let number = |at: usize| u64::try_from(at).unwrap_or(u64::MAX);
            return Ok((number(range.start), number(range.len())));
        }
        let cell = |name| tree.u32(self.node, name).map(u64::from);
        let position = cell("data-position").or_else(|| cell("data-offset")?.checked_add(*behind));
        let no_data = || Error::NoData(self.name().into());
        let (offset, len) = position.zip(cell("data-size")).ok_or_else(no_data)?;
        if offset.checked_add(len).is_none_or(|end| end > *file_len) {
            return Err(Error::Outside {
                name: self.name().into(),
                offset,
                len,
                file: *file_len,
            });
        }
        Ok((offset, len))
    }

    /// The hashes that its data must have.
    pub fn hashes(&self) -> impl Iterator<Item = Hash<'a>> {
        let tree = &self.fit.tree;
        self.fit.named(self.node, "hash").map(|child| Hash {
            node: tree.name(child),
            algorithm: tree.str(child, "algo").unwrap_or_default(),
            value: tree.property(child, "value").unwrap_or_default(),
            ignored: tree.property(child, "uboot-ignore").is_some(),
        })
    }

    /// Its signatures.
    pub fn signatures(&self) -> impl Iterator<Item = Signature<'a>> {
        self.fit.signatures(self.node)
    }
}

impl<'a> Configuration<'a> {
    /// Its name: that of its node.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.fit.tree.name(self.node)
    }

    /// What it is, in its maker's words.
    #[must_use]
    pub fn description(&self) -> Option<&'a str> {
        self.fit.tree.str(self.node, "description")
    }

    /// The names of its images for that use; none if it does not say.
    pub fn names(&self, use_: Use) -> impl Iterator<Item = &'a str> {
        self.fit.tree.strings(self.node, use_.0)
    }

    /// Its images for that use.
    ///
    /// # Errors
    /// [`Error::NoImage`].
    pub fn images(&self, use_: Use) -> Result<Vec<Image<'a>>, Error> {
        self.names(use_).map(|name| self.fit.image(name)).collect()
    }

    /// Its first image for that use.
    ///
    /// # Errors
    /// [`Error::NotNamed`], [`Error::NoImage`].
    pub fn first(&self, use_: Use) -> Result<Image<'a>, Error> {
        let name = self.names(use_).next().ok_or_else(|| Error::NotNamed {
            configuration: self.name().into(),
            property: use_.0,
        })?;
        self.fit.image(name)
    }

    /// Its signatures.
    pub fn signatures(&self) -> impl Iterator<Item = Signature<'a>> {
        self.fit.signatures(self.node)
    }
}

#[cfg(test)]
pub(crate) mod tests;
