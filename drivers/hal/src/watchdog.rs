//! What resets a machine that nobody looks after.

/// A watchdog that runs.
pub trait Watchdog {
    /// What it is called in messages: `watchdog@30280000`.
    fn name(&self) -> &str;

    /// Has its time begin anew.
    fn service(&self);
}
