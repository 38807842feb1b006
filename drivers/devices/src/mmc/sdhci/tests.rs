use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;

use hal::block::{BlockDevice, BlockError, BlockFault, BlockIdx, BlockInterface};
use hal::fakes::{BusMemory, FakePlatform, ManualClock};
use hal::node::MmcSlot;
use hal::{Clock, DmaMemory, NodeInfo, PhysAddr, Platform, Region, Registers, StreamingDma};

use super::registers::{self as reg, capability, control};
use super::{COMPATIBLE, Quirks, SdhciError, open_node, quirks};
use crate::mmc::model::card::{Card, CardFault, Kind, set};
use crate::mmc::model::{CAPABILITIES, Model, WORDS_ONLY};
use crate::mmc::slot::Slot;

mod bus;
mod faults;
mod noise;
mod slot;
mod transfers;
mod usdhc;

const BASE: u64 = 0xff17_0000;
/// A little over 2 MiB of a card: more than two commands' worth.
const MANY: usize = 4500;

fn node(slot: MmcSlot) -> NodeInfo {
    NodeInfo {
        path: "/axi/mmc@ff170000".into(),
        reg: Vec::from([Region::new(PhysAddr(BASE), 0x1000).unwrap()]),
        mmc: slot,
        ..NodeInfo::default()
    }
}

/// What memory can be lent, and where devices see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lends {
    /// All.
    All,
    /// None.
    Nothing,
    /// All, at addresses that are no multiples of 4.
    Odd,
    /// All, and the driver's own, beyond 4 GiB.
    Far,
    /// All, but the driver's own is beyond 4 GiB.
    FarOwn,
}

const FAR: PhysAddr = PhysAddr(1 << 32);

struct Machine {
    fake: FakePlatform,
    lends: Lends,
    memory: bool,
}

struct Lender(BusMemory, Lends);

impl StreamingDma for Lender {
    fn lend_to_fill(&self, bytes: &mut [u8]) -> Option<PhysAddr> {
        self.lend_to_read(bytes)
    }
    fn take_back(&self, bytes: &mut [u8], address: PhysAddr) {
        match self.1 {
            Lends::Odd => {}
            _ => self.0.take_back(bytes, address),
        }
    }
    fn lend_to_read(&self, bytes: &[u8]) -> Option<PhysAddr> {
        match self.1 {
            Lends::All | Lends::Far | Lends::FarOwn => self.0.lend_to_read(bytes),
            Lends::Nothing => None,
            Lends::Odd => Some(PhysAddr(0x7001)),
        }
    }
}

impl Platform for Machine {
    fn map(&self, region: Region) -> Option<Box<dyn Registers>> {
        self.fake.map(region)
    }
    fn dma(&self, len: usize) -> Option<Box<dyn DmaMemory>> {
        if !self.memory {
            return None;
        }
        match self.lends {
            Lends::FarOwn => FakePlatform::with_memory(BusMemory::at(FAR), |_| None).dma(len),
            _ => self.fake.dma(len),
        }
    }
    fn streaming(&self) -> Rc<dyn StreamingDma> {
        Rc::new(Lender(self.fake.memory.clone(), self.lends))
    }
    fn clock(&self) -> Rc<dyn Clock> {
        self.fake.clock()
    }
    fn without_coherence(&self) -> Box<dyn Platform + '_> {
        panic!("the probe decides that")
    }
}

/// A machine with one slot.
struct Setup {
    card: Option<Card>,
    capabilities: u32,
    version: u32,
    slot: MmcSlot,
    quirks: Quirks,
    lends: Lends,
    memory: bool,
}

impl Setup {
    fn new(card: Card) -> Self {
        Self {
            card: Some(card),
            capabilities: CAPABILITIES,
            version: 2,
            slot: MmcSlot::default(),
            quirks: Quirks::NONE,
            lends: Lends::All,
            memory: true,
        }
    }

    fn empty() -> Self {
        Self {
            card: None,
            ..Self::new(sdhc())
        }
    }

    fn open(self) -> (Model, Slot, Rc<ManualClock>) {
        let (model, slot, clock) = self.try_open(|_| ());
        (model, slot.unwrap(), clock)
    }

    fn try_open(self, change: impl FnOnce(&Model)) -> (Model, Result<Slot, SdhciError>, Rc<ManualClock>) {
        let memory = match self.lends {
            Lends::Far => BusMemory::at(FAR),
            _ => BusMemory::default(),
        };
        let (fake, model) = FakePlatform::around(memory, |memory, clock| Model::new(memory, clock, self.card));
        let clock = Rc::clone(&fake.clock);
        {
            let mut state = model.0.borrow_mut();
            state.words[reg::CAPABILITIES / 4] = self.capabilities;
            state.words[reg::VERSION / 4] = self.version << 16;
        }
        change(&model);
        let machine = Machine {
            fake,
            lends: self.lends,
            memory: self.memory,
        };
        let slot = open_node(&node(self.slot), self.quirks, &machine);
        (model, slot, clock)
    }

    /// A slot that has been looked into.
    fn scanned(self) -> (Model, Slot, Rc<ManualClock>) {
        let (model, mut slot, clock) = self.open();
        slot.rescan(&mut || ()).unwrap();
        model.take_commands();
        model.0.borrow_mut().dma_selects.clear();
        (model, slot, clock)
    }
}

fn sdhc() -> Card {
    Card::new(Kind::Sdhc, 8 << 21)
}

fn all_cards() -> Vec<Card> {
    Vec::from([
        Card::new(Kind::SdOld, 64 << 11),
        Card::new(Kind::Sdsc, 64 << 11),
        sdhc(),
        Card::new(Kind::MmcOld, 32 << 11),
        Card::new(Kind::Emmc, 8 << 21),
    ])
}

fn pattern(first: u64, blocks: usize) -> Vec<u8> {
    (first..first + blocks as u64).flat_map(Card::pattern).collect()
}

fn read(slot: &mut Slot, first: u64, blocks: usize) -> Result<Vec<u8>, BlockError> {
    let mut bytes = vec![0xee; blocks * 512];
    slot.read(BlockIdx(first), &mut bytes, &mut || ()).map(|()| bytes)
}

fn fault(result: Result<impl Sized, BlockError>) -> BlockFault {
    match result {
        Ok(_) => panic!("this cannot go well"),
        Err(error) => error.fault,
    }
}

fn fact(slot: &Slot, name: &str) -> String {
    let facts = &slot.medium().unwrap().facts;
    let found = facts.iter().find(|(key, _)| *key == name);
    found.unwrap_or_else(|| panic!("no {name} in {facts:?}")).1.clone()
}
