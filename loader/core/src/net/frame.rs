//! Ethernet frames that carry IPv4: what the loader takes out of them itself, and how it writes one.
//!
//! Lengths are checked from the outside in: frame, IPv4 total length, UDP length; nothing is read beyond the innermost. Fragments
//! are not reassembled: a client that asks for blocks that fit a frame needs none.

use core::net::{Ipv4Addr, SocketAddrV4};

use hal::MacAddr;

use super::checksum;

/// Bytes of an Ethernet II header.
const ETHERNET: usize = 14;
/// Bytes of an IPv4 header without options (RFC 791).
const IPV4: usize = 20;
/// Bytes of a UDP header (RFC 768).
const UDP: usize = 8;
/// Bytes before the payload of a UDP frame that the loader writes.
pub const HEADERS: usize = ETHERNET + IPV4 + UDP;

const ETHERTYPE_IPV4: u16 = 0x0800;
/// The bit "more fragments" and the fragment's offset (RFC 791).
const MORE_OR_LATER_FRAGMENT: u16 = 0x3fff;
const PROTOCOL_ICMP: u8 = 1;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
const TIME_TO_LIVE: u8 = 64;

/// A received frame with a whole, unfragmented IPv4 packet whose header checksum is right.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4Frame<'a> {
    /// The Ethernet address of the sender, or of the last router on the way.
    pub source_mac: MacAddr,
    /// The Ethernet address that it was sent to.
    pub destination_mac: MacAddr,
    /// The sender.
    pub source: Ipv4Addr,
    /// Whom it is for.
    pub destination: Ipv4Addr,
    protocol: u8,
    payload: &'a [u8],
}

/// A UDP datagram in a frame. Its checksum is not verified yet: ports first, since that is cheap.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// The sender.
    pub source: SocketAddrV4,
    /// Whom it is for.
    pub destination: SocketAddrV4,
    /// Header and payload, as long as the UDP header says.
    bytes: &'a [u8],
}

/// Where the fields are, in bytes from the start of their header.
mod field {
    pub(super) const DESTINATION_MAC: usize = 0;
    pub(super) const SOURCE_MAC: usize = 6;
    pub(super) const ETHERTYPE: usize = 12;
    pub(super) const TOTAL_LEN: usize = 2;
    pub(super) const FRAGMENT: usize = 6;
    pub(super) const PROTOCOL: usize = 9;
    pub(super) const IPV4_CHECKSUM: usize = 10;
    pub(super) const SOURCE: usize = 12;
    pub(super) const DESTINATION: usize = 16;
    pub(super) const SOURCE_PORT: usize = 0;
    pub(super) const DESTINATION_PORT: usize = 2;
    pub(super) const UDP_LEN: usize = 4;
    pub(super) const UDP_CHECKSUM: usize = 6;
}

fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

fn number(bytes: &[u8], offset: usize) -> Option<u16> {
    array(bytes, offset).map(u16::from_be_bytes)
}

fn address(bytes: &[u8], offset: usize) -> Option<Ipv4Addr> {
    array::<4>(bytes, offset).map(Ipv4Addr::from)
}

fn put(bytes: &mut [u8], offset: usize, value: &[u8]) -> Option<()> {
    let place = bytes.get_mut(offset..offset.checked_add(value.len())?)?;
    place.copy_from_slice(value);
    Some(())
}

fn udp_sum(source: SocketAddrV4, destination: SocketAddrV4, datagram: &[u8]) -> u16 {
    checksum::transport_sum(PROTOCOL_UDP, (*source.ip(), *destination.ip()), datagram)
}

/// The length in bytes of the IPv4 header that begins with `packet`; `None` if it is no IPv4 header.
fn header_len(packet: &[u8]) -> Option<usize> {
    let first = packet.first()?;
    let len = usize::from(first & 0x0f).checked_mul(4)?;
    (first >> 4 == 4 && len >= IPV4).then_some(len)
}

/// Whether `frame` says that it carries IPv4.
pub(super) fn is_ipv4(frame: &[u8]) -> bool {
    number(frame, field::ETHERTYPE) == Some(ETHERTYPE_IPV4)
}

