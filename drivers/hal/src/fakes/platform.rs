//! A machine for driver tests: registers are whatever the test maps, DMA memory is shared with the test's device model.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;

use super::ManualClock;
use crate::addr::{PhysAddr, Region};
use crate::clock::Clock;
use crate::dma::{DmaMemory, StreamingDma};
use crate::platform::Platform;
use crate::registers::Registers;

/// The RAM that devices reach, from [`BusMemory::START`] up, or from elsewhere ([`BusMemory::at`]). Clones are the same RAM.
#[derive(Clone, Debug)]
pub struct BusMemory {
    bytes: Rc<RefCell<Vec<u8>>>,
    start: PhysAddr,
    /// What devices wrote since the last fence: first address and end.
    unfenced: Rc<RefCell<Vec<(PhysAddr, PhysAddr)>>>,
}

impl Default for BusMemory {
    fn default() -> Self {
        Self::at(Self::START)
    }
}

impl BusMemory {
    /// The usual bus address of the first byte.
    pub const START: PhysAddr = PhysAddr(0x8000_0000);
    const PAGE: usize = 4096;

    /// RAM whose first byte devices see at `start`.
    #[must_use]
    pub fn at(start: PhysAddr) -> Self {
        Self {
            bytes: Rc::default(),
            start,
            unfenced: Rc::default(),
        }
    }

    fn offset(&self, address: PhysAddr) -> Option<usize> {
        usize::try_from(address.get().checked_sub(self.start.get())?).ok()
    }

    /// Copies `out.len()` bytes from `address`, as a device reads.
    ///
    /// # Panics
    /// If no such memory was given out: the driver told the device a wrong address.
    pub fn read(&self, address: PhysAddr, out: &mut [u8]) {
        let memory = self.bytes.borrow();
        let bytes = self
            .offset(address)
            .and_then(|start| memory.get(start..start.checked_add(out.len())?));
        out.copy_from_slice(bytes.unwrap_or_else(|| panic!("the device reads at {address}, which it was not given")));
    }

    /// Copies `bytes` to `address`, as a device writes.
    ///
    /// # Panics
    /// If no such memory was given out: the driver told the device a wrong address.
    pub fn write(&self, address: PhysAddr, bytes: &[u8]) {
        self.put(address, bytes);
        let end = u64::try_from(bytes.len()).ok().and_then(|len| address.checked_add(len));
        self.unfenced.borrow_mut().extend(end.map(|end| (address, end)));
    }

    /// Whether a device wrote to these bytes since the last fence.
    fn is_unfenced(&self, address: PhysAddr, len: usize) -> bool {
        let end = u64::try_from(len).ok().and_then(|len| address.checked_add(len));
        let written = self.unfenced.borrow();
        end.is_some_and(|end| written.iter().any(|(from, to)| *from < end && address < *to))
    }

    fn put(&self, address: PhysAddr, bytes: &[u8]) {
        let mut memory = self.bytes.borrow_mut();
        let place = self
            .offset(address)
            .and_then(|start| memory.get_mut(start..start.checked_add(bytes.len())?));
        place
            .unwrap_or_else(|| panic!("the device writes at {address}, which it was not given"))
            .copy_from_slice(bytes);
    }

    /// Reads a little-endian number of `N` bytes, as a device does.
    #[must_use]
    pub fn number<const N: usize>(&self, address: PhysAddr) -> u64 {
        let mut bytes = [0; N];
        self.read(address, &mut bytes);
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn allocate(&self, len: usize) -> FakeDma {
        let mut memory = self.bytes.borrow_mut();
        let start = memory.len();
        let len = len.next_multiple_of(Self::PAGE);
        memory.resize(start.saturating_add(len), 0);
        FakeDma {
            memory: self.clone(),
            start,
            driver: vec![0; len],
            written: Vec::new(),
            numbers: Vec::new(),
        }
    }
}

/// DMA memory that punishes a forgotten fence: the device sees what the driver wrote, payload bytes and numbers, only after
/// [`DmaMemory::fence`], and payload bytes that the device wrote are not to be looked at before one.
struct FakeDma {
    memory: BusMemory,
    start: usize,
    /// The payload bytes as the driver has them, and which of them it wrote.
    driver: Vec<u8>,
    written: Vec<(usize, usize)>,
    /// The numbers that it wrote, and where.
    numbers: Vec<(usize, Vec<u8>)>,
}

impl FakeDma {
    fn number<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let inside = offset.is_multiple_of(N) && offset.checked_add(N)? <= self.driver.len();
        let memory = self.memory.bytes.borrow();
        let start = inside.then(|| self.start.checked_add(offset)).flatten()?;
        memory.get(start..)?.first_chunk().copied()
    }

