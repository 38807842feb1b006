//! In blocks of a card: what is left of it when the power fails, and which of two copies counts.

use hal::block::{BlockFault, BlockInterface};
use hal::fakes::FakeDisk;
use loader_core::env::format::FormatError;
use loader_core::env::storage::{Progress, StorageError};
use loader_core::env::{BlockPlace, Copies, Place, Storage};
use loader_core::storage::Storage as Disks;

use super::{Lab, env};

const SIZE: u64 = 0x800;
const FIRST: u64 = 0x400;
const SECOND: u64 = 0x1000;

const TWO: [Copies; 2] = [Copies::Backup(SECOND), Copies::Redundant(SECOND)];

/// A card of 24 blocks.
fn card() -> FakeDisk {
    FakeDisk::zeroed(24).as_card()
}

fn place(copies: Copies) -> BlockPlace {
    BlockPlace {
        interface: BlockInterface::Mmc,
        number: 0,
        offset: FIRST,
        size: SIZE,
        copies,
    }
}

fn on(card: &FakeDisk, copies: Copies) -> Lab {
    Lab::new(card, Place::Block(place(copies)))
}

fn copy_of(card: &FakeDisk) -> FakeDisk {
    FakeDisk::new(card.bytes()).as_card()
}

#[test]
fn what_is_saved_is_loaded_and_nothing_else_is_written() {
    for copies in [Copies::Single, TWO[0], TWO[1]] {
        let card = FakeDisk::new(vec![0x5a; 24 * 512]).as_card();
        let mut lab = on(&card, copies);
        assert!(matches!(
            lab.load(),
            Err(StorageError::Format(FormatError::BadCrc { .. }))
        ));
        for number in 0..5 {
            lab.save(&env(number % 10)).unwrap();
            let mut again = on(&card, copies);
            assert_eq!(again.generation(), Some(number), "{copies:?}");
            assert!(!again.load().unwrap().recovered, "{copies:?} {number}");
        }
        lab.erase().unwrap();
        assert_eq!(on(&card, copies).generation(), None);
        let bytes = card.bytes();
        assert!(bytes[0x400..0xc00].iter().all(|byte| *byte == 0xff));
        let second = if copies == Copies::Single { 0x5a } else { 0xff };
        assert!(bytes[0x1000..0x1800].iter().all(|byte| *byte == second));
        for around in [&bytes[..0x400], &bytes[0xc00..0x1000], &bytes[0x1800..]] {
            assert!(around.iter().all(|byte| *byte == 0x5a), "{copies:?}");
        }
    }
}

/// Saves with the power failing after `cut` blocks, and says whether it failed.
fn torn_save(card: &FakeDisk, copies: Copies, number: u32, cut: u64) -> bool {
    card.fail_power_after(cut);
    let result = on(card, copies).save(&env(number));
    card.restore_power();
    result.is_err()
}

/// From every state that whole saves leave, the power fails after each block of the next save, and after each of the one after that.
/// Nothing but the old or the new environment is ever loaded.
#[test]
fn a_torn_save_never_loses_the_environment() {
    for copies in TWO {
        let base = card();
        for old in 1..4 {
            on(&base, copies).save(&env(old)).unwrap();
            let mut cuts = 0;
            for cut in 0.. {
                let first = copy_of(&base);
                let torn = torn_save(&first, copies, 7, cut);
                let then = on(&first, copies).generation();
                assert!(then == Some(old) || then == Some(7), "{copies:?} cut {cut}: {then:?}");
                if !torn {
                    assert_eq!(then, Some(7));
                    break;
                }
                cuts += 1;
                torn_again(&first, copies, then);
            }
            // The power that fails behind the last block is noticed when it is read back.
            let blocks = if copies == TWO[0] { 8 } else { 4 };
            assert_eq!(cuts, blocks + 1, "{copies:?}");
        }
    }
}

fn torn_again(base: &FakeDisk, copies: Copies, old: Option<u32>) {
    for cut in 0.. {
        let card = copy_of(base);
        let torn = torn_save(&card, copies, 9, cut);
        let then = on(&card, copies).generation();
        assert!(then == old || then == Some(9), "{copies:?} second cut {cut}: {then:?}");
        if !torn {
            assert_eq!(then, Some(9));
            return;
        }
    }
}

/// The promise that [`Copies::Single`] cannot give: without it the test above would show nothing.
#[test]
fn one_copy_alone_is_lost() {
    let card = card();
    on(&card, Copies::Single).save(&env(1)).unwrap();
    assert!(torn_save(&card, Copies::Single, 2, 2));
    assert_eq!(on(&card, Copies::Single).generation(), None);
}

