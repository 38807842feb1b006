//! Dialogues with the small commands. Where U-Boot 2023.01 (Debian) has the same command, the expected text was read off it.

use hal::fakes::SystemEvent;
use hal::{PhysAddr, Region, Width};

use super::COMMANDS;
use super::testing::{Bench, RAM};
use crate::context::Status;

#[test]
fn the_table_is_sorted_and_documented() {
    assert!(
        COMMANDS.is_sorted_by(|a, b| a.name < b.name),
        "COMMANDS is not sorted by name"
    );
    for command in COMMANDS {
        assert!(!command.summary.is_empty(), "{} has no summary", command.name);
        assert!(!command.help.is_empty(), "{} has no help", command.name);
        assert!(!command.examples.is_empty(), "{} has no example", command.name);
    }
}

#[test]
fn no_name_stands_for_two_commands() {
    let names = Bench::new().context.command_names();
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
}

#[test]
fn echo() {
    Bench::new().dialogue(
        "\
=> echo
\n\
=> echo a  b 'c  d'
a b c  d
=> echo -n a; echo b -n
ab -n
=> echo 'a\\c'; echo b
ab
=> echo a\\c
ac
",
    );
}

#[test]
fn printenv_and_setenv() {
    let mut bench = Bench::new();
    bench.dialogue(
        "\
=> setenv q 'a b' c   d
=> printenv q
q=a b c d
=> setenv -f p 1
=> printenv q nope p; echo $?
q=a b c d
## Error: \"nope\" not defined
p=1
1
=> setenv a=b c
## Error: illegal character '=' in variable name \"a=b\"
=> setenv '' c
## Error: \"\" cannot name a variable: a name is printable, without blank and without '='
=> printenv
p=1
q=a b c d

Environment size: 15/262144 bytes
=> setenv q
=> setenv p ''
=> printenv p
p=
=> setenv p '' ''; printenv p
p= 
=> setenv p; printenv

Environment size: 1/262144 bytes
",
    );
    let usage = bench.enter("setenv");
    assert_eq!(
        usage,
        "setenv - set environment variables\n\nUsage:\nsetenv [-f] name value ...\nsetenv [-f] name\n"
    );
    assert_eq!(bench.status(), Status::Failure);
}

#[test]
fn help() {
    let mut bench = Bench::new();
    let list = bench.enter("help");
    assert!(list.starts_with("?         - alias for 'help'\n"), "{list}");
    assert!(list.contains("\nbdinfo    - print what the machine is\n"), "{list}");
    let names = bench.context.command_names();
    assert_eq!(list.lines().count(), names.len());
    assert_eq!(bench.enter("?"), list);
    assert_eq!(
        bench.enter("help true"),
        "true - do nothing, successfully\n\nUsage:\ntrue\n\nSets $? to 0.\n\n\
         Examples:\n    while true; do ping ${serverip}; sleep 1; done\n\n"
    );
    assert_eq!(
        bench.enter("help nope; echo $?"),
        "Unknown command 'nope' - try 'help' without arguments for list of all known commands\n\n1\n"
    );
    for name in names {
        let text = bench.enter(&alloc::format!("help {name}"));
        assert!(
            text.contains("\n\nUsage:\n") && text.contains("\nExamples:\n"),
            "{text}"
        );
        assert!(!text.contains("  \n") && !text.contains(" \n"), "{text:?}");
    }
}

#[test]
fn version() {
    assert_eq!(Bench::new().enter("version"), "Slipway 0.1.0 (speaks U-Boot 2026.10)\n");
}

#[test]
fn bdinfo() {
    let mut bench = Bench::new();
    bench.context.env.set("ethaddr", "52:54:00:12:34:56").unwrap();
    assert_eq!(
        bench.enter("bdinfo"),
        "\
boot_params = 0x0000000000000000
DRAM bank   = 0x0000000000000000
-> start    = 0x0000000040000000
-> size     = 0x0000000001000000
reserved    = 0x40f00000..0x41000000 the loader
relocaddr   = 0x0000000040f00000
reloc off   = 0x0000000040f00000
level       = EL2
current eth = <NULL>
ethaddr     = 52:54:00:12:34:56
IP addr     = <NULL>
fdt_blob    = <NULL>
Build       = 64-bit
"
    );
}

#[test]
fn md_and_mw() {
    Bench::new().dialogue(
        "\
=> mw 40200000 0 10
=> md 40200000 3
40200000: 00000000 00000000 00000000           ............
=> mw 0x40200000 deadbeef 4
=> md 40200000 5
40200000: deadbeef deadbeef deadbeef deadbeef  ................
40200010: 00000000                             ....
=> mw.b 40200000 61 5; md.b 40200000 8
40200000: 61 61 61 61 61 be ad de                          aaaaa...
=> mw.q 40200000 1122334455667788; md.q 40200000 1
40200000: 1122334455667788                   .wfUD3\".
=> md 40200002 2
40200002: 33445566 beef1122                    fUD3\"...
=> mw.b 40200007 ff41; md.b 40200006 3
40200006: 22 41 ef                                         \"A.
=> md.w 40200000 3
40200000: 7788 5566 3344                           .wfUD3
=> md 0x0x40200008 1
Warning: '0x0x40200008' has its 0x twice; read as 0x40200008
40200008: deadbeef                             ....
",
    );
}

