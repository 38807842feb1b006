//! A client that asks an NTP server for the time once (RFC 4330; the format is that of RFC 5905).

use alloc::string::String;
use core::net::Ipv4Addr;
use core::time::Duration;

use hal::Instant;
use thiserror::Error;

use super::exchange::Watch;
use super::query::{self, Ending, Question, Servers, Verdict};
use super::stack::{NetError, Network};
use super::tftp::escaped;

/// The port of NTP servers.
pub const SERVER_PORT: u16 = 123;

/// Bytes of a packet without extensions.
pub const PACKET: usize = 48;

/// Seconds from 1900, where NTP begins to count, to 1970.
const EPOCH: u64 = 2_208_988_800;

/// Leap indicator 0, version 4, mode 3 (client).
const CLIENT: u8 = 0x23;

/// Offsets of the fields that are looked at.
mod field {
    pub(super) const REFERENCE_ID: usize = 12;
    pub(super) const ORIGINATE: usize = 24;
    pub(super) const TRANSMIT: usize = 40;
}

/// Why there is no time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SntpError {
    /// The network cannot be used.
    #[error(transparent)]
    Network(#[from] NetError),
    /// Nobody answered.
    #[error("SNTP failed: host {server} not responding within {} s", query::PATIENCE.as_secs())]
    Silence {
        /// The server.
        server: Ipv4Addr,
    },
    /// Nothing listens there, or the server does not know the time itself.
    #[error("SNTP failed: host {server} does not tell the time{why}")]
    Refused {
        /// The server.
        server: Ipv4Addr,
        /// Its reason, with what leads to it; may be empty.
        why: String,
    },
}

/// The time at a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Since 1970, UTC.
    pub since_1970: Duration,
    /// When that was.
    pub at: Instant,
}

/// One question.
#[derive(Debug)]
pub struct Client {
    /// What stands in place of our time, which we do not know: the answer repeats it.
    nonce: u64,
    sent: Instant,
    refusal: Option<String>,
    time: Option<Time>,
}

impl Client {
    /// A question. `nonce` should be hard to guess.
    #[must_use]
    pub fn new(nonce: u64) -> Self {
        // A timestamp of 0 means that there is none.
        let nonce = nonce.max(1);
        Self {
            nonce,
            sent: Instant::default(),
            refusal: None,
            time: None,
        }
    }

    /// The time that the server told.
    #[must_use]
    pub fn time(&self) -> Option<Time> {
        self.time
    }

    /// Writes the question, which goes out at `now`, and gives its length.
    pub fn ask(&mut self, now: Instant, buffer: &mut [u8]) -> Option<usize> {
        let packet = buffer.get_mut(..PACKET)?;
        packet.fill(0);
        *packet.first_mut()? = CLIENT;
        packet
            .get_mut(field::TRANSMIT..)?
            .copy_from_slice(&self.nonce.to_be_bytes());
        self.sent = now;
        Some(PACKET)
    }

    fn answer(&mut self, bytes: &[u8], now: Instant) -> Option<Verdict> {
        let stamp = |offset: usize| Some(u64::from_be_bytes(*bytes.get(offset..)?.first_chunk()?));
        let (first, stratum) = (*bytes.first()?, *bytes.get(1)?);
        let (leap, version, mode) = (first >> 6, (first >> 3) & 7, first & 7);
        let transmit = stamp(field::TRANSMIT)?;
        if !(3..=4).contains(&version) || mode != 4 || stamp(field::ORIGINATE)? != self.nonce {
            return None;
        }
        if leap == 3 || !(1..16).contains(&stratum) || transmit == 0 {
            let code = bytes.get(field::REFERENCE_ID..)?.first_chunk::<4>()?;
            let told = stratum == 0 && code.iter().all(u8::is_ascii_graphic);
            self.refusal = told.then(|| escaped(code));
            return Some(Verdict::NextServer);
        }
        // The answer was half its way when its time was right.
        let since_1970 = since_1970(transmit).saturating_add(now.since(self.sent) / 2);
        self.time = Some(Time { since_1970, at: now });
        Some(Verdict::Answer)
    }
}

/// The time that a timestamp means: seconds and their fraction, 32 bits each. What lies before 1968 is taken to be after 2036, where the
/// seconds wrap (RFC 4330 section 3).
fn since_1970(stamp: u64) -> Duration {
    let (seconds, fraction) = (stamp >> 32, stamp & 0xffff_ffff);
    let wrapped = if seconds & 0x8000_0000 == 0 { 1 << 32 } else { 0 };
    let seconds = seconds.saturating_add(wrapped).saturating_sub(EPOCH);
    let nanos = fraction.saturating_mul(1_000_000_000) >> 32;
    Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos))
}

