use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use hal::block::{BlockDevice, BlockError, BlockFault, BlockIdx, BlockInterface};
use hal::fakes::{BusMemory, FakePlatform, ManualClock};
use hal::node::MmcSlot;
use hal::{Clock, DmaMemory, NodeInfo, PhysAddr, Platform, Region, Registers, StreamingDma};

use super::registers::{self as reg, capability, control};
use super::{COMPATIBLE, Quirks, SdhciError, open_node, quirks};
use crate::mmc::model::card::{Card, CardFault, Kind, set};
use crate::mmc::model::{CAPABILITIES, Model, WORDS_ONLY};
use crate::mmc::slot::Slot;

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
}

const FAR: u64 = 1 << 32;

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
            Lends::Far => self.0.take_back(bytes, PhysAddr(address.get() - FAR)),
            _ => self.0.take_back(bytes, address),
        }
    }
    fn lend_to_read(&self, bytes: &[u8]) -> Option<PhysAddr> {
        match self.1 {
            Lends::All => self.0.lend_to_read(bytes),
            Lends::Nothing => None,
            Lends::Odd => Some(PhysAddr(0x7001)),
            Lends::Far => self.0.lend_to_read(bytes)?.checked_add(FAR),
        }
    }
}

struct FarDma(Box<dyn DmaMemory>);

