//! Boots by generated scripts: what ImageBuilder's `uboot-script-gen` writes for a lab's configuration, in the forms that it had over
//! the years, and what `xen-genboot` writes. The device tree on the server is the machine's own; the script makes the domains' nodes.

use std::fmt::Write;
use std::path::Path;

use crate::boots::{Boot, Error, Placed};
use crate::guests::Guests;
use crate::machine::Machine;
use crate::scenario::{ImageKind, Scenario};

/// First address that a generated script loads to: the start of RAM, its first 2 MiB left out, and 2 MiB for the script itself.
const FIRST: u64 = 0x4040_0000;
/// What addresses are rounded up to.
const STEP: u64 = 0x20_0000;

/// How a script says where its files go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dialect {
    /// Addresses and sizes are numbers, known when the script was made. Nodes are called `module0x..`.
    Static,
    /// `-f`: as before, but the script and all files are one FIT, out of which the script takes the files.
    Fit,
    /// `-s`: sizes are those of what was loaded, addresses are computed from them by `setexpr`. Nodes are called `module@..`.
    Computed,
    /// `xen-genboot`: cells of 32 bits, `@0x..` in the names of nodes, sizes in decimal, comments behind commands.
    Genboot,
}

/// A file of the boot.
struct File {
    name: String,
    /// The variable prefix that `-s` gives it.
    variable: &'static str,
    address: u64,
    size: u64,
}

