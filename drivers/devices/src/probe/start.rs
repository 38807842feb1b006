//! How each driver of the tables is started, and where what runs is kept.

use alloc::boxed::Box;
use alloc::format;

use hal::{NodeInfo, Platform, Watchdog};

use super::{Devices, ProbeError, pci_driver_for};
use crate::block::virtio_blk::VirtioBlk;
use crate::flash::cfi;
use crate::mmc::sdhci;
use crate::net::fec::Fec;
use crate::net::gem::Gem;
use crate::net::genet::Genet;
use crate::net::virtio_net::VirtioNet;
use crate::pci::PciError;
use crate::pci::host::{self, Endpoint};
use crate::registers::RegistersError;
use crate::virtio::mmio::MmioTransport;
use crate::virtio::pci::PciTransport;
use crate::virtio::{self, Transport};
use crate::watchdog::cadence::CadenceWatchdog;
use crate::watchdog::imx::ImxWatchdog;

pub(super) fn cfi_flash(devices: &mut Devices, node: &NodeInfo, platform: &dyn Platform) -> Result<(), ProbeError> {
    for (region, flash) in cfi::find(node, platform)? {
        match flash {
            Ok(flash) => devices.flashes.push(Box::new(flash)),
            Err(error) => {
                let name = format!("{} at {}", node.path, region.start());
                devices.failures.push((name, error.into()));
            }
        }
    }
    Ok(())
}

pub(super) fn pci_host(devices: &mut Devices, node: &NodeInfo, platform: &dyn Platform) -> Result<(), ProbeError> {
    let wanted = |id| pci_driver_for(id).is_some();
    let mut refused = |error: PciError| devices.failures.push((node.path.clone(), error.into()));
    for endpoint in host::find(node, platform, &wanted, &mut refused)? {
        let Some(driver) = pci_driver_for(endpoint.function.id()) else {
            continue;
        };
        let function = endpoint.function.clone();
        if let Err(error) = (driver.run)(devices, endpoint, platform) {
            function.disable();
            devices
                .failures
                .push((format!("{} {}", node.path, function.address()), error));
        }
    }
    Ok(())
}

pub(super) fn virtio_mmio(devices: &mut Devices, node: &NodeInfo, platform: &dyn Platform) -> Result<(), ProbeError> {
    match MmioTransport::open(node, platform)? {
        Some((transport, virtio::NETWORK)) => devices.add_virtio_net(Box::new(transport), platform),
        Some((transport, virtio::BLOCK)) => devices.add_virtio_blk(Box::new(transport), platform),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn virtio_pci_net(
    devices: &mut Devices,
    endpoint: Endpoint,
    platform: &dyn Platform,
) -> Result<(), ProbeError> {
    let transport = PciTransport::open(endpoint, platform)?;
    devices.add_virtio_net(Box::new(transport), platform)
}

pub(super) fn virtio_pci_blk(
    devices: &mut Devices,
    endpoint: Endpoint,
    platform: &dyn Platform,
) -> Result<(), ProbeError> {
    let transport = PciTransport::open(endpoint, platform)?;
    devices.add_virtio_blk(Box::new(transport), platform)
}

pub(super) fn fec_node(devices: &mut Devices, node: &NodeInfo, platform: &dyn Platform) -> Result<(), ProbeError> {
    devices.networks.push(Box::new(Fec::start(node, platform)?));
    Ok(())
}

pub(super) fn gem_node(devices: &mut Devices, node: &NodeInfo, platform: &dyn Platform) -> Result<(), ProbeError> {
    devices.networks.push(Box::new(Gem::start(node, platform)?));
    Ok(())
}

pub(super) fn genet_node(devices: &mut Devices, node: &NodeInfo, platform: &dyn Platform) -> Result<(), ProbeError> {
    devices.networks.push(Box::new(Genet::start(node, platform)?));
    Ok(())
}

pub(super) fn imx_watchdog(devices: &mut Devices, node: &NodeInfo, platform: &dyn Platform) -> Result<(), ProbeError> {
    devices.add_watchdog(ImxWatchdog::open(node, platform))
}

pub(super) fn cadence_watchdog(
    devices: &mut Devices,
    node: &NodeInfo,
    platform: &dyn Platform,
) -> Result<(), ProbeError> {
    devices.add_watchdog(CadenceWatchdog::open(node, platform))
}

pub(super) fn sdhci_node(devices: &mut Devices, node: &NodeInfo, platform: &dyn Platform) -> Result<(), ProbeError> {
    // Every name in the table above has its quirks: a test goes through them.
    if let Some(quirks) = node.compatible.iter().find_map(|name| sdhci::quirks(name)) {
        devices.disks.push(Box::new(sdhci::open_node(node, quirks, platform)?));
    }
    Ok(())
}

pub(super) fn sdhci_pci(devices: &mut Devices, endpoint: Endpoint, platform: &dyn Platform) -> Result<(), ProbeError> {
    let slot = sdhci::open_pci(devices.count_disks("sdhci-pci#"), endpoint, platform)?;
    devices.disks.push(Box::new(slot));
    Ok(())
}

impl Devices {
    /// One that does not answer does not run.
    fn add_watchdog<W: Watchdog + 'static>(
        &mut self,
        found: Result<Option<W>, RegistersError>,
    ) -> Result<(), ProbeError> {
        match found {
            Ok(Some(watchdog)) => self.watchdogs.push(Box::new(watchdog)),
            Ok(None) | Err(RegistersError::Unmapped(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// How many disks have a name that begins so.
    fn count_disks(&self, name: &str) -> usize {
        self.disks.iter().filter(|disk| disk.name().starts_with(name)).count()
    }

    fn add_virtio_net(&mut self, transport: Box<dyn Transport>, platform: &dyn Platform) -> Result<(), ProbeError> {
        let name = format!("virtio-net#{}", self.networks.len());
        self.networks
            .push(Box::new(VirtioNet::start(name, transport, platform)?));
        Ok(())
    }

    fn add_virtio_blk(&mut self, transport: Box<dyn Transport>, platform: &dyn Platform) -> Result<(), ProbeError> {
        let name = format!("virtio-blk#{}", self.count_disks("virtio-blk#"));
        self.disks.push(Box::new(VirtioBlk::start(name, transport, platform)?));
        Ok(())
    }
}