impl<'a> Ipv4Frame<'a> {
    /// The packet in `frame`, if it is one.
    #[must_use]
    pub fn parse(frame: &'a [u8]) -> Option<Self> {
        let (ethernet, packet) = frame.split_at_checked(ETHERNET)?;
        if number(ethernet, field::ETHERTYPE)? != ETHERTYPE_IPV4 {
            return None;
        }
        let packet = packet.get(..usize::from(number(packet, field::TOTAL_LEN)?))?;
        let (header, payload) = packet.split_at_checked(header_len(packet)?)?;
        let fragment = number(header, field::FRAGMENT)? & MORE_OR_LATER_FRAGMENT != 0;
        if fragment || checksum::sum(header) != 0xffff {
            return None;
        }
        Some(Self {
            source_mac: MacAddr(array(ethernet, field::SOURCE_MAC)?),
            destination_mac: MacAddr(array(ethernet, field::DESTINATION_MAC)?),
            source: address(header, field::SOURCE)?,
            destination: address(header, field::DESTINATION)?,
            protocol: *header.get(field::PROTOCOL)?,
            payload,
        })
    }

    /// Whether the packet is a TCP segment.
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        self.protocol == PROTOCOL_TCP
    }

    /// Whether the segment arrived as it was sent, if it is one.
    #[must_use]
    pub fn has_right_tcp_checksum(&self) -> bool {
        checksum::transport_sum(PROTOCOL_TCP, (self.source, self.destination), self.payload) == 0xffff
    }

    /// The UDP datagram in the packet, if it is one.
    #[must_use]
    pub fn datagram(&self) -> Option<Datagram<'a>> {
        let len = usize::from(number(self.payload, field::UDP_LEN)?);
        let is_udp = self.protocol == PROTOCOL_UDP && len >= UDP;
        let bytes = self.payload.get(..len).filter(|_| is_udp)?;
        Some(Datagram {
            source: SocketAddrV4::new(self.source, number(bytes, field::SOURCE_PORT)?),
            destination: SocketAddrV4::new(self.destination, number(bytes, field::DESTINATION_PORT)?),
            bytes,
        })
    }

    /// If the packet says that nothing listens on a UDP port (ICMP type 3, code 3; RFC 792): where our datagram came from and went to,
    /// in this order. Such a packet holds the start of the datagram that it is about.
    #[must_use]
    pub fn port_unreachable(&self) -> Option<(SocketAddrV4, SocketAddrV4)> {
        let (icmp, about) = self.payload.split_at_checked(8)?;
        let is_one = self.protocol == PROTOCOL_ICMP && icmp.starts_with(&[3, 3]);
        if !is_one || checksum::sum(self.payload) != 0xffff || *about.get(field::PROTOCOL)? != PROTOCOL_UDP {
            return None;
        }
        let udp = about.get(header_len(about)?..)?;
        let source = SocketAddrV4::new(address(about, field::SOURCE)?, number(udp, field::SOURCE_PORT)?);
        let destination = SocketAddrV4::new(
            address(about, field::DESTINATION)?,
            number(udp, field::DESTINATION_PORT)?,
        );
        Some((source, destination))
    }
}

impl<'a> Datagram<'a> {
    /// The payload, if the checksum is right or the sender made none (RFC 768: 0).
    #[must_use]
    pub fn verified(&self) -> Option<&'a [u8]> {
        let right = number(self.bytes, field::UDP_CHECKSUM)? == 0
            || udp_sum(self.source, self.destination, self.bytes) == 0xffff;
        self.bytes.get(UDP..).filter(|_| right)
    }
}

/// Where a datagram goes and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// The sender's Ethernet address.
    pub source_mac: MacAddr,
    /// The Ethernet address on this network that it goes to.
    pub destination_mac: MacAddr,
    /// The sender.
    pub source: SocketAddrV4,
    /// Whom it is for.
    pub destination: SocketAddrV4,
}

