//! When a controller is asked whether its receiver still runs: rarely, since a register costs as much as hundreds of polls in memory.

/// Polls that find nothing until the device is asked whether it is well.
pub(super) const POLLS_PER_LOOK: u32 = 4096;

/// What the polls of a receive ring have found.
pub(super) struct Polls {
    /// Frames without a gap after which the device may have found no buffer. It may fetch descriptors long before it needs them.
    full: usize,
    /// Frames that were taken since the ring was last seen empty.
    run: usize,
    /// Polls since then that found nothing.
    idle: u32,
}

/// What there is to be done after a poll that found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubts {
    /// The ring may have been full, and the receiver have stopped for it.
    pub(super) full: bool,
    /// It is time to see whether all runs.
    pub(super) look: bool,
}

impl Polls {
    /// Of a ring with so many buffers.
    pub(super) fn new(buffers: usize) -> Self {
        let full = buffers / 2;
        Self { full, run: 0, idle: 0 }
    }

    /// A poll found a frame.
    pub(super) fn found(&mut self) {
        self.run = self.run.saturating_add(1);
    }

    /// A poll found nothing.
    pub(super) fn found_nothing(&mut self) -> Doubts {
        let full = self.run >= self.full;
        self.run = 0;
        self.idle = self.idle.saturating_add(1);
        let look = self.idle >= POLLS_PER_LOOK;
        if look {
            self.idle = 0;
        }
        Doubts { full, look }
    }
}