#[test]
fn md_goes_on_and_remembers_its_count() {
    let mut bench = Bench::new();
    assert_eq!(bench.enter("md 40200000").lines().count(), 16);
    bench.enter("mw.b 40200000 30 20");
    assert_eq!(
        bench.enter("md.b 40200000 2"),
        "40200000: 30 30                                            00\n"
    );
    assert_eq!(
        bench.enter(""),
        "40200002: 30 30                                            00\n"
    );
    assert_eq!(
        bench.enter(""),
        "40200004: 30 30                                            00\n"
    );
    assert_eq!(
        bench.enter("md.w 40200000"),
        "40200000: 3030 3030                                0000\n"
    );
    assert_eq!(bench.enter("md 40200000 0"), "");
}

#[test]
fn devices_are_read_and_written_at_their_width() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.enter("md 9000010 1"),
        "09000010: 09000010                             ....\n"
    );
    bench.enter("mw.w 9000000 12345 2");
    let written = |at| SystemEvent::Write(PhysAddr(at), Width::Half, 0x2345);
    assert_eq!(bench.system.events(), [written(0x0900_0000), written(0x0900_0002)]);
}

#[test]
fn what_cannot_be_read_or_written_is_an_error() {
    Bench::new().dialogue(
        "\
=> md 900000000 1
nothing answers at 0x900000000 (ESR 0x96000010)
=> md 9000ffc 2
09000ffc: 09000ffc                             ....
nothing answers at 0x9001000 (ESR 0x96000010)
=> mw 900000000 1; echo $?
nothing answers at 0x900000000 (ESR 0x96000010)
1
=> mw.b 40efffff 0 2
0x40efffff..0x40f00001 runs into the loader at 0x40f00000..0x41000000
=> mw 40fffffe 0
0x40fffffe..0x41000002 is not all RAM: the bank there is 0x40000000..0x41000000
=> mw.b 0 0 50000000
0x0..0x50000000 is not all RAM: the bank there is 0x40000000..0x41000000
=> mw.q ffffffffffffffff 0
0x8 bytes at 0xffffffffffffffff run past the end of the address space
=> mw.q 0 0 ffffffffffffffff
0xffffffffffffffff bytes at 0x0 run past the end of the address space
=> md zork
'zork' is not a hexadecimal number
=> md.x 40000000
md - memory display

Usage:
md [.b, .w, .l, .q] address [# of objects]
=> mw 40000000
mw - memory write (fill)

Usage:
mw [.b, .w, .l, .q] address value [count]
",
    );
}

#[test]
fn mw_knows_an_edit_from_damage() {
    let mut bench = Bench::new();
    let memory = &mut bench.context.memory;
    let claim = memory.claim(PhysAddr(RAM), 0x100, "Image").unwrap();
    memory.record(claim, 0x100);
    let damaged = |bench: &Bench| {
        bench
            .context
            .memory
            .file_at(PhysAddr(RAM))
            .unwrap()
            .overwritten_by
            .clone()
    };
    assert_eq!(bench.enter("mw.b 40000000 1 100"), "");
    assert_eq!(damaged(&bench), None);
    assert_eq!(bench.enter("mw.b 400000ff 2 2"), "");
    assert_eq!(damaged(&bench).as_deref(), Some("mw"));
    let bytes = bench
        .context
        .memory
        .bytes(Region::new(PhysAddr(RAM + 0xfe), 4).unwrap())
        .unwrap();
    assert_eq!(bytes, [1, 2, 2, hal::fakes::VecRam::PATTERN]);
}

#[test]
fn a_large_fill_is_exact() {
    let mut bench = Bench::new();
    assert_eq!(bench.enter("mw.l 40000004 12345678 90000"), "");
    let memory = &bench.context.memory;
    let at = |offset| memory.bytes(Region::new(PhysAddr(RAM + offset), 4).unwrap()).unwrap();
    let pattern = [hal::fakes::VecRam::PATTERN; 4];
    assert_eq!(at(0), pattern);
    assert_eq!(at(4), [0x78, 0x56, 0x34, 0x12]);
    assert_eq!(at(0x10_0000), [0x78, 0x56, 0x34, 0x12]);
    assert_eq!(at(0x24_0000), [0x78, 0x56, 0x34, 0x12]);
    assert_eq!(at(0x24_0004), pattern);
}

#[test]
fn sleep() {
    let mut bench = Bench::new();
    let before = bench.context.clock.now();
    assert_eq!(bench.enter("sleep 1.5; echo $?"), "0\n");
    let passed = bench.context.clock.now().since(before);
    assert!((1500..1600).contains(&passed.as_millis()), "{passed:?}");
    assert_eq!(bench.enter("sleep 0x1; echo $?"), "'0x1' is not a decimal number\n1\n");
    assert_eq!(
        bench.enter("sleep"),
        "sleep - wait for some seconds\n\nUsage:\nsleep N\n"
    );
}

#[test]
fn reset_and_poweroff() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.enter("reset; poweroff"),
        "resetting ...\nThe machine was not reset: this machine is a simulation\n\
         poweroff ...\nThe machine was not switched off: this machine is a simulation\n"
    );
    assert_eq!(bench.system.events(), [SystemEvent::Reset, SystemEvent::PowerOff]);
}
