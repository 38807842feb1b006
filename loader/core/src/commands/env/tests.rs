//! Dialogues with `env`. What U-Boot 2025.01 has as well was read off it.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec;

use hal::PhysAddr;
use hal::fakes::FakeFlash;

use crate::commands::testing::{Bench, RAM};
use crate::env::{Copies, FlashPlace, Place, Storage};

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.context.default_env.set("board", "virt").unwrap();
    bench.context.default_env.set("delay", "2").unwrap();
    bench
}

#[test]
fn defaults() {
    bench().dialogue(
        "\
=> env set x 'echo y'
=> env run x; env exists x; echo $?
y
0
=> env exists nope; echo $?
1
=> env set delay 5; env default delay; echo $?; printenv delay
0
delay=2
=> env default x; echo $?; env exists x; echo $?
WARNING: 'x' not in imported env, deleting it!
0
1
=> env default x; echo $?
WARNING: 'x' neither in running nor in imported env!
0
=> env set x 1
=> env default -f -a; env print
## Resetting to default environment
board=virt
delay=2

Environment size: 20/262144 bytes
=> env set x 1; env set delay 7; env default -ka; env print
## Resetting to default environment
board=virt
delay=2
x=1

Environment size: 24/262144 bytes
=> env delete delay; echo $?
0
=> env delete -f delay board; echo $?
1
=> env print board
## Error: \"board\" not defined
",
    );
}

#[test]
fn wrong_arguments_show_the_usage() {
    let mut bench = bench();
    for wrong in [
        "env",
        "env nonsense",
        "env e",
        "env ex",
        "env exists",
        "env default",
        "env default -a x",
        "env default -k x",
        "env default -x",
        "env delete -f",
        "env de x",
        "env erase x",
        "env export",
        "env export -t",
        "env export -x 40200000",
        "env flags x",
        "env import",
        "env import -t",
        "env import -x 40200000 10",
        "env indirect a",
        "env info x",
        "env info -x",
        "env load x",
        "env select a b",
    ] {
        let answer = bench.enter(wrong);
        assert!(
            answer.starts_with("env - environment handling commands\n\nUsage:\nenv ask"),
            "{wrong}: {answer}"
        );
    }
}

/// `.flags`, as U-Boot answers to variables that are set before it.
#[test]
fn flags_hold() {
    bench().dialogue(
        "\
=> setenv a 1; setenv b 2; setenv d 1.2.3.4; setenv e 00:11:22:33:44:55; setenv g s
=> setenv .flags a:d,b:xr,d:io,e:mc,g:sr,delay:dr,n:sr
=> setenv a 12x; echo $?
## Error: flags type check failure for \"a\" <= \"12x\" (type: d)
## Error inserting \"a\" variable, errno=1
1
=> setenv b 12; echo $?
## Error: Can't overwrite \"b\"
## Error inserting \"b\" variable, errno=1
1
=> setenv b; echo $?
## Error: Can't delete \"b\"
1
=> setenv -f b 12g
## Error: flags type check failure for \"b\" <= \"12g\" (type: x)
## Error inserting \"b\" variable, errno=1
=> setenv -f b 12; echo $?
0
=> setenv d; setenv -f d; setenv d 1.1.1.1; setenv d 1.1.1.2
## Error: Can't delete \"d\"
## Error: Can't overwrite \"d\"
## Error inserting \"d\" variable, errno=1
=> setenv e 00:11:22:33:44:56
oldval: 00:11:22:33:44:55  defval: 
## Error: Can't overwrite \"e\"
## Error inserting \"e\" variable, errno=1
=> setenv n 1
## Error: Can't create \"n\"
## Error inserting \"n\" variable, errno=1
",
    );
}

#[test]
fn flags_hold_for_what_commands_find_out() {
    bench().dialogue(
        "\
=> setenv a 1; setenv .flags a:dr
=> setexpr a 1 + 1; echo $?
## Error: Can't overwrite \"a\"
## Error inserting \"a\" variable, errno=1
1
=> setexpr a sub 1 2; echo $?
## Error: Can't overwrite \"a\"
## Error inserting \"a\" variable, errno=1
1
=> mw.b 40200000 0 1; hash crc32 40200000 1 a; echo $?; printenv a
crc32 for 40200000 ... 40200000 ==> d202ef8d
## Error: flags type check failure for \"a\" <= \"d202ef8d\" (type: d)
## Error inserting \"a\" variable, errno=1
1
a=1
",
    );
}

