use std::path::Path;

use super::{BlockEnvironment, Device, Environment, FatEnvironment, Interface, Kind, Volume};
use crate::BoardError;
use crate::parse;
use crate::tests::VIRT;

/// The environment of a board that has this table, whose first key is in line 8.
fn environment(table: &str) -> Result<Environment, BoardError> {
    let board = parse(Path::new("board.toml"), &format!("{VIRT}[environment]\n{table}"))?;
    Ok(board.environment.expect("the table is there"))
}

fn refused(table: &str) -> String {
    environment(table).unwrap_err().to_string()
}

const FAT: &str = "kind = 'fat'\ndevice = 'mmc 0:1'\nfile = 'uboot.env'\nsize = 0x4000\n";
const BLOCK: &str = "kind = 'block'\ndevice = 'mmc 0'\noffset = 0x40_0000\nsize = 0x4000\n";

#[test]
fn files_on_fat() {
    let fat = |table: &str| match environment(table).unwrap() {
        Environment::Fat(fat) => fat,
        other => panic!("{other:?}"),
    };
    let expected = FatEnvironment {
        kind: Kind::Fat,
        device: Device {
            interface: Interface::Mmc,
            number: 0,
            volume: Volume::Number(1),
        },
        file: "uboot.env".to_owned(),
        redundant_file: None,
        size: 0x4000,
    };
    assert_eq!(fat(FAT), expected);
    let two = fat(&format!("{FAT}redundant-file = 'uboot-redund.env'\n"));
    assert_eq!(two.redundant_file.as_deref(), Some("uboot-redund.env"));
    // A FAT file has any size.
    assert_eq!(fat(&FAT.replace("0x4000", "1000")).size, 1000);
}

#[test]
fn blocks_of_a_device() {
    let block = |table: &str| match environment(table).unwrap() {
        Environment::Block(block) => block,
        other => panic!("{other:?}"),
    };
    let expected = BlockEnvironment {
        kind: Kind::Block,
        device: Device {
            interface: Interface::Mmc,
            number: 0,
            volume: Volume::Default,
        },
        offset: 0x40_0000,
        size: 0x4000,
        redundant_offset: None,
        backup_offset: None,
    };
    assert_eq!(block(BLOCK), expected);
    let two = block(&format!("{BLOCK}redundant-offset = 0x40_4000\n"));
    assert_eq!((two.redundant_offset, two.backup_offset), (Some(0x40_4000), None));
    let two = block(&format!("{BLOCK}backup-offset = 0x3f_c000\n"));
    assert_eq!((two.redundant_offset, two.backup_offset), (None, Some(0x3f_c000)));
}

#[test]
fn devices_are_named_as_in_commands() {
    let device = |text: &str| Device::try_from(text.to_owned());
    let good = |text: &str| {
        let device = device(text).unwrap();
        (device.interface, device.number, device.volume)
    };
    assert_eq!(good("mmc 0"), (Interface::Mmc, 0, Volume::Default));
    assert_eq!(good("mmc 0:"), (Interface::Mmc, 0, Volume::Default));
    assert_eq!(good("virtio 1:auto"), (Interface::Virtio, 1, Volume::Auto));
    assert_eq!(good("virtio a:1f"), (Interface::Virtio, 10, Volume::Number(31)));
    assert_eq!(good("mmc 1#boot"), (Interface::Mmc, 1, Volume::Name("boot".to_owned())));
    assert_eq!(good("mmc 1#a:b"), (Interface::Mmc, 1, Volume::Name("a:b".to_owned())));
    for (text, why) in [
        ("", "expected an interface and a number, such as mmc 0:1"),
        ("mmc", "expected an interface and a number, such as mmc 0:1"),
        ("usb 0:1", "the interfaces are mmc and virtio"),
        ("mmc x", "its number is no hexadecimal number"),
        ("mmc  0", "its number is no hexadecimal number"),
        ("mmc +1", "its number is no hexadecimal number"),
        ("mmc 100000000", "its number is no hexadecimal number"),
        ("mmc 0.1:1", "its number is no hexadecimal number"),
        ("mmc :1", "its number is no hexadecimal number"),
        ("mmc 0:one", "a partition is a hexadecimal number, or auto"),
        ("mmc 0:1:2", "a partition is a hexadecimal number, or auto"),
        ("mmc 0#", "there is no name behind #"),
    ] {
        assert_eq!(device(text), Err(format!("\"{text}\" is no device: {why}")));
    }
}

