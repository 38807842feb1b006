//! The serial console, one byte at a time in and slices out.

/// A byte console.
pub trait Console {
    /// Sends `bytes` as they are. Waits while the transmitter is full, for a bounded time; what cannot be sent is dropped,
    /// since there is nowhere to report it.
    fn write(&mut self, bytes: &[u8]);

    /// The next received byte, if one is there. Never waits.
    fn read(&mut self) -> Option<u8>;

    /// Waits until the last byte has left, for a bounded time: before a reset or a jump.
    fn flush(&mut self);
}
