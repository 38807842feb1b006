//! The folders of `board-configs/`: whatever is in them can be used, and what people need is there.

use std::path::{Path, PathBuf};

use board_schema::Folder;
use loader_core::env::Environment;
use loader_core::shell::parser;
use qemu::Machine;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every board's folder, read.
fn boards() -> Vec<(PathBuf, Folder)> {
    let entries = std::fs::read_dir(root().join("board-configs")).unwrap();
    let folders = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let boards: Vec<_> = folders
        .map(|path| {
            let folder = Folder::read(&path).unwrap_or_else(|error| panic!("{error}"));
            (path, folder)
        })
        .collect();
    assert!(boards.len() >= 5, "{} boards", boards.len());
    boards
}

/// Data only: no file here is compiled or run on the host.
#[test]
fn a_board_is_data() {
    const KNOWN: [&str; 9] = ["bif", "cmd", "dtb", "dts", "env", "itb", "md", "toml", "txt"];
    for (path, folder) in boards() {
        for entry in std::fs::read_dir(&path).unwrap() {
            let file = entry.unwrap().path();
            let kind = file.extension().unwrap_or_default().to_string_lossy().into_owned();
            assert!(
                KNOWN.contains(&kind.as_str()),
                "{} does not belong there",
                file.display()
            );
        }
        let readme = std::fs::read_to_string(path.join("README.md")).unwrap();
        assert!(readme.contains("## "), "{}: README.md says nothing", folder.name);
    }
}

/// The environment boots something, and its addresses are in RAM and apart from each other.
#[test]
fn the_default_environment_fits_the_board() {
    for (_, folder) in boards() {
        let name = &folder.name;
        let env = Environment::from_defaults(&folder.environment);
        for variable in ["arch", "board", "bootcmd", "bootdelay", "boot_targets", "baudrate"] {
            assert!(env.get(variable).is_some(), "{name}: default.env sets no {variable}");
        }
        for (variable, command) in env.iter().filter(|(variable, _)| variable.contains("bootcmd")) {
            parser::parse(command).unwrap_or_else(|error| panic!("{name}: {variable}: {error}"));
        }
        let mut addresses = Vec::new();
        for variable in [
            "kernel_addr_r",
            "ramdisk_addr_r",
            "scriptaddr",
            "pxefile_addr_r",
            "kernel_comp_addr_r",
        ] {
            let address = env.hex(variable);
            let address = address.unwrap_or_else(|| panic!("{name}: {variable} is no address"));
            assert!(
                address >= folder.board.memory.start && address != 0,
                "{name}: {variable} {address:#x} is below RAM"
            );
            let kept = folder.board.reserved.iter();
            for part in kept {
                let inside = address
                    .checked_sub(part.address)
                    .is_some_and(|offset| offset < part.size);
                assert!(!inside, "{name}: {variable} lies in {}", part.name);
            }
            addresses.push(address);
        }
        addresses.sort_unstable();
        let nearest = addresses.windows(2).map(|pair| pair[1] - pair[0]).min();
        assert!(nearest >= Some(0x8_0000), "{name}: addresses are {nearest:#x?} apart");
        assert!(
            env.hex("fdt_addr_r").or(env.hex("fdt_addr")).is_some(),
            "{name}: no place for a tree"
        );
    }
}

/// As in U-Boot's environments for these boards: `fdt set .. reg <${kernel_addr_r} 0x${filesize}>` of scripts for Xen reads a number without
/// `0x` as a decimal one.
#[test]
fn addresses_begin_with_0x() {
    for (_, folder) in boards() {
        let env = Environment::from_defaults(&folder.environment);
        for (name, value) in env.iter() {
            let is_address = name.contains("addr") || name.ends_with("_size") || name.contains("_size_");
            assert!(
                !is_address || value.starts_with("0x"),
                "{}: {name}={value}",
                folder.name
            );
        }
    }
}

/// The `boot.scr` of AMD's images goes through `boot_targets` and boots from a card whose target is called `mmc0` or `mmc1`
/// (meta-xilinx, `boot.cmd.generic`): with `mmc` alone it would end without a word.
#[test]
fn amds_boards_name_their_cards_as_amds_scripts_do() {
    for (_, folder) in boards() {
        let env = Environment::from_defaults(&folder.environment);
        if env.get("vendor") == Some("xilinx") {
            let targets = env.get("boot_targets").unwrap_or_default();
            assert!(targets.starts_with("mmc0 mmc1 "), "{}: {targets}", folder.name);
        }
    }
}

#[test]
fn the_example_scripts_are_scripts() {
    for (_, folder) in boards() {
        let script = folder.script.unwrap_or_else(|| panic!("{}: no boot.cmd", folder.name));
        parser::parse(&script).unwrap_or_else(|error| panic!("{}/boot.cmd: {error}", folder.name));
        let starts = |line: &str| line.starts_with("booti ") || line.starts_with("bootm ");
        assert!(script.lines().any(starts), "{}/boot.cmd starts nothing", folder.name);
    }
}

/// Each board has a machine of QEMU's, or its README says that there is none.
#[test]
fn each_board_has_its_machine() {
    for (path, folder) in boards() {
        let readme = std::fs::read_to_string(path.join("README.md")).unwrap();
        let none = readme.contains("QEMU has no such board");
        let machine = Machine::of_board(&folder.name);
        assert_eq!(machine.is_err(), none, "{}: {:?}", folder.name, machine.err());
    }
}