impl Header {
    /// Writes a frame of [`HEADERS`] + `payload.len()` bytes into `frame`. Gives nothing if `frame` has another length or the datagram
    /// is longer than IPv4 allows.
    pub fn write(&self, payload: &[u8], frame: &mut [u8]) -> Option<()> {
        let udp_len = u16::try_from(payload.len().checked_add(UDP)?).ok()?;
        let total_len = udp_len.checked_add(u16::try_from(IPV4).ok()?)?;
        let (ethernet, packet) = frame.split_at_mut_checked(ETHERNET)?;
        put(ethernet, field::DESTINATION_MAC, &self.destination_mac.0)?;
        put(ethernet, field::SOURCE_MAC, &self.source_mac.0)?;
        put(ethernet, field::ETHERTYPE, &ETHERTYPE_IPV4.to_be_bytes())?;
        let (ipv4, datagram) = packet.split_at_mut_checked(IPV4)?;
        self.write_ipv4(total_len, ipv4)?;
        put(datagram, field::SOURCE_PORT, &self.source.port().to_be_bytes())?;
        put(
            datagram,
            field::DESTINATION_PORT,
            &self.destination.port().to_be_bytes(),
        )?;
        put(datagram, field::UDP_LEN, &udp_len.to_be_bytes())?;
        put(datagram, field::UDP_CHECKSUM, &[0, 0])?;
        let body = datagram.get_mut(UDP..).filter(|body| body.len() == payload.len())?;
        body.copy_from_slice(payload);
        // A sum of 0 is sent as its other form, since 0 means that there is none (RFC 768).
        let sum = match !udp_sum(self.source, self.destination, datagram) {
            0 => 0xffff,
            sum => sum,
        };
        put(datagram, field::UDP_CHECKSUM, &sum.to_be_bytes())
    }

