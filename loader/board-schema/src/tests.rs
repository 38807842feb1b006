use std::path::Path;

use super::{Environment, Folder, UartKind, parse};

pub(crate) const VIRT: &str = "description = 'd'\nmemory.start = 0x4000_0000\n\
    rom = { start = 0, size = 0x400_0000 }\n\
    [early-console]\nkind = 'pl011'\naddress = 0x900_0000\n";

#[test]
fn a_board_parses() {
    let board = parse(Path::new("board.toml"), VIRT).unwrap();
    assert_eq!(board.memory.start, 0x4000_0000);
    assert_eq!(board.early_console.kind, UartKind::Pl011);
}

#[test]
fn an_unknown_key_is_an_error_with_its_line() {
    let error = parse(Path::new("board.toml"), &VIRT.replace("address", "adress"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("line 6") && error.contains("adress"), "{error}");
}

const FLASH: &str = "[environment]\nkind = 'flash'\naddress = 0x400_0000\noffset = 0\nsize = 0x4_0000\n";

#[test]
fn the_environment_has_a_place() {
    let board = |more: &str| parse(Path::new("board.toml"), &format!("{VIRT}{FLASH}{more}"));
    let place = |more: &str| match board(more).unwrap().environment {
        Some(Environment::Flash(flash)) => (flash.size, flash.redundant_offset, flash.backup_offset),
        other => panic!("{other:?}"),
    };
    assert_eq!(place(""), (0x4_0000, None, None));
    assert_eq!(place("redundant-offset = 7\n"), (0x4_0000, Some(7), None));
    assert_eq!(place("backup-offset = 7\n"), (0x4_0000, None, Some(7)));
    let two = board("redundant-offset = 7\nbackup-offset = 8\n")
        .unwrap_err()
        .to_string();
    assert_eq!(
        two,
        "board.toml: environment has redundant-offset and backup-offset; there is one second copy"
    );
    let unknown = board("offest = 7\n").unwrap_err().to_string();
    assert!(
        unknown.contains("line 12, column 1\n") && unknown.contains("offest"),
        "{unknown}"
    );
    let kind = parse(
        Path::new("board.toml"),
        &format!("{VIRT}[environment]\nkind = 'tape'\n"),
    );
    assert!(kind.unwrap_err().to_string().contains("tape"));
}

/// Each table, behind the lines of [`VIRT`], is refused at that line and column for that reason.
pub(crate) fn all_refused(cases: &[(String, usize, usize, &str)]) {
    for (table, line, column, why) in cases {
        let error = parse(Path::new("board.toml"), &format!("{VIRT}{table}")).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(&format!("line {line}, column {column}\n")), "{error}");
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn the_early_console_is_a_uart_somewhere() {
    let with = |old, new| parse(Path::new("board.toml"), &VIRT.replace(old, new));
    for (name, kind) in [("cadence", UartKind::Cadence), ("imx", UartKind::Imx)] {
        assert_eq!(with("pl011", name).unwrap().early_console.kind, kind);
    }
    for (address, why) in [
        ("0", "0x0 is no place for registers"),
        ("0x900_0002", "0x9000002 is no place"),
        ("0x80_0000_0000", "below 2^39"),
    ] {
        let error = with("0x900_0000", address).unwrap_err().to_string();
        assert!(error.contains("line 6, column 11") && error.contains(why), "{error}");
    }
    let error = with("pl011", "8250").unwrap_err().to_string();
    assert!(
        error.contains("line 5, column 8") && error.contains("cadence"),
        "{error}"
    );
}

#[test]
fn every_board_in_the_tree_reads() {
    let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../board-configs");
    let mut count = 0;
    for entry in std::fs::read_dir(boards).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            Folder::read(&path).unwrap();
            count += 1;
        }
    }
    assert!(count > 0);
}
