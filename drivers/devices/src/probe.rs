//! The table of drivers, and what finds the devices that they drive.
//!
//! A driver is added with its file, the `mod` line beside it, and a line in [`PROBES`], or in [`PCI_PROBES`] if it
//! drives a PCI function.

mod start;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use hal::{BlockDevice, Flash, NetDevice, NodeInfo, Platform, Watchdog};

use crate::flash::cfi::{self, CfiError};
use crate::mmc::sdhci::{self, SdhciError};
use crate::net::fec::FecError;
use crate::net::gem::GemError;
use crate::net::genet::GenetError;
use crate::pci::PciError;
use crate::pci::host::Endpoint;
use crate::registers::RegistersError;
use crate::virtio::VirtioError;
use crate::virtio::pci::{self, VENDOR};
use start::{
    cadence_watchdog, cfi_flash, fec_node, gem_node, genet_node, imx_watchdog, pci_host, sdhci_node, sdhci_pci,
    virtio_mmio, virtio_pci_blk, virtio_pci_net,
};

/// A driver for a kind of device tree node.
pub struct Probe {
    /// The string that the node's `compatible` list has.
    pub compatible: &'static str,
    /// What it shares memory with.
    sharing: Sharing,
    run: fn(&mut Devices, &NodeInfo, &dyn Platform) -> Result<(), ProbeError>,
}

/// How a driver and its device share memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sharing {
    /// They do not.
    Nothing,
    /// The device is software that runs beside ours: it sees the caches whatever the tree says (virtio 1.2, section 6.1: a device
    /// without VIRTIO_F_ACCESS_PLATFORM reaches memory as the driver does).
    Coherent,
    /// The tree says whether the device sees the caches (`dma-coherent`).
    AsTreeSays,
}

impl Probe {
    fn needs_uncached(&self, node: &NodeInfo) -> bool {
        self.sharing == Sharing::AsTreeSays && !node.dma_coherent
    }
}

/// A driver for a kind of PCI function.
pub struct PciProbe {
    /// Vendor and device id.
    pub id: (u16, u16),
    run: fn(&mut Devices, Endpoint, &dyn Platform) -> Result<(), ProbeError>,
}

/// Drivers by `compatible`, sorted.
pub const PROBES: &[Probe] = &[
    Probe {
        compatible: "arasan,sdhci-4.9a",
        sharing: Sharing::AsTreeSays,
        run: sdhci_node,
    },
    Probe {
        compatible: "arasan,sdhci-5.1",
        sharing: Sharing::AsTreeSays,
        run: sdhci_node,
    },
    Probe {
        compatible: "arasan,sdhci-8.9a",
        sharing: Sharing::AsTreeSays,
        run: sdhci_node,
    },
    Probe {
        compatible: "brcm,bcm2711-emmc2",
        sharing: Sharing::Nothing,
        run: sdhci_node,
    },
    Probe {
        compatible: "brcm,bcm2711-genet-v5",
        sharing: Sharing::AsTreeSays,
        run: genet_node,
    },
    Probe {
        compatible: "brcm,bcm2835-sdhci",
        sharing: Sharing::Nothing,
        run: sdhci_node,
    },
    Probe {
        compatible: "brcm,genet-v5",
        sharing: Sharing::AsTreeSays,
        run: genet_node,
    },
    Probe {
        compatible: "cdns,gem",
        sharing: Sharing::AsTreeSays,
        run: gem_node,
    },
    Probe {
        compatible: "cdns,macb",
        sharing: Sharing::AsTreeSays,
        run: gem_node,
    },
    Probe {
        compatible: "cdns,versal-gem",
        sharing: Sharing::AsTreeSays,
        run: gem_node,
    },
    Probe {
        compatible: "cdns,wdt-r1p2",
        sharing: Sharing::Nothing,
        run: cadence_watchdog,
    },
    Probe {
        compatible: "cdns,zynq-gem",
        sharing: Sharing::AsTreeSays,
        run: gem_node,
    },
    Probe {
        compatible: "cdns,zynqmp-gem",
        sharing: Sharing::AsTreeSays,
        run: gem_node,
    },
    Probe {
        compatible: cfi::COMPATIBLE,
        sharing: Sharing::Nothing,
        run: cfi_flash,
    },
    Probe {
        compatible: "fsl,imx21-wdt",
        sharing: Sharing::Nothing,
        run: imx_watchdog,
    },
    Probe {
        compatible: "fsl,imx6sx-fec",
        sharing: Sharing::AsTreeSays,
        run: fec_node,
    },
    Probe {
        compatible: "fsl,imx7d-usdhc",
        sharing: Sharing::AsTreeSays,
        run: sdhci_node,
    },
    Probe {
        compatible: "fsl,imx8mm-usdhc",
        sharing: Sharing::AsTreeSays,
        run: sdhci_node,
    },
    Probe {
        compatible: "fsl,imx8mp-fec",
        sharing: Sharing::AsTreeSays,
        run: fec_node,
    },
    Probe {
        compatible: "fsl,imx8mp-usdhc",
        sharing: Sharing::AsTreeSays,
        run: sdhci_node,
    },
    Probe {
        compatible: "fsl,imx8mq-fec",
        sharing: Sharing::AsTreeSays,
        run: fec_node,
    },
    Probe {
        compatible: "generic-sdhci",
        sharing: Sharing::AsTreeSays,
        run: sdhci_node,
    },
    Probe {
        compatible: "pci-host-ecam-generic",
        sharing: Sharing::AsTreeSays,
        run: pci_host,
    },
    Probe {
        compatible: "virtio,mmio",
        sharing: Sharing::Coherent,
        run: virtio_mmio,
    },
    Probe {
        compatible: "xlnx,versal-8.9a",
        sharing: Sharing::AsTreeSays,
        run: sdhci_node,
    },
    Probe {
        compatible: "xlnx,versal-gem",
        sharing: Sharing::AsTreeSays,
        run: gem_node,
    },
    Probe {
        compatible: "xlnx,zynq-gem",
        sharing: Sharing::AsTreeSays,
        run: gem_node,
    },
    Probe {
        compatible: "xlnx,zynqmp-8.9a",
        sharing: Sharing::AsTreeSays,
        run: sdhci_node,
    },
    Probe {
        compatible: "xlnx,zynqmp-gem",
        sharing: Sharing::AsTreeSays,
        run: gem_node,
    },
];

