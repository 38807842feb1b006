//! How Kermit packs numbers, checks and bytes into printable characters.

use alloc::vec::Vec;

use crc::{CRC_16_KERMIT, Crc};

use super::{MARK, RETURN};

/// The character for a number below 95.
pub(super) fn to_char(number: u8) -> u8 {
    number.wrapping_add(b' ')
}

/// The number that a character stands for.
pub(super) fn un_char(byte: u8) -> Option<usize> {
    (b' '..=b'~')
        .contains(&byte)
        .then(|| usize::from(byte.wrapping_sub(b' ')))
}

/// The control character for a printable one, and the other way round.
fn ctl(byte: u8) -> u8 {
    byte ^ 0x40
}

/// The length in an extended header, from the length field on, if its check is right.
pub(super) fn extended_length(packet: &[u8]) -> Option<usize> {
    let (check, covered) = packet.split_last()?;
    let [_, _, _, high, low] = covered else {
        return None;
    };
    if [*check] != sum(covered) {
        return None;
    }
    un_char(*high)?.checked_mul(95)?.checked_add(un_char(*low)?)
}

/// How a packet is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Six bits of the sum: type 1.
    Sum,
    /// Twelve bits of the sum: type 2.
    LongSum,
    /// A CRC of 16 bits: type 3.
    Crc,
}

impl Check {
    fn len(self) -> usize {
        match self {
            Self::Sum => 1,
            Self::LongSum => 2,
            Self::Crc => 3,
        }
    }

    /// The length of the packet without its check, if that is right.
    pub(super) fn verified(self, packet: &[u8]) -> Option<usize> {
        let len = packet.len().checked_sub(self.len())?;
        let (covered, check) = packet.split_at_checked(len)?;
        let mut due = Vec::with_capacity(3);
        self.append(covered, &mut due);
        (due == check).then_some(len)
    }

    fn append(self, covered: &[u8], out: &mut Vec<u8>) {
        let total = covered
            .iter()
            .fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        let crc = CRC.checksum(covered);
        match self {
            Self::Sum => out.extend(sum(covered)),
            Self::LongSum => out.extend([bits(total, 6), bits(total, 0)]),
            Self::Crc => out.extend([bits(crc, 12), bits(crc, 6), bits(crc, 0)]),
        }
    }
}

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_KERMIT);

/// Six bits of a number from `shift` up, as a character.
fn bits(number: u16, shift: u32) -> u8 {
    let [low, _] = (number.checked_shr(shift).unwrap_or(0) & 63).to_le_bytes();
    to_char(low)
}

fn sum(covered: &[u8]) -> [u8; 1] {
    let sum = covered.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    [to_char(sum.wrapping_add(sum >> 6) & 63)]
}

/// Makes a short packet.
pub(super) fn packet(out: &mut Vec<u8>, (number, kind): (u8, u8), data: &[u8], check: Check) {
    out.clear();
    let len = data.len().saturating_add(2).saturating_add(check.len());
    out.extend([to_char(u8::try_from(len).unwrap_or(94)), to_char(number), kind]);
    out.extend_from_slice(data);
    let covered = core::mem::take(out);
    out.push(MARK);
    out.extend_from_slice(&covered);
    check.append(&covered, out);
    out.push(RETURN);
}

/// What both sides can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) check: Check,
    /// Stands before a character that was a control character, or is one of these three.
    quote: u8,
    /// Stands before a character whose eighth bit was set.
    eighth_bit: Option<u8>,
    /// Stands before a count and the character that it is for.
    repeat: Option<u8>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            check: Check::Sum,
            quote: b'#',
            eighth_bit: None,
            repeat: None,
        }
    }
}

impl Settings {
    /// What is used with a sender that can what it says, and the answer that tells it so. Both have the fields MAXL, TIME, NPAD, PADC, EOL, QCTL,
    /// QBIN, CHKT, REPT, CAPAS, WINDO, MAXLX1, MAXLX2.
    pub(super) fn agreed(offer: &[u8], longest: usize) -> (Self, Vec<u8>) {
        let field = |index: usize| offer.get(index).copied().filter(|field| *field != b' ');
        let prefix = |index: usize| field(index).filter(|byte| matches!(byte, b'!'..=b'>' | b'`'..=b'~'));
        let check = match field(7) {
            Some(b'3') => Check::Crc,
            Some(b'2') => Check::LongSum,
            _ => Check::Sum,
        };
        let settings = Self {
            check,
            quote: prefix(5).unwrap_or(b'#'),
            eighth_bit: prefix(6),
            repeat: prefix(8),
        };
        let long = field(9).is_some_and(|caps| un_char(caps).is_some_and(|caps| caps & 2 != 0));
        // The line carries eight bits: a sender that could quote the eighth, but need not, shall not.
        let eighth = settings.eighth_bit.map_or(b'N', |_| b'Y');
        let kind = to_char(u8::try_from(check.len()).unwrap_or(1).wrapping_add(16));
        let mut answer = alloc::vec![
            to_char(94),
            to_char(5),
            to_char(0),
            ctl(0),
            to_char(RETURN),
            b'#',
            eighth,
            kind
        ];
        answer.push(settings.repeat.unwrap_or(b' '));
        if long {
            let digit = |number: Option<usize>| to_char(number.and_then(|n| u8::try_from(n).ok()).unwrap_or(94));
            answer.extend([to_char(2), to_char(0)]);
            answer.extend([digit(longest.checked_div(95)), digit(longest.checked_rem(95))]);
        }
        (settings, answer)
    }

    /// Undoes the sender's coding. What is cut off in the middle of a code ends the data: the check said that it came as it was sent.
    pub(super) fn decode(&self, data: &[u8], out: &mut Vec<u8>) {
        let mut bytes = data.iter().copied();
        while let Some(mut byte) = bytes.next() {
            let mut count = 1;
            if Some(byte) == self.repeat {
                let Some((number, next)) = bytes.next().and_then(un_char).zip(bytes.next()) else {
                    return;
                };
                (count, byte) = (number, next);
            }
            let mut high = 0;
            if Some(byte) == self.eighth_bit {
                let Some(next) = bytes.next() else { return };
                (high, byte) = (0x80, next);
            }
            if byte == self.quote {
                let Some(next) = bytes.next() else { return };
                byte = match next & 0x7f {
                    b'?'..=b'_' => ctl(next),
                    _ => next,
                };
            }
            out.extend(core::iter::repeat_n(byte | high, count));
        }
    }
}
