//! Bounded waits.

use core::hint::spin_loop;
use core::time::Duration;

use hal::flash::Meanwhile;
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

/// What a poll of [`wait_working`] costs, and so how often it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Poll {
    /// Memory is looked at: nothing but the device's own time is waited for.
    Memory,
    /// The same, and the device is known to need a millisecond or more.
    MemoryLong,
    /// A register is looked at, which can hold up the device's own work (under emulation both take the same lock): ever more rarely, up to
    /// some 100 microseconds apart, little beside a transfer that is worth waiting for.
    Register,
}

impl Poll {
    /// How many spins lie between two polls at most. Tests have no processor to spare.
    const fn spins(self) -> u32 {
        if cfg!(test) { 1 } else { self.schedule().0 }
    }

    /// The spins after which the clock is read. Under emulation a reading takes the lock that the device's own work takes.
    const fn spins_per_reading(self) -> u32 {
        if cfg!(test) { 1 } else { self.schedule().1 }
    }

    /// The polls after which the processor sleeps between two, as long as a register's polls then are apart. A small request is done by
    /// then.
    const fn polls_awake(self) -> u32 {
        match self {
            Self::Memory => 16_384,
            Self::MemoryLong => 256,
            Self::Register => 16,
        }
    }

    /// Both of these numbers, on hardware.
    const fn schedule(self) -> (u32, u32) {
        match self {
            Self::Memory | Self::MemoryLong => (1, 4096),
            Self::Register => (8192, 64),
        }
    }
}

/// The spins before the poll that follows one after `spins`: twice as many, up to `most`.
const fn more(spins: u32, most: u32) -> u32 {
    let twice = spins.saturating_mul(2);
    if twice < most { twice } else { most }
}

/// How often [`wait_working`] lets the console have its turn: a UART takes in a dozen characters in this time, and keeps 16 or more.
const TURN: Duration = Duration::from_millis(1);

/// As [`wait_until`], for work that takes a device a while: polls more and more rarely, as `poll` says, and calls `meanwhile` now and then.
pub(crate) fn wait_working(
    (clock, poll): (&dyn Clock, Poll),
    limit: Duration,
    meanwhile: Meanwhile<'_>,
    mut done: impl FnMut() -> bool,
) -> bool {
    if done() {
        return true;
    }
    let started = clock.now();
    let deadline = Deadline::after(started, limit);
    let mut turn = Deadline::after(started, TURN);
    let (mut spins, mut spun, mut polls) = (1u32, 0u32, 0u32);
    loop {
        if polls >= poll.polls_awake() && clock.rest() {
            spun = poll.spins_per_reading();
        } else {
            for _ in 0..spins {
                spin_loop();
            }
            spun = spun.saturating_add(spins);
        }
        polls = polls.saturating_add(1);
        if done() {
            return true;
        }
        if spun >= poll.spins_per_reading() {
            spun = 0;
            let now = clock.now();
            if deadline.expired(now) {
                return done();
            }
            if turn.expired(now) {
                meanwhile();
                turn = Deadline::after(now, TURN);
            }
        }
        spins = more(spins, poll.spins());
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use core::cell::Cell;
    use core::time::Duration;

    use hal::fakes::ManualClock;
    use hal::{Clock, Instant};

    use super::{Poll, more, wait_until, wait_working};

    #[test]
    fn what_is_done_at_once_does_not_read_the_clock() {
        let clock = ManualClock::with_step(1);
        assert!(wait_until(&clock, Duration::from_secs(1), || true));
        assert_eq!(clock.now().micros(), 0);
    }

    #[test]
    fn polls_of_registers_become_rare_and_those_of_memory_do_not() {
        for (poll, longest) in [(Poll::Register, 8192), (Poll::Memory, 1), (Poll::MemoryLong, 1)] {
            let (most, per_reading) = poll.schedule();
            let spins: Vec<u32> = core::iter::successors(Some(1), |spins| Some(more(*spins, most)))
                .take(20)
                .collect();
            assert!(
                spins.windows(2).all(|two| two[1] == (2 * two[0]).min(longest)),
                "{spins:?}"
            );
            // The clock is read before a deadline is missed by more than some 100 microseconds.
            assert!(most.max(per_reading) <= 8192);
        }
    }

    /// Sleeps a millisecond each time.
    struct Sleeper(ManualClock, Cell<u32>);

    impl Clock for Sleeper {
        fn now(&self) -> Instant {
            self.0.now()
        }

        fn entropy(&self) -> u64 {
            0
        }

        fn rest(&self) -> bool {
            self.0.advance(Duration::from_millis(1));
            self.1.set(self.1.get() + 1);
            true
        }
    }

    #[test]
    fn the_processor_sleeps_through_long_work_and_not_through_short() {
        for (poll, awake) in [(Poll::Register, 16), (Poll::Memory, 16_384), (Poll::MemoryLong, 256)] {
            for (needed, sleeps) in [(5, 0), (awake, 0), (awake + 1, 1), (awake + 8, 8)] {
                let clock = Sleeper(ManualClock::with_step(0), Cell::new(0));
                let mut polls = 0;
                let done = || {
                    polls += 1;
                    polls > needed
                };
                assert!(wait_working((&clock, poll), Duration::from_secs(1), &mut || (), done));
                assert_eq!(clock.1.get(), sleeps, "{poll:?} {needed}");
            }
            let clock = Sleeper(ManualClock::with_step(0), Cell::new(0));
            let mut turns = 0;
            let limit = Duration::from_millis(50);
            assert!(!wait_working((&clock, poll), limit, &mut || turns += 1, || false));
            assert_eq!(
                (clock.1.get(), turns),
                (50, 49),
                "in time, and with the console's turns"
            );
        }
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

    #[test]
    fn work_that_is_done_at_once_costs_nothing() {
        let clock = ManualClock::with_step(1);
        let nothing = &mut || panic!("there is no time for anything else");
        assert!(wait_working(
            (&clock, Poll::Register),
            Duration::from_secs(1),
            nothing,
            || true
        ));
        assert_eq!(clock.now().micros(), 0);
    }

    #[test]
    fn the_console_has_its_turn_while_a_device_works() {
        let clock = ManualClock::with_step(100);
        let mut turns = 0;
        assert!(!wait_working(
            (&clock, Poll::Memory),
            Duration::from_millis(20),
            &mut || turns += 1,
            || false
        ));
        assert_eq!(turns, 19);
    }
}
