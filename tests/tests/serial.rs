//! Files over the console's line, sent by the programs that people have: lrzsz and G-Kermit.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use qemu::{Console, Firmware, Machine, Nic};
use system_tests::{folder, slipway};

const WAIT: Duration = Duration::from_secs(60);
const TRANSFER: Duration = Duration::from_secs(180);
const ADDRESS: u64 = 0x4040_0000;

fn prompt(name: &str) -> Console {
    let machine = Machine::load("virt").unwrap().nic(Nic::None);
    let mut console = machine.firmware(Firmware::Bios(slipway())).spawn(name).unwrap();
    console.prompt().unwrap();
    console
}

/// A file of `size` bytes with all that a line might take for something else.
fn file(name: &str, size: usize) -> (PathBuf, Vec<u8>) {
    let mut seed = 1_u32;
    let bytes = (0..size).map(|index| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match index % 1000 {
            0..100 => 0x03,
            100..200 => 0x18,
            200..300 => 0x1a,
            300..400 => b'\r',
            _ => seed.to_le_bytes()[3],
        }
    });
    let mut bytes: Vec<u8> = bytes.collect();
    bytes[size - 1] = b'!';
    let folder = folder(name);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("payload.bin");
    std::fs::write(&path, &bytes).unwrap();
    (path, bytes)
}

/// Loads a file with the command and its sender, and compares it in RAM.
fn transfer(command: &str, sender: &[&str]) {
    let name = format!("serial-{command}");
    let (path, bytes) = file(&name, 200 * 1024 + 77);
    let mut console = prompt(&name);
    console.send_line(&format!("{command} {ADDRESS:x}")).unwrap();
    console.expect("bps...", WAIT).unwrap();
    let mut program = Command::new(sender[0]);
    program.args(&sender[1..]).arg(&path);
    let status = console.connect(&mut program, TRANSFER).unwrap();
    assert!(status.success(), "{sender:?}: {status}");
    let size = bytes.len();
    console
        .expect(&format!("## Total Size      = 0x{size:08x} = {size} Bytes"), WAIT)
        .unwrap();
    console.expect("\n=> ", WAIT).unwrap();
    let arrived = console.read_memory(ADDRESS, size as u64).unwrap();
    assert!(arrived == bytes, "RAM differs from the file");
    // Nothing of the transfer is left on the line, and the prompt takes commands.
    let answer = console.command("echo $filesize $fileaddr $?").unwrap();
    assert_eq!(answer, format!("{size:x} {ADDRESS:x} 0"));
}

#[test]
fn ymodem() {
    transfer("loady", &["sb"]);
}

#[test]
fn ymodem_with_long_blocks() {
    transfer("loady", &["sb", "-k"]);
}

#[test]
fn xmodem() {
    transfer("loadx", &["sx"]);
}

#[test]
fn kermit() {
    transfer("loadb", &["gkermit", "-iXs"]);
}

/// Half of a file, then nothing: the command ends, and the prompt takes commands.
#[test]
fn a_sender_that_dies_ends_with_a_sentence() {
    let mut console = prompt("serial-dead");
    console.send_line(&format!("loady {ADDRESS:x}")).unwrap();
    console.expect("bps...", WAIT).unwrap();
    let mut block = vec![1, 1, 0xfe];
    block.extend([0; 130]);
    console.send(&block).unwrap();
    console.send(b"half a block").unwrap();
    console
        .expect("aborted: 10 errors in a row after 128 bytes", TRANSFER)
        .unwrap();
    console.expect("\n=> ", WAIT).unwrap();
    assert_eq!(console.command("echo $?").unwrap(), "1");
}

#[test]
fn ctrl_c_ends_the_wait_for_a_sender() {
    let mut console = prompt("serial-interrupt");
    for command in ["loadb", "loadx", "loady"] {
        console.send_line(&format!("{command} {ADDRESS:x}")).unwrap();
        console.expect("bps...", WAIT).unwrap();
        console.send(b"\x03").unwrap();
        console.expect("<INTERRUPT>\r\n=> ", WAIT).unwrap();
    }
}
