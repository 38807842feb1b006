//! A virtio network device for tests, or with a [`Disk`] a block device, behind the registers of either transport. It does its side of the
//! rings by the standard, and fails the test when the driver does not.

use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use hal::fakes::BusMemory;
use hal::{PhysAddr, Registers};

use super::status;
use crate::block::virtio_blk::model::Disk;

/// A descriptor of a chain: address, length, and whether the device writes there.
pub(crate) type Part = (u64, u64, bool);

#[derive(Clone, Default)]
pub(crate) struct ModelQueue {
    pub(crate) size: u64,
    pub(crate) parts: [u64; 3],
    pub(crate) running: bool,
    pub(crate) notified: u32,
    taken: u16,
    given: u16,
}

pub(crate) struct State {
    pub(crate) memory: BusMemory,
    pub(crate) features: u64,
    pub(crate) accepted: u64,
    pub(crate) status: u8,
    pub(crate) queues: [ModelQueue; 2],
    pub(crate) limit: u16,
    pub(crate) legacy: bool,
    /// Sets FEATURES_OK when asked; a device that refuses does not.
    pub(crate) agrees: bool,
    /// A device that hangs keeps its status when it is reset.
    pub(crate) hangs: bool,
    pub(crate) resets: u32,
    pub(crate) config: Vec<u8>,
    /// The configuration changes whenever it is read.
    pub(crate) restless: Cell<bool>,
    generation: Cell<u8>,
    /// What a block device works on, as soon as it is notified.
    pub(crate) disk: Option<Disk>,
    feature_select: u32,
    queue_select: u16,
    page_size: u32,
}

#[derive(Clone)]
pub(crate) struct Model(pub(crate) Rc<RefCell<State>>);

pub(crate) const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

impl Model {
    pub(crate) fn new(memory: BusMemory, legacy: bool) -> Self {
        let mut config = MAC.to_vec();
        config.extend([1, 0]);
        let version = if legacy { 0 } else { super::VERSION_1 };
        Self(Rc::new(RefCell::new(State {
            memory,
            // Beside address and status: checksum offload, merged buffers and event indexes, none of which the driver
            // may take.
            features: 1 << 0 | 1 << 5 | 1 << 15 | 1 << 16 | 1 << 29 | version,
            accepted: 0,
            status: 0,
            queues: Default::default(),
            limit: 1024,
            legacy,
            agrees: true,
            hangs: false,
            resets: 0,
            config,
            restless: Cell::new(false),
            generation: Cell::new(0),
            disk: None,
            feature_select: 0,
            queue_select: 0,
            page_size: 0,
        })))
    }

    /// A block device.
    pub(crate) fn with_disk(memory: BusMemory, legacy: bool, disk: Disk) -> Self {
        let model = Self::new(memory, legacy);
        let mut state = model.0.borrow_mut();
        state.config = disk.config();
        state.features = disk.features() | 1 << 29 | state.features & super::VERSION_1;
        state.disk = Some(disk);
        drop(state);
        model
    }

    /// Lets a block device do some of what it has taken.
    pub(crate) fn go_on(&self) {
        let mut state = self.0.borrow_mut();
        if let Some(mut disk) = state.disk.take() {
            disk.go_on(&mut state);
            state.disk = Some(disk);
        }
    }

    pub(crate) fn header(&self) -> usize {
        if self.0.borrow().legacy { 10 } else { 12 }
    }

    /// Delivers `frame`. Whether there was a buffer for it.
    pub(crate) fn deliver(&self, frame: &[u8]) -> bool {
        let mut bytes = vec![0; self.header()];
        bytes.extend_from_slice(frame);
        let mut state = self.0.borrow_mut();
        let Some((id, address, len, flags)) = state.take(0) else {
            return false;
        };
        assert_eq!(flags, 2, "a receive buffer is for the device to write");
        assert!(u64::try_from(bytes.len()).unwrap() <= len);
        state.memory.write(PhysAddr(address), &bytes);
        state.give(0, id, u32::try_from(bytes.len()).unwrap());
        true
    }