    fn write_ipv4(&self, total_len: u16, header: &mut [u8]) -> Option<()> {
        // Version 4, a header of 5 words, no service type; identification 0, don't fragment.
        put(header, 0, &[0x45, 0])?;
        put(header, field::TOTAL_LEN, &total_len.to_be_bytes())?;
        put(header, 4, &[0, 0, 0x40, 0, TIME_TO_LIVE, PROTOCOL_UDP, 0, 0])?;
        put(header, field::SOURCE, &self.source.ip().octets())?;
        put(header, field::DESTINATION, &self.destination.ip().octets())?;
        let sum = !checksum::sum(header);
        put(header, field::IPV4_CHECKSUM, &sum.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;
    use core::net::{Ipv4Addr, SocketAddrV4};

    use hal::MacAddr;
    use smoltcp::wire::{EthernetFrame, Ipv4Packet, UdpPacket};

    use super::{HEADERS, Header, Ipv4Frame};

    fn header() -> Header {
        Header {
            source_mac: MacAddr([2, 0, 0, 0, 0, 1]),
            destination_mac: MacAddr([2, 0, 0, 0, 0, 2]),
            source: SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 2), 40000),
            destination: SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 15), 50000),
        }
    }

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; HEADERS + payload.len()];
        header().write(payload, &mut frame).unwrap();
        frame
    }

    fn payload(frame: &[u8]) -> Option<&[u8]> {
        Ipv4Frame::parse(frame)?.datagram()?.verified()
    }

    #[test]
    fn what_is_written_is_read_by_others_and_by_us() {
        for len in [0, 1, 2, 3, 511, 1472] {
            let body: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let bytes = frame(&body);
            let ethernet = EthernetFrame::new_checked(&bytes[..]).unwrap();
            let ipv4 = Ipv4Packet::new_checked(ethernet.payload()).unwrap();
            assert!(ipv4.verify_checksum());
            let udp = UdpPacket::new_checked(ipv4.payload()).unwrap();
            assert!(udp.verify_checksum(&ipv4.src_addr().into(), &ipv4.dst_addr().into()));
            assert_eq!(udp.payload(), body);
            let read = Ipv4Frame::parse(&bytes).unwrap();
            let datagram = read.datagram().unwrap();
            assert_eq!(
                (datagram.source, datagram.destination),
                (header().source, header().destination)
            );
            assert_eq!(
                (read.source_mac, read.destination_mac),
                (header().source_mac, header().destination_mac)
            );
            assert_eq!(datagram.verified(), Some(&body[..]));
        }
    }

    #[test]
    fn padding_is_cut_off() {
        let mut bytes = frame(b"abc");
        bytes.resize(60, 0xee);
        assert_eq!(payload(&bytes), Some(&b"abc"[..]));
    }

    #[test]
    fn every_flipped_bit_of_packet_and_payload_is_found() {
        let good = frame(b"0123456789");
        for bit in 14 * 8..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(payload(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let good = frame(b"0123456789");
        for len in 0..good.len() {
            assert_eq!(payload(&good[..len]), None, "{len} bytes");
        }
    }

    /// Changes the packet and makes both checksums right again.
    fn forged(change: impl Fn(&mut [u8])) -> Vec<u8> {
        let mut bytes = frame(b"0123456789");
        change(&mut bytes);
        bytes[24..26].fill(0);
        let header_len = usize::from(bytes[14] & 0xf) * 4;
        let sum = !super::checksum::sum(&bytes[14..(14 + header_len).min(52)]);
        bytes[24..26].copy_from_slice(&sum.to_be_bytes());
        bytes[40..42].fill(0);
        bytes
    }

    #[test]
    fn lengths_that_contradict_each_other_are_refused() {
        assert_eq!(
            payload(&forged(|_| ())),
            Some(&b"0123456789"[..]),
            "no checksum is allowed"
        );
        for len in [0, 7, 19, 28 + 10, 0xffff] {
            assert_eq!(
                payload(&forged(|bytes| bytes[38..40].copy_from_slice(&u16::to_be_bytes(len)))),
                None,
                "UDP {len}"
            );
        }
        for len in [0, 19, 27, 39, 0xffff] {
            assert_eq!(
                payload(&forged(|bytes| bytes[16..18].copy_from_slice(&u16::to_be_bytes(len)))),
                None,
                "IP {len}"
            );
        }
        assert_eq!(payload(&forged(|bytes| bytes[14] = 0x44)), None, "header of 16 bytes");
        assert_eq!(
            payload(&forged(|bytes| bytes[14] = 0x4f)),
            None,
            "header longer than the packet"
        );
        assert_eq!(payload(&forged(|bytes| bytes[14] = 0x65)), None, "version 6");
        assert_eq!(payload(&forged(|bytes| bytes[20] = 0x20)), None, "more fragments");
        assert_eq!(payload(&forged(|bytes| bytes[21] = 0x01)), None, "a later fragment");
        assert_eq!(payload(&forged(|bytes| bytes[23] = 6)), None, "TCP");
    }

    #[test]
    fn a_port_unreachable_tells_what_it_is_about() {
        let ours = frame(b"rrq");
        let mut bytes = frame(&[0; 20]);
        bytes[23] = 1;
        bytes[34..42].copy_from_slice(&[3, 3, 0, 0, 0, 0, 0, 0]);
        bytes[42..].copy_from_slice(&ours[14..34]);
        bytes.extend_from_slice(&ours[34..42]);
        let total = u16::try_from(bytes.len() - 14).unwrap();
        bytes[16..18].copy_from_slice(&total.to_be_bytes());
        bytes[24..26].fill(0);
        let sum = !super::checksum::sum(&bytes[14..34]);
        bytes[24..26].copy_from_slice(&sum.to_be_bytes());
        assert!(
            Ipv4Frame::parse(&bytes).unwrap().port_unreachable().is_none(),
            "ICMP checksum"
        );
        let sum = !super::checksum::sum(&bytes[34..]);
        bytes[36..38].copy_from_slice(&sum.to_be_bytes());
        let about = Ipv4Frame::parse(&bytes).unwrap().port_unreachable();
        assert_eq!(about, Some((header().source, header().destination)));
        assert!(Ipv4Frame::parse(&ours).unwrap().port_unreachable().is_none());
    }
}
