//! In files on FAT: what is left of it when the power fails, and what people are told.

use hal::block::{BlockFault, BlockInterface};
use hal::fakes::FakeDisk;
use loader_core::env::format::{Header, image};
use loader_core::env::storage::StorageError;
use loader_core::env::{FatPlace, Place};
use loader_core::fs::Which;

use super::{Lab, env};
use crate::images::{Folder, content, fat, fsck_fat, tool, with};

const SIZE: u64 = 0x1000;

fn place(redundant: bool) -> FatPlace {
    FatPlace {
        interface: BlockInterface::Mmc,
        number: 0,
        volume: Which::Default,
        file: "uboot.env".into(),
        redundant: redundant.then(|| "uboot-redund.env".into()),
        size: SIZE,
    }
}

fn on(card: &FakeDisk, place: FatPlace) -> Lab {
    Lab::new(card, Place::Fat(place))
}

fn card(width: &str) -> FakeDisk {
    let kib = if width == "32" { 2_000 } else { 5_000 };
    let mut card = FakeDisk::new(fat(kib, &["-F", width, "-s", "1"], &[])).as_card();
    with(&mut card, |files| files.write("boot.scr", None, b"script").unwrap());
    card
}

#[test]
fn what_is_saved_is_loaded() {
    for redundant in [false, true] {
        let card = card("16");
        for number in 0..5 {
            let mut lab = on(&card, place(redundant));
            lab.save(&env(number)).unwrap();
            let mut again = on(&card, place(redundant));
            assert_eq!(again.generation(), Some(number), "{redundant}");
            assert!(!again.load().unwrap().recovered, "{redundant} {number}");
        }
        assert_eq!(content(&mut card.clone(), "uboot.env").unwrap().len(), 0x1000);
        assert_eq!(fsck_fat(&card.bytes()), Vec::<String>::new());
        on(&card, place(redundant)).erase().unwrap();
        assert_eq!(on(&card, place(redundant)).generation(), None);
        assert!(content(&mut card.clone(), "uboot.env").is_err());
        assert!(content(&mut card.clone(), "uboot-redund.env").is_err());
        assert_eq!(content(&mut card.clone(), "boot.scr").unwrap(), b"script");
        // There is nothing any more, and that is no failure.
        on(&card, place(redundant)).erase().unwrap();
    }
}

/// The power fails after each block of a save, and of the save after that.
#[test]
fn a_torn_save_never_loses_the_environment() {
    for (width, redundant) in [("16", false), ("16", true), ("32", false), ("32", true)] {
        let base = card(width);
        let mut old = None;
        for number in 1..4 {
            for cut in 0.. {
                let card = FakeDisk::new(base.bytes()).as_card();
                let torn = torn_save(&card, redundant, 10, cut);
                let then = on(&card, place(redundant)).generation();
                assert!(
                    then == old || then == Some(10),
                    "FAT{width} {redundant} cut {cut}: {then:?}"
                );
                if !torn {
                    assert_eq!(then, Some(10));
                    assert!(cut > 8, "FAT{width}: {cut}");
                    break;
                }
                // Whole again with the next save, whatever the cut has left.
                let next = on(&card, place(redundant)).save(&env(20));
                assert_eq!(next, Ok(()), "FAT{width} cut {cut}");
                assert_eq!(on(&card, place(redundant)).generation(), Some(20));
            }
            on(&base, place(redundant)).save(&env(number)).unwrap();
            old = Some(number);
        }
    }
}

fn torn_save(card: &FakeDisk, redundant: bool, number: u32, cut: u64) -> bool {
    card.fail_power_after(cut);
    let result = on(card, place(redundant)).save(&env(number));
    card.restore_power();
    result.is_err()
}

#[test]
fn erasing_never_brings_back_what_was_older() {
    let base = card("16");
    for number in 1..4 {
        on(&base, place(true)).save(&env(number)).unwrap();
        for cut in 0.. {
            let card = FakeDisk::new(base.bytes()).as_card();
            card.fail_power_after(cut);
            let result = on(&card, place(true)).erase();
            card.restore_power();
            let then = on(&card, place(true)).generation();
            assert!(then == Some(number) || then.is_none(), "cut {cut}: {then:?}");
            if result.is_ok() {
                assert_eq!(then, None);
                break;
            }
        }
    }
}