#[test]
fn flags_hold_for_the_network_import_and_default() {
    bench().dialogue(
        "\
=> setenv ipaddr foo
## Error: flags type check failure for \"ipaddr\" <= \"foo\" (type: i)
## Error inserting \"ipaddr\" variable, errno=1
=> setenv ethaddr 00:11:22:33:44:55; setenv ethaddr 00:11:22:33:44:56
## Error: Can't overwrite \"ethaddr\"
## Error inserting \"ethaddr\" variable, errno=1
=> setenv -f ethaddr
=> setenv a 1; setenv b 2; setenv delay 5; setenv .flags b:sr,delay:dr
=> env default delay; echo $?
## Error: Can't overwrite \"delay\"
himport_r: can't insert \"delay=2\" into hash table
0
=> env default b; echo $?; printenv b
## Error: Can't delete \"b\"
WARNING: 'b' neither in running nor in imported env!
0
b=2
=> env default -f delay; printenv delay
delay=2
=> env export -t 40200000 a b; setenv a 5; setenv -f b 6; env import -t 40200000; echo $?; printenv a b
## Info: input data size = 9 = 0x9
## Error: Can't overwrite \"b\"
himport_r: can't insert \"b=2\" into hash table
0
a=1
b=6
=> env delete b; echo $?
## Error: Can't delete \"b\"
1
=> setenv .flags a:q,b:dz
## Warning: Unknown environment variable type 'q'
## Warning: Unknown environment variable access method 'z'
=> printenv -a
.flags=a:q,b:dz
a=1
b=6
delay=2
filesize=9

Environment size: 44/262144 bytes
=> printenv
a=1
b=6
delay=2
filesize=9

Environment size: 28/262144 bytes
",
    );
}

#[test]
fn flags_are_listed() {
    let mut bench = bench();
    bench.enter("setenv b 6; setenv .flags b:d");
    let flags = bench.enter("env flags");
    for line in [
        "Available variable type flags (position 0):",
        "\ti\tIP address",
        "\to\twrite-once",
        "Static flags:",
        "\teth\\d*addr           MAC address          write-once",
        "Active flags:",
        "\tb                    decimal              any",
    ] {
        assert!(flags.lines().any(|have| have == line), "{line}: {flags}");
    }
}

#[test]
fn exports() {
    bench().dialogue(
        "\
=> setenv arch arm; setenv board qemu-arm; setenv .hid 1; setenv big 11111111111111111
=> env export -t 40200000 arch board nope; echo $? $filesize
0 19
=> md.b 40200000 1a
40200000: 61 72 63 68 3d 61 72 6d 0a 62 6f 61 72 64 3d 71  arch=arm.board=q
40200010: 65 6d 75 2d 61 72 6d 0a 00 a5                    emu-arm...
=> env export 40200000 big; echo $filesize
17
=> env export 40200000 arch board big; echo $filesize
2F
=> env export -t -s 20 40200000 arch board; echo $? $filesize
0 20
=> md.b 40200018 10
40200018: 00 00 00 00 00 00 00 00 6f 61 72 64 3d 71 65 6d  ........oard=qem
",
    );
}

