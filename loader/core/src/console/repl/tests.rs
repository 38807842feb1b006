use alloc::string::String;

use super::print_banner;
use crate::commands::testing::Bench;

/// What the board's own environment makes the loader do after the keys were typed.
fn start(env: &[(&str, &str)], keys: &str) -> String {
    let mut bench = Bench::new();
    for (name, value) in env {
        bench.context.env.set(name, value).unwrap();
    }
    bench.wire.type_in(keys);
    bench.repl.start(&mut bench.context);
    while bench.repl.poll(&mut bench.context) {}
    bench.wire.take_output().replace("\r\n", "\n")
}

const COUNT: &str = "Hit any key to stop autoboot:  1 ";

#[test]
fn the_banner_is_what_drivers_know_a_loader_by() {
    let mut bench = Bench::new();
    print_banner(&mut bench.context);
    let output = bench.wire.take_output();
    assert_eq!(output, "\r\nSlipway 0.1.0 (speaks U-Boot 2026.10)\r\n\r\n");
}

#[test]
fn the_boot_command_runs_and_falls_to_the_prompt() {
    let env = [("bootdelay", "1"), ("bootcmd", "echo booting; false")];
    let counted = "\x08\x08\x08 0 \n";
    assert_eq!(start(&env, ""), alloc::format!("{COUNT}{counted}booting\n=> "));
    let env = [("bootdelay", "1"), ("preboot", "echo first")];
    assert_eq!(start(&env, ""), alloc::format!("first\n{COUNT}{counted}=> "));
    let env = [("bootdelay", "-2"), ("bootcmd", "sleep 1; echo booting")];
    assert_eq!(start(&env, "echo kept\r"), "booting\n=> echo kept\nkept\n=> ");
    let env = [("bootdelay", "-1"), ("bootcmd", "echo booting")];
    assert_eq!(start(&env, ""), "=> ");
    let env = [("bootdelay", "-2"), ("bootcmd", "echo a; fi")];
    assert!(start(&env, "").starts_with("syntax error: unexpected 'fi' at line 1, column 9:\n"));
}

#[test]
fn a_key_leads_to_the_prompt_and_is_swallowed() {
    let env = [("bootdelay", "1"), ("bootcmd", "echo booting")];
    for key in [" ", "\n", "\r", "\r\n", "\x03"] {
        assert_eq!(start(&env, key), alloc::format!("{COUNT}\n=> "), "{key:?}");
    }
    let typed = start(&env, " echo hi\r");
    assert_eq!(typed, alloc::format!("{COUNT}\n=> echo hi\nhi\n=> "));
}

#[test]
fn an_unfinished_line_asks_for_more() {
    let mut bench = Bench::new();
    assert_eq!(bench.type_in("if true\r"), "if true\n> ");
    assert_eq!(bench.type_in("then echo \"a\r"), "then echo \"a\n> ");
    assert_eq!(bench.type_in("b\"\r"), "b\"\n> ");
    assert_eq!(bench.type_in("fi\r"), "fi\na\nb\n=> ");
    assert_eq!(bench.type_in("echo 'a\r"), "echo 'a\n> ");
    assert_eq!(bench.type_in("\x03"), "<INTERRUPT>\n=> ");
    assert_eq!(bench.type_in("echo b\r"), "echo b\nb\n=> ");
    assert_eq!(bench.type_in("echo a\\\r"), "echo a\\\n> ");
    assert_eq!(bench.type_in("b\r"), "b\nab\n=> ");
}

#[test]
fn ctrl_c_drops_what_is_being_typed() {
    let mut bench = Bench::new();
    bench.type_in("echo abc");
    assert_eq!(bench.type_in("\x03"), "<INTERRUPT>\n=> ");
    assert_eq!(bench.type_in("\r"), "\n=> ");
}

#[test]
fn an_empty_line_repeats_what_may_be_repeated() {
    let mut bench = Bench::new();
    assert_eq!(bench.enter(""), "");
    bench.enter("echo a");
    assert_eq!(bench.enter(""), "a\n");
    assert_eq!(bench.enter(""), "a\n");
    bench.enter("setenv b 1; echo b");
    assert_eq!(bench.enter(""), "");
    bench.enter("nonsense");
    assert_eq!(bench.enter(""), "");
}

