//! A card for tests: it does what the specifications say, and what a test wants to go wrong.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec;
use alloc::vec::Vec;

/// What goes wrong with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CardFault {
    /// Nothing; for faults further on.
    None,
    /// The card does not answer.
    Silent,
    /// The answer arrives damaged.
    DamagedAnswer,
    /// The card answers with these bits of its status, and does nothing.
    Status(u32),
    /// This block of the data arrives damaged.
    DamagedData(usize),
    /// This block of the data does not arrive.
    NoData(usize),
    /// The card stays busy for ever.
    Busy,
    /// The card is taken out.
    Removed,
    /// The controller fails at its descriptors.
    Adma,
    /// The controller never says that it is done.
    Stuck,
}

/// Kinds of cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// SD version 1.01: no CMD8, no CMD6.
    SdOld,
    /// SD version 2, up to 2 GiB.
    Sdsc,
    /// SD version 3 and more than 2 GiB.
    Sdhc,
    /// MMC before version 4.
    MmcOld,
    /// eMMC 5.1.
    Emmc,
}

impl Kind {
    pub(crate) fn is_sd(self) -> bool {
        matches!(self, Self::SdOld | Self::Sdsc | Self::Sdhc)
    }

    pub(crate) fn counts_blocks(self) -> bool {
        matches!(self, Self::Sdhc | Self::Emmc)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle = 0,
    Ready = 1,
    Ident = 2,
    Standby = 3,
    Transfer = 4,
    Data = 5,
    Receive = 6,
    Programming = 7,
    Inactive = 9,
}

/// Data that a command has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A register.
    Register(Vec<u8>),
    /// Blocks from this one on.
    Read(u64),
    Write(u64),
}

pub(crate) type Answer = Option<([u32; 4], Option<Phase>)>;

pub(crate) struct Card {
    pub(crate) kind: Kind,
    pub(crate) blocks: u64,
    /// Blocks that were written; the others hold [`Card::pattern`].
    written: BTreeMap<u64, Vec<u8>>,
    pub(crate) csd: [u8; 16],
    pub(crate) cid: [u8; 16],
    pub(crate) scr: [u8; 8],
    pub(crate) ext_csd: Vec<u8>,
    /// How often it is asked for its OCR until it has powered up.
    pub(crate) power_up: u32,
    pub(crate) ocr: u32,
    /// What it sends back at CMD8.
    pub(crate) echo: u32,
    pub(crate) locked: bool,
    pub(crate) has_high_speed: bool,
    /// How many lines the board has between card and controller.
    pub(crate) lines: u32,
    /// Over more lines than there are, zeros arrive, with a checksum that is right for zeros.
    pub(crate) zeros: bool,
    /// How often it says that it is programming after a write.
    pub(crate) programming: u32,
    pub(crate) own_address: u32,
    /// What goes wrong, by the number of the command, application commands from 100.
    pub(crate) faults: BTreeMap<u8, VecDeque<CardFault>>,
    /// The commands that arrived, and their arguments.
    pub(crate) seen: Vec<(u8, u32)>,
    state: State,
    asked: u32,
    app: bool,
    address: u32,
    busy: u32,
    /// The length of blocks of a card that counts bytes (SD 4.3.2): at first that of its CSD.
    block_length: u32,
    /// How the card drives the bus.
    pub(crate) width: u32,
    pub(crate) high_speed: bool,
    pub(crate) fault: CardFault,
}

/// Sets a field of a register by its highest and lowest bit.
pub(crate) fn set(register: &mut [u8; 16], high: u32, low: u32, value: u128) {
    let mask = ((1u128 << (high - low + 1)) - 1) << low;
    let bits = u128::from_be_bytes(*register);
    *register = (bits & !mask | value << low).to_be_bytes();
}

