//! An ENET for tests, by the registers and descriptors of the i.MX 8M Plus Reference Manual: what it is given it moves, and what the manual
//! forbids it complains of.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use hal::fakes::BusMemory;
use hal::{PhysAddr, Registers};

use crate::net::bench::Network;
use crate::net::phy::model::Bus;

const EIR: usize = 0x004;
const ECR: usize = 0x024;
const MMFR: usize = 0x040;
const MSCR: usize = 0x044;
const RCR: usize = 0x084;
const TCR: usize = 0x0c4;
const RDSR: usize = 0x180;
const TDSR: usize = 0x184;
const MRBR: usize = 0x188;
const FTRL: usize = 0x1b0;
const ENABLE: u32 = 1 << 1;
const GRA: u32 = 1 << 28;
const MII: u32 = 1 << 23;

/// What becomes of frames to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// They leave as soon as the transmitter is told of them.
    AtOnce,
    /// They stay.
    Never,
    /// The next start is lost, as in the device's own race.
    LosesStart,
}

pub(super) struct State {
    memory: BusMemory,
    words: BTreeMap<usize, u32>,
    /// Where the device is in its rings.
    receive_at: u32,
    transmit_at: u32,
    /// RDAR: it has not found a full buffer since it was told that there are empty ones.
    receives: bool,
    pub(super) mdio: Bus,
    /// What MMFR will hold when the frame on the management bus is over, and how often EIR is read before.
    exchange: Option<(u32, usize)>,
    pub(super) port_hangs: bool,
    pub(super) sending: Sending,
    pub(super) sent: VecDeque<Vec<u8>>,
    /// A transmitter that never says that it stands.
    pub(super) never_stands: bool,
    pub(super) never_resets: bool,
    /// Nothing that is written stays.
    pub(super) forgets: bool,
    pub(super) resets: usize,
    pub(super) reads: usize,
    pub(super) writes: usize,
}

/// Clones are the same device.
#[derive(Clone)]
pub(super) struct Model(pub(super) Rc<RefCell<State>>);

impl Model {
    /// A device after a reset, the PHY at address 1.
    pub(super) fn new(memory: BusMemory) -> Self {
        let mut state = State {
            memory,
            words: BTreeMap::new(),
            receive_at: 0,
            transmit_at: 0,
            receives: false,
            mdio: Bus::with_phy(1),
            exchange: None,
            port_hangs: false,
            sending: Sending::AtOnce,
            sent: VecDeque::new(),
            never_stands: false,
            never_resets: false,
            forgets: false,
            resets: 0,
            reads: 0,
            writes: 0,
        };
        state.reset();
        Self(Rc::new(RefCell::new(state)))
    }

    pub(super) fn word(&self, offset: usize) -> u32 {
        self.0.borrow().word(offset)
    }

    pub(super) fn set(&self, offset: usize, value: u32) {
        self.0.borrow_mut().words.insert(offset, value);
    }

    /// A descriptor comes back with a buffer of `bytes` and whatever is in `status`.
    pub(super) fn give_back(&self, bytes: &[u8], status: u32) -> bool {
        self.0.borrow_mut().fill(bytes, status)
    }

    /// The receiver stands until it is told that there are empty buffers.
    pub(super) fn stall(&self) {
        self.0.borrow_mut().receives = false;
    }

    /// The bus answers an access of the DMA's with an error.
    pub(super) fn bus_error(&self) {
        let mut state = self.0.borrow_mut();
        state.raise(EIR, 1 << 22);
        let off = state.word(ECR) & !ENABLE;
        state.words.insert(ECR, off);
        state.receives = false;
    }
}

/// The six bits by which the tables of addresses go: the upper ones of the address's CRC-32.
fn hash(address: [u8; 6]) -> u32 {
    let crc = address.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    });
    crc >> 26
}