#[test]
fn type_ahead_of_a_long_paste_is_kept_while_a_command_runs() {
    let mut bench = Bench::new();
    let lines: String = (0..200).map(|n| alloc::format!("echo 'line number' {n}\r")).collect();
    assert!(lines.len() > 4096);
    let output = bench.type_in(&alloc::format!("sleep 2\r{lines}"));
    for number in 0..200 {
        assert!(
            output.contains(&alloc::format!("\nline number {number}\n=> ")),
            "{number}"
        );
    }
}

#[test]
fn tab_completes() {
    let mut bench = Bench::new();
    assert_eq!(bench.type_in("ech\tb\r"), "echo b\nb\n=> ");
    assert_eq!(
        bench.type_in("boot\t"),
        "boot\x07\nboot bootd bootflow booti bootm bootp\n=> boot"
    );
    assert_eq!(
        bench.type_in("\x15\techo a\r").replace(['\x08', ' '], ""),
        "echoa\na\n=>"
    );
}

/// labgrid's UBootDriver: a marker in two halves around each command, and the status on the line before the last.
#[test]
fn labgrid() {
    let mut bench = Bench::new();
    assert_eq!(bench.enter("echo 'ABCD''EFGHIJ'"), "ABCDEFGHIJ\n");
    let line = "echo 'ABCD''EFGHIJ'; setenv x 1; echo \"$?\"; echo 'ABCD''EFGHIJ';";
    assert_eq!(bench.enter(line), "ABCDEFGHIJ\n0\nABCDEFGHIJ\n");
    let line = "echo 'ABCD''EFGHIJ'; false; echo \"$?\"; echo 'ABCD''EFGHIJ';";
    assert_eq!(bench.enter(line), "ABCDEFGHIJ\n1\nABCDEFGHIJ\n");
}

/// tbot: its own quoting, the status on a line of its own, a variable printed to the letter, and Ctrl-C until the prompt is last.
#[test]
fn tbot() {
    let mut bench = Bench::new();
    assert_eq!(bench.type_in("\x03"), "<INTERRUPT>\n=> ");
    bench.dialogue(
        "\
=> setenv X 'a '\\''b'\\'' \"c\" $x ; #'
=> printenv X
X=a 'b' \"c\" $x ; #
=> echo $?
0
=> printenv Y
## Error: \"Y\" not defined
=> echo $?
1
",
    );
}

/// LAVA's command list, as far as it needs no network: each line ends with a line feed alone.
#[test]
fn lava() {
    let mut bench = Bench::new();
    for line in [
        "setenv autoload no",
        "setenv initrd_high 0xffffffffffffffff",
        "setenv fdt_high 0xffffffffffffffff",
        "setenv initrd_size ${filesize}",
        "setenv bootargs 'console=ttyAMA0,115200n8 root=/dev/ram0  ip=dhcp'",
    ] {
        assert_eq!(
            bench.type_in(&alloc::format!("{line}\n")),
            alloc::format!("{line}\n=> ")
        );
    }
    assert_eq!(bench.context.env.get("initrd_size"), None);
    assert_eq!(
        bench.context.env.get("bootargs"),
        Some("console=ttyAMA0,115200n8 root=/dev/ram0  ip=dhcp")
    );
}

/// A machine at whose prompt nobody typed for so many seconds, and what it printed then.
fn idle(env: &[(&str, &str)], keys: &str, seconds: u64) -> String {
    let mut bench = Bench::new();
    for (name, value) in env {
        bench.context.env.set(name, value).unwrap();
    }
    bench.wire.type_in(keys);
    bench.repl.start(&mut bench.context);
    while bench.repl.poll(&mut bench.context) {}
    let _ = bench.wire.take_output();
    let clock = alloc::rc::Rc::new(hal::fakes::ManualClock::with_step(1000));
    clock.advance(core::time::Duration::from_secs(seconds + 5));
    bench.context.clock = clock;
    bench.repl.poll(&mut bench.context);
    bench.wire.take_output().replace("\r\n", "\n")
}

