use alloc::boxed::Box;
use alloc::string::{String, ToString};

use hal::Console;

use crate::commands::testing::Bench;
use crate::console::Terminal;
use crate::console::terminal::CTRL_C;
use crate::context::{CommandError, Status};
use crate::shell::PIECE_LIMIT;
use crate::shell::exec::{NESTING, SCRIPT_DEPTH};

/// The status of each line, as U-Boot's own `test/hush/list.c` demands of its present parser, but for mixed lists, where
/// that file keeps the old parser's answers and we give a shell's.
#[test]
fn lists_have_a_shells_status() {
    let mut bench = Bench::new();
    for (line, status) in [
        ("false; true", 0),
        ("true; false", 1),
        ("false && true", 1),
        ("true && true", 0),
        ("true && false", 1),
        ("false || true", 0),
        ("true || false", 0),
        ("false && true || true", 0),
        ("false && false || false", 1),
        ("true && false || true", 0),
        ("true || true && false", 1),
        ("false || true && false", 1),
        ("true || false && true", 0),
        ("! true", 1),
        ("! false && true", 0),
        ("if false; then true; fi", 0),
        ("if true; then false; fi", 1),
        ("if false; then true; else false; fi", 1),
        ("for i in; do false; done", 0),
        ("for i in a b; do false; done", 1),
        ("while false; do false; done", 0),
        ("until true; do false; done", 0),
        ("n=a; while test $n = a; do n=b; false; done", 0),
        ("n=a; until test $n = b; do n=b; false; done", 0),
        ("x=1", 0),
        ("false; x=1", 0),
        ("false; $unset", 1),
        ("true; $unset", 0),
        ("false; if false; then true; fi", 0),
        ("nonsense", 1),
        ("echo 'unknown' | true", 1),
    ] {
        bench.enter(line);
        let expected = if status == 0 { Status::Success } else { Status::Failure };
        assert_eq!(bench.status(), expected, "{line}");
    }
}

#[test]
fn scripts_print_what_u_boot_prints() {
    Bench::new().dialogue(
        "\
=> foo
Unknown command 'foo' - try 'help'
=> echo $?
1
=> echo $?
0
=> x=5
=> echo $x ${x} \"$x\" '$x' [$x]
5 5 5 $x [5]
=> setenv x 6; echo $x
6
=> echo ${y:-def} ${y-d2} ${y:=as} $y ${y:+alt} [${z:+alt}]
def d2 as as alt []
",
    );
}

#[test]
fn lists_and_loops_print_what_u_boot_prints() {
    Bench::new().dialogue(
        "\
=> a=\"1 2  3\"
=> echo $a \"$a\"
1 2 3 1 2  3
=> echo a > b
a > b
=> echo (a) {b} `c`
(a) {b} `c`
=> echo a#b #c
a#b
=> echo hi;
hi
=> ;
=> echo a;; echo b
a
b
=> true && echo yes || echo no
yes
=> false && echo yes || echo no
no
=> if true; then echo t; else echo f; fi
t
=> for i in a b \"c d\" $a; do echo $i; done
a
b
c
d
1
2
3
=> for i in \"$a $none\" \"\"; do echo $i; done
1
2
3
=> echo $i
3
=> setenv i 0; while printenv i; do setenv i; done
i=0
## Error: \"i\" not defined
=> setenv cmd 'echo one'; $cmd two
one two
=> x=7 echo [$x]
[]
=> z=1 foo
Unknown command 'foo' - try 'help'
=> echo [$z]
[]
=> ver && vers
Slipway 0.1.0 (speaks U-Boot 2026.10)
Slipway 0.1.0 (speaks U-Boot 2026.10)
=> $nothing
=> echo $?
0
",
    );
}

#[test]
fn a_syntax_error_runs_nothing() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.enter("echo a; fi"),
        "syntax error: unexpected 'fi' at line 1, column 9:\necho a; fi\n        ^\n"
    );
    assert_eq!(bench.enter("echo $?"), "1\n");
}

#[test]
fn run_stops_at_the_first_failure() {
    Bench::new().dialogue(
        "\
=> setenv r1 'echo one; false'
=> setenv r2 'echo two'
=> run r2 r1 r2; echo $?
two
one
1
=> run nope; echo $?
## Error: \"nope\" not defined
1
",
    );
}

#[test]
fn exit_leaves_the_innermost_script() {
    Bench::new().dialogue(
        "\
=> setenv inner 'echo inner; while true; do if true; then exit 1; fi; done; echo not reached'
=> setenv outer 'echo outer; run inner; echo $?; exit; echo not reached'
=> run outer; echo $?
outer
inner
1
0
=> echo a; exit 2; echo b
a
exit not allowed from main input shell.
=> echo $?
2
=> exit -1
exit not allowed from main input shell.
=> echo $?
0
=> false; exit nonsense
exit not allowed from main input shell.
=> echo $?
0
=> exit 1 2
exit - leave the script

Usage:
exit [status]
",
    );
}

