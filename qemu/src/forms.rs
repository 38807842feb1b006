//! The ways to say which files Xen shall start, each as a TFTP folder and the lines that boot it: a `xen.cfg`, a device tree that names
//! its files, Hyperlaunch, modules as proposed for the Devicetree Specification, a System Device Tree.

use std::path::Path;

use crate::boots::{Boot, Error};
use crate::guests::Guests;
use crate::machine::Machine;
use crate::scenario::Scenario;

/// A way to say it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// `domu1_kernel=` and so on in `xen.cfg`; the device tree is the machine's.
    Config,
    /// `binary=FILE KEY` in `xen.cfg`, `uefi,binary = "KEY"` in the tree; dom0 by `kernel=` and `ramdisk=`.
    Keys,
    /// `uefi,binary = "FILE"` in the tree, and no configuration.
    Names,
    /// `xen,uefi-binary` and `xen,uefi-cfg-load` in the tree; dom0 by the configuration beside it.
    NamesAndConfig,
    /// `/chosen/hypervisor` with `mb-index`, dom0 among its domains.
    Hyperlaunch,
    /// `/chosen/domain0/module@ADDRESS` and so on, files loaded by hand.
    Domains,
    /// `/domains`, files by the configuration.
    SystemDeviceTree,
}

const OPTIONS: &str = "console=dtuart dtuart=/pl011@9000000 dom0_mem=256M bootscrub=0";

/// The files of a scenario, and who is started with what.
struct Files {
    scenario: Scenario,
    guests: Vec<(String, u64)>,
}

impl Files {
    /// Xen, the small kernel plain and packed, and a ramdisk for each guest.
    fn new(folder: &Path, names: &[&str]) -> Result<Self, Error> {
        let files = Guests::open()?;
        let scenario = Scenario::create(folder)?;
        scenario.copy("xen", &files.xen())?;
        scenario.copy("Image", &files.kernel())?;
        scenario.copy("Image.gz", &files.kernel_gz())?;
        let mut guests = Vec::new();
        for name in names {
            let size = scenario.write(&format!("{name}.cpio.gz"), &files.ramdisk(name)?)?;
            guests.push(((*name).to_owned(), size));
        }
        Ok(Self { scenario, guests })
    }

    fn text(&self, name: &str, text: &str) -> Result<(), Error> {
        self.scenario.write(name, text.as_bytes())?;
        Ok(())
    }

    fn boot(self, loads: Vec<String>, start: &str) -> Boot {
        Boot {
            scenario: self.scenario,
            loads,
            start: start.to_owned(),
            modules: Vec::new(),
            guests: self.guests,
            enhanced: false,
        }
    }
}

/// A guest's command line: dom0 has Xen's console, the others a UART.
pub(crate) fn args(name: &str) -> String {
    let console = if name == "dom0" { "hvc0" } else { "ttyAMA0" };
    format!("console={console} rdinit=/init guest={name}")
}

/// A `xen,domain` whose modules have `kernel` and `ramdisk` as properties that say where their bytes come from.
fn domain(name: &str, cells: u32, (kernel, ramdisk): (&str, &str)) -> String {
    let inside = inside(name, cells, ((1, kernel), (2, ramdisk)));
    format!("{name} {{ compatible = \"xen,domain\"; {inside} }};\n")
}

/// What is in a domain's node, whatever it is called. Its modules have a unit address each.
fn inside(name: &str, cells: u32, ((kernel_at, kernel), (ramdisk_at, ramdisk)): ((u64, &str), (u64, &str))) -> String {
    format!(
        "#address-cells = <{cells}>; #size-cells = <1>; memory = <0 131072>; cpus = <1>; vpl011;\n\
         module@{kernel_at:x} {{ compatible = \"multiboot,kernel\", \"multiboot,module\"; {kernel} bootargs = \"{}\"; }};\n\
         module@{ramdisk_at:x} {{ compatible = \"multiboot,ramdisk\", \"multiboot,module\"; {ramdisk} }};",
        args(name)
    )
}

fn chosen(inside: &str) -> String {
    format!("/ {{ chosen {{\n{inside}}}; }};\n")
}

/// Prepares the boot of a form.
///
/// # Errors
/// [`Error`], if a file is missing or cannot be made.
pub fn boot(folder: &Path, machine: &Machine, form: Form) -> Result<Boot, Error> {
    match form {
        Form::Config => config(folder),
        Form::Keys => keys(folder, machine),
        Form::Names => names(folder, machine),
        Form::NamesAndConfig => names_and_config(folder, machine),
        Form::Hyperlaunch => hyperlaunch(folder, machine),
        Form::Domains => domains(folder, machine),
        Form::SystemDeviceTree => system_device_tree(folder, machine),
    }
}

