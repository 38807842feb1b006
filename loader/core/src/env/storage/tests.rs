use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use hal::PhysAddr;
use hal::fakes::FakeFlash;

use super::{Disks, Saved, Storage, StorageError};
use crate::env::format::{Change, FormatError, import};
use crate::env::{Copies, Environment, FlashPlace, Place};

const START: PhysAddr = PhysAddr(0x400_0000);
const BLOCK: usize = 0x400;
const SIZE: u64 = 0x400;
const SECOND: u64 = 0x800;

fn flash() -> FakeFlash {
    FakeFlash::new(START, 4, BLOCK)
}

fn open(flash: &FakeFlash, copies: Copies) -> Storage {
    let place = FlashPlace {
        flash: START,
        offset: 0,
        size: SIZE,
        copies,
    };
    Storage::open(Place::Flash(place), vec![Box::new(flash.clone())]).unwrap()
}

fn env(generation: u32) -> Environment {
    let mut env = Environment::default();
    env.set("generation", &generation.to_string()).unwrap();
    env.set("bootcmd", &format!("tftpb ${{loadaddr}} xen.{generation}; booti"))
        .unwrap();
    env
}

/// Which generation is loaded; `None` if it is none.
fn generation(storage: &mut Storage) -> Option<u32> {
    let saved = load(storage).ok()?;
    let entries: Vec<_> = import(&saved.image, saved.header)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    entries.into_iter().find_map(|entry| match entry {
        Change::Set {
            name: "generation",
            value,
        } => value.parse().ok(),
        _ => None,
    })
}

/// A machine without cards and disks.
fn none() -> Disks {
    Disks::default()
}

fn load(storage: &mut Storage) -> Result<Saved, StorageError> {
    storage.load(&mut none(), &mut || ())
}

fn save(storage: &mut Storage, env: &Environment) -> Result<(), StorageError> {
    storage.save(env, &mut none(), &mut || ())
}

const ALL: [Copies; 3] = [Copies::Single, Copies::Backup(SECOND), Copies::Redundant(SECOND)];

#[test]
fn what_is_saved_is_loaded() {
    for copies in ALL {
        let flash = flash();
        let mut storage = open(&flash, copies);
        assert!(matches!(
            load(&mut storage),
            Err(StorageError::Format(FormatError::BadCrc { .. }))
        ));
        for number in 0..5 {
            save(&mut storage, &env(number)).unwrap();
            let mut again = open(&flash, copies);
            assert_eq!(generation(&mut again), Some(number), "{copies:?}");
            assert!(!load(&mut again).unwrap().recovered, "{copies:?} {number}");
        }
        storage.erase(&mut none(), &mut || ()).unwrap();
        assert_eq!(generation(&mut open(&flash, copies)), None);
    }
}

/// Saves with the power failing after `cut` steps, and says whether it failed.
fn torn_save(flash: &FakeFlash, copies: Copies, number: u32, cut: u64) -> bool {
    flash.cut_after(cut);
    let mut storage = open(flash, copies);
    let result = save(&mut storage, &env(number));
    flash.power_on();
    result.is_err()
}

/// From every state that a series of whole and torn saves leaves, the power fails at every step of the next save, and at every
/// step of the one after that at some of them. Nothing but the old or the new environment is ever loaded.
#[test]
fn a_torn_save_never_loses_the_environment() {
    for copies in [Copies::Backup(SECOND), Copies::Redundant(SECOND)] {
        let mut cuts = 0;
        let base = flash();
        let mut storage = open(&base, copies);
        save(&mut storage, &env(1)).unwrap();
        for whole_before in [1, 2] {
            if whole_before == 2 {
                save(&mut storage, &env(2)).unwrap();
            }
            let old = whole_before;
            let mut cut = 0;
            loop {
                let first = base.copy();
                let torn = torn_save(&first, copies, 10, cut);
                let then = generation(&mut open(&first, copies));
                assert!(then == Some(old) || then == Some(10), "{copies:?} cut {cut}: {then:?}");
                if !torn {
                    assert_eq!(then, Some(10));
                    break;
                }
                cuts += 1;
                if cut % 3 == 0 {
                    cuts += torn_again(&first, copies, then.unwrap());
                }
                cut += 1;
            }
        }
        assert!(cuts > 1000, "{copies:?}: {cuts} points at which the power failed");
    }
}

fn torn_again(base: &FakeFlash, copies: Copies, old: u32) -> u32 {
    let mut cut = 0;
    loop {
        let flash = base.copy();
        let torn = torn_save(&flash, copies, 20, cut);
        let then = generation(&mut open(&flash, copies));
        assert!(
            then == Some(old) || then == Some(20),
            "{copies:?} second cut {cut}: {then:?}"
        );
        if !torn {
            assert_eq!(then, Some(20));
            return u32::try_from(cut).unwrap();
        }
        cut += 1;
    }
}