/// The script and the files that it has loaded so far.
struct Writer {
    dialect: Dialect,
    script: String,
    next: u64,
    /// Names and variable prefixes of the files that the script loads.
    files: Vec<(String, &'static str)>,
}

/// Dom0 and one domain, by a script in `boot.source` and, packed by `mkimage`, in `boot.scr`. Its two lines are in `loads`: load, and run.
///
/// # Errors
/// [`Error`], if a file is missing or cannot be made.
pub fn dom0_and_domain(folder: &Path, machine: &Machine, dialect: Dialect) -> Result<Boot, Error> {
    let guests = Guests::open()?;
    let scenario = Scenario::create(folder)?;
    scenario.device_tree("virt.dtb", machine, "")?;
    let xen = scenario.copy("xen", &guests.xen())?;
    let kernel = scenario.copy("Image", &guests.kernel())?;
    let packed = scenario.copy("Image.gz", &guests.kernel_gz())?;
    let dom0 = scenario.write("dom0.cpio.gz", &guests.ramdisk("dom0")?)?;
    let domu = scenario.write("domU1.cpio.gz", &guests.ramdisk("domU1")?)?;
    let tree = std::fs::metadata(scenario.folder().join("virt.dtb")).map_or(0, |file| file.len());

    let mut writer = Writer {
        dialect,
        script: String::new(),
        next: FIRST,
        files: Vec::new(),
    };
    let xen = writer.load("xen", "host_kernel", xen);
    let dom0_kernel = writer.load("Image", "dom0_linux", kernel);
    let dom0_ramdisk = writer.load("dom0.cpio.gz", "dom0_ramdisk", dom0);
    // A compressed kernel: what a lab's folder has beside the plain one.
    let kernel = writer.load("Image.gz", "domU1_kernel", packed);
    let ramdisk = writer.load("domU1.cpio.gz", "domU1_ramdisk", domu);
    let tree = writer.load("virt.dtb", "host_fdt", tree);
    writer.tree(&tree);
    writer.chosen(&dom0_kernel, &dom0_ramdisk);
    writer.domain(&kernel, &ramdisk);
    writer.start(&xen, &tree);

    scenario.write("boot.source", writer.script.as_bytes())?;
    let (load, start) = if dialect == Dialect::Fit {
        scenario.fit("boot.fit", &fit(&writer.files))?;
        ("tftpb 0x50000000 boot.fit", "source 0x50000000:boot_scr")
    } else {
        scenario.wrap("boot.scr", "boot.source", ImageKind::Script)?;
        ("tftpb 0x40200000 boot.scr", "source 0x40200000")
    };
    let placed = |domain: &str, role, file: &File| Placed {
        domain: domain.to_owned(),
        role,
        file: file.name.clone(),
        address: file.address,
        size: file.size,
    };
    let modules = vec![
        placed("dom0", "kernel", &dom0_kernel),
        placed("dom0", "ramdisk", &dom0_ramdisk),
        placed("domU1", "kernel", &kernel),
        placed("domU1", "ramdisk", &ramdisk),
    ];
    Ok(Boot {
        scenario,
        loads: vec![load.into()],
        start: start.into(),
        modules,
        guests: vec![("dom0".into(), dom0), ("domU1".into(), domu)],
        enhanced: false,
    })
}

/// The FIT's source: the script, and every file that it takes out.
fn fit(files: &[(String, &'static str)]) -> String {
    let mut source = "/dts-v1/;\n/ {\n\tdescription = \"ImageBuilder\";\n\timages {\n".to_owned();
    let script = ("boot.source".to_owned(), "boot_scr");
    for (file, name) in core::iter::once(&script).chain(files) {
        let kind = match *name {
            "boot_scr" => "script",
            "host_fdt" => "flat_dt",
            name if name.ends_with("_ramdisk") => "ramdisk",
            _ => "kernel",
        };
        let _ = writeln!(
            source,
            "\t\t{name} {{\n\t\t\tdescription = \"{name}\";\n\t\t\tdata = /incbin/(\"{file}\");\n\t\t\ttype = \"{kind}\";\n\
             \t\t\tarch = \"arm64\";\n\t\t\tos = \"linux\";\n\t\t\tcompression = \"none\";\n\
             \t\t\tload = <0x0>;\n\t\t\tentry = <0x0>;\n\t\t\thash {{ algo = \"md5\"; }};\n\t\t}};"
        );
    }
    source + "\t};\n};\n"
}

impl Writer {
    fn line(&mut self, line: &str) {
        // A `String` takes what is written.
        let _ = writeln!(self.script, "{line}");
    }

    fn load(&mut self, name: &str, variable: &'static str, size: u64) -> File {
        let address = self.next;
        self.next = (address + size).next_multiple_of(STEP);
        match self.dialect {
            Dialect::Static => self.line(&format!("tftpb 0x{address:X} {name}")),
            Dialect::Fit => {
                if address == FIRST {
                    self.line("fit_addr=$fileaddr");
                }
                self.line(&format!("imxtract $fit_addr {variable} 0x{address:X}"));
            }
            Dialect::Genboot => self.line(&format!("tftpb 0x{address:08x} {name} # {variable}")),
            Dialect::Computed => {
                if address == FIRST {
                    self.line(&format!("setenv memaddr 0x{FIRST:X}"));
                }
                self.line(&format!("tftpb ${{memaddr}} {name}"));
                self.line(&format!("setenv {variable}_addr ${{memaddr}}"));
                self.line(&format!("setenv {variable}_size ${{filesize}}"));
                self.line("setexpr memaddr ${memaddr} \\+ ${filesize}");
                self.line("setexpr memaddr ${memaddr} \\+ 0x1FFFFF");
                self.line("setexpr memaddr ${memaddr} \\& 0xFFFFFFFFFFE00000");
            }
        }
        self.files.push((name.into(), variable));
        let name = match self.dialect {
            Dialect::Fit => format!("boot.fit:{variable}"),
            _ => name.into(),
        };
        File {
            name,
            variable,
            address,
            size,
        }
    }

    fn tree(&mut self, tree: &File) {
        match self.dialect {
            Dialect::Computed => self.line("fdt addr ${host_fdt_addr}"),
            _ => self.line(&format!("fdt addr 0x{:X}", tree.address)),
        }
        self.line(if self.dialect == Dialect::Genboot {
            "fdt resize 2048"
        } else {
            "fdt resize 1024"
        });
        self.cells("/chosen");
    }

    fn cells(&mut self, path: &str) {
        let count = if self.dialect == Dialect::Genboot { 1 } else { 2 };
        self.line(&format!("fdt set {path} \\#address-cells <0x{count}>"));
        self.line(&format!("fdt set {path} \\#size-cells <0x{count}>"));
    }

    fn chosen(&mut self, kernel: &File, ramdisk: &File) {
        self.line(
            "fdt set /chosen xen,xen-bootargs \"console=dtuart dtuart=/pl011@9000000 dom0_mem=256M bootscrub=0 vwfi=native\"",
        );
        if matches!(self.dialect, Dialect::Static | Dialect::Fit) {
            self.line("fdt mknod /chosen dom0");
            self.module("/chosen/dom0", "\"xen,linux-zimage\" \"xen,multiboot-module\"", kernel);
            self.line("fdt set /chosen xen,dom0-bootargs \"console=hvc0 earlycon=xen rdinit=/init guest=dom0\"");
            self.line("fdt mknod /chosen dom0-ramdisk");
            self.module(
                "/chosen/dom0-ramdisk",
                "\"xen,linux-initrd\" \"xen,multiboot-module\"",
                ramdisk,
            );
            return;
        }
        self.line("fdt set /chosen xen,dom0-bootargs \"console=hvc0 earlycon=xen rdinit=/init guest=dom0\"");
        for (role, file) in [("kernel", kernel), ("ramdisk", ramdisk)] {
            self.named_module("/chosen", role, file);
        }
    }

    fn domain(&mut self, kernel: &File, ramdisk: &File) {
        let path = "/chosen/domU1";
        self.line("");
        self.line("fdt mknod /chosen domU1");
        self.line(&format!("fdt set {path} compatible \"xen,domain\""));
        self.cells(path);
        match self.dialect {
            Dialect::Static | Dialect::Fit => self.line(&format!("fdt set {path} memory <0x0 0x20000>")),
            _ => self.line(&format!("fdt set {path} memory <0 131072>")),
        }
        self.line(&format!("fdt set {path} cpus <1>"));
        match self.dialect {
            Dialect::Static | Dialect::Fit => self.line(&format!("fdt set {path} vpl011 <0x1>")),
            _ => self.line(&format!("fdt set {path} vpl011")),
        }
        let node = self.named_module(path, "kernel", kernel);
        self.line(&format!(
            "fdt set {node} bootargs \"console=ttyAMA0 rdinit=/init guest=domU1\""
        ));
        self.named_module(path, "ramdisk", ramdisk);
    }

    /// Makes a module's node below `path`, called after its address, and fills it.
    fn named_module(&mut self, path: &str, role: &str, file: &File) -> String {
        let name = match self.dialect {
            Dialect::Static | Dialect::Fit => format!("module0x{:X}", file.address),
            Dialect::Computed => format!("module@${{{}_addr}}", file.variable),
            Dialect::Genboot => format!("module@0x{:08x}", file.address),
        };
        let command = if self.dialect == Dialect::Genboot {
            "mknode"
        } else {
            "mknod"
        };
        self.line(&format!("fdt {command} {path} {name}"));
        let node = format!("{path}/{name}");
        let compatible = format!(" \"multiboot,{role}\" \"multiboot,module\"");
        self.module(&node, &compatible, file);
        node
    }

    fn module(&mut self, node: &str, compatible: &str, file: &File) {
        self.line(&format!("fdt set {node} compatible {compatible}"));
        match self.dialect {
            Dialect::Static | Dialect::Fit => self.line(&format!(
                "fdt set {node} reg <0x0 0x{:X} 0x0 0x{:X} >",
                file.address, file.size
            )),
            Dialect::Genboot => self.line(&format!("fdt set {node} reg <0x{:08x} {}>", file.address, file.size)),
            Dialect::Computed => {
                let name = file.variable;
                for (half, operation) in [("hi", "/ 0x100000000"), ("lo", "\\& 0xFFFFFFFF")] {
                    self.line(&format!("setexpr addr_{half} ${{{name}_addr}} {operation}"));
                    self.line(&format!("setexpr size_{half} ${{{name}_size}} {operation}"));
                }
                self.line(&format!(
                    "fdt set {node} reg <0x${{addr_hi}} 0x${{addr_lo}} 0x${{size_hi}} 0x${{size_lo}}>"
                ));
            }
        }
    }

    fn start(&mut self, xen: &File, tree: &File) {
        match self.dialect {
            Dialect::Static | Dialect::Fit => {
                self.line("setenv fdt_high 0xffffffffffffffff");
                self.line(&format!("booti 0x{:X} - 0x{:X}", xen.address, tree.address));
            }
            Dialect::Computed => {
                self.line("setenv fdt_high 0xffffffffffffffff");
                self.line("booti ${host_kernel_addr} - ${host_fdt_addr}");
            }
            Dialect::Genboot => {
                self.line("fdt print /chosen");
                self.line(&format!("booti 0x{:08x} - 0x{:08x}", xen.address, tree.address));
            }
        }
    }
}
