use alloc::format;

use hal::PhysAddr;

use crate::commands::testing::{Bench, RAM};

fn load(bench: &mut Bench, bytes: &[u8]) {
    let len = u64::try_from(bytes.len()).unwrap();
    let claim = bench.context.memory.claim(PhysAddr(RAM), len, "values").unwrap();
    bench.context.memory.write(&claim, 0, bytes).unwrap();
}

/// The value of `a` after each line, as U-Boot 2025.01 has it.
#[track_caller]
fn check(bench: &mut Bench, cases: &[(&str, &str)]) {
    for (line, value) in cases {
        assert_eq!(bench.enter(&format!("setexpr{line}")), "", "{line}");
        assert_eq!(bench.context.env.get("a").unwrap_or_default(), *value, "{line}");
    }
}

#[test]
fn numbers_are_computed_in_64_bits() {
    let mut bench = Bench::new();
    load(&mut bench, b"abcddef\0\xef\xcd\xab\x89");
    check(
        &mut bench,
        &[
            (" a 10", "10"),
            (" a 0x10 + 10", "20"),
            (" a 10 - 20", "fffffffffffffff0"),
            (" a 10 % 7", "2"),
            (" a ff ^ 0f", "f0"),
            (" a ff \\| f00", "fff"),
            (" a ff '&' f0f", "f"),
            (" a ffffffffffffffff + 2", "1"),
            (" a 123 * 2", "246"),
            (" a 0x40200000 \\+ 0x1FFFFF", "403fffff"),
            (" a 0x403fffff \\& 0xFFFFFFFFFFE00000", "40200000"),
            (" a 0x123456789a / 0x100000000", "12"),
            (" a abc + def", "18ab"),
            (".w a 12345 + 1", "12346"),
            (".b a ff + 1", "100"),
            (".l a ffffffffffff + 1", "1000000000000"),
            (".b a *40000000", "61"),
            (".w a *40000000", "6261"),
            (".l a *40000000", "64636261"),
            (" a *40000000", "64636261"),
            (".q a *40000000", "66656464636261"),
            (".b a *40000000 + *40000001", "c3"),
            (".b a *40000008 * 10000", "ef0000"),
            (".w a *40000008 + 1", "cdf0"),
        ],
    );
}

#[test]
fn strings_are_put_together() {
    let mut bench = Bench::new();
    load(&mut bench, b"abcddef\0");
    check(
        &mut bench,
        &[
            (".s a *40000000", "abcddef"),
            (".s a *40000000 + *40000002", "abcddefcddef"),
            (".s a *40000004 + ' x'", "def x"),
            (".s a foo + bar", "foobar"),
        ],
    );
}

#[test]
fn substrings_are_replaced() {
    let mut bench = Bench::new();
    check(
        &mut bench,
        &[
            (" a sub abc def xabcabcx", "xdefabcx"),
            (" a gsub abc def xabcabcx", "xdefdefx"),
            (" a sub def '<\\0>'", "x<def>defx"),
            (" a gsub '[0-9]+' N a12b345", "aNbN"),
            (" a sub '(h)(e)' '\\2\\1' hello", "ehllo"),
            (" a sub '(h)(e)' '\\0-\\1' hello", "he-hllo"),
            (" a sub '(h)(e)' '\\3' hello", "\\3llo"),
            (" a gsub '\\s' _ 'a b c d'", "a_b_c_d"),
            (" a gsub '\\S+' _ 'a b c d'", "_ _ _ _"),
            (" a gsub '\\d' _ a1b2", "a_b_"),
            (" a sub '(.*)-(.*)' '\\2-\\1' foo-bar-baz", "baz-foo-bar"),
            (" a sub '(.*?)-(.*)' '\\2-\\1' foo-bar-baz", "bar-baz-foo"),
            (" a gsub '\\.' _ a.b.c", "a_b_c"),
            (" a gsub '.' '&' abc", "&&&"),
            (" a gsub '(((a)))' '\\3\\2\\1' abc", "aaabc"),
            (" a gsub '\\\\\\\\' / 'a\\b\\c'", "a/b/c"),
            (" a gsub b '\\n' abc", "a\\nc"),
            (" a sub '(foo)?bar' '<\\1>' bar", "<\\1>"),
            (" a sub xabcx '' xabcx", ""),
        ],
    );
    bench.dialogue(
        "\
=> setexpr b sub x y; echo $?
## Error: variable \"b\" not defined
1
=> setexpr a sub 'h(' x hello; echo $?
Error compiling regex: no closing ')' for the '(' at character 2
1
",
    );
    bench.context.env.set("t", &"a".repeat(60_000)).unwrap();
    let output = bench.enter("setexpr a gsub a aa ${t}");
    assert_eq!(output, "## error: the result takes more than 65536 bytes\n");
}

