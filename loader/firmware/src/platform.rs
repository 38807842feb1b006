//! What drivers' probes get: register windows, shared memory, the clock.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;

use hal::dma::{DmaMemory, StreamingDma};
use hal::platform::Platform;
use hal::registers::Registers;
use hal::{Clock, Region};

use crate::bus;
use crate::dma::{DmaBlock, Lender, Pool};
use crate::mmio::Mmio;
use crate::mmu::{DEVICE_END, PAGE};
use crate::ram_map::RamMap;

/// The machine as drivers see it.
#[derive(Clone)]
pub(crate) struct Hardware {
    ram: Vec<Region>,
    clock: Rc<dyn Clock>,
    pool: Option<Rc<Pool>>,
    /// Whether the device that asks sees the caches.
    coherent: bool,
}

impl Hardware {
    /// The machine whose RAM is `ram`, with memory that is not cached in `pool`; the final map is active.
    pub(crate) fn new(ram: &RamMap, clock: Rc<dyn Clock>, pool: Option<Pool>) -> Self {
        Self {
            ram: ram.banks.clone(),
            clock,
            pool: pool.map(Rc::new),
            coherent: true,
        }
    }

    /// The registers in `region`, if something answers at those in `quiet`, a part of it whose first register is read.
    pub(crate) fn registers(&self, region: Region, quiet: Region) -> Option<Box<dyn Registers>> {
        // Page 0 is not mapped: a null pointer must fault. What is there is the flash that the loader may have been started from.
        let mapped = region.start().get() >= PAGE as u64 && region.end().get() <= DEVICE_END as u64;
        let is_device = mapped && region.covers(quiet) && !self.ram.iter().any(|bank| bank.overlaps(region));
        // Trees name devices that a machine does not have, or that have no power: a driver's first access would be a fault.
        let answers = is_device && bus::answers(quiet);
        // SAFETY: from PAGE to DEVICE_END and outside RAM, where the final map shows device memory and no Rust object lies.
        answers.then(|| Box::new(unsafe { Mmio::new(region) }) as Box<dyn Registers>)
    }
}

impl Platform for Hardware {
    fn map(&self, region: Region) -> Option<Box<dyn Registers>> {
        self.registers(region, region)
    }

    fn dma(&self, len: usize) -> Option<Box<dyn DmaMemory>> {
        let block = if self.coherent {
            DmaBlock::new(len)
        } else {
            self.pool.as_ref()?.take(len)
        };
        Some(Box::new(block?))
    }

    fn streaming(&self) -> Rc<dyn StreamingDma> {
        Rc::new(Lender {
            coherent: self.coherent,
        })
    }

    fn clock(&self) -> Rc<dyn Clock> {
        Rc::clone(&self.clock)
    }

    fn without_coherence(&self) -> Box<dyn Platform + '_> {
        Box::new(Self {
            coherent: false,
            ..self.clone()
        })
    }
}
