//! In a flash.

use std::fs;

use super::{Lab, printed, simulator};

const IMAGE: (&str, &str) = ("--env", "env.img");

/// The places of the copies: offset, size, and size of an erase block.
const COPIES: [(&str, &str); 2] = [
    ("env.img", "0x0 0x40000 0x40000"),
    ("env.img", "0x40000 0x40000 0x40000"),
];

/// With the second copy renamed to `second`.
fn lab(name: &str, second: &str) -> Lab {
    Lab::new(name, IMAGE, |toml| {
        toml.replace("\nbackup-offset", &format!("\n{second}"))
    })
}

const SAVED: &str = "Saving Environment to Flash... OK\n";
const LOADED: &str = "Loading Environment from Flash... OK\n";

#[test]
fn one_line_for_fw_printenv_with_a_backup() {
    let lab = lab("environment-backup", "backup-offset");
    let (first, _) = lab.script("setenv note 'a  b'; saveenv");
    assert!(
        first.contains("bad CRC, using default environment\n") && first.ends_with(SAVED),
        "{first}"
    );
    assert_eq!(lab.tool("fw_printenv", &COPIES[..1], &["note"]), "note=a  b\n");
    lab.tool("fw_setenv", &COPIES[..1], &["note", "changed"]);
    let (second, success) = lab.script("printenv note; test $note = changed");
    assert!(success && second.starts_with(LOADED), "{second}");
    assert!(second.ends_with("note=changed\n"), "{second}");
}

/// Each saves over what the other saved, again and again: the copies take turns.
#[test]
fn two_lines_for_fw_printenv_with_flags() {
    let lab = lab("environment-redundant", "redundant-offset");
    lab.script("setenv note 0; saveenv");
    for round in 1..6 {
        let before = (round - 1).to_string();
        assert_eq!(
            lab.tool("fw_printenv", &COPIES, &["note"]),
            format!("note={before}\n"),
            "round {round}"
        );
        lab.tool("fw_setenv", &COPIES, &["note", "tool"]);
        if round % 2 == 0 {
            lab.tool("fw_setenv", &COPIES, &["note", "tool again"]);
        }
        let (text, success) = lab.script(&format!("printenv note; setenv note {round}; saveenv"));
        assert!(
            success && text.starts_with(LOADED) && text.ends_with(SAVED),
            "round {round}: {text}"
        );
        assert!(text.contains("note=tool"), "round {round}: {text}");
        assert_eq!(
            text.contains("note=tool again"),
            round % 2 == 0,
            "round {round}: {text}"
        );
    }
    // One copy lost, and then both.
    let mut image = fs::read(lab.path("env.img")).unwrap();
    for (at, note) in [(0x30, true), (0x4_0030, false)] {
        image[at] ^= 1;
        fs::write(lab.path("env.img"), &image).unwrap();
        let (text, _) = lab.script("printenv note");
        assert_eq!(text.contains("note="), note, "{text}");
    }
}

#[test]
fn images_of_mkenvimage_are_loaded() {
    for (second, redundant) in [("backup-offset", false), ("redundant-offset", true)] {
        let lab = lab(&format!("environment-mkenvimage-{second}"), second);
        lab.mkenvimage("env.img", "0x40000", redundant);
        let (text, success) = lab.script("printenv note board; env exists bootcmd");
        assert!(!success && text.ends_with("note=image\nboard=other\n"), "{text}");
    }
}

#[test]
fn without_the_option_there_is_no_storage_and_a_script_says_why() {
    let lab = lab("environment-none", "backup-offset");
    let script = lab.path("script.txt");
    fs::write(&script, "saveenv").unwrap();
    let output = simulator().arg(&script).output().unwrap();
    let text = printed(&output);
    assert!(
        text.contains("no storage for the environment: --env names no file for it"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_folder_is_no_flash() {
    let lab = lab("environment-folder", "backup-offset");
    fs::create_dir_all(lab.path("env.img")).unwrap();
    let (_, success) = lab.script("true");
    assert!(!success);
}