    /// Puts any entry into the used ring, as a broken device would.
    pub(crate) fn give_back(&self, queue: usize, id: u32, len: u32) {
        self.0.borrow_mut().give(queue, id, len);
    }

    /// Takes the next frame that the driver sent, and gives its buffer back if `done`.
    pub(crate) fn sent(&self, done: bool) -> Option<Vec<u8>> {
        let header = self.header();
        let mut state = self.0.borrow_mut();
        let (id, address, len, flags) = state.take(1)?;
        assert_eq!(flags, 0, "a transmit buffer is for the device to read");
        let mut bytes = vec![0; usize::try_from(len).unwrap()];
        state.memory.read(PhysAddr(address), &mut bytes);
        assert!(
            bytes[..header].iter().all(|byte| *byte == 0),
            "the header asks for an offload: {bytes:02x?}"
        );
        if done {
            state.give(1, id, 0);
        }
        Some(bytes.split_off(header))
    }

    /// Buffers that the driver has made available and the device has not taken.
    pub(crate) fn available(&self, queue: usize) -> u16 {
        let state = self.0.borrow();
        state.index(queue).wrapping_sub(state.queues[queue].taken)
    }

    /// Says whether the device wants to be notified of new buffers.
    pub(crate) fn want_notification(&self, queue: usize, want: bool) {
        let state = self.0.borrow();
        let used = state.queues[queue].parts[2];
        state.memory.write(PhysAddr(used), &u16::from(!want).to_le_bytes());
    }
}

impl State {
    fn index(&self, queue: usize) -> u16 {
        let available = PhysAddr(self.queues[queue].parts[1]);
        assert_eq!(self.memory.number::<2>(available), 1, "interrupts are to stay off");
        self.memory.number::<2>(PhysAddr(available.get() + 2)) as u16
    }

    fn take(&mut self, queue: usize) -> Option<(u32, u64, u64, u64)> {
        assert!(
            self.status & status::DRIVER_OK != 0,
            "a device works after DRIVER_OK only"
        );
        let index = self.index(queue);
        let ring = &mut self.queues[queue];
        assert!(ring.running);
        if ring.taken == index {
            return None;
        }
        let slot = u64::from(ring.taken) % ring.size;
        ring.taken = ring.taken.wrapping_add(1);
        let id = self.memory.number::<2>(PhysAddr(ring.parts[1] + 4 + 2 * slot));
        let (address, len, flags, _) = self.descriptor(queue, id);
        Some((id as u32, address, len, flags))
    }

    fn descriptor(&self, queue: usize, id: u64) -> (u64, u64, u64, u64) {
        let ring = &self.queues[queue];
        assert!(id < ring.size, "descriptor {id} does not exist");
        let descriptor = ring.parts[0] + 16 * id;
        let field = |offset| PhysAddr(descriptor + offset);
        let (address, len) = (self.memory.number::<8>(field(0)), self.memory.number::<4>(field(8)));
        let (flags, next) = (self.memory.number::<2>(field(12)), self.memory.number::<2>(field(14)));
        (address, len, flags, next)
    }

    /// Takes the next chain: its first descriptor, and what is in it.
    pub(crate) fn take_chain(&mut self, queue: usize) -> Option<(u32, Vec<Part>)> {
        let (head, ..) = self.take(queue)?;
        let mut parts = Vec::new();
        let mut id = u64::from(head);
        loop {
            let (address, len, flags, next) = self.descriptor(queue, id);
            parts.push((address, len, flags & 2 != 0));
            if flags & 1 == 0 {
                return Some((head, parts));
            }
            assert!(parts.len() < self.queues[queue].size as usize, "the chain has no end");
            id = next;
        }
    }

