use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::time::Duration;

use hal::fakes::{FakePlatform, ManualClock, Window};
use hal::{Clock, NodeInfo, PhysAddr, Region, Registers, Watchdog};

use super::ServicingClock;
use crate::probe::{Devices, probe};

const BASE: u64 = 0x3028_0000;

fn node(compatible: &str) -> NodeInfo {
    NodeInfo {
        path: "/soc@0/watchdog@30280000".into(),
        compatible: Vec::from([compatible.into()]),
        reg: Vec::from([Region::new(PhysAddr(BASE), 0x1000).unwrap()]),
        ..NodeInfo::default()
    }
}

/// The registers of a watchdog. That of the i.MX: 16 bits, and a word that is wrong begins the sequence anew.
#[derive(Default)]
struct Model {
    control: u32,
    last: Cell<u16>,
    serviced: Cell<u32>,
    regions: RefCell<Vec<Region>>,
}

impl Model {
    fn new(control: u32) -> Rc<Self> {
        Rc::new(Self {
            control,
            ..Self::default()
        })
    }

    fn probe(self: &Rc<Self>, compatible: &str) -> Devices {
        let model = Rc::clone(self);
        let platform = FakePlatform::new(move |region| {
            model.regions.borrow_mut().push(region);
            let start = usize::try_from(region.start().get() - BASE).unwrap();
            let len = usize::try_from(region.len()).unwrap();
            Some(Box::new(Window::new(Rc::clone(&model), start, len)))
        });
        probe(&[node(compatible)], &platform)
    }
}

impl Registers for Model {
    fn read8(&self, offset: usize) -> u8 {
        panic!("8 bits are read at {offset:#x}")
    }
    fn read16(&self, offset: usize) -> u16 {
        assert_eq!(offset, 0);
        self.control as u16
    }
    fn read32(&self, offset: usize) -> u32 {
        assert_eq!(offset, 0);
        self.control
    }
    fn write8(&self, offset: usize, _value: u8) {
        panic!("8 bits are written at {offset:#x}")
    }
    fn write16(&self, offset: usize, value: u16) {
        assert_eq!(offset, 2);
        if (self.last.replace(value), value) == (0x5555, 0xaaaa) {
            self.serviced.set(self.serviced.get() + 1);
        }
    }
    fn write32(&self, offset: usize, value: u32) {
        assert_eq!((offset, value), (8, 0x1999));
        self.serviced.set(self.serviced.get() + 1);
    }
}

#[test]
fn one_that_runs_is_found_and_serviced() {
    // The i.MX's as U-Boot has it, and ZynqMP's.
    for (compatible, control) in [("fsl,imx21-wdt", 0x7734), ("cdns,wdt-r1p2", 0x1c3)] {
        let model = Model::new(control);
        let devices = model.probe(compatible);
        assert!(devices.failures.is_empty(), "{compatible}");
        let [watchdog] = devices.watchdogs.as_slice() else {
            panic!("{compatible}: {}", devices.watchdogs.len());
        };
        assert_eq!((watchdog.name(), model.serviced.get()), ("watchdog@30280000", 0));
        watchdog.service();
        watchdog.service();
        assert_eq!(model.serviced.get(), 2, "{compatible}");
    }
}

#[test]
fn one_that_does_not_run_is_left_alone() {
    for (compatible, control) in [
        ("fsl,imx21-wdt", 0x30),
        ("fsl,imx21-wdt", 0xffff),
        ("cdns,wdt-r1p2", 0x1c2),
        ("cdns,wdt-r1p2", u32::MAX),
    ] {
        let devices = Model::new(control).probe(compatible);
        assert!(
            devices.watchdogs.is_empty() && devices.failures.is_empty(),
            "{compatible}"
        );
    }
}

/// A wide access to the i.MX's registers "should be avoided": the platform finds out by the widest one whether somebody answers.
#[test]
fn no_window_of_the_imx_has_room_for_a_wide_access() {
    let model = Model::new(0x7734);
    model.probe("fsl,imx21-wdt");
    let regions = model.regions.borrow();
    let regions: Vec<_> = regions
        .iter()
        .map(|part| (part.start().get() - BASE, part.len()))
        .collect();
    assert_eq!(regions, [(0, 2), (2, 2)]);
}

#[test]
fn one_that_does_not_answer_is_no_failure() {
    let platform = FakePlatform::new(|_| None);
    for compatible in ["fsl,imx21-wdt", "cdns,wdt-r1p2"] {
        let devices = probe(&[node(compatible)], &platform);
        assert!(
            devices.watchdogs.is_empty() && devices.failures.is_empty(),
            "{compatible}"
        );
    }
}

struct Counted(Rc<Cell<u32>>);

impl Watchdog for Counted {
    fn name(&self) -> &str {
        "counted"
    }
    fn service(&self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn whoever_waits_services_once_a_second() {
    let clock = ServicingClock::new(ManualClock::with_step(1000));
    let start = clock.now();
    let serviced = Rc::new(Cell::new(0));
    clock.watch(Vec::from(
        [Box::new(Counted(Rc::clone(&serviced))) as Box<dyn Watchdog>],
    ));
    while clock.now().since(start) < Duration::from_millis(10_500) {}
    assert_eq!(serviced.get(), 10);
    assert_eq!(clock.watchdogs().count(), 1);
}

#[test]
fn whoever_rests_services_as_well() {
    let clock = ServicingClock::new(Rc::new(ManualClock::with_step(200_000)));
    let serviced = Rc::new(Cell::new(0));
    clock.watch(Vec::from(
        [Box::new(Counted(Rc::clone(&serviced))) as Box<dyn Watchdog>],
    ));
    for _ in 0..50 {
        assert!(!clock.rest(), "that one cannot");
    }
    assert_eq!(serviced.get(), 10);
}
