//! A boot whose tree and files have slips that people make and that have one meaning: as it is, with U-Boot, Xen does not start it, or starts
//! something else.

use std::path::Path;

use crate::boots::{Boot, Error, placed};
use crate::guests::Guests;
use crate::machine::Machine;
use crate::scenario::{ImageKind, Scenario};

/// A ramdisk that is none, as it stays from another boot; dom0's modules as Xen 4.4 had them; a domain that is not called one and has no
/// cells; and one with a unit address, by which Xen does not find its kernel's command line.
const CHOSEN: &str = r#"
/ { chosen {
    xen,xen-bootargs = "console=dtuart dtuart=/pl011@9000000 dom0_mem=256M";
    linux,initrd-start = <0>;
    linux,initrd-end = <0>;
    modules {
        #address-cells = <1>;
        #size-cells = <1>;
        module@0 {
            compatible = "xen,linux-zimage", "xen,multiboot-module";
            reg = <0x40080000 0xffffff>;
            bootargs = "console=hvc0 rdinit=/init guest=dom0";
        };
        module@1 {
            compatible = "xen,linux-initrd", "xen,multiboot-module";
            reg = <0x49000000 0xffffff>;
        };
    };
    guest {
        memory = <0 0x20000>;
        cpus = <1>;
        vpl011;
        module@0x42000000 {
            compatible = "multiboot,kernel";
            reg = <0x0 0x42000000 0xffffff>;
            bootargs = "console=ttyAMA0 rdinit=/init guest=domU1";
        };
        module@0x43000000 {
            compatible = "multiboot,ramdisk";
            reg = <0x0 0x43000000 0xffffff>;
        };
    };
    domU@2 {
        compatible = "xen,domain";
        #address-cells = <3>;
        #size-cells = <1>;
        memory = <0 0x20000>;
        cpus = <1>;
        vpl011;
        module@44000000 {
            compatible = "multiboot,module", "multiboot,kernel";
            reg = <0 0 0x44000000 0xffffff>;
            bootargs = "console=ttyAMA0 rdinit=/init guest=domU2";
        };
        module@45000000 {
            compatible = "multiboot,module", "multiboot,ramdisk";
            reg = <0 0 0x45000000 0xffffff>;
        };
    };
}; };
"#;

/// The domains' kernels are uImages for a board, with a load address of the board's: one packed, one not. So are the ramdisks.
///
/// # Errors
/// [`Error`], if a file is missing or cannot be made.
pub fn boot(folder: &Path, machine: &Machine) -> Result<Boot, Error> {
    let files = Guests::open()?;
    let scenario = Scenario::create(folder)?;
    scenario.copy("xen", &files.xen())?;
    let image = scenario.copy("Image", &files.kernel())?;
    let packed = scenario.copy("Image.gz", &files.kernel_gz())?;
    scenario.wrap("uImage", "Image", ImageKind::Kernel(0x8_0000))?;
    scenario.wrap("uImage.gz", "Image.gz", ImageKind::PackedKernel(0x8_0000))?;
    let mut guests = Vec::new();
    for name in ["dom0", "domU1", "domU2"] {
        let file = format!("{name}.cpio.gz");
        guests.push((name.to_owned(), scenario.write(&file, &files.ramdisk(name)?)?));
        scenario.wrap(&format!("{name}.ub"), &file, ImageKind::Ramdisk)?;
    }
    scenario.device_tree("slips.dtb", machine, CHOSEN)?;
    let ramdisk = |index: usize| guests.get(index).map_or(0, |(_, size)| *size);
    let modules = vec![
        placed("dom0", "kernel", "Image", 0x4008_0000, image),
        placed("dom0", "ramdisk", "dom0.ub", 0x4900_0040, ramdisk(0)),
        placed("guest", "kernel", "uImage.gz", 0x4200_0040, packed),
        placed("guest", "ramdisk", "domU1.ub", 0x4300_0040, ramdisk(1)),
        placed("domU-2", "kernel", "uImage", 0x4400_0040, image),
        placed("domU-2", "ramdisk", "domU2.ub", 0x4500_0040, ramdisk(2)),
    ];
    let loads = [
        "tftpb 0x41280000 slips.dtb",
        "tftpb 0x41400000 xen",
        "tftpb 0x40080000 Image",
        "tftpb 0x49000000 dom0.ub",
        "tftpb 0x42000000 uImage.gz",
        "tftpb 0x43000000 domU1.ub",
        "tftpb 0x44000000 uImage",
        "tftpb 0x45000000 domU2.ub",
    ];
    Ok(Boot {
        scenario,
        loads: loads.map(str::to_owned).into(),
        start: "booti 0x41400000 - 0x41280000".to_owned(),
        modules,
        guests,
        enhanced: false,
    })
}
