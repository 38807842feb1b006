//! Where a file is: the forms that `wget` takes.

use alloc::string::{String, ToString};
use core::fmt::{self, Write};

use thiserror::Error;

use crate::net::tftp::escaped;

/// The port of HTTP servers.
pub const DEFAULT_PORT: u16 = 80;

/// The longest path that is asked for.
const MAX_PATH: usize = 2048;

/// What is wrong with a target.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TargetError {
    /// A URL of another kind.
    #[error("'{0}' is not an http:// URL; there is no TLS here")]
    Scheme(String),
    /// A user's name in a URL.
    #[error("'{0}' names a user; only files that everybody may read can be loaded")]
    User(String),
    /// No host, or an IPv6 address.
    #[error("'{0}' names no host by IPv4 address or name")]
    Host(String),
    /// A port that is none.
    #[error("'{0}' is not a port")]
    Port(String),
    /// A path too long for a request.
    #[error("the path has {0} bytes, more than the {MAX_PATH} of a request")]
    Long(usize),
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The host by name or address, if it was given.
    pub host: Option<String>,
    /// The port, if it was given.
    pub port: Option<u16>,
    /// The path as typed, with its first slash.
    pub path: String,
}

impl Target {
    /// Reads `http://host[:port]/path`, `host:path` or `path`.
    ///
    /// # Errors
    /// Every [`TargetError`].
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let target = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => Self::url(text, rest)?,
            Some(_) => return Err(TargetError::Scheme(escaped(text.as_bytes()))),
            None => Self::plain(text)?,
        };
        if target.path.len() > MAX_PATH {
            return Err(TargetError::Long(target.path.len()));
        }
        Ok(target)
    }

    fn url(text: &str, rest: &str) -> Result<Self, TargetError> {
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(TargetError::User(escaped(text.as_bytes())));
        }
        if authority.starts_with('[') {
            return Err(TargetError::Host(escaped(text.as_bytes())));
        }
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(self::port(port)?)),
            None => (authority, None),
        };
        if host.is_empty() {
            return Err(TargetError::Host(escaped(text.as_bytes())));
        }
        let (host, path) = (Some(host.to_string()), rooted(path));
        Ok(Self { host, port, path })
    }

    fn plain(text: &str) -> Result<Self, TargetError> {
        let (host, path) = match text.split_once(':') {
            Some(("", _)) => return Err(TargetError::Host(escaped(text.as_bytes()))),
            Some((host, path)) if !host.contains('/') => (Some(host.to_string()), path),
            _ => (None, text),
        };
        let (port, path) = (None, rooted(path));
        Ok(Self { host, port, path })
    }
}

/// A port as `httpdstp` or a URL gives it.
///
/// # Errors
/// [`TargetError::Port`].
pub(in crate::net) fn port(text: &str) -> Result<u16, TargetError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port != 0);
    port.ok_or_else(|| TargetError::Port(escaped(text.as_bytes())))
}

fn rooted(path: &str) -> String {
    let slash = if path.starts_with('/') { "" } else { "/" };
    alloc::format!("{slash}{path}")
}

/// A path as a request has it: bytes that would end it, or that are not ASCII, as `%20`.
pub(super) struct Encoded<'a>(pub(super) &'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            if byte.is_ascii_graphic() && byte != b'#' {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{Encoded, Target};

    fn parts(text: &str) -> (Option<alloc::string::String>, Option<u16>, alloc::string::String) {
        let target = Target::parse(text).unwrap();
        (target.host, target.port, target.path)
    }

    #[test]
    fn every_form_is_read() {
        let host = |name: &str| Some(name.to_string());
        for (text, expected) in [
            ("http://10.0.2.2/a/b", (host("10.0.2.2"), None, "/a/b")),
            ("HTTP://www.lan:8080/a?b=c", (host("www.lan"), Some(8080), "/a?b=c")),
            ("http://www.lan", (host("www.lan"), None, "/")),
            ("10.0.2.2:/a", (host("10.0.2.2"), None, "/a")),
            ("www.lan:a", (host("www.lan"), None, "/a")),
            ("/a/b:c", (None, None, "/a/b:c")),
            ("a", (None, None, "/a")),
        ] {
            let (host, port, path) = parts(text);
            assert_eq!((host, port, path.as_str()), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_fetched_is_said() {
        for (text, error) in [
            (
                "https://a/b",
                "'https://a/b' is not an http:// URL; there is no TLS here",
            ),
            ("ftp://a/b", "'ftp://a/b' is not an http:// URL; there is no TLS here"),
            (
                "http://me@a/b",
                "'http://me@a/b' names a user; only files that everybody may read can be loaded",
            ),
            ("http:///b", "'http:///b' names no host by IPv4 address or name"),
            (
                "http://[::1]/b",
                "'http://[::1]/b' names no host by IPv4 address or name",
            ),
            (":/b", "':/b' names no host by IPv4 address or name"),
            ("http://a:0/b", "'0' is not a port"),
            ("http://a:65536/b", "'65536' is not a port"),
            ("http://a:+1/b", "'+1' is not a port"),
        ] {
            let found = Target::parse(text).unwrap_err().to_string();
            assert_eq!(found, error, "{text}");
        }
        let long = alloc::format!("/{}", "a".repeat(2048));
        assert!(Target::parse(&long).is_err());
    }

    #[test]
    fn a_path_cannot_end_its_request() {
        let path = "/a b\r\nHost: evil\t\u{e4}#x%20";
        let encoded = Encoded(path).to_string();
        assert_eq!(encoded, "/a%20b%0D%0AHost:%20evil%09%C3%A4%23x%20");
    }
}
