//! The machine at the other end: ARP, ping, a DHCP server, a TFTP server, a web server, services over UDP that a test writes, and
//! "port unreachable" for everything else.
//!
//! It reads and writes its frames with smoltcp's `wire` alone, so that no mistake of the loader's own code is made on both sides.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use hal::Instant;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr,
    Icmpv4DstUnreachable, Icmpv4Packet, Icmpv4Repr, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

use super::dhcp_server::DhcpServer;
use super::tftp_server::{Datagram, TftpServer};
use super::web_server::WebServer;

/// Its Ethernet address, that of QEMU's user network.
const QEMU_MAC: EthernetAddress = EthernetAddress([0x52, 0x55, 0x0a, 0x00, 0x02, 0x02]);

const HOP_LIMIT: u8 = 64;
const DHCP_PORT: u16 = 67;

/// The host.
#[derive(Debug)]
pub struct Host {
    /// Its Ethernet address.
    pub mac: EthernetAddress,
    /// Whether its cable is out: it neither hears nor speaks.
    pub unplugged: bool,
    /// Its addresses. The first is that of its own packets; ARP answers for all.
    pub addresses: Vec<Ipv4Addr>,
    /// Its addresses on networks behind it: no ARP, but packets sent to its Ethernet address arrive.
    pub behind: Vec<Ipv4Addr>,
    /// Its DHCP server, if it runs one.
    pub dhcp: Option<DhcpServer>,
    /// Its TFTP server, if it runs one.
    pub tftp: Option<TftpServer>,
    /// Its web server, if it runs one.
    pub web: Option<WebServer>,
    /// What else it answers at UDP ports.
    pub services: BTreeMap<u16, Service>,
    /// Whether it answers ping.
    pub answers_ping: bool,
    /// The echo replies that it got.
    pub echoes: u32,
    /// Whom it spoke with: the way back.
    client: EthernetAddress,
}

/// What answers a datagram at a UDP port, with any number of datagrams.
pub struct Service(pub Answers);

/// What comes back for a datagram.
pub type Answers = Box<dyn FnMut(&[u8]) -> Vec<Vec<u8>>>;

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

/// A UDP datagram as the host sees it.
struct Udp<'a> {
    from: SocketAddrV4,
    to: SocketAddrV4,
    payload: &'a [u8],
}

impl Host {
    pub(super) fn new(addresses: Vec<Ipv4Addr>, dhcp: DhcpServer, tftp: TftpServer) -> Self {
        let (dhcp, tftp, client) = (Some(dhcp), Some(tftp), EthernetAddress::BROADCAST);
        Self {
            mac: QEMU_MAC,
            unplugged: false,
            addresses,
            behind: Vec::new(),
            dhcp,
            tftp,
            web: None,
            services: BTreeMap::new(),
            answers_ping: true,
            echoes: 0,
            client,
        }
    }

    /// When it has to send something again.
    pub(super) fn next(&self) -> Option<Instant> {
        let tftp = self.tftp.as_ref().and_then(TftpServer::next);
        let web = self.web.as_ref().and_then(WebServer::next);
        tftp.into_iter().chain(web).min()
    }

    /// Lets time pass: what it sends again.
    pub(super) fn poll(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let datagrams = self.tftp.as_mut().map_or(Vec::new(), |server| server.poll(now));
        let source = self.addresses[0];
        let mut frames: Vec<_> = datagrams
            .into_iter()
            .map(|datagram| self.datagram(source, &datagram))
            .collect();
        frames.extend(self.web_frames(now));
        frames
    }

    /// What the web server sends.
    fn web_frames(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let packets = self.web.as_mut().map_or(Vec::new(), |web| web.poll(now));
        let frame = |packet: Vec<u8>| self.ethernet(self.client, EthernetProtocol::Ipv4, &packet);
        packets.into_iter().map(frame).collect()
    }

