//! NXP's uSDHC.

use super::super::Sdhci;
use super::*;
use crate::mmc::host::Data;
use crate::mmc::model::usdhc::Usdhc;

const NAMES: [&str; 3] = ["fsl,imx7d-usdhc", "fsl,imx8mm-usdhc", "fsl,imx8mp-usdhc"];

/// A controller whose clock has `megahertz`, with memory for descriptors or without, and a slot that was not looked into.
fn open(card: Option<Card>, (megahertz, memory): (u64, bool), slot: MmcSlot) -> (Usdhc, Slot, Rc<ManualClock>) {
    let (fake, model) = FakePlatform::around(BusMemory::default(), |memory, clock| {
        Usdhc::new(Model::new(memory, clock, card), megahertz)
    });
    let clock = Rc::clone(&fake.clock);
    let machine = Machine {
        fake,
        lends: Lends::All,
        memory,
    };
    let slot = open_node(&node(slot), quirks(NAMES[2]).unwrap(), &machine).unwrap();
    (model, slot, clock)
}

fn scanned(card: Card, memory: bool) -> (Usdhc, Slot) {
    let (model, mut slot, _) = open(Some(card), (400, memory), MmcSlot::default());
    slot.rescan(&mut || ()).unwrap();
    (model, slot)
}

#[test]
fn they_are_known_by_the_names_of_kernel_trees() {
    for name in NAMES {
        assert_eq!(quirks(name), quirks(NAMES[0]), "{name}");
        assert!(quirks(name).is_some(), "{name}");
    }
}

/// By ADMA2 where there is memory for descriptors, and word by word where there is none.
#[test]
fn every_card_is_found_and_keeps_what_it_is_given() {
    for memory in [true, false] {
        for card in all_cards() {
            let (kind, count) = (card.kind, card.blocks);
            let (model, mut slot) = scanned(card, memory);
            assert_eq!(slot.medium().unwrap().blocks, count, "{kind:?}");
            assert_eq!(read(&mut slot, 3, 1).unwrap(), pattern(3, 1), "{kind:?} {memory}");
            assert_eq!(read(&mut slot, 700, MANY).unwrap(), pattern(700, MANY), "{kind:?}");
            let new: Vec<u8> = (0..7 * 512u32).map(|at| (at * 5) as u8).collect();
            slot.write(BlockIdx(100), &new, &mut || ()).unwrap();
            slot.write(BlockIdx(200), &new[..512], &mut || ()).unwrap();
            let state = model.inner.0.borrow();
            let card = state.card.as_ref().unwrap();
            let stored: Vec<u8> = (99..108).flat_map(|block| card.block(block)).collect();
            let expected = [Card::pattern(99).to_vec(), new.clone(), Card::pattern(107).to_vec()].concat();
            assert_eq!(stored, expected, "{kind:?} {memory}");
            assert_eq!(card.block(200), new[..512]);
            assert_eq!(state.dma_selects.is_empty(), !memory);
        }
    }
}

/// The model fails the test where it is; a root that runs slower than is taken for granted only makes it slower.
#[test]
fn the_clock_is_never_faster_than_asked_for() {
    for megahertz in [24, 100, 200, 266, 400] {
        let (model, mut slot, _) = open(Some(sdhc()), (megahertz, true), MmcSlot::default());
        slot.rescan(&mut || ()).unwrap();
        assert_eq!(read(&mut slot, 0, 9).unwrap(), pattern(0, 9));
        assert_eq!(model.divider(), 8, "50 MHz of 400");
    }
    let slow = MmcSlot {
        max_frequency: Some(1_000_000),
        ..MmcSlot::default()
    };
    let (model, mut slot, _) = open(Some(sdhc()), (400, true), slow);
    slot.rescan(&mut || ()).unwrap();
    assert_eq!(model.divider(), 416, "a divisor of 13 behind a prescaler of 32");
}

