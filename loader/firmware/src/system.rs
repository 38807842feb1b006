//! The machine as the loader core sees it.

use aarch64_cpu::registers::{CurrentEL, Readable};
use hal::system::BusFault;
use hal::{ExceptionLevel, Fault, HandOver, PhysAddr, Region, System, Width};

use crate::entry::jump;
use crate::{bus, cache, provoke, psci};

/// The processor that runs the loader, and its firmware.
pub(crate) struct Machine;

impl System for Machine {
    fn exception_level(&self) -> ExceptionLevel {
        if CurrentEL.read(CurrentEL::EL) == 2 {
            ExceptionLevel::El2
        } else {
            ExceptionLevel::El1
        }
    }

    fn reset(&mut self) -> &'static str {
        psci::reset()
    }

    fn power_off(&mut self) -> &'static str {
        psci::power_off()
    }

    fn bus_read(&mut self, address: PhysAddr, width: Width) -> Result<u64, BusFault> {
        bus::read(address, width)
    }

    fn bus_write(&mut self, address: PhysAddr, width: Width, value: u64) -> Result<(), BusFault> {
        bus::write(address, width, value)
    }

    fn sync_instructions(&mut self, region: Region) {
        cache::sync_instructions(region);
    }

    fn provoke(&mut self, fault: Fault) {
        provoke::provoke(fault);
    }

    fn hand_over(&mut self, request: &HandOver) {
        for region in &request.clean {
            cache::clean_invalidate(*region);
        }
        // SAFETY: the core has checked the image and the tree and claimed their places, their regions are clean, and no device
        // does DMA any more (the caller shut them down). Nothing of the loader is needed from here on.
        unsafe { jump(request.entry.get(), request.device_tree.get()) }
    }
}