fn config(folder: &Path) -> Result<Boot, Error> {
    let files = Files::new(folder, &["domU1", "domU2"])?;
    let (one, two) = (args("domU1"), args("domU2"));
    let text = format!(
        "# Two guests and no dom0.\n[global]\ndefault=two\n\n[one]\nkernel=absent\n\n[two]\noptions={OPTIONS}\n\
         domu1_kernel=Image {one}\ndomu1_ramdisk=domU1.cpio.gz\n\
         domu1_property=cpus=1\ndomu1_property=memory=0x20000\ndomu1_property=vpl011\n\
         domu2_kernel=Image.gz {two}\ndomu2_ramdisk=domU2.cpio.gz\n\
         domu2_property=address-cells=1\ndomu2_property=size-cells=1\n\
         domu2_property=cpus=2\ndomu2_property=memory=131072\ndomu2_property=vpl011\n"
    );
    files.text("xen.cfg", &text)?;
    Ok(files.boot(Vec::new(), "xen boot tftp"))
}

/// A `xen.cfg` with dom0 alone for a board whose UART Xen has no driver for: it is dom0's, as `console` of its kernel.
/// The small kernel lacks drivers of such a board, and with `fw_devlink` would wait for them.
///
/// # Errors
/// As [`boot`].
pub fn dom0_with_uart(folder: &Path, console: &str) -> Result<Boot, Error> {
    let files = Files::new(folder, &["dom0"])?;
    let text = format!(
        "options=dom0_mem=256M bootscrub=0\n\
         kernel=Image.gz console={console} fw_devlink=off rdinit=/init guest=dom0\nramdisk=dom0.cpio.gz\n"
    );
    files.text("xen.cfg", &text)?;
    Ok(files.boot(Vec::new(), "xen boot mmc 1:1"))
}

/// A `xen.cfg` with one domain for a board whose UART has that path or alias, and its files.
///
/// # Errors
/// As [`boot`].
pub fn one_domain(folder: &Path, uart: &str) -> Result<Boot, Error> {
    let files = Files::new(folder, &["domU1"])?;
    let text = format!(
        "options=console=dtuart dtuart={uart} bootscrub=0\n\
         domu1_kernel=Image.gz {}\ndomu1_ramdisk=domU1.cpio.gz\n\
         domu1_property=cpus=1\ndomu1_property=memory=0x20000\ndomu1_property=vpl011\n",
        args("domU1")
    );
    files.text("xen.cfg", &text)?;
    Ok(files.boot(Vec::new(), "xen boot tftp"))
}

fn keys(folder: &Path, machine: &Machine) -> Result<Boot, Error> {
    let files = Files::new(folder, &["dom0", "domU1", "domU2"])?;
    let binary = |key: &str| format!("uefi,binary = \"{key}\";");
    let kernel = binary("domu-kernel");
    let tree = domain("domU1", 2, (&kernel, &binary("domA-ramdisk")))
        + &domain("domU2", 3, (&kernel, &binary("domB-ramdisk")));
    files.scenario.device_tree("devtree.dtb", machine, &chosen(&tree))?;
    let text = format!(
        "[global]\ndefault=section1\n\n[section1]\noptions={OPTIONS}\nkernel=Image {}\nramdisk=dom0.cpio.gz\ndtb=devtree.dtb\n\
         binary=Image.gz domu-kernel\nbinary=domU1.cpio.gz domA-ramdisk\nbinary=domU2.cpio.gz domB-ramdisk\n",
        args("dom0")
    );
    files.text("xen.cfg", &text)?;
    Ok(files.boot(Vec::new(), "xen boot tftp xen.cfg section1"))
}

fn names(folder: &Path, machine: &Machine) -> Result<Boot, Error> {
    let files = Files::new(folder, &["domU1", "domU2"])?;
    let binary = |file: &str| format!("uefi,binary = \"{file}\";");
    let tree = format!("xen,xen-bootargs = \"{OPTIONS}\";\n")
        + &domain("domU1", 2, (&binary("Image"), &binary("domU1.cpio.gz")))
        + &domain("domU2", 1, (&binary("Image"), &binary("domU2.cpio.gz")));
    files.scenario.device_tree("dom0less.dtb", machine, &chosen(&tree))?;
    Ok(files.boot(Vec::new(), "xen boot tftp dom0less.dtb"))
}

fn names_and_config(folder: &Path, machine: &Machine) -> Result<Boot, Error> {
    let files = Files::new(folder, &["dom0", "domU1", "domU2"])?;
    let binary = |file: &str| format!("xen,uefi-binary = \"{file}\";");
    let tree = "xen,uefi-cfg-load;\nxen,xen-bootargs = \"console=null\";\n".to_owned()
        + &domain("domU1", 2, (&binary("Image"), &binary("domU1.cpio.gz")))
        + &domain("domU2", 2, (&binary("Image.gz"), &binary("domU2.cpio.gz")));
    files.scenario.device_tree("lab.dtb", machine, &chosen(&tree))?;
    let text = format!(
        "options={OPTIONS}\nkernel=Image.gz {}\nramdisk=dom0.cpio.gz\n",
        args("dom0")
    );
    files.text("lab.cfg", &text)?;
    Ok(files.boot(Vec::new(), "xen boot tftp lab.dtb"))
}

