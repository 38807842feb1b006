//! In a card's blocks, and in files on a FAT of it.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Lab, printed, run};

const CARD: (&str, &str) = ("--card", "card.img");

const FAT: &str = "kind = 'fat'\ndevice = 'mmc 0:1'\nfile = 'uboot.env'\nsize = 0x4000\n";
const BLOCK: &str = "kind = 'block'\ndevice = 'mmc 0'\noffset = 0x8_0000\nsize = 0x4000\n";
const REDUNDANT_FILE: &str = "redundant-file = 'uboot-redund.env'\n";
const REDUNDANT_OFFSET: &str = "redundant-offset = 0x8_8000\n";

/// Where the card has its partition, in bytes.
const PARTITION: u64 = 1 << 20;

/// The copies in blocks, and what follows them in the configuration of the tools.
const BLOCKS: [(&str, &str); 2] = [("card.img", "0x80000 0x4000"), ("card.img", "0x88000 0x4000")];

/// The copies on FAT, which the tools have beside the card.
const FILES: [(&str, &str); 2] = [("uboot.env", "0x0 0x4000"), ("uboot-redund.env", "0x0 0x4000")];

/// With the environment in another place.
fn lab(name: &str, environment: &str) -> Lab {
    Lab::new(name, CARD, |toml| {
        let (before, _) = toml.split_once("[environment]\n").unwrap();
        format!("{before}[environment]\n{environment}")
    })
}

impl Lab {
    /// A card of 16 MiB with one partition from its first MiB on, which has a FAT16.
    fn make_card(&self) {
        let card = self.path("card.img");
        fs::write(&card, vec![0x5a; 16 << 20]).unwrap();
        run(Command::new("sgdisk").args(["-n", "1:2048:30000", "-t", "1:ef00", "-c", "1:boot", &card]));
        let sectors = (30_000 - 2048 + 1) / 2;
        run(Command::new("mkfs.fat").args(["-F", "16", "--offset", "2048", &card, &sectors.to_string()]));
    }

    /// Copies a file between the card's partition and the folder, as one with this name.
    fn mcopy(&self, name: &str, to_card: bool) {
        let image = format!("{}@@{PARTITION}", self.path("card.img"));
        let (outside, inside) = (self.path(name), format!("::{name}"));
        let (from, to) = if to_card { (outside, inside) } else { (inside, outside) };
        run(Command::new("mcopy").args(["-n", "-o", "-i", &image, &from, &to]));
    }
}

const MMC_LOADED: &str = "Loading Environment from MMC... OK\n";
const FAT_LOADED: &str = "Loading Environment from FAT... OK\n";
const FAT_SAVED: &str = "Saving Environment to FAT... OK\n";

#[test]
fn blocks_are_read_and_written_by_fw_printenv_and_fw_setenv() {
    let lab = lab("environment-block", BLOCK);
    lab.make_card();
    let (first, _) = lab.script("setenv note 'a  b'; saveenv");
    assert_eq!(
        first,
        "Loading Environment from MMC... *** Warning - bad CRC, using default environment\n\n\
         Saving Environment to MMC... Writing to MMC(0)... OK\n"
    );
    assert_eq!(lab.tool("fw_printenv", &BLOCKS[..1], &["note"]), "note=a  b\n");
    lab.tool("fw_setenv", &BLOCKS[..1], &["note", "changed"]);
    let (second, success) = lab.script("printenv note; test $note = changed");
    assert!(success, "{second}");
    assert_eq!(second, format!("{MMC_LOADED}note=changed\n"));
    let (erased, _) = lab.script("eraseenv; env load");
    assert_eq!(
        erased,
        format!(
            "{MMC_LOADED}Erasing Environment on MMC... OK\n\
             Loading Environment from MMC... *** Warning - bad CRC, using default environment\n\n"
        )
    );
    // Around it nothing was touched.
    let card = fs::read(lab.path("card.img")).unwrap();
    let around = [&card[0x7_0000..0x8_0000], &card[0x8_4000..0x9_0000]];
    assert!(around.iter().all(|bytes| bytes.iter().all(|byte| *byte == 0x5a)));
    assert!(card[0x8_0000..0x8_4000].iter().all(|byte| *byte == 0xff));
}

