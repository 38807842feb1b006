//! The heart: from files in RAM and a device tree to a system that starts.
//!
//! One path, whatever described the boot: `survey` finds domains and modules in the tree, [`patch`] makes the tree tell
//! the truth about the files that were loaded, [`place`] finds the image and the tree their places, [`check`] looks for
//! everything that would fail later without a word, [`report`] prints what will be started, and [`handoff`] carries it
//! out. Nothing is written to RAM before the last step, so a refused boot leaves everything as it was.
//!
//! What Xen reads is written down in its `docs/misc/arm/device-tree/booting.txt` and `docs/misc/arm/booting.txt`; what
//! Linux reads in `Documentation/arch/arm64/booting.rst`.

pub mod check;
pub mod extlinux;
pub mod handoff;
pub mod limits;
mod locate;
pub mod map;
pub mod patch;
pub mod pinned;
pub mod place;
pub mod plan;
pub mod prepare;
pub mod report;
pub mod room;
mod survey;
#[cfg(test)]
mod testing;

pub use crate::finding::{Finding, Severity};
pub use limits::TooMany;