fn csd(kind: Kind, blocks: u64) -> [u8; 16] {
    let mut csd = [0; 16];
    set(&mut csd, 7, 0, 0xff);
    match kind {
        Kind::Sdhc => {
            set(&mut csd, 127, 126, 1);
            set(&mut csd, 83, 80, 9);
            set(&mut csd, 69, 48, u128::from(blocks / 1024 - 1));
        }
        Kind::Emmc => {
            set(&mut csd, 125, 122, 4);
            set(&mut csd, 83, 80, 9);
            set(&mut csd, 73, 62, 0xfff);
            set(&mut csd, 46, 42, 31);
            set(&mut csd, 41, 37, 31);
        }
        Kind::SdOld | Kind::Sdsc | Kind::MmcOld => {
            // C_SIZE_MULT 3 (32) and blocks of 1024: units of 32 KiB.
            set(&mut csd, 83, 80, 10);
            set(&mut csd, 49, 47, 3);
            set(&mut csd, 73, 62, u128::from(blocks / 64 - 1));
            if kind == Kind::MmcOld {
                set(&mut csd, 125, 122, 3);
                set(&mut csd, 46, 42, 15);
                set(&mut csd, 41, 37, 1);
            }
        }
    }
    csd
}

impl Card {
    pub(crate) fn new(kind: Kind, blocks: u64) -> Self {
        let mut ext_csd = vec![0; 512];
        ext_csd[192] = 8;
        ext_csd[196] = 0x57;
        ext_csd[212..216].copy_from_slice(&(blocks as u32).to_le_bytes());
        ext_csd[224] = 4;
        let cid = match kind.is_sd() {
            true => *b"\x03SDSU04G\x80\x12\x34\x56\x78\x01\x65\xff",
            false => *b"\x15\x01\x00AJNB4R\x07\x12\x34\x56\x78\x65\xff",
        };
        Self {
            kind,
            blocks,
            written: BTreeMap::new(),
            csd: csd(kind, blocks),
            cid,
            scr: match kind {
                Kind::SdOld => [0x00, 0x25, 0, 0, 0, 0, 0, 0],
                Kind::Sdsc => [0x02, 0xa5, 0, 0, 0, 0, 0, 0],
                _ => [0x02, 0xb5, 0x80, 0, 0, 0, 0, 0],
            },
            ext_csd,
            power_up: 3,
            ocr: if kind == Kind::Emmc { 0x40ff_8080 } else { 0x00ff_8000 },
            echo: 0x1aa,
            locked: false,
            has_high_speed: true,
            lines: 8,
            zeros: false,
            programming: 2,
            own_address: 0xaaaa_0000,
            faults: BTreeMap::new(),
            seen: Vec::new(),
            state: State::Idle,
            asked: 0,
            app: false,
            address: 0,
            busy: 0,
            block_length: 0,
            width: 1,
            high_speed: false,
            fault: CardFault::None,
        }
    }

    /// What a block holds as long as nobody writes it.
    pub(crate) fn pattern(block: u64) -> Vec<u8> {
        (0..512u64)
            .map(|at| (block * 7 + at * 3 + block / 256 + at / 256) as u8)
            .collect()
    }

    pub(crate) fn block(&self, block: u64) -> Vec<u8> {
        self.written
            .get(&block)
            .cloned()
            .unwrap_or_else(|| Self::pattern(block))
    }

    pub(crate) fn write(&mut self, block: u64, bytes: &[u8]) {
        assert!(block < self.blocks && bytes.len() == 512);
        self.written.insert(block, bytes.to_vec());
    }

    pub(crate) fn fail(&mut self, command: u8, faults: &[CardFault]) {
        self.faults.entry(command).or_default().extend(faults.iter().copied());
    }

    /// The power goes off and on.
    pub(crate) fn power_cycle(&mut self) {
        (self.state, self.asked, self.app) = (State::Idle, 0, false);
        (self.width, self.high_speed, self.busy) = (1, false, 0);
        self.block_length = 1 << (u128::from_be_bytes(self.csd) >> 80 & 0xf);
        self.ext_csd[183] = 0;
        self.ext_csd[185] = 0;
    }