impl Network for Model {
    fn deliver(&self, frame: &[u8]) -> bool {
        let mut state = self.0.borrow_mut();
        if !state.is_on() || !state.accepts(frame) {
            return false;
        }
        let mut bytes = [frame, &[0xfc; 4]].concat();
        let too_long = bytes.len() > usize::try_from(state.word(RCR) >> 16).unwrap();
        let limit = usize::try_from(state.word(FTRL)).unwrap();
        let cut = bytes.len() > limit;
        bytes.truncate(limit);
        let errors = u32::from(too_long) << 5 | u32::from(cut);
        let size = usize::try_from(state.word(MRBR)).unwrap();
        let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        for (index, piece) in pieces.iter().enumerate() {
            let end = index + 1 == pieces.len();
            let status = if end { errors | 1 << 11 } else { 0 };
            let len = if end { bytes.len() } else { size };
            if !state.fill(piece, status << 16 | u32::try_from(len).unwrap()) {
                return false;
            }
        }
        true
    }

    fn sent(&self) -> Option<Vec<u8>> {
        self.0.borrow_mut().sent.pop_front()
    }
}

impl State {
    fn word(&self, offset: usize) -> u32 {
        self.words.get(&offset).copied().unwrap_or(0)
    }

    fn raise(&mut self, offset: usize, bits: u32) {
        *self.words.entry(offset).or_default() |= bits;
    }

    fn reset(&mut self) {
        self.resets += 1;
        // Nobody promises that it clears MMFR.
        let kept = self.word(MMFR);
        self.words = [(ECR, 0xf000_0000), (RCR, 0x05ee_0001), (FTRL, 0x7ff), (MMFR, kept)].into();
        self.receives = false;
    }

    fn is_on(&self) -> bool {
        self.word(ECR) & ENABLE != 0
    }

    fn number(&self, at: u32) -> u32 {
        u32::try_from(self.memory.number::<4>(PhysAddr(at.into()))).unwrap()
    }

    fn accepts(&self, frame: &[u8]) -> bool {
        let control = self.word(RCR);
        let destination: [u8; 6] = frame[..6].try_into().unwrap();
        let in_table = |upper: usize| {
            let table = u64::from(self.word(upper)) << 32 | u64::from(self.word(upper + 4));
            table >> hash(destination) & 1 != 0
        };
        let own: Vec<u8> = [self.word(0x0e4), self.word(0x0e8)]
            .iter()
            .flat_map(|word| word.to_be_bytes())
            .take(6)
            .collect();
        match destination {
            _ if control >> 3 & 1 != 0 => true,
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => control >> 4 & 1 == 0,
            [first, ..] if first & 1 != 0 => in_table(0x120),
            _ => own == destination || in_table(0x118),
        }
    }

    /// Fills the next receive buffer, if there is one.
    fn fill(&mut self, bytes: &[u8], status: u32) -> bool {
        if !self.receives {
            return false;
        }
        let at = self.receive_at;
        let found = self.number(at);
        if found >> 31 == 0 {
            self.receives = false;
            return false;
        }
        let buffer = self.number(at + 4);
        assert_eq!(buffer % 64, 0, "a receive buffer at {buffer:#x}");
        self.memory.write(PhysAddr(buffer.into()), bytes);
        let status = status & !(0xf000 << 16) | found & 1 << 29;
        self.memory.write(PhysAddr(at.into()), &status.to_le_bytes());
        self.receive_at = match found >> 29 & 1 {
            0 => at + 8,
            _ => self.word(RDSR),
        };
        true
    }

    fn send(&mut self) {
        match self.sending {
            Sending::AtOnce => {}
            Sending::Never => return,
            Sending::LosesStart => {
                self.sending = Sending::AtOnce;
                return;
            }
        }
        loop {
            let at = self.transmit_at;
            let status = self.number(at);
            if status >> 31 == 0 {
                return;
            }
            assert_eq!(status >> 26 & 3, 3, "a frame in one piece, with a check sequence");
            let mut frame = vec![0; usize::try_from(status & 0xffff).unwrap()];
            self.memory.read(PhysAddr(self.number(at + 4).into()), &mut frame);
            self.sent.push_back(frame);
            self.memory
                .write(PhysAddr(at.into()), &(status & !(1 << 31)).to_le_bytes());
            self.transmit_at = match status >> 29 & 1 {
                0 => at + 8,
                _ => self.word(TDSR),
            };
        }
    }

    fn control(&mut self, value: u32) {
        if value & 1 != 0 {
            assert!(!self.is_on(), "a reset cuts off what is under way on the bus");
            if self.never_resets {
                self.words.insert(ECR, value);
            } else {
                self.reset();
            }
            return;
        }
        if value & ENABLE != 0 && !self.is_on() {
            self.check_set_up(value);
            (self.receive_at, self.transmit_at) = (self.word(RDSR), self.word(TDSR));
        } else if value & ENABLE == 0 {
            self.receives = false;
        }
        self.words.insert(ECR, value);
    }

