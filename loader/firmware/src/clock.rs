//! The generic timer's counter (Arm ARM D12).

use aarch64_cpu::registers::{CNTFRQ_EL0, CNTVCT_EL0, Readable};
use core::cell::RefCell;

use hal::{Clock, Instant};

use crate::rest::Rest;

/// The virtual counter: the physical one at EL2, where entry sets CNTVOFF to 0, and what the hypervisor shows at EL1.
pub(crate) struct GenericTimer {
    /// Microseconds per tick, in units of 2^-32.
    scale: u64,
    rest: RefCell<Option<Rest>>,
}

impl GenericTimer {
    /// The timer at the frequency that the firmware left in CNTFRQ_EL0, else `fallback` hertz; `None` if both are 0.
    pub(crate) fn new(fallback: Option<u32>) -> Option<Self> {
        let frequency = match CNTFRQ_EL0.get() {
            0 => u64::from(fallback?),
            frequency => frequency,
        };
        Some(Self {
            scale: (1_000_000u64 << 32).checked_div(frequency)?,
            rest: RefCell::new(None),
        })
    }

    /// From now on sleeps by `rest` when there is nothing to do, if that works.
    pub(crate) fn rest_by(&self, mut rest: Rest) {
        let works = rest.begin(self);
        *self.rest.borrow_mut() = works.then_some(rest);
    }

    /// Leaves the machine to `program` as it was before anything slept.
    pub(crate) fn without_rest<T>(&self, program: impl FnOnce() -> T) -> T {
        let mut rest = self.rest.take();
        if let Some(rest) = &mut rest {
            rest.end();
        }
        let outcome = program();
        if let Some(rest) = rest {
            self.rest_by(rest);
        }
        outcome
    }
}

impl Clock for GenericTimer {
    fn now(&self) -> Instant {
        let micros = (u128::from(CNTVCT_EL0.get()) * u128::from(self.scale)) >> 32;
        Instant::from_micros(micros as u64)
    }

    fn rest(&self) -> bool {
        let rest = self.rest.borrow();
        rest.as_ref().map(Rest::sleep).is_some()
    }

    fn entropy(&self) -> u64 {
        // The time since power-on differs in its low bits from start to start. Spread them (SplitMix64's finalizer).
        let mut bits = CNTVCT_EL0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}