    /// Takes a frame and gives the answers.
    pub(super) fn receive(&mut self, bytes: &[u8], now: Instant) -> Vec<Vec<u8>> {
        let Ok(frame) = EthernetFrame::new_checked(bytes) else {
            return Vec::new();
        };
        if self.unplugged {
            return Vec::new();
        }
        if frame.dst_addr() != self.mac && !frame.dst_addr().is_broadcast() {
            return Vec::new();
        }
        self.client = frame.src_addr();
        match frame.ethertype() {
            EthernetProtocol::Arp => self.arp(frame.payload()).into_iter().collect(),
            EthernetProtocol::Ipv4 => self.ipv4(frame.payload(), now).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// An ARP request for `address`, as a host makes that has lost its table.
    pub(super) fn arp_request(&self, address: Ipv4Addr) -> Vec<u8> {
        let request = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr: self.mac,
            source_protocol_addr: self.addresses[0],
            target_hardware_addr: EthernetAddress([0; 6]),
            target_protocol_addr: address,
        };
        let mut body = vec![0; request.buffer_len()];
        request.emit(&mut ArpPacket::new_unchecked(&mut body[..]));
        self.ethernet(EthernetAddress::BROADCAST, EthernetProtocol::Arp, &body)
    }

    /// A ping to `address`.
    pub(super) fn echo_request(&self, address: Ipv4Addr) -> Vec<u8> {
        let request = Icmpv4Repr::EchoRequest {
            ident: 7,
            seq_no: 1,
            data: b"hello",
        };
        self.icmp((self.addresses[0], address), &request)
    }

    fn arp(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr,
            source_protocol_addr,
            target_protocol_addr,
            ..
        } = ArpRepr::parse(&ArpPacket::new_checked(bytes).ok()?).ok()?
        else {
            return None;
        };
        if operation != ArpOperation::Request || !self.addresses.contains(&target_protocol_addr) {
            return None;
        }
        let reply = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Reply,
            source_hardware_addr: self.mac,
            source_protocol_addr: target_protocol_addr,
            target_hardware_addr: source_hardware_addr,
            target_protocol_addr: source_protocol_addr,
        };
        let mut body = vec![0; reply.buffer_len()];
        reply.emit(&mut ArpPacket::new_unchecked(&mut body[..]));
        Some(self.ethernet(source_hardware_addr, EthernetProtocol::Arp, &body))
    }

    fn ipv4(&mut self, bytes: &[u8], now: Instant) -> Option<Vec<Vec<u8>>> {
        let packet = Ipv4Packet::new_checked(bytes).ok()?;
        let header = Ipv4Repr::parse(&packet, &ChecksumCapabilities::default()).ok()?;
        let for_us = self
            .addresses
            .iter()
            .chain(&self.behind)
            .any(|address| *address == header.dst_addr);
        if !for_us && !header.dst_addr.is_broadcast() {
            return None;
        }
        match header.next_header {
            IpProtocol::Udp => self.udp(&header, packet.payload(), now),
            IpProtocol::Tcp => {
                self.web.as_mut()?.receive(&bytes[..usize::from(packet.total_len())]);
                Some(self.web_frames(now))
            }
            IpProtocol::Icmp => self.echo(&header, packet.payload()).map(|reply| vec![reply]),
            _ => None,
        }
    }

    fn echo(&mut self, header: &Ipv4Repr, bytes: &[u8]) -> Option<Vec<u8>> {
        let packet = Icmpv4Packet::new_checked(bytes).ok()?;
        match Icmpv4Repr::parse(&packet, &ChecksumCapabilities::default()).ok()? {
            Icmpv4Repr::EchoRequest { ident, seq_no, data } if self.answers_ping => Some(self.icmp(
                (header.dst_addr, header.src_addr),
                &Icmpv4Repr::EchoReply { ident, seq_no, data },
            )),
            Icmpv4Repr::EchoReply { .. } => {
                self.echoes += 1;
                None
            }
            _ => None,
        }
    }

    fn udp(&mut self, header: &Ipv4Repr, bytes: &[u8], now: Instant) -> Option<Vec<Vec<u8>>> {
        let packet = UdpPacket::new_checked(bytes).ok()?;
        let (source, destination) = (header.src_addr, header.dst_addr);
        let ports = UdpRepr::parse(
            &packet,
            &source.into(),
            &destination.into(),
            &ChecksumCapabilities::default(),
        )
        .ok()?;
        let from = SocketAddrV4::new(source, ports.src_port);
        let to = SocketAddrV4::new(destination, ports.dst_port);
        let udp = Udp {
            from,
            to,
            payload: packet.payload(),
        };
        if ports.dst_port == DHCP_PORT {
            return self.dhcp(&udp).map(|reply| vec![reply]);
        }
        if let Some(service) = self.services.get_mut(&ports.dst_port) {
            let answers = (service.0)(udp.payload);
            let frames = answers.into_iter().map(|bytes| {
                let (from_port, to) = (ports.dst_port, from);
                self.datagram(destination, &Datagram { from_port, to, bytes })
            });
            return Some(frames.collect());
        }
        match &mut self.tftp {
            Some(server) if server.listens(ports.dst_port) || ports.dst_port >= 40000 => {
                let answers = server.receive(from, ports.dst_port, udp.payload, now);
                Some(
                    answers
                        .into_iter()
                        .map(|answer| self.datagram(destination, &answer))
                        .collect(),
                )
            }
            _ => {
                let reason = Icmpv4DstUnreachable::PortUnreachable;
                let about = Icmpv4Repr::DstUnreachable {
                    reason,
                    header: *header,
                    data: &bytes[..8],
                };
                Some(vec![self.icmp((destination, source), &about)])
            }
        }
    }

    fn dhcp(&mut self, udp: &Udp<'_>) -> Option<Vec<u8>> {
        let bytes = self.dhcp.as_mut()?.answer(udp.payload)?;
        let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, udp.from.port());
        let answer = Datagram {
            from_port: udp.to.port(),
            to,
            bytes,
        };
        Some(self.datagram(self.addresses[0], &answer))
    }

    /// The frame with a datagram.
    fn datagram(&self, source: Ipv4Addr, datagram: &Datagram) -> Vec<u8> {
        let udp = UdpRepr {
            src_port: datagram.from_port,
            dst_port: datagram.to.port(),
        };
        let destination = *datagram.to.ip();
        let mut body = vec![0; udp.header_len() + datagram.bytes.len()];
        udp.emit(
            &mut UdpPacket::new_unchecked(&mut body[..]),
            &source.into(),
            &destination.into(),
            datagram.bytes.len(),
            |payload| payload.copy_from_slice(&datagram.bytes),
            &ChecksumCapabilities::default(),
        );
        self.packet((source, destination), IpProtocol::Udp, &body)
    }

    fn icmp(&self, addresses: (Ipv4Addr, Ipv4Addr), message: &Icmpv4Repr<'_>) -> Vec<u8> {
        let mut body = vec![0; message.buffer_len()];
        message.emit(
            &mut Icmpv4Packet::new_unchecked(&mut body[..]),
            &ChecksumCapabilities::default(),
        );
        self.packet(addresses, IpProtocol::Icmp, &body)
    }

    fn packet(&self, (src_addr, dst_addr): (Ipv4Addr, Ipv4Addr), next_header: IpProtocol, payload: &[u8]) -> Vec<u8> {
        let payload_len = payload.len();
        let header = Ipv4Repr {
            src_addr,
            dst_addr,
            next_header,
            payload_len,
            hop_limit: HOP_LIMIT,
        };
        let mut body = vec![0; header.buffer_len() + payload_len];
        header.emit(
            &mut Ipv4Packet::new_unchecked(&mut body[..]),
            &ChecksumCapabilities::default(),
        );
        body[header.buffer_len()..].copy_from_slice(payload);
        let to = if dst_addr.is_broadcast() {
            EthernetAddress::BROADCAST
        } else {
            self.client
        };
        self.ethernet(to, EthernetProtocol::Ipv4, &body)
    }

    /// A frame as it is on the wire: short ones are padded to 60 bytes.
    fn ethernet(&self, dst_addr: EthernetAddress, ethertype: EthernetProtocol, payload: &[u8]) -> Vec<u8> {
        let header = EthernetRepr {
            src_addr: self.mac,
            dst_addr,
            ethertype,
        };
        let mut frame = vec![0; (header.buffer_len() + payload.len()).max(60)];
        header.emit(&mut EthernetFrame::new_unchecked(&mut frame[..]));
        frame[header.buffer_len()..header.buffer_len() + payload.len()].copy_from_slice(payload);
        frame
    }
}
