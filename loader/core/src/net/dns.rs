//! A DNS resolver that asks a recursive server for an IPv4 address (RFC 1035).
//!
//! Packets are read with smoltcp's `wire`, whose pointers only lead back, so that no name is endless; aliases are followed a few steps.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv4Addr;

use hal::Instant;
use smoltcp::wire::{
    DnsFlags, DnsOpcode, DnsPacket, DnsQueryType, DnsQuestion, DnsRcode, DnsRecord, DnsRecordData, DnsRepr,
};
use thiserror::Error;

use super::exchange::Watch;
use super::query::{self, Ending, Question, Servers, Verdict};
use super::stack::{NetError, Network};

/// The port of DNS servers.
pub const SERVER_PORT: u16 = 53;

/// The longest name in a packet (RFC 1035 section 3.1).
const MAX_NAME: usize = 255;

/// The longest label of a name.
const MAX_LABEL: usize = 63;

/// How many aliases are followed.
const MAX_ALIASES: u8 = 8;

/// Records of an answer that are looked at.
const MAX_RECORDS: u16 = 64;

/// Why there is no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DnsError {
    /// The network cannot be used.
    #[error(transparent)]
    Network(#[from] NetError),
    /// It is not a name.
    #[error("'{0}' is not a host name: labels of 1 to 63 letters, digits, - and _, with dots between, 253 in all")]
    Name(String),
    /// The name does not exist, or has no IPv4 address.
    #[error("there is no {0}, or it has no IPv4 address")]
    NotFound(String),
    /// The servers do not want to help.
    #[error("no DNS server would look up {0}")]
    Refused(String),
    /// Nobody answered.
    #[error("no DNS server answered within {} s", query::PATIENCE.as_secs())]
    Silence,
    /// An alias of an alias of an alias.
    #[error("{0} is an alias of more than {MAX_ALIASES} names one after the other")]
    Aliases(String),
}

/// A name as packets have it: each label behind its length, a zero at the end; in lower case.
#[derive(Clone, PartialEq, Eq)]
pub struct Name(Vec<u8>);

impl Name {
    /// Reads a host name; a dot may stand at its end.
    ///
    /// # Errors
    /// [`DnsError::Name`].
    pub fn parse(text: &str) -> Result<Self, DnsError> {
        let wrong = || DnsError::Name(super::tftp::escaped(text.as_bytes()));
        let labels = text.strip_suffix('.').unwrap_or(text).split('.');
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let mut name = Self(Vec::new());
        for label in labels {
            if !label.bytes().all(plain) || name.add(label.as_bytes()).is_none() {
                return Err(wrong());
            }
        }
        name.end().ok_or_else(wrong)
    }

    /// The name that begins with `bytes` in `packet`.
    fn read(packet: &DnsPacket<&[u8]>, bytes: &[u8]) -> Option<Self> {
        let mut name = Self(Vec::new());
        for label in packet.parse_name(bytes) {
            name.add(label.ok()?)?;
        }
        name.end()
    }

    fn add(&mut self, label: &[u8]) -> Option<()> {
        let len = u8::try_from(label.len()).ok()?;
        let fits = (1..=MAX_LABEL).contains(&label.len()) && self.0.len().checked_add(label.len())? < MAX_NAME;
        self.0.push(fits.then_some(len)?);
        self.0.extend(label.iter().map(u8::to_ascii_lowercase));
        Some(())
    }

    fn end(mut self) -> Option<Self> {
        let fits = !self.0.is_empty() && self.0.len() < MAX_NAME;
        self.0.push(0);
        fits.then_some(self)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// One lookup.
#[derive(Debug)]
pub struct Lookup {
    name: Name,
    transaction: u16,
    aliases: u8,
    result: Option<Found>,
}

/// What a lookup came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The address.
    Address(Ipv4Addr),
    /// There is none.
    Nothing,
    /// Too many aliases.
    Aliases,
}

impl Lookup {
    /// A lookup of `name`. `transaction` should be hard to guess.
    #[must_use]
    pub fn new(name: Name, transaction: u16) -> Self {
        Self {
            name,
            transaction,
            aliases: 0,
            result: None,
        }
    }

    /// What it came to; `None` while it runs.
    #[must_use]
    pub fn result(&self) -> Option<Found> {
        self.result
    }

    /// Writes the question into `buffer` and gives its length.
    pub fn ask(&self, buffer: &mut [u8]) -> Option<usize> {
        let question = DnsRepr {
            transaction_id: self.transaction,
            opcode: DnsOpcode::Query,
            flags: DnsFlags::RECURSION_DESIRED,
            question: DnsQuestion {
                name: &self.name.0,
                type_: DnsQueryType::A,
            },
        };
        let len = question.buffer_len();
        let place = buffer.get_mut(..len)?;
        // What smoltcp does not set in the header stays as it was.
        place.fill(0);
        question.emit(&mut DnsPacket::new_unchecked(place));
        Some(len)
    }