impl DmaMemory for FarDma {
    fn bus_address(&self) -> PhysAddr {
        PhysAddr(self.0.bus_address().get() + FAR)
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn read16(&self, offset: usize) -> u16 {
        self.0.read16(offset)
    }
    fn read32(&self, offset: usize) -> u32 {
        self.0.read32(offset)
    }
    fn write16(&mut self, offset: usize, value: u16) {
        self.0.write16(offset, value);
    }
    fn write32(&mut self, offset: usize, value: u32) {
        self.0.write32(offset, value);
    }
    fn write64(&mut self, offset: usize, value: u64) {
        self.0.write64(offset, value);
    }
    fn bytes(&mut self, offset: usize, len: usize) -> Option<&[u8]> {
        self.0.bytes(offset, len)
    }
    fn bytes_mut(&mut self, offset: usize, len: usize) -> Option<&mut [u8]> {
        self.0.bytes_mut(offset, len)
    }
    fn fence(&mut self) {
        self.0.fence();
    }
}

impl Platform for Machine {
    fn map(&self, region: Region) -> Option<Box<dyn Registers>> {
        self.fake.map(region)
    }
    fn dma(&self, len: usize) -> Option<Box<dyn DmaMemory>> {
        let memory = self.fake.dma(len).filter(|_| self.memory)?;
        match self.lends {
            Lends::Far => Some(Box::new(FarDma(memory))),
            _ => Some(memory),
        }
    }
    fn streaming(&self) -> Rc<dyn StreamingDma> {
        Rc::new(Lender(self.fake.memory.clone(), self.lends))
    }
    fn clock(&self) -> Rc<dyn Clock> {
        self.fake.clock()
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
        let cell = Rc::new(RefCell::new(Option::<Model>::None));
        let mapped = Rc::clone(&cell);
        let fake = FakePlatform::new(move |_| Some(Box::new(mapped.borrow().clone()?)));
        let clock = Rc::clone(&fake.clock);
        let model = Model::new(fake.memory.clone(), Rc::clone(&clock), self.card);
        {
            let mut state = model.0.borrow_mut();
            state.words[reg::CAPABILITIES / 4] = self.capabilities;
            state.words[reg::VERSION / 4] = self.version << 16;
            state.offset = if self.lends == Lends::Far { FAR } else { 0 };
        }
        change(&model);
        *cell.borrow_mut() = Some(model.clone());
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

#[test]
fn every_card_is_found_and_keeps_what_it_is_given() {
    for lends in [Lends::All, Lends::Nothing, Lends::Odd] {
        for capabilities in [CAPABILITIES, CAPABILITIES & !capability::ADMA2, WORDS_ONLY] {
            for card in all_cards() {
                let (kind, count) = (card.kind, card.blocks);
                let setup = Setup {
                    lends,
                    capabilities,
                    ..Setup::new(card)
                };
                let (model, mut slot, _) = setup.scanned();
                assert_eq!(slot.medium().unwrap().blocks, count, "{kind:?}");
                assert_eq!(read(&mut slot, 3, 1).unwrap(), pattern(3, 1), "{kind:?} {lends:?}");
                assert_eq!(read(&mut slot, count - 5, 5).unwrap(), pattern(count - 5, 5));
                let new: Vec<u8> = (0..7 * 512u32).map(|at| (at * 5) as u8).collect();
                slot.write(BlockIdx(100), &new, &mut || ()).unwrap();
                slot.write(BlockIdx(200), &new[..512], &mut || ()).unwrap();
                let state = model.0.borrow();
                let card = state.card.as_ref().unwrap();
                let stored: Vec<u8> = (100..107).flat_map(|block| card.block(block)).collect();
                assert_eq!(stored, new, "{kind:?} {lends:?} {capabilities:#x}");
                assert_eq!(card.block(99), Card::pattern(99));
                assert_eq!(card.block(107), Card::pattern(107));
                assert_eq!(card.block(200), new[..512]);
                assert_eq!(card.block(201), Card::pattern(201));
            }
        }
    }
}

#[test]
fn transfers_of_many_blocks_take_few_commands() {
    let cases = [
        (CAPABILITIES, Lends::All, 3, control::ADMA2_32),
        (CAPABILITIES & !capability::ADMA2, Lends::All, 3, 0),
        (CAPABILITIES, Lends::Nothing, 36, control::ADMA2_32),
        (CAPABILITIES & !capability::ADMA2, Lends::Nothing, 36, 0),
        (WORDS_ONLY, Lends::All, 3, u32::MAX),
    ];
    for (capabilities, lends, commands, select) in cases {
        let setup = Setup {
            capabilities,
            lends,
            ..Setup::new(sdhc())
        };
        let (model, mut slot, _) = setup.scanned();
        assert!(read(&mut slot, 1000, MANY).unwrap() == pattern(1000, MANY));
        let seen = model.take_commands();
        assert_eq!(seen.len(), commands, "{capabilities:#x} {lends:?} {seen:?}");
        assert_eq!(seen.iter().map(|(_, blocks)| blocks).sum::<usize>(), MANY);
        assert!(
            seen.iter().all(|(index, _)| *index == 18),
            "the controller stops by itself"
        );
        let selects = core::mem::take(&mut model.0.borrow_mut().dma_selects);
        assert!(selects.iter().all(|used| *used == select));
        let new: Vec<u8> = (0..MANY * 512).map(|at| (at / 512 + at) as u8).collect();
        slot.write(BlockIdx(7), &new, &mut || ()).unwrap();
        let state = model.0.borrow();
        let card = state.card.as_ref().unwrap();
        let stored: Vec<u8> = (7..7 + MANY as u64).flat_map(|block| card.block(block)).collect();
        assert!(stored == new);
    }
}

#[test]
fn addresses_beyond_4_gib() {
    let wide = CAPABILITIES | capability::WIDE_ADDRESSES;
    for (capabilities, selects) in [(wide, vec![control::ADMA2_64]), (CAPABILITIES, vec![])] {
        let setup = Setup {
            capabilities,
            lends: Lends::Far,
            ..Setup::new(sdhc())
        };
        let (model, mut slot, _) = setup.scanned();
        assert_eq!(read(&mut slot, 5, 600).unwrap(), pattern(5, 600));
        slot.write(BlockIdx(5), &[9; 1024], &mut || ()).unwrap();
        let mut used = core::mem::take(&mut model.0.borrow_mut().dma_selects);
        used.dedup();
        assert_eq!(used, selects, "what cannot be reached goes word by word");
        assert_eq!(model.0.borrow().card.as_ref().unwrap().block(6), [9; 512]);
    }
    let setup = Setup {
        capabilities: wide,
        ..Setup::new(sdhc())
    };
    let (model, mut slot, _) = setup.scanned();
    assert!(read(&mut slot, 5, 2).is_ok());
    assert_eq!(
        model.0.borrow().dma_selects,
        [control::ADMA2_32],
        "short ones where they do"
    );
}

#[test]
fn a_machine_without_memory_to_share_moves_words() {
    let setup = Setup {
        memory: false,
        ..Setup::new(sdhc())
    };
    let (model, mut slot, _) = setup.scanned();
    assert_eq!(read(&mut slot, 5, 30).unwrap(), pattern(5, 30));
    assert!(model.0.borrow().dma_selects.is_empty());
}

#[test]
fn what_cards_are_told_in_words() {
    let (_, slot, _) = Setup::new(sdhc()).scanned();
    let medium = slot.medium().unwrap();
    assert_eq!((slot.name(), slot.interface()), ("mmc@ff170000", BlockInterface::Mmc));
    assert_eq!(medium.vendor, "Man 000003 Snr 12345678");
    assert_eq!((medium.product.as_str(), medium.revision.as_str()), ("SU04G", "8.0"));
    assert!(!medium.read_only);
    let facts: Vec<_> = medium
        .facts
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let expected = [
        ("Manufacturer ID", "3"),
        ("OEM", "5344"),
        ("Name", "SU04G"),
        ("Bus Speed", "50000000"),
        ("Mode", "SD High Speed (50MHz)"),
        ("Rd Block Len", "512"),
        ("SD version", "3.0"),
        ("High Capacity", "Yes"),
        ("Bus Width", "4-bit"),
        ("Erase Group Size", "512 Bytes"),
    ];
    assert_eq!(facts, expected);
    let setup = Setup {
        slot: MmcSlot {
            bus_width: Some(8),
            non_removable: true,
            ..MmcSlot::default()
        },
        capabilities: CAPABILITIES | capability::EIGHT_LINES,
        ..Setup::new(Card::new(Kind::Emmc, 8 << 21))
    };
    let (_, slot, _) = setup.scanned();
    let facts = &slot.medium().unwrap().facts;
    let facts: Vec<_> = facts.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let expected = [
        ("Manufacturer ID", "15"),
        ("OEM", "100"),
        ("Name", "AJNB4R"),
        ("Bus Speed", "52000000"),
        ("Mode", "MMC High Speed (52MHz)"),
        ("Rd Block Len", "512"),
        ("MMC version", "5.1"),
        ("High Capacity", "Yes"),
        ("Bus Width", "8-bit"),
        ("Erase Group Size", "512 KiB"),
    ];
    assert_eq!(facts, expected);
    let (_, slot, _) = Setup::new(Card::new(Kind::SdOld, 64 << 11)).scanned();
    assert_eq!(fact(&slot, "SD version"), "1.0");
    assert_eq!(fact(&slot, "Mode"), "MMC legacy");
    assert_eq!(fact(&slot, "High Capacity"), "No");
    let (_, slot, _) = Setup::new(Card::new(Kind::MmcOld, 32 << 11)).scanned();
    assert_eq!(fact(&slot, "MMC version"), "3.0");
    assert_eq!(fact(&slot, "Rd Block Len"), "1024");
    assert_eq!(fact(&slot, "Erase Group Size"), "16 KiB");
}

#[test]
fn the_bus_is_the_best_that_both_sides_and_the_board_have() {
    let with = |capabilities, slot| Setup {
        capabilities,
        slot,
        ..Setup::new(sdhc())
    };
    let slow = CAPABILITIES & !capability::HIGH_SPEED;
    let (_, slot, _) = with(slow, MmcSlot::default()).scanned();
    assert_eq!(
        (fact(&slot, "Bus Speed"), fact(&slot, "Mode")),
        ("25000000".into(), "MMC legacy".into())
    );
    let told = |bus_width, max_frequency| MmcSlot {
        bus_width,
        max_frequency,
        ..MmcSlot::default()
    };
    let (_, slot, _) = with(CAPABILITIES, told(Some(1), Some(40_000_000))).scanned();
    assert_eq!(
        (fact(&slot, "Bus Speed"), fact(&slot, "Bus Width")),
        ("40000000".into(), "1-bit".into())
    );
    let (_, slot, _) = with(CAPABILITIES, told(Some(4), Some(1_000_000))).scanned();
    assert_eq!(
        (fact(&slot, "Bus Speed"), fact(&slot, "Mode")),
        ("1000000".into(), "MMC legacy".into())
    );
    let mut card = sdhc();
    card.has_high_speed = false;
    let (_, slot, _) = Setup::new(card).scanned();
    assert_eq!(fact(&slot, "Mode"), "MMC legacy");
    let mut card = sdhc();
    card.scr[1] = 1;
    let (_, slot, _) = Setup::new(card).scanned();
    assert_eq!(fact(&slot, "Bus Width"), "1-bit");
}

#[test]
fn an_emmc_is_not_driven_over_lines_that_the_board_does_not_have() {
    let boards = [(8, "8-bit"), (4, "4-bit"), (1, "1-bit")];
    for ((lines, expected), zeros) in boards.into_iter().flat_map(|board| [(board, false), (board, true)]) {
        let mut card = Card::new(Kind::Emmc, 8 << 21);
        (card.lines, card.zeros) = (lines, zeros);
        let setup = Setup {
            capabilities: CAPABILITIES | capability::EIGHT_LINES,
            slot: MmcSlot {
                bus_width: Some(8),
                ..MmcSlot::default()
            },
            ..Setup::new(card)
        };
        let (_, mut slot, _) = setup.scanned();
        assert_eq!(fact(&slot, "Bus Width"), expected);
        assert_eq!(read(&mut slot, 9, 9).unwrap(), pattern(9, 9));
    }
    let mut card = Card::new(Kind::Emmc, 8 << 21);
    card.has_high_speed = false;
    let (_, slot, _) = Setup::new(card).scanned();
    assert_eq!(fact(&slot, "Bus Speed"), "26000000", "a switch that the card refuses");
}

#[test]
fn the_clock_is_never_faster_than_asked_for() {
    // The model fails the test where it is.
    for version in [0, 1, 2, 3, 5] {
        for megahertz in [1, 13, 25, 26, 48, 50, 51, 52, 63, 100, 200, 255] {
            if version < 2 && megahertz > 63 {
                continue;
            }
            let setup = Setup {
                version,
                capabilities: CAPABILITIES & !0xff00 | megahertz << 8,
                ..Setup::new(sdhc())
            };
            let (_, slot, _) = setup.try_open(|model| model.0.borrow_mut().base = u64::from(megahertz));
            slot.unwrap().rescan(&mut || ()).unwrap();
        }
    }
}

#[test]
fn a_clock_that_nobody_knows() {
    let unknown = CAPABILITIES & !0xff00;
    let open = |capabilities, quirks, base| {
        let setup = Setup {
            capabilities,
            quirks,
            ..Setup::new(sdhc())
        };
        let (_, slot, _) = setup.try_open(|model| model.0.borrow_mut().base = base);
        slot.unwrap().rescan(&mut || ()).unwrap();
    };
    open(unknown, Quirks::NONE, 200);
    open(CAPABILITIES, quirks("brcm,bcm2835-sdhci").unwrap(), 250);
    open(unknown, quirks("brcm,bcm2711-emmc2").unwrap(), 200);
    open(CAPABILITIES, quirks("brcm,bcm2711-emmc2").unwrap(), 200);
}

#[test]
fn controllers_of_the_raspberry_pi() {
    for name in ["brcm,bcm2835-sdhci", "brcm,bcm2711-emmc2"] {
        let setup = Setup {
            quirks: quirks(name).unwrap(),
            ..Setup::new(sdhc())
        };
        let (model, slot, clock) = setup.try_open(|model| model.0.borrow_mut().slow_writes = true);
        let mut slot = slot.unwrap();
        slot.rescan(&mut || ()).unwrap();
        assert_eq!(read(&mut slot, 1, 40).unwrap(), pattern(1, 40));
        assert!(
            model.0.borrow().dma_selects.is_empty(),
            "RAM has other addresses on their bus"
        );
        let before = clock.now();
        slot.write(BlockIdx(1), &[0; 40 * 512], &mut || ()).unwrap();
        assert!(clock.now().since(before).as_millis() < 1000, "no pause at a fast clock");
    }
}

#[test]
fn an_empty_slot_has_no_medium() {
    let (model, mut slot, clock) = Setup::empty().open();
    assert!(clock.now().micros() < 10_000, "a start does not wait for a card");
    assert_eq!(slot.medium(), None);
    assert_eq!(fault(slot.rescan(&mut || ())), BlockFault::NoMedium);
    assert!(model.take_commands().is_empty());
    assert_eq!(fault(read(&mut slot, 0, 1)), BlockFault::NoMedium);
    assert_eq!(
        fault(slot.write(BlockIdx(0), &[0; 512], &mut || ())),
        BlockFault::NoMedium
    );
    model.insert(sdhc());
    slot.rescan(&mut || ()).unwrap();
    assert_eq!(read(&mut slot, 0, 1).unwrap(), pattern(0, 1));
}

#[test]
fn a_slot_without_a_detector_is_asked() {
    for slot in [
        MmcSlot {
            broken_cd: true,
            ..MmcSlot::default()
        },
        MmcSlot {
            non_removable: true,
            ..MmcSlot::default()
        },
    ] {
        let setup = Setup { slot, ..Setup::empty() };
        let (model, mut device, clock) = setup.open();
        let before = clock.now();
        assert_eq!(fault(device.rescan(&mut || ())), BlockFault::NoMedium);
        assert!(clock.now().since(before).as_millis() < 3000);
        assert!(!model.take_commands().is_empty());
    }
    let slot = MmcSlot {
        cd_inverted: true,
        ..MmcSlot::default()
    };
    let (_, mut device, _) = Setup {
        slot,
        ..Setup::new(sdhc())
    }
    .open();
    assert_eq!(fault(device.rescan(&mut || ())), BlockFault::NoMedium);
}

#[test]
fn a_detector_that_bounces_is_waited_for() {
    let (model, mut slot, _) = Setup::new(sdhc()).open();
    model.0.borrow_mut().bouncing = 100;
    slot.rescan(&mut || ()).unwrap();
    model.0.borrow_mut().debounce = 500;
    slot.rescan(&mut || ()).unwrap();
    assert!(read(&mut slot, 0, 9).is_ok());
    model.0.borrow_mut().debounce = u32::MAX;
    assert_eq!(
        fault(slot.rescan(&mut || ())),
        BlockFault::NoMedium,
        "it never comes to rest"
    );
}

#[test]
fn a_card_that_is_taken_out() {
    let (model, mut slot, _) = Setup::new(sdhc()).scanned();
    let card = model.remove().unwrap();
    assert_eq!(fault(read(&mut slot, 0, 1)), BlockFault::NoMedium);
    assert_eq!(slot.medium(), None);
    model.insert(card);
    assert_eq!(fault(read(&mut slot, 0, 1)), BlockFault::NoMedium, "nobody has looked");
    slot.rescan(&mut || ()).unwrap();
    assert!(read(&mut slot, 0, 1).is_ok());
    model.remove();
    model.insert(Card::new(Kind::Sdsc, 64 << 11));
    assert_eq!(fault(read(&mut slot, 0, 1)), BlockFault::NoMedium, "another card");
    slot.rescan(&mut || ()).unwrap();
    assert_eq!(slot.medium().unwrap().blocks, 64 << 11);
    model.fail(18, &[CardFault::Removed]);
    assert_eq!(
        fault(read(&mut slot, 0, 9)),
        BlockFault::NoMedium,
        "in the midst of a command"
    );
    assert_eq!(slot.medium(), None);
}

#[test]
fn a_card_that_is_taken_out_while_it_is_identified() {
    for command in [0, 8, 55, 141, 2, 3, 9, 7, 151, 106, 6] {
        let mut card = sdhc();
        card.fail(command, &[CardFault::Removed]);
        let (_, mut slot, _) = Setup::new(card).open();
        let found = fault(slot.rescan(&mut || ()));
        assert_eq!(found, BlockFault::NoMedium, "CMD{command}");
    }
}

#[test]
fn damage_that_passes_is_not_seen() {
    for capabilities in [CAPABILITIES, CAPABILITIES & !capability::ADMA2, WORDS_ONLY] {
        for faults in [
            &[CardFault::DamagedData(2)][..],
            &[CardFault::NoData(0), CardFault::DamagedData(8)],
            &[CardFault::DamagedAnswer, CardFault::Silent, CardFault::DamagedData(0)],
        ] {
            for card in all_cards() {
                let setup = Setup {
                    capabilities,
                    ..Setup::new(card)
                };
                let (model, mut slot, _) = setup.scanned();
                model.fail(18, faults);
                assert_eq!(read(&mut slot, 20, 9).unwrap(), pattern(20, 9), "{faults:?}");
                model.fail(25, faults);
                let new: Vec<u8> = (0..9 * 512u32).map(|at| (at * 3 + at / 512) as u8).collect();
                slot.write(BlockIdx(30), &new, &mut || ()).unwrap();
                assert_eq!(read(&mut slot, 30, 9).unwrap(), new);
                model.fail(17, &[CardFault::DamagedData(0)]);
                assert_eq!(read(&mut slot, 7, 1).unwrap(), pattern(7, 1));
            }
        }
    }
}

#[test]
fn damage_that_stays_is_told() {
    let cases = [
        (CardFault::DamagedData(3), BlockFault::Crc),
        (CardFault::DamagedAnswer, BlockFault::Crc),
        (CardFault::NoData(1), BlockFault::Timeout(18)),
        (CardFault::Silent, BlockFault::Timeout(18)),
    ];
    for (bad, expected) in cases {
        let (model, mut slot, clock) = Setup::new(sdhc()).scanned();
        model.fail(18, &[bad; 4]);
        let before = clock.now();
        let error = read(&mut slot, 20, 9).unwrap_err();
        assert_eq!((error.fault, error.block), (expected, Some(BlockIdx(20))));
        assert!(clock.now().since(before).as_millis() < 200);
        let tries = model.take_commands().iter().filter(|(index, _)| *index == 18).count();
        assert_eq!(tries, 4);
        assert_eq!(read(&mut slot, 20, 9).unwrap(), pattern(20, 9), "and then it goes on");
    }
}

#[test]
fn an_error_names_the_block_of_its_command() {
    let (model, mut slot, _) = Setup::new(sdhc()).scanned();
    model.fail(18, &[CardFault::None, CardFault::Status(1 << 21)]);
    let error = read(&mut slot, 100, MANY).unwrap_err();
    assert_eq!(
        error.to_string(),
        "mmc@ff170000, block 2148: the device failed, with status 0x200000"
    );
}

#[test]
fn errors_of_the_card_are_not_asked_for_again() {
    let (model, mut slot, _) = Setup::new(sdhc()).scanned();
    model.fail(17, &[CardFault::Status(1 << 21)]);
    assert_eq!(fault(read(&mut slot, 0, 1)), BlockFault::Device(1 << 21));
    model.fail(24, &[CardFault::Status(1 << 26)]);
    let written = slot.write(BlockIdx(0), &[1; 512], &mut || ());
    assert_eq!(fault(written), BlockFault::Device(1 << 26));
    assert!(read(&mut slot, 0, 1).is_ok());
    // The data went well, and the card could not store it.
    model.fail(13, &[CardFault::Status(1 << 19)]);
    let written = slot.write(BlockIdx(0), &[1; 512], &mut || ());
    assert_eq!(fault(written), BlockFault::Device(1 << 19));
}

#[test]
fn descriptors_that_the_controller_does_not_take() {
    let (model, mut slot, _) = Setup::new(sdhc()).scanned();
    model.fail(18, &[CardFault::Adma]);
    assert_eq!(fault(read(&mut slot, 0, 2)), BlockFault::Device(1 << 25 | 3));
    assert!(read(&mut slot, 0, 2).is_ok());
}

#[test]
fn nothing_waits_for_ever() {
    // What never ends, the command at which, and how long it may take until that is told.
    let cases = [
        (CardFault::Stuck, 18, 12_000),
        (CardFault::Stuck, 17, 12_000),
        (CardFault::Stuck, 24, 12_000),
        (CardFault::Busy, 24, 25_000),
        (CardFault::Busy, 25, 25_000),
        (CardFault::Stuck, 13, 2_000),
    ];
    for capabilities in [CAPABILITIES, CAPABILITIES & !capability::ADMA2, WORDS_ONLY] {
        for (bad, command, limit) in cases {
            let setup = Setup {
                capabilities,
                ..Setup::new(sdhc())
            };
            let (model, mut slot, clock) = setup.scanned();
            model.fail(command, &[bad]);
            let mut bytes = vec![0; if matches!(command, 18 | 25) { 1024 } else { 512 }];
            let before = clock.now();
            let mut turns = 0;
            let done = match command {
                17 | 18 => slot.read(BlockIdx(0), &mut bytes, &mut || turns += 1),
                _ => slot.write(BlockIdx(0), &bytes, &mut || turns += 1),
            };
            assert!(matches!(fault(done), BlockFault::Timeout(_)), "{bad:?} CMD{command}");
            let took = clock.now().since(before).as_millis();
            assert!(took < limit, "{bad:?} CMD{command}: {took} ms");
            assert!(turns > 100, "nothing is done meanwhile");
        }
    }
}

#[test]
fn identification_does_not_wait_for_ever() {
    for bad in [
        CardFault::Stuck,
        CardFault::Busy,
        CardFault::Silent,
        CardFault::DamagedAnswer,
    ] {
        for command in [0, 8, 55, 141, 2, 3, 9, 7, 151, 106, 6, 13] {
            for kind in [Kind::Sdhc, Kind::Emmc] {
                let mut card = Card::new(kind, 8 << 21);
                card.fail(command, &[bad; 3000]);
                let (_, mut slot, clock) = Setup::new(card).open();
                let before = clock.now();
                let _ = slot.rescan(&mut || ());
                let took = clock.now().since(before).as_millis();
                assert!(took < 20_000, "{bad:?} CMD{command}: {took} ms");
            }
        }
    }
}

#[test]
fn a_card_that_never_powers_up() {
    for kind in [Kind::Sdhc, Kind::Emmc] {
        let mut card = Card::new(kind, 8 << 21);
        card.power_up = u32::MAX;
        let (_, mut slot, clock) = Setup::new(card).open();
        let before = clock.now();
        let why = "it does not power up within a second";
        assert_eq!(fault(slot.rescan(&mut || ())), BlockFault::Unusable(why));
        assert!(clock.now().since(before).as_millis() < 3000);
    }
}

#[test]
fn cards_that_cannot_be_used() {
    let odd_csd = "its CSD register is of a structure that its kind of card does not have";
    let voltage = "it does not run at the voltage of the slot";
    type Case = (fn(&mut Card), &'static str);
    let cases: [Case; 7] = [
        (|card| set(&mut card.csd, 127, 126, 0), odd_csd),
        (|card| set(&mut card.csd, 127, 126, 3), odd_csd),
        (|card| card.csd = [0xff; 16], odd_csd),
        (|card| card.echo = 0x1ab, voltage),
        (|card| card.ocr = 0, voltage),
        (|card| card.locked = true, "it is locked with a password"),
        (
            |card| card.own_address = 0,
            "it takes the address 0, which selects no card",
        ),
    ];
    for (spoil, why) in cases {
        let mut card = sdhc();
        spoil(&mut card);
        let (_, mut slot, _) = Setup::new(card).open();
        assert_eq!(fault(slot.rescan(&mut || ())), BlockFault::Unusable(why));
        assert_eq!(slot.medium(), None);
    }
    let mut card = Card::new(Kind::Sdsc, 64 << 11);
    set(&mut card.csd, 83, 80, 0);
    let (_, mut slot, _) = Setup::new(card).open();
    let why = "its CSD register says that its blocks are none of 512, 1024 and 2048 bytes";
    assert_eq!(fault(slot.rescan(&mut || ())), BlockFault::Unusable(why));
    let mut card = Card::new(Kind::Emmc, 8 << 21);
    card.ext_csd[212..216].fill(0);
    let (_, mut slot, _) = Setup::new(card).open();
    let why = "neither its CSD nor its EXT_CSD says how large it is";
    assert_eq!(fault(slot.rescan(&mut || ())), BlockFault::Unusable(why));
}

#[test]
fn the_largest_cards() {
    // SDXC of 2 TiB: C_SIZE 0x3fffff.
    let mut card = Card::new(Kind::Sdhc, 1 << 32);
    card.fail(17, &[]);
    let (_, mut slot, _) = Setup::new(card).scanned();
    assert_eq!(slot.medium().unwrap().blocks, 1 << 32);
    let last = (1 << 32) - 1;
    assert_eq!(read(&mut slot, last, 1).unwrap(), pattern(last, 1));
    assert_eq!(fault(read(&mut slot, 1 << 32, 1)), BlockFault::OutOfRange(1 << 32));
    // SDUC: more blocks than a command's argument can name.
    let mut card = Card::new(Kind::Sdhc, 1 << 32);
    set(&mut card.csd, 127, 126, 2);
    set(&mut card.csd, 75, 48, 0xfff_ffff);
    let (_, mut slot, _) = Setup::new(card).open();
    let why = "it has more blocks than commands can name";
    assert_eq!(fault(slot.rescan(&mut || ())), BlockFault::Unusable(why));
    // 4 GiB is the most that a card that counts bytes can be, and 2 GiB the most that is sold.
    let mut card = Card::new(Kind::Sdsc, 4 << 21);
    set(&mut card.csd, 83, 80, 11);
    set(&mut card.csd, 73, 62, 0xfff);
    set(&mut card.csd, 49, 47, 7);
    let (_, mut slot, _) = Setup::new(card).scanned();
    let last = (4 << 21) - 1;
    assert_eq!(read(&mut slot, last, 1).unwrap(), pattern(last, 1));
}

#[test]
fn accesses_that_cannot_be() {
    let (model, mut slot, _) = Setup::new(sdhc()).scanned();
    let count = 8 << 21;
    for (first, blocks) in [(count, 1), (count - 1, 2), (u64::MAX, 1)] {
        assert_eq!(fault(read(&mut slot, first, blocks)), BlockFault::OutOfRange(count));
    }
    let odd = slot.write(BlockIdx(0), &[0; 100], &mut || ());
    assert_eq!(fault(odd), BlockFault::Length(100));
    assert_eq!(read(&mut slot, count, 0).unwrap(), []);
    assert!(model.take_commands().is_empty());
}

#[test]
fn the_write_protect_switch() {
    let protected = |slot, quirks| {
        let setup = Setup {
            slot,
            quirks,
            ..Setup::new(sdhc())
        };
        let (_, slot, _) = setup.try_open(|model| model.0.borrow_mut().write_protected = true);
        let mut slot = slot.unwrap();
        slot.rescan(&mut || ()).unwrap();
        let written = slot.write(BlockIdx(0), &[0; 512], &mut || ());
        assert_eq!(slot.medium().unwrap().read_only, written.is_err());
        written.is_err_and(|error| error.fault == BlockFault::ReadOnly)
    };
    let wired = MmcSlot::default();
    let disabled = MmcSlot {
        disable_wp: true,
        ..wired
    };
    let inverted = MmcSlot {
        wp_inverted: true,
        ..wired
    };
    assert!(protected(wired, Quirks::NONE));
    assert!(!protected(disabled, Quirks::NONE));
    assert!(!protected(inverted, Quirks::NONE));
    assert!(!protected(wired, quirks("brcm,bcm2711-emmc2").unwrap()));
}

#[test]
fn controllers_that_cannot_be_used() {
    let (_, slot, clock) = Setup::empty().try_open(|model| model.0.borrow_mut().stuck_resets = 1);
    assert_eq!(slot.err(), Some(SdhciError::NoReset(PhysAddr(BASE))));
    assert!(clock.now().micros() < 200_000);
    let (_, slot, _) = Setup::empty().try_open(|model| model.0.borrow_mut().words.fill(u32::MAX));
    assert_eq!(slot.err(), Some(SdhciError::Silent(PhysAddr(BASE))));
    let nowhere = FakePlatform::new(|_| None);
    let found = open_node(&node(MmcSlot::default()), Quirks::NONE, &nowhere);
    assert_eq!(found.err(), Some(SdhciError::Unmapped(PhysAddr(BASE))));
    let mut small = node(MmcSlot::default());
    small.reg = Vec::from([Region::new(PhysAddr(BASE), 0xff).unwrap()]);
    let found = open_node(&small, Quirks::NONE, &nowhere);
    assert_eq!(found.err(), Some(SdhciError::NoRegisters { expected: 0x100 }));
    let (_, mut slot, _) = {
        let (model, slot, clock) = Setup::new(sdhc()).try_open(|model| model.0.borrow_mut().unstable = true);
        (model, slot.unwrap(), clock)
    };
    let why = "the slot's clock does not become stable";
    assert_eq!(fault(slot.rescan(&mut || ())), BlockFault::Unusable(why));
}

#[test]
fn a_controller_that_does_not_let_go_is_stopped() {
    let (model, mut slot, _) = Setup::new(sdhc()).scanned();
    model.fail(18, &[CardFault::Stuck]);
    model.0.borrow_mut().stuck_resets = 1;
    assert_eq!(fault(read(&mut slot, 0, 2)), BlockFault::Timeout(18));
    assert_eq!(fault(read(&mut slot, 0, 2)), BlockFault::Stopped);
    assert_eq!(fault(slot.rescan(&mut || ())), BlockFault::Stopped);
}

#[test]
fn shutdown_stops_clock_and_power() {
    let (model, mut slot, _) = Setup::new(sdhc()).scanned();
    assert!(model.is_clock_on());
    slot.shutdown();
    assert!(!model.is_clock_on());
    assert_eq!(model.0.borrow().words[reg::CONTROL / 4], 0);
    assert_eq!(model.0.borrow().words[reg::STATUS_ENABLE / 4], 0);
    assert_eq!(slot.medium(), None);
    assert_eq!(fault(read(&mut slot, 0, 1)), BlockFault::Stopped);
    assert_eq!(fault(slot.rescan(&mut || ())), BlockFault::Stopped);
    let accesses = model.0.borrow().accesses;
    slot.shutdown();
    assert_eq!(model.0.borrow().accesses, accesses, "once");
}

#[test]
fn a_large_read_takes_few_register_accesses() {
    let (model, mut slot, _) = Setup::new(sdhc()).scanned();
    model.0.borrow_mut().accesses = 0;
    read(&mut slot, 0, 2048).unwrap();
    let accesses = model.0.borrow().accesses;
    assert!(accesses < 20, "{accesses} accesses for 1 MiB");
}

/// A controller that says anything at all, but for bits that a test pins so that it gets far.
struct Noise {
    state: Cell<u64>,
    /// Registers, and the bits that are always set and always clear in them.
    pinned: &'static [(usize, u32, u32)],
}

impl Registers for Noise {
    fn read8(&self, _offset: usize) -> u8 {
        panic!("8 bits")
    }
    fn read16(&self, _offset: usize) -> u16 {
        panic!("16 bits")
    }
    fn read32(&self, offset: usize) -> u32 {
        // Knuth's linear congruential generator.
        let next = self
            .state
            .get()
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.state.set(next);
        let word = (next >> 32) as u32;
        let pin = self.pinned.iter().find(|(register, ..)| *register == offset);
        pin.map_or(word, |(_, set, clear)| (word | set) & !clear)
    }
    fn write8(&self, _offset: usize, _value: u8) {
        panic!("8 bits")
    }
    fn write16(&self, _offset: usize, _value: u16) {
        panic!("16 bits")
    }
    fn write32(&self, _offset: usize, _value: u32) {}
}

#[test]
fn whatever_a_controller_says_it_ends_in_time() {
    const ERRORS: u32 = 0xffff_8088;
    const PINS: [&[(usize, u32, u32)]; 3] = [
        &[],
        // Comes out of its resets, has a card, is never busy.
        &[(reg::CLOCK, 2, 0x0700_0000), (reg::PRESENT, 0x000b_0000, 3)],
        // And every command and all data go well, with any answer.
        &[
            (reg::CLOCK, 2, 0x0700_0000),
            (reg::PRESENT, 0x000b_0000, 3),
            (reg::STATUS, 0x33, ERRORS),
        ],
    ];
    for (pins, seed) in PINS.iter().flat_map(|pins| (0..100).map(move |seed| (pins, seed))) {
        let platform = FakePlatform::new(move |_| {
            Some(Box::new(Noise {
                state: Cell::new(seed),
                pinned: pins,
            }))
        });
        let Ok(mut slot) = open_node(&node(MmcSlot::default()), Quirks::NONE, &platform) else {
            continue;
        };
        let before = platform.clock.now();
        if slot.rescan(&mut || ()).is_ok() {
            let _ = read(&mut slot, 0, 9);
            let _ = slot.write(BlockIdx(0), &[0; 1024], &mut || ());
        }
        slot.shutdown();
        let took = platform.clock.now().since(before).as_secs();
        assert!(took < 120, "{seed}: {took} s");
    }
}

#[test]
fn any_registers_of_a_card_are_survived() {
    let mut seed = 1u64;
    let mut random = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 56) as u8
    };
    for round in 0..400 {
        for mut card in all_cards() {
            card.cid = [(); 16].map(|()| random());
            card.scr = [(); 8].map(|()| random());
            if round % 2 == 0 {
                card.csd = [(); 16].map(|()| random());
                // One that says it is newer may be driven faster than the model lets it.
                if card.kind == Kind::MmcOld {
                    set(&mut card.csd, 125, 122, 3);
                }
            }
            card.ext_csd.iter_mut().for_each(|byte| *byte = random());
            let (_, mut slot, _) = Setup::new(card).open();
            if slot.rescan(&mut || ()).is_ok() {
                let medium = slot.medium().unwrap();
                let texts = medium
                    .facts
                    .iter()
                    .map(|(_, value)| value)
                    .chain([&medium.product, &medium.vendor]);
                assert!(
                    texts
                        .flat_map(|text| text.chars())
                        .all(|c| c.is_ascii_graphic() || c == ' ')
                );
                assert!((1..=1 << 32).contains(&medium.blocks));
            }
        }
    }
}

#[test]
fn kinds_of_controllers_are_sorted() {
    assert!(COMPATIBLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(quirks("arasan,sdhci-8.9a"), Some(Quirks::NONE));
    assert_eq!(quirks("fsl,imx8mp-usdhc"), None, "another register set");
}
