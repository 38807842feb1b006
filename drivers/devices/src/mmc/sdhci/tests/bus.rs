//! Controllers, their clocks and buses, and what cards are told over them.

use super::*;
use crate::registers::RegistersError;

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

/// Traces that are too long, or delays of the controller's that nobody has set: as U-Boot does, the loader goes on at the speed before.
#[test]
fn lines_that_do_not_bear_high_speed_are_driven_as_before() {
    // What 52 MHz are divided to: 13 and 26 MHz for an SD card, 26 and 52 MHz for an eMMC.
    let boards = [
        (sdhc(), 20_000_000, "25000000"),
        (Card::new(Kind::Emmc, 8 << 21), 30_000_000, "26000000"),
    ];
    for (card, bearable, expected) in boards {
        let (model, mut slot, _) = Setup::new(card).open();
        model.0.borrow_mut().bearable_hertz = Some(bearable);
        slot.rescan(&mut || ()).unwrap();
        assert_eq!(
            (fact(&slot, "Bus Speed"), fact(&slot, "Mode"), fact(&slot, "Bus Width")),
            (expected.into(), "MMC legacy".into(), "4-bit".into())
        );
        assert_eq!(read(&mut slot, 5, 20).unwrap(), pattern(5, 20));
    }
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
fn controllers_that_cannot_be_used() {
    let (_, slot, clock) = Setup::empty().try_open(|model| model.0.borrow_mut().stuck_resets = u32::MAX);
    assert_eq!(slot.err(), Some(SdhciError::NoReset(PhysAddr(BASE))));
    assert!(clock.now().micros() < 200_000);
    let (_, slot, _) = Setup::empty().try_open(|model| model.0.borrow_mut().words.fill(u32::MAX));
    assert_eq!(slot.err(), Some(SdhciError::Silent(PhysAddr(BASE))));
    let nowhere = FakePlatform::new(|_| None);
    let found = open_node(&node(MmcSlot::default()), Quirks::NONE, &nowhere);
    assert_eq!(found.err(), Some(RegistersError::Unmapped(PhysAddr(BASE)).into()));
    let mut small = node(MmcSlot::default());
    small.reg = Vec::from([Region::new(PhysAddr(BASE), 0xff).unwrap()]);
    let found = open_node(&small, Quirks::NONE, &nowhere);
    assert_eq!(found.err(), Some(RegistersError::Missing { expected: 0x100 }.into()));
    let (_, mut slot, _) = {
        let (model, slot, clock) = Setup::new(sdhc()).try_open(|model| model.0.borrow_mut().unstable = true);
        (model, slot.unwrap(), clock)
    };
    let why = "the slot's clock does not become stable";
    assert_eq!(fault(slot.rescan(&mut || ())), BlockFault::Unusable(why));
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
fn kinds_of_controllers_are_sorted() {
    assert!(COMPATIBLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(quirks("arasan,sdhci-8.9a"), Some(Quirks::NONE));
    assert_eq!(quirks("fsl,imx51-esdhc"), None, "yet another register set");
}