/// A partition is found as commands find it.
#[test]
fn the_file_is_on_the_volume_that_the_board_names() {
    let volume = fat(5_000, &["-F", "16", "-s", "1"], &[]);
    let mut bytes = vec![0; 2048 * 512];
    bytes.extend_from_slice(&volume);
    bytes.resize(14_336 * 512, 0);
    let folder = Folder::new();
    let path = folder.file("card.img", &bytes);
    tool("sgdisk", &["-n", "1:2048:12200", "-c", "1:boot", "-t", "1:ef00", &path]);
    let card = FakeDisk::new(folder.read("card.img")).as_card();
    let volumes = [
        Which::Default,
        Which::Auto,
        Which::Number(1),
        Which::Name("boot".into()),
    ];
    for (number, volume) in (0..).zip(volumes) {
        let place = FatPlace { volume, ..place(false) };
        let mut lab = on(&card, place);
        lab.save(&env(number)).unwrap();
        assert_eq!(lab.generation(), Some(number));
    }
    for (volume, words) in [
        (Which::Number(2), "Unable to use mmc 0:2... it has no partition 2"),
        (
            Which::Name("a\x1b".into()),
            "Unable to use mmc 0#a\\u{1b}... it has no partition \"a\\u{1b}\"",
        ),
        (
            Which::Number(0),
            "Unable to use mmc 0:0... there is no file system that is known: neither FAT nor ext4",
        ),
    ] {
        let mut lab = on(&card, FatPlace { volume, ..place(false) });
        assert_eq!(lab.load().unwrap_err().to_string(), words);
        assert_eq!(lab.save(&env(1)).unwrap_err().to_string(), words);
    }
}

#[test]
fn what_is_wrong_is_told_with_u_boots_words() {
    let card = card("16");
    let mut lab = on(&card, place(false));
    let error = lab.load().unwrap_err();
    assert_eq!(error.words(), "Unable to read \"uboot.env\" from mmc0:0... ");
    assert_eq!(error.why(), "File not found: 'uboot.env'");
    let write = |bytes: &[u8]| {
        with(&mut card.clone(), |files| {
            files.write("uboot.env", None, bytes).unwrap()
        })
    };
    write(&[0; 100]);
    let error = lab.load().unwrap_err().to_string();
    assert_eq!(
        error,
        "Unable to read \"uboot.env\" from mmc0:0... it has 0x64 bytes, and the environment 0x1000"
    );
    write(&[0; 0x1000]);
    assert!(matches!(lab.load(), Err(StorageError::Format(_))));
    // U-Boot reads as many bytes as it has room for.
    let mut longer = image(env(8).iter(), (Header::Plain, 0x1000), 0).unwrap();
    longer.extend_from_slice(b"more");
    write(&longer);
    assert_eq!(lab.generation(), Some(8));
    let missing = FatPlace {
        file: "none/uboot.env".into(),
        ..place(false)
    };
    let error = on(&card, missing).save(&env(1)).unwrap_err();
    assert_eq!(error.words(), "Unable to write \"none/uboot.env\" from mmc0:0... ");
    card.break_blocks(0..1, BlockFault::NoMedium);
    let error = lab.load().unwrap_err().to_string();
    assert_eq!(error, "Unable to use mmc 0... fake-disk, block 0: no card present");
}

#[test]
fn a_file_system_that_is_only_read_is_refused() {
    let folder = Folder::new();
    let path = folder.file("ext4.img", &vec![0; 8 << 20]);
    tool("mkfs.ext4", &["-q", &path]);
    let card = FakeDisk::new(folder.read("ext4.img")).as_card();
    let error = on(&card, place(false)).load().unwrap_err().to_string();
    assert_eq!(error, "Unable to use mmc 0:0... it has ext4, not FAT");
}