    /// The fastest clock that it takes as it is.
    pub(crate) fn fastest(&self) -> u32 {
        match (self.state, self.kind, self.high_speed) {
            (State::Idle | State::Ready | State::Ident, ..) => 400_000,
            (_, Kind::Emmc, true) => 52_000_000,
            (_, Kind::Emmc, false) => 26_000_000,
            (_, Kind::MmcOld, _) => 20_000_000,
            (_, _, true) => 50_000_000,
            (_, _, false) => 25_000_000,
        }
    }

    fn status(&mut self) -> u32 {
        if self.state == State::Programming {
            if self.busy == 0 {
                self.state = State::Transfer;
            } else {
                self.busy -= 1;
            }
        }
        let ready = self.state != State::Programming;
        let app = u32::from(self.app) << 5;
        (self.state as u32) << 9 | u32::from(ready) << 8 | app | u32::from(self.locked) << 25
    }

    fn short(word: u32) -> Answer {
        Some(([word, 0, 0, 0], None))
    }

    fn long(register: [u8; 16]) -> Answer {
        let bits = u128::from_be_bytes(register) >> 8;
        Some(([0, 32, 64, 96].map(|shift| (bits >> shift) as u32), None))
    }

    /// Does a command.
    pub(crate) fn command(&mut self, index: u8, argument: u32) -> Answer {
        let app = core::mem::take(&mut self.app);
        let number = if app { index + 100 } else { index };
        self.seen.push((number, argument));
        self.fault = self
            .faults
            .get_mut(&number)
            .and_then(VecDeque::pop_front)
            .unwrap_or(CardFault::None);
        match self.fault {
            CardFault::Silent | CardFault::Removed => return None,
            CardFault::Status(bits) => {
                let status = self.status() | bits;
                return Self::short(status);
            }
            CardFault::Busy => {
                self.state = State::Programming;
                self.busy = u32::MAX;
            }
            _ => {}
        }
        if app {
            self.app_command(index, argument)
        } else {
            self.plain_command(index, argument)
        }
    }

    fn plain_command(&mut self, index: u8, argument: u32) -> Answer {
        let mine = self.address == argument & 0xffff_0000;
        match (index, self.state) {
            (0, _) => {
                self.power_cycle();
                Some(([0; 4], None))
            }
            (1, State::Idle) if !self.kind.is_sd() => self.op_cond(argument),
            (2, State::Ready) => {
                self.state = State::Ident;
                Self::long(self.cid)
            }
            (3, State::Ident) => {
                self.address = if self.kind.is_sd() {
                    self.own_address
                } else {
                    argument & 0xffff_0000
                };
                self.state = State::Standby;
                let own = if self.kind.is_sd() { self.own_address } else { 0 };
                Self::short(own | 0x500)
            }
            (6, State::Transfer) if !self.kind.is_sd() => self.write_ext_csd(argument),
            (6, State::Transfer) if self.kind != Kind::SdOld => self.switch(argument),
            (7, State::Standby) if mine => {
                let status = self.status();
                self.state = State::Transfer;
                Self::short(status)
            }
            (8, State::Idle) if matches!(self.kind, Kind::Sdsc | Kind::Sdhc) => Self::short(self.echo),
            (8, State::Transfer) if self.kind == Kind::Emmc => self.data(Phase::Register(self.ext_csd.clone())),
            (9, State::Standby) if mine => Self::long(self.csd),
            (12, State::Data | State::Receive) => {
                let status = self.status();
                self.stop();
                Self::short(status)
            }
            (13, _) if mine => {
                let status = self.status();
                Self::short(status)
            }
            (16, State::Transfer) => {
                assert_eq!(argument, 512);
                self.block_length = argument;
                let status = self.status();
                Self::short(status)
            }
            (17 | 18 | 24 | 25, State::Transfer) => self.blocks(index, argument),
            (55, _) if self.kind.is_sd() => {
                self.app = true;
                let status = self.status();
                Self::short(status)
            }
            _ => None,
        }
    }

