//! The environment on a card.

mod block;
mod fat;

use hal::fakes::FakeDisk;
use loader_core::env::format::{Change, import};
use loader_core::env::storage::{Saved, StorageError};
use loader_core::env::{Environment, Place, Storage};
use loader_core::storage::Storage as Disks;

/// The environment on a card, and the machine that the card is in.
struct Lab {
    storage: Storage,
    disks: Disks,
}

impl Lab {
    fn new(card: &FakeDisk, place: Place) -> Self {
        Self {
            storage: Storage::open(place, Vec::new()).unwrap(),
            disks: Disks::new(vec![Box::new(card.clone())]),
        }
    }

    fn save(&mut self, env: &Environment) -> Result<(), StorageError> {
        self.storage.save(env, &mut self.disks, &mut || ())
    }

    /// As at a start: what was read before that is forgotten.
    fn load(&mut self) -> Result<Saved, StorageError> {
        self.disks.forget();
        self.storage.load(&mut self.disks, &mut || ())
    }

    fn erase(&mut self) -> Result<(), StorageError> {
        self.storage.erase(&mut self.disks, &mut || ())
    }

    /// Which generation is loaded; `None` if it is none.
    fn generation(&mut self) -> Option<u32> {
        let saved = self.load().ok()?;
        let entries = import(&saved.image, saved.header).unwrap();
        entries.map(Result::unwrap).find_map(|entry| match entry {
            Change::Set {
                name: "generation",
                value,
            } => value.parse().ok(),
            _ => None,
        })
    }
}

/// So large that it takes all blocks of a copy of 0x800 bytes.
fn env(generation: u32) -> Environment {
    let mut env = Environment::default();
    env.set("generation", &generation.to_string()).unwrap();
    env.set("filler", &generation.to_string().repeat(1500)).unwrap();
    env
}
