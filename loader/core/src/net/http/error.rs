//! Why a download fails.

use alloc::string::String;
use core::net::SocketAddrV4;
use core::time::Duration;

use thiserror::Error;

use super::head::HeadError;
use crate::memory::MemoryError;

/// Why a download failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HttpError {
    /// Nothing listens at the server's port.
    #[error("{server} refuses the connection: nothing listens on that port")]
    Refused {
        /// The server.
        server: SocketAddrV4,
    },
    /// Nothing came that helps.
    #[error("Retry count exceeded: {server} was silent for {} s after {received} bytes", waited.as_secs())]
    Silence {
        /// The server.
        server: SocketAddrV4,
        /// How long.
        waited: Duration,
        /// Bytes received of this file.
        received: u64,
    },
    /// The connection broke too often.
    #[error("the connection to {server} broke {times} times; the last time {received} bytes had come")]
    Broken {
        /// The server.
        server: SocketAddrV4,
        /// How often.
        times: u8,
        /// Bytes received of this file.
        received: u64,
    },
    /// The server does not give the file.
    #[error("{server} does not give '{path}': {status}")]
    Status {
        /// The server.
        server: SocketAddrV4,
        /// What was asked for, escaped.
        path: String,
        /// The status line, escaped.
        status: String,
    },
    /// The file is somewhere else.
    #[error("'{path}' has moved to '{target}'; redirects are not followed: load that ({status})")]
    Moved {
        /// What was asked for, escaped.
        path: String,
        /// Where it is now, escaped.
        target: String,
        /// The status line, escaped.
        status: String,
    },
    /// The answer makes no sense.
    #[error("the answer of {server} cannot be read: {error}")]
    Head {
        /// The server.
        server: SocketAddrV4,
        /// Why.
        error: HeadError,
    },
    /// More bytes than announced.
    #[error("{server} announced {announced} bytes and sent more")]
    Long {
        /// The server.
        server: SocketAddrV4,
        /// What it said.
        announced: u64,
    },
    /// There is no room for the file.
    #[error("trying to overwrite reserved memory... {0}")]
    Memory(#[from] MemoryError),
    /// The user ended it.
    #[error("Abort")]
    Aborted,
}
