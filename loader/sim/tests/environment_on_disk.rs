//! The environment on a card's blocks and on FAT: the same code as in the firmware, and Debian's tools on its bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder with a board of its own, the image of a card, and a configuration for libubootenv's tools.
struct Lab {
    folder: PathBuf,
}

const FAT: &str = "kind = 'fat'\ndevice = 'mmc 0:1'\nfile = 'uboot.env'\nsize = 0x4000\n";
const BLOCK: &str = "kind = 'block'\ndevice = 'mmc 0'\noffset = 0x8_0000\nsize = 0x4000\n";
const REDUNDANT_FILE: &str = "redundant-file = 'uboot-redund.env'\n";
const REDUNDANT_OFFSET: &str = "redundant-offset = 0x8_8000\n";

/// Where the card has its partition, in bytes.
const PARTITION: u64 = 1 << 20;

impl Lab {
    /// With the board qemu-virt, its environment in another place.
    fn new(name: &str, environment: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // What an earlier run has left.
        let _ = fs::remove_dir_all(&folder);
        let board = folder.join("board");
        fs::create_dir_all(&board).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../board-configs/qemu-virt");
        fs::copy(source.join("default.env"), board.join("default.env")).unwrap();
        let toml = fs::read_to_string(source.join("board.toml")).unwrap();
        let (before, _) = toml.split_once("[environment]\n").unwrap();
        fs::write(
            board.join("board.toml"),
            format!("{before}[environment]\n{environment}"),
        )
        .unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// A card of 16 MiB with one partition from its first MiB on, which has a FAT16.
    fn make_card(&self) {
        let card = self.path("card.img");
        fs::write(&card, vec![0x5a; 16 << 20]).unwrap();
        run(Command::new("sgdisk").args(["-n", "1:2048:30000", "-t", "1:ef00", "-c", "1:boot", &card]));
        let sectors = (30_000 - 2048 + 1) / 2;
        run(Command::new("mkfs.fat").args(["-F", "16", "--offset", "2048", &card, &sectors.to_string()]));
    }

    /// Runs a script with the card in the first slot, if there is one.
    fn output(&self, text: &str, card: bool) -> Output {
        let script = self.path("script.txt");
        fs::write(&script, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipway-sim"));
        command.args(["--board", &self.path("board")]);
        if card {
            command.args(["--card", &self.path("card.img")]);
        }
        command.arg(&script).stdin(Stdio::null()).output().unwrap()
    }

    /// What a script printed, and whether it succeeded.
    fn script(&self, text: &str) -> (String, bool) {
        let output = self.output(text, true);
        let text = String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n");
        (text, output.status.success())
    }

    /// Runs one of libubootenv's tools on copies: a file and an offset each.
    fn tool(&self, program: &str, copies: &[(&str, u64)], args: &[&str]) -> String {
        let config = self.path("fw_env.config");
        let line = |(name, offset): &(&str, u64)| format!("{} {offset:#x} 0x4000\n", self.path(name));
        fs::write(&config, copies.iter().map(line).collect::<String>()).unwrap();
        run(Command::new(program).args(["-c", &config]).args(args))
    }

    /// Copies a file between the card's partition and the folder, as one with this name.
    fn mcopy(&self, name: &str, to_card: bool) {
        let image = format!("{}@@{PARTITION}", self.path("card.img"));
        let (outside, inside) = (self.path(name), format!("::{name}"));
        let (from, to) = if to_card { (outside, inside) } else { (inside, outside) };
        run(Command::new("mcopy").args(["-n", "-o", "-i", &image, &from, &to]));
    }
}

/// Runs a tool that has to succeed, and gives what it printed.
fn run(command: &mut Command) -> String {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = command.env("PATH", path).env("MTOOLS_SKIP_CHECK", "1").output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}, which scripts/setup installs: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

const MMC_LOADED: &str = "Loading Environment from MMC... OK\n";
const FAT_LOADED: &str = "Loading Environment from FAT... OK\n";
const FAT_SAVED: &str = "Saving Environment to FAT... OK\n";

#[test]
fn blocks_are_read_and_written_by_fw_printenv_and_fw_setenv() {
    let lab = Lab::new("environment-block", BLOCK);
    lab.make_card();
    let copies = [("card.img", 0x8_0000)];
    let (first, _) = lab.script("setenv note 'a  b'; saveenv");
    assert_eq!(
        first,
        "Loading Environment from MMC... *** Warning - bad CRC, using default environment\n\n\
         Saving Environment to MMC... Writing to MMC(0)... OK\n"
    );
    assert_eq!(lab.tool("fw_printenv", &copies, &["note"]), "note=a  b\n");
    lab.tool("fw_setenv", &copies, &["note", "changed"]);
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
    let lab = Lab::new("environment-block-redundant", &format!("{BLOCK}{REDUNDANT_OFFSET}"));
    lab.make_card();
    let copies = [("card.img", 0x8_0000), ("card.img", 0x8_8000)];
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
        assert_eq!(lab.tool("fw_printenv", &copies, &["note"]), before, "round {round}");
        lab.tool("fw_setenv", &copies, &["note", "tool"]);
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
    let lab = Lab::new("environment-fat", FAT);
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
    let copies = [("uboot.env", 0)];
    assert_eq!(lab.tool("fw_printenv", &copies, &["note"]), "note=a  b\n");
    lab.tool("fw_setenv", &copies, &["note", "changed"]);
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
    let lab = Lab::new("environment-fat-redundant", &format!("{FAT}{REDUNDANT_FILE}"));
    lab.make_card();
    let names = ["uboot.env", "uboot-redund.env"];
    let copies = names.map(|name| (name, 0));
    lab.script("setenv note 0; saveenv; saveenv");
    for round in 1..6 {
        names.iter().for_each(|name| lab.mcopy(name, false));
        let before = format!("note={}\n", round - 1);
        assert_eq!(lab.tool("fw_printenv", &copies, &["note"]), before, "round {round}");
        lab.tool("fw_setenv", &copies, &["note", "tool"]);
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
        let lab = Lab::new(&format!("environment-disk-mkenvimage-{number}"), &environment);
        lab.make_card();
        fs::write(lab.path("env.txt"), "note=image\nempty=\nboard=other\n").unwrap();
        let mut command = Command::new("mkenvimage");
        command.args(["-s", "0x4000", "-o", &lab.path("uboot.env")]);
        command.args(redundant.then_some("-r"));
        run(command.arg(lab.path("env.txt")));
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
        let lab = Lab::new("environment-no-card", environment);
        let output = lab.output("printenv board; saveenv", false);
        let text = String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n");
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
    let lab = Lab::new("environment-no-flash", BLOCK);
    fs::write(lab.path("script.txt"), "true").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_slipway-sim"))
        .args(["--board", &lab.path("board"), "--env", &lab.path("env.img")])
        .arg(lab.path("script.txt"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("--env: the board board does not save its environment in a flash"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(!Path::new(&lab.path("env.img")).exists());
}
