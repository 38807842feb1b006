//! A PCI bus for tests: functions with base address registers that behave, bridges that pass on only what they are told
//! to.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use hal::node::{PciRange, PciSpace};
use hal::{NodeInfo, PhysAddr, Region, Registers};

/// What a base address register of a function is, by index.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bar {
    None,
    Io(u32),
    Memory32(u32),
    /// Takes the next index too, which is to be `High`.
    Memory64(u64),
    High,
}

pub(crate) struct FakeFunction {
    /// The index of the bridge that it lies behind.
    pub(crate) behind: Option<usize>,
    pub(crate) device: u8,
    pub(crate) function: u8,
    pub(crate) bars: [Bar; 6],
    pub(crate) config: [u8; 256],
}

impl FakeFunction {
    pub(crate) fn new(id: (u16, u16), device: u8, bars: [Bar; 6]) -> Self {
        let mut function = Self {
            behind: None,
            device,
            function: 0,
            bars,
            config: [0; 256],
        };
        function.set(0, &id.0.to_le_bytes());
        function.set(2, &id.1.to_le_bytes());
        function
    }

    /// A PCI Express root port.
    pub(crate) fn bridge(device: u8) -> Self {
        let mut bridge = Self::new((0x1b36, 0x000c), device, [Bar::None; 6]);
        bridge.set(0x0e, &[1]);
        bridge
    }

    pub(crate) fn set(&mut self, register: usize, bytes: &[u8]) {
        self.config[register..register + bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn word(&self, register: usize) -> u32 {
        u32::from_le_bytes(self.config[register..register + 4].try_into().unwrap())
    }

    pub(crate) fn command(&self) -> u16 {
        self.word(4) as u16
    }

    fn is_bridge(&self) -> bool {
        self.config[0x0e] & 0x7f == 1
    }

    fn write(&mut self, register: usize, bytes: &[u8]) {
        let bar = (register.wrapping_sub(0x10) / 4, bytes.len());
        match bar {
            (index @ 0..6, 4) if register >= 0x10 && !self.is_bridge() => {
                let value = u32::from_le_bytes(bytes.try_into().unwrap());
                self.set(register, &self.bar_value(index, value).to_le_bytes());
            }
            _ => self.set(register, bytes),
        }
    }

    /// What sticks of `value`: address bits above the size, and the fixed type bits.
    fn bar_value(&self, index: usize, value: u32) -> u32 {
        match self.bars[index] {
            Bar::None => 0,
            Bar::Io(size) => value & !(size - 1) | 1,
            Bar::Memory32(size) => value & !(size - 1),
            Bar::Memory64(size) => value & !(size - 1) as u32 | 0b1100,
            Bar::High => match self.bars[index - 1] {
                Bar::Memory64(size) => value & (!(size - 1) >> 32) as u32,
                _ => 0,
            },
        }
    }

    /// Where memory register `index` answers on the bus.
    pub(crate) fn bar_region(&self, index: usize) -> Option<Region> {
        let low = u64::from(self.word(0x10 + 4 * index) & !0xf);
        let (address, size) = match self.bars[index] {
            Bar::Memory32(size) => (low, u64::from(size)),
            Bar::Memory64(size) => (low | u64::from(self.word(0x14 + 4 * index)) << 32, size),
            _ => return None,
        };
        Region::new(PhysAddr(address), size)
    }
}

/// The functions of a host bridge, reached through its configuration space.
#[derive(Default)]
pub(crate) struct FakeBus(pub(crate) RefCell<Vec<FakeFunction>>);

impl FakeBus {
    pub(crate) const ECAM: (u64, u64) = (0x40_1000_0000, 0x1000_0000);
    pub(crate) const WINDOW: (u64, u64) = (0x1000_0000, 0x2eff_0000);
    pub(crate) const HIGH_WINDOW: (u64, u64) = (0x80_0000_0000, 0x80_0000_0000);

    pub(crate) fn new(functions: Vec<FakeFunction>) -> Rc<Self> {
        Rc::new(Self(RefCell::new(functions)))
    }

    /// The host bridge's node as QEMU's virt machine has it.
    pub(crate) fn node() -> NodeInfo {
        let region = |(start, len)| Region::new(PhysAddr(start), len).unwrap();
        let range = |space, window: (u64, u64)| PciRange {
            space,
            bus_address: window.0,
            cpu: region(window),
            prefetchable: false,
        };
        NodeInfo {
            path: "/pcie@10000000".into(),
            compatible: Vec::from(["pci-host-ecam-generic".into()]),
            reg: Vec::from([region(Self::ECAM)]),
            pci_ranges: Vec::from([
                range(PciSpace::Memory64, Self::HIGH_WINDOW),
                range(PciSpace::Memory32, Self::WINDOW),
            ]),
            bus_range: Some((0, 255)),
            ..NodeInfo::default()
        }
    }

    fn find(&self, offset: usize) -> Option<usize> {
        let (bus, device, function) = (offset >> 20, (offset >> 15 & 31) as u8, (offset >> 12 & 7) as u8);
        let functions = self.0.borrow();
        let behind = match bus {
            0 => None,
            _ => Some(
                functions
                    .iter()
                    .position(|f| f.is_bridge() && usize::from(f.config[0x19]) == bus)?,
            ),
        };
        functions
            .iter()
            .position(|f| (f.behind, f.device, f.function) == (behind, device, function))
    }

    /// The function, and the offset in its memory, that answers at `region` with everything enabled on the way.
    pub(crate) fn answers(&self, region: Region) -> Option<(usize, usize, u64)> {
        let functions = self.0.borrow();
        functions.iter().enumerate().find_map(|(number, function)| {
            (0..6).find_map(|bar| {
                let memory = function.bar_region(bar).filter(|memory| memory.covers(region))?;
                let enabled = function.command() & 6 == 6;
                let passed = function.behind.is_none_or(|bridge| passes(&functions[bridge], region));
                (enabled && passed).then(|| (number, bar, region.start().get() - memory.start().get()))
            })
        })
    }
}

fn passes(bridge: &FakeFunction, region: Region) -> bool {
    let window = bridge.word(0x20);
    let (base, limit) = (
        u64::from(window & 0xfff0) << 16,
        u64::from(window & 0xfff0_0000) | 0xf_ffff,
    );
    bridge.command() & 6 == 6 && base <= region.start().get() && region.end().get() - 1 <= limit
}

impl Registers for FakeBus {
    fn read8(&self, offset: usize) -> u8 {
        self.find(offset)
            .map_or(u8::MAX, |index| self.0.borrow()[index].config[offset & 0xff])
    }

    fn read16(&self, offset: usize) -> u16 {
        u16::from_le_bytes([self.read8(offset), self.read8(offset + 1)])
    }

    fn read32(&self, offset: usize) -> u32 {
        u32::from(self.read16(offset)) | u32::from(self.read16(offset + 2)) << 16
    }

    fn write8(&self, offset: usize, value: u8) {
        if let Some(index) = self.find(offset) {
            self.0.borrow_mut()[index].write(offset & 0xff, &[value]);
        }
    }

    fn write16(&self, offset: usize, value: u16) {
        if let Some(index) = self.find(offset) {
            self.0.borrow_mut()[index].write(offset & 0xff, &value.to_le_bytes());
        }
    }

    fn write32(&self, offset: usize, value: u32) {
        if let Some(index) = self.find(offset) {
            self.0.borrow_mut()[index].write(offset & 0xff, &value.to_le_bytes());
        }
    }
}
