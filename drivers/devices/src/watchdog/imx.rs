//! The watchdog of NXP's i.MX chips (i.MX 8M Plus Reference Manual, chapter WDOG; the same since the i.MX 21). Once it runs it cannot be
//! stopped.

use alloc::boxed::Box;
use alloc::string::String;

use hal::{NodeInfo, Platform, Region, Registers, Watchdog};

use crate::registers::{self, RegistersError};

const LEN: u64 = 0xa;
const CONTROL: u64 = 0x0; // WCR
const SERVICE: u64 = 0x2; // WSR
/// Bytes of a register. Each has a window of its own, so that nothing looks at two with one access: the manual has wider ones avoided, "as the
/// system may go to an unknown state".
const WIDTH: u64 = 2;

/// WCR.WDE: it runs.
const RUNS: u16 = 1 << 2;
/// What WSR wants to have written, one after the other.
const SEQUENCE: [u16; 2] = [0x5555, 0xaaaa];

/// A watchdog that runs.
pub struct ImxWatchdog {
    name: String,
    service: Box<dyn Registers>,
}

impl ImxWatchdog {
    /// The watchdog of `node`, if it runs.
    ///
    /// # Errors
    /// [`RegistersError`].
    pub fn open(node: &NodeInfo, platform: &dyn Platform) -> Result<Option<Self>, RegistersError> {
        let all = registers::region(node, LEN)?;
        let control = registers::map(register(all, CONTROL), platform)?.read16(0);
        if control == u16::MAX || control & RUNS == 0 {
            return Ok(None);
        }
        Ok(Some(Self {
            name: node.name_or("watchdog"),
            service: registers::map(register(all, SERVICE), platform)?,
        }))
    }
}

/// The register at `offset` of `all`, which has at least [`LEN`] bytes.
fn register(all: Region, offset: u64) -> Region {
    all.slice(offset, WIDTH).unwrap_or(all)
}

impl Watchdog for ImxWatchdog {
    fn name(&self) -> &str {
        &self.name
    }

    fn service(&self) {
        for word in SEQUENCE {
            self.service.write16(0, word);
        }
    }
}
