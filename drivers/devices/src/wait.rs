//! Bounded waits.

use core::hint::spin_loop;
use core::time::Duration;

use hal::{Clock, Deadline};

/// Polls between two readings of the clock: a reading can cost as much as many polls (under emulation it takes a lock).
const POLLS_PER_READING: u32 = 64;

/// Polls until `done` or until `limit` has passed; gives the last answer of `done`. When it is done at once, the clock
/// is not read.
pub(crate) fn wait_until(clock: &dyn Clock, limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    if done() {
        return true;
    }
    let deadline = Deadline::after(clock.now(), limit);
    loop {
        for _ in 0..POLLS_PER_READING {
            if done() {
                return true;
            }
            spin_loop();
        }
        if deadline.expired(clock.now()) {
            return done();
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use hal::Clock;
    use hal::fakes::ManualClock;

    use super::wait_until;

    #[test]
    fn what_is_done_at_once_does_not_read_the_clock() {
        let clock = ManualClock::with_step(1);
        assert!(wait_until(&clock, Duration::from_secs(1), || true));
        assert_eq!(clock.now().micros(), 0);
    }

    #[test]
    fn gives_up_at_the_deadline() {
        let clock = ManualClock::with_step(1000);
        assert!(!wait_until(&clock, Duration::from_millis(5), || false));
        assert_eq!(clock.now().micros(), 6000);
    }

    #[test]
    fn a_condition_that_comes_true_ends_the_wait() {
        let clock = ManualClock::with_step(1000);
        let mut polls = 0;
        let third = || {
            polls += 1;
            polls == 200
        };
        assert!(wait_until(&clock, Duration::from_secs(1), third));
    }
}