#[test]
fn exports_with_a_checksum() {
    bench().dialogue(
        "\
=> setenv arch arm; setenv board qemu-arm
=> env export -c -s 40 40200000 arch board; echo $filesize; md.b 40200000 20
40
40200000: 5b ae 46 4d 61 72 63 68 3d 61 72 6d 00 62 6f 61  [.FMarch=arm.boa
40200010: 72 64 3d 71 65 6d 75 2d 61 72 6d 00 00 00 00 00  rd=qemu-arm.....
=> env import -c 40200000 40; echo $?
0
=> env import -c 40200000 3f; echo $?
## Error: bad CRC, import failed
bad CRC: the environment says 4d46ae5b and has fba57346
1
=> env import -c 40200000; echo $?
## Error: external checksum format must pass size
1
=> env import -c 40200000 4; echo $?
## Error: Invalid size 0x4
1
=> env export -b 40200000 arch board; echo $filesize; md.b 40200000 18
40000
40200000: 61 72 63 68 3d 61 72 6d 00 62 6f 61 72 64 3d 71  arch=arm.board=q
40200010: 65 6d 75 2d 61 72 6d 00                          emu-arm.
=> env export -t -s 10 40200000 arch board; echo $?
Env export buffer too small: 16, but need 25
## Error: Cannot export environment: errno = 12
1
=> env export -t -b 40200000; echo $?
## Error: export: only one of \"-b\", \"-c\" or \"-t\" allowed
1
=> env export -s ffffffff 40200000
a size of 0xffffffff bytes is over the limit of 0x41010
=> env export zz
'zz' is not a hexadecimal number
=> env export 90000000
0x90000000..0x90000028 is not all RAM: RAM is 0x40000000..0x41000000
",
    );
}

#[test]
fn imports() {
    bench().dialogue(
        "\
=> setenv a 1; setenv b 2; setenv c 3
=> env export -t 40200000 a b c; setenv a; setenv b; setenv c
=> env import -t 40200000 5; echo $?; printenv a b c
0
a=1
## Error: \"b\" not defined
## Error: \"c\" not defined
=> env import -t 40200000 -; echo $?; printenv c
## Info: input data size = 13 = 0xD
0
c=3
=> setenv a; setenv b; setenv c; env import -t 40200000 $filesize b c nope; printenv a b c
## Error: \"a\" not defined
b=2
c=3
=> setenv nope 5; env import -d -t 40200000 d nope
WARNING: 'nope' not in imported env, deleting it!
=> setenv nope 5; env import -d -t 40200000 d; printenv
a=1
b=2
c=3

Environment size: 13/262144 bytes
=> env import 40200000 d
## Warning: defaulting to text format
=> env import -t -b; echo $?
## import: only one of \"-b\", \"-c\" or \"-t\" allowed
1
=> env export -b 40200000 a b; env import -d -b 40200000; printenv
## Info: input data size = 9 = 0x9
a=1
b=2

Environment size: 9/262144 bytes
=> mw.b 40200000 0 2; env import -b 40200000 -
## Info: input data size = 2 = 0x2
=> env import -t 40200000 100001
0x100001 bytes are over the limit of 0x100000
=> env import -t 0 1
0x0..0x1 is not all RAM: RAM is 0x40000000..0x41000000
",
    );
}

#[test]
fn a_text_file_is_imported_and_what_is_no_variable_is_said() {
    let mut bench = bench();
    let text = b"# uEnv.txt\r\nbootargs=quiet\r\nb c=1\r\n\r\n=2\r\nx=\xff\r\n \tlast=1";
    let len = u64::try_from(text.len()).unwrap();
    let claim = bench.context.memory.claim(PhysAddr(RAM), len, "uEnv.txt").unwrap();
    bench.context.memory.write(&claim, 0, text).unwrap();
    bench.context.memory.record(claim, len);
    assert_eq!(
        bench.enter(&format!("env import -t -r {RAM:x} {len:x}; echo $?")),
        "## Warning: left out: \"b c\" cannot name a variable\n\
         ## Warning: left out: \"\" cannot name a variable\n\
         ## Warning: left out: the value of \"x\" is not UTF-8 text\n0\n"
    );
    bench.dialogue("=> printenv bootargs last\nbootargs=quiet\nlast=1\n");
}

#[test]
fn indirect_info_and_select() {
    let mut bench = bench();
    bench.dialogue(
        "\
=> setenv a 1; env indirect x a; printenv x
x=1
=> env indirect x nope 7; printenv x
x=7
=> env indirect x nope; echo $?
## env indirect: Environment variable for <from> (nope) does not exist.
1
=> env info
env_valid = invalid
env_ready = true
env_use_default = true
=> env info -p -d; echo $?
Default environment is used
Environment cannot be persisted
1
=> env info -d -q; echo $?
0
=> env select; echo $?
Select Environment on nowhere: OK
0
=> env load; echo $?
no storage for the environment on this board
1
",
    );
    let flash = FakeFlash::new(PhysAddr(0x400_0000), 2, 0x1000);
    let place = FlashPlace {
        flash: PhysAddr(0x400_0000),
        offset: 0,
        size: 0x1000,
        copies: Copies::Redundant(0x1000),
    };
    bench.context.persistence.storage = Some(Storage::open(Place::Flash(place), vec![Box::new(flash)]).unwrap());
    bench.dialogue(
        "\
=> env info -dpq; echo $?
0
=> env save && env load && env info
Saving Environment to Flash... OK
Loading Environment from Flash... OK
env_valid = valid
env_ready = true
env_use_default = false
=> env info -p -d; echo $?
Environment was loaded from persistent storage
Environment can be persisted
1
=> env select Flash
Select Environment on Flash: OK
=> env select MMC; echo $?
Select Environment on MMC: driver not found
1
=> eraseenv
Erasing Environment on Flash... OK
",
    );
}