impl Question for Client {
    fn write(&mut self, now: Instant, buffer: &mut [u8]) -> Option<usize> {
        self.ask(now, buffer)
    }

    fn take(&mut self, answer: &[u8], now: Instant) -> Verdict {
        self.answer(answer, now).unwrap_or(Verdict::Stray)
    }
}

impl Network {
    /// Asks `server` for the time.
    ///
    /// # Errors
    /// Every [`SntpError`].
    pub fn time(&mut self, server: Ipv4Addr, watch: &mut dyn Watch) -> Result<Time, SntpError> {
        let nonce = self.random() << 16 ^ self.random();
        let mut client = Client::new(nonce);
        let whom = Servers {
            addresses: &[server],
            port: SERVER_PORT,
        };
        let ending = self.ask(&mut client, whom, watch)?;
        match (client.time, ending) {
            (Some(time), _) => Ok(time),
            (None, Ending::Silence) => Err(SntpError::Silence { server }),
            (None, _) => {
                let why = client
                    .refusal
                    .map_or(String::new(), |code| alloc::format!(": '{code}'"));
                Err(SntpError::Refused { server, why })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use core::time::Duration;

    use hal::Instant;

    use super::{Client, PACKET};
    use crate::net::query::{Question, Verdict};

    const NONCE: u64 = 0x0123_4567_89ab_cdef;
    /// 2026-11-27 14:35:42 UTC and a half, in seconds since 1900.
    const NOW: u64 = (1_795_790_142 + super::EPOCH) << 32 | 0x8000_0000;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    fn answer(first: u8, stratum: u8, (originate, transmit): (u64, u64)) -> Vec<u8> {
        let mut packet = [0; PACKET];
        packet[0] = first;
        packet[1] = stratum;
        packet[12..16].copy_from_slice(b"RATE");
        packet[24..32].copy_from_slice(&originate.to_be_bytes());
        packet[40..].copy_from_slice(&transmit.to_be_bytes());
        packet.to_vec()
    }

    fn asked() -> Client {
        let mut client = Client::new(NONCE);
        let mut buffer = [0xee; 60];
        assert_eq!(client.ask(at(1000), &mut buffer), Some(PACKET));
        assert_eq!((buffer[0], &buffer[40..48]), (0x23, &NONCE.to_be_bytes()[..]));
        assert_eq!(client.ask(at(1000), &mut buffer[..47]), None);
        client
    }

    #[test]
    fn the_time_is_that_of_the_server_and_half_the_way() {
        let mut client = asked();
        assert_eq!(client.take(&answer(0x24, 2, (NONCE, NOW)), at(1200)), Verdict::Answer);
        let time = client.time().unwrap();
        assert_eq!(time.since_1970, Duration::from_millis(1_795_790_142_600));
        assert_eq!(time.at, at(1200));
    }

    #[test]
    fn after_2036_the_seconds_begin_anew() {
        let mut client = asked();
        let stamp = 100 << 32;
        assert_eq!(client.take(&answer(0x1c, 1, (NONCE, stamp)), at(1000)), Verdict::Answer);
        assert_eq!(
            client.time().unwrap().since_1970.as_secs(),
            (1 << 32) + 100 - super::EPOCH
        );
    }

    #[test]
    fn what_is_not_the_answer_changes_nothing() {
        let mut client = asked();
        for packet in [
            answer(0x24, 2, (NONCE + 1, NOW)),
            answer(0x23, 2, (NONCE, NOW)),
            answer(0x14, 2, (NONCE, NOW)),
            answer(0x24, 2, (NONCE, NOW))[..47].to_vec(),
            Vec::new(),
        ] {
            assert_eq!(client.take(&packet, at(1001)), Verdict::Stray);
        }
        assert_eq!(client.time(), None);
    }

    #[test]
    fn a_server_without_a_time_is_not_believed() {
        for packet in [
            answer(0xe4, 2, (NONCE, NOW)),
            answer(0x24, 0, (NONCE, NOW)),
            answer(0x24, 16, (NONCE, NOW)),
            answer(0x24, 2, (NONCE, 0)),
        ] {
            let mut client = asked();
            assert_eq!(client.take(&packet, at(1001)), Verdict::NextServer);
            assert_eq!(client.time(), None);
            let told = packet[1] == 0;
            assert_eq!(client.refusal.as_deref(), told.then_some("RATE"));
        }
    }
}
