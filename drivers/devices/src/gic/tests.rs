use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use hal::fakes::FakePlatform;
use hal::{NodeInfo, PhysAddr, Platform, Region, Registers};

use super::{Gic, Version, version};

const DISTRIBUTOR: u64 = 0x800_0000;
const OTHER: u64 = 0x80a_0000;
const FRAME: u64 = 0x1_0000;
const TIMER: u32 = 27;

/// The words of a controller that are not 0, by address; those that its firmware keeps for itself.
#[derive(Default)]
struct Words {
    values: BTreeMap<u64, u32>,
    kept: Vec<u64>,
    /// Its redistributors stay asleep.
    stuck: bool,
}

#[derive(Clone, Default)]
struct Model(Rc<RefCell<Words>>);

struct Mapped {
    words: Model,
    region: Region,
}

impl Model {
    fn get(&self, address: u64) -> u32 {
        self.0.borrow().values.get(&address).copied().unwrap_or(0)
    }

    fn set(&self, address: u64, value: u32) {
        let mut words = self.0.borrow_mut();
        words.values.remove(&address);
        if value != 0 {
            words.values.insert(address, value);
        }
    }

    fn all(&self) -> BTreeMap<u64, u32> {
        self.0.borrow().values.clone()
    }

    /// The redistributors of these processors, each with so many frames, the last of which says so.
    fn redistributors(&self, processors: &[(u32, u64)]) {
        let mut at = OTHER;
        for (index, (affinity, frames)) in processors.iter().enumerate() {
            let last = u32::from(index + 1 == processors.len()) << 4;
            self.set(at + 8, last | if *frames == 4 { 2 } else { 0 });
            self.set(at + 12, *affinity);
            self.set(at + 0x14, 6);
            at += frames * FRAME;
        }
    }

    fn platform(&self) -> FakePlatform {
        let words = self.clone();
        FakePlatform::new(move |region| {
            let words = words.clone();
            Some(Box::new(Mapped { words, region }))
        })
    }

    fn open(&self, compatible: &str, affinity: u32) -> Option<Gic> {
        let regions = [(DISTRIBUTOR, 0x1_0000), (OTHER, 0x10_0000)];
        let node = NodeInfo {
            compatible: Vec::from([compatible.into()]),
            reg: regions
                .iter()
                .filter_map(|(start, len)| Region::new(PhysAddr(*start), *len))
                .collect(),
            ..NodeInfo::default()
        };
        Gic::open(&node, affinity, &self.platform())
    }

    fn let_through(&self, gic: &mut Gic, interrupt: u32) -> bool {
        gic.let_through(interrupt, self.platform().clock().as_ref())
    }
}

impl Registers for Mapped {
    words_only!();

    fn read32(&self, offset: usize) -> u32 {
        assert!((offset as u64) < self.region.len());
        self.words.get(self.region.start().get() + offset as u64)
    }

    fn write32(&self, offset: usize, value: u32) {
        assert!((offset as u64) < self.region.len());
        let address = self.region.start().get() + offset as u64;
        if self.words.0.borrow().kept.contains(&address) {
            return;
        }
        let is_redistributor = address >= OTHER;
        match offset {
            0x100 => self.words.set(address, self.words.get(address) | value),
            0x180 => self.words.set(address - 0x80, self.words.get(address - 0x80) & !value),
            // GICR_WAKER: its bit 2 follows bit 1 when it can.
            0x14 if is_redistributor => {
                let asleep = value & 2 != 0 || self.words.0.borrow().stuck;
                self.words.set(address, value & 2 | u32::from(asleep) << 2);
            }
            _ => self.words.set(address, value),
        }
    }
}

#[test]
fn version_2_lets_one_interrupt_through_and_forgets_it() {
    for before in [
        BTreeMap::new(),
        BTreeMap::from([
            (DISTRIBUTOR, 2),
            (DISTRIBUTOR + 0x100, 0xffff),
            (OTHER, 0x1e0),
            (OTHER + 4, 0x50),
        ]),
    ] {
        let model = Model::default();
        model.0.borrow_mut().values = before.clone();
        let mut gic = model.open("arm,gic-400", 0).unwrap();
        assert_eq!(gic.version(), Version::Two);
        assert_eq!(model.all(), before, "found as it is");
        assert!(model.let_through(&mut gic, TIMER));
        assert_eq!(model.get(DISTRIBUTOR) & 1, 1);
        assert_eq!(model.get(DISTRIBUTOR + 0x100) >> TIMER & 1, 1);
        assert_eq!((model.get(OTHER) & 1, model.get(OTHER + 4)), (1, 0xff));
        gic.put_back();
        assert_eq!(model.all(), before);
    }
}

