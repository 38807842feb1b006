//! Whole boots on the `virt` machine: the files, the device tree, and the lines that a person types at the prompt.
//!
//! Addresses are those of Xen's dom0less document, above the machine's start of RAM.

use std::path::Path;

use crate::dts::{Chosen, Domain, Module};
use crate::guests::{self, Guests};
use crate::machine::Machine;
use crate::scenario::{self, ImageKind, Scenario};

const DEVICE_TREE: u64 = 0x4128_0000;
const XEN: u64 = 0x4140_0000;
const SCRIPT: u64 = 0x4f00_0000;
const DOM0_KERNEL: u64 = 0x4008_0000;
const DOM0_RAMDISK: u64 = 0x4900_0000;
const DOMU1_KERNEL: u64 = 0x4200_0000;
const DOMU1_RAMDISK: u64 = 0x4300_0000;
const DOMU2_KERNEL: u64 = 0x4400_0000;
const DOMU2_RAMDISK: u64 = 0x4500_0000;

/// A boot that is ready to be typed.
#[derive(Debug)]
pub struct Boot {
    /// The TFTP folder.
    pub scenario: Scenario,
    /// Lines that load the files.
    pub loads: Vec<String>,
    /// The line that starts what was loaded.
    pub start: String,
    /// What the device tree must say of each module at the jump.
    pub modules: Vec<Placed>,
    /// Guests that must report themselves, with the size of their ramdisk in bytes.
    pub guests: Vec<(String, u64)>,
    /// Whether the domains have Xen's interfaces for PV drivers, as dom0 always has.
    pub enhanced: bool,
}

/// A file that became a domain's module.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Placed {
    /// The domain.
    pub domain: String,
    /// `kernel` or `ramdisk`.
    pub role: &'static str,
    /// Name of the file.
    pub file: String,
    /// Where it was loaded.
    pub address: u64,
    /// Its exact size in bytes.
    pub size: u64,
}

/// Why a boot could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A guest file is missing.
    #[error(transparent)]
    Guests(#[from] guests::Error),
    /// The TFTP folder could not be filled.
    #[error(transparent)]
    Scenario(#[from] scenario::Error),
}

/// Which sizes the device tree gives for the modules.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sizes {
    /// Those of the files.
    Exact,
    /// 0xffffff, as in the dom0less document's example.
    Unknown,
}

impl Sizes {
    fn module(self, address: u64, size: u64) -> Module {
        match self {
            Self::Exact => Module { address, size },
            Self::Unknown => Module::of_unknown_size(address),
        }
    }
}

/// Which kernel the guests run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kernel {
    /// The small one, as it is.
    Plain,
    /// The small one, gzip'ed.
    Gzip,
}

pub(crate) fn placed(domain: &str, role: &'static str, file: &str, address: u64, size: u64) -> Placed {
    Placed {
        domain: domain.to_owned(),
        role,
        file: file.to_owned(),
        address,
        size,
    }
}

fn tftp(address: u64, file: &str) -> String {
    format!("tftpb {address:#x} {file}")
}

/// True dom0less: Xen and two domains, no dom0.
///
/// # Errors
/// [`Error`], if a file is missing or cannot be made.
pub fn two_domains(folder: &Path, machine: &Machine, sizes: Sizes, kernel: Kernel) -> Result<Boot, Error> {
    let files = Guests::open()?;
    let scenario = Scenario::create(folder)?;
    let image = scenario.copy("Image", &kernel_file(&files, kernel))?;
    scenario.copy("xen", &files.xen())?;
    let (mut domains, mut modules, mut guests) = (Vec::new(), Vec::new(), Vec::new());
    let mut loads = vec![tftp(DEVICE_TREE, "virt.dtb"), tftp(XEN, "xen")];
    for (index, kernel, ramdisk) in [(1, DOMU1_KERNEL, DOMU1_RAMDISK), (2, DOMU2_KERNEL, DOMU2_RAMDISK)] {
        let name = format!("domU{index}");
        let file = format!("{name}.cpio.gz");
        let size = scenario.write(&file, &files.ramdisk(&name)?)?;
        loads.extend([tftp(kernel, "Image"), tftp(ramdisk, &file)]);
        domains.push(Domain {
            memory_kib: 128 * 1024,
            cpus: 1,
            kernel: sizes.module(kernel, image),
            ramdisk: sizes.module(ramdisk, size),
            bootargs: format!("console=ttyAMA0 rdinit=/init guest={name}"),
            enhanced: false,
            name: name.clone(),
        });
        modules.push(placed(&name, "kernel", "Image", kernel, image));
        modules.push(placed(&name, "ramdisk", &file, ramdisk, size));
        guests.push((name, size));
    }
    let xen_bootargs = "console=dtuart dtuart=/pl011@9000000".to_owned();
    let chosen = Chosen {
        cells: 2,
        xen_bootargs,
        dom0: None,
        domains,
    };
    scenario.device_tree("virt.dtb", machine, &chosen.source())?;
    let start = format!("booti {XEN:#x} - {DEVICE_TREE:#x}");
    Ok(Boot {
        scenario,
        loads,
        start,
        modules,
        guests,
        enhanced: false,
    })
}

