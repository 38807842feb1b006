//! What will lie where at the jump.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::Region;

use super::plan::{Image, Plan, Ramdisk, Role};

/// A system that is ready to be started but for the last checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Domains and modules.
    pub plan: Plan,
    /// What gets the machine.
    pub image: Image,
    /// A ramdisk that is no module.
    pub ramdisk: Option<Ramdisk>,
    /// Where the tree will be written.
    pub tree: Region,
}

/// Something that lies in RAM at the jump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is, as messages name it.
    pub what: String,
    /// Its bytes.
    pub region: Region,
    /// Its part in a domain, if it is a module.
    pub role: Option<Role>,
}

impl Layout {
    /// Everything that is handed over, by address; a file that several domains share once.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let part = |what: &str, region| Part {
            what: what.to_string(),
            region,
            role: None,
        };
        let image = part(&format!("{} (with BSS)", self.image.name), self.image.target);
        let mut parts = Vec::from([image, part("the device tree", self.tree)]);
        if let Some(ramdisk) = &self.ramdisk {
            parts.push(Part {
                role: Some(Role::Ramdisk),
                ..part(&format!("{} (ramdisk)", ramdisk.name), ramdisk.region)
            });
        }
        for module in &self.plan.modules {
            let what = format!("{} ({})", module.file_name(), module.path);
            parts.push(Part {
                what,
                region: module.region,
                role: Some(module.role),
            });
        }
        parts.sort_by_key(|part| part.region);
        parts.dedup_by(|next, first| next.region == first.region && next.role == first.role && first.role.is_some());
        parts
    }
}
