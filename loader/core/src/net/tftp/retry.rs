//! When to send again: back-off that follows the answers seen (RFC 1123 section 4.2.3.2 asks for an adaptive timeout).

use core::time::Duration;

use hal::Instant;

/// The shortest wait for an answer.
const FIRST: Duration = Duration::from_millis(200);

/// The longest wait for an answer.
const LONGEST: Duration = Duration::from_secs(5);

/// Waits of one transfer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    first: Duration,
    interval: Duration,
    /// When something was last sent, or came.
    sent: Instant,
    /// Whether the packet sent last was sent once and has no answer yet: only then does its answer tell the round trip (Karn's rule).
    fresh: bool,
}

impl Retry {
    /// Waits that begin with `first` (at least 10 ms), for a packet sent at `now`.
    pub(super) fn new(first: Option<Duration>, now: Instant) -> Self {
        let first = first.unwrap_or(FIRST).clamp(Duration::from_millis(10), LONGEST);
        Self {
            first,
            interval: first,
            sent: now,
            fresh: true,
        }
    }

    /// When to send again if nothing comes.
    pub(super) fn due(&self) -> Instant {
        self.sent + self.interval
    }

    /// Notes that a new packet was sent.
    pub(super) fn sent(&mut self, now: Instant) {
        self.sent = now;
        self.fresh = true;
    }

    /// Notes that the last packet was sent again, and doubles the wait.
    pub(super) fn sent_again(&mut self, now: Instant) {
        self.sent = now;
        self.fresh = false;
        self.interval = self.interval.saturating_mul(2).min(LONGEST);
    }

    /// Notes that an answer came: the next wait is twice what this one took. After a packet sent twice the wait stays long, since
    /// a short one may be what made the copies.
    pub(super) fn answered(&mut self, now: Instant) {
        if core::mem::take(&mut self.fresh) {
            self.interval = now.since(self.sent).saturating_mul(2).clamp(self.first, LONGEST);
        }
        self.sent = now;
    }

    /// Whether the last packet went out so long ago that a repeated question is due to its loss, and no mere copy made by the
    /// network or by a server that answers copies with copies.
    pub(super) fn may_repeat(&self, now: Instant) -> bool {
        let quiet = (self.interval / 2).clamp(Duration::from_millis(5), Duration::from_millis(500));
        now.since(self.sent) >= quiet
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use hal::Instant;

    use super::Retry;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn the_wait_doubles_up_to_five_seconds() {
        let mut now = Instant::default();
        let mut retry = Retry::new(None, now);
        let mut waits = [0; 7];
        for wait in &mut waits {
            *wait = retry.due().since(now).as_millis();
            now = retry.due();
            retry.sent_again(now);
        }
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    #[test]
    fn the_wait_follows_a_slow_server() {
        let start = Instant::default();
        let mut retry = Retry::new(None, start);
        retry.sent_again(start + MS(200));
        retry.answered(start + MS(300));
        assert_eq!(retry.due(), start + MS(700), "the answer may be to either copy");
        retry.sent(start + MS(300));
        retry.answered(start + MS(600));
        assert_eq!(retry.due(), start + MS(1200));
        retry.answered(start + MS(601));
        assert_eq!(
            retry.due(),
            start + MS(1201),
            "the second block of a window tells nothing"
        );
        retry.sent(start + MS(601));
        retry.answered(start + MS(602));
        assert_eq!(retry.due(), start + MS(802));
    }
}
