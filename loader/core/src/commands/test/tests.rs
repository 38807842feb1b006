use crate::commands::testing::Bench;

/// The status of each line, as U-Boot 2025.01 has it.
const QUESTIONS: &[(&str, u8)] = &[
    ("test", 1),
    ("test a", 1),
    ("test \"\"", 1),
    ("test -z", 1),
    ("test -z \"\"", 0),
    ("test -z a", 1),
    ("test -n \"\"", 1),
    ("test -n a", 0),
    ("test a = a", 0),
    ("test a = b", 1),
    ("test a == a", 0),
    ("test a != b", 0),
    ("test a != a", 1),
    ("test a < b", 0),
    ("test b < a", 1),
    ("test a > b", 1),
    ("test b > a", 0),
    ("test 1 -eq 1", 0),
    ("test 1 -eq 01", 0),
    ("test 0x10 -eq 16", 0),
    ("test 10 -eq 0xa", 0),
    ("test 010 -eq 8", 0),
    ("test 010 -eq 10", 1),
    ("test -1 -lt 0", 0),
    ("test 1x -eq 1", 0),
    ("test x -eq 0", 0),
    ("test \"\" -eq 0", 0),
    ("test ff -gt 5", 1),
    ("test 5 -ge 5", 0),
    ("test 5 -gt 5", 1),
    ("test 5 -le 5", 0),
    ("test 5 -lt 5", 1),
    ("test 5 -ne 5", 1),
    ("test 5 -ne 6", 0),
    ("test 0xffffffffffffffff -lt 0", 0),
    ("test 9223372036854775807 -gt 1", 0),
    ("test 9223372036854775808 -gt 1", 1),
    ("test 18446744073709551616 -eq 0", 0),
    ("test 18446744073709551617 -eq 1", 0),
    ("test ! a = a", 1),
    ("test ! a = b", 0),
    ("test ! -z \"\"", 1),
    ("test ! ! a = a", 0),
    ("test a = a -a b = b", 0),
    ("test a = a -a b = c", 1),
    ("test a = b -o c = c", 0),
    ("test a = b -o c = d", 1),
    ("test a = b -a c = c -o d = d", 0),
    ("test a = a -o b = b -a c = d", 1),
    ("test a = b -o b = b -a c = d", 1),
    ("test a = a -o b = c -a c = d", 1),
    ("test a = b -a b = b -o c = c", 0),
    ("test ! a = b -a ! c = d", 0),
    ("test ! a = b -o a = b", 0),
    ("test ! a = a -o a = a", 0),
    ("test a = a -a ! a = a", 1),
    ("test a = a b", 0),
    ("test a = a b = c", 1),
    ("test a = a -a", 0),
    ("test -a a = a", 1),
    ("test a =", 0),
    ("test = a", 0),
    ("test -n = -n", 0),
    ("test -z = a", 1),
    ("test -z -z", 1),
    ("test ! \"\"", 0),
    ("test ! a", 0),
    ("test a b", 0),
    ("test a b c", 0),
    ("test a b c d", 0),
    ("test -e", 1),
    ("test -e mmc 0:1", 0),
    ("test -n $unset", 1),
    ("test -n \"$unset\"", 1),
    ("test -z $unset", 1),
    ("test $unset = a", 0),
    ("test \"$unset\" = \"\"", 0),
    ("test a -foo b", 0),
    ("test - -eq 0", 0),
    ("test -5 -lt -4", 0),
    ("test \"1 \" -eq 1", 0),
    ("test \" 1\" -eq 1", 1),
    ("test 0X10 -eq 16", 0),
    ("test 0x -eq 0", 0),
    ("test 0b1 -eq 1", 1),
    ("test +1 -eq 1", 1),
    ("test -0x10 -eq -16", 0),
    ("test 08 -eq 8", 1),
    ("test 08 -eq 0", 0),
    ("test -o -o -o", 1),
    ("test -n -a -n", 0),
    ("test -z \"\" -a -n a", 0),
    ("test -z \"\" -o -n \"\"", 0),
    ("test -z \"\" -n \"\"", 1),
    ("test a = a -a b", 0),
    ("test b -a a = a", 0),
];

#[test]
fn questions_are_answered_as_u_boot_does() {
    let mut bench = Bench::new();
    for (line, status) in QUESTIONS {
        assert_eq!(bench.enter(line), "", "{line}");
        assert_eq!(bench.enter("echo $?"), alloc::format!("{status}\n"), "{line}");
    }
}

#[track_caller]
fn status(bench: &mut Bench, line: &str, status: u8) {
    assert_eq!(bench.enter(line), "", "{line}");
    assert_eq!(bench.enter("echo $?"), alloc::format!("{status}\n"), "{line}");
}

#[test]
fn parentheses_hold_together() {
    let mut bench = Bench::new();
    for (line, answer) in [
        ("test ( a = a )", 0),
        ("test ( a = b )", 1),
        ("test ! ( a = b )", 0),
        ("test a = a -o ( b = b -a c = d )", 0),
        ("test ( a = a -o b = b ) -a c = d", 1),
        ("test ( ( a = a ) -a ( b = b ) )", 0),
        ("test ( = (", 0),
    ] {
        status(&mut bench, line, answer);
    }
    assert_eq!(bench.enter("test ( a = a"), "test: '(' without ')'\n");
    let deep = ["test ", &"( ".repeat(17), "a = a", &" )".repeat(17)].concat();
    assert_eq!(bench.enter(&deep), "test: parentheses nested deeper than 16 levels\n");
    bench.dialogue("=> echo $?\n1\n");
}

#[test]
fn brackets_are_test() {
    let mut bench = Bench::new();
    status(&mut bench, "[ a = a ]", 0);
    status(&mut bench, "[ a = b ]", 1);
    status(&mut bench, "[ ]", 1);
    status(&mut bench, "[ -z \"\" ]", 0);
    assert_eq!(bench.enter("[ a = a"), "'[' without ']'\n");
    assert_eq!(bench.enter("if [ 1 -lt 2 ]; then echo yes; fi"), "yes\n");
}

#[test]
fn regular_expressions_match() {
    let mut bench = Bench::new();
    for (line, answer) in [
        ("test abc =~ '^a'", 0),
        ("test abc =~ '^b'", 1),
        ("test 2025.01 =~ '^[0-9]+\\.[0-9]+$'", 0),
        ("test ! abc =~ x", 0),
        ("test '' =~ ''", 0),
    ] {
        status(&mut bench, line, answer);
    }
    assert_eq!(
        bench.enter("test a =~ 'a('; echo $?"),
        "Error compiling regex: no closing ')' for the '(' at character 2\n1\n"
    );
}

#[test]
fn no_file_exists_without_storage() {
    Bench::new().dialogue(
        "\
=> test -e mmc 0:1 file; echo $?
** Bad device specification mmc 0 **
Couldn't find partition mmc 0:1: this machine has no mmc device
1
=> test ! -e virtio 0:1 file; echo $?
** Bad device specification virtio 0 **
Couldn't find partition virtio 0:1: this machine has no virtio device
0
",
    );
}
