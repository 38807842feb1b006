//! What goes wrong before a server is asked; the rest is in the simulation's tests, which have one.

use crate::commands::testing::Bench;

#[test]
fn what_is_missing_is_named() {
    let mut bench = Bench::new();
    for line in ["pxe", "pxe boot 1 2", "pxe get x", "pxe put"] {
        assert!(
            bench.enter(line).starts_with("pxe - get and boot from pxe files\n"),
            "{line}"
        );
    }
    bench.dialogue(
        "\
=> pxe get; echo $?
missing environment variable: pxefile_addr_r
1
=> pxe boot; echo $?
missing environment variable: pxefile_addr_r
1
=> setenv pxefile_addr_r 40100000; pxe get; echo $?
No ethernet found.
The machine has no network device that there is a driver for
1
=> mw.b 40100000 0 10; pxe boot; echo $?
No label of the menu could be started
1
=> pxe boot x; echo $?
Invalid pxefile address: x
'x' is not a hexadecimal number
1
=> pxe boot 50000000; echo $?
0x50000000..0x50000001 is not all RAM: RAM is 0x40000000..0x41000000
1
",
    );
}

#[test]
fn a_menu_that_was_not_loaded_ends_with_a_zero_byte() {
    let mut bench = Bench::new();
    bench.load(0x4010_0000, "menu", b"label one\nlocalboot 1\n\0label\n");
    bench.enter("setenv localcmd echo local; cp.b 40100000 40200000 40");
    assert_eq!(bench.enter("pxe boot 40200000"), "1:\tone\nlocal\n");
    bench.enter("mw.b 40300000 23 20000");
    assert_eq!(
        bench.enter("pxe boot 40300000"),
        "Error parsing config file\n0x40300000 has 65537 bytes, a file of a boot menu at most 65536\n"
    );
}
