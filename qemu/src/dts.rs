//! Device tree source of `/chosen`: what a person writes to describe a boot of Xen.

use std::fmt::Write;

/// Where a module will be loaded, and the size that the tree claims for it.
#[derive(Clone, Copy, Debug)]
pub struct Module {
    /// Address, physical.
    pub address: u64,
    /// Size in bytes, right or wrong.
    pub size: u64,
}

impl Module {
    /// A module with the size that the dom0less document puts into its example, which is never right.
    pub fn of_unknown_size(address: u64) -> Self {
        Self {
            address,
            size: 0xff_ffff,
        }
    }

    fn node(self, kind: &str, cells: usize, bootargs: Option<&str>) -> String {
        let Self { address, size } = self;
        let reg = match cells {
            1 => format!("{address:#x} {size:#x}"),
            _ => format!(
                "{:#x} {:#x} {:#x} {:#x}",
                address >> 32,
                address & 0xffff_ffff,
                size >> 32,
                size & 0xffff_ffff
            ),
        };
        let bootargs = bootargs
            .map(|line| format!(" bootargs = \"{line}\";"))
            .unwrap_or_default();
        format!(
            "module@{address:x} {{ compatible = \"multiboot,{kind}\", \"multiboot,module\"; reg = <{reg}>;{bootargs} }};\n"
        )
    }
}

/// A domain that Xen starts by itself.
#[derive(Clone, Debug)]
pub struct Domain {
    /// Name of its node.
    pub name: String,
    /// Memory, in KiB.
    pub memory_kib: u64,
    /// Number of virtual CPUs.
    pub cpus: u32,
    /// Its kernel.
    pub kernel: Module,
    /// Its ramdisk.
    pub ramdisk: Module,
    /// Its kernel's command line.
    pub bootargs: String,
    /// Whether it is told of Xen, and can have devices of another domain: `xen,enhanced`.
    pub enhanced: bool,
}

/// The `/chosen` node of a boot.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Cells of an address and of a size in the nodes of modules: 1 or 2.
    pub cells: usize,
    /// Xen's command line.
    pub xen_bootargs: String,
    /// The first domain's kernel and its command line, if there is to be one.
    pub dom0: Option<(Module, String)>,
    /// The other domains.
    pub domains: Vec<Domain>,
}

impl Chosen {
    /// The source, to be appended to a tree's.
    pub fn source(&self) -> String {
        let cells = self.cells;
        let numbers = format!("#address-cells = <{cells}>; #size-cells = <{cells}>;\n");
        let mut text = format!(
            "/ {{ chosen {{\n{numbers}xen,xen-bootargs = \"{}\";\n",
            self.xen_bootargs
        );
        if let Some((kernel, bootargs)) = &self.dom0 {
            text.push_str(&kernel.node("kernel", cells, Some(bootargs)));
        }
        for Domain {
            name,
            memory_kib,
            cpus,
            kernel,
            ramdisk,
            bootargs,
            enhanced,
        } in &self.domains
        {
            let enhanced = if *enhanced { " xen,enhanced;" } else { "" };
            let (kernel, ramdisk) = (
                kernel.node("kernel", cells, Some(bootargs)),
                ramdisk.node("ramdisk", cells, None),
            );
            // Writing to a string does not fail.
            let _ = write!(
                text,
                "{name} {{ compatible = \"xen,domain\"; {numbers}memory = <0 {memory_kib}>; cpus = <{cpus}>; vpl011;{enhanced}\n\
                 {kernel}{ramdisk}}};\n"
            );
        }
        text.push_str("}; };\n");
        text
    }
}
