//! Watchdogs that an earlier stage left running. U-Boot's SPL for the i.MX 8M starts one with a minute's time before it loads what comes
//! next; U-Boot itself starts one on many boards, and leaves it running when it starts something.
//!
//! They are serviced and nothing else: how much time they give, and that they run, is the business of who started them. None is started here.

pub mod cadence;
pub mod imx;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell};
use core::time::Duration;

use hal::{Clock, Instant, Watchdog};

/// The time between two services: the shortest time that U-Boot lets a watchdog have is some seconds.
const PERIOD: Duration = Duration::from_secs(1);

/// A clock that services watchdogs when it is read: all that takes long reads it.
pub struct ServicingClock<C> {
    clock: C,
    watchdogs: OnceCell<Vec<Box<dyn Watchdog>>>,
    next: Cell<Instant>,
}

impl<C> ServicingClock<C> {
    /// Tells the time of `clock`, and services nothing yet.
    pub fn new(clock: C) -> Self {
        Self {
            clock,
            watchdogs: OnceCell::new(),
            next: Cell::default(),
        }
    }

    /// Services `watchdogs` from now on. Of two calls the first one counts.
    pub fn watch(&self, watchdogs: Vec<Box<dyn Watchdog>>) {
        // A second set cannot be had: there is one probe.
        let _ = self.watchdogs.set(watchdogs);
    }

    /// Those that are serviced.
    pub fn watchdogs(&self) -> impl Iterator<Item = &dyn Watchdog> {
        self.watchdogs.get().into_iter().flatten().map(Box::as_ref)
    }
}

impl<C: Clock> Clock for ServicingClock<C> {
    fn now(&self) -> Instant {
        let now = self.clock.now();
        if now >= self.next.get() {
            self.next.set(now + PERIOD);
            self.watchdogs().for_each(Watchdog::service);
        }
        now
    }

    fn entropy(&self) -> u64 {
        self.clock.entropy()
    }

    fn rest(&self) -> bool {
        // Who rests may have nothing to read the clock for.
        self.now();
        self.clock.rest()
    }
}

#[cfg(test)]
mod tests;
