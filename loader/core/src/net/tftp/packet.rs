//! TFTP packets (RFC 1350 section 5, RFC 2347): parsed in place, written into the caller's buffer.

use core::net::SocketAddrV4;

/// The port that read requests go to (RFC 1350 section 4).
pub const SERVER_PORT: u16 = 69;

/// The longest packet that a reading client sends: a request (RFC 2347 allows it 512 bytes).
pub const MAX_SENT: usize = 512;

const RRQ: u16 = 1;
const WRQ: u16 = 2;
const DATA: u16 = 3;
const ACK: u16 = 4;
const ERROR: u16 = 5;
const OACK: u16 = 6;

/// An error code (RFC 1350 appendix I, RFC 2347): a number from the wire, so any value may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode(pub u16);

impl ErrorCode {
    /// Not defined, see the text.
    pub const UNDEFINED: Self = Self(0);
    /// Disk full or allocation exceeded.
    pub const DISK_FULL: Self = Self(3);
    /// Illegal TFTP operation.
    pub const ILLEGAL_OPERATION: Self = Self(4);
    /// Unknown transfer id: a packet from or to a port that has no part in the transfer.
    pub const UNKNOWN_TID: Self = Self(5);
    /// An option was refused (RFC 2347).
    pub const OPTION_REFUSED: Self = Self(8);
}

/// A packet to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// The read request, with or without options.
    Request,
    /// An acknowledgement of a block number.
    Ack(u16),
    /// An error.
    Error(ErrorCode, &'static str),
}

/// A packet and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a packet that is not sent stalls the transfer"]
pub struct Transmit {
    /// The address and port that it goes to.
    pub to: SocketAddrV4,
    /// What to send: [`super::Client::write`] makes the bytes.
    pub message: Message,
}

/// A packet that a server may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A block of the file.
    Data {
        /// The block's number modulo 65536, from 1.
        block: u16,
        /// Its bytes.
        payload: &'a [u8],
    },
    /// The acknowledgement of a block with this number.
    Ack(u16),
    /// Accepted options: the bytes after the opcode.
    Oack(&'a [u8]),
    /// The end of the transfer.
    Error {
        /// Why, as a number.
        code: ErrorCode,
        /// Why, as the server puts it; not to be trusted.
        text: &'a [u8],
    },
}

impl<'a> Packet<'a> {
    /// The packet in a datagram; `None` if it is no well-formed packet of a kind that servers send.
    #[must_use]
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let (opcode, rest) = number(datagram)?;
        match opcode {
            DATA => number(rest).map(|(block, payload)| Self::Data { block, payload }),
            ACK => number(rest).map(|(block, _)| Self::Ack(block)),
            OACK => Some(Self::Oack(rest)),
            ERROR => {
                let (code, text) = number(rest)?;
                let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                let code = ErrorCode(code);
                Some(Self::Error { code, text })
            }
            _ => None,
        }
    }

    /// Tells a stranger that this is not its transfer. Its errors get no answer, so that two ends never trade errors.
    pub(super) fn refusal(&self, to: SocketAddrV4) -> Option<Transmit> {
        let message = Message::Error(ErrorCode::UNKNOWN_TID, "unknown transfer ID");
        (!matches!(self, Self::Error { .. })).then_some(Transmit { to, message })
    }
}

fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*number), rest))
}

/// Writes a packet into a buffer; what does not fit is noted and makes the packet void.
pub(super) struct Writer<'a> {
    buffer: &'a mut [u8],
    len: usize,
    overflow: bool,
}

impl<'a> Writer<'a> {
    fn new(buffer: &'a mut [u8], opcode: u16) -> Self {
        let mut writer = Self {
            buffer,
            len: 0,
            overflow: false,
        };
        writer.bytes(&opcode.to_be_bytes());
        writer
    }

    /// A read request in octet mode, to be followed by its options.
    pub(super) fn read_request(buffer: &'a mut [u8], file: &str) -> Self {
        let mut writer = Self::new(buffer, RRQ);
        writer.text(file);
        writer.text("octet");
        writer
    }

    /// A write request in octet mode, to be followed by its options.
    pub(super) fn write_request(buffer: &'a mut [u8], file: &str) -> Self {
        let mut writer = Self::new(buffer, WRQ);
        writer.text(file);
        writer.text("octet");
        writer
    }

    /// A block with its number.
    pub(super) fn data(buffer: &'a mut [u8], block: u16, bytes: &[u8]) -> Self {
        let mut writer = Self::new(buffer, DATA);
        writer.bytes(&block.to_be_bytes());
        writer.bytes(bytes);
        writer
    }

    /// An acknowledgement of `block`.
    pub(super) fn ack(buffer: &'a mut [u8], block: u16) -> Self {
        let mut writer = Self::new(buffer, ACK);
        writer.bytes(&block.to_be_bytes());
        writer
    }

    /// An error.
    pub(super) fn error(buffer: &'a mut [u8], code: ErrorCode, text: &str) -> Self {
        let mut writer = Self::new(buffer, ERROR);
        writer.bytes(&code.0.to_be_bytes());
        writer.text(text);
        writer
    }

    /// Adds a text and the zero byte that ends it.
    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[0]);
    }

    /// The packet's length; `None` if it did not fit.
    pub(super) fn finish(self) -> Option<usize> {
        (!self.overflow).then_some(self.len)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        match self.buffer.get_mut(self.len..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.len = end;
            }
            None => self.overflow = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorCode, Packet, Writer};

    #[test]
    fn packets_of_servers_are_parsed() {
        let data = Packet::Data {
            block: 0x102,
            payload: b"xyz",
        };
        assert_eq!(Packet::parse(b"\x00\x03\x01\x02xyz"), Some(data));
        assert_eq!(
            Packet::parse(b"\x00\x06tsize\x001\x00"),
            Some(Packet::Oack(b"tsize\x001\x00"))
        );
        let error = Packet::Error {
            code: ErrorCode(1),
            text: b"File not found",
        };
        assert_eq!(Packet::parse(b"\x00\x05\x00\x01File not found\x00junk"), Some(error));
        assert_eq!(Packet::parse(b"\x00\x05\x00\x01File not found"), Some(error));
    }

    #[test]
    fn anything_else_is_not() {
        for bytes in [
            &b""[..],
            b"\0",
            b"\0\x03",
            b"\0\x03\0",
            b"\0\x05\0",
            b"\0\x01f\0octet\0",
            b"\0\x04\0",
            b"\xff\xff",
        ] {
            assert_eq!(Packet::parse(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_packet_that_does_not_fit_is_void() {
        let mut buffer = [0; 10];
        assert_eq!(Writer::read_request(&mut buffer, "f").finish(), Some(10));
        assert_eq!(&buffer, b"\0\x01f\0octet\0");
        assert_eq!(Writer::read_request(&mut buffer, "ff").finish(), None);
        assert_eq!(Writer::ack(&mut buffer, 0x1234).finish(), Some(4));
        assert_eq!(Writer::error(&mut buffer, ErrorCode(5), "no").finish(), Some(7));
        assert_eq!(&buffer[..7], b"\0\x05\0\x05no\0");
    }
}
