//! Where such controllers are: nodes of the device tree, functions of a PCI bus.

use alloc::format;

use hal::{NodeInfo, Platform};

use super::super::slot::Slot;
use super::capabilities::{Kind, Quirks};
use super::{Sdhci, SdhciError, registers, slot};
use crate::pci::bar;
use crate::pci::host::Endpoint;

/// Vendor and device of QEMU's `sdhci-pci`.
pub const PCI_ID: (u16, u16) = (0x1b36, 0x0007);

/// The controllers of the Raspberry Pi. RAM has other addresses on their bus, and what they say of their clock was true once, if ever.
const BROADCOM: Quirks = Quirks {
    slow_writes: true,
    no_dma: true,
    no_write_protect: true,
    ..Quirks::NONE
};

/// NXP's uSDHC. Its clock comes from a root that the manual lets run at 400 MHz; what it was set to is up to a clock controller that this
/// loader does not drive. Detector and write-protect switch are wired to GPIOs, if at all: its own pins for them are other devices' on the
/// boards that there are.
const USDHC: Quirks = Quirks {
    kind: Kind::Usdhc,
    base_hertz: Some(400_000_000),
    no_write_protect: true,
    no_detector: true,
    ..Quirks::NONE
};

/// What such controllers are called in device trees, sorted, and what is particular to each.
pub const COMPATIBLE: &[(&str, Quirks)] = &[
    ("arasan,sdhci-4.9a", Quirks::NONE),
    ("arasan,sdhci-5.1", Quirks::NONE),
    ("arasan,sdhci-8.9a", Quirks::NONE),
    (
        "brcm,bcm2711-emmc2",
        Quirks {
            base_hertz: Some(200_000_000),
            ..BROADCOM
        },
    ),
    (
        "brcm,bcm2835-sdhci",
        Quirks {
            no_capabilities: true,
            base_hertz: Some(250_000_000),
            ..BROADCOM
        },
    ),
    ("fsl,imx7d-usdhc", USDHC),
    ("fsl,imx8mm-usdhc", USDHC),
    ("fsl,imx8mp-usdhc", USDHC),
    ("generic-sdhci", Quirks::NONE),
    ("xlnx,versal-8.9a", Quirks::NONE),
    ("xlnx,zynqmp-8.9a", Quirks::NONE),
];

/// What is particular to the controllers called `compatible`; `None` if they are none of these.
#[must_use]
pub fn quirks(compatible: &str) -> Option<Quirks> {
    let index = COMPATIBLE.binary_search_by_key(&compatible, |(name, _)| name).ok()?;
    COMPATIBLE.get(index).map(|(_, quirks)| *quirks)
}

/// The slot of a node, called as the node is: `mmc@ff170000`.
///
/// # Errors
/// [`SdhciError`].
pub fn open_node(node: &NodeInfo, quirks: Quirks, platform: &dyn Platform) -> Result<Slot, SdhciError> {
    let region = crate::registers::region(node, registers::LEN)?;
    let controller = Sdhci::open(region, node, quirks, platform)?;
    Ok(slot((node.name_or("sdhci"), node.mmc.number), controller, platform))
}

/// The slot behind a PCI function, the one of number `number`.
///
/// # Errors
/// [`SdhciError`].
pub fn open_pci(number: usize, endpoint: Endpoint, platform: &dyn Platform) -> Result<Slot, SdhciError> {
    let Endpoint { function, memory } = endpoint;
    let len = u32::try_from(registers::LEN).unwrap_or(0);
    let region = bar::part(function.address(), &memory, 0, 0, len)?;
    let mut controller = Sdhci::open(region, &NodeInfo::default(), Quirks::NONE, platform)?;
    controller.function = Some(function);
    Ok(slot((format!("sdhci-pci#{number}"), None), controller, platform))
}