#[test]
fn values_are_formatted() {
    let mut bench = Bench::new();
    check(
        &mut bench,
        &[
            (" a fmt %d 0x100", "256"),
            (" a fmt 0x%08x 63", "0x00000063"),
            (" a fmt %%%o 8", "%10"),
            (" a fmt '%d %d' 10", "16 0"),
            (" a fmt %d 10 20", "16"),
            (" a fmt %d-%d-%d-%d 1 2 3 4", "1-2-3-4"),
            (" a fmt %s abc", "abc"),
            (" a fmt %s", ""),
            (" a fmt abc", "abc"),
            (" a fmt %c abc", "a"),
            (" a fmt '%5s|%-5s|%.2s' abc abc abc", "  abc|abc  |ab"),
            (" a fmt '%5d|%-5d|%05d|%+d' 1 2 3 4", "    1|2    |00003|+4"),
            (" a fmt '%x %X %#x %#o' ab ab ab 8", "ab AB 0xab 010"),
            (
                " a fmt '%i %u' ffffffffffffffff ffffffffffffffff",
                "-1 18446744073709551615",
            ),
            (" a fmt %d -1", "-1"),
            (" a fmt %b 'a\\nb'", "a\nb"),
            (" a fmt 'a\\tb\\nc\\\\\\\\d\\101\\\\\"e'", "a\tb\nc\\dA\\\"e"),
            (" a fmt 'ab\\cde'", "ab"),
            (" a fmt '%lx %llx %ld' 10 20 30", "10 20 48"),
            (" a fmt '%*d' 5 1", "    1"),
            (" a fmt '%.3d %.0d' 5 0", "005 0"),
            (" a fmt '%s %s' a", "a "),
            (" a fmt '%d %s' 10 x", "16 x"),
            (" a fmt '% d' 10", " 16"),
            (" a fmt %08lx 10", "00000010"),
            (" a fmt '\\q\\x41' 1", "\\q\\x41"),
            (".b a fmt %d 1", "1"),
            (" a fmt ''", ""),
        ],
    );
}

#[test]
fn what_cannot_be_computed_is_named_and_changes_nothing() {
    let mut bench = Bench::new();
    bench.enter("setenv a old");
    let usage = super::COMMAND.usage_text() + "\n";
    for (line, output) in [
        ("a 10 / 0", "10 / 0: nothing can be divided by zero\n"),
        ("a 10 % 0", "10 % 0: nothing can be divided by zero\n"),
        ("a 10 \\< 4", "invalid op\n"),
        ("a 1 << 4", &usage),
        ("a 5 plus 6", &usage),
        ("a 1 +", &usage),
        ("a 1 + 2 + 3", &usage),
        ("a", &usage),
        ("", &usage),
        ("a gsub a b c d", &usage),
        ("a zz + 1", "'zz' is not a hexadecimal number\n"),
        ("a 1 + *", "'' is not a hexadecimal number\n"),
        ("a=b 1", "## Error: illegal character '=' in variable name \"a=b\"\n"),
        ("a fmt %q 1", "`%q': invalid format\n"),
        ("a fmt %5", "`%5': invalid format\n"),
        ("a fmt %", "`%': invalid format\n"),
        ("a fmt %d zz", "'zz' is not a hexadecimal number\n"),
        ("a fmt %300d 1", "`%300': wider than 128 characters\n"),
        ("a fmt %*d ffff 1", "`%*': wider than 128 characters\n"),
        ("a fmt %d-%d-%d-%d-%d 1 2 3 4 5", &usage),
    ] {
        assert_eq!(bench.enter(&format!("setexpr {line}")), output, "{line}");
        assert_eq!(bench.enter("echo $? $a"), "1 old\n", "{line}");
    }
    for line in [
        "setexpr.z a 1",
        "setexpr.s a foo - bar",
        "setexpr a *0",
        "setexpr.s a *0",
    ] {
        assert_ne!(bench.enter(line), "", "{line}");
        assert_eq!(bench.enter("echo $? $a"), "1 old\n", "{line}");
    }
}

/// Ten thousand rounds, as the benchmark does them.
#[test]
fn loops_count() {
    let mut bench = Bench::new();
    let line = "setenv i 0; while itest $i < 100; do setexpr i $i + 1; done; echo $i";
    assert_eq!(bench.enter(line), "100\n");
}
