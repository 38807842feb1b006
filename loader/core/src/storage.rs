//! The card slots and disks of the machine, as commands name them: `mmc 0`, `virtio 1`.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use hal::block::BlockInterface;
use hal::flash::Meanwhile;
use hal::{BlockDevice, BlockError};
use thiserror::Error;

mod counted;

use counted::Counted;
pub use counted::Statistics;

/// Why a device cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeviceError {
    /// There is none with that number: a sentence with those that there are.
    #[error("{0}")]
    Missing(String),
    /// What is in it cannot be used.
    #[error(transparent)]
    Block(#[from] BlockError),
}

/// All of them, in the order in which the machine lists them; each interface numbers its own from 0.
#[derive(Default)]
pub struct Storage {
    devices: Vec<Counted>,
    /// What `mmc dev` and `virtio device` chose.
    current: Vec<(BlockInterface, u32)>,
}

impl Storage {
    /// The given devices.
    #[must_use]
    pub fn new(devices: Vec<Box<dyn BlockDevice>>) -> Self {
        Self {
            devices: devices.into_iter().map(Counted::new).collect(),
            current: Vec::new(),
        }
    }

    /// Device number `number` of an interface.
    pub fn device(&mut self, interface: BlockInterface, number: u32) -> Option<&mut (dyn BlockDevice + 'static)> {
        let wanted = usize::try_from(number).ok()?;
        let devices = self.devices.iter_mut();
        let mut of_kind = devices.filter(|device| device.interface() == interface);
        Some(of_kind.nth(wanted)?)
    }

    /// What each device was asked for since this was last called.
    pub fn take_statistics(&mut self) -> Vec<(BlockInterface, u32, Statistics)> {
        let mut all: Vec<(BlockInterface, u32, Statistics)> = Vec::new();
        for device in &mut self.devices {
            let interface = device.interface();
            let before = all.iter().filter(|(of, ..)| *of == interface).count();
            let statistics = core::mem::take(&mut device.statistics);
            all.push((interface, u32::try_from(before).unwrap_or(u32::MAX), statistics));
        }
        all
    }

    /// As [`Storage::device`], and looks what is in it if nobody has yet.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn ready(
        &mut self,
        interface: BlockInterface,
        number: u32,
        meanwhile: Meanwhile<'_>,
    ) -> Result<&mut (dyn BlockDevice + 'static), DeviceError> {
        let missing = self.there_are(interface);
        let device = self.device(interface, number);
        let device = device.ok_or(DeviceError::Missing(missing))?;
        if device.medium().is_none() {
            device.rescan(meanwhile)?;
        }
        Ok(device)
    }

    /// Which devices an interface has, for people.
    #[must_use]
    pub fn there_are(&self, interface: BlockInterface) -> String {
        let word = interface.word();
        match self.count(interface) {
            0 => format!("this machine has no {word} device"),
            1 => format!("there is only {word} 0"),
            count => format!("there are {word} 0 to {:x}", count.saturating_sub(1)),
        }
    }

    /// How many devices an interface has.
    #[must_use]
    pub fn count(&self, interface: BlockInterface) -> u32 {
        let devices = self.devices.iter().filter(|device| device.interface() == interface);
        u32::try_from(devices.count()).unwrap_or(u32::MAX)
    }

    /// The device that commands without a number use: the one that was chosen, else the first.
    #[must_use]
    pub fn current(&self, interface: BlockInterface) -> u32 {
        let chosen = self.current.iter().find(|(of, _)| *of == interface);
        chosen.map_or(0, |(_, number)| *number)
    }

    /// Chooses the device that commands without a number use.
    pub fn choose(&mut self, interface: BlockInterface, number: u32) {
        self.current.retain(|(of, _)| *of != interface);
        self.current.push((interface, number));
    }

    /// Stops all of them for good: no DMA after this returns.
    pub fn shutdown(&mut self) {
        for device in &mut self.devices {
            device.shutdown();
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::vec::Vec;

    use hal::block::BlockInterface;
    use hal::fakes::FakeDisk;

    use super::Storage;

    #[test]
    fn interfaces_number_their_own() {
        let mut storage = Storage::new(Vec::from([
            Box::new(FakeDisk::zeroed(1)) as Box<dyn hal::BlockDevice>,
            Box::new(FakeDisk::zeroed(2).as_card()),
            Box::new(FakeDisk::zeroed(3)),
        ]));
        let blocks = |storage: &mut Storage, interface, number| {
            let device = storage.device(interface, number)?;
            device.medium().map(|medium| medium.blocks)
        };
        assert_eq!(blocks(&mut storage, BlockInterface::Virtio, 1), Some(3));
        assert_eq!(blocks(&mut storage, BlockInterface::Mmc, 0), Some(2));
        assert_eq!(blocks(&mut storage, BlockInterface::Mmc, 1), None);
        assert_eq!(storage.count(BlockInterface::Virtio), 2);
    }

    #[test]
    fn the_first_is_current_until_another_is_chosen() {
        let mut storage = Storage::default();
        assert_eq!(storage.current(BlockInterface::Mmc), 0);
        storage.choose(BlockInterface::Mmc, 2);
        storage.choose(BlockInterface::Virtio, 1);
        storage.choose(BlockInterface::Mmc, 3);
        assert_eq!(storage.current(BlockInterface::Mmc), 3);
        assert_eq!(storage.current(BlockInterface::Virtio), 1);
    }
}