    pub(crate) fn give(&mut self, queue: usize, id: u32, len: u32) {
        let ring = &mut self.queues[queue];
        let entry = ring.parts[2] + 4 + 8 * (u64::from(ring.given) % ring.size);
        ring.given = ring.given.wrapping_add(1);
        self.memory.write(PhysAddr(entry), &id.to_le_bytes());
        self.memory.write(PhysAddr(entry + 4), &len.to_le_bytes());
        self.memory
            .write(PhysAddr(ring.parts[2] + 2), &ring.given.to_le_bytes());
    }

    fn set_status(&mut self, value: u8) {
        if value == 0 {
            self.resets += 1;
            if !self.hangs {
                self.status = 0;
                self.queues = Default::default();
                if let Some(disk) = &mut self.disk {
                    disk.waiting.clear();
                }
            }
            return;
        }
        assert_eq!(value & self.status, self.status, "the driver may not clear status bits");
        let refused = if self.agrees { 0 } else { status::FEATURES_OK };
        self.status = value & !refused;
    }

    fn queue(&mut self) -> &mut ModelQueue {
        &mut self.queues[usize::from(self.queue_select)]
    }

    fn accept(&mut self, half: u32) {
        assert!(
            self.status & (status::FEATURES_OK | status::DRIVER_OK) == 0,
            "features settle before FEATURES_OK"
        );
        let shift = 32 * self.feature_select;
        self.accepted = self.accepted & !(0xffff_ffff << shift) | u64::from(half) << shift;
        assert_eq!(
            self.accepted & !self.features,
            0,
            "a feature was taken that was not offered"
        );
    }

    fn offered(&self) -> u32 {
        (self.features >> (32 * self.feature_select)) as u32
    }

    fn set_part(&mut self, part: usize, high: bool, value: u32) {
        assert!(!self.queue().running);
        let place = &mut self.queue().parts[part];
        let shift = if high { 32 } else { 0 };
        *place = *place & !(0xffff_ffff << shift) | u64::from(value) << shift;
    }

    fn set_legacy_page(&mut self, page: u32) {
        assert_eq!(
            self.page_size, 4096,
            "a page number means nothing before the page size is set"
        );
        let queue = self.queue();
        let descriptors = u64::from(page) * 4096;
        let available = descriptors + 16 * queue.size;
        queue.parts = [
            descriptors,
            available,
            (available + 6 + 2 * queue.size).next_multiple_of(4096),
        ];
        queue.running = true;
    }

    fn notify(&mut self, queue: u32) {
        assert!(self.status & status::DRIVER_OK != 0, "a notification before DRIVER_OK");
        self.queues[usize::try_from(queue).unwrap()].notified += 1;
        if let Some(mut disk) = self.disk.take() {
            disk.serve(self);
            self.disk = Some(disk);
        }
    }

    fn generation(&self) -> u8 {
        let generation = self.generation.get();
        self.generation
            .set(generation.wrapping_add(u8::from(self.restless.get())));
        generation
    }

    fn config(&self, offset: usize) -> u8 {
        let noise = if self.legacy { self.generation() } else { 0 };
        self.config.get(offset).copied().unwrap_or(0).wrapping_add(noise)
    }
}

/// The registers of 4.2.2: 0x200 bytes.
impl Registers for Model {
    fn read8(&self, offset: usize) -> u8 {
        assert!(offset >= 0x100, "registers are read whole");
        self.0.borrow().config(offset - 0x100)
    }

    fn read16(&self, offset: usize) -> u16 {
        u16::from_le_bytes([self.read8(offset), self.read8(offset + 1)])
    }

    fn read32(&self, offset: usize) -> u32 {
        let state = self.0.borrow();
        match offset {
            0x000 => 0x7472_6976,
            0x004 => {
                if state.legacy {
                    1
                } else {
                    2
                }
            }
            0x008 => 1 + u32::from(state.disk.is_some()),
            0x00c => u32::from_le_bytes(*b"QEMU"),
            0x010 => state.offered(),
            0x034 => u32::from(state.limit),
            0x070 => u32::from(state.status),
            0x0fc if !state.legacy => u32::from(state.generation()),
            0x100.. => u32::from_le_bytes([0, 1, 2, 3].map(|byte| state.config(offset - 0x100 + byte))),
            _ => panic!("register {offset:#x} is read"),
        }
    }

