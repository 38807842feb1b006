//! Why a transfer fails.

use alloc::string::String;
use core::net::SocketAddrV4;
use core::time::Duration;

use thiserror::Error;

use super::options::OptionError;
use super::packet::{ErrorCode, Message};
use crate::memory::MemoryError;

/// Why a transfer failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TftpError {
    /// The server refuses.
    #[error("TFTP error: '{text}' ({})", code.0)]
    Server {
        /// Its reason as a number.
        code: ErrorCode,
        /// Its reason in words, escaped.
        text: String,
    },
    /// Nothing came that helps.
    #[error("Retry count exceeded: {server} was silent for {} s after {received} bytes", waited.as_secs())]
    Silence {
        /// Where the last packets went to.
        server: SocketAddrV4,
        /// How long.
        waited: Duration,
        /// Bytes received of this file.
        received: u64,
    },
    /// The server's machine says that nothing listens (ICMP port unreachable).
    #[error("TFTP error: {server} refuses: nothing listens on that port")]
    Unreachable {
        /// Where the packet went to.
        server: SocketAddrV4,
    },
    /// The server's answer to the options makes no sense.
    #[error("TFTP error: the server's answer to our options is not valid: {0}")]
    Options(#[from] OptionError),
    /// A block with more bytes than agreed.
    #[error("TFTP error: block {block} has {len} bytes, but blocks of {block_size} were agreed on")]
    LongBlock {
        /// The block's number in the file, from 1.
        block: u64,
        /// Its length.
        len: usize,
        /// The agreed length.
        block_size: u16,
    },
    /// The file's end came too early or too late.
    #[error("TFTP error: the server announced {announced} bytes and sent {received}")]
    Size {
        /// What it said (`tsize`).
        announced: u64,
        /// What came.
        received: u64,
    },
    /// There is no room for the file.
    #[error("TFTP error: trying to overwrite reserved memory... {0}")]
    Memory(#[from] MemoryError),
    /// The request does not fit a packet.
    #[error("TFTP error: the file name has {0} bytes, too many for a request of 512 bytes")]
    NameTooLong(usize),
    /// The user ended it.
    #[error("Abort")]
    Aborted,
}

impl TftpError {
    /// What the server is told.
    pub(super) fn message(&self) -> Option<Message> {
        self.farewell().map(|(code, text)| Message::Error(code, text))
    }

    /// The same, as code and text.
    pub(super) fn farewell(&self) -> Option<(ErrorCode, &'static str)> {
        let farewell = match self {
            Self::Options(_) => (ErrorCode::OPTION_REFUSED, "option value not acceptable"),
            Self::LongBlock { .. } => (ErrorCode::ILLEGAL_OPERATION, "block longer than agreed"),
            Self::Size { .. } => (ErrorCode::UNDEFINED, "file size differs from tsize"),
            Self::Memory(_) => (ErrorCode::DISK_FULL, "no room for this file"),
            Self::Aborted => (ErrorCode::UNDEFINED, "aborted by user"),
            Self::Server { .. } | Self::Silence { .. } | Self::Unreachable { .. } | Self::NameTooLong(_) => {
                return None;
            }
        };
        Some(farewell)
    }
}
