//! The interrupt controller (Arm GIC: IHI 0048 for version 2, IHI 0069 for 3 and 4), as far as an interrupt of the processor's own timer has
//! to reach it: what is pending there ends a `wfi`, and is never taken.
//!
//! Only what that needs is changed, and [`Gic::put_back`] undoes it: the program that comes next finds the controller as the loader did. A
//! crate for the whole controller sets all of it up, for which there is no way back. Where firmware lives in the secure world, what is its
//! own ignores our writes; whether the interrupt comes through has to be tried.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use hal::{Clock, NodeInfo, Platform, Region, Registers};

use crate::wait::wait_until;

/// Distributor (GICD; 12.9 of IHI 0069, 4.3 of IHI 0048).
mod distributor {
    pub(super) const CTLR: usize = 0x0;
    /// Version 2: the group that this security state has, or group 0 where there is one state.
    pub(super) const ENABLE: u32 = 1 << 0;
    /// Version 3: group 1, of this security state or of the only one.
    pub(super) const ENABLE_GROUP_1: u32 = 1 << 1;
    /// Version 3: each processor's private interrupts are with its redistributor.
    pub(super) const AFFINITY_ROUTING: u32 = 1 << 4;
}

/// The registers for interrupts 0 to 31, in the distributor, or in the second frame of a redistributor.
mod private {
    pub(super) const IGROUPR0: usize = 0x80;
    pub(super) const ISENABLER0: usize = 0x100;
    pub(super) const ICENABLER0: usize = 0x180;
}

/// A processor's interface (GICC) of version 2 (4.4 of IHI 0048).
mod interface {
    pub(super) const CTLR: usize = 0x0;
    pub(super) const ENABLE: u32 = 1 << 0;
    pub(super) const PMR: usize = 0x4;
    pub(super) const ALL_PRIORITIES: u32 = 0xff;
}

/// A redistributor (GICR; 12.11 of IHI 0069).
mod redistributor {
    /// The lower word of GICR_TYPER.
    pub(super) const TYPER: usize = 0x8;
    /// It has four frames, not two.
    pub(super) const VIRTUAL_LPIS: u32 = 1 << 1;
    pub(super) const LAST: u32 = 1 << 4;
    /// The upper word: whose it is.
    pub(super) const AFFINITY: usize = 0xc;
    pub(super) const WAKER: usize = 0x14;
    pub(super) const PROCESSOR_SLEEP: u32 = 1 << 1;
    pub(super) const CHILDREN_ASLEEP: u32 = 1 << 2;
    /// A frame is 64 KiB.
    pub(super) const FRAME: u64 = 0x1_0000;
}

/// How long a redistributor may take to wake up.
const WAKE_LIMIT: Duration = Duration::from_millis(10);
/// Interrupts of one processor.
const PRIVATE_INTERRUPTS: u32 = 32;

/// How a processor hears of its interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// By registers in memory.
    Two,
    /// By system registers, which are the caller's business.
    Three,
}

/// The version that drives a node which is called so.
#[must_use]
pub fn version(compatible: &str) -> Option<Version> {
    match compatible {
        "arm,cortex-a15-gic" | "arm,cortex-a7-gic" | "arm,gic-400" => Some(Version::Two),
        "arm,gic-v3" => Some(Version::Three),
        _ => None,
    }
}

/// Which registers a change was made in.
#[derive(Clone, Copy, Debug)]
enum Bank {
    Distributor,
    /// Version 2: the processor's interface. Version 3: the first frame of its redistributor.
    Processor,
    /// Where the private interrupts are.
    Private,
}

/// The controller, with what was changed in it.
pub struct Gic {
    version: Version,
    distributor: Box<dyn Registers>,
    processor: Box<dyn Registers>,
    /// `None`: in the distributor.
    private: Option<Box<dyn Registers>>,
    /// What each change has to be undone with, the first one first.
    before: Vec<(Bank, usize, u32)>,
}

