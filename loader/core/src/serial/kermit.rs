//! Kermit, the receiving side (Frank da Cruz, "Kermit Protocol Manual", sixth edition, 1986), with long packets.
//!
//! A packet is a mark, and printable characters from there on: length, number, type, data, check. The sender tells in its first packet what it can,
//! and what both can is used from the second on.

mod coding;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Action, BYTE_LIMIT, CTRL_C, Input, RETRIES, Receiver, SerialError, file_name};
use coding::{Check, Settings, un_char};

/// Begins a packet.
const MARK: u8 = 0x01;
/// Ends a packet, for the sender's sake.
const RETURN: u8 = b'\r';
/// The longest packet that the sender may send, in bytes after the extended header.
const LONGEST: usize = 2048;
/// A packet's number, type and the extended header.
const HEADER: usize = 5;
/// How long the sender may be silent between packets.
const PACKET_LIMIT: Duration = Duration::from_secs(5);
/// How far the transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waits for what the sender can (S).
    Start,
    /// Waits for a file's name (F), or for the end (B).
    File,
    /// Takes the file's data (D) up to its end (Z).
    Data,
}

/// Where in a packet the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    /// Between packets.
    Outside,
    /// After the mark.
    Length,
    /// So many more bytes of the packet follow.
    Rest(usize),
}

/// A receiver of one file.
#[derive(Debug)]
pub struct Kermit {
    stage: Stage,
    frame: Frame,
    /// From the length on.
    packet: Vec<u8>,
    /// The data of a packet as it was before the sender coded it.
    decoded: Vec<u8>,
    /// The last reply, for a packet that comes again.
    reply: Vec<u8>,
    settings: Settings,
    /// Number of the packet that is due.
    next: u8,
    errors: u32,
    name: Option<String>,
    received: u64,
    has_file: bool,
}

impl Default for Kermit {
    fn default() -> Self {
        Self {
            stage: Stage::Start,
            frame: Frame::Outside,
            packet: Vec::with_capacity(LONGEST.saturating_add(HEADER).saturating_add(1)),
            decoded: Vec::new(),
            reply: Vec::new(),
            settings: Settings::default(),
            next: 0,
            errors: 0,
            name: None,
            received: 0,
            has_file: false,
        }
    }
}

