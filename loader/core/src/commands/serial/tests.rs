use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crc::{CRC_16_XMODEM, Crc};
use hal::fakes::FakeConsole;
use hal::{Console, PhysAddr, Region};

use crate::commands::testing::{Bench, RAM};
use crate::console::Terminal;

/// A YMODEM sender at the other end: it sends the next block whenever it is acknowledged or invited.
struct Sender {
    wire: FakeConsole,
    blocks: Vec<Vec<u8>>,
    out: alloc::collections::VecDeque<u8>,
}

impl Sender {
    fn new(wire: &FakeConsole, blocks: Vec<Vec<u8>>) -> Self {
        Self {
            wire: wire.clone(),
            blocks,
            out: alloc::collections::VecDeque::new(),
        }
    }
}

impl Console for Sender {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if matches!(byte, 0x06 | 0x15) && !self.blocks.is_empty() {
                self.out.extend(self.blocks.remove(0));
            }
        }
        if bytes == b"C" && !self.blocks.is_empty() {
            self.out.extend(self.blocks.remove(0));
        }
        self.wire.write(bytes);
    }

    fn read(&mut self) -> Option<u8> {
        self.out.pop_front().or_else(|| self.wire.read())
    }

    fn flush(&mut self) {}
}

fn block(number: u8, data: &[u8], fill: u8) -> Vec<u8> {
    let mut bytes = data.to_vec();
    bytes.resize(128, fill);
    let crc = Crc::<u16>::new(&CRC_16_XMODEM).checksum(&bytes);
    let mut block = alloc::vec![1, number, !number];
    block.extend(bytes);
    block.extend(crc.to_be_bytes());
    block
}

/// What the line shows and the machine after it, when the sender has these blocks.
fn load(line: &str, blocks: Vec<Vec<u8>>) -> (String, Bench) {
    let mut bench = Bench::new();
    bench.wire.type_in(&alloc::format!("{line}\r"));
    bench.context.terminal = Terminal::new(Box::new(Sender::new(&bench.wire, blocks)));
    let output = bench.type_in("");
    (output, bench)
}

#[test]
fn a_file_goes_to_its_place_and_is_known() {
    let blocks = alloc::vec![
        block(0, b"Image\x00130 0 0", 0),
        block(1, &[3; 128], 0),
        block(2, b"\x03\x03", 0x1a),
        alloc::vec![4],
        block(0, b"", 0),
        b"echo after\r".to_vec(),
    ];
    let (output, bench) = load("loady 40001000", blocks);
    let expected = "\
loady 40001000
## Ready for binary (ymodem) download to 0x40001000 at 115200 bps...
C\x06C\x06\x06\x06C\x06\
## Total Size      = 0x00000082 = 130 Bytes
## Start Addr      = 0x40001000
=> ";
    assert!(output.starts_with(expected), "{output:?}");
    let region = Region::new(PhysAddr(RAM + 0x1000), 130).unwrap();
    assert_eq!(bench.context.memory.bytes(region).unwrap(), [3; 130]);
    let file = bench.context.memory.file_at(region.start()).unwrap();
    assert_eq!((file.name.as_str(), file.region), ("Image", region));
    assert_eq!(bench.context.env.get("filesize"), Some("82"));
    assert_eq!(bench.context.env.get("fileaddr"), Some("40001000"));
    let after = Region::new(PhysAddr(RAM + 0x1000 + 130), 1).unwrap();
    assert_eq!(
        bench.context.memory.bytes(after).unwrap(),
        [0xa5],
        "nothing behind the file"
    );
    assert!(output.ends_with("=> echo after\nafter\n=> "), "{output:?}");
}

#[test]
fn what_does_not_fit_is_refused_and_what_was_sent_is_no_command() {
    let start = RAM + (15 << 20) - 64;
    let blocks = alloc::vec![
        block(0, b"Image\x00130 0 0", 0),
        block(1, &[3; 128], 0),
        b"echo no\r".to_vec()
    ];
    let (output, mut bench) = load(&alloc::format!("loady {start:x}"), blocks);
    assert!(
        output.contains("## Binary (ymodem) download aborted: 0x80 bytes at offset 0x0 do not fit the 0x40 bytes"),
        "{output:?}"
    );
    assert!(!output.contains("\nno\n"), "{output:?}");
    assert_eq!(bench.enter("echo $?"), "1\n");
    assert_eq!(bench.context.memory.files(), []);
    assert_eq!(bench.context.env.get("filesize"), None);
}

#[test]
fn a_place_that_is_no_ram_is_refused_before_a_sender_is_asked_for() {
    let mut bench = Bench::new();
    for line in ["loadb 0", "loadx 0", "loady 40f00000"] {
        let output = bench.enter(line);
        assert!(!output.contains("Ready"), "{output}");
    }
}

#[test]
fn nobody_sends() {
    let mut bench = Bench::new();
    bench.enter("setenv loadxy_timeout 5");
    bench.enter("setenv loadaddr 40200000");
    let output = bench.enter("loadx");
    assert!(
        output.ends_with(
            "## Binary (xmodem) download aborted: no sender began within 5 s; loadxy_timeout sets another time\n"
        ),
        "{output:?}"
    );
    assert!(bench.enter("loadb").contains("within 5 s"));
}

#[test]
fn ctrl_c_ends_the_wait() {
    for line in ["loadx 40200000", "loady 40200000", "loadb 40200000"] {
        let mut bench = Bench::new();
        bench.wire.type_in(&alloc::format!("{line}; echo no\r"));
        bench.context.terminal = Terminal::new(Box::new(LateKeys(60, bench.wire.clone(), b"\x03")));
        let output = bench.type_in("");
        assert!(output.contains("<INTERRUPT>\n=> "), "{output:?}");
        assert!(!output.contains("\nno"), "{output:?}");
    }
}

/// A console at which keys are pressed after so many looks that find nothing.
struct LateKeys(u32, FakeConsole, &'static [u8]);

impl Console for LateKeys {
    fn write(&mut self, bytes: &[u8]) {
        self.1.write(bytes);
    }

    fn read(&mut self) -> Option<u8> {
        if let Some(byte) = self.1.read() {
            return Some(byte);
        }
        self.0 = self.0.saturating_sub(1);
        let (first, rest) = self.2.split_first().filter(|_| self.0 == 0)?;
        self.2 = rest;
        Some(*first)
    }

    fn flush(&mut self) {}
}

#[test]
fn the_speed_is_what_it_is() {
    let mut bench = Bench::new();
    let output = bench.enter("loady 40200000 9600");
    assert_eq!(
        output,
        "the console stays at 115200 baud: it cannot be switched to 9600 for a transfer\n"
    );
    assert!(bench.enter("loady 40200000 fast").contains("not a decimal number"));
    assert!(
        bench
            .enter("loady a b c")
            .starts_with("loady - load binary file over serial line (ymodem mode)\n")
    );
    assert!(bench.enter("loady").starts_with("loady - "), "no address at all");
}