#[test]
fn erasing_never_brings_back_what_was_older() {
    for copies in TWO {
        let base = card();
        for number in 1..4 {
            on(&base, copies).save(&env(number)).unwrap();
            for cut in 0.. {
                let card = copy_of(&base);
                card.fail_power_after(cut);
                let result = on(&card, copies).erase();
                card.restore_power();
                let then = on(&card, copies).generation();
                assert!(then == Some(number) || then.is_none(), "{copies:?} cut {cut}: {then:?}");
                if result.is_ok() {
                    assert_eq!(then, None);
                    break;
                }
            }
        }
    }
}

/// A flag that every save counts up, over the end of a byte too.
#[test]
fn the_flag_counts_saves() {
    let card = card();
    let mut lab = on(&card, Copies::Redundant(SECOND));
    for save in 1..=600_u32 {
        lab.save(&env(save % 7)).unwrap();
        assert_eq!(lab.generation(), Some(save % 7), "save {save}");
        let bytes = card.bytes();
        let flags = [bytes[0x404], bytes[0x1004]];
        let newest = usize::from(save % 2 == 0);
        assert_eq!(u32::from(flags[newest]), save % 256, "save {save}: {flags:?}");
    }
}

/// How U-Boot and libubootenv choose between two copies that are whole.
#[test]
fn the_flag_says_which_copy_counts() {
    let base = card();
    let copies = Copies::Redundant(SECOND);
    // Made one by one, the second in the place of the first.
    let mut bytes = base.bytes();
    for (number, at) in [(1, 0x400), (2, 0x1000)] {
        let one = card();
        on(&one, copies).save(&env(number)).unwrap();
        bytes[at..at + 0x800].copy_from_slice(&one.bytes()[0x400..0xc00]);
    }
    for (first, second, expected) in [
        (1, 0, 1),
        (0, 1, 2),
        (1, 1, 1),
        (7, 8, 2),
        (0xff, 0, 2),
        (0, 0xff, 1),
        (0xff, 1, 1),
        (0xfe, 0xff, 2),
    ] {
        bytes[0x404] = first;
        bytes[0x1004] = second;
        let card = FakeDisk::new(bytes.clone()).as_card();
        assert_eq!(on(&card, copies).generation(), Some(expected), "{first} {second}");
        // What is saved then counts, and is not where the newest was.
        let kept = card.bytes();
        on(&card, copies).save(&env(5)).unwrap();
        assert_eq!(on(&card, copies).generation(), Some(5), "{first} {second}");
        let newest = if expected == 1 { 0x400..0xc00 } else { 0x1000..0x1800 };
        assert_eq!(card.bytes()[newest.clone()], kept[newest], "{first} {second}");
    }
}

#[test]
fn a_copy_that_cannot_be_read_gives_way_to_the_other_with_a_warning() {
    for copies in TWO {
        let base = card();
        for number in [1, 2] {
            on(&base, copies).save(&env(number)).unwrap();
        }
        for (bad, expected) in [(2..3, 2), (8..9, if copies == TWO[0] { 2 } else { 1 })] {
            let card = copy_of(&base);
            card.break_blocks(bad, BlockFault::Crc);
            let mut lab = on(&card, copies);
            assert_eq!(lab.generation(), Some(expected), "{copies:?}");
            assert!(lab.load().unwrap().recovered, "{copies:?}");
        }
        let card = copy_of(&base);
        card.break_blocks(2..24, BlockFault::Crc);
        let error = on(&card, copies).load().unwrap_err().to_string();
        assert_eq!(
            error,
            "fake-disk, block 2: the data arrives damaged (CRC), time and again"
        );
    }
}

/// The copy that cannot be read may be the newest, and its flag is not known: nothing is written that it could hide.
#[test]
fn nothing_is_saved_while_nobody_knows_which_copy_counts() {
    let copies = Copies::Redundant(SECOND);
    let card = card();
    on(&card, copies).save(&env(1)).unwrap();
    card.break_blocks(2..3, BlockFault::Timeout(18));
    let before = card.bytes();
    let error = on(&card, copies).save(&env(2)).unwrap_err().to_string();
    assert_eq!(error, "fake-disk, block 2: no answer to command 18 in time");
    assert_eq!(card.bytes(), before);
    // One copy alone is written over, whatever it holds.
    let error = on(&card, Copies::Single).save(&env(2)).unwrap_err();
    assert!(matches!(error, StorageError::Volume(_)), "{error}");
}

/// Keeps what is announced.
#[derive(Default)]
struct Announced(String);

