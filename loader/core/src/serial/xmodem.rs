//! XMODEM and YMODEM, the receiving side (Chuck Forsberg, "XMODEM/YMODEM Protocol Reference", 1988).
//!
//! Blocks of 128 or 1024 bytes, with a CRC or, for the oldest senders, a sum. One receiver does for both protocols: a block 0 that comes first
//! names the file and its size, whatever the command was called.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crc::{CRC_16_XMODEM, Crc};

use super::{Action, BYTE_LIMIT, CTRL_C, Input, RETRIES, Receiver, SerialError, file_name};

const SOH: u8 = 0x01;
const STX: u8 = 0x02;
const EOT: u8 = 0x04;
const ACK: &[u8] = &[0x06];
const NAK: &[u8] = &[0x15];
const CAN: u8 = 0x18;
/// What fills the last block of a file.
const PADDING: u8 = 0x1a;
/// Asks for blocks with a CRC.
const CRC_PLEASE: &[u8] = b"C";
/// After block 0: taken, now the file.
const ACK_AND_CRC_PLEASE: &[u8] = &[0x06, b'C'];
/// Ends it for a sender in any state; the backspaces take the rest off the screen of one that has gone.
const FAREWELL: &[u8] = &[CAN, CAN, CAN, CAN, CAN, 8, 8, 8, 8, 8];

/// Bytes of a long block.
const LONG: usize = 1024;
/// Bytes of a short block.
const SHORT: usize = 128;
/// Number, its complement, a long block, a CRC.
const FRAME: usize = 2 + LONG + 2;

/// How long an invitation may go unanswered, and a block after its acknowledgement.
const INVITATION_LIMIT: Duration = Duration::from_secs(3);
/// How long the line has to be silent before a damaged block is asked for again.
const QUIET: Duration = Duration::from_millis(200);
/// After so many invitations to send with a CRC, a sender of XMODEM may be one that knows only sums.
const CRC_INVITATIONS: u32 = 4;
/// How often the end of a batch is asked for; the file is complete without it.
const END_INVITATIONS: u32 = 2;

/// Which command asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// XMODEM: blocks only, and if need be with sums.
    Xmodem,
    /// YMODEM: a batch of files with names and sizes, of which the first is taken.
    Ymodem,
}

/// How far the transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was heard yet.
    Inviting,
    /// Blocks of the file.
    Data,
    /// All of the file is there; the sender still has to close its batch.
    Closing,
}

/// Where in a block the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    /// Between blocks.
    Outside,
    /// In a block with so many bytes of data.
    Block(usize),
    /// In the rest of one that is damaged: silence ends it.
    Damaged(&'static str),
}

/// A receiver of one file.
#[derive(Debug)]
pub struct Xmodem {
    protocol: Protocol,
    stage: Stage,
    frame: Frame,
    /// What came after the start byte.
    block: Vec<u8>,
    /// Whether blocks carry a CRC; else a sum.
    crc: bool,
    /// Whether sums were asked for. What the sender took up shows with its first block: it may have read an older invitation.
    offered_sums: bool,
    /// The number of the block that is due.
    next: u8,
    /// The byte before, if it was a CAN, an EOT or a Ctrl-C between blocks: these count when they come twice.
    before: u8,
    errors: u32,
    invitations: u32,
    name: Option<String>,
    announced: Option<u64>,
    received: u64,
    /// How many bytes at the end of the last block look like padding.
    padding: u64,
}

