//! A device of the machine that belongs to a domain: QEMU's real-time clock, by a partial device tree (Xen's dom0less document, "Device
//! assignment"; `docs/misc/arm/passthrough.txt`).

use std::path::Path;

use crate::boots::{self, Boot, Error, Placed, placed};
use crate::forms::args;
use crate::guests::Guests;
use crate::machine::Machine;
use crate::scenario::Scenario;

/// The document's form: what Xen adds to the domain's tree is in `/passthrough`; `xen,reg` and `xen,path` say which device it is. QEMU's
/// clock is behind no IOMMU.
const PARTIAL: &str = r#"/dts-v1/;
/ {
    #address-cells = <2>;
    #size-cells = <1>;
    gic: gic { phandle = <0xfde8>; };
    passthrough {
        compatible = "simple-bus";
        ranges;
        #address-cells = <2>;
        #size-cells = <1>;
        clock: misc_clk {
            #clock-cells = <0>;
            clock-frequency = <24000000>;
            compatible = "fixed-clock";
        };
        rtc@9010000 {
            compatible = "arm,pl031", "arm,primecell";
            reg = <0 0x9010000 0x1000>;
            interrupt-parent = <0xfde8>;
            interrupts = <0 2 4>;
            clocks = <&clock>;
            clock-names = "apb_pclk";
            xen,reg = <0 0x9010000 0x1000 0 0x9010000>;
            xen,path = "/pl031@9010000";
            xen,force-assign-without-iommu;
        };
    };
};
"#;

/// A `xen.cfg` with a domain and its `domu1_dtb=`.
///
/// # Errors
/// [`Error`], if a file is missing or cannot be made.
pub fn by_configuration(folder: &Path) -> Result<Boot, Error> {
    let files = Guests::open()?;
    let scenario = Scenario::create(folder)?;
    scenario.copy("xen", &files.xen())?;
    scenario.copy("Image", &files.kernel())?;
    let ramdisk = scenario.write("domU1.cpio.gz", &files.device_ramdisk("domU1")?)?;
    scenario.fragment("rtc.dtb", PARTIAL)?;
    let text = format!(
        "options=console=dtuart dtuart=/pl011@9000000 bootscrub=0\n\
         domu1_kernel=Image {}\ndomu1_ramdisk=domU1.cpio.gz\ndomu1_dtb=rtc.dtb\n\
         domu1_property=cpus=1\ndomu1_property=memory=0x20000\ndomu1_property=vpl011\n",
        args("domU1")
    );
    scenario.write("xen.cfg", text.as_bytes())?;
    Ok(Boot {
        scenario,
        loads: Vec::new(),
        start: "xen boot tftp".to_owned(),
        modules: Vec::new(),
        guests: vec![("domU1".to_owned(), ramdisk)],
        enhanced: false,
    })
}

/// The same by hand, with a made-up size, beside a dom0 that is not to have the device.
///
/// # Errors
/// As [`by_configuration`].
pub fn beside_dom0(folder: &Path, machine: &Machine) -> Result<Boot, Error> {
    let mut boot = boots::document(folder, machine, boots::Sizes::Unknown, boots::Kernel::Plain)?;
    let files = Guests::open()?;
    let ramdisk = boot.scenario.write("ramdisk-DomU", &files.device_ramdisk("domU1")?)?;
    let partial = boot.scenario.fragment("rtc.dtb", PARTIAL)?;
    let blob = boot.scenario.folder().join("xen.dtb");
    let added = "&{/chosen/domU1} { module@46000000 { compatible = \"multiboot,device-tree\", \"multiboot,module\";\n\
                 reg = <0x46000000 0xffffff>; }; };\n&{/pl031@9010000} { xen,passthrough; };\n";
    boot.scenario.board_tree("xen.dtb", &blob, added)?;
    boot.loads.push("tftpb 0x46000000 rtc.dtb".to_owned());
    for Placed { file, size, .. } in &mut boot.modules {
        if file == "ramdisk-DomU" {
            *size = ramdisk;
        }
    }
    boot.modules
        .push(placed("domU1", "dtb", "rtc.dtb", 0x4600_0000, partial));
    boot.guests.retain(|(name, _)| name != "domU1");
    boot.guests.push(("domU1".to_owned(), ramdisk));
    Ok(boot)
}