#[test]
fn what_was_let_through_before_still_is_when_it_is_put_back() {
    let model = Model::default();
    let before = BTreeMap::from([
        (DISTRIBUTOR, 1),
        (DISTRIBUTOR + 0x100, 1 << TIMER),
        (OTHER, 1),
        (OTHER + 4, 0xff),
    ]);
    model.0.borrow_mut().values = before.clone();
    let mut gic = model.open("arm,cortex-a15-gic", 0).unwrap();
    assert!(model.let_through(&mut gic, TIMER));
    gic.put_back();
    assert_eq!(model.all(), before);
}

#[test]
fn version_3_finds_the_redistributor_of_its_processor() {
    for (processors, affinity, frame) in [
        (&[(0, 2), (1, 2)][..], 0, 0),
        (&[(0, 2), (1, 2)], 1, 2),
        (&[(0x100, 4), (0x200, 2), (0x0100_0300, 4)], 0x0100_0300, 6),
    ] {
        let model = Model::default();
        model.redistributors(processors);
        let before = model.all();
        let mut gic = model.open("arm,gic-v3", affinity).unwrap();
        assert_eq!(gic.version(), Version::Three);
        assert!(model.let_through(&mut gic, TIMER));
        let own = OTHER + frame * FRAME;
        assert_eq!(model.get(own + 0x14), 0, "awake");
        assert_eq!(model.get(own + FRAME + 0x80), 1 << TIMER, "group 1");
        assert_eq!(model.get(own + FRAME + 0x100), 1 << TIMER);
        assert_eq!(model.get(DISTRIBUTOR), 0x12);
        gic.put_back();
        assert_eq!(model.all(), before);
    }
}

#[test]
fn a_processor_without_a_redistributor() {
    let model = Model::default();
    model.redistributors(&[(0, 2), (1, 2)]);
    assert!(model.open("arm,gic-v3", 2).is_none());
    // Nobody says that he is the last: the region ends.
    model.set(OTHER + 2 * FRAME + 8, 0);
    assert!(model.open("arm,gic-v3", 2).is_none());
}

#[test]
fn a_redistributor_that_does_not_wake_up() {
    let model = Model::default();
    model.redistributors(&[(0, 2)]);
    let before = model.all();
    model.0.borrow_mut().stuck = true;
    let mut gic = model.open("arm,gic-v3", 0).unwrap();
    assert!(!model.let_through(&mut gic, TIMER));
    gic.put_back();
    assert_eq!(model.all(), before);
}

#[test]
fn what_firmware_keeps_stays_as_it_is() {
    let model = Model::default();
    model.redistributors(&[(0, 2)]);
    model.set(DISTRIBUTOR, 0x10);
    model.0.borrow_mut().kept = Vec::from([OTHER + FRAME + 0x80, OTHER + FRAME + 0x100]);
    let before = model.all();
    let mut gic = model.open("arm,gic-v3", 0).unwrap();
    assert!(model.let_through(&mut gic, TIMER), "whether it comes through is tried");
    gic.put_back();
    assert_eq!(model.all(), before);
}

#[test]
fn interrupts_that_are_none_of_one_processor() {
    let model = Model::default();
    let mut gic = model.open("arm,gic-400", 0).unwrap();
    assert!(!model.let_through(&mut gic, 32));
    assert!(!model.let_through(&mut gic, u32::MAX));
    assert!(model.all().is_empty());
}

#[test]
fn nodes_that_are_no_such_controller() {
    assert_eq!(version("arm,pl390"), None);
    let model = Model::default();
    assert!(model.open("arm,gic-v9", 0).is_none());
    let node = NodeInfo {
        compatible: Vec::from(["arm,gic-400".into()]),
        ..NodeInfo::default()
    };
    assert!(Gic::open(&node, 0, &model.platform()).is_none());
    let platform = FakePlatform::new(|_| None);
    let reg = [DISTRIBUTOR, OTHER].map(|start| Region::new(PhysAddr(start), FRAME).unwrap());
    let node = NodeInfo {
        reg: Vec::from(reg),
        ..node
    };
    assert!(Gic::open(&node, 0, &platform).is_none());
}
