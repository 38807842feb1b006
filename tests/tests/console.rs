//! The console under a driver's hands: long pastes, blind typing, and the dialogues of the lab tools.

use std::time::Duration;

use qemu::{Console, Firmware, Machine, Nic};
use regex::bytes::Regex;
use system_tests::{folder, online, slipway};

const WAIT: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(180);

fn machine() -> Machine {
    let machine = Machine::load("virt").unwrap();
    machine.firmware(Firmware::Bios(slipway()))
}

fn prompt(name: &str) -> Console {
    let mut console = machine().nic(Nic::None).spawn(name).unwrap();
    console.prompt().unwrap();
    console
}

/// Text without blanks in which every part differs.
fn text(len: usize) -> String {
    let numbers: String = (0..).map(|n| format!("{n},")).take(len).collect();
    numbers[..len].to_owned()
}

/// One line comes back to the byte, unwrapped, and is taken whole.
#[test]
fn long_lines_are_echoed_and_run_whole() {
    let mut console = prompt("console-long-lines");
    for len in [4096, 60_000] {
        let text = text(len);
        console.send_line(&format!("echo {text}")).unwrap();
        let output = console.expect("\n=> ", LONG).unwrap();
        assert!(
            output == format!("echo {text}\r\n{text}\r\n=> "),
            "{len}: {} bytes came back: {:.200}",
            output.len(),
            output
        );
    }
}

/// 4 KiB of lines while a command runs: none is lost, and their order stays.
#[test]
fn a_paste_while_a_command_runs_is_kept() {
    let mut console = prompt("console-paste");
    let mut paste = String::from("sleep 1\r");
    for number in 0..200 {
        paste += &format!("echo line number {number:03}\r");
    }
    assert!(paste.len() > 4096);
    console.send(paste.as_bytes()).unwrap();
    let mut output = console.expect("\nline number 199\r\n=> ", LONG).unwrap();
    output = output.replace('\r', "");
    for number in 0..200 {
        let whole = format!("=> echo line number {number:03}\nline number {number:03}\n");
        assert!(number == 0 || output.contains(&whole), "{number}: {output}");
    }
    assert!(output.contains("\nline number 000\n"));
}

/// More than 64 characters are typed before the prompt: during the count-down, and during a transfer.
#[test]
fn type_ahead_is_kept_during_autoboot_and_transfers() {
    let name = "console-type-ahead";
    let line = format!("echo begin-{}-end", text(120));
    let answer = format!("begin-{}-end", text(120));
    let mut console = machine().nic(Nic::None).spawn(name).unwrap();
    console.expect("stop autoboot", WAIT).unwrap();
    console.send(format!(" {line}\r").as_bytes()).unwrap();
    console.expect(&format!("=> {line}\r\n{answer}\r\n=> "), WAIT).unwrap();
    drop(console);
    let folder = folder(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("payload"), vec![7; 16 << 20]).unwrap();
    let mut console = online(machine(), &folder, "console-type-ahead-tftp").unwrap();
    console
        .send(format!("tftpb 0x40400000 payload\r{line}\r").as_bytes())
        .unwrap();
    console.expect("Bytes transferred = 16777216", LONG).unwrap();
    console.expect(&format!("=> {line}\r\n{answer}\r\n=> "), WAIT).unwrap();
}

/// labgrid's UBootDriver: a line feed at the count-down, then a marker in two halves around each command, with the status on the line before the
/// last marker.
#[test]
fn labgrid() {
    let mut console = machine().nic(Nic::None).spawn("console-labgrid").unwrap();
    console.expect("stop autoboot", WAIT).unwrap();
    console.send(b"\n").unwrap();
    console.expect("=> ", WAIT).unwrap();
    console.send(b"echo 'ABCD''EFGHIJ'\n").unwrap();
    console.expect("ABCDEFGHIJ", WAIT).unwrap();
    console.expect("=> ", WAIT).unwrap();
    for (command, lines, status) in [
        ("setenv x 5", "", "0"),
        ("printenv x", "x=5\r\n", "0"),
        ("false", "", "1"),
    ] {
        let line = format!("echo 'ABCD''EFGHIJ'; {command}; echo \"$?\"; echo 'ABCD''EFGHIJ';");
        console.send(format!("{line}\n").as_bytes()).unwrap();
        let output = console.expect("\n=> ", WAIT).unwrap();
        assert_eq!(
            output,
            format!("{line}\r\nABCDEFGHIJ\r\n{lines}{status}\r\nABCDEFGHIJ\r\n=> ")
        );
    }
}

/// LAVA: its interrupt is an empty key and a line feed; each command waits for the prompt.
#[test]
fn lava() {
    let mut console = machine().nic(Nic::None).spawn("console-lava").unwrap();
    console.expect("Hit any key to stop autoboot", WAIT).unwrap();
    console.send(b"\n").unwrap();
    console.expect("=>", WAIT).unwrap();
    for line in [
        "setenv autoload no",
        "setenv initrd_high 0xffffffffffffffff",
        "setenv bootargs 'console=ttyAMA0,115200n8 root=/dev/ram0'",
    ] {
        console.send(format!("{line}\n").as_bytes()).unwrap();
        let output = console.expect("=>", WAIT).unwrap();
        assert_eq!(output.trim_start(), format!("{line}\r\n=>"));
    }
}

/// tbot: a carriage return at the count-down, Ctrl-C every half second until the prompt is the last that came, then commands that must come back
/// exactly.
#[test]
fn tbot() {
    let mut console = machine().nic(Nic::None).spawn("console-tbot").unwrap();
    let count_down = Regex::new(r"autoboot:\s{0,5}\d{0,3}\s{0,3}.{0,80}").unwrap();
    console.expect_regex(&count_down, WAIT).unwrap();
    console.send(b"\r").unwrap();
    for _ in 0..120 {
        if console.transcript().ends_with("=> ") {
            break;
        }
        console.send(b"\x03").unwrap();
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(console.transcript().ends_with("=> "), "{}", console.transcript());
    console.send(b"echo first\r").unwrap();
    console.expect("\nfirst\r\n=> ", WAIT).unwrap();
    let value = "'a '\\''b'\\'' \"c\" $x ; #'";
    for (line, answer) in [
        (format!("setenv X {value}"), ""),
        ("echo $?".into(), "0\r\n"),
        ("printenv X".into(), "X=a 'b' \"c\" $x ; #\r\n"),
    ] {
        console.send(format!("{line}\r").as_bytes()).unwrap();
        let output = console.expect("\n=> ", WAIT).unwrap();
        assert_eq!(output, format!("{line}\r\n{answer}=> "));
    }
}

/// Ctrl-C at the prompt and during a command: within a second there is a prompt again.
#[test]
fn ctrl_c_ends_commands() {
    let mut console = prompt("console-ctrl-c");
    console.send(b"half a line\x03").unwrap();
    console.expect("<INTERRUPT>\r\n=> ", WAIT).unwrap();
    for line in [
        "sleep 1000",
        "while true; do true; done",
        "pause",
        "editenv x",
        "askenv x",
    ] {
        console.send_line(line).unwrap();
        console.expect("\n", WAIT).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        console.send(b"\x03").unwrap();
        console.expect("<INTERRUPT>\r\n=> ", WAIT).unwrap();
    }
}
