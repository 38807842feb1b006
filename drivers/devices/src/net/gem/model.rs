//! A GEM for tests, by the registers and descriptors of UG1087: what it is given it moves, and what it is not given it does not touch.

use alloc::collections::BTreeMap;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use hal::fakes::BusMemory;
use hal::{PhysAddr, Registers};

use crate::net::bench::Network;
use crate::net::phy::model::Bus;

const RECEIVE: u32 = 1 << 2;
const TRANSMIT: u32 = 1 << 3;
const MANAGEMENT: u32 = 1 << 4;
const START: u32 = 1 << 9;

/// What becomes of frames to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// They leave as soon as the transmitter is started.
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
    receive_at: u64,
    transmit_at: u64,
    /// It found no buffer, and waits to be switched off and on.
    stalled: bool,
    address_on: bool,
    pub(super) mdio: Bus,
    pub(super) port_hangs: bool,
    pub(super) sending: Sending,
    pub(super) sent: VecDeque<Vec<u8>>,
    /// A transmitter that never says that it has stopped.
    pub(super) never_stops: bool,
    pub(super) reads: usize,
    pub(super) control_writes: usize,
}

/// Clones are the same device.
#[derive(Clone)]
pub(super) struct Model(pub(super) Rc<RefCell<State>>);

impl Model {
    /// A device as QEMU's zcu102 has it: 64-bit descriptors, one priority queue, the PHY at address 23.
    pub(super) fn new(memory: BusMemory) -> Self {
        let words = [
            (0x008, 6),
            (0x004, 0x0008_0000),
            (0x0fc, 0x4007_0106),
            (0x280, 0x02d0_0111),
            (0x294, 0x0080_0002),
        ];
        Self(Rc::new(RefCell::new(State {
            memory,
            words: words.into(),
            receive_at: 0,
            transmit_at: 0,
            stalled: false,
            address_on: false,
            mdio: Bus::with_phy(23),
            port_hangs: false,
            sending: Sending::AtOnce,
            sent: VecDeque::new(),
            never_stops: false,
            reads: 0,
            control_writes: 0,
        })))
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
}

impl Network for Model {
    fn deliver(&self, frame: &[u8]) -> bool {
        let mut state = self.0.borrow_mut();
        if !state.accepts(frame) {
            return false;
        }
        let size = usize::try_from(state.word(0x010) >> 16 & 0xff).unwrap() * 64;
        let pieces: Vec<&[u8]> = frame.chunks(size).collect();
        for (index, piece) in pieces.iter().enumerate() {
            let start = u32::from(index == 0) << 14;
            let end = index + 1 == pieces.len();
            let len = if end { u32::try_from(frame.len()).unwrap() } else { 0 };
            if !state.fill(piece, start | u32::from(end) << 15 | len) {
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

    fn wide(&self) -> bool {
        self.word(0x010) >> 30 & 1 != 0
    }

    fn step(&self) -> u64 {
        if self.wide() { 16 } else { 8 }
    }

    fn address(&self, low: u32, high: usize) -> u64 {
        let high = if self.wide() { self.word(high) } else { 0 };
        u64::from(high) << 32 | u64::from(low)
    }

    /// Word 0, word 1, and the address of the buffer.
    fn descriptor(&self, at: u64, low_bits: u32) -> (u32, u32, PhysAddr) {
        let word = |index: u64| u32::try_from(self.memory.number::<4>(PhysAddr(at + 4 * index))).unwrap();
        let high = if self.wide() { word(2) } else { 0 };
        let low = word(0);
        let buffer = u64::from(high) << 32 | u64::from(low & !low_bits);
        (low, word(1), PhysAddr(buffer))
    }

    fn accepts(&self, frame: &[u8]) -> bool {
        let config = self.word(0x004);
        let destination: [u8; 6] = frame[..6].try_into().unwrap();
        let hash = (0..6).fold(0, |hash, bit| {
            let ones = (0..8).filter(|step| {
                let place = bit + 6 * step;
                destination[place / 8] >> (place % 8) & 1 != 0
            });
            hash | (ones.count() & 1) << bit
        });
        let own: Vec<u8> = [self.word(0x088), self.word(0x08c)]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .take(6)
            .collect();
        match destination {
            _ if config >> 4 & 1 != 0 => true,
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => config >> 5 & 1 == 0,
            [first, ..] if first & 1 != 0 => {
                let table = u64::from(self.word(0x084)) << 32 | u64::from(self.word(0x080));
                config >> 6 & 1 != 0 && table >> hash & 1 != 0
            }
            _ => self.address_on && own == destination,
        }
    }

    /// Fills the next receive buffer, if there is one.
    fn fill(&mut self, bytes: &[u8], status: u32) -> bool {
        if self.word(0) & RECEIVE == 0 || self.stalled {
            return false;
        }
        let at = self.receive_at;
        let (low, _, buffer) = self.descriptor(at, 3);
        if low & 1 != 0 {
            self.raise(0x020, 1);
            self.stalled = true;
            return false;
        }
        self.memory.write(buffer, bytes);
        self.memory.write(PhysAddr(at + 4), &status.to_le_bytes());
        self.memory.write(PhysAddr(at), &(low | 1).to_le_bytes());
        self.raise(0x020, 2);
        self.receive_at = match low & 2 {
            0 => at + self.step(),
            _ => self.address(self.word(0x018), 0x4d4),
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
            let (_, status, buffer) = self.descriptor(at, 0);
            if status >> 31 != 0 {
                return;
            }
            assert_eq!(status >> 15 & 1, 1, "a frame in one piece");
            let mut frame = vec![0; usize::try_from(status & 0x3fff).unwrap()];
            self.memory.read(buffer, &mut frame);
            self.sent.push_back(frame);
            self.memory.write(PhysAddr(at + 4), &(status | 1 << 31).to_le_bytes());
            self.transmit_at = match status >> 30 & 1 {
                0 => at + self.step(),
                _ => self.address(self.word(0x01c), 0x4c8),
            };
        }
    }

    fn control(&mut self, value: u32) {
        self.control_writes += 1;
        let before = self.word(0);
        if value & RECEIVE == 0 {
            self.stalled = false;
        }
        if value & TRANSMIT == 0 {
            self.transmit_at = self.address(self.word(0x01c), 0x4c8);
        }
        if value & (RECEIVE | TRANSMIT) & !before != 0 {
            self.check_parked();
        }
        self.words.insert(0, value & !START);
        if value & START != 0 && value & TRANSMIT != 0 {
            self.send();
        }
    }

    /// A priority queue that is not used must not find anything to do.
    fn check_parked(&self) {
        for queue in (1..8).filter(|queue| self.word(0x294) >> queue & 1 != 0) {
            let receive = self.address(self.word(0x480 + 4 * (queue - 1)), 0x4d4);
            let low = self.memory.number::<4>(PhysAddr(receive));
            assert_eq!(low & 3, 3, "receive queue {queue}");
            let transmit = self.address(self.word(0x440 + 4 * (queue - 1)), 0x4c8);
            let status = self.memory.number::<4>(PhysAddr(transmit + 4));
            assert_eq!(status >> 30, 3, "transmit queue {queue}");
        }
    }

    fn maintain(&mut self, value: u32) {
        assert_ne!(self.word(0) & MANAGEMENT, 0, "the port is off");
        assert_eq!(self.word(0x004) >> 18 & 7, 7, "MDC is too fast");
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
        self.words.insert(0x034, answer);
    }
}

impl Registers for Model {
    words_only!();

    fn read32(&self, offset: usize) -> u32 {
        let mut state = self.0.borrow_mut();
        state.reads += 1;
        match offset {
            0x008 if state.port_hangs => 0,
            0x014 if state.never_stops => state.word(0x014) | 8,
            _ => state.word(offset),
        }
    }

    fn write32(&self, offset: usize, value: u32) {
        let mut state = self.0.borrow_mut();
        match offset {
            0x000 => state.control(value),
            0x014 | 0x020 => {
                let left = state.word(offset) & !value;
                state.words.insert(offset, left);
            }
            0x018 => {
                assert_eq!(state.word(0) & RECEIVE, 0, "the queue moves under the receiver");
                state.words.insert(offset, value);
                state.receive_at = state.address(value, 0x4d4);
            }
            0x01c => {
                assert_eq!(state.word(0) & TRANSMIT, 0, "the queue moves under the transmitter");
                state.words.insert(offset, value);
                state.transmit_at = state.address(value, 0x4c8);
            }
            0x034 => state.maintain(value),
            _ => {
                if offset == 0x088 || offset == 0x08c {
                    state.address_on = offset == 0x08c;
                }
                state.words.insert(offset, value);
            }
        }
    }
}