/// The dom0less document's own command block: dom0 and one domain, Xen and dom0's ramdisk wrapped as uImages.
///
/// # Errors
/// As [`two_domains`].
pub fn document(folder: &Path, machine: &Machine, sizes: Sizes, kernel: Kernel) -> Result<Boot, Error> {
    let files = Guests::open()?;
    let pair = Pair {
        dom0: files.ramdisk("dom0")?,
        domain: files.ramdisk("domU1")?,
        enhanced: false,
    };
    dom0_and_domain(Scenario::create(folder)?, machine, (sizes, kernel), &pair)
}

/// The document's "PV Drivers": the same block with `xen,enhanced` in the domain, as a script; dom0 runs Xen's tools and plugs a network
/// card into the domain.
///
/// # Errors
/// As [`two_domains`].
pub fn pv_drivers(folder: &Path, machine: &Machine) -> Result<Boot, Error> {
    let files = Guests::open()?;
    let pair = Pair {
        dom0: files.pv_dom0_ramdisk("dom0")?,
        domain: files.pv_domain_ramdisk("domU1")?,
        enhanced: true,
    };
    let scenario = Scenario::create(folder)?;
    let mut boot = dom0_and_domain(scenario, machine, (Sizes::Unknown, Kernel::Plain), &pair)?;
    let script = format!("{}\n{}\n", boot.loads.join("\n"), boot.start);
    boot.scenario.write("boot.txt", script.as_bytes())?;
    boot.scenario.wrap("boot.scr", "boot.txt", ImageKind::Script)?;
    boot.loads = vec![tftp(SCRIPT, "boot.scr")];
    boot.start = format!("source {SCRIPT:#x}");
    Ok(boot)
}

/// The ramdisks of dom0 and one domain.
struct Pair {
    dom0: Vec<u8>,
    domain: Vec<u8>,
    /// Whether the domain is told of Xen.
    enhanced: bool,
}