    fn store(&mut self, offset: usize, bytes: &[u8]) {
        let inside = offset.is_multiple_of(bytes.len())
            && offset
                .checked_add(bytes.len())
                .is_some_and(|end| end <= self.driver.len());
        if inside {
            self.numbers.push((offset, bytes.to_vec()));
        }
    }
}

impl DmaMemory for FakeDma {
    fn bus_address(&self) -> PhysAddr {
        let offset = u64::try_from(self.start).unwrap_or(u64::MAX);
        PhysAddr(self.memory.start.get().saturating_add(offset))
    }

    fn len(&self) -> usize {
        self.driver.len()
    }

    fn read16(&self, offset: usize) -> u16 {
        self.number(offset).map_or(0, u16::from_le_bytes)
    }

    fn read32(&self, offset: usize) -> u32 {
        self.number(offset).map_or(0, u32::from_le_bytes)
    }

    fn write16(&mut self, offset: usize, value: u16) {
        self.store(offset, &value.to_le_bytes());
    }

    fn write32(&mut self, offset: usize, value: u32) {
        self.store(offset, &value.to_le_bytes());
    }

    fn write64(&mut self, offset: usize, value: u64) {
        self.store(offset, &value.to_le_bytes());
    }

    fn bytes(&mut self, offset: usize, len: usize) -> Option<&[u8]> {
        let address = self.bus_address().checked_add(u64::try_from(offset).ok()?)?;
        assert!(
            !self.memory.is_unfenced(address, len),
            "what the device wrote at {address} is read without a fence: a processor may have read it before"
        );
        let place = self.driver.get_mut(offset..offset.checked_add(len)?)?;
        self.memory.read(address, place);
        Some(place)
    }

    fn bytes_mut(&mut self, offset: usize, len: usize) -> Option<&mut [u8]> {
        let place = self.driver.get_mut(offset..offset.checked_add(len)?)?;
        self.written.push((offset, len));
        Some(place)
    }

    fn fence(&mut self) {
        for (offset, len) in core::mem::take(&mut self.written) {
            let address = self
                .bus_address()
                .checked_add(u64::try_from(offset).unwrap_or(u64::MAX));
            let bytes = self.driver.get(offset..offset.saturating_add(len));
            if let Some((address, bytes)) = address.zip(bytes) {
                self.memory.put(address, bytes);
            }
        }
        for (offset, bytes) in core::mem::take(&mut self.numbers) {
            let offset = u64::try_from(offset).unwrap_or(u64::MAX);
            if let Some(address) = self.bus_address().checked_add(offset) {
                self.memory.put(address, &bytes);
            }
        }
        self.memory.unfenced.borrow_mut().clear();
    }
}

/// Lends by copying to bus memory and back, so that what a device writes after the driver took its bytes back is not seen.
impl StreamingDma for BusMemory {
    fn lend_to_fill(&self, bytes: &mut [u8]) -> Option<PhysAddr> {
        self.lend_to_read(bytes)
    }

    fn take_back(&self, bytes: &mut [u8], address: PhysAddr) {
        self.read(address, bytes);
    }

    fn lend_to_read(&self, bytes: &[u8]) -> Option<PhysAddr> {
        let address = self.allocate(bytes.len()).bus_address();
        self.put(address, bytes);
        Some(address)
    }
}

type Map = dyn Fn(Region) -> Option<Box<dyn Registers>>;

/// A machine whose registers are what the test says.
pub struct FakePlatform {
    /// The RAM that its devices reach.
    pub memory: BusMemory,
    /// Its clock: each reading is a millisecond later, so that every wait ends.
    pub clock: Rc<ManualClock>,
    map: Rc<Map>,
    coherent: bool,
    /// Whether memory was given out to a device that does not see the caches, and to one that does.
    pub given: Rc<Cell<(bool, bool)>>,
}

