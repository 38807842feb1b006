//! The Cadence watchdog of Zynq-7000 and Zynq UltraScale+ (AMD UG585, chapter 8 and appendix B.34; UG1087, module SWDT).

use alloc::boxed::Box;
use alloc::string::String;

use hal::{NodeInfo, Platform, Registers, Watchdog};

use crate::registers::{self, RegistersError};

const LEN: u64 = 0x10;
const MODE: usize = 0x0;
const RESTART: usize = 0x8;

/// MODE.WDEN: it runs.
const RUNS: u32 = 1 << 0;
/// What RESTART wants to have written.
const RESTART_KEY: u32 = 0x1999;

/// A watchdog that runs.
pub struct CadenceWatchdog {
    name: String,
    registers: Box<dyn Registers>,
}

impl CadenceWatchdog {
    /// The watchdog of `node`, if it runs.
    ///
    /// # Errors
    /// [`RegistersError`].
    pub fn open(node: &NodeInfo, platform: &dyn Platform) -> Result<Option<Self>, RegistersError> {
        let (_, registers) = registers::open(node, LEN, platform)?;
        let mode = registers.read32(MODE);
        let runs = mode != u32::MAX && mode & RUNS != 0;
        Ok(runs.then(|| Self {
            name: node.name_or("watchdog"),
            registers,
        }))
    }
}

impl Watchdog for CadenceWatchdog {
    fn name(&self) -> &str {
        &self.name
    }

    fn service(&self) {
        self.registers.write32(RESTART, RESTART_KEY);
    }
}
