//! A bank of CFI chips for tests: each does what Intel's command set says, and fails the test when it is told nonsense.

use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use hal::Registers;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Array,
    Status,
    Query,
    Id,
}

/// What the next write means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expects {
    Command,
    EraseConfirm(usize),
    Word,
    Count(usize),
    Data {
        base: usize,
        left: usize,
        words: Vec<(usize, u32)>,
    },
    Lock(usize),
}

/// What is wrong with a chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// It is never ready again after an erase or a program.
    Hangs,
    /// Its programming voltage is low.
    LowVoltage,
    /// It cannot clear bits.
    CannotProgram,
    /// It cannot set bits.
    CannotErase,
    /// It takes every sequence for a wrong one.
    Confused,
}

/// A chip of `width` bytes.
pub(super) struct Chip {
    pub(super) bytes: Vec<u8>,
    pub(super) locked: Vec<bool>,
    pub(super) defect: Option<Defect>,
    width: usize,
    block: usize,
    query: Vec<u8>,
    mode: Mode,
    expects: Expects,
    status: u32,
    /// How many more readings of the status say busy.
    busy: u32,
}

/// What a chip is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) width: usize,
    pub(super) block: usize,
    pub(super) blocks: usize,
    /// Exponent of the buffer's size; 0 for none.
    pub(super) buffer: u8,
    pub(super) locks: bool,
}

impl Chip {
    pub(super) fn new(shape: Shape) -> Self {
        let size = shape.block * shape.blocks;
        Self {
            bytes: vec![0; size],
            locked: vec![shape.locks; shape.blocks],
            defect: None,
            width: shape.width,
            block: shape.block,
            query: query(shape),
            mode: Mode::Array,
            expects: Expects::Command,
            status: 0x80,
            busy: 0,
        }
    }

    /// Reads the chip's word at byte offset `at`.
    fn read(&mut self, at: usize) -> u32 {
        let word = at / self.width;
        match self.mode {
            Mode::Array => self.word(at),
            Mode::Query => self.query.get(word).copied().unwrap_or(0).into(),
            Mode::Id => match word % (self.block / self.width) {
                0 => 0x89,
                1 => 0x18,
                2 => self.locked[at / self.block].into(),
                _ => 0,
            },
            Mode::Status if self.busy > 0 => {
                self.busy -= u32::from(self.defect != Some(Defect::Hangs));
                0
            }
            Mode::Status => self.status,
        }
    }

    fn word(&self, at: usize) -> u32 {
        let bytes = &self.bytes[at..at + self.width];
        bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
    }

    fn write(&mut self, at: usize, value: u32) {
        match core::mem::replace(&mut self.expects, Expects::Command) {
            Expects::Command => self.command(at, value & 0xff),
            Expects::EraseConfirm(block) => {
                assert_eq!((at / self.block, value & 0xff), (block, 0xd0), "erase confirmed");
                self.work(block, 0x20, Defect::CannotErase, |chip| {
                    chip.bytes[block * chip.block..(block + 1) * chip.block].fill(0xff);
                });
            }
            Expects::Word => {
                self.work(at / self.block, 0x10, Defect::CannotProgram, |chip| {
                    chip.clear_bits(at, value)
                });
            }
            Expects::Count(base) => {
                assert_eq!(at, base, "the count goes where the buffer begins");
                assert!(value > 0, "QEMU takes no buffer of one word");
                let left = usize::try_from(value).unwrap() + 1;
                let words = Vec::new();
                self.expects = Expects::Data { base, left, words };
            }
            Expects::Data { base, left: 0, words } => {
                assert_eq!(value & 0xff, 0xd0, "buffer confirmed");
                self.work(base / self.block, 0x10, Defect::CannotProgram, |chip| {
                    words.iter().for_each(|(at, word)| chip.clear_bits(*at, *word));
                });
            }
            Expects::Data { base, left, mut words } => {
                let buffer = 1 << self.query[0x2a];
                assert_eq!(at / buffer, base / buffer, "a buffer's words are in one piece");
                words.push((at, value));
                let left = left - 1;
                self.expects = Expects::Data { base, left, words };
            }
            Expects::Lock(block) => {
                assert_eq!(at / self.block, block);
                assert!([0x01, 0xd0].contains(&(value & 0xff)), "lock or unlock: {value:#x}");
                self.locked[block] = value & 0xff == 1;
                self.mode = Mode::Status;
            }
        }
    }