/// One of the two files is damaged, away, or on blocks that cannot be read: the other one is there.
#[test]
fn one_of_two_files_is_enough() {
    let base = card("16");
    for number in [1, 2] {
        on(&base, place(true)).save(&env(number)).unwrap();
    }
    let files = ["uboot.env", "uboot-redund.env"];
    for (lost, left) in [(files[0], 2), (files[1], 1)] {
        let card = FakeDisk::new(base.bytes()).as_card();
        with(&mut card.clone(), |fs| fs.remove(lost).unwrap());
        let mut lab = on(&card, place(true));
        assert_eq!(lab.generation(), Some(left), "{lost}");
        lab.save(&env(3)).unwrap();
        assert_eq!(lab.generation(), Some(3), "{lost}");
        let card = FakeDisk::new(base.bytes()).as_card();
        with(&mut card.clone(), |fs| fs.write(lost, Some(20), b"#").unwrap());
        let mut lab = on(&card, place(true));
        assert_eq!(lab.generation(), Some(left), "{lost}");
        assert!(!lab.load().unwrap().recovered, "{lost}");
        let card = FakeDisk::new(base.bytes()).as_card();
        break_file(&card, lost);
        let mut lab = on(&card, place(true));
        assert_eq!(lab.generation(), Some(left), "{lost}");
        assert!(lab.load().unwrap().recovered, "{lost}");
        // The new file has other clusters.
        lab.save(&env(3)).unwrap();
        assert_eq!(lab.generation(), Some(3), "{lost}");
        assert!(!lab.load().unwrap().recovered, "{lost}");
    }
}

/// Makes the first block with a file's content such that it cannot be read.
fn break_file(card: &FakeDisk, path: &str) {
    let content = content(&mut card.clone(), path).unwrap();
    let bytes = card.bytes();
    let block = bytes.chunks(512).position(|block| block == &content[..512]);
    let block = u64::try_from(block.unwrap()).unwrap();
    card.break_blocks(block..block + 1, BlockFault::Crc);
}

/// A file that cannot be read may be the newest, and its flag is not known: nothing is written that it could hide.
#[test]
fn nothing_is_saved_while_nobody_knows_which_file_counts() {
    let base = card("16");
    for number in [1, 2] {
        on(&base, place(true)).save(&env(number)).unwrap();
    }
    let files = ["uboot.env", "uboot-redund.env"];
    for (broken, also) in [(files[0], files[1]), (files[1], files[0])] {
        for breaks in [true, false] {
            let card = FakeDisk::new(base.bytes()).as_card();
            if breaks {
                break_file(&card, also);
            } else {
                with(&mut card.clone(), |fs| fs.remove(also).unwrap());
            }
            break_file(&card, broken);
            let before = card.bytes();
            let mut lab = on(&card, place(true));
            let error = lab.save(&env(3)).unwrap_err().to_string();
            assert!(
                error.starts_with("Unable to read \"uboot") && error.ends_with("damaged (CRC), time and again"),
                "{broken}: {error}"
            );
            assert!(card.bytes() == before, "{broken}");
            assert!(lab.load().is_err(), "{broken}");
        }
    }
}

/// A directory that cannot be read may have the newest file, too.
#[test]
fn a_file_that_cannot_be_looked_for_is_not_one_that_is_missing() {
    let base = card("16");
    with(&mut base.clone(), |fs| fs.make_dir("sub").unwrap());
    let place = FatPlace {
        redundant: Some("sub/uboot.env".into()),
        ..place(true)
    };
    for number in [1, 2] {
        on(&base, place.clone()).save(&env(number)).unwrap();
    }
    let bytes = base.bytes();
    let block = bytes.chunks(512).position(|block| block.starts_with(b".          "));
    let block = u64::try_from(block.unwrap()).unwrap();
    let card = FakeDisk::new(bytes).as_card();
    card.break_blocks(block..block + 1, BlockFault::Crc);
    let mut lab = on(&card, place);
    assert_eq!(lab.generation(), Some(1));
    assert!(lab.load().unwrap().recovered);
    with(&mut card.clone(), |fs| fs.write("uboot.env", Some(20), b"#").unwrap());
    let before = card.bytes();
    let error = lab.save(&env(3)).unwrap_err();
    assert_eq!(error.words(), "Unable to read \"sub/uboot.env\" from mmc0:0... ");
    assert!(card.bytes() == before);
}
