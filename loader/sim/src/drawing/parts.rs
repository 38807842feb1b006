//! What lies in RAM, as it is drawn: each part once, by address, and where parts overlap that must not.

use crate::report::{Address, Place, Report};

/// What a part is, which is its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Tree,
    Kernel,
    Ramdisk,
    Other,
    Reserved,
    Given,
}

impl Kind {
    fn of_role(role: &str) -> Self {
        match role {
            "kernel" => Self::Kernel,
            "ramdisk" => Self::Ramdisk,
            _ => Self::Other,
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Tree => "tree",
            Self::Kernel => "kernel",
            Self::Ramdisk => "ramdisk",
            Self::Other => "other",
            Self::Reserved => "reserved",
            Self::Given => "given",
        }
    }

    /// Whether it is handed over, and may lie nowhere else but in free RAM.
    pub(super) fn is_handed_over(self) -> bool {
        !matches!(self, Self::Reserved | Self::Given)
    }
}

/// Something that lies in RAM.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) place: Place,
    pub(super) kind: Kind,
    pub(super) title: String,
    /// Whose it is.
    pub(super) detail: String,
    /// How much of it is a file's, if the rest is BSS.
    pub(super) file_size: Option<u64>,
    /// The part before it that it overlaps, and where, if one of them may not.
    pub(super) overlaps: Option<(String, Place)>,
    /// Whether it overlaps any other, before or behind it.
    pub(super) is_bad: bool,
}

impl Part {
    fn new(place: Place, kind: Kind, title: &str, detail: &str) -> Self {
        Self {
            place,
            kind,
            title: title.to_owned(),
            detail: detail.to_owned(),
            file_size: None,
            overlaps: None,
            is_bad: false,
        }
    }
}

impl Place {
    pub(super) fn start(self) -> u64 {
        self.address.0
    }

    pub(super) fn end(self) -> u64 {
        self.start().saturating_add(self.size)
    }

    /// The part of it that lies within `bank`. One without bytes lies where it begins.
    pub(super) fn within(self, bank: Self) -> Option<Self> {
        let begins = (bank.start()..bank.end()).contains(&self.start());
        let empty = Some(self).filter(|place| place.size == 0 && begins);
        self.intersection(bank).or(empty)
    }

    fn intersection(self, other: Self) -> Option<Self> {
        let (start, end) = (self.start().max(other.start()), self.end().min(other.end()));
        let size = end.checked_sub(start).filter(|size| *size > 0)?;
        let address = Address(start);
        Some(Self { address, size })
    }
}

/// All parts by address.
pub(super) fn all(report: &Report) -> Vec<Part> {
    let mut parts = Vec::new();
    let host = if report.image.as_ref().is_some_and(|image| image.xen) {
        "Xen"
    } else {
        "Linux"
    };
    if let Some(image) = &report.image {
        let mut part = Part::new(image.place, Kind::Image, &image.file, host);
        part.file_size = Some(image.file_size).filter(|size| !image.gzip && *size < image.place.size);
        parts.push(part);
    }
    parts.extend(
        report
            .tree
            .map(|tree| Part::new(tree, Kind::Tree, "the device tree", host)),
    );
    if let Some(ramdisk) = &report.ramdisk {
        parts.push(Part::new(ramdisk.place, Kind::Ramdisk, &ramdisk.file, "ramdisk"));
    }
    parts.extend(modules(report));
    let memory = &report.memory;
    let reserved = memory.reservations.iter();
    parts.extend(reserved.map(|kept| Part::new(kept.place, Kind::Reserved, &kept.owner, "reserved")));
    let given = memory.given.iter();
    parts.extend(given.map(|given| Part::new(given.place, Kind::Given, &given.path, &given.property)));
    parts.sort_by_key(|part| part.place);
    mark(&mut parts);
    parts
}

/// The modules; a file that several domains share once.
fn modules(report: &Report) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let all = report
        .domains
        .iter()
        .flat_map(|domain| domain.modules.iter().map(move |module| (domain, module)));
    for (domain, module) in all {
        let detail = format!("{} {}", domain.name, module.role);
        let file = module.file.as_deref().unwrap_or("(not loaded here)");
        let same = |part: &&mut Part| part.place == module.place && part.title == file;
        match parts.iter_mut().find(same) {
            Some(part) => part.detail = format!("{}, {detail}", part.detail),
            None => parts.push(Part::new(module.place, Kind::of_role(&module.role), file, &detail)),
        }
    }
    parts
}

/// Notes what overlaps. What is reserved may be so twice.
fn mark(parts: &mut [Part]) {
    // The part that reaches furthest so far, of those that are handed over and of all.
    let (mut handed, mut any): (Option<usize>, Option<usize>) = (None, None);
    for index in 0..parts.len() {
        let (place, is_handed) = (parts[index].place, parts[index].kind.is_handed_over());
        let before = if is_handed { any } else { handed };
        let shared = before.and_then(|before| Some((before, parts[before].place.intersection(place)?)));
        if let Some((before, shared)) = shared {
            parts[before].is_bad = true;
            parts[index].is_bad = true;
            parts[index].overlaps = Some((parts[before].title.clone(), shared));
        }
        let further = |best: Option<usize>, parts: &[Part]| match best {
            Some(best) if parts[best].place.end() >= place.end() => Some(best),
            _ => Some(index),
        };
        any = further(any, parts);
        if is_handed {
            handed = further(handed, parts);
        }
    }
}