/// What `exit` says is `$?` after the script, and nowhere else. As U-Boot has it, but for loops and conditions: there its present parser
/// goes on behind them.
#[test]
fn the_status_of_exit_is_kept() {
    Bench::new().dialogue(
        "\
=> setenv e1 'exit 3'
=> run e1; echo $?
3
=> run e1 || echo no $?
no 3
=> setenv e3 'exit 256'; run e3; echo $?
256
=> setenv e6 'run e1; echo in $?; exit 2'; run e6; echo $?
in 3
2
=> if run e1; then echo yes; else echo no $?; fi
no 0
=> if true; then run e1; fi; echo $?
3
=> for i in 1 2; do run e1; echo $i $?; done
1 3
2 3
=> setenv e7 'true && exit 1; echo no'; run e7; echo $?
1
=> setenv e4 'for i in 1 2 3; do echo $i; exit 2; done; echo no'; run e4; echo $?
1
2
=> setenv e5 'while true; do if true; then exit 4; fi; done; echo no'; run e5; echo $?
4
=> exit 3
exit not allowed from main input shell.
=> nope
Unknown command 'nope' - try 'help'
=> echo $?
1
",
    );
}

#[test]
fn failures_in_scripts_say_where() {
    let mut bench = Bench::new();
    bench
        .context
        .env
        .set("s", "echo a\nif true; then\n\tnope b\nfi\necho $?\n")
        .unwrap();
    assert_eq!(
        bench.enter("run s"),
        "a\nUnknown command 'nope' - try 'help'\nat line 3, column 2:\n nope b\n ^\n1\n"
    );
    bench.context.env.set("s", "nope; echo a\n").unwrap();
    assert_eq!(bench.enter("run s"), "Unknown command 'nope' - try 'help'\na\n");
    bench.context.env.set("big", &"x".repeat(200_000)).unwrap();
    assert_eq!(
        bench.enter("echo a; echo $big $big"),
        "a\nthe words of this command take more than 262144 bytes after ${big} at line 1, column 19:\n\
         echo a; echo $big $big\n                  ^\n"
    );
    assert_eq!(bench.enter("echo $?"), "1\n");
}

/// Each a sentence with its place, and the prompt again. Nothing of them is run.
#[test]
fn hostile_scripts_are_refused() {
    let mut bench = Bench::new();
    for (script, expected) in [
        (
            "if true; then ".repeat(4600),
            "nested deeper than 32 levels at line 1, column 449:",
        ),
        ("while true; do ".repeat(4300), "nested deeper than 32 levels"),
        (
            "x".repeat(8 << 20),
            "8388608 bytes of script are over the limit of 65536",
        ),
        (
            "echo '".to_string() + &"x".repeat(60_000),
            "unterminated ' at line 1, column 6:",
        ),
        (
            "echo \"".to_string() + &"\\\"".repeat(30_000),
            "unterminated \" at line 1, column 6:",
        ),
        (
            "echo ${".to_string() + &"x".repeat(60_000),
            "unterminated ${ at line 1, column 6:",
        ),
        ("echo \"${a:-".repeat(5900), "nested deeper than 4 levels"),
        (
            "echo a &&\n".repeat(6000),
            "nothing follows '&&' at line 6000, column 8:",
        ),
        ("if ".repeat(21_000), "nested deeper than 32 levels"),
        ("fi;".repeat(21_000), "unexpected 'fi' at line 1, column 1:"),
    ] {
        let result = crate::shell::execute(&mut bench.context, &script);
        let Err(CommandError::Failed(message)) = result else {
            panic!("{expected}: {result:?}");
        };
        assert!(message.contains(expected) && message.len() < 400, "{message}");
        bench.dialogue("=> echo alive\nalive\n");
    }
}

#[test]
fn values_do_not_grow_without_bound() {
    let mut bench = Bench::new();
    let output = bench.enter("b=xxxxxxxxxxxxxxxx; while b=\"$b$b\"; do true; done");
    assert!(output.contains("the environment is full: b needs"), "{output}");
    let output = bench.enter("setenv b xxxxxxxxxxxxxxxx; while setenv b \"$b$b\"; do true; done");
    assert!(
        output.starts_with("the words of this command take more than 262144 bytes after ${b} at line 1"),
        "{output}"
    );
}

#[test]
fn scripts_of_several_lines_run() {
    let mut bench = Bench::new();
    let script = "# comment\n\nif true\nthen\n  echo yes # really\nfi\nfor i in 1 \\\n  2\ndo\n\techo $i\r\ndone\n";
    bench.context.env.set("script", script).unwrap();
    assert_eq!(bench.enter("run script"), "yes\n1\n2\n");
    bench.context.env.set("script", "echo a\n  && b").unwrap();
    assert_eq!(
        bench.enter("run script"),
        "syntax error: unexpected '&&' at line 2, column 3:\n  && b\n  ^\n"
    );
}

