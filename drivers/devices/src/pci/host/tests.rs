use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;

use hal::fakes::{FakePlatform, Window};
use hal::{PhysAddr, Region};

use super::{Endpoint, find};
use crate::pci::capability::{Capability, capabilities};
use crate::pci::model::Bar::{High, Io, Memory32, Memory64, None as Unused};
use crate::pci::model::{Bar, FakeBus, FakeFunction};
use crate::pci::{Address, PciError};

const WANTED: (u16, u16) = (0x1af4, 0x1000);
const OTHER: (u16, u16) = (0x8086, 0x10d3);

fn platform(bus: &Rc<FakeBus>) -> FakePlatform {
    let bus = Rc::clone(bus);
    FakePlatform::new(move |region| {
        let len = usize::try_from(region.len()).unwrap();
        (region.start().get() == FakeBus::ECAM.0).then(|| Box::new(Window::new(Rc::clone(&bus), 0, len)) as Box<_>)
    })
}

/// What is found on `bus`, and what is refused.
fn scan(bus: &Rc<FakeBus>) -> (Vec<Endpoint>, Vec<PciError>) {
    let mut refused = Vec::new();
    let found = find(&FakeBus::node(), &platform(bus), &|id| id == WANTED, &mut |error| {
        refused.push(error)
    });
    (found.unwrap(), refused)
}

fn wanted(device: u8, bars: [Bar; 6]) -> FakeFunction {
    FakeFunction::new(WANTED, device, bars)
}

fn region(start: u64, len: u64) -> Region {
    Region::new(PhysAddr(start), len).unwrap()
}

/// QEMU's virtio-net-pci: I/O in 0, MSI-X in 1, the structures in 4 and 5.
const VIRTIO_BARS: [Bar; 6] = [Io(32), Memory32(0x1000), Unused, Unused, Memory64(0x4000), High];

#[test]
fn memory_gets_addresses_that_are_multiples_of_its_size() {
    let bus = FakeBus::new(Vec::from([wanted(1, VIRTIO_BARS), wanted(2, VIRTIO_BARS)]));
    let (found, refused) = scan(&bus);
    assert!(refused.is_empty());
    let memory: Vec<_> = found
        .iter()
        .flat_map(|endpoint| &endpoint.memory)
        .map(|memory| (memory.bar, memory.region))
        .collect();
    let expected = [
        (1, region(0x1000_0000, 0x1000)),
        (4, region(0x1000_4000, 0x4000)),
        (1, region(0x1000_8000, 0x1000)),
        (4, region(0x1000_c000, 0x4000)),
    ];
    assert_eq!(memory, expected);
    for (_, region) in expected {
        assert!(bus.answers(region).is_some(), "{region} is not decoded");
    }
    assert_eq!(bus.0.borrow()[0].word(0x10), 1, "the I/O register is left alone");
}

#[test]
fn what_no_driver_wants_is_taken_off_the_bus() {
    let mut running = FakeFunction::new(OTHER, 3, [Memory32(0x2_0000), Unused, Unused, Unused, Unused, Unused]);
    running.set(0x04, &[0x47, 0x05]);
    let bus = FakeBus::new(Vec::from([running]));
    assert!(scan(&bus).0.is_empty());
    assert_eq!(bus.0.borrow()[0].command() & 7, 0, "no I/O, no memory, no DMA");
    assert_eq!(
        bus.0.borrow()[0].command() & 0x0140,
        0x0140,
        "parity and system errors stay as they were"
    );
    assert_eq!(bus.0.borrow()[0].word(0x10), 0, "no address is spent on it");
}