impl Gic {
    /// The controller of `node`, as the processor with this `affinity` (MPIDR_EL1's four fields, packed) sees it. `None` if there is no
    /// driver for it, or it is not where the node says.
    #[must_use]
    pub fn open(node: &NodeInfo, affinity: u32, platform: &dyn Platform) -> Option<Self> {
        let version = node.compatible.iter().find_map(|name| version(name))?;
        let [distributor, other, ..] = *node.reg.as_slice() else {
            return None;
        };
        let distributor = platform.map(distributor)?;
        let (processor, private) = match version {
            Version::Two => (platform.map(other)?, None),
            Version::Three => {
                let (own, private) = redistributor_of(affinity, other, platform)?;
                (own, Some(private))
            }
        };
        Some(Self {
            version,
            distributor,
            processor,
            private,
            before: Vec::new(),
        })
    }

    /// How the processor hears of it.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Lets the private interrupt of this number through to the processor, whatever its priority. `false` if there is none of that number,
    /// or the controller does not wake up.
    pub fn let_through(&mut self, interrupt: u32, clock: &dyn Clock) -> bool {
        if interrupt >= PRIVATE_INTERRUPTS {
            return false;
        }
        let bit = 1 << interrupt;
        match self.version {
            Version::Two => {
                self.set(Bank::Processor, interface::PMR, interface::ALL_PRIORITIES);
                self.set(Bank::Processor, interface::CTLR, interface::ENABLE);
                self.set(Bank::Distributor, distributor::CTLR, distributor::ENABLE);
            }
            Version::Three => {
                let on = distributor::ENABLE_GROUP_1 | distributor::AFFINITY_ROUTING;
                self.set(Bank::Distributor, distributor::CTLR, on);
                if !self.wake(clock) {
                    return false;
                }
                self.set(Bank::Private, private::IGROUPR0, bit);
            }
        }
        if self.bank(Bank::Private).read32(private::ISENABLER0) & bit == 0 {
            self.before.push((Bank::Private, private::ICENABLER0, bit));
            self.bank(Bank::Private).write32(private::ISENABLER0, bit);
        }
        true
    }

    /// Leaves everything as it was found.
    pub fn put_back(&mut self) {
        while let Some((bank, register, value)) = self.before.pop() {
            self.bank(bank).write32(register, value);
        }
    }

    /// Has the redistributor take its processor for one that runs.
    fn wake(&mut self, clock: &dyn Clock) -> bool {
        let before = self.processor.read32(redistributor::WAKER);
        if before & redistributor::PROCESSOR_SLEEP != 0 {
            self.before.push((Bank::Processor, redistributor::WAKER, before));
            self.processor
                .write32(redistributor::WAKER, before & !redistributor::PROCESSOR_SLEEP);
        }
        let awake = || self.processor.read32(redistributor::WAKER) & redistributor::CHILDREN_ASLEEP == 0;
        wait_until(clock, WAKE_LIMIT, awake)
    }

    /// Sets `bits` of a register that keeps its others.
    fn set(&mut self, bank: Bank, register: usize, bits: u32) {
        let before = self.bank(bank).read32(register);
        if before & bits != bits {
            self.before.push((bank, register, before));
            self.bank(bank).write32(register, before | bits);
        }
    }

    fn bank(&self, bank: Bank) -> &dyn Registers {
        match bank {
            Bank::Distributor => self.distributor.as_ref(),
            Bank::Processor => self.processor.as_ref(),
            Bank::Private => self.private.as_ref().unwrap_or(&self.distributor).as_ref(),
        }
    }
}

/// The first and the second frame of the redistributor that serves `affinity`.
fn redistributor_of(
    affinity: u32,
    all: Region,
    platform: &dyn Platform,
) -> Option<(Box<dyn Registers>, Box<dyn Registers>)> {
    let mut at = 0;
    loop {
        // Ends with the region.
        let own = platform.map(all.slice(at, redistributor::FRAME)?)?;
        let kind = own.read32(redistributor::TYPER);
        if own.read32(redistributor::AFFINITY) == affinity {
            let private = all.slice(at.checked_add(redistributor::FRAME)?, redistributor::FRAME)?;
            return Some((own, platform.map(private)?));
        }
        if kind & redistributor::LAST != 0 {
            return None;
        }
        let frames = if kind & redistributor::VIRTUAL_LPIS == 0 { 2 } else { 4 };
        at = at.checked_add(frames * redistributor::FRAME)?;
    }
}

#[cfg(test)]
mod tests;
