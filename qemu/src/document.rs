//! The dom0less document's own commands on the board that they were written for: a ZCU102, whose RAM begins at 0.

use std::path::Path;

use crate::boots::{Boot, Error, Kernel, kernel_file, placed};
use crate::guests::Guests;
use crate::scenario::{ImageKind, Scenario};

/// The lines as people copy them, slips included: the first address of the second one, in some copies, has its prefix twice.
const LOADS: [&str; 6] = [
    "tftpb 0x1280000 xen.dtb",
    "tftpb 0x0x80000 xen-Image",
    "tftpb 0x1400000 xen.ub",
    "tftpb 0x9000000 xen-rootfs.cpio.gz.u-boot",
    "tftpb 0x2000000 Image-DomU",
    "tftpb 0x3000000 ramdisk-DomU",
];

const START: &str = "bootm 0x1400000 0x9000000 0x1280000";

/// dom0's module, and the domain as the document prints it, with its unit address that has a zero too many and sizes that are none.
/// Added are what the guests are called, and a console for the domain, which the document has in another place.
const CHOSEN: &str = r#"
/ { chosen {
    #address-cells = <0x1>;
    #size-cells = <0x1>;
    xen,xen-bootargs = "console=dtuart dtuart=serial0 dom0_mem=512M bootscrub=0";
    module@80000 {
        compatible = "multiboot,kernel", "multiboot,module";
        reg = <0x80000 0xffffff>;
        bootargs = "console=hvc0 rdinit=/init guest=dom0";
    };
    domU1 {
        compatible = "xen,domain";
        #address-cells = <0x1>;
        #size-cells = <0x1>;
        memory = <0 0x20000>;
        cpus = <1>;
        vpl011;

        module@2000000 {
            compatible = "multiboot,kernel", "multiboot,module";
            reg = <0x2000000 0xffffff>;
            bootargs = "console=ttyAMA0 rdinit=/init guest=domU1";
        };

        module@30000000 {
            compatible = "multiboot,ramdisk", "multiboot,module";
            reg = <0x3000000 0xffffff>;
        };
    };
}; };
"#;

/// QEMU's GIC has the aliases of the board's, but not its identification: Xen would write to an alias of the wrong register, and the first
/// interrupt between processors would be the last. The board itself does not need this.
const GIC: &str = "&{/axi/interrupt-controller@f9010000} {
    reg = <0x0 0xf9010000 0x0 0x10000 0x0 0xf902f000 0x0 0x2000 0x0 0xf9040000 0x0 0x20000 0x0 0xf906f000 0x0 0x2000>;
};\n";

/// The document's block; `board` is the board's device tree.
///
/// # Errors
/// [`Error`], if a file is missing or cannot be made.
pub fn on_zcu102(folder: &Path, board: &Path, kernel: Kernel) -> Result<Boot, Error> {
    let files = Guests::open()?;
    let scenario = Scenario::create(folder)?;
    let kernel = kernel_file(&files, kernel);
    let image = scenario.copy("xen-Image", &kernel)?;
    scenario.copy("Image-DomU", &kernel)?;
    scenario.copy("xen", &files.xen())?;
    scenario.wrap("xen.ub", "xen", ImageKind::Kernel(0x140_0000))?;
    let dom0 = scenario.write("xen-rootfs.cpio.gz", &files.ramdisk("dom0")?)?;
    scenario.wrap("xen-rootfs.cpio.gz.u-boot", "xen-rootfs.cpio.gz", ImageKind::Ramdisk)?;
    let domain = scenario.write("ramdisk-DomU", &files.ramdisk("domU1")?)?;
    scenario.board_tree("xen.dtb", board, &format!("{CHOSEN}{GIC}"))?;
    Ok(Boot {
        scenario,
        loads: LOADS.map(str::to_owned).into(),
        start: START.to_owned(),
        modules: vec![
            placed("dom0", "kernel", "xen-Image", 0x8_0000, image),
            placed("domU1", "kernel", "Image-DomU", 0x200_0000, image),
            placed("domU1", "ramdisk", "ramdisk-DomU", 0x300_0000, domain),
        ],
        guests: vec![("dom0".to_owned(), dom0), ("domU1".to_owned(), domain)],
        enhanced: false,
    })
}