/// The promise that [`Copies::Single`] cannot give: without it the test above would show nothing.
#[test]
fn one_copy_alone_is_lost() {
    let flash = flash();
    save(&mut open(&flash, Copies::Single), &env(1)).unwrap();
    assert!(torn_save(&flash, Copies::Single, 2, 4));
    assert_eq!(generation(&mut open(&flash, Copies::Single)), None);
}

#[test]
fn erasing_never_brings_back_what_was_older() {
    for copies in [Copies::Backup(SECOND), Copies::Redundant(SECOND)] {
        let base = flash();
        let mut storage = open(&base, copies);
        save(&mut storage, &env(1)).unwrap();
        save(&mut storage, &env(2)).unwrap();
        for cut in 0.. {
            let flash = base.copy();
            flash.cut_after(cut);
            let result = open(&flash, copies).erase(&mut none(), &mut || ());
            flash.power_on();
            let then = generation(&mut open(&flash, copies));
            assert!(then == Some(2) || then.is_none(), "{copies:?} cut {cut}: {then:?}");
            if result.is_ok() {
                break;
            }
        }
    }
}

/// The flag as U-Boot sets it in a NOR flash, and as libubootenv counts it in a file.
#[test]
fn the_flag_says_which_copy_counts() {
    let flash = flash();
    let copies = Copies::Redundant(SECOND);
    let mut storage = open(&flash, copies);
    save(&mut storage, &env(1)).unwrap();
    save(&mut storage, &env(2)).unwrap();
    assert_eq!((flash.content()[4], flash.content()[0x804]), (0, 1));
    assert_eq!(generation(&mut storage), Some(2));
    for (first, second, expected) in [
        (1, 0, 1),
        (0, 1, 2),
        (1, 1, 1),
        (2, 1, 1),
        (7, 8, 2),
        (0xff, 0, 2),
        (0, 0xff, 1),
        (0xff, 1, 1),
        (1, 0xff, 2),
    ] {
        flash.overwrite(4, &[first]);
        flash.overwrite(0x804, &[second]);
        assert_eq!(generation(&mut storage), Some(expected), "{first} {second}");
    }
    flash.overwrite(0x804, &[9]);
    flash.overwrite(4, &[8]);
    save(&mut storage, &env(3)).unwrap();
    assert_eq!((flash.content()[4], flash.content()[0x804]), (1, 0));
    assert_eq!(generation(&mut storage), Some(3));
}

#[test]
fn a_copy_that_is_not_whole_gives_way_to_the_other() {
    for copies in [Copies::Backup(SECOND), Copies::Redundant(SECOND)] {
        let flash = flash();
        let mut storage = open(&flash, copies);
        save(&mut storage, &env(1)).unwrap();
        save(&mut storage, &env(2)).unwrap();
        let backup = matches!(copies, Copies::Backup(_));
        let newest = if backup { 0 } else { 0x800 };
        flash.overwrite(newest + 20, b"#");
        assert_eq!(load(&mut storage).unwrap().recovered, backup);
        assert_eq!(generation(&mut storage), Some(if backup { 2 } else { 1 }));
    }
}

#[test]
fn a_place_that_cannot_be_is_refused() {
    let refused = |offset, size, copies| {
        let place = FlashPlace {
            flash: START,
            offset,
            size,
            copies,
        };
        let result = Storage::open(Place::Flash(place), vec![Box::new(flash())]);
        result.map(drop).unwrap_err().to_string()
    };
    let single = Copies::Single;
    for (offset, size, copies) in [
        (0x200, 0x400, single),
        (0xc00, 0x401, single),
        (0x1000, 0x400, single),
        (u64::MAX, 0x400, single),
        (0, 0x400, Copies::Backup(0x200)),
        (0, 0x401, Copies::Redundant(0x400)),
        (0x400, 0x400, Copies::Backup(0x400)),
    ] {
        let sentence = refused(offset, size, copies);
        assert!(
            sentence.contains("does not lie in whole erase blocks of 0x4000000..0x4001000"),
            "{sentence}"
        );
    }
    for size in [0, 0xf, 0x10_0001, u64::MAX] {
        let sentence: String = refused(0, size, single);
        assert!(sentence.starts_with("the environment's size of "), "{sentence}");
    }
}

#[test]
fn what_does_not_fit_leaves_the_old() {
    let flash = flash();
    let mut storage = open(&flash, Copies::Backup(SECOND));
    save(&mut storage, &env(1)).unwrap();
    let mut large = Environment::default();
    large.set("a", &"x".repeat(storage.capacity() - 3)).unwrap();
    let error = save(&mut storage, &large).unwrap_err().to_string();
    assert_eq!(error, "the environment takes 1021 bytes and there is room for 1020");
    assert_eq!(generation(&mut storage), Some(1));
    large.set("a", &"x".repeat(storage.capacity() - 4)).unwrap();
    save(&mut storage, &large).unwrap();
}