impl Progress for Announced {
    fn meanwhile(&mut self) {}

    fn writing(&mut self, words: &str) {
        self.0 += words;
    }
}

#[test]
fn each_copy_is_announced_as_u_boot_does() {
    let card = card();
    let mut lab = on(&card, Copies::Redundant(SECOND));
    let mut announced = Announced::default();
    for _ in 0..2 {
        lab.storage.save(&env(1), &mut lab.disks, &mut announced).unwrap();
    }
    assert_eq!(announced.0, "Writing to MMC(0)... Writing to redundant MMC(0)... ");
}

/// A device that says that it wrote, and did not.
#[test]
fn what_was_not_written_is_noticed() {
    let mut place = place(Copies::Single);
    place.interface = BlockInterface::Virtio;
    let mut storage = Storage::open(Place::Block(place), Vec::new()).unwrap();
    assert_eq!(storage.kind(), "VIRTIO");
    let mut disks = Disks::new(vec![Box::new(Liar(FakeDisk::zeroed(24)))]);
    let error = storage.save(&env(1), &mut disks, &mut || ()).unwrap_err().to_string();
    assert_eq!(
        error,
        "virtio 0 at its byte 0x400 does not hold what was written, at its byte 0x0"
    );
}

struct Liar(FakeDisk);

impl hal::BlockDevice for Liar {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn interface(&self) -> BlockInterface {
        self.0.interface()
    }

    fn medium(&self) -> Option<&hal::block::Medium> {
        self.0.medium()
    }

    fn rescan(&mut self, meanwhile: hal::flash::Meanwhile<'_>) -> Result<(), hal::BlockError> {
        self.0.rescan(meanwhile)
    }

    fn read(
        &mut self,
        first: hal::BlockIdx,
        bytes: &mut [u8],
        meanwhile: hal::flash::Meanwhile<'_>,
    ) -> Result<(), hal::BlockError> {
        self.0.read(first, bytes, meanwhile)
    }

    fn write(
        &mut self,
        _first: hal::BlockIdx,
        _bytes: &[u8],
        _meanwhile: hal::flash::Meanwhile<'_>,
    ) -> Result<(), hal::BlockError> {
        Ok(())
    }

    fn shutdown(&mut self) {}
}

#[test]
fn a_device_that_is_not_there_or_too_small_is_told() {
    let mut storage = Storage::open(Place::Block(place(Copies::Single)), Vec::new()).unwrap();
    let mut none = Disks::default();
    assert!(!storage.is_there(&none));
    for error in [
        storage.load(&mut none, &mut || ()).unwrap_err(),
        storage.save(&env(1), &mut none, &mut || ()).unwrap_err(),
        storage.erase(&mut none, &mut || ()).unwrap_err(),
    ] {
        assert_eq!(error.to_string(), "this machine has no mmc device");
    }
    let small = FakeDisk::zeroed(4).as_card();
    let mut lab = on(&small, Copies::Single);
    assert!(lab.storage.is_there(&lab.disks));
    let error = lab.save(&env(1)).unwrap_err().to_string();
    assert_eq!(
        error,
        "1536 bytes at byte 1536 are not all on the volume, which has 2048 bytes"
    );
    assert!(small.bytes().iter().all(|byte| *byte == 0));
}

#[test]
fn a_place_that_cannot_be_is_refused() {
    for (offset, size, copies) in [
        (0x401, 0x800, Copies::Single),
        (0x400, 0x801, Copies::Single),
        (0x400, 0x800, Copies::Redundant(0x1001)),
        (0x400, 0x800, Copies::Redundant(0x400)),
        (0x400, 0x800, Copies::Backup(0xa00)),
        (0x1000, 0x800, Copies::Redundant(0xa00)),
        (u64::MAX - 0x1ff, 0x800, Copies::Single),
        (0x400, 0x800, Copies::Backup(u64::MAX - 0x1ff)),
    ] {
        let place = BlockPlace {
            offset,
            size,
            copies,
            ..place(copies)
        };
        let error = Storage::open(Place::Block(place), Vec::new()).map(drop).unwrap_err();
        assert!(
            matches!(error, StorageError::Blocks { .. }),
            "{offset:#x} {size:#x} {copies:?}: {error}"
        );
    }
    for size in [0, 0x10_0200] {
        let place = BlockPlace {
            size,
            ..place(Copies::Single)
        };
        let error = Storage::open(Place::Block(place), Vec::new()).map(drop).unwrap_err();
        assert!(matches!(error, StorageError::Size { .. }), "{error}");
    }
}