#[test]
fn a_full_window_moves_on_to_the_next_or_refuses() {
    let wide = [Memory64(1 << 29), High, Memory64(1 << 29), High, Unused, Unused];
    let narrow = [Memory32(1 << 29), Memory32(1 << 29), Unused, Unused, Unused, Unused];
    let bus = FakeBus::new(Vec::from([wanted(1, wide), wanted(2, narrow)]));
    let (found, refused) = scan(&bus);
    let regions: Vec<_> = found[0].memory.iter().map(|memory| memory.region).collect();
    let high = FakeBus::HIGH_WINDOW.0;
    assert_eq!(regions, [region(high, 1 << 29), region(high + (1 << 29), 1 << 29)]);
    assert_eq!(found.len(), 1);
    let function = Address {
        bus: 0,
        device: 2,
        function: 0,
    };
    assert_eq!(
        refused,
        [PciError::WindowsFull {
            function,
            bar: 0,
            size: 1 << 29
        }]
    );
}

#[test]
fn a_register_of_a_type_that_does_not_exist_is_refused() {
    let bus = FakeBus::new(Vec::from([wanted(1, [Unused; 6])]));
    let odd = Rc::new(OddBar(Rc::clone(&bus)));
    let platform = FakePlatform::new(move |_| Some(Box::new(Window::new(Rc::clone(&odd), 0, 1 << 28)) as Box<_>));
    let mut refused = Vec::new();
    let found = find(&FakeBus::node(), &platform, &|id| id == WANTED, &mut |error| {
        refused.push(error)
    })
    .unwrap();
    assert!(found.is_empty());
    let function = Address {
        bus: 0,
        device: 1,
        function: 0,
    };
    assert_eq!(
        refused,
        [PciError::UnknownBar {
            function,
            bar: 5,
            kind: 2
        }],
        "a 64-bit register in the last place"
    );
}

/// A function whose last base address register says that it takes the next one too.
struct OddBar(Rc<FakeBus>);

impl hal::Registers for OddBar {
    fn read8(&self, offset: usize) -> u8 {
        self.0.read8(offset)
    }
    fn read16(&self, offset: usize) -> u16 {
        self.0.read16(offset)
    }
    fn read32(&self, offset: usize) -> u32 {
        if offset == 1 << 15 | 0x24 {
            0xffff_f004
        } else {
            self.0.read32(offset)
        }
    }
    fn write8(&self, offset: usize, value: u8) {
        self.0.write8(offset, value);
    }
    fn write16(&self, offset: usize, value: u16) {
        self.0.write16(offset, value);
    }
    fn write32(&self, offset: usize, value: u32) {
        self.0.write32(offset, value);
    }
}

#[test]
fn functions_of_one_device() {
    let mut first = FakeFunction::new(OTHER, 4, [Unused; 6]);
    first.set(0x0e, &[0x80]);
    let mut third = wanted(4, VIRTIO_BARS);
    third.function = 2;
    let mut hidden = wanted(5, VIRTIO_BARS);
    hidden.function = 1;
    let alone = FakeFunction::new(OTHER, 5, [Unused; 6]);
    let bus = FakeBus::new(Vec::from([first, third, alone, hidden]));
    let found: Vec<_> = scan(&bus)
        .0
        .iter()
        .map(|endpoint| endpoint.function.address())
        .collect();
    assert_eq!(
        found,
        [Address {
            bus: 0,
            device: 4,
            function: 2
        }],
        "a device without the multi-function bit has function 0 only"
    );
}

