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
mod kept;

use counted::Counted;
pub use counted::Statistics;
pub use kept::Limits;

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

/// All of them, by interface and number.
///
/// A device that the machine's description gives a number has that one, whichever others there are; the rest come behind those, in the order
/// in which the machine lists them. So numbers may have gaps, and a device keeps its number when another one is gone.
#[derive(Default)]
pub struct Storage {
    /// By interface and number.
    devices: Vec<(BlockInterface, u32, Counted)>,
    /// What `mmc dev` and `virtio device` chose.
    current: Vec<(BlockInterface, u32)>,
}

impl Storage {
    /// The given devices.
    #[must_use]
    pub fn new(devices: Vec<Box<dyn BlockDevice>>) -> Self {
        let mut storage = Self::default();
        let (named, rest): (Vec<_>, Vec<_>) = devices.into_iter().partition(|device| device.number().is_some());
        for device in named.into_iter().chain(rest) {
            storage.add(device);
        }
        storage
            .devices
            .sort_by_key(|(interface, number, _)| (*interface, *number));
        storage
    }

    fn add(&mut self, device: Box<dyn BlockDevice>) {
        let interface = device.interface();
        let taken = || self.numbers(interface);
        let own = device.number().filter(|number| !taken().any(|other| other == *number));
        let next = || taken().max().map_or(0, |last| last.saturating_add(1));
        let number = own.unwrap_or_else(next);
        self.devices.push((interface, number, Counted::new(device)));
    }

    /// The numbers of an interface's devices, smallest first.
    pub fn numbers(&self, interface: BlockInterface) -> impl Iterator<Item = u32> + '_ {
        let of_kind = self.devices.iter().filter(move |(of, ..)| *of == interface);
        of_kind.map(|(_, number, _)| *number)
    }

    /// Device number `number` of an interface.
    pub fn device(&mut self, interface: BlockInterface, number: u32) -> Option<&mut (dyn BlockDevice + 'static)> {
        let mut devices = self.devices.iter_mut();
        let (.., device) = devices.find(|(of, own, _)| (*of, *own) == (interface, number))?;
        Some(device)
    }

    /// Whether an interface has a device of that number.
    #[must_use]
    pub fn has(&self, interface: BlockInterface, number: u32) -> bool {
        self.numbers(interface).any(|own| own == number)
    }

    /// What each device was asked for since this was last called.
    pub fn take_statistics(&mut self) -> Vec<(BlockInterface, u32, Statistics)> {
        let taken = |(interface, number, device): &mut (BlockInterface, u32, Counted)| {
            (*interface, *number, core::mem::take(&mut device.statistics))
        };
        self.devices.iter_mut().map(taken).collect()
    }

    /// Forgets what was kept of what was read: somebody may exchange a card now.
    pub fn forget(&mut self) {
        self.devices.iter_mut().for_each(|(.., device)| device.kept.forget());
    }

    /// From now on keeps so much of what is read.
    pub fn limit_kept(&mut self, limits: Limits) {
        self.devices
            .iter_mut()
            .for_each(|(.., device)| device.kept.limit(limits));
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
        let numbers: Vec<u32> = self.numbers(interface).collect();
        match numbers.as_slice() {
            [] => format!("this machine has no {word} device"),
            [only] => format!("there is only {word} {only:x}"),
            [first, .., last] if (*first..=*last).count() == numbers.len() => {
                format!("there are {word} {first:x} to {last:x}")
            }
            [first @ .., last] => {
                let first: Vec<String> = first.iter().map(|number| format!("{number:x}")).collect();
                format!("there are {word} {} and {last:x}", first.join(", "))
            }
        }
    }

    /// How many devices an interface has.
    #[must_use]
    pub fn count(&self, interface: BlockInterface) -> usize {
        self.numbers(interface).count()
    }

    /// The device that commands without a number use: the one that was chosen, else the first.
    #[must_use]
    pub fn current(&self, interface: BlockInterface) -> u32 {
        let chosen = self.current.iter().find(|(of, _)| *of == interface);
        let first = || self.numbers(interface).next().unwrap_or(0);
        chosen.map_or_else(first, |(_, number)| *number)
    }

    /// Chooses the device that commands without a number use.
    pub fn choose(&mut self, interface: BlockInterface, number: u32) {
        self.current.retain(|(of, _)| *of != interface);
        self.current.push((interface, number));
    }

    /// Stops all of them for good: no DMA after this returns.
    pub fn shutdown(&mut self) {
        for (.., device) in &mut self.devices {
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
    fn the_machine_numbers_some() {
        let card = |blocks| FakeDisk::zeroed(blocks).as_card();
        let storage = |disks: [FakeDisk; 4]| {
            let disks = disks.map(|disk| Box::new(disk) as Box<dyn hal::BlockDevice>);
            Storage::new(Vec::from(disks))
        };
        let mut all = storage([card(1), card(2).numbered(3), card(3).numbered(1), card(4)]);
        let blocks = |storage: &mut Storage, number| {
            let device = storage.device(BlockInterface::Mmc, number)?;
            device.medium().map(|medium| medium.blocks)
        };
        let found: Vec<_> = (0..6).map(|number| blocks(&mut all, number)).collect();
        assert_eq!(found, [None, Some(3), None, Some(2), Some(1), Some(4)]);
        assert_eq!(all.current(BlockInterface::Mmc), 1);
        assert_eq!(all.there_are(BlockInterface::Mmc), "there are mmc 1, 3, 4 and 5");
        assert!(all.has(BlockInterface::Mmc, 5) && !all.has(BlockInterface::Mmc, 0));
        // Two that want the same number.
        let mut twice = storage([card(1).numbered(0), card(2).numbered(0), card(3), card(4)]);
        assert_eq!((blocks(&mut twice, 0), blocks(&mut twice, 1)), (Some(1), Some(2)));
        let row = storage([card(1), card(2), card(3), card(4)]);
        assert_eq!(row.there_are(BlockInterface::Mmc), "there are mmc 0 to 3");
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
