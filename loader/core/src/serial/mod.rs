//! Files over the console's line: XMODEM and YMODEM, and Kermit.
//!
//! Each receiver is a pure state machine: a byte or a silence goes in, and out comes what to store, what to send, and whether that was all. It
//! knows no clock, no console and no memory, so that every fault of a line can be played to it. What comes in is hostile: lengths are
//! bounded by the receivers' buffers, errors in a row by [`RETRIES`], and no byte allocates.

pub mod kermit;
pub mod xmodem;

use alloc::string::String;
use core::time::Duration;

use thiserror::Error;

/// Ctrl-C, which ends a transfer where it cannot be data.
const CTRL_C: u8 = 0x03;

/// How many errors in a row end a transfer.
const RETRIES: u32 = 10;

/// How long a byte may be late within a packet.
const BYTE_LIMIT: Duration = Duration::from_secs(1);

/// Why a transfer ended early.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SerialError {
    /// The person at the console typed Ctrl-C.
    #[error("ended by Ctrl-C")]
    Interrupted,
    /// The sender gave up.
    #[error("the sender cancelled the transfer{}{message}", if message.is_empty() { "" } else { ": " })]
    Cancelled {
        /// What it said, if the protocol has words for that.
        message: String,
    },
    /// A packet arrived that is neither the next nor the last one again.
    #[error("packet {got} arrived where packet {expected} was due")]
    OutOfOrder {
        /// Number of the packet that arrived.
        got: u8,
        /// Number of the packet that was due.
        expected: u8,
    },
    /// Too many errors in a row.
    #[error("{RETRIES} errors in a row after {received} bytes; the last one: {last}")]
    TooManyErrors {
        /// How much of the file had arrived.
        received: u64,
        /// What was wrong the last time.
        last: &'static str,
    },
    /// The sender's last packet came before the size that it had told.
    #[error("the sender ended after {received} of the {announced} bytes that it announced")]
    Short {
        /// How much of the file arrived.
        received: u64,
        /// The size told beforehand.
        announced: u64,
    },
}

/// What happened on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The receiver is to begin. Comes once, first.
    Begin,
    /// A byte arrived.
    Byte(u8),
    /// None arrived for as long as the receiver said it would wait.
    Silence,
}

/// What is to be done about it, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action<'a> {
    /// The next bytes of the file.
    pub data: &'a [u8],
    /// What to send, once the data is stored.
    pub reply: &'a [u8],
    /// How the transfer ended, if it did.
    pub end: Option<Result<(), SerialError>>,
}

impl<'a> Action<'a> {
    const NONE: Self = Self {
        data: &[],
        reply: &[],
        end: None,
    };

    const fn send(reply: &'a [u8]) -> Self {
        Self {
            data: &[],
            reply,
            end: None,
        }
    }

    const fn end(reply: &'a [u8], result: Result<(), SerialError>) -> Self {
        Self {
            data: &[],
            reply,
            end: Some(result),
        }
    }
}

/// The receiving side of a protocol.
pub trait Receiver {
    /// Takes note of what happened.
    fn feed(&mut self, input: Input) -> Action<'_>;

    /// How long the line may now be silent.
    fn patience(&self) -> Duration;

    /// Whether the sender was heard.
    fn has_begun(&self) -> bool;

    /// The file's name, if the sender told it.
    fn name(&self) -> Option<&str>;

    /// The file's size once the transfer has ended well.
    fn size(&self) -> u64;

    /// What tells the sender that nothing more is wanted.
    fn farewell(&mut self) -> &[u8];
}

/// A file name as a sender told it: printable, and no longer than a name may be.
fn file_name(bytes: &[u8]) -> Option<String> {
    const LONGEST: usize = 128;
    let name = String::from_utf8_lossy(bytes);
    let name: String = name.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod testing;
