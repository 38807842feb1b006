use std::path::Path;

use super::{Bank, Reserved};
use crate::tests::{VIRT, all_refused};
use crate::{Board, BoardError, parse};

/// The board with these tables behind its own, the first of whose lines is line 7.
fn board(tables: &str) -> Result<Board, BoardError> {
    parse(Path::new("board.toml"), &format!("{VIRT}{tables}"))
}

#[test]
fn a_board_keeps_memory_for_others_and_knows_its_banks() {
    let plain = board("").unwrap();
    assert!(plain.reserved.is_empty() && plain.memory.bank.is_empty() && plain.load.is_none());
    let text = VIRT.replace("memory.start = 0x4000_0000\n", "");
    let tables = "[memory]\nstart = 0\n[[memory.bank]]\nstart = 0\nsize = 0x3b40_0000\n\
        [[memory.bank]]\nstart = 0x4000_0000\nsize = 0x4000_0000\n\
        [[reserved]]\naddress = 0x1000\nsize = 0x7_f000\nname = 'TF-A'\n[load]\naddress = 0x8_0000\n";
    let board = parse(Path::new("board.toml"), &format!("{text}{tables}")).unwrap();
    assert_eq!(board.memory.start, 0);
    let bank = |start, size| Bank { start, size };
    assert_eq!(
        board.memory.bank,
        [bank(0, 0x3b40_0000), bank(0x4000_0000, 0x4000_0000)]
    );
    let kept = Reserved {
        address: 0x1000,
        size: 0x7_f000,
        name: "TF-A".to_owned(),
    };
    assert_eq!(board.reserved, [kept]);
    assert_eq!(board.load.unwrap().address, 0x8_0000);
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let reserved = "[[reserved]]\naddress = 0x1000\nsize = 0x1000\nname = 'TF-A'\n";
    let with = |old, new| reserved.replace(old, new);
    all_refused(&[
        (with("size = 0x1000", "size = 0"), 9, 8, "a size of 0 is none"),
        (with("size", "len"), 9, 1, "unknown field `len`"),
        (with("name = 'TF-A'", ""), 7, 1, "missing field `name`"),
        (with("TF-A", ""), 10, 8, "a name is one line"),
        (with("'TF-A'", "\"a\\nb\""), 10, 8, "a name is one line"),
        (with("0x1000\ns", "-1\ns"), 8, 11, "u64"),
        (
            "[load]\naddress = 0x8_0010\n".into(),
            8,
            11,
            "0x80010 is no multiple of 0x1000",
        ),
        ("[load]\nadress = 0\n".into(), 8, 1, "unknown field `adress`"),
    ]);
}

#[test]
fn what_cannot_be_is_told() {
    let banks = |first: u64, second: u64| {
        let bank = |start| format!("[[memory.bank]]\nstart = {start:#x}\nsize = 0x1000\n");
        let text = VIRT.replace("memory.start = 0x4000_0000\n", "[memory]\nstart = 0x1000\n");
        // The table comes last: what followed it belongs to the board.
        let (head, tail) = text.split_once("[memory]\nstart = 0x1000\n").unwrap();
        let text = format!("{head}{tail}[memory]\nstart = 0x1000\n{}{}", bank(first), bank(second));
        parse(Path::new("board.toml"), &text)
    };
    banks(0x3000, 0x2000).unwrap();
    let error = banks(0x2800, 0x2000).unwrap_err().to_string();
    assert_eq!(
        error,
        "board.toml: memory.bank of 0x1000 bytes at 0x2000 reaches into the one at 0x2800"
    );
    let error = banks(0x2000, 0x800).unwrap_err().to_string();
    assert_eq!(
        error,
        "board.toml: memory.bank at 0x800 begins below memory.start, 0x1000"
    );
}