impl Xmodem {
    /// A receiver for the protocol.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            stage: Stage::Inviting,
            frame: Frame::Outside,
            block: Vec::with_capacity(FRAME),
            crc: true,
            offered_sums: false,
            next: 0,
            before: 0,
            errors: 0,
            invitations: 0,
            name: None,
            announced: None,
            received: 0,
            padding: 0,
        }
    }

    fn invite(&mut self) -> Action<'_> {
        self.invitations = self.invitations.saturating_add(1);
        if self.stage == Stage::Closing {
            return match self.invitations > END_INVITATIONS {
                true => Action::end(&[], Ok(())),
                false => Action::send(CRC_PLEASE),
            };
        }
        // Every other one from then on still offers the CRC, to a sender that starts late.
        let crc_first = self.invitations <= CRC_INVITATIONS || self.invitations.is_multiple_of(2);
        if self.protocol == Protocol::Ymodem || crc_first {
            return Action::send(CRC_PLEASE);
        }
        self.offered_sums = true;
        Action::send(NAK)
    }

    /// Asks for the block again, or gives up.
    fn again(&mut self, what: &'static str) -> Action<'_> {
        self.frame = Frame::Outside;
        self.before = 0;
        self.errors = self.errors.saturating_add(1);
        if self.errors >= RETRIES {
            let received = self.received;
            return Action::end(FAREWELL, Err(SerialError::TooManyErrors { received, last: what }));
        }
        Action::send(NAK)
    }

    fn silence(&mut self) -> Action<'_> {
        match (self.frame, self.stage) {
            (Frame::Block(len), Stage::Inviting) if self.offered_sums && self.block.len() == frame_len(len, false) => {
                self.crc = false;
                self.complete(len)
            }
            (Frame::Damaged(what), _) => self.again(what),
            (Frame::Block(_), _) => self.again("a block was not finished"),
            (Frame::Outside, Stage::Data) => self.again("no block came"),
            (Frame::Outside, Stage::Inviting | Stage::Closing) => self.invite(),
        }
    }

    fn byte(&mut self, byte: u8) -> Action<'_> {
        let len = match self.frame {
            Frame::Outside => return self.between(byte),
            Frame::Damaged(_) => return Action::NONE,
            Frame::Block(len) => len,
        };
        self.block.push(byte);
        if self.block.len() < frame_len(len, self.crc) {
            return Action::NONE;
        }
        self.complete(len)
    }

    fn between(&mut self, byte: u8) -> Action<'_> {
        let twice = core::mem::replace(&mut self.before, byte) == byte;
        match byte {
            SOH | STX => {
                self.block.clear();
                self.frame = Frame::Block(if byte == SOH { SHORT } else { LONG });
                Action::NONE
            }
            EOT => self.end_of_file(twice),
            CAN if twice => Action::end(&[], Err(SerialError::Cancelled { message: String::new() })),
            CTRL_C if twice || self.stage == Stage::Inviting => Action::end(FAREWELL, Err(SerialError::Interrupted)),
            _ => Action::NONE,
        }
    }

    /// A first EOT may be a damaged start of a block, unless all is there: only the second counts, which a sender sends when it is not
    /// acknowledged.
    fn end_of_file(&mut self, twice: bool) -> Action<'_> {
        let complete = self.announced.is_some_and(|size| self.received >= size);
        match self.stage {
            Stage::Inviting => Action::NONE,
            Stage::Closing => Action::send(ACK_AND_CRC_PLEASE),
            Stage::Data if !twice && !complete => Action::send(NAK),
            Stage::Data => match self.announced {
                Some(announced) if !complete => {
                    let received = self.received;
                    Action::end(FAREWELL, Err(SerialError::Short { received, announced }))
                }
                Some(_) => {
                    self.stage = Stage::Closing;
                    self.invitations = 0;
                    Action::send(ACK_AND_CRC_PLEASE)
                }
                None => {
                    self.received = self.received.saturating_sub(self.padding);
                    Action::end(ACK, Ok(()))
                }
            },
        }
    }

    /// A whole block has arrived, with its number and check.
    fn complete(&mut self, len: usize) -> Action<'_> {
        let [number, complement, rest @ ..] = self.block.as_slice() else {
            return Action::NONE;
        };
        let (number, complement) = (*number, *complement);
        let (data, check) = rest.split_at_checked(len).unwrap_or_default();
        if number != !complement {
            self.frame = Frame::Damaged("a block's number was damaged");
            return Action::NONE;
        }
        if !checks(data, check) {
            self.frame = Frame::Damaged("a block was damaged");
            return Action::NONE;
        }
        self.frame = Frame::Outside;
        self.before = 0;
        match (self.stage, number) {
            (Stage::Inviting, 0) => self.header(),
            (Stage::Closing, 0) => self.close(),
            (Stage::Inviting, 1) => {
                self.stage = Stage::Data;
                self.next = 1;
                self.data(len)
            }
            (Stage::Data, number) if number == self.next => self.data(len),
            // The acknowledgement was lost. Of block 0 it was two bytes.
            (Stage::Data, 0) if self.next == 1 && self.received == 0 => Action::send(ACK_AND_CRC_PLEASE),
            (Stage::Data | Stage::Closing, number) if number == self.next.wrapping_sub(1) => Action::send(ACK),
            (_, got) => {
                let expected = self.next;
                Action::end(FAREWELL, Err(SerialError::OutOfOrder { got, expected }))
            }
        }
    }

    fn data(&mut self, len: usize) -> Action<'_> {
        self.next = self.next.wrapping_add(1);
        self.errors = 0;
        let (data, _) = self
            .block
            .get(2..)
            .and_then(|rest| rest.split_at_checked(len))
            .unwrap_or_default();
        let room = self
            .announced
            .map_or(u64::MAX, |size| size.saturating_sub(self.received));
        let len = data.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let data = data.get(..len).unwrap_or_default();
        self.received = self.received.saturating_add(wide(len));
        self.padding = wide(data.iter().rev().take_while(|byte| **byte == PADDING).count());
        Action {
            data,
            reply: ACK,
            end: None,
        }
    }

    /// Block 0: the name, a zero, the size in decimal, and what does not matter here.
    fn header(&mut self) -> Action<'_> {
        let data = self.block.get(2..).unwrap_or_default();
        let mut fields = data.splitn(2, |byte| *byte == 0);
        let name = fields.next().unwrap_or_default();
        if name.is_empty() {
            // An empty batch: nothing was sent.
            let message = String::from("it has no file to send");
            return Action::end(ACK, Err(SerialError::Cancelled { message }));
        }
        let rest = fields.next().unwrap_or_default();
        let digits = rest.split(|byte| !byte.is_ascii_digit()).next().unwrap_or_default();
        self.announced = core::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        self.name = file_name(name);
        self.stage = Stage::Data;
        self.next = 1;
        self.errors = 0;
        Action::send(ACK_AND_CRC_PLEASE)
    }

    /// Block 0 after the file: an empty one ends the batch. A further file is not wanted, as U-Boot has it.
    fn close(&mut self) -> Action<'_> {
        match self.block.get(2) {
            Some(0) | None => Action::end(ACK, Ok(())),
            Some(_) => Action::end(FAREWELL, Ok(())),
        }
    }
}

