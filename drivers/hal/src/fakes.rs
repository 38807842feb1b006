//! Host doubles of the traits: values that a test makes, fills and inspects.

mod block;
mod flash;
mod platform;

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::time::Duration;

use crate::addr::{PhysAddr, Region};
use crate::clock::{Clock, Instant};
use crate::console::Console;
use crate::ram::Ram;
use crate::system::{BusFault, ExceptionLevel, Fault, HandOver, System, Width};

pub use block::{DiskAccess, FakeDisk};
pub use flash::FakeFlash;
pub use platform::{BusMemory, FakePlatform, Window};

/// A clock that stands still but for [`ManualClock::advance`] and a fixed step at each reading, so that waits end.
#[derive(Debug, Default)]
pub struct ManualClock {
    micros: Cell<u64>,
    step: u64,
}

impl ManualClock {
    /// A clock at zero that moves on by `step` microseconds each time it is read.
    #[must_use]
    pub fn with_step(step: u64) -> Self {
        Self {
            micros: Cell::new(0),
            step,
        }
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.micros.set(self.micros.get().saturating_add(by));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        let now = self.micros.get();
        self.micros.set(now.saturating_add(self.step));
        Instant::from_micros(now)
    }

    fn entropy(&self) -> u64 {
        0x5eed
    }
}

/// A console over two shared queues: clones are the two ends of one wire.
#[derive(Clone, Debug, Default)]
pub struct FakeConsole {
    input: Rc<RefCell<VecDeque<u8>>>,
    output: Rc<RefCell<Vec<u8>>>,
}

impl FakeConsole {
    /// Types `text` at the console.
    pub fn type_in(&self, text: &str) {
        self.type_bytes(text.as_bytes());
    }

    /// Types bytes that need not be text.
    pub fn type_bytes(&self, bytes: &[u8]) {
        self.input.borrow_mut().extend(bytes);
    }

    /// Takes all that was printed so far.
    #[must_use]
    pub fn take_output(&self) -> alloc::string::String {
        alloc::string::String::from_utf8_lossy(&self.output.take()).into_owned()
    }
}

impl Console for FakeConsole {
    fn write(&mut self, bytes: &[u8]) {
        self.output.borrow_mut().extend_from_slice(bytes);
    }

    fn read(&mut self) -> Option<u8> {
        self.input.borrow_mut().pop_front()
    }

    fn flush(&mut self) {}
}

/// RAM as a few vectors, filled with a pattern so that a stray write shows.
#[derive(Debug)]
pub struct VecRam {
    banks: Vec<(Region, Vec<u8>)>,
}

impl VecRam {
    /// The byte that untouched RAM holds.
    pub const PATTERN: u8 = 0xa5;

    /// RAM with the given banks; each is allocated on the host.
    #[must_use]
    pub fn new(banks: &[Region]) -> Self {
        let bank = |region: &Region| (*region, vec![Self::PATTERN; usize::try_from(region.len()).unwrap_or(0)]);
        Self {
            banks: banks.iter().map(bank).collect(),
        }
    }
}

fn range(bank: Region, part: Region) -> Option<core::ops::Range<usize>> {
    if !bank.covers(part) {
        return None;
    }
    let offset = usize::try_from(part.start().get().checked_sub(bank.start().get())?).ok()?;
    Some(offset..offset.checked_add(usize::try_from(part.len()).ok()?)?)
}

impl Ram for VecRam {
    fn bytes(&self, region: Region) -> Option<&[u8]> {
        self.banks
            .iter()
            .find_map(|(bank, bytes)| bytes.get(range(*bank, region)?))
    }

    fn bytes_mut(&mut self, region: Region) -> Option<&mut [u8]> {
        self.banks
            .iter_mut()
            .find_map(|(bank, bytes)| bytes.get_mut(range(*bank, region)?))
    }
}

/// What a [`FakeSystem`] was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemEvent {
    /// A reset.
    Reset,
    /// Power off.
    PowerOff,
    /// A bus write of a value.
    Write(PhysAddr, Width, u64),
    /// Instructions made visible.
    SyncInstructions(Region),
    /// A program called with its words.
    Call(PhysAddr, Vec<String>),
    /// A fault on purpose.
    Fault(Fault),
    /// The jump.
    HandOver(HandOver),
}

/// A machine that records what it is asked to do. Clones share the record. Every bus read answers with the address itself,
/// as much of it as fits the access, inside [`FakeSystem::DEVICE`], and faults elsewhere.
#[derive(Clone, Debug)]
pub struct FakeSystem {
    level: ExceptionLevel,
    events: Rc<RefCell<Vec<SystemEvent>>>,
}

impl FakeSystem {
    /// First address and length of the one device window: the PL011 of QEMU's virt machine.
    pub const DEVICE: (u64, u64) = (0x0900_0000, 0x1000);

    /// A machine that runs at `level`.
    #[must_use]
    pub fn new(level: ExceptionLevel) -> Self {
        Self {
            level,
            events: Rc::default(),
        }
    }

    /// What was asked so far.
    #[must_use]
    pub fn events(&self) -> Vec<SystemEvent> {
        self.events.borrow().clone()
    }

    fn check(address: PhysAddr, width: Width) -> Result<(), BusFault> {
        let (start, len) = Self::DEVICE;
        let inside = Region::new(PhysAddr(start), len)
            .zip(Region::new(address, width.bytes()))
            .is_some_and(|(device, access)| device.covers(access));
        let fault = BusFault {
            address,
            syndrome: 0x9600_0010,
        };
        if inside && address.is_aligned(width.bytes()) {
            Ok(())
        } else {
            Err(fault)
        }
    }
}

impl System for FakeSystem {
    fn exception_level(&self) -> ExceptionLevel {
        self.level
    }

    fn reset(&mut self) -> &'static str {
        self.events.borrow_mut().push(SystemEvent::Reset);
        "this machine is a simulation"
    }

    fn power_off(&mut self) -> &'static str {
        self.events.borrow_mut().push(SystemEvent::PowerOff);
        "this machine is a simulation"
    }

    fn bus_read(&mut self, address: PhysAddr, width: Width) -> Result<u64, BusFault> {
        let digits = u64::MAX >> u64::BITS.saturating_sub(width.bits());
        Self::check(address, width).map(|()| address.get() & digits)
    }

    fn bus_write(&mut self, address: PhysAddr, width: Width, value: u64) -> Result<(), BusFault> {
        Self::check(address, width)?;
        self.events.borrow_mut().push(SystemEvent::Write(address, width, value));
        Ok(())
    }

    fn sync_instructions(&mut self, region: Region) {
        self.events.borrow_mut().push(SystemEvent::SyncInstructions(region));
    }

    /// As if the program returned the number of its words.
    fn call(&mut self, entry: PhysAddr, words: &[String]) -> Result<u64, &'static str> {
        self.events.borrow_mut().push(SystemEvent::Call(entry, words.to_vec()));
        Ok(u64::try_from(words.len()).unwrap_or(u64::MAX))
    }

    fn provoke(&mut self, fault: Fault) {
        self.events.borrow_mut().push(SystemEvent::Fault(fault));
    }

    fn hand_over(&mut self, request: &HandOver) {
        self.events.borrow_mut().push(SystemEvent::HandOver(request.clone()));
    }
}