#[test]
fn devices_behind_bridges() {
    // 00:01.0 bridge (two devices, one behind another bridge), 00:02.0 bridge to nothing, 00:03.0 a device.
    let mut functions = Vec::from([
        FakeFunction::bridge(1),
        wanted(0, VIRTIO_BARS),
        FakeFunction::bridge(1),
        wanted(0, VIRTIO_BARS),
        FakeFunction::bridge(2),
        wanted(3, VIRTIO_BARS),
    ]);
    functions[1].behind = Some(0);
    functions[2].behind = Some(0);
    functions[3].behind = Some(2);
    let bus = FakeBus::new(functions);
    let (found, refused) = scan(&bus);
    assert!(refused.is_empty());
    let addresses: Vec<_> = found.iter().map(|endpoint| endpoint.function.address()).collect();
    let at = |bus, device| Address {
        bus,
        device,
        function: 0,
    };
    assert_eq!(addresses, [at(1, 0), at(2, 0), at(0, 3)]);
    for (endpoint, index) in found.iter().zip([1, 3, 5]) {
        for memory in &endpoint.memory {
            let answer = bus.answers(memory.region).map(|(function, bar, _)| (function, bar));
            assert_eq!(
                answer,
                Some((index, usize::from(memory.bar))),
                "{} of {}",
                memory.region,
                endpoint.function.address()
            );
        }
    }
    let numbers = |index: usize| bus.0.borrow()[index].word(0x18) & 0xff_ffff;
    assert_eq!(
        (numbers(0), numbers(2), numbers(4)),
        (0x02_01_00, 0x02_02_01, 0x03_03_00),
        "last, next, own bus"
    );
    assert!(
        bus.0.borrow()[4].word(0x20) & 0xfff0 > bus.0.borrow()[4].word(0x20) >> 16,
        "nothing to pass on"
    );
}

/// As many bridges as there are bus numbers, each behind the one before.
#[test]
fn bridges_without_end_run_out_of_bus_numbers() {
    let mut functions: Vec<_> = (0..300).map(|_| FakeFunction::bridge(0)).collect();
    for (index, function) in functions.iter_mut().enumerate() {
        function.behind = index.checked_sub(1);
    }
    let bus = FakeBus::new(functions);
    assert!(scan(&bus).0.is_empty());
    assert_eq!(bus.0.borrow()[254].config[0x19], 255);
    assert_eq!(bus.0.borrow()[255].config[0x19], 0, "no number is left");
}

#[test]
fn a_host_bridge_without_configuration_space() {
    let bus = FakeBus::new(Vec::new());
    let error = |change: fn(&mut hal::NodeInfo)| {
        let mut node = FakeBus::node();
        change(&mut node);
        find(&node, &platform(&bus), &|_| true, &mut |_| ()).err()
    };
    assert_eq!(error(|node| node.reg.clear()), Some(PciError::NoConfigurationSpace));
    assert_eq!(
        error(|node| node.reg[0] = region(0, 0xf_ffff)),
        Some(PciError::NoConfigurationSpace)
    );
    assert_eq!(
        error(|node| node.reg[0] = region(0, 1 << 28)),
        Some(PciError::ConfigurationUnmapped(region(0, 1 << 28)))
    );
    assert_eq!(
        error(|node| node.bus_range = Some((9, 3))),
        None,
        "a range that is no range is an empty bus"
    );
}

fn list(registers: &[(usize, [u8; 2])], pointer: u8) -> Vec<Capability> {
    let mut function = wanted(1, VIRTIO_BARS);
    function.set(0x06, &[0x10, 0]);
    function.set(0x34, &[pointer]);
    for (register, header) in registers {
        function.set(*register, header);
    }
    let bus = FakeBus::new(Vec::from([function]));
    let (found, _) = scan(&bus);
    capabilities(&found[0].function).collect()
}

#[test]
fn capability_lists_end() {
    let entry = |id, register| Capability { id, register };
    assert_eq!(
        list(&[(0x40, [9, 0x50]), (0x50, [0x11, 0])], 0x40),
        [entry(9, 0x40), entry(0x11, 0x50)]
    );
    assert_eq!(list(&[], 0), []);
    assert_eq!(
        list(&[(0x40, [9, 0x10])], 0x40),
        [entry(9, 0x40)],
        "a pointer into the header ends the list"
    );
    assert_eq!(list(&[(0x40, [9, 0x40])], 0x40).len(), 48, "a circle ends");
    assert_eq!(
        list(&[(0x40, [9, 0x53]), (0x50, [1, 0])], 0x43),
        [entry(9, 0x40), entry(1, 0x50)],
        "the low two bits are reserved"
    );
}