    /// Takes a packet of a server, and follows its aliases.
    pub(super) fn answer(&mut self, bytes: &[u8]) -> Verdict {
        let Ok(packet) = DnsPacket::new_checked(bytes) else {
            return Verdict::Stray;
        };
        let is_answer = packet.flags().contains(DnsFlags::RESPONSE) && packet.opcode() == DnsOpcode::Query;
        if !is_answer || packet.transaction_id() != self.transaction || packet.question_count() != 1 {
            return Verdict::Stray;
        }
        let Ok((records, question)) = DnsQuestion::parse(packet.payload()) else {
            return Verdict::Stray;
        };
        if question.type_ != DnsQueryType::A || Name::read(&packet, question.name).as_ref() != Some(&self.name) {
            return Verdict::Stray;
        }
        match packet.rcode() {
            DnsRcode::NoError => self.follow(&packet, records),
            DnsRcode::NXDomain => self.over(Found::Nothing),
            _ => Verdict::NextServer,
        }
    }

    fn follow(&mut self, packet: &DnsPacket<&[u8]>, records: &[u8]) -> Verdict {
        let asked = self.name.clone();
        let records = Records::new(packet, records);
        while self.aliases <= MAX_ALIASES {
            match records.clone().about(packet, &self.name) {
                Some(Known::Address(address)) => return self.over(Found::Address(address)),
                Some(Known::Alias(name)) => {
                    self.aliases = self.aliases.saturating_add(1);
                    self.name = name;
                }
                None if self.name == asked => return self.over(Found::Nothing),
                None => {
                    self.transaction = self.transaction.wrapping_add(1);
                    return Verdict::AskOn;
                }
            }
        }
        self.over(Found::Aliases)
    }

    fn over(&mut self, found: Found) -> Verdict {
        self.result = Some(found);
        Verdict::Answer
    }
}

/// What a record says about a name.
enum Known {
    Address(Ipv4Addr),
    Alias(Name),
}

/// The records of an answer, up to the first that cannot be read.
#[derive(Clone)]
struct Records<'a> {
    rest: &'a [u8],
    left: u16,
}

impl<'a> Records<'a> {
    fn new(packet: &DnsPacket<&[u8]>, rest: &'a [u8]) -> Self {
        let left = packet.answer_record_count().min(MAX_RECORDS);
        Self { rest, left }
    }

    fn about(self, packet: &DnsPacket<&[u8]>, name: &Name) -> Option<Known> {
        let is_about = |record: &DnsRecord<'_>| Name::read(packet, record.name).as_ref() == Some(name);
        self.filter(is_about).find_map(|record| match record.data {
            DnsRecordData::A(address) => Some(Known::Address(address)),
            DnsRecordData::Cname(target) => Name::read(packet, target).map(Known::Alias),
            DnsRecordData::Other(..) => None,
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = DnsRecord<'a>;

    fn next(&mut self) -> Option<DnsRecord<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (rest, record) = DnsRecord::parse(self.rest).ok()?;
        self.rest = rest;
        Some(record)
    }
}

impl Question for Lookup {
    fn write(&mut self, _now: Instant, buffer: &mut [u8]) -> Option<usize> {
        self.ask(buffer)
    }

    fn take(&mut self, answer: &[u8], _now: Instant) -> Verdict {
        self.answer(answer)
    }
}

impl Network {
    /// Looks up the IPv4 address of the host called `text`.
    ///
    /// # Errors
    /// Every [`DnsError`].
    pub fn look_up(&mut self, text: &str, servers: &[Ipv4Addr], watch: &mut dyn Watch) -> Result<Ipv4Addr, DnsError> {
        let [low, high, ..] = self.random().to_le_bytes();
        let mut lookup = Lookup::new(Name::parse(text)?, u16::from_le_bytes([low, high]));
        let whom = Servers {
            addresses: servers,
            port: SERVER_PORT,
        };
        let ending = self.ask(&mut lookup, whom, watch)?;
        match (ending, lookup.result) {
            (Ending::Answered, Some(Found::Address(address))) => Ok(address),
            (Ending::Answered, Some(Found::Aliases)) => Err(DnsError::Aliases(text.into())),
            (Ending::Answered, _) => Err(DnsError::NotFound(text.into())),
            (Ending::Refused, _) => Err(DnsError::Refused(text.into())),
            (Ending::Silence, _) => Err(DnsError::Silence),
        }
    }
}

#[cfg(test)]
mod tests;
