//! Controllers and cards that say anything at all.

use super::*;

/// A controller that says anything at all, but for bits that a test pins so that it gets far.
struct Noise {
    state: Cell<u64>,
    /// Registers, and the bits that are always set and always clear in them.
    pinned: &'static [(usize, u32, u32)],
}

impl Registers for Noise {
    words_only!();

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
