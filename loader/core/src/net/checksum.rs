//! The Internet checksum (RFC 1071), eight bytes at a time.
//!
//! The loader is built for strict alignment, where the compiler reads words of unknown alignment byte by byte; so the aligned
//! middle of the data is read as words.

use core::net::Ipv4Addr;

use zerocopy::FromBytes;

/// Up to here a sum byte pair by byte pair costs no more than finding the aligned middle.
const SHORT: usize = 64;

/// The one's complement sum of `data` as big-endian 16-bit words, an odd last byte padded with zero.
#[must_use]
pub fn sum(data: &[u8]) -> u16 {
    if data.len() <= SHORT {
        return pairs_sum(data);
    }
    let head = data.as_ptr().align_offset(8).min(data.len());
    let (head, rest) = data.split_at_checked(head).unwrap_or((data, &[]));
    let count = rest.len() / 8;
    let Ok((words, tail)) = <[u64]>::ref_from_prefix_with_elems(rest, count) else {
        return pairs_sum(data);
    };
    let rest = add(words_sum(words), pairs_sum(tail));
    // After an odd number of bytes, what follows stands in the other halves of the words.
    let rest = if head.len() % 2 == 1 { rest.swap_bytes() } else { rest };
    add(pairs_sum(head), rest)
}

/// The sum of a UDP datagram or TCP segment with its pseudo header (RFC 768, RFC 9293): it is right if this gives 0xffff.
#[must_use]
pub fn transport_sum(protocol: u8, (source, destination): (Ipv4Addr, Ipv4Addr), packet: &[u8]) -> u16 {
    let len = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    let addresses = add(pairs_sum(&source.octets()), pairs_sum(&destination.octets()));
    add(add(addresses, add(protocol.into(), len)), sum(packet))
}

/// RFC 1071, section 2 (B): the sum may be made in any byte order. Wider words fold to 16 bits since 2^16 = 1 modulo 2^16 - 1.
fn words_sum(words: &[u64]) -> u16 {
    // Memory holds far fewer than 2^64 words, so that 128 bits do not overflow.
    let total = words
        .iter()
        .fold(0_u128, |total, word| total.wrapping_add(u128::from(*word)));
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = total.to_ne_bytes();
    pairs_sum(&[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

/// The sum of data of at most 64 KiB, pair by pair.
fn pairs_sum(data: &[u8]) -> u16 {
    let (pairs, last) = data.as_chunks::<2>();
    let number = |pair: [u8; 2]| u32::from(u16::from_be_bytes(pair));
    let total = pairs
        .iter()
        .fold(0_u32, |total, pair| total.wrapping_add(number(*pair)));
    let total = total.wrapping_add(last.first().map_or(0, |byte| number([*byte, 0])));
    let folded = (total & 0xffff).wrapping_add(total >> 16);
    add(
        u16::try_from(folded & 0xffff).unwrap_or(0),
        u16::try_from(folded >> 16).unwrap_or(0),
    )
}

fn add(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    // Two 16-bit numbers with a carry have a sum of at most 0xfffe.
    sum.wrapping_add(u16::from(carry))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{sum, transport_sum};

    /// The definition, byte by byte.
    fn plain(data: &[u8]) -> u16 {
        let total: u64 = data
            .chunks(2)
            .map(|pair| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0)))
            .sum();
        let mut total = total;
        while total > 0xffff {
            total = (total & 0xffff) + (total >> 16);
        }
        u16::try_from(total).unwrap()
    }

    #[test]
    fn the_example_of_rfc_1071() {
        // Section 3: 0001 f203 f4f5 f6f7 add up to ddf2.
        assert_eq!(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
    }

    #[test]
    fn every_length_and_alignment_agrees_with_the_definition() {
        let data: Vec<u8> = (0..200_u32)
            .map(|i| u8::try_from((i * 37 + 11) % 256).unwrap())
            .collect();
        for start in 0..17 {
            for end in start..data.len() {
                let part = &data[start..end];
                assert_eq!(sum(part), plain(part), "{start}..{end}");
            }
        }
        assert_eq!(sum(&[0xff; 1500]), 0xffff);
    }

    #[test]
    fn a_datagram_with_its_checksum_adds_up() {
        let (source, destination) = ([10, 0, 2, 2].into(), [10, 0, 2, 15].into());
        let mut datagram = [0x9c, 0x40, 0xc3, 0x50, 0x00, 0x0b, 0x00, 0x00, b'a', b'b', b'c'];
        let checksum = !transport_sum(17, (source, destination), &datagram);
        datagram[6..8].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(transport_sum(17, (source, destination), &datagram), 0xffff);
    }
}