/// Eight lines for the eMMC, whatever the standard's bit for them says, which here is part of a size.
#[test]
fn an_emmc_on_eight_lines() {
    let emmc = MmcSlot {
        bus_width: Some(8),
        non_removable: true,
        ..MmcSlot::default()
    };
    let (_, mut slot, _) = open(Some(Card::new(Kind::Emmc, 8 << 21)), (400, true), emmc);
    slot.rescan(&mut || ()).unwrap();
    assert_eq!(fact(&slot, "Bus Width"), "8-bit");
    assert_eq!(fact(&slot, "Mode"), "MMC High Speed (52MHz)");
    assert_eq!(read(&mut slot, 9, 9).unwrap(), pattern(9, 9));
}

/// No detector and no switch: a slot is asked, and a card can be written.
#[test]
fn an_empty_slot_costs_a_moment() {
    let (_, mut slot, clock) = open(None, (400, true), MmcSlot::default());
    let before = clock.now();
    assert_eq!(fault(slot.rescan(&mut || ())), BlockFault::NoMedium);
    assert!(clock.now().since(before).as_millis() < 3000);
    let (_, slot) = scanned(sdhc(), true);
    assert!(!slot.medium().unwrap().read_only);
}

#[test]
fn faults_are_told_from_each_other() {
    let cases = [
        (CardFault::DamagedData(2), 4, BlockFault::Crc),
        (CardFault::NoData(1), 4, BlockFault::Timeout(18)),
        // ADMA's error has another bit than the standard's, and 3 is what its register says.
        (CardFault::Adma, 1, BlockFault::Device(3 | 1 << 25)),
        (CardFault::DamagedAnswer, 4, BlockFault::Crc),
    ];
    for (cause, tries, expected) in cases {
        let (model, mut slot) = scanned(sdhc(), true);
        model.inner.fail(18, &[cause; 4][..tries]);
        assert_eq!(fault(read(&mut slot, 5, 9)), expected, "{cause:?}");
        assert_eq!(read(&mut slot, 5, 9).unwrap(), pattern(5, 9), "{cause:?}");
    }
}

/// CMD7 is answered at once, and the card is busy after it.
#[test]
fn a_card_that_stays_busy_is_given_up() {
    let (model, mut slot, clock) = open(Some(sdhc()), (400, true), MmcSlot::default());
    model.inner.0.borrow_mut().quiet_busy = Some(u32::MAX);
    let before = clock.now();
    assert_eq!(fault(slot.rescan(&mut || ())), BlockFault::Timeout(7));
    assert!(clock.now().since(before).as_millis() < 10_000);
    let last = model.inner.take_commands().last().copied();
    assert_eq!(last, Some((7, 0)), "nothing is asked of a busy card");
}

/// With descriptors selected the controller would fetch some, for words too.
#[test]
fn words_after_descriptors() {
    let (fake, model) = FakePlatform::around(BusMemory::default(), |memory, clock| {
        Usdhc::new(Model::new(memory, clock, Some(sdhc())), 400)
    });
    let node = node(MmcSlot::default());
    let mut host = Sdhci::open(node.reg[0], &node, quirks(NAMES[2]).unwrap(), &fake).unwrap();
    host.prepare(&Data::Fill(PhysAddr(0x1000), 512)).unwrap();
    assert_eq!(model.protocol() >> 8 & 3, 2);
    host.prepare(&Data::Read(&mut [0; 8])).unwrap();
    assert_eq!(model.protocol() >> 8 & 3, 0);
}

#[test]
fn a_controller_without_a_clock_says_so() {
    let (model, mut slot, _) = open(Some(sdhc()), (400, true), MmcSlot::default());
    model.unstable.set(true);
    let why = "the slot's clock does not become stable";
    assert_eq!(fault(slot.rescan(&mut || ())), BlockFault::Unusable(why));
    model.unstable.set(false);
    model.asleep.set(true);
    let why = "the slot's controller sends the card no clock";
    assert_eq!(fault(slot.rescan(&mut || ())), BlockFault::Unusable(why));
}

#[test]
fn shutdown_lets_the_clock_stop_and_keeps_the_levels() {
    let (model, mut slot) = scanned(sdhc(), true);
    slot.shutdown();
    assert_eq!(model.vendor() & 0x102, 2);
    assert_eq!(fault(read(&mut slot, 0, 1)), BlockFault::Stopped);
}
