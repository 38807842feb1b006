use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec;

use hal::PhysAddr;
use hal::fakes::FakeFlash;

use super::load;
use crate::commands::testing::Bench;
use crate::context::Status;
use crate::env::format::Header;
use crate::env::{Copies, FlashPlace, Place, Storage};

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
