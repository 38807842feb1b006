//! `xen.cfg`: the file by which Xen's EFI stub is told what to load (Xen's `docs/misc/efi.pandoc`).

use alloc::string::String;
use alloc::vec::Vec;

/// A place in a file, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

/// A line that names a file: `KEY=FILE [args]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLine {
    /// The file's name.
    pub file: String,
    /// The command line behind it.
    pub args: Option<String>,
    /// Where the value begins.
    pub at: Position,
}

/// `binary=FILE KEY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// The file's name.
    pub file: String,
    /// The word by which modules in the device tree mean it.
    pub key: String,
    /// Where the value begins.
    pub at: Position,
}

/// `DOMAIN_property=NAME[=VALUE]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyLine {
    /// The property's name.
    pub name: String,
    /// Its value as written; `None` for a property that is only there.
    pub value: Option<String>,
    /// Where the value begins.
    pub at: Position,
}

/// The lines of one domain: `domu1_kernel=` and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainLines {
    /// What stands before the `_`, such as `domu1`.
    pub name: String,
    /// Where it stands first.
    pub at: Position,
    /// `_kernel=`.
    pub kernel: Option<FileLine>,
    /// `_ramdisk=`.
    pub ramdisk: Option<FileLine>,
    /// `_dtb=`.
    pub dtb: Option<FileLine>,
    /// `_property=`, in their order.
    pub properties: Vec<PropertyLine>,
}

/// What one section says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// The file's name, for messages.
    pub source: String,
    /// `options=`: Xen's command line.
    pub options: Option<String>,
    /// `xen=`: Xen's own file. The EFI stub is Xen and needs no such key; it passes over this one.
    pub xen: Option<FileLine>,
    /// `kernel=`: dom0's.
    pub kernel: Option<FileLine>,
    /// `ramdisk=`: dom0's.
    pub ramdisk: Option<FileLine>,
    /// `xsm=`: the security policy.
    pub xsm: Option<FileLine>,
    /// `dtb=`: the device tree.
    pub dtb: Option<FileLine>,
    /// `binary=`, in their order.
    pub binaries: Vec<Binary>,
    /// `module=FILE [args]`, in their order: what `mb-index` of Hyperlaunch counts.
    pub modules: Vec<FileLine>,
    /// The domains, in the order in which they stand first.
    pub domains: Vec<DomainLines>,
}
