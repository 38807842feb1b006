//! The processor of a simulated machine: it never jumps and never powers off, but notes that it should have.

use std::cell::RefCell;
use std::rc::Rc;

use hal::system::{BusFault, Fault};
use hal::{ExceptionLevel, HandOver, PhysAddr, Region, System, Width};

/// How the loader came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The jump to what it booted.
    Jump(HandOver),
    /// `poweroff`.
    PowerOff,
    /// `reset`.
    Reset,
    /// The person at the console has left.
    Left,
}

/// The end that all parts of the machine wait for. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ending(Rc<RefCell<Option<End>>>);

impl Ending {
    /// Notes the end; a later one does not change it.
    pub(crate) fn set(&self, end: End) {
        self.0.borrow_mut().get_or_insert(end);
    }

    /// Whether the end has come.
    pub(crate) fn is_set(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// The end, if it has come.
    pub(crate) fn take(&self) -> Option<End> {
        self.0.borrow_mut().take()
    }
}

/// The processor. There is nothing on its bus but RAM, which the core reads and writes itself.
#[derive(Debug)]
pub(crate) struct Processor {
    pub(crate) level: ExceptionLevel,
    pub(crate) ending: Ending,
}

impl Processor {
    /// For what returns only where the machine refuses; the console is silent by then.
    const OVER: &str = "the simulation is over";

    fn nothing_at(address: PhysAddr) -> BusFault {
        BusFault { address, syndrome: 0 }
    }
}

impl System for Processor {
    fn exception_level(&self) -> ExceptionLevel {
        self.level
    }

    fn reset(&mut self) -> &'static str {
        self.ending.set(End::Reset);
        Self::OVER
    }

    fn power_off(&mut self) -> &'static str {
        self.ending.set(End::PowerOff);
        Self::OVER
    }

    fn bus_read(&mut self, address: PhysAddr, _width: Width) -> Result<u64, BusFault> {
        Err(Self::nothing_at(address))
    }

    fn bus_write(&mut self, address: PhysAddr, _width: Width, _value: u64) -> Result<(), BusFault> {
        Err(Self::nothing_at(address))
    }

    fn sync_instructions(&mut self, _region: Region) {}

    /// The host cannot run what is made for the machine.
    fn call(&mut self, _entry: PhysAddr, _words: &[String]) -> Result<u64, &'static str> {
        Err("The simulation runs no programs of the machine.")
    }

    /// There is no code here that could fault.
    fn provoke(&mut self, _fault: Fault) {}

    fn hand_over(&mut self, request: &HandOver) {
        self.ending.set(End::Jump(request.clone()));
    }
}
