use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use hal::block::{BlockFault, BlockInterface};
use hal::fakes::{FakeDisk, FakeFlash};
use hal::{BlockDevice, PhysAddr};

use super::{Persistence, announce_tree, load};
use crate::commands::testing::Bench;
use crate::context::Status;
use crate::env::format::Header;
use crate::env::{BlockPlace, Copies, Environment, FatPlace, FlashPlace, Place, Storage};
use crate::fs::Which;
use crate::storage::Storage as Disks;

const START: PhysAddr = PhysAddr(0x400_0000);

fn bench(flash: &FakeFlash, copies: Copies) -> Bench {
    let mut bench = Bench::new();
    let place = FlashPlace {
        flash: START,
        offset: 0,
        size: 0x1000,
        copies,
    };
    bench.context.default_env.set("board", "virt").unwrap();
    bench.context.persistence.storage =
        Some(Storage::open(Place::Flash(place), vec![Box::new(flash.clone())]).unwrap());
    bench
}

fn start(bench: &mut Bench) -> String {
    load(&mut bench.context);
    bench.wire.take_output().replace("\r\n", "\n")
}

#[test]
fn a_saved_environment_survives_a_reset() {
    let flash = FakeFlash::new(START, 2, 0x1000);
    let mut first = bench(&flash, Copies::Backup(0x1000));
    let warning = "Loading Environment from Flash... *** Warning - bad CRC, using default environment\n\n";
    assert_eq!(start(&mut first), warning);
    first.context.env.set("x", "a\\b").unwrap();
    first.dialogue(
        "\
=> printenv board
board=virt
=> setenv board other; setenv .flags x:sr
=> saveenv; echo $?
Saving Environment to Flash... OK
0
",
    );
    let mut second = bench(&flash, Copies::Backup(0x1000));
    assert_eq!(start(&mut second), "Loading Environment from Flash... OK\n");
    second.dialogue(
        "\
=> printenv
board=other
x=a\\b

Environment size: 19/4092 bytes
=> setenv x 1
## Error: Can't overwrite \"x\"
## Error inserting \"x\" variable, errno=1
=> env erase
Erasing Environment on Flash... OK
=> env load; echo $?; printenv x
Loading Environment from Flash... *** Warning - bad CRC, using default environment

1
## Error: \"x\" not defined
",
    );
}

#[test]
fn a_backup_is_taken_with_a_warning_and_what_is_no_variable_left_out() {
    let flash = FakeFlash::new(START, 2, 0x1000);
    let mut first = bench(&flash, Copies::Backup(0x1000));
    first.enter("setenv x 1; saveenv");
    flash.overwrite(0x10, b"#");
    assert_eq!(
        start(&mut first),
        "Loading Environment from Flash... OK\n\
         *** Warning - some problems detected reading environment; recovered successfully\n\n"
    );
    assert_eq!(first.context.env.get("x"), Some("1"));
    let bad: String = (0..6).map(|number| format!("b {number}=1\0")).collect();
    let mut content = format!("{bad}y=2\0\0").into_bytes();
    content.resize(0x1000 - Header::Plain.size(), 0);
    flash.overwrite(0, &crc32fast::hash(&content).to_le_bytes());
    flash.overwrite(4, &content);
    let output = start(&mut first);
    assert!(
        output.starts_with("Loading Environment from Flash... OK\n## Warning: left out: \"b 0\" cannot name"),
        "{output}"
    );
    assert!(
        output.ends_with("\"b 3\" cannot name a variable\n## Warning: left out: 2 more\n"),
        "{output}"
    );
    assert_eq!(first.context.env.get("y"), Some("2"));
}

/// A machine with an environment in blocks of its first card, and what is in its slots.
fn block_bench(cards: &[&FakeDisk]) -> Bench {
    let mut bench = Bench::new();
    let place = BlockPlace {
        interface: BlockInterface::Mmc,
        number: 0,
        offset: 0x400,
        size: 0x400,
        copies: Copies::Redundant(0x800),
    };
    bench.context.persistence = Persistence::open(Some(Place::Block(place)), Vec::new());
    let cards = cards
        .iter()
        .map(|card| Box::new((*card).clone()) as Box<dyn BlockDevice>);
    bench.context.storage = Disks::new(cards.collect());
    bench
}

#[test]
fn an_environment_on_a_card_is_told_with_u_boots_words() {
    let card = FakeDisk::zeroed(8).as_card();
    let mut first = block_bench(&[&card]);
    assert_eq!(
        start(&mut first),
        "Loading Environment from MMC... *** Warning - bad CRC, using default environment\n\n"
    );
    first.dialogue(
        "\
=> setenv x 1; saveenv && saveenv
Saving Environment to MMC... Writing to MMC(0)... OK
Saving Environment to MMC... Writing to redundant MMC(0)... OK
=> env load; printenv x
Loading Environment from MMC... OK
x=1
=> env info -p
Environment can be persisted
=> env select MMC
Select Environment on MMC: OK
",
    );
    card.break_blocks(4..5, BlockFault::Crc);
    assert_eq!(
        start(&mut block_bench(&[&card])),
        "Loading Environment from MMC... OK\n\
         *** Warning - some problems detected reading environment; recovered successfully\n\n"
    );
    card.break_blocks(2..3, BlockFault::NoMedium);
    let mut taken_out = block_bench(&[&card]);
    assert_eq!(
        start(&mut taken_out),
        "Loading Environment from MMC... *** Warning - fake-disk, block 2: no card present, using default environment\n\n"
    );
    assert_eq!(
        taken_out.enter("saveenv; echo $?"),
        "Saving Environment to MMC... Failed (1)\nfake-disk, block 2: no card present\n1\n"
    );
}

