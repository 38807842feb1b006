//! What is behind a virtio block device, for tests: bytes, and faults when a test says so.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use hal::PhysAddr;

use crate::virtio::model::{Part, State};

/// What a disk does with a request instead of doing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does the request; for faults further on.
    None,
    /// It never ends the request.
    Silence,
    /// It ends the request with this status, and has not done it.
    Status(u8),
    /// It ends requests that it does not have, and not this one.
    OtherRequests,
    /// It ends the request, and then once more.
    Twice,
    /// It ends the request without a word in the status.
    NoStatus,
    /// It does the request, and says that it wrote 4 GiB.
    WildLength,
}

/// A request as the disk saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) kind: u32,
    pub(crate) sector: u64,
    pub(crate) len: usize,
    pub(crate) pieces: usize,
}

pub(crate) struct Disk {
    pub(crate) bytes: Vec<u8>,
    /// What it does with the next requests.
    pub(crate) faults: VecDeque<Fault>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) serial: &'static [u8],
    pub(crate) capacity: u64,
    /// Its limits; none if 0.
    pub(crate) size_max: u32,
    pub(crate) seg_max: u32,
    pub(crate) flushes: bool,
    pub(crate) read_only: bool,
    /// Bytes that were written and would be lost with the power.
    pub(crate) dirty: bool,
    /// Requests that it has taken and not begun.
    pub(crate) waiting: Vec<(u32, Vec<Part>)>,
    /// How many it does of them when it is notified, or made to go on.
    pub(crate) at_once: usize,
    /// What the order in which it does them is drawn from; theirs if 0.
    pub(crate) shuffle: u64,
    /// How many requests there were each time that it was notified.
    pub(crate) batches: Vec<usize>,
}

impl Disk {
    /// A disk of so many blocks that are all different, as QEMU makes them.
    pub(crate) fn new(blocks: usize) -> Self {
        Self {
            bytes: (0..blocks * 512)
                .map(|at| (at / 512 + at % 512 * 3 + at / 5120) as u8)
                .collect(),
            faults: VecDeque::new(),
            seen: Vec::new(),
            serial: b"slipway-test-disk-00",
            capacity: blocks as u64,
            size_max: 0,
            seg_max: 254,
            flushes: true,
            read_only: false,
            dirty: false,
            waiting: Vec::new(),
            at_once: usize::MAX,
            shuffle: 0,
            batches: Vec::new(),
        }
    }

    pub(crate) fn features(&self) -> u64 {
        // Beside what the driver uses: geometry, block size, topology, write cache control, several queues, discard.
        let others = 1 << 4 | 1 << 6 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13;
        let limits = u64::from(self.size_max != 0) << 1 | u64::from(self.seg_max != 0) << 2;
        others | limits | u64::from(self.read_only) << 5 | u64::from(self.flushes) << 9
    }

    pub(crate) fn config(&self) -> Vec<u8> {
        let mut config = self.capacity.to_le_bytes().to_vec();
        config.extend(self.size_max.to_le_bytes());
        config.extend(self.seg_max.to_le_bytes());
        config
    }

    /// Takes what the driver asks for, and does some of it.
    pub(crate) fn serve(&mut self, state: &mut State) {
        let before = self.waiting.len();
        while let Some(chain) = state.take_chain(0) {
            self.waiting.push(chain);
        }
        self.batches.push(self.waiting.len() - before);
        self.go_on(state);
    }

    /// Does some of what it has taken.
    pub(crate) fn go_on(&mut self, state: &mut State) {
        for _ in 0..self.at_once.min(self.waiting.len()) {
            let chosen = self.choose();
            let (head, parts) = self.waiting.remove(chosen);
            self.end(state, head, &parts);
        }
    }

    fn choose(&mut self) -> usize {
        if self.shuffle == 0 {
            return 0;
        }
        // Xorshift: it never comes to 0.
        self.shuffle ^= self.shuffle << 13;
        self.shuffle ^= self.shuffle >> 7;
        self.shuffle ^= self.shuffle << 17;
        (self.shuffle % self.waiting.len() as u64) as usize
    }

    fn end(&mut self, state: &mut State, head: u32, parts: &[Part]) {
        let fault = self.faults.pop_front().unwrap_or(Fault::None);
        let status = self.request(state, parts, fault);
        let (last, ..) = parts[parts.len() - 1];
        match fault {
            Fault::Silence => return,
            Fault::OtherRequests => {
                for id in [1, 127, 128, 0xffff, 0x1_0000, u32::MAX] {
                    state.give(0, id, 1);
                }
                return;
            }
            Fault::NoStatus => {}
            _ => state.memory.write(PhysAddr(last), &[status]),
        }
        let len = if fault == Fault::WildLength { u32::MAX } else { 1 };
        state.give(0, head, len);
        if fault == Fault::Twice {
            state.give(0, head, len);
        }
    }

    fn request(&mut self, state: &mut State, parts: &[Part], fault: Fault) -> u8 {
        let [(header, 16, false), data @ .., (_, 1, true)] = parts else {
            panic!("a request begins with a header and ends with a status: {parts:?}");
        };
        let number = |offset| PhysAddr(header + offset);
        let kind = state.memory.number::<4>(number(0)) as u32;
        let sector = state.memory.number::<8>(number(8));
        let len = data.iter().map(|(_, len, _)| *len as usize).sum();
        let pieces = data.len();
        self.seen.push(Seen {
            kind,
            sector,
            len,
            pieces,
        });
        assert!(self.seg_max == 0 && pieces <= 1 || pieces <= self.seg_max as usize);
        assert!(self.size_max == 0 || data.iter().all(|(_, len, _)| *len <= u64::from(self.size_max)));
        if let Fault::Status(status) = fault {
            return status;
        }
        if fault == Fault::Silence {
            return 0;
        }
        let device_writes = kind != 1;
        assert!(data.iter().all(|(.., writes)| *writes == device_writes));
        let start = sector as usize * 512;
        match kind {
            0 => put(state, data, &self.bytes[start..start + len]),
            1 => {
                assert!(!self.read_only);
                self.dirty = true;
                self.bytes[start..start + len].copy_from_slice(&get(state, data));
            }
            4 => {
                assert!(self.flushes && data.is_empty() && sector == 0);
                self.dirty = false;
            }
            8 if self.serial.is_empty() => return 2,
            8 => {
                assert_eq!(len, 20);
                put(state, data, &self.serial[..20]);
            }
            _ => panic!("request of type {kind}"),
        }
        0
    }
}

fn put(state: &State, data: &[Part], bytes: &[u8]) {
    let mut rest = bytes;
    for (address, len, _) in data {
        let (now, later) = rest.split_at(*len as usize);
        state.memory.write(PhysAddr(*address), now);
        rest = later;
    }
}

fn get(state: &State, data: &[Part]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (address, len, _) in data {
        let mut piece = vec![0; *len as usize];
        state.memory.read(PhysAddr(*address), &mut piece);
        bytes.extend(piece);
    }
    bytes
}
