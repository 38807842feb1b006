//! The ways in which people say what Xen shall start, each turned into the one that Xen on Arm reads: `xen,domain` nodes and modules
//! under `/chosen` (Xen's `docs/misc/arm/device-tree/booting.txt`).
//!
//! - [`config`]: `xen.cfg`, as Xen's EFI stub reads it (`docs/misc/efi.pandoc`), with what was proposed for domains.
//! - [`hyperlaunch`]: `/chosen/hypervisor` (`docs/designs/launch/hyperlaunch-devicetree.rst`).
//! - [`system_dt`]: `/domains` of a System Device Tree.
//! - [`chosen`]: modules and domains as they were proposed for the Devicetree Specification.
//!
//! [`dom0less`] adds what the lines of `xen.cfg` say, and finds the files that modules name; [`plan`] is what comes of it all.
//! [`property`] writes what `DOMAIN_property=` of `xen.cfg` says into a domain's node.
//!
//! Whatever the form, the result is a tree in which a module that is still to be loaded names its file by the property that Xen's EFI
//! stub knows, [`module::FILE`]: who loads it replaces that by `reg`.

pub mod chosen;
mod command_line;
pub mod config;
pub mod dom0less;
pub mod graft;
pub mod hyperlaunch;
pub mod module;
pub mod plan;
pub mod property;
mod size;
pub mod system_dt;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
