//! What a boot would be: what is started, what lies where, what was found. For programs as JSON, for people as a picture.
//!
//! The fields are documented in README.md. One that is taken away or changes its meaning makes [`FORMAT`] another number.

use hal::Region;
use loader_core::boot::map::Layout;
use loader_core::boot::pinned;
use loader_core::boot::plan::{self, Packing};
use loader_core::boot::prepare::Prepared;
use loader_core::boot::{Finding, Severity};
use loader_core::context::Context;
use loader_core::devicetree::Tree;
use serde::{Serialize, Serializer};

/// The number of the format.
pub(crate) const FORMAT: u32 = 1;

/// Where domains are described in the tree; as a domain, dom0's.
pub(crate) const CHOSEN: &str = "/chosen";

/// An address of the machine: in JSON a string such as "0x40400000", since numbers there are exact up to 2^53 only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address(pub(crate) u64);

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

/// A part of RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Place {
    pub(crate) address: Address,
    /// In bytes.
    pub(crate) size: u64,
}

impl From<Region> for Place {
    fn from(region: Region) -> Self {
        Self {
            address: Address(region.start().get()),
            size: region.len(),
        }
    }
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) format: u32,
    pub(crate) board: String,
    /// Whether nothing forbids the start.
    pub(crate) ok: bool,
    pub(crate) errors: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) image: Option<Image>,
    pub(crate) tree: Option<Place>,
    pub(crate) ramdisk: Option<File>,
    pub(crate) domains: Vec<Domain>,
    pub(crate) memory: Memory,
}

/// What gets the machine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Image {
    pub(crate) file: String,
    pub(crate) xen: bool,
    /// With its BSS.
    #[serde(flatten)]
    pub(crate) place: Place,
    /// In bytes, as it was loaded.
    pub(crate) file_size: u64,
    pub(crate) gzip: bool,
}

/// A file that is no module.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct File {
    pub(crate) file: String,
    #[serde(flatten)]
    pub(crate) place: Place,
}

/// A domain that Xen makes. dom0 is one if it has a module; what it has otherwise, Xen's command line says.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Domain {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) memory_kib: Option<u64>,
    pub(crate) cpus: Option<u32>,
    pub(crate) vpl011: bool,
    /// What `xen,enhanced` says: "enabled" if it says nothing.
    pub(crate) enhanced: Option<String>,
    pub(crate) modules: Vec<Module>,
}

/// A file of a domain.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Module {
    pub(crate) role: String,
    /// `None` if it was not loaded here.
    pub(crate) file: Option<String>,
    pub(crate) path: String,
    #[serde(flatten)]
    pub(crate) place: Place,
}

/// The machine's RAM.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Memory {
    pub(crate) banks: Vec<Place>,
    pub(crate) reservations: Vec<Reservation>,
    pub(crate) given: Vec<Given>,
}

/// What nothing may be loaded to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reservation {
    pub(crate) owner: String,
    #[serde(flatten)]
    pub(crate) place: Place,
}

/// What Xen hands out by address: static memory, the static heap, shared memory.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Given {
    pub(crate) path: String,
    pub(crate) property: String,
    #[serde(flatten)]
    pub(crate) place: Place,
}

impl Report {
    /// What the last boot command prepared and found; `failure` is why it did not come to its end.
    pub(crate) fn of(context: &Context, board: &str, failure: Option<String>) -> Self {
        let sentences = |severity| -> Vec<String> {
            let those = |finding: &&Finding| finding.severity == severity;
            let found = context.findings.iter().filter(those);
            found.map(|finding| finding.sentence.clone()).collect()
        };
        let mut errors = sentences(Severity::Error);
        // It says no more than that there are some.
        errors.extend(failure.filter(|_| errors.is_empty()));
        let prepared = context.prepared.as_ref();
        let tree = prepared.and_then(|prepared| Tree::parse(&prepared.blob).ok());
        let tree = tree.unwrap_or_default();
        let layout = prepared.map(|Prepared { layout, .. }| layout);
        Self {
            format: FORMAT,
            board: board.to_owned(),
            ok: errors.is_empty(),
            errors,
            warnings: sentences(Severity::Warning),
            notes: sentences(Severity::Note),
            image: layout.map(|layout| image(&layout.image)),
            tree: layout.map(|layout| layout.tree.into()),
            ramdisk: layout.and_then(|layout| layout.ramdisk.as_ref()).map(|ramdisk| File {
                file: ramdisk.name.clone(),
                place: ramdisk.region.into(),
            }),
            domains: layout.map_or_else(Vec::new, |layout| domains(layout, &tree)),
            memory: memory(context, &tree),
        }
    }

    /// The report as JSON, with a newline at its end.
    pub(crate) fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.unwrap_or_else(|error| unreachable!("strings, numbers and lists: {error}")) + "\n"
    }
}

fn image(image: &plan::Image) -> Image {
    Image {
        file: image.name.clone(),
        xen: image.is_xen,
        place: image.target.into(),
        file_size: image.source.len(),
        gzip: image.packing == Packing::Gzip,
    }
}

fn domains(layout: &Layout, tree: &Tree) -> Vec<Domain> {
    let domain = |(index, domain): (usize, &plan::Domain)| {
        let modules: Vec<Module> = layout.plan.modules_of(index).map(module).collect();
        if domain.path == CHOSEN && modules.is_empty() {
            return None;
        }
        let node = tree.find(&domain.path).unwrap_or(tree.root());
        let enhanced = tree
            .property(node, "xen,enhanced")
            .map(|_| tree.str(node, "xen,enhanced"));
        let word = |word: Option<&str>| word.filter(|word| !word.is_empty()).unwrap_or("enabled").to_owned();
        Some(Domain {
            name: domain.name.clone(),
            path: domain.path.clone(),
            memory_kib: tree.u64(node, "memory"),
            cpus: tree.u32(node, "cpus"),
            vpl011: tree.property(node, "vpl011").is_some(),
            enhanced: enhanced.map(word),
            modules,
        })
    };
    layout.plan.domains.iter().enumerate().filter_map(domain).collect()
}

fn module(module: &plan::Module) -> Module {
    Module {
        role: module.role.to_string(),
        file: module.file.clone(),
        path: module.path.clone(),
        place: module.region.into(),
    }
}

fn memory(context: &Context, tree: &Tree) -> Memory {
    let reserve = |owner: &str, place| Reservation {
        owner: owner.to_owned(),
        place,
    };
    let kept = context.memory.reservations().iter();
    let mut reservations: Vec<Reservation> = kept.map(|kept| reserve(&kept.owner, kept.region.into())).collect();
    // Those of another tree than the machine's own.
    for (node, address, size) in tree.reserved_memory().unwrap_or_default() {
        let place = Place {
            address: Address(address),
            size,
        };
        if reservations.iter().all(|there| there.place != place) {
            reservations.push(reserve(&tree.path(node), place));
        }
    }
    let given = pinned::by_xen(tree).into_iter().map(|pinned| Given {
        path: pinned.path,
        property: pinned.property.to_owned(),
        place: pinned.region.into(),
    });
    Memory {
        banks: context.memory.banks().iter().map(|bank| (*bank).into()).collect(),
        reservations,
        given: given.collect(),
    }
}