    /// What the manual wants of the other registers when the controller is switched on.
    fn check_set_up(&self, control: u32) {
        assert_eq!(control >> 28, 0xf, "what is reserved is kept");
        assert_eq!(control >> 8 & 1, 1, "descriptors are little-endian");
        assert_eq!(control >> 4 & 1, 0, "and have 8 bytes");
        let receive = self.word(RCR);
        assert_eq!(receive & 0x7, 4 | receive & 2, "MII_MODE, no loop");
        assert_eq!(receive >> 12 & 1, 0, "taking off padding hangs the DMA");
        assert_eq!(
            receive >> 1 & 1,
            !self.word(TCR) >> 2 & 1,
            "deaf while sending, and only at half duplex"
        );
        assert_eq!(self.word(TCR) & 1, 0, "the transmitter is to stop");
        assert_eq!(self.word(0x144) >> 8 & 1, 1, "whole frames are fetched");
        let (size, limit) = (self.word(MRBR), self.word(FTRL));
        assert!(
            size % 64 == 0 && size >= limit && limit >= receive >> 16,
            "{size} {limit}"
        );
        assert_eq!((self.word(RDSR) | self.word(TDSR)) % 64, 0, "rings");
        assert_eq!(self.word(0x008), 0, "interrupts");
    }

    fn manage(&mut self, value: u32) {
        self.words.insert(MMFR, value);
        if self.word(MSCR) & 0x7e == 0 || self.port_hangs {
            return;
        }
        assert_eq!(self.word(MSCR), 0x77e, "MDC is too fast, or MDIO is not held");
        assert_eq!((value >> 30, value >> 16 & 3), (1, 2), "a frame of clause 22");
        let (address, register) = (value >> 23 & 0x1f, value >> 18 & 0x1f);
        let answer = match value >> 28 & 3 {
            1 => {
                self.mdio.write(address, register, value & 0xffff);
                value
            }
            // A bus that nobody drives floats at ones.
            2 => value & 0xffff_0000 | self.mdio.read(address, register).unwrap_or(0xffff),
            other => panic!("operation {other}"),
        };
        self.exchange = Some((answer, 2));
    }

    /// Time goes by on the management bus.
    fn go_on(&mut self) {
        self.exchange = match self.exchange.take() {
            Some((answer, 0)) => {
                self.words.insert(MMFR, answer);
                self.raise(EIR, MII);
                None
            }
            Some((answer, reads)) => Some((answer, reads - 1)),
            None => None,
        };
    }

    fn write_mode(&mut self, offset: usize, value: u32) {
        let changed = (self.word(offset) ^ value) & !u32::from(offset == TCR);
        assert!(
            !self.is_on() || changed == 0,
            "{offset:#x} changes under a device that is on"
        );
        self.words.insert(offset, value);
        if offset == TCR && value & 1 != 0 && !self.never_stands {
            self.raise(EIR, GRA);
        }
    }
}

impl Registers for Model {
    words_only!();

    fn read32(&self, offset: usize) -> u32 {
        let mut state = self.0.borrow_mut();
        state.reads += 1;
        if offset == EIR {
            state.go_on();
        }
        if state.forgets { 0 } else { state.word(offset) }
    }

    fn write32(&self, offset: usize, value: u32) {
        let mut state = self.0.borrow_mut();
        state.writes += 1;
        match offset {
            EIR => {
                let left = state.word(EIR) & !value;
                state.words.insert(EIR, left);
            }
            0x010 => state.receives = state.is_on(),
            0x014 if state.is_on() => state.send(),
            0x014 => {}
            ECR => state.control(value),
            MMFR => state.manage(value),
            MSCR => {
                assert!(
                    state.word(MSCR) != 0 || state.word(MMFR) == 0,
                    "an old frame goes out as the clock comes on"
                );
                state.words.insert(MSCR, value);
            }
            RCR | TCR | RDSR | TDSR | MRBR | FTRL | 0x144 => state.write_mode(offset, value),
            _ => {
                state.words.insert(offset, value);
            }
        }
    }
}