#[test]
fn a_script_that_runs_itself_ends() {
    let mut bench = Bench::new();
    bench.context.env.set("rr", "echo x; run rr").unwrap();
    let output = bench.enter("run rr");
    let (echoes, message) = output.rsplit_once("x\n").unwrap();
    assert_eq!(message, "scripts run one another more than 16 deep\n");
    assert_eq!(echoes.lines().count() + 2, usize::from(SCRIPT_DEPTH));
    assert_eq!(bench.enter("echo $?"), "1\n");
    assert_eq!(bench.enter("run rr"), output, "the depth is counted anew");
}

#[test]
fn nesting_is_bounded_over_all_scripts() {
    let mut bench = Bench::new();
    let depth = usize::from(NESTING) / 4;
    let nested: String = "if true; then ".repeat(depth) + "run n; " + &"fi; ".repeat(depth);
    bench.context.env.set("n", &nested).unwrap();
    let output = bench.enter("run n");
    assert_eq!(output, "the scripts that run nest commands deeper than 64 levels\n");
    assert_eq!(bench.enter("run n"), output, "the levels are counted anew");
}

/// A console at which Ctrl-C is typed after a while.
struct LateInterrupt(u32);

impl Console for LateInterrupt {
    fn write(&mut self, _bytes: &[u8]) {}

    fn read(&mut self) -> Option<u8> {
        self.0 = self.0.wrapping_sub(1);
        (self.0 == 0).then_some(CTRL_C)
    }

    fn flush(&mut self) {}
}

#[test]
fn ctrl_c_ends_any_loop() {
    for script in [
        "while true; do true; done",
        "while true; do done",
        "while do done",
        "until false; do x=1; done",
        "for i in 1 2 3; do sleep 1000; done",
        "md.b 40000000 ffffff",
        "mw.b 9000000 0 1000",
    ] {
        let mut bench = Bench::new();
        bench.context.terminal = Terminal::new(Box::new(LateInterrupt(100)));
        let result = crate::shell::execute(&mut bench.context, script);
        assert_eq!(result, Err(CommandError::Interrupted), "{script}");
    }
}

#[test]
fn words_of_a_script_do_not_steer_the_terminal() {
    let mut bench = Bench::new();
    let script = "\x1b]0;x\x07; \u{9b}2J; md \x1b[2J; setenv \x1b\x08 1; fdt addr \x1bc; for \x1b in a; do b; done";
    for part in script.split("; ").chain([script]) {
        bench.context.env.set("s", part).unwrap();
        bench.enter("run s");
        bench.wire.type_in("run s\r");
        while bench.repl.poll(&mut bench.context) {}
        let output = bench.wire.take_output();
        assert!(
            output
                .chars()
                .all(|c| !c.is_control() || matches!(c, '\r' | '\n' | '\t')),
            "{output:?}"
        );
    }
}

#[test]
fn scripts_have_so_many_words_and_no_more() {
    let mut bench = Bench::new();
    let limit = "the scripts that run have more than 16384 words";
    let script = "a;".repeat(PIECE_LIMIT / 2);
    bench.context.env.set("s", &script).unwrap();
    bench.context.env.set("t", "run s; true;").unwrap();
    let output = bench.enter("run t");
    assert!(!output.contains(limit));
    bench.context.env.set("s", &script.repeat(2)).unwrap();
    assert!(bench.enter("run s").contains(limit));
    for script in [
        "$a".repeat(PIECE_LIMIT + 1),
        ["\"", &"$a".repeat(PIECE_LIMIT + 1), "\""].concat(),
    ] {
        bench.context.env.set("s", &script).unwrap();
        assert!(bench.enter("run s").contains(limit));
    }
    bench.context.env.set("s", "run t; run t").unwrap();
    bench
        .context
        .env
        .set(
            "t",
            &["for i in a; do ", &"true;".repeat(PIECE_LIMIT / 3), " run u; done"].concat(),
        )
        .unwrap();
    bench.context.env.set("u", "run v").unwrap();
    bench
        .context
        .env
        .set("v", &"true;".repeat(PIECE_LIMIT / 3 * 2))
        .unwrap();
    assert_eq!(
        bench.enter("run s").matches(limit).count(),
        2,
        "the limit holds for all together, and is given back"
    );
    bench.dialogue("=> echo still here\nstill here\n");
}

#[test]
fn loops_within_one_another_hold_so_many_words_and_no_more() {
    let mut bench = Bench::new();
    bench.context.env.set("long", &"x".repeat(100_000)).unwrap();
    bench
        .context
        .env
        .set(
            "s",
            "for a in $long; do for b in $long; do for c in $long; do echo deep; done; done; done",
        )
        .unwrap();
    for _ in 0..2 {
        assert_eq!(
            bench.enter("run s"),
            "the loops that run hold more than 262144 bytes of words\n"
        );
    }
    assert_eq!(
        bench.enter("for a in $long; do for b in $long; do echo deep; done; done"),
        "deep\n"
    );
}