/// Each saves over what the other saved, again and again: the copies take turns, and the flag goes over the end of its byte.
#[test]
fn redundant_blocks_are_shared_with_fw_setenv() {
    let lab = lab("environment-block-redundant", &format!("{BLOCK}{REDUNDANT_OFFSET}"));
    lab.make_card();
    let (first, _) = lab.script("setenv note 0; saveenv; saveenv");
    assert!(
        first.ends_with(
            "Saving Environment to MMC... Writing to MMC(0)... OK\n\
             Saving Environment to MMC... Writing to redundant MMC(0)... OK\n"
        ),
        "{first}"
    );
    for round in 1..6 {
        if round == 2 {
            // The flags are 4 and 5 or so: as after 250 saves more.
            let mut card = fs::read(lab.path("card.img")).unwrap();
            for at in [0x8_0004, 0x8_8004] {
                card[at] = card[at].wrapping_add(250);
            }
            fs::write(lab.path("card.img"), card).unwrap();
        }
        let before = format!("note={}\n", round - 1);
        assert_eq!(lab.tool("fw_printenv", &BLOCKS, &["note"]), before, "round {round}");
        lab.tool("fw_setenv", &BLOCKS, &["note", "tool"]);
        let (text, success) = lab.script(&format!("printenv note; setenv note {round}; saveenv"));
        assert!(success && text.starts_with(MMC_LOADED), "round {round}: {text}");
        assert!(text.contains("note=tool\n"), "round {round}: {text}");
    }
    // One copy lost, and then both.
    let mut card = fs::read(lab.path("card.img")).unwrap();
    for (at, note) in [(0x8_0030, true), (0x8_8030, false)] {
        card[at] ^= 1;
        fs::write(lab.path("card.img"), &card).unwrap();
        let (text, _) = lab.script("printenv note");
        assert_eq!(text.contains("note="), note, "{text}");
    }
}

#[test]
fn a_file_on_fat_is_read_and_written_by_fw_printenv_and_fw_setenv() {
    let lab = lab("environment-fat", FAT);
    lab.make_card();
    let (first, _) = lab.script("setenv note 'a  b'; saveenv");
    assert_eq!(
        first,
        format!(
            "Loading Environment from FAT... Unable to read \"uboot.env\" from mmc0:1... \n\
             *** Warning - File not found: 'uboot.env', using default environment\n\n{FAT_SAVED}"
        )
    );
    lab.mcopy("uboot.env", false);
    assert_eq!(fs::metadata(lab.path("uboot.env")).unwrap().len(), 0x4000);
    assert_eq!(lab.tool("fw_printenv", &FILES[..1], &["note"]), "note=a  b\n");
    lab.tool("fw_setenv", &FILES[..1], &["note", "changed"]);
    lab.mcopy("uboot.env", true);
    let (second, _) = lab.script("printenv note; setenv note 2; saveenv; eraseenv; ls mmc 0:1");
    assert_eq!(
        second,
        format!(
            "{FAT_LOADED}note=changed\n{FAT_SAVED}Erasing Environment on FAT... OK\n\
             \n0 file(s), 0 dir(s)\n\n"
        )
    );
}

#[test]
fn two_files_on_fat_are_shared_with_fw_setenv() {
    let lab = lab("environment-fat-redundant", &format!("{FAT}{REDUNDANT_FILE}"));
    lab.make_card();
    let names = FILES.map(|(name, _)| name);
    lab.script("setenv note 0; saveenv; saveenv");
    for round in 1..6 {
        names.iter().for_each(|name| lab.mcopy(name, false));
        let before = format!("note={}\n", round - 1);
        assert_eq!(lab.tool("fw_printenv", &FILES, &["note"]), before, "round {round}");
        lab.tool("fw_setenv", &FILES, &["note", "tool"]);
        names.iter().for_each(|name| lab.mcopy(name, true));
        let (text, success) = lab.script(&format!("printenv note; setenv note {round}; saveenv"));
        assert!(
            success && text.starts_with(FAT_LOADED) && text.ends_with(FAT_SAVED),
            "round {round}: {text}"
        );
        assert!(text.contains("note=tool\n"), "round {round}: {text}");
    }
}

#[test]
fn images_of_mkenvimage_are_loaded() {
    for (number, (environment, redundant)) in [
        (FAT.to_owned(), false),
        (format!("{FAT}{REDUNDANT_FILE}"), true),
        (BLOCK.to_owned(), false),
        (format!("{BLOCK}{REDUNDANT_OFFSET}"), true),
    ]
    .into_iter()
    .enumerate()
    {
        let lab = lab(&format!("environment-disk-mkenvimage-{number}"), &environment);
        lab.make_card();
        lab.mkenvimage("uboot.env", "0x4000", redundant);
        if environment.starts_with(FAT) {
            lab.mcopy("uboot.env", true);
        } else {
            let image = fs::read(lab.path("uboot.env")).unwrap();
            let mut card = fs::read(lab.path("card.img")).unwrap();
            card[0x8_0000..0x8_4000].copy_from_slice(&image);
            fs::write(lab.path("card.img"), card).unwrap();
        }
        let (text, success) = lab.script("printenv note board; env exists bootcmd");
        assert!(!success && text.ends_with("note=image\nboard=other\n"), "{text}");
    }
}

#[test]
fn without_a_card_a_script_says_why() {
    for environment in [FAT, BLOCK] {
        let lab = lab("environment-no-card", environment);
        let output = lab.output("printenv board; saveenv", None);
        let text = printed(&output);
        assert!(
            text.ends_with(
                "Saving Environment to nowhere... Failed (1)\n\
                 no storage for the environment: --card names no image for mmc 0\n"
            ),
            "{text}"
        );
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn an_image_of_a_flash_is_refused() {
    let lab = lab("environment-no-flash", BLOCK);
    let output = lab.output("true", Some(("--env", "env.img")));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("--env: the board board does not save its environment in a flash"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(!Path::new(&lab.path("env.img")).exists());
}
