//! What is going to be started: the image, the domains, their modules, each with its exact place.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use hal::{PhysAddr, Region};

use crate::devicetree::NodeId;
use crate::image::detect;
use crate::xen::module::Kind;

/// What a module is to its domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The domain's kernel.
    Kernel,
    /// Its ramdisk.
    Ramdisk,
    /// A partial device tree: what is passed through to the domain.
    DeviceTree,
    /// Xen's security policy.
    XsmPolicy,
    /// Neither said nor guessed.
    Other,
}

impl From<Option<Kind>> for Role {
    fn from(kind: Option<Kind>) -> Self {
        match kind {
            Some(Kind::Kernel) => Self::Kernel,
            Some(Kind::Ramdisk) => Self::Ramdisk,
            Some(Kind::DeviceTree) => Self::DeviceTree,
            Some(Kind::XsmPolicy) => Self::XsmPolicy,
            None => Self::Other,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kernel => "kernel",
            Self::Ramdisk => "ramdisk",
            Self::DeviceTree => "dtb",
            Self::XsmPolicy => "xsm",
            Self::Other => "module",
        })
    }
}

/// A domain that Xen makes at boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Its node; `/chosen` itself for dom0.
    pub node: NodeId,
    /// The node's path.
    pub path: String,
    /// Its name in tables: the node's, or `dom0`.
    pub name: String,
}

/// A file in RAM that the tree names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// What it is called in messages: its node's path.
    pub path: String,
    /// Index of its domain; 0 is dom0.
    pub domain: usize,
    /// What it is to that domain.
    pub role: Role,
    /// Its exact bytes.
    pub region: Region,
    /// The file that was loaded there; `None` if nothing was, and the tree is believed.
    pub file: Option<String>,
    /// What was written over that file later.
    pub overwritten_by: Option<String>,
    /// What its first bytes say it is.
    pub contents: detect::Kind,
}

impl Module {
    /// The file's name, or how one speaks of a file that was not loaded here.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.file.as_deref().unwrap_or("(not loaded here)")
    }
}

/// All that the tree starts besides the image itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Domains in the order of the tree, dom0 first, whether or not it has a kernel. Empty without `/chosen`.
    pub domains: Vec<Domain>,
    /// Modules in the order of the tree.
    pub modules: Vec<Module>,
}

impl Plan {
    /// Whether the tree describes something for Xen to start.
    #[must_use]
    pub fn is_for_xen(&self) -> bool {
        self.domains.len() > 1 || !self.modules.is_empty()
    }

    /// The modules of the domain with that index.
    pub fn modules_of(&self, domain: usize) -> impl Iterator<Item = &Module> {
        self.modules.iter().filter(move |module| module.domain == domain)
    }
}

/// How the image's bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// They are the image.
    Plain,
    /// gzip.
    Gzip,
}

/// The image that gets the machine: Xen or Linux.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The file's name.
    pub name: String,
    /// Whether it is Xen.
    pub is_xen: bool,
    /// Its bytes as loaded, without wrapping.
    pub source: Region,
    /// How they are packed.
    pub packing: Packing,
    /// Where it runs, BSS included.
    pub target: Region,
    /// Where to start it.
    pub entry: PhysAddr,
}

/// The ramdisk of a plain boot, or dom0's, by the command's argument or `linux,initrd-start`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ramdisk {
    /// The file's name.
    pub name: String,
    /// Its bytes, without a uImage's header.
    pub region: Region,
}
