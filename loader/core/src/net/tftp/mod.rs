//! TFTP clients: one for reading (RFC 1350 with the options of RFC 2347, 2348, 2349 and 7440) and one for writing, as state machines
//! without sockets or clock.
//!
//! [`Client::receive`] takes a datagram and gives what to send; [`Client::poll`] does the same when time has passed;
//! [`Client::outcome`] says when it is over. The bytes of a block go from the datagram to a [`Sink`], and nowhere between.

mod client;
mod error;
mod options;
mod packet;
mod put;
mod retry;
mod window;

pub use client::{Client, FIRST_DYNAMIC_PORT, Outcome, Request};
pub use error::TftpError;
pub(super) use options::escaped;
pub use options::{Agreed, MAX_BLOCK, MIN_BLOCK, OptionError, Options, PLAIN_BLOCK};
pub use packet::{ErrorCode, MAX_SENT, Message, Packet, SERVER_PORT, Transmit};
pub use put::{PutClient, PutMessage, PutRequest, PutTransmit};

use crate::memory::MemoryError;

/// Where a file goes.
pub trait Sink {
    /// The server says that the file has `size` bytes. Called at most once a try, before the first byte.
    ///
    /// # Errors
    /// [`MemoryError`] if there is no room for so many.
    fn size_hint(&mut self, size: u64) -> Result<(), MemoryError>;

    /// Stores `data` at `offset` from the start of the file. After a restart, offsets begin at 0 again.
    ///
    /// # Errors
    /// [`MemoryError`] if they do not fit.
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), MemoryError>;
}

#[cfg(test)]
mod tests;
