//! The memory commands on the machine itself: real faults, real registers, and programs that `go` calls.

use qemu::{Console, Firmware, Machine};
use system_tests::slipway;

fn machine() -> Machine {
    Machine::load("virt").unwrap().firmware(Firmware::Bios(slipway()))
}

fn prompt(machine: &Machine, name: &str) -> Console {
    let mut console = machine.spawn(name).unwrap();
    console.prompt().unwrap();
    console
}

/// What the line prints, and its status.
fn ask(console: &mut Console, line: &str) -> (String, String) {
    let answer = console.command(line).unwrap();
    let status = console.command("echo $?").unwrap();
    (answer.trim_end().to_owned(), status.trim().to_owned())
}

/// `mov x0, #42; ret`, and programs that look at their arguments, at both exception levels, twice each: the second call finds the first
/// one's instructions in the cache.
#[test]
fn go_calls_programs_that_were_typed() {
    for (machine, name) in [(machine(), "go"), (machine().el1(), "go-el1")] {
        let mut console = prompt(&machine, name);
        console
            .command("mw.l 40200000 d2800540; mw.l 40200004 d65f03c0")
            .unwrap();
        let answer =
            |rc: &str| format!("## Starting application at 0x40200000 ...\n## Application terminated, rc = {rc}");
        let failed = |rc| (answer(rc), "1".to_owned());
        assert_eq!(ask(&mut console, "go 40200000"), failed("0x2A"));
        // mov x0, x0: the number of words.
        console.command("mw.l 40200000 aa0003e0").unwrap();
        assert_eq!(ask(&mut console, "go 40200000"), failed("0x1"));
        assert_eq!(ask(&mut console, "go 40200000 a b c"), failed("0x4"));
        // ldr x0, [x1, #8]; ldrb w0, [x0]; ret: the first letter of the second word.
        console
            .command("mw.l 40200000 f9400420; mw.l 40200004 39400000; mw.l 40200008 d65f03c0")
            .unwrap();
        assert_eq!(ask(&mut console, "go 40200000 abc"), failed("0x61"));
        // mov x0, #0; ret
        console
            .command("mw.l 40200000 d2800000; mw.l 40200004 d65f03c0")
            .unwrap();
        assert_eq!(ask(&mut console, "go 40200000"), (answer("0x0"), "0".to_owned()));
    }
}

/// After a program has returned, RAM is execute-never again.
#[test]
fn ram_is_executable_for_the_call_only() {
    let mut console = prompt(&machine(), "go-map");
    console
        .command("mw.l 40200000 d2800000; mw.l 40200004 d65f03c0; go 40200000")
        .unwrap();
    console.send_line("exception execute").unwrap();
    console
        .expect("instruction abort", std::time::Duration::from_secs(30))
        .unwrap();
    console.prompt().unwrap();
}

#[test]
fn what_nothing_answers_is_an_error() {
    let mut console = prompt(&machine(), "memory-faults");
    for line in [
        "md 900000000 1",
        "mw 900000000 1",
        "cmp 900000000 40200000 1",
        "cp 900000000 40200000 1",
        "cp 40200000 900000000 1",
        "crc32 900000000 4",
        "ms 900000000 4 0",
        "mm 900000000",
    ] {
        let (answer, status) = ask(&mut console, line);
        assert!(
            answer.starts_with("nothing answers at 0x900000000 (ESR 0x"),
            "{line}: {answer}"
        );
        assert_eq!(status, "1", "{line}");
    }
}

/// The loader's own memory may be looked at, and is not written.
#[test]
fn the_loader_is_read_and_not_written() {
    let mut console = prompt(&machine(), "memory-loader");
    let info = console.command("bdinfo").unwrap();
    let base = info
        .lines()
        .find_map(|line| line.strip_prefix("relocaddr   = 0x"))
        .unwrap()
        .trim();
    let (first, status) = ask(&mut console, &format!("crc32 {base} 1000"));
    assert_eq!(status, "0", "{first}");
    assert_eq!(ask(&mut console, &format!("crc32 {base} 1000")).0, first);
    assert_eq!(
        ask(&mut console, &format!("cp.b {base} 40200000 1000")),
        (String::new(), "0".into())
    );
    assert_eq!(ask(&mut console, &format!("cmp.b {base} 40200000 1000")).1, "0");
    for line in [
        "mw BASE 0",
        "cp 40200000 BASE 1",
        "random BASE 10",
        "crc32 40200000 4 BASE",
        "unzip 40200000 BASE",
    ] {
        let line = line.replace("BASE", base);
        let (answer, status) = ask(&mut console, &line);
        assert!(answer.contains("runs into the loader at 0x"), "{line}: {answer}");
        assert_eq!(status, "1", "{line}");
    }
}

/// The same lines give the same sums as U-Boot's, over ranges that it takes several pieces for.
#[test]
fn long_ranges() {
    let mut console = prompt(&machine(), "memory-long");
    console.command("random 40200000 2000003 5").unwrap();
    let sum = console.command("crc32 40200000 2000003").unwrap();
    console.command("cp.b 40200000 42300001 2000003").unwrap();
    let copy = console.command("crc32 42300001 2000003").unwrap();
    assert_eq!(sum.rsplit(' ').next(), copy.rsplit(' ').next());
    assert_eq!(
        ask(&mut console, "cmp.b 40200000 42300001 2000003"),
        ("Total of 33554435 byte(s) were the same".into(), "0".into())
    );
    // Overlapping, in both directions.
    console
        .command("cp.b 42300001 42300101 2000003; cp.b 42300101 42300002 2000003")
        .unwrap();
    let moved = console.command("crc32 42300002 2000003").unwrap();
    assert_eq!(sum.rsplit(' ').next(), moved.rsplit(' ').next());
    let (answer, status) = ask(&mut console, "mtest 48000000 49000000 0 2");
    assert!(answer.ends_with("Tested 2 iteration(s) with 0 errors."), "{answer}");
    assert_eq!(status, "0");
    assert_eq!(ask(&mut console, "dcache flush; icache flush").1, "0");
    assert_eq!(ask(&mut console, "virtio scan").1, "0");
}