    fn write8(&self, offset: usize, _value: u8) {
        panic!("8 bits are written to {offset:#x}");
    }

    fn write16(&self, offset: usize, _value: u16) {
        panic!("16 bits are written to {offset:#x}");
    }

    fn write32(&self, offset: usize, value: u32) {
        let mut state = self.0.borrow_mut();
        let legacy = state.legacy;
        match offset {
            0x014 | 0x024 => state.feature_select = value,
            0x020 => state.accept(value),
            0x028 if legacy => state.page_size = value,
            0x03c if legacy => assert_eq!(value, 4096),
            0x030 => state.queue_select = u16::try_from(value).unwrap(),
            0x038 => state.queue().size = u64::from(value),
            0x040 if legacy => state.set_legacy_page(value),
            0x044 if !legacy => state.queue().running = value == 1,
            0x050 => state.notify(value),
            0x070 => state.set_status(u8::try_from(value).unwrap()),
            0x080 | 0x084 if !legacy => state.set_part(0, offset == 0x084, value),
            0x090 | 0x094 if !legacy => state.set_part(1, offset == 0x094, value),
            0x0a0 | 0x0a4 if !legacy => state.set_part(2, offset == 0x0a4, value),
            _ => panic!("register {offset:#x} is written"),
        }
    }
}

/// The structures of 4.1.4 in one memory of 16 KiB, as QEMU lays them out: common configuration at 0, device
/// configuration at 0x2000, notifications at 0x3000, four bytes per queue.
pub(crate) struct PciModel(pub(crate) Model);

impl Registers for PciModel {
    fn read8(&self, offset: usize) -> u8 {
        let state = self.0.0.borrow();
        match offset {
            0x14 => state.status,
            0x15 => state.generation(),
            0x2000.. => state.config(offset - 0x2000),
            _ => panic!("8 bits are read at {offset:#x}"),
        }
    }

    fn read16(&self, offset: usize) -> u16 {
        let state = self.0.0.borrow();
        match offset {
            0x18 => state.limit.min(256),
            0x1e => state.queue_select,
            0x2000.. => u16::from_le_bytes([state.config(offset - 0x2000), state.config(offset - 0x1fff)]),
            _ => panic!("16 bits are read at {offset:#x}"),
        }
    }

    fn read32(&self, offset: usize) -> u32 {
        let state = self.0.0.borrow();
        match offset {
            0x04 => state.offered(),
            0x2000.. => u32::from_le_bytes([0, 1, 2, 3].map(|byte| state.config(offset - 0x2000 + byte))),
            _ => panic!("32 bits are read at {offset:#x}"),
        }
    }

    fn write8(&self, offset: usize, value: u8) {
        assert_eq!(offset, 0x14);
        self.0.0.borrow_mut().set_status(value);
    }

    fn write16(&self, offset: usize, value: u16) {
        let mut state = self.0.0.borrow_mut();
        match offset {
            0x16 => state.queue_select = value,
            0x18 => state.queue().size = u64::from(value),
            0x1c => state.queue().running = value == 1,
            0x3000.. => {
                assert_eq!(
                    (offset - 0x3000) / 4,
                    usize::from(value),
                    "each queue has its own notification register"
                );
                state.notify(u32::from(value));
            }
            _ => panic!("16 bits are written at {offset:#x}"),
        }
    }

    fn write32(&self, offset: usize, value: u32) {
        let mut state = self.0.0.borrow_mut();
        match offset {
            0x00 | 0x08 => state.feature_select = value,
            0x0c => state.accept(value),
            0x20..0x38 => state.set_part((offset - 0x20) / 8, offset % 8 == 4, value),
            _ => panic!("32 bits are written at {offset:#x}"),
        }
    }
}