impl Receiver for Xmodem {
    fn feed(&mut self, input: Input) -> Action<'_> {
        match input {
            Input::Begin => self.invite(),
            Input::Silence => self.silence(),
            Input::Byte(byte) => self.byte(byte),
        }
    }

    fn patience(&self) -> Duration {
        match self.frame {
            Frame::Outside => INVITATION_LIMIT,
            Frame::Block(_) => BYTE_LIMIT,
            Frame::Damaged(_) => QUIET,
        }
    }

    fn has_begun(&self) -> bool {
        self.stage != Stage::Inviting || self.frame != Frame::Outside
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn size(&self) -> u64 {
        self.received
    }

    fn farewell(&mut self) -> &[u8] {
        FAREWELL
    }
}

fn wide(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Whether the check, a CRC of two bytes or a sum of one, is that of the data.
fn checks(data: &[u8], check: &[u8]) -> bool {
    match check {
        [high, low] => CRC.checksum(data) == u16::from_be_bytes([*high, *low]),
        [sum] => data.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) == *sum,
        _ => false,
    }
}

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// Bytes of a block with its number, complement and check.
fn frame_len(data: usize, crc: bool) -> usize {
    data.saturating_add(if crc { 4 } else { 3 })
}

#[cfg(test)]
mod tests;
