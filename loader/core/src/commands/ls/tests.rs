use crate::commands::testing::Bench;
use crate::commands::testing::disks::{fat, partitioned};
use crate::context::CommandError;

/// A folder, a file, and files that come behind.
fn bench() -> Bench {
    let mut bench = Bench::new();
    let files: [(&str, &[u8]); 6] = [
        ("d/", b""),
        ("a", b"1"),
        ("b", b"12"),
        ("c", b""),
        ("e", b""),
        ("f", b""),
    ];
    bench.attach(&[partitioned(&[(true, &fat(&files))])]);
    bench
}

#[test]
fn names_are_listed() {
    bench().dialogue(
        "\
=> ls virtio 0:1
            d/
        1   a
        2   b
        0   c
        0   e
        0   f

5 file(s), 1 dir(s)

",
    );
}

#[test]
fn ctrl_c_ends_the_list() {
    let mut bench = bench();
    let result = bench.interrupted_at("   a\r\n", "ls virtio 0:1");
    assert_eq!(result, Err(CommandError::Interrupted));
    assert_eq!(bench.wire.take_output(), "            d/\r\n        1   a\r\n");
}

#[test]
fn the_pagers_q_ends_the_list() {
    let mut bench = bench();
    bench.context.env.set("pager", "4").unwrap();
    let output = bench.type_in("ls virtio 0:1\rq");
    assert_eq!(
        output,
        "ls virtio 0:1\n            d/\n        1   a\n        2   b\n\
         : Press SPACE to continue\r                         \r<INTERRUPT>\n=> "
    );
}
