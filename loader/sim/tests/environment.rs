//! The environment in a flash image on the host: the same code as in the firmware, and Debian's tools on its bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder with a flash image, a board, and a configuration for libubootenv's tools.
struct Lab {
    folder: PathBuf,
    board: String,
}

impl Lab {
    /// With the board qemu-virt, its second copy renamed to `second`.
    fn new(name: &str, second: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // What an earlier run has left.
        let _ = fs::remove_dir_all(&folder);
        let board = folder.join("board");
        fs::create_dir_all(&board).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../board-configs/qemu-virt");
        fs::copy(source.join("default.env"), board.join("default.env")).unwrap();
        let toml = fs::read_to_string(source.join("board.toml")).unwrap();
        let toml = toml.replace("\nbackup-offset", &format!("\n{second}"));
        fs::write(board.join("board.toml"), toml).unwrap();
        Self {
            folder,
            board: board.display().to_string(),
        }
    }

    fn image(&self) -> PathBuf {
        self.folder.join("env.img")
    }

    /// Runs a script on the board; what it printed, and whether it succeeded.
    fn script(&self, text: &str) -> (String, bool) {
        let script = self.folder.join("script.txt");
        fs::write(&script, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_slipway-sim"))
            .args(["--board", &self.board, "--env"])
            .arg(self.image())
            .arg(&script)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n");
        (text, output.status.success())
    }

    /// Runs a tool with a configuration of as many lines as there are `copies`.
    fn tool(&self, program: &str, copies: u64, args: &[&str]) -> String {
        let config = self.folder.join("fw_env.config");
        let image = self.image();
        let line = |copy| format!("{} {:#x} 0x40000 0x40000\n", image.display(), copy * 0x4_0000);
        fs::write(&config, (0..copies).map(line).collect::<String>()).unwrap();
        let mut command = Command::new(program);
        let output = command.arg("-c").arg(&config).args(args).output();
        let output = output.unwrap_or_else(|error| panic!("{program}, which scripts/setup installs: {error}"));
        assert!(output.status.success(), "{program} {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

const SAVED: &str = "Saving Environment to Flash... OK\n";
const LOADED: &str = "Loading Environment from Flash... OK\n";

#[test]
fn one_line_for_fw_printenv_with_a_backup() {
    let lab = Lab::new("environment-backup", "backup-offset");
    let (first, _) = lab.script("setenv note 'a  b'; saveenv");
    assert!(
        first.contains("bad CRC, using default environment\n") && first.ends_with(SAVED),
        "{first}"
    );
    assert_eq!(lab.tool("fw_printenv", 1, &["note"]), "note=a  b\n");
    lab.tool("fw_setenv", 1, &["note", "changed"]);
    let (second, success) = lab.script("printenv note; test $note = changed");
    assert!(success && second.starts_with(LOADED), "{second}");
    assert!(second.ends_with("note=changed\n"), "{second}");
}

/// Each saves over what the other saved, again and again: the copies take turns.
#[test]
fn two_lines_for_fw_printenv_with_flags() {
    let lab = Lab::new("environment-redundant", "redundant-offset");
    lab.script("setenv note 0; saveenv");
    for round in 1..6 {
        let before = (round - 1).to_string();
        assert_eq!(
            lab.tool("fw_printenv", 2, &["note"]),
            format!("note={before}\n"),
            "round {round}"
        );
        lab.tool("fw_setenv", 2, &["note", "tool"]);
        if round % 2 == 0 {
            lab.tool("fw_setenv", 2, &["note", "tool again"]);
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
    let mut image = fs::read(lab.image()).unwrap();
    for (at, note) in [(0x30, true), (0x4_0030, false)] {
        image[at] ^= 1;
        fs::write(lab.image(), &image).unwrap();
        let (text, _) = lab.script("printenv note");
        assert_eq!(text.contains("note="), note, "{text}");
    }
}

#[test]
fn images_of_mkenvimage_are_loaded() {
    for (second, args, copies) in [("backup-offset", &[][..], 1), ("redundant-offset", &["-r"][..], 2)] {
        let lab = Lab::new(&format!("environment-mkenvimage-{copies}"), second);
        let text = lab.folder.join("env.txt");
        fs::write(&text, "note=image\nempty=\nboard=other\n").unwrap();
        let mut command = Command::new("mkenvimage");
        command
            .args(["-s", "0x40000", "-o"])
            .arg(lab.image())
            .args(args)
            .arg(&text);
        assert!(command.status().unwrap().success());
        let (text, success) = lab.script("printenv note board; env exists bootcmd");
        assert!(!success && text.ends_with("note=image\nboard=other\n"), "{text}");
    }
}

#[test]
fn without_the_option_there_is_no_storage_and_a_script_says_why() {
    let lab = Lab::new("environment-none", "backup-offset");
    let script = lab.folder.join("script.txt");
    fs::write(&script, "saveenv").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_slipway-sim"))
        .arg(&script)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("no storage for the environment: --env names no file for it"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_folder_is_no_flash() {
    let lab = Lab::new("environment-folder", "backup-offset");
    fs::create_dir_all(lab.image()).unwrap();
    let (_, success) = lab.script("true");
    assert!(!success);
}