impl Kermit {
    fn byte(&mut self, byte: u8) -> Action<'_> {
        match self.frame {
            _ if byte == MARK => {
                self.packet.clear();
                self.frame = Frame::Length;
                Action::NONE
            }
            Frame::Outside if byte == CTRL_C => self.refuse(Err(SerialError::Interrupted)),
            Frame::Outside => Action::NONE,
            Frame::Length => self.length(byte),
            Frame::Rest(left) => {
                self.packet.push(byte);
                self.frame = Frame::Rest(left.saturating_sub(1));
                if left > 1 { Action::NONE } else { self.boundary() }
            }
        }
    }

    /// The length counts number, type, data and check. 0 announces an extended header that holds it.
    fn length(&mut self, byte: u8) -> Action<'_> {
        self.packet.push(byte);
        match un_char(byte) {
            Some(0) => self.frame = Frame::Rest(HEADER),
            Some(len) if len >= 3 => self.frame = Frame::Rest(len),
            _ => return self.again("a packet's length was damaged"),
        }
        Action::NONE
    }

    /// As many bytes as were due are here: the packet, or its extended header.
    fn boundary(&mut self) -> Action<'_> {
        if let [b' ', rest @ ..] = self.packet.as_slice()
            && rest.len() == HEADER
        {
            return match coding::extended_length(&self.packet) {
                Some(len) if (1..=LONGEST).contains(&len) => {
                    self.frame = Frame::Rest(len);
                    Action::NONE
                }
                _ => self.again("a packet's length was damaged"),
            };
        }
        self.frame = Frame::Outside;
        self.complete()
    }

    fn complete(&mut self) -> Action<'_> {
        let kind = self.packet.get(2).copied().unwrap_or_default();
        // What the sender can comes with the check that all can.
        let check = if kind == b'S' { Check::Sum } else { self.settings.check };
        let Some(len) = check.verified(&self.packet) else {
            return self.again("a packet was damaged");
        };
        self.packet.truncate(len);
        let number = self.packet.get(1).copied().and_then(un_char).unwrap_or(usize::MAX);
        let number = u8::try_from(number).unwrap_or(u8::MAX);
        match kind {
            b'E' => self.error(),
            b'S' if number == 0 && self.stage != Stage::Data => self.settings(),
            _ if number == self.next && self.stage != Stage::Start => self.due(kind),
            _ if self.stage != Stage::Start && number == before(self.next) => Action::send(&self.reply),
            _ => self.again("a packet out of order"),
        }
    }

    /// The packet that was due.
    fn due(&mut self, kind: u8) -> Action<'_> {
        match (self.stage, kind) {
            // One file is taken, as U-Boot has it. It is complete.
            (Stage::File, b'F') if self.has_file => self.refuse(Ok(())),
            (Stage::File, b'F') => {
                self.decode();
                self.name = file_name(&self.decoded);
                self.stage = Stage::Data;
                self.acknowledge();
                Action::send(&self.reply)
            }
            (Stage::File, b'B') => {
                self.acknowledge();
                let nothing = || SerialError::Cancelled {
                    message: String::from("it has no file to send"),
                };
                let result = if self.has_file { Ok(()) } else { Err(nothing()) };
                Action::end(&self.reply, result)
            }
            (Stage::Data, b'A') => {
                self.acknowledge();
                Action::send(&self.reply)
            }
            (Stage::Data, b'D') => {
                self.decode();
                self.received = self
                    .received
                    .saturating_add(u64::try_from(self.decoded.len()).unwrap_or(u64::MAX));
                self.acknowledge();
                Action {
                    data: &self.decoded,
                    reply: &self.reply,
                    end: None,
                }
            }
            (Stage::Data, b'Z') if self.data() == b"D" => {
                let message = String::from("it discarded the file");
                self.refuse(Err(SerialError::Cancelled { message }))
            }
            (Stage::Data, b'Z') => {
                self.has_file = true;
                self.stage = Stage::File;
                self.acknowledge();
                Action::send(&self.reply)
            }
            _ => self.again("a packet of an unexpected type"),
        }
    }

    /// The data of the packet, as it was sent.
    fn data(&self) -> &[u8] {
        let header = if self.packet.first() == Some(&b' ') {
            HEADER.saturating_add(1)
        } else {
            3
        };
        self.packet.get(header..).unwrap_or_default()
    }

    fn decode(&mut self) {
        let mut decoded = core::mem::take(&mut self.decoded);
        decoded.clear();
        self.settings.decode(self.data(), &mut decoded);
        self.decoded = decoded;
    }

    /// Answers what the sender can with what will be used.
    fn settings(&mut self) -> Action<'_> {
        let (settings, answer) = Settings::agreed(self.data(), LONGEST);
        self.settings = settings;
        coding::packet(&mut self.reply, (0, b'Y'), &answer, Check::Sum);
        self.stage = Stage::File;
        self.next = 1;
        self.errors = 0;
        Action::send(&self.reply)
    }

    fn acknowledge(&mut self) {
        coding::packet(&mut self.reply, (self.next, b'Y'), &[], self.settings.check);
        self.next = after(self.next);
        self.errors = 0;
    }

    /// Ends the transfer from this side.
    fn refuse(&mut self, result: Result<(), SerialError>) -> Action<'_> {
        Action::end(self.farewell(), result)
    }

    fn error(&mut self) -> Action<'_> {
        let message = file_name(self.data()).unwrap_or_default();
        Action::end(&[], Err(SerialError::Cancelled { message }))
    }

    /// Asks for the packet that is due again, or gives up.
    fn again(&mut self, what: &'static str) -> Action<'_> {
        self.frame = Frame::Outside;
        if self.stage != Stage::Start {
            self.errors = self.errors.saturating_add(1);
        }
        if self.errors >= RETRIES {
            let received = self.received;
            return self.refuse(Err(SerialError::TooManyErrors { received, last: what }));
        }
        // The last reply stays: the packet before may come again.
        coding::packet(&mut self.decoded, (self.next, b'N'), &[], self.settings.check);
        Action::send(&self.decoded)
    }
}

impl Receiver for Kermit {
    fn feed(&mut self, input: Input) -> Action<'_> {
        match input {
            Input::Begin => Action::NONE,
            Input::Silence if self.frame == Frame::Outside => self.again("no packet came"),
            Input::Silence => self.again("a packet was not finished"),
            Input::Byte(byte) => self.byte(byte),
        }
    }

    fn patience(&self) -> Duration {
        match self.frame {
            Frame::Outside => PACKET_LIMIT,
            _ => BYTE_LIMIT,
        }
    }

    fn has_begun(&self) -> bool {
        self.stage != Stage::Start
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn size(&self) -> u64 {
        self.received
    }

    /// An error packet: it ends the sender whatever it waits for.
    fn farewell(&mut self) -> &[u8] {
        coding::packet(&mut self.reply, (self.next, b'E'), b"Cancelled", self.settings.check);
        &self.reply
    }
}

/// Packet numbers go round in 64.
fn after(number: u8) -> u8 {
    number.wrapping_add(1) & 63
}

fn before(number: u8) -> u8 {
    number.wrapping_sub(1) & 63
}

#[cfg(test)]
mod tests;