    fn command(&mut self, at: usize, command: u32) {
        let block = at / self.block;
        if self.busy > 0 {
            assert_eq!(self.defect, Some(Defect::Hangs), "command {command:#x} while busy");
            return;
        }
        (self.mode, self.expects) = match command {
            // 0 is what a chip sees that is taken for the upper half of a wider one.
            0xff | 0 => (Mode::Array, Expects::Command),
            0x90 => (Mode::Id, Expects::Command),
            0x98 if at == 0x55 * self.width => (Mode::Query, Expects::Command),
            0x50 => {
                self.status = 0x80;
                (self.mode, Expects::Command)
            }
            0x20 => (Mode::Status, Expects::EraseConfirm(block)),
            0x40 => (Mode::Status, Expects::Word),
            0xe8 if self.query[0x2a] > 0 => (Mode::Status, Expects::Count(at)),
            0x60 => (Mode::Status, Expects::Lock(block)),
            other => panic!("command {other:#x} at {at:#x}"),
        };
    }

    /// Works on a block, or says in the status why not.
    fn work(&mut self, block: usize, error: u32, defect: Defect, work: impl FnOnce(&mut Self)) {
        self.mode = Mode::Status;
        self.busy = 3;
        match self.defect {
            Some(Defect::Confused) => self.status |= 0x30,
            Some(Defect::LowVoltage) => self.status |= 0x08,
            Some(found) if found == defect => self.status |= error,
            _ if self.locked[block] => self.status |= 0x02,
            _ => work(self),
        }
    }

    fn clear_bits(&mut self, at: usize, word: u32) {
        for (byte, new) in self.bytes[at..at + self.width].iter_mut().zip(word.to_le_bytes()) {
            *byte &= new;
        }
    }
}

/// The query data of such a chip, as QEMU's `pflash_cfi01` has them.
fn query(shape: Shape) -> Vec<u8> {
    let mut query = vec![0; 0x60];
    query[0x10..0x17].copy_from_slice(b"QRY\x01\x00\x31\x00");
    query[0x1f..0x27].copy_from_slice(&[7, 7, 10, 0, 4, 4, 4, 0]);
    query[0x27] = (shape.block * shape.blocks).trailing_zeros() as u8;
    query[0x2a] = shape.buffer;
    query[0x2c] = 1;
    query[0x2d..0x2f].copy_from_slice(&(shape.blocks as u16 - 1).to_le_bytes());
    query[0x2f..0x31].copy_from_slice(&((shape.block / 256) as u16).to_le_bytes());
    query[0x31..0x36].copy_from_slice(b"PRI10");
    query[0x36] = if shape.locks { 1 << 5 } else { 0 };
    query
}

/// Chips side by side. Clones are the same ones.
#[derive(Clone)]
pub(super) struct Bank {
    pub(super) chips: Rc<RefCell<Vec<Chip>>>,
    width: usize,
}

impl Bank {
    pub(super) fn new(shape: Shape, chips: usize) -> Self {
        let width = shape.width * chips;
        let chips = (0..chips).map(|_| Chip::new(shape)).collect();
        Self {
            chips: Rc::new(RefCell::new(chips)),
            width,
        }
    }

    /// Changes what the first chip says of itself.
    pub(super) fn tamper(&self, at: usize, bytes: &[u8]) {
        for chip in self.chips.borrow_mut().iter_mut() {
            chip.query[at..at + bytes.len()].copy_from_slice(bytes);
        }
    }

    /// Whether every chip reads as memory and waits for a command.
    pub(super) fn is_at_rest(&self) -> bool {
        let chips = self.chips.borrow();
        chips
            .iter()
            .all(|chip| chip.mode == Mode::Array && chip.expects == Expects::Command)
    }

    fn access_read(&self, offset: usize, width: usize) -> u32 {
        assert_eq!(width, self.width, "an access of the bank's width");
        let mut chips = self.chips.borrow_mut();
        let count = chips.len();
        let mut word = 0;
        for (lane, chip) in chips.iter_mut().enumerate() {
            let part = chip.read(offset / count);
            word |= part << (lane * chip.width * 8);
        }
        word
    }

    fn access_write(&self, offset: usize, word: u32, width: usize) {
        assert_eq!(width, self.width, "an access of the bank's width");
        let mut chips = self.chips.borrow_mut();
        let count = chips.len();
        for (lane, chip) in chips.iter_mut().enumerate() {
            let bits = chip.width * 8;
            let mask = u32::MAX >> (32 - bits);
            chip.write(offset / count, word >> (lane * bits) & mask);
        }
    }
}

impl Registers for Bank {
    fn read8(&self, offset: usize) -> u8 {
        self.access_read(offset, 1) as u8
    }
    fn read16(&self, offset: usize) -> u16 {
        self.access_read(offset, 2) as u16
    }
    fn read32(&self, offset: usize) -> u32 {
        self.access_read(offset, 4)
    }
    fn write8(&self, offset: usize, value: u8) {
        self.access_write(offset, value.into(), 1);
    }
    fn write16(&self, offset: usize, value: u16) {
        self.access_write(offset, value.into(), 2);
    }
    fn write32(&self, offset: usize, value: u32) {
        self.access_write(offset, value, 4);
    }
}