impl FakePlatform {
    /// What a reading of the clock takes, in microseconds.
    const STEP: u64 = 1000;

    /// A machine that maps registers through `map`.
    #[must_use]
    pub fn new(map: impl Fn(Region) -> Option<Box<dyn Registers>> + 'static) -> Self {
        Self::with_memory(BusMemory::default(), map)
    }

    /// A machine with that memory and one device, made of the memory and the clock: its registers are wherever they are looked for, and its
    /// clones are the same device.
    #[must_use]
    pub fn around<R: Registers + Clone + 'static>(
        memory: BusMemory,
        device: impl FnOnce(BusMemory, Rc<ManualClock>) -> R,
    ) -> (Self, R) {
        let clock = Rc::new(ManualClock::with_step(Self::STEP));
        let device = device(memory.clone(), Rc::clone(&clock));
        let mapped = device.clone();
        let platform = Self {
            clock,
            ..Self::with_memory(memory, move |_| Some(Box::new(mapped.clone())))
        };
        (platform, device)
    }

    /// A machine with that memory that maps registers through `map`.
    #[must_use]
    pub fn with_memory(memory: BusMemory, map: impl Fn(Region) -> Option<Box<dyn Registers>> + 'static) -> Self {
        Self {
            memory,
            clock: Rc::new(ManualClock::with_step(Self::STEP)),
            map: Rc::new(map),
            coherent: true,
            given: Rc::default(),
        }
    }
}

impl fmt::Debug for FakePlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakePlatform")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

impl Platform for FakePlatform {
    fn map(&self, region: Region) -> Option<Box<dyn Registers>> {
        (self.map)(region)
    }

    fn dma(&self, len: usize) -> Option<Box<dyn DmaMemory>> {
        let (without, with) = self.given.get();
        self.given.set((without || !self.coherent, with || self.coherent));
        Some(Box::new(self.memory.allocate(len)))
    }

    fn streaming(&self) -> Rc<dyn StreamingDma> {
        Rc::new(self.memory.clone())
    }

    fn clock(&self) -> Rc<dyn Clock> {
        Rc::clone(&self.clock) as Rc<dyn Clock>
    }

    fn without_coherence(&self) -> Box<dyn Platform + '_> {
        Box::new(Self {
            memory: self.memory.clone(),
            clock: Rc::clone(&self.clock),
            map: Rc::clone(&self.map),
            coherent: false,
            given: Rc::clone(&self.given),
        })
    }
}

/// A part of a device model's register file, bounded as a mapping is: all ones and no effect outside.
pub struct Window<R> {
    device: Rc<R>,
    start: usize,
    len: usize,
}

impl<R: Registers> Window<R> {
    /// The `len` bytes of `device`'s registers from `start`.
    #[must_use]
    pub fn new(device: Rc<R>, start: usize, len: usize) -> Self {
        Self { device, start, len }
    }

    fn place(&self, offset: usize, width: usize) -> Option<usize> {
        let inside = offset.checked_add(width)? <= self.len;
        inside.then(|| self.start.checked_add(offset)).flatten()
    }
}

impl<R: Registers> Registers for Window<R> {
    fn read8(&self, offset: usize) -> u8 {
        self.place(offset, 1).map_or(u8::MAX, |place| self.device.read8(place))
    }

    fn read16(&self, offset: usize) -> u16 {
        self.place(offset, 2)
            .map_or(u16::MAX, |place| self.device.read16(place))
    }

    fn read32(&self, offset: usize) -> u32 {
        self.place(offset, 4)
            .map_or(u32::MAX, |place| self.device.read32(place))
    }

    fn write8(&self, offset: usize, value: u8) {
        if let Some(place) = self.place(offset, 1) {
            self.device.write8(place, value);
        }
    }

    fn write16(&self, offset: usize, value: u16) {
        if let Some(place) = self.place(offset, 2) {
            self.device.write16(place, value);
        }
    }

    fn write32(&self, offset: usize, value: u32) {
        if let Some(place) = self.place(offset, 4) {
            self.device.write32(place, value);
        }
    }
}
