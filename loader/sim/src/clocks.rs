//! The time that commands see.

use std::rc::Rc;
use std::time::{Duration, Instant as HostInstant, SystemTime, UNIX_EPOCH};

use hal::fakes::ManualClock;
use hal::{Clock, Instant};

/// How far a script's time moves when it is read: `sleep` ends soon.
const SCRIPT_STEP: Duration = Duration::from_millis(1);

/// The network's time in larger steps: nothing but the network and waits take any.
pub(crate) struct ScriptClock(pub(crate) Rc<ManualClock>);

impl Clock for ScriptClock {
    fn now(&self) -> Instant {
        self.0.advance(SCRIPT_STEP);
        self.0.now()
    }

    fn entropy(&self) -> u64 {
        self.0.entropy()
    }
}

/// The host's time: a person at the console needs the seconds of the count-down.
pub(crate) struct HostClock(pub(crate) HostInstant);

impl Clock for HostClock {
    fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn entropy(&self) -> u64 {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        time.as_secs() ^ u64::from(time.subsec_nanos())
    }
}