    fn app_command(&mut self, index: u8, argument: u32) -> Answer {
        match (index, self.state) {
            (6, State::Transfer) => {
                self.width = if argument == 2 { 4 } else { 1 };
                let status = self.status();
                Self::short(status)
            }
            (41, State::Idle) => {
                assert!(
                    argument & 0x4000_0000 == 0 || self.kind != Kind::SdOld,
                    "no CMD8, no HCS"
                );
                self.op_cond(argument)
            }
            (51, State::Transfer) => self.data(Phase::Register(self.scr.to_vec())),
            _ => None,
        }
    }

    fn op_cond(&mut self, argument: u32) -> Answer {
        if argument & self.ocr & 0x00ff_8000 == 0 && self.ocr & 0x00ff_8000 != 0 {
            self.state = State::Inactive;
            return None;
        }
        self.asked += 1;
        let large = self.kind.counts_blocks();
        if self.asked <= self.power_up || large && argument & 1 << 30 == 0 {
            return Self::short(self.ocr & !(3 << 29));
        }
        self.state = State::Ready;
        let capacity = if self.kind == Kind::Sdhc { 1 << 30 } else { 0 };
        Self::short(self.ocr | capacity | 1 << 31)
    }

    fn data(&mut self, phase: Phase) -> Answer {
        let status = self.status();
        if !matches!(phase, Phase::Register(_)) {
            self.state = match phase {
                Phase::Write(_) => State::Receive,
                _ => State::Data,
            };
        }
        Some(([status, 0, 0, 0], Some(phase)))
    }

    fn blocks(&mut self, index: u8, argument: u32) -> Answer {
        let unit = if self.kind.counts_blocks() { 1 } else { 512 };
        assert!(
            unit == 1 || self.block_length == 512,
            "blocks of {} bytes",
            self.block_length
        );
        let first = u64::from(argument) / unit;
        if u64::from(argument) % unit != 0 || first >= self.blocks {
            let status = self.status();
            return Self::short(status | 1 << 31);
        }
        let phase = if index < 20 {
            Phase::Read(first)
        } else {
            Phase::Write(first)
        };
        self.data(phase)
    }

    /// The data of a command ends, or CMD12 ends it.
    pub(crate) fn stop(&mut self) {
        if self.fault == CardFault::Busy {
            return;
        }
        let wrote = self.state == State::Receive;
        if matches!(self.state, State::Data | State::Receive) {
            self.state = if wrote { State::Programming } else { State::Transfer };
            self.busy = self.programming;
        }
    }

    /// SD's SWITCH_FUNC.
    fn switch(&mut self, argument: u32) -> Answer {
        let mut status = vec![0; 64];
        status[13] = if self.has_high_speed { 0b11 } else { 0b01 };
        let wanted = argument & 0xf;
        let can = wanted == 0 || wanted == 1 && self.has_high_speed;
        status[16] = if can { wanted as u8 } else { 0xf };
        if argument >> 31 != 0 && can {
            self.high_speed = wanted == 1;
        }
        self.data(Phase::Register(status))
    }

    /// MMC's SWITCH.
    fn write_ext_csd(&mut self, argument: u32) -> Answer {
        assert_eq!(argument >> 24, 3, "a byte is written");
        let (at, value) = ((argument >> 16 & 0xff) as usize, (argument >> 8 & 0xff) as u8);
        let status = self.status();
        let known = match (at, value) {
            (183, 0..=2) => {
                self.width = [1, 4, 8][usize::from(value)];
                true
            }
            (185, 0 | 1) => {
                let can = self.has_high_speed || value == 0;
                self.high_speed = value == 1 && can;
                can
            }
            _ => false,
        };
        if known {
            self.ext_csd[at] = value;
        } else {
            self.fail(13, &[CardFault::Status(1 << 7)]);
        }
        Self::short(status)
    }
}
