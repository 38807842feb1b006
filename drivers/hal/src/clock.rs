//! Time: monotonic instants, a clock that is read, deadlines that are checked against an instant.

use alloc::rc::Rc;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A point in time: microseconds since the clock's own zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Instant(u64);

impl Instant {
    /// The instant `micros` microseconds after the clock's zero.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the clock's zero.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Time passed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant(
            self.0
                .saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.since(earlier)
    }
}

/// A monotonic clock. A read may be costly (under emulation it takes a lock): do not read it in a tight loop.
pub trait Clock {
    /// The present instant.
    fn now(&self) -> Instant;

    /// A number that differs from one start to the next, as seed for ports and transaction ids; not a secret.
    fn entropy(&self) -> u64;

    /// Has the processor sleep for a moment, of 100 microseconds at most, in which there is nothing to do but to look again whether something
    /// has come. `false`, at once, if it cannot.
    fn rest(&self) -> bool {
        false
    }
}

impl<C: Clock + ?Sized> Clock for Rc<C> {
    fn now(&self) -> Instant {
        C::now(self)
    }

    fn entropy(&self) -> u64 {
        C::entropy(self)
    }

    fn rest(&self) -> bool {
        C::rest(self)
    }
}

/// How a loop waits for what may come at any time: it looks again at once for a while, and rests between looks when that has lasted.
#[derive(Debug, Default)]
pub struct Lull {
    looks: u32,
}

impl Lull {
    /// Looks before the first rest: a millisecond or so, in which a person's next key or a script's next line is answered at once.
    const LOOKS: u32 = 4096;

    /// Passes the time until the next look.
    pub fn pass(&mut self, clock: &dyn Clock) {
        let busy = self.looks < Self::LOOKS;
        self.looks = self.looks.saturating_add(1);
        if busy || !clock.rest() {
            core::hint::spin_loop();
        }
    }
}

/// The instant after which a wait gives up.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline `wait` after `now`.
    #[must_use]
    pub fn after(now: Instant, wait: Duration) -> Self {
        Self(now + wait)
    }

    /// Whether it has passed at `now`.
    #[must_use]
    pub fn expired(self, now: Instant) -> bool {
        now >= self.0
    }

    /// The instant itself.
    #[must_use]
    pub const fn instant(self) -> Instant {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::{Clock, Instant, Lull};

    struct Sleeper {
        rests: Cell<u32>,
        can: bool,
    }

    impl Clock for Sleeper {
        fn now(&self) -> Instant {
            Instant::default()
        }

        fn entropy(&self) -> u64 {
            0
        }

        fn rest(&self) -> bool {
            self.rests.set(self.rests.get() + 1);
            self.can
        }
    }

    #[test]
    fn a_lull_rests_once_it_has_lasted() {
        for can in [true, false] {
            let rests = Cell::new(0);
            let clock = Sleeper { rests, can };
            let mut lull = Lull::default();
            for _ in 0..Lull::LOOKS {
                lull.pass(&clock);
            }
            assert_eq!(clock.rests.get(), 0);
            for _ in 0..10 {
                lull.pass(&clock);
            }
            assert_eq!(clock.rests.get(), 10);
        }
    }
}