/// Each table is refused at that line and column for that reason.
fn all_refused(cases: &[(String, usize, usize, &str)]) {
    for (table, line, column, why) in cases {
        let error = refused(table);
        assert!(error.contains(&format!("line {line}, column {column}\n")), "{error}");
        assert!(error.contains(why), "{error}");
    }
}

/// The line is that of the value or key, not that of the table.
#[test]
fn what_is_wrong_with_blocks_is_told_with_its_line() {
    let with = |old, new| BLOCK.replace(old, new);
    let and = |more| format!("{BLOCK}{more}\n");
    let no_blocks = "0x400001 is no multiple of 0x200, the size of a block";
    all_refused(&[
        (with("0x40_0000", "0x40_0001"), 10, 10, no_blocks),
        (with("0x4000", "0x4001"), 11, 8, "0x4001 is no multiple of 0x200"),
        (with("0x4000", "0"), 11, 8, "0x0 is not between 0x10 and 0x100000"),
        (with("0x4000", "0x10_0200"), 11, 8, "0x100200 is not between 0x10 and"),
        (with("0x4000", "-512"), 11, 8, "expected u64"),
        (with("mmc 0", "mmc 0:1"), 9, 10, "name no partition"),
        (with("mmc 0", "mmc"), 9, 10, "\"mmc\" is no device"),
        (with("offset", "#"), 7, 1, "missing field `offset`"),
        (with("device", "#"), 7, 1, "missing field `device`"),
        (and("redundant-offset = 7"), 12, 20, "0x7 is no multiple of 0x200"),
        (and("backup-offset = 0x201"), 12, 17, "0x201 is no multiple of 0x200"),
        (and("address = 0"), 12, 1, "unknown field `address`"),
        (and("file = 'x'"), 12, 1, "unknown field `file`"),
    ]);
}

#[test]
fn what_is_wrong_with_files_is_told_with_its_line() {
    let with = |old, new| FAT.replace(old, new);
    let and = |more| format!("{FAT}{more}\n");
    all_refused(&[
        (with("uboot.env", "/"), 10, 8, "\"/\" is no path of a file"),
        (with("0x4000", "15"), 11, 8, "0xf is not between 0x10 and 0x100000"),
        (with("mmc 0:1", "sd 0:1"), 9, 10, "the interfaces are mmc and virtio"),
        (with("file", "#"), 7, 1, "missing field `file`"),
        (with("size", "#"), 7, 1, "missing field `size`"),
        (with("kind", "#"), 7, 1, "missing field `kind`"),
        (with("fat", "tape"), 8, 8, "unknown variant `tape`"),
        (and("offset = 0"), 12, 1, "unknown field `offset`"),
        (and("redundant-offset = 0"), 12, 1, "unknown field `redundant-offset`"),
        (and("redundant-file = ''"), 12, 18, "\"\" is no path of a file"),
    ]);
}

#[test]
fn values_that_contradict_each_other_are_told() {
    for (table, why) in [
        (
            format!("{BLOCK}redundant-offset = 0\nbackup-offset = 0x200\n"),
            "redundant-offset and backup-offset; there is one second copy",
        ),
        (
            format!("{BLOCK}redundant-offset = 0x40_3e00\n"),
            "copies at 0x400000 and 0x403e00 overlap: each has 0x4000 bytes",
        ),
        (
            format!("{BLOCK}backup-offset = 0x40_0000\n"),
            "copies at 0x400000 and 0x400000 overlap",
        ),
        (
            format!("{FAT}redundant-file = '/./UBOOT.env'\n"),
            "the same file \"/./UBOOT.env\" twice",
        ),
    ] {
        let error = refused(&table);
        assert!(
            error.starts_with("board.toml: environment") && error.contains(why),
            "{error}"
        );
    }
}