/// The document's block for a pair of ramdisks.
fn dom0_and_domain(
    scenario: Scenario,
    machine: &Machine,
    (sizes, kernel): (Sizes, Kernel),
    pair: &Pair,
) -> Result<Boot, Error> {
    let files = Guests::open()?;
    let image = scenario.copy("xen-Image", &kernel_file(&files, kernel))?;
    scenario.copy("Image-DomU", &kernel_file(&files, kernel))?;
    scenario.copy("xen", &files.xen())?;
    scenario.wrap("xen.ub", "xen", ImageKind::Kernel(XEN))?;
    let dom0 = scenario.write("xen-rootfs.cpio.gz", &pair.dom0)?;
    scenario.wrap("xen-rootfs.cpio.gz.u-boot", "xen-rootfs.cpio.gz", ImageKind::Ramdisk)?;
    let domu = scenario.write("ramdisk-DomU", &pair.domain)?;
    let chosen = Chosen {
        cells: 1,
        xen_bootargs: "console=dtuart dtuart=/pl011@9000000 dom0_mem=256M".into(),
        dom0: Some((
            sizes.module(DOM0_KERNEL, image),
            "console=hvc0 rdinit=/init guest=dom0".into(),
        )),
        domains: vec![Domain {
            name: "domU1".into(),
            memory_kib: 128 * 1024,
            cpus: 1,
            kernel: sizes.module(DOMU1_KERNEL, image),
            ramdisk: sizes.module(DOMU1_RAMDISK, domu),
            bootargs: "console=ttyAMA0 rdinit=/init guest=domU1".into(),
            enhanced: pair.enhanced,
        }],
    };
    scenario.device_tree("xen.dtb", machine, &chosen.source())?;
    let loads = vec![
        tftp(DEVICE_TREE, "xen.dtb"),
        tftp(DOM0_KERNEL, "xen-Image"),
        tftp(XEN, "xen.ub"),
        tftp(DOM0_RAMDISK, "xen-rootfs.cpio.gz.u-boot"),
        tftp(DOMU1_KERNEL, "Image-DomU"),
        tftp(DOMU1_RAMDISK, "ramdisk-DomU"),
    ];
    let start = format!("bootm {XEN:#x} {DOM0_RAMDISK:#x} {DEVICE_TREE:#x}");
    let modules = vec![
        placed("dom0", "kernel", "xen-Image", DOM0_KERNEL, image),
        placed("domU1", "kernel", "Image-DomU", DOMU1_KERNEL, image),
        placed("domU1", "ramdisk", "ramdisk-DomU", DOMU1_RAMDISK, domu),
    ];
    let guests = vec![("dom0".into(), dom0), ("domU1".into(), domu)];
    Ok(Boot {
        scenario,
        loads,
        start,
        modules,
        guests,
        enhanced: pair.enhanced,
    })
}

/// Linux by itself, with a ramdisk and the device tree of the machine.
///
/// # Errors
/// As [`two_domains`].
pub fn linux(folder: &Path, kernel: Kernel) -> Result<Boot, Error> {
    let files = Guests::open()?;
    let scenario = Scenario::create(folder)?;
    scenario.copy("Image", &kernel_file(&files, kernel))?;
    let ramdisk = scenario.write("linux.cpio.gz", &files.ramdisk("linux")?)?;
    let loads = vec![
        "setenv bootargs console=ttyAMA0 rdinit=/init guest=linux".to_owned(),
        tftp(DOMU1_KERNEL, "Image"),
        tftp(DOMU1_RAMDISK, "linux.cpio.gz"),
    ];
    let start = format!("booti {DOMU1_KERNEL:#x} {DOMU1_RAMDISK:#x}:${{filesize}} ${{fdtcontroladdr}}");
    Ok(Boot {
        scenario,
        loads,
        start,
        modules: Vec::new(),
        guests: vec![("linux".into(), ramdisk)],
        enhanced: false,
    })
}

/// Linux by itself out of a FIT: its gzip'ed kernel, a ramdisk and the machine's device tree, in a configuration.
///
/// # Errors
/// As [`two_domains`].
pub fn linux_fit(folder: &Path, machine: &Machine) -> Result<Boot, Error> {
    let files = Guests::open()?;
    let scenario = Scenario::create(folder)?;
    scenario.copy("Image.gz", &files.kernel_gz())?;
    let ramdisk = scenario.write("linux.cpio.gz", &files.ramdisk("linux")?)?;
    scenario.device_tree("virt.dtb", machine, "")?;
    scenario.fit("linux.itb", include_str!("linux.its"))?;
    Ok(Boot {
        scenario,
        loads: vec![
            "setenv bootargs console=ttyAMA0 rdinit=/init guest=linux".to_owned(),
            tftp(DOMU1_KERNEL, "linux.itb"),
        ],
        start: format!("bootm {DOMU1_KERNEL:#x}#conf-1"),
        modules: Vec::new(),
        guests: vec![("linux".into(), ramdisk)],
        enhanced: false,
    })
}

pub(crate) fn kernel_file(files: &Guests, kernel: Kernel) -> std::path::PathBuf {
    match kernel {
        Kernel::Plain => files.kernel(),
        Kernel::Gzip => files.kernel_gz(),
    }
}
