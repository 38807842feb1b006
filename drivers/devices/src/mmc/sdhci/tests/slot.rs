//! Cards that are not there, come and go, or are protected.

use super::*;

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

/// Nobody tells that it was taken out: it does not answer any more, and what is there next is not taken for it.
#[test]
fn a_card_that_goes_without_a_word_is_forgotten() {
    let slot = MmcSlot {
        broken_cd: true,
        ..MmcSlot::default()
    };
    let (model, mut device, _) = Setup {
        slot,
        ..Setup::new(sdhc())
    }
    .scanned();
    let _ = model.remove();
    assert!(read(&mut device, 0, 2).is_err());
    assert!(device.medium().is_none());
    model.insert(Card::new(Kind::Sdsc, 64 << 11));
    device.rescan(&mut || ()).unwrap();
    assert_eq!(device.medium().unwrap().blocks, 64 << 11);
    assert_eq!(read(&mut device, 0, 2).unwrap(), pattern(0, 2));
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