#[test]
fn bootretry_boots_again_when_nobody_types() {
    let env = [
        ("bootdelay", "0"),
        ("bootretry", "20"),
        ("bootcmd", "echo booting; false"),
    ];
    let again = "\nTimed out waiting for command\nHit any key to stop autoboot:  0 \nbooting\n=> ";
    assert_eq!(idle(&env, "", 21), again);
    assert_eq!(
        idle(&env, "  if true\recho x", 21),
        again,
        "what was being typed is gone"
    );
    assert_eq!(idle(&env, "", 14), "");
    let short = [("bootdelay", "0"), ("bootretry", "1"), ("bootcmd", "echo booting")];
    assert_eq!(idle(&short, "", 4), "", "there is a least time");
    assert_eq!(idle(&short, "", 11).lines().count(), 5);
}

#[test]
fn bootretry_is_not_for_every_prompt() {
    let off = [("bootdelay", "-1"), ("bootretry", "20"), ("bootcmd", "echo booting")];
    assert_eq!(idle(&off, "", 100), "");
    let negative = [("bootdelay", "0"), ("bootretry", "-1"), ("bootcmd", "echo booting")];
    assert_eq!(idle(&negative, "", 100), "");
    let stopped = [
        ("bootretry", "20"),
        ("bootstopkey", "s"),
        ("bootdelaykey", "d"),
        ("bootcmd", "echo booting"),
    ];
    assert_eq!(idle(&stopped, "s", 100), "");
    assert!(idle(&stopped, "d", 100).contains("\nbooting\n"));
}

#[test]
fn silent_prints_nothing_up_to_the_prompt() {
    let env = [
        ("silent", "1"),
        ("bootdelay", "1"),
        ("preboot", "echo first"),
        ("bootcmd", "echo booting; nonsense"),
    ];
    assert_eq!(start(&env, ""), "=> ");
    assert_eq!(start(&env, " echo hi\r"), "=> echo hi\nhi\n=> ");
    let mut bench = Bench::new();
    bench.context.env.set("silent", "1").unwrap();
    print_banner(&mut bench.context);
    assert_eq!(bench.wire.take_output(), "");
}

#[test]
fn a_line_that_is_too_long_is_not_run() {
    let mut bench = Bench::new();
    for _ in 0..70 {
        bench.type_in(&"echo a; ".repeat(128));
    }
    let output = bench.type_in("\r");
    assert!(output.ends_with("\nthe line is longer than 65536 bytes: nothing of it is run\n=> "));
    assert_eq!(bench.enter("echo $?"), "1\n");
}

/// test/py: a space stops autoboot, and every line is echoed before its output.
#[test]
fn u_boots_own_suite() {
    let env = [("bootdelay", "2"), ("bootcmd", "echo booting")];
    let output = start(&env, " echo $baudrate\r");
    assert!(output.starts_with("Hit any key to stop autoboot:  2 "), "{output:?}");
    assert!(output.ends_with("\n=> echo $baudrate\n\n=> "), "{output:?}");
}

/// labgrid types a line feed, LAVA an empty key and a line feed: one prompt comes of each, and nothing is run.
#[test]
fn one_key_gives_one_prompt() {
    let env = [("bootdelay", "2"), ("bootcmd", "echo booting")];
    for key in ["\n", "\r", " "] {
        let output = start(&env, key);
        assert_eq!(output.matches("=> ").count(), 1, "{key:?}: {output:?}");
    }
}

/// tbot types a carriage return, then Ctrl-C until the prompt is the last that came.
#[test]
fn ctrl_c_at_the_prompt_gives_another() {
    let env = [("bootdelay", "2"), ("bootcmd", "echo booting")];
    let mut bench = Bench::new();
    for (name, value) in env {
        bench.context.env.set(name, value).unwrap();
    }
    bench.wire.type_in("\r");
    bench.repl.start(&mut bench.context);
    assert!(bench.wire.take_output().ends_with("=> "));
    for _ in 0..3 {
        assert_eq!(bench.type_in("\x03"), "<INTERRUPT>\n=> ");
    }
}
