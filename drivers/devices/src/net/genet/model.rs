//! A GENET for tests, by the registers and descriptors that the published drivers use: what it is given it moves, and what it is not given
//! it does not touch.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use hal::fakes::BusMemory;
use hal::{PhysAddr, Registers};

use crate::net::bench::Network;
use crate::net::phy::model::Bus;

const COMMAND: usize = 0x808;
const MANAGEMENT: usize = 0xe14;
const RECEIVE: usize = 0x2000;
const TRANSMIT: usize = 0x4000;
/// Registers of ring 16, and common ones of a DMA.
const POINTER: usize = 0x1000;
const DEVICE_INDEX: usize = 0x1008;
const DRIVER_INDEX: usize = 0x100c;
const SIZE: usize = 0x1010;
const RINGS: usize = 0x1040;
const CONTROL: usize = 0x1044;
const STATUS: usize = 0x1048;
const ON: u32 = 1 << 17 | 1;

pub(super) struct State {
    memory: BusMemory,
    words: BTreeMap<usize, u32>,
    pub(super) mdio: Bus,
    pub(super) port_hangs: bool,
    /// Frames to send stay where they are.
    pub(super) holds_frames: bool,
    pub(super) sent: VecDeque<Vec<u8>>,
    /// The DMA, if any, that never says that it has stopped.
    pub(super) never_stops: Option<usize>,
    /// The driver can set the counts of the device, as other versions let it.
    pub(super) sets_counts: bool,
    pub(super) reads: usize,
    pub(super) writes: usize,
    pub(super) resets: usize,
}

/// Clones are the same device.
#[derive(Clone)]
pub(super) struct Model(pub(super) Rc<RefCell<State>>);

impl Model {
    /// A Raspberry Pi 4's, as it comes out of reset: the PHY is at address 1.
    pub(super) fn new(memory: BusMemory) -> Self {
        let words = [(0, 0x0600_0000), (RECEIVE + STATUS, 1), (TRANSMIT + STATUS, 1)];
        Self(Rc::new(RefCell::new(State {
            memory,
            words: words.into(),
            mdio: Bus::with_phy(1),
            port_hangs: false,
            holds_frames: false,
            sent: VecDeque::new(),
            never_stops: None,
            sets_counts: false,
            reads: 0,
            writes: 0,
            resets: 0,
        })))
    }

    pub(super) fn word(&self, offset: usize) -> u32 {
        self.0.borrow().word(offset)
    }

    pub(super) fn set(&self, offset: usize, value: u32) {
        self.0.borrow_mut().words.insert(offset, value);
    }

    /// Both counts of the DMA at `at`, and its place in the ring, after many frames.
    pub(super) fn set_counts(&self, at: usize, count: u16) {
        self.set(at + DEVICE_INDEX, u32::from(count));
        self.set(at + DRIVER_INDEX, u32::from(count));
        self.set(at + POINTER, u32::from(count % 256) * 3);
    }

    /// A descriptor comes back with a buffer of `bytes` and whatever is in `status`.
    pub(super) fn give_back(&self, bytes: &[u8], status: u32) -> bool {
        self.0.borrow_mut().fill(bytes, status)
    }
}