/// Drivers by PCI vendor and device id, sorted.
pub const PCI_PROBES: &[PciProbe] = &[
    PciProbe {
        id: (VENDOR, pci::TRANSITIONAL_NETWORK),
        run: virtio_pci_net,
    },
    PciProbe {
        id: (VENDOR, pci::TRANSITIONAL_BLOCK),
        run: virtio_pci_blk,
    },
    PciProbe {
        id: (VENDOR, pci::MODERN_NETWORK),
        run: virtio_pci_net,
    },
    PciProbe {
        id: (VENDOR, pci::MODERN_BLOCK),
        run: virtio_pci_blk,
    },
    PciProbe {
        id: sdhci::PCI_ID,
        run: sdhci_pci,
    },
];

/// The devices that run, in the order they were found.
#[derive(Default)]
pub struct Devices {
    /// Network devices.
    pub networks: Vec<Box<dyn NetDevice>>,
    /// Card slots and disks.
    pub disks: Vec<Box<dyn BlockDevice>>,
    /// NOR flashes.
    pub flashes: Vec<Box<dyn Flash>>,
    /// Watchdogs that an earlier stage left running.
    pub watchdogs: Vec<Box<dyn Watchdog>>,
    /// What was there and could not be used: the node's path, or the path and the function, and why.
    pub failures: Vec<(String, ProbeError)>,
}

/// Why a device is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// A NOR flash.
    #[error(transparent)]
    Cfi(#[from] CfiError),
    /// An Ethernet controller of NXP's.
    #[error(transparent)]
    Fec(#[from] FecError),
    /// An Ethernet controller.
    #[error(transparent)]
    Gem(#[from] GemError),
    /// An Ethernet controller of Broadcom's.
    #[error(transparent)]
    Genet(#[from] GenetError),
    /// PCI.
    #[error(transparent)]
    Pci(#[from] PciError),
    /// A card slot.
    #[error(transparent)]
    Sdhci(#[from] SdhciError),
    /// Virtio.
    #[error(transparent)]
    Virtio(#[from] VirtioError),
    /// A watchdog.
    #[error(transparent)]
    Watchdog(#[from] RegistersError),
}

/// Starts the devices among `nodes` that there is a driver for. Nodes are to be the enabled ones, in the order of the
/// tree.
#[must_use]
pub fn probe(nodes: &[NodeInfo], platform: &dyn Platform) -> Devices {
    let mut devices = Devices::default();
    for node in nodes {
        let Some(driver) = node.compatible.iter().find_map(|name| driver_for(name)) else {
            continue;
        };
        let uncached = driver.needs_uncached(node).then(|| platform.without_coherence());
        let platform = uncached.as_deref().unwrap_or(platform);
        if let Err(error) = (driver.run)(&mut devices, node, platform) {
            devices.failures.push((node.path.clone(), error));
        }
    }
    devices
}

/// Whether one of the devices among `nodes` will ask for memory that is not cached ([`Platform::without_coherence`]).
#[must_use]
pub fn needs_uncached(nodes: &[NodeInfo]) -> bool {
    nodes.iter().any(|node| {
        let driver = node.compatible.iter().find_map(|name| driver_for(name));
        driver.is_some_and(|driver| driver.needs_uncached(node))
    })
}

fn driver_for(compatible: &str) -> Option<&'static Probe> {
    let index = PROBES
        .binary_search_by_key(&compatible, |probe| probe.compatible)
        .ok()?;
    PROBES.get(index)
}

fn pci_driver_for(id: (u16, u16)) -> Option<&'static PciProbe> {
    let index = PCI_PROBES.binary_search_by_key(&id, |probe| probe.id).ok()?;
    PCI_PROBES.get(index)
}

#[cfg(test)]
mod tests;
