//! The machine as the loader core sees it.

use alloc::rc::Rc;
use alloc::string::String;

use aarch64_cpu::registers::{CurrentEL, Readable};
use aarch64_paging::MapError;
use hal::system::BusFault;
use hal::{ExceptionLevel, Fault, HandOver, PhysAddr, Region, System, Width};

use crate::clock::GenericTimer;
use crate::entry::jump;
use crate::layout::Layout;
use crate::mmu::{Map, Purpose};
use crate::ram_map::RamMap;
use crate::{bus, cache, call, power, provoke};

/// The processor that runs the loader, and its firmware.
pub(crate) struct Machine {
    ram: RamMap,
    layout: Layout,
    /// The loader's own map, which is active.
    map: Map,
    /// The map for programs, once there was one.
    program_map: Option<Map>,
    timer: Rc<GenericTimer>,
}

impl Machine {
    /// The machine with this RAM and the loader at this place; `map` is active, and the loader rests by `timer`.
    pub(crate) fn new((ram, layout): (RamMap, Layout), map: Map, timer: Rc<GenericTimer>) -> Self {
        Self {
            ram,
            layout,
            map,
            program_map: None,
            timer,
        }
    }

    /// The map for programs, built when it is asked for first: it stays.
    fn program_map(&mut self) -> Result<Map, MapError> {
        if let Some(map) = self.program_map {
            return Ok(map);
        }
        let map = Map::new(&self.ram, &self.layout, Purpose::Program)?;
        self.program_map = Some(map);
        Ok(map)
    }
}

impl System for Machine {
    fn exception_level(&self) -> ExceptionLevel {
        if CurrentEL.read(CurrentEL::EL) == 2 {
            ExceptionLevel::El2
        } else {
            ExceptionLevel::El1
        }
    }

    fn reset(&mut self) -> &'static str {
        power::reset()
    }

    fn power_off(&mut self) -> &'static str {
        power::power_off()
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

    fn call(&mut self, entry: PhysAddr, words: &[String]) -> Result<u64, &'static str> {
        let map = self.program_map().map_err(|_| "RAM could not be mapped executable")?;
        map.activate();
        let returned = self.timer.without_rest(|| call::call(entry, words));
        self.map.activate();
        Ok(returned)
    }

    fn provoke(&mut self, fault: Fault) {
        provoke::provoke(fault);
    }

    fn hand_over(&mut self, request: &HandOver) {
        for region in &request.clean {
            cache::clean_invalidate(*region);
        }
        let image = request.clean.iter().find(|region| region.contains(request.entry));
        let (start, end) = image.map_or((0, 0), |image| (image.start().get(), image.end().get()));
        self.timer.without_rest(|| {
            // SAFETY: the core has checked the image and the tree and claimed their places, their regions are clean, and no device
            // does DMA any more (the caller shut them down). Nothing of the loader is needed from here on.
            unsafe { jump(request.entry.get(), request.device_tree.get(), start, end) }
        })
    }
}
