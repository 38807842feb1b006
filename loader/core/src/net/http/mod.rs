//! An HTTP client for reading one file (RFC 9110, RFC 9112) as a state machine without sockets or clock.
//!
//! [`Client::poll`] says when to connect; [`Client::receive`] takes what the connection brings, and [`Client::ended`] its end;
//! [`Client::outcome`] says when all is over. The bytes of the body go from the connection's buffer to a [sink](super::tftp::Sink), and nowhere between.
//!
//! A connection that breaks is made again. What has arrived is kept only if the server proved, by an entity tag or a date that is strong
//! (RFC 9110 section 8.8), that it sends the rest of the same file; otherwise the file begins anew. So no file is made of two.
//!
//! The head is read by `httparse`, which servers and browsers' kin have tried for years; framing and ranges are this module's own.

mod body;
mod client;
mod error;
mod head;
mod target;

pub use client::{Client, End, Outcome, Request};
pub use error::HttpError;
pub use head::HeadError;
pub use target::{DEFAULT_PORT, Target, TargetError};

#[cfg(test)]
mod tests;
