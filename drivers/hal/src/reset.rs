//! What resets a machine where there is no firmware to ask.

/// A device that can reset the machine it is in.
pub trait Reset {
    /// Asks for a reset, which comes within some milliseconds.
    fn reset(&self);

    /// Asks for the power to go off, or for whatever comes nearest to that.
    fn power_off(&self);
}
