//! When to read the clock. A reading is costly where the counter is emulated, so a loop that polls does it now and then only.

use core::time::Duration;

use hal::{Clock, Instant};

/// Polls without a frame between two readings.
const IDLE: u32 = 256;

/// Frames between two readings.
const BUSY: u32 = 16;

/// The time between two looks at timers and console.
const TICK: Duration = Duration::from_millis(1);

/// The time as a polling loop knows it.
pub(super) struct Pace {
    now: Instant,
    next_tick: Instant,
    spent: u32,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            now,
            next_tick: now,
            spent: 0,
        }
    }

    /// The last reading.
    pub(super) fn now(&self) -> Instant {
        self.now
    }

    /// Counts a poll that `received` a frame or did not. Gives whether it is time to look at timers and console.
    pub(super) fn step(&mut self, received: bool, clock: &dyn Clock) -> bool {
        const COST: u32 = IDLE / BUSY;
        self.spent = self.spent.saturating_add(if received { COST } else { 1 });
        if self.spent < IDLE {
            return false;
        }
        self.spent = 0;
        self.now = clock.now();
        let tick = self.now >= self.next_tick;
        if tick {
            self.next_tick = self.now + TICK;
        }
        tick
    }
}
