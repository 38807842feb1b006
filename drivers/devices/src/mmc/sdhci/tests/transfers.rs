//! Blocks between a card and RAM.

use super::*;

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

/// No transfer may be told to a controller that finds no descriptors.
#[test]
fn a_table_that_the_controller_does_not_see_is_not_used() {
    let far = Setup {
        lends: Lends::FarOwn,
        ..Setup::new(sdhc())
    };
    let (model, mut slot, _) = far.scanned();
    assert_eq!(read(&mut slot, 5, 600).unwrap(), pattern(5, 600));
    slot.write(BlockIdx(5), &[9; 1024], &mut || ()).unwrap();
    assert_eq!(model.0.borrow().card.as_ref().unwrap().block(6), [9; 512]);
    assert!(model.0.borrow().dma_selects.is_empty());
}

#[test]
fn the_console_has_its_turn_while_words_are_moved() {
    let (model, mut slot, _) = Setup {
        memory: false,
        lends: Lends::Nothing,
        ..Setup::new(sdhc())
    }
    .scanned();
    // Nothing takes so long that it is waited for.
    model.0.borrow_mut().latency = 0;
    let mut turns = 0;
    slot.read(BlockIdx(0), &mut [0; 64 * 512], &mut || turns += 1).unwrap();
    assert_eq!(turns, 2);
    slot.write(BlockIdx(0), &[0; 64 * 512], &mut || turns += 1).unwrap();
    assert_eq!(turns, 4);
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
fn a_large_read_takes_few_register_accesses() {
    let (model, mut slot, _) = Setup::new(sdhc()).scanned();
    model.0.borrow_mut().accesses = 0;
    read(&mut slot, 0, 2048).unwrap();
    let accesses = model.0.borrow().accesses;
    assert!(accesses < 20, "{accesses} accesses for 1 MiB");
}
