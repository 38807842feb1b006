//! What fails, how often it is tried again, and that nothing waits for ever.

use super::super::registers::clock;
use super::*;

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
fn a_controller_that_does_not_let_go_is_stopped() {
    let (model, mut slot, _) = Setup::new(sdhc()).scanned();
    model.fail(18, &[CardFault::Stuck]);
    model.0.borrow_mut().stuck_resets = u32::MAX;
    assert_eq!(fault(read(&mut slot, 0, 2)), BlockFault::Timeout(18));
    assert_eq!(fault(read(&mut slot, 0, 2)), BlockFault::NoMedium);
    assert_eq!(fault(slot.rescan(&mut || ())), BlockFault::Stopped);
}

/// What a reset of one part does not end, one of the whole controller does. The card has to be told everything anew then.
#[test]
fn a_part_that_does_not_let_go_takes_the_whole_controller() {
    for part in [clock::RESET_COMMAND, clock::RESET_DATA] {
        let (model, mut slot, _) = Setup::new(sdhc()).scanned();
        model.fail(18, &[CardFault::Stuck]);
        model.0.borrow_mut().stuck_resets = part;
        assert_eq!(fault(read(&mut slot, 0, 2)), BlockFault::Timeout(18));
        assert!(slot.medium().is_none(), "the card was reset with its controller");
        slot.rescan(&mut || ()).unwrap();
        assert_eq!(read(&mut slot, 0, 2).unwrap(), pattern(0, 2));
    }
}