#[test]
fn a_card_slot_that_is_not_there_is_told() {
    let mut bench = block_bench(&[]);
    bench.context.default_env.set("board", "virt").unwrap();
    assert_eq!(
        start(&mut bench),
        "Loading Environment from MMC... *** Warning - this machine has no mmc device, using default environment\n\n"
    );
    bench.dialogue(
        "\
=> printenv board
board=virt
=> saveenv; echo $?
Saving Environment to MMC... Failed (1)
this machine has no mmc device
1
=> eraseenv; echo $?
Erasing Environment on MMC... Failed (1)
this machine has no mmc device
1
=> env info -p; echo $?
Environment cannot be persisted
1
",
    );
}

/// Ctrl-C at a save that takes long is kept for what comes after it.
#[test]
fn nobody_stops_a_save() {
    let card = FakeDisk::zeroed(8).as_card();
    let mut bench = block_bench(&[&card]);
    assert_eq!(bench.interrupted("saveenv"), Ok(Status::Success));
    assert_eq!(
        start(&mut block_bench(&[&card])),
        "Loading Environment from MMC... OK\n"
    );
}

#[test]
fn a_file_system_that_is_not_there_is_told() {
    let mut bench = Bench::new();
    let place = FatPlace {
        interface: BlockInterface::Virtio,
        number: 0,
        volume: Which::Number(1),
        file: "uboot.env".into(),
        redundant: None,
        size: 0x400,
    };
    bench.context.persistence = Persistence::open(Some(Place::Fat(place)), Vec::new());
    bench.context.storage = Disks::new(vec![Box::new(FakeDisk::zeroed(8))]);
    assert_eq!(
        start(&mut bench),
        "Loading Environment from FAT... Unable to use virtio 0:1... \n\
         *** Warning - it has no partition table, using default environment\n\n"
    );
    assert_eq!(
        bench.enter("saveenv; echo $?"),
        "Saving Environment to FAT... Unable to use virtio 0:1... Failed (1)\nit has no partition table\n1\n"
    );
}

#[test]
fn a_flash_that_fails_is_told() {
    let flash = FakeFlash::new(START, 2, 0x1000);
    let mut bench = bench(&flash, Copies::Single);
    flash.cut_after(3);
    assert_eq!(
        bench.enter("saveenv; echo $?"),
        "Saving Environment to Flash... Failed (1)\nthe flash is still busy at its deadline, at 0x4000000\n1\n"
    );
}

#[test]
fn a_board_without_storage_says_so() {
    let mut bench = Bench::new();
    assert_eq!(load(&mut bench.context), Status::Failure);
    assert_eq!(bench.wire.take_output(), "");
    let answer = bench.enter("saveenv; echo $?");
    assert_eq!(
        answer,
        "Saving Environment to nowhere... Failed (1)\nno storage for the environment on this board\n1\n"
    );
    bench.context.persistence.missing = "there is no flash at 0x4000000".into();
    assert_eq!(
        start(&mut bench),
        "*** Warning - no storage for the environment: there is no flash at 0x4000000, using default environment\n\n"
    );
    assert!(
        bench
            .enter("env save")
            .contains("no storage for the environment: there is no flash")
    );
}

#[test]
fn the_machines_tree_is_where_scripts_look_for_it() {
    let announced = |defaults: &str| {
        let mut env = Environment::from_defaults(defaults);
        announce_tree(&mut env, PhysAddr(0x3ede_f000));
        ["fdtcontroladdr", "fdt_addr"].map(|name| env.get(name).unwrap_or_default().to_string())
    };
    assert_eq!(announced(""), ["3edef000", "3edef000"]);
    assert_eq!(announced("fdt_addr=40000000"), ["3edef000", "40000000"]);
    // What an earlier start said and `saveenv` kept.
    assert_eq!(
        announced("fdt_addr=2eff0000\nfdtcontroladdr=2eff0000"),
        ["3edef000", "3edef000"]
    );
    assert_eq!(
        announced("fdt_addr=40000000\nfdtcontroladdr=2eff0000"),
        ["3edef000", "40000000"]
    );
}

/// In U-Boot's words. A saved address in the place of one that was made up is what somebody wants.
#[test]
fn an_address_that_is_odd_is_told() {
    const OWN: &str = "02:00:00:00:00:07";
    let random = Some(String::from("using random MAC address - 02:00:00:00:00:07"));
    assert_eq!(super::mac_warning((OWN, true), None), random);
    let other = super::mac_warning((OWN, false), Some("02:00:00:00:00:08")).unwrap();
    assert!(other.starts_with("MAC addresses don't match:\n"), "{other}");
    for (made_up, saved) in [
        (false, None),
        (false, Some("02:00:00:00:00:07")),
        (true, Some("02:00:00:00:00:08")),
    ] {
        assert_eq!(super::mac_warning((OWN, made_up), saved), None, "{made_up} {saved:?}");
    }
}