impl Network for Model {
    fn deliver(&self, frame: &[u8]) -> bool {
        let mut state = self.0.borrow_mut();
        if state.word(COMMAND) & 2 == 0 || !state.accepts(frame) {
            return false;
        }
        let mut bytes = vec![0xdd; 2];
        bytes.extend_from_slice(frame);
        let size = usize::try_from(state.word(RECEIVE + SIZE) & 0xffff).unwrap();
        let pieces = bytes.len().div_ceil(size);
        for (index, piece) in bytes.chunks(size).enumerate() {
            let first = u32::from(index == 0) << 13;
            let last = u32::from(index + 1 == pieces) << 14;
            let len = u32::try_from(piece.len()).unwrap() << 16;
            if !state.fill(piece, len | first | last) {
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

    fn count(&self, offset: usize) -> u16 {
        u16::try_from(self.word(offset) & 0xffff).unwrap()
    }

    fn runs(&self, at: usize) -> bool {
        self.word(at + CONTROL) & ON == ON && self.word(at + RINGS) == 1 << 16
    }

    /// The offset of the descriptor whose turn is next, and its buffer.
    fn descriptor(&self, at: usize) -> (usize, PhysAddr) {
        let pointer = usize::try_from(self.word(at + POINTER)).unwrap();
        assert!(pointer.is_multiple_of(3) && pointer < 768, "pointer {pointer}");
        assert_eq!(
            (self.word(at + 0x1014), self.word(at + 0x101c)),
            (0, 767),
            "the ring's ends"
        );
        assert_eq!(self.word(at + SIZE), 256 << 16 | 2048);
        let descriptor = at + pointer * 4;
        let address = u64::from(self.word(descriptor + 8)) << 32 | u64::from(self.word(descriptor + 4));
        (descriptor, PhysAddr(address))
    }

    fn step(&mut self, at: usize) {
        let pointer = (self.word(at + POINTER) + 3) % 768;
        self.words.insert(at + POINTER, pointer);
        let count = self.count(at + DEVICE_INDEX).wrapping_add(1);
        let dropped = self.word(at + DEVICE_INDEX) & 0xffff_0000;
        self.words.insert(at + DEVICE_INDEX, dropped | u32::from(count));
    }

    fn accepts(&self, frame: &[u8]) -> bool {
        let filters = self.word(0xe50);
        assert_eq!(self.word(COMMAND) >> 4 & 1, 0, "promiscuous");
        (0..17).filter(|index| filters >> (16 - index) & 1 != 0).any(|index| {
            let at = 0xe54 + 8 * index;
            let [.., a, b] = self.word(at).to_be_bytes();
            let [c, d, e, f] = self.word(at + 4).to_be_bytes();
            frame.starts_with(&[a, b, c, d, e, f])
        })
    }

    /// Fills the next receive buffer, if there is one.
    fn fill(&mut self, bytes: &[u8], status: u32) -> bool {
        if !self.runs(RECEIVE) {
            return false;
        }
        let device = self.count(RECEIVE + DEVICE_INDEX);
        if device.wrapping_sub(self.count(RECEIVE + DRIVER_INDEX)) >= 256 {
            let dropped = self.word(RECEIVE + DEVICE_INDEX).wrapping_add(1 << 16);
            self.words.insert(RECEIVE + DEVICE_INDEX, dropped);
            return false;
        }
        assert_eq!(self.word(0x300) & 3, 2, "frames with two bytes before them");
        let (descriptor, buffer) = self.descriptor(RECEIVE);
        self.memory.write(buffer, bytes);
        self.words.insert(descriptor, status);
        self.step(RECEIVE);
        true
    }

    pub(super) fn send(&mut self) {
        if self.holds_frames || !self.runs(TRANSMIT) || self.word(COMMAND) & 1 == 0 {
            return;
        }
        assert_eq!(self.word(0x600) & 1, 0, "frames without a status block");
        while self.count(TRANSMIT + DEVICE_INDEX) != self.count(TRANSMIT + DRIVER_INDEX) {
            let (descriptor, buffer) = self.descriptor(TRANSMIT);
            let status = self.word(descriptor);
            assert_eq!(
                status & 0xffff,
                0x7fc0,
                "a frame in one piece, without a tag, to be given its FCS"
            );
            let mut frame = vec![0; usize::try_from(status >> 16).unwrap()];
            assert!(frame.len() >= 60, "runts are not sent");
            self.memory.read(buffer, &mut frame);
            self.sent.push_back(frame);
            self.step(TRANSMIT);
        }
    }

    fn manage(&mut self, value: u32) {
        assert_eq!(value >> 29, 1, "a frame");
        let (address, register) = (value >> 21 & 0x1f, value >> 16 & 0x1f);
        let done = value & !(1 << 29);
        let answer = match value >> 26 & 3 {
            1 => {
                self.mdio.write(address, register, value & 0xffff);
                done
            }
            2 => match self.mdio.read(address, register) {
                Some(word) => done & 0xffff_0000 | word,
                // It says that nobody answered, and what it read means nothing.
                None => done & 0xffff_0000 | 1 << 28 | 0x1234,
            },
            other => panic!("operation {other}"),
        };
        self.words.insert(MANAGEMENT, answer);
    }

    /// A write to a register of the DMA at `at`.
    fn write_dma(&mut self, at: usize, register: usize, value: u32) {
        let runs = self.word(at + CONTROL) & 1 != 0;
        match register {
            DEVICE_INDEX if !self.sets_counts => return,
            STATUS => return,
            CONTROL => {
                let stopped = value & 1 == 0 && self.never_stops != Some(at);
                self.words.insert(at + STATUS, u32::from(stopped));
            }
            RINGS if value == 0 => {}
            DRIVER_INDEX => {}
            _ if register >= 0xc00 => assert!(!runs, "{register:#x} moves under the DMA at {at:#x}"),
            _ => {}
        }
        self.words.insert(at + register, value);
        if at == TRANSMIT && register == DRIVER_INDEX {
            self.send();
        }
    }
}

impl Registers for Model {
    words_only!();

    fn read32(&self, offset: usize) -> u32 {
        let mut state = self.0.borrow_mut();
        state.reads += 1;
        match offset {
            MANAGEMENT if state.port_hangs => 1 << 29,
            _ => state.word(offset),
        }
    }

    fn write32(&self, offset: usize, value: u32) {
        let mut state = self.0.borrow_mut();
        state.writes += 1;
        match offset {
            MANAGEMENT => state.manage(value),
            TRANSMIT.. => state.write_dma(TRANSMIT, offset - TRANSMIT, value),
            RECEIVE.. => state.write_dma(RECEIVE, offset - RECEIVE, value),
            _ => {
                if offset == COMMAND && value >> 13 & 1 != 0 {
                    for at in [RECEIVE, TRANSMIT] {
                        assert_eq!(state.word(at + CONTROL) & 1, 0, "a reset under the DMA at {at:#x}");
                    }
                    state.resets += 1;
                }
                state.words.insert(offset, value);
            }
        }
    }
}