fn hyperlaunch(folder: &Path, machine: &Machine) -> Result<Boot, Error> {
    let files = Files::new(folder, &["dom0", "domU1", "domU2"])?;
    let guest = |name: &str, id: u32, memory: &str, ramdisk: u32| {
        format!(
            "{name} {{ compatible = \"xen,domain\"; domid = <{id}>; mode = <1>; memory = {memory}; cpus = <1>;\n\
             module@1 {{ compatible = \"module,kernel\", \"multiboot,module\"; mb-index = <1>; bootargs = \"{}\"; }};\n\
             module@{ramdisk} {{ compatible = \"module,ramdisk\", \"multiboot,module\"; mb-index = <{ramdisk}>; }}; }};\n",
            args(name)
        )
    };
    let initial = format!(
        "dom0 {{ compatible = \"xen,domain\"; domid = <0>; permissions = <3>; functions = <0xC0000001>; mode = <5>; memory = \"256M\"; cpus = <1>;\n\
         module@1 {{ compatible = \"module,kernel\", \"multiboot,module\"; mb-index = <1>; bootargs = \"{}\"; }};\n\
         module@2 {{ compatible = \"module,ramdisk\", \"multiboot,module\"; mb-index = <2>; }}; }};\n",
        args("dom0")
    );
    let tree = "hypervisor { compatible = \"hypervisor,xen\";\n".to_owned()
        + &initial
        + &guest("domU1", 1, "<0x0 0x20000>", 3)
        + &guest("domU2", 2, "<131072>", 4)
        + "};\n";
    files.scenario.device_tree("hl.dtb", machine, &chosen(&tree))?;
    let text = "options=console=dtuart dtuart=/pl011@9000000 bootscrub=0\ndtb=hl.dtb\n\
                module=Image.gz\nmodule=dom0.cpio.gz\nmodule=domU1.cpio.gz\nmodule=domU2.cpio.gz\n";
    files.text("hl.cfg", text)?;
    Ok(Boot {
        // What Hyperlaunch's domains have if nothing else is said.
        enhanced: true,
        ..files.boot(Vec::new(), "xen boot tftp hl.cfg")
    })
}

fn domains(folder: &Path, machine: &Machine) -> Result<Boot, Error> {
    let files = Files::new(folder, &["dom0", "domU1", "domU2"])?;
    let reg = |address: u64| format!("reg = <0x0 {address:#x} 0xffffff>;");
    let mut loads = vec![
        "tftpb 0x41280000 spec.dtb".to_owned(),
        "tftpb 0x41400000 xen".to_owned(),
    ];
    let mut tree = format!("xen,xen-bootargs = \"{OPTIONS}\";\n");
    for (index, (name, _)) in files.guests.iter().enumerate() {
        let kernel = 0x4800_0000 + 0x100_0000 * u64::try_from(index).unwrap_or(0);
        let ramdisk = kernel + 0x80_0000;
        loads.push(format!("tftpb {kernel:#x} Image.gz"));
        loads.push(format!("tftpb {ramdisk:#x} {name}.cpio.gz"));
        let modules = ((kernel, &*reg(kernel)), (ramdisk, &*reg(ramdisk)));
        tree += &format!("domain{index} {{ {} }};\n", inside(name, 2, modules));
    }
    files.scenario.device_tree("spec.dtb", machine, &chosen(&tree))?;
    Ok(files.boot(loads, "booti 0x41400000 - 0x41280000"))
}

fn system_device_tree(folder: &Path, machine: &Machine) -> Result<Boot, Error> {
    let files = Files::new(folder, &["domU1", "domU2"])?;
    let domain = |name: &str, id: u32, mask: u32| {
        format!(
            "{name} {{ compatible = \"openamp,domain-v1\"; id = <{id}>; cpus = <&all {mask:#x} 0x1>;\n\
             memory = <0x0 0x60000000 0x0 0x8000000>; }};\n"
        )
    };
    let tree = "/ { all: cpus { };\ndomains { #address-cells = <2>; #size-cells = <2>;\n".to_owned()
        + &domain("first", 1, 1)
        + &domain("second", 2, 3)
        + "}; };\n";
    files.scenario.device_tree("system.dtb", machine, &tree)?;
    let text = format!(
        "options={OPTIONS}\ndtb=system.dtb\n\
         first_kernel=Image {}\nfirst_ramdisk=domU1.cpio.gz\ndomu2_kernel=Image.gz {}\ndomu2_ramdisk=domU2.cpio.gz\n",
        args("domU1"),
        args("domU2")
    );
    files.text("system.cfg", &text)?;
    Ok(files.boot(Vec::new(), "xen boot tftp system.cfg"))
}
