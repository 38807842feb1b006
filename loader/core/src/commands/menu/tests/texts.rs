//! What is read before there is a menu.

use super::*;

#[test]
fn notes_come_before_the_menu() {
    let mut bench = bench("bogus\nsay hello\x1b[2J\nlabel one\nkernel /Image\nkaslrseed\n");
    let output = bench.enter_untimed(SYSBOOT);
    let notes = "Ignoring unknown command: bogus (/extlinux/extlinux.conf, line 1)\nhello\\u{1b}[2J\n1:\tone\n";
    assert!(output.contains(notes), "{output}");
    assert!(output.contains("\nNo RNG device\n"), "{output}");
    let mut many = super::bench(&format!("{}label one\nkernel /Image\n", "frob\n".repeat(40)));
    let output = many.enter_untimed(SYSBOOT);
    assert!(
        output.contains("line 32)\nand 8 more such lines\n1:\tone\n"),
        "{output}"
    );
}

#[test]
fn included_files_come_from_the_same_place() {
    let more: [(&str, &[u8]); 1] = [("more.conf", b"label one\nkernel /Image\nappend included\n")];
    let mut bench = bench_with("include /more.conf\n", &more);
    let output = bench.enter_untimed(SYSBOOT);
    assert!(
        output.contains("Retrieving file: /more.conf\n40 bytes read\n1:\tone\n"),
        "{output}"
    );
    assert_eq!(started(&bench).2, "included");
}

#[test]
fn what_is_no_menu_is_told() {
    for (menu, why) in [
        (
            "label one\ninclude /nothere\n",
            "/extlinux/extlinux.conf, line 2: '/nothere' cannot be included: \
             Failed to load '/nothere': File not found: '/nothere'",
        ),
        ("label", "/extlinux/extlinux.conf, line 1: the label has no name"),
        (
            &"#".repeat(70_000),
            "/extlinux/extlinux.conf has 65537 bytes, a file of a boot menu at most 65536",
        ),
    ] {
        let mut bench = bench(menu);
        let output = bench.enter_untimed(&format!("{SYSBOOT}; echo $?"));
        assert!(
            output.ends_with(&format!("Error parsing config file\n{why}\n1\n")),
            "{output}"
        );
    }
}

#[test]
fn the_arguments_of_sysboot() {
    let mut bench = bench("label one\nkernel /Image\n");
    for line in [
        "sysboot",
        "sysboot virtio 0:1",
        "sysboot virtio 0:1 ntfs 40100000 x",
        "sysboot virtio 0:1 any 40100000 x y",
    ] {
        assert!(bench.enter(line).starts_with("sysboot - boot by a menu"), "{line}");
    }
    bench.dialogue(
        "\
=> sysboot virtio 0:1 any; echo $?
missing environment variable: pxefile_addr_r
1
=> setenv pxefile_addr_r 40100000; sysboot virtio 0:1 any; echo $?
missing environment variable: bootfile
1
=> sysboot virtio 1:1 any 40100000 /x; echo $?
** Bad device specification virtio 1 **
Couldn't find partition virtio 1:1: there is only virtio 0
1
=> sysboot virtio 0:1 ext2 40100000 /x; echo $?
Retrieving file: /x
Can't set block device: virtio 0:1 has fat, not ext4
1
=> sysboot virtio 0:1 fat 40f00000 /extlinux/extlinux.conf; echo $?
Retrieving file: /extlinux/extlinux.conf
** Reading file would overwrite reserved memory **
Failed to load '/extlinux/extlinux.conf': 0x40f00000..0x40f00018 runs into the loader at 0x40f00000..0x41000000
1
",
    );
    bench.enter("setenv bootfile /extlinux/extlinux.conf");
    bench.enter("sysboot virtio 0:1 fat");
    assert_eq!(bench.jumps().len(), 1);
}
