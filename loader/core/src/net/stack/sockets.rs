//! The sockets of smoltcp: TCP for those who connect, ICMP for ping, and UDP for datagrams that have to find their way.

use alloc::vec;
use core::net::SocketAddrV4;

use smoltcp::iface::SocketHandle;
use smoltcp::socket::{icmp, tcp, udp};

use super::super::exchange::{Envelope, MAX_PAYLOAD};
use super::super::tftp::FIRST_DYNAMIC_PORT;
use super::Network;

impl Network {
    /// TCP segments that came so far.
    pub(in crate::net) fn segments(&self) -> u64 {
        self.segments
    }

    /// Has `socket` connect from `port` to `server`.
    pub(in crate::net) fn connect_socket(
        &mut self,
        mut socket: tcp::Socket<'static>,
        server: SocketAddrV4,
        port: u16,
    ) -> Option<SocketHandle> {
        let remote = (*server.ip(), server.port());
        // A new socket, a port and an address of one machine: nothing that smoltcp refuses.
        socket.connect(self.interface.context(), remote, port).ok()?;
        Some(self.sockets.add(socket))
    }

    pub(in crate::net) fn tcp_socket(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    pub(in crate::net) fn remove_socket(&mut self, handle: SocketHandle) {
        self.sockets.remove(handle);
    }

    /// A port of the dynamic range, another one each time.
    pub(in crate::net) fn free_port(&mut self) -> u16 {
        let range = u64::from(u16::MAX.saturating_sub(FIRST_DYNAMIC_PORT));
        let offset = self
            .random()
            .checked_rem(range)
            .and_then(|offset| u16::try_from(offset).ok());
        FIRST_DYNAMIC_PORT.saturating_add(offset.unwrap_or(0))
    }

    pub(in crate::net) fn echo_identifier(&self) -> u16 {
        self.identifier
    }

    pub(in crate::net) fn echo_socket(&mut self) -> &mut icmp::Socket<'static> {
        self.sockets.get_mut(self.echo)
    }
}

/// Sends only: whoever runs over UDP takes its frames before smoltcp sees them.
pub(super) fn udp_socket() -> udp::Socket<'static> {
    let buffer = |packets, bytes| udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; packets], vec![0; bytes]);
    udp::Socket::new(buffer(1, 1), buffer(2, 2 * MAX_PAYLOAD))
}

/// Gives a datagram to smoltcp. One that waits there still, for an answer to ARP, is lost: whoever sends again does not want it to stand in
/// the way.
pub(super) fn queue(socket: &mut udp::Socket<'_>, envelope: &Envelope, payload: &[u8]) {
    socket.close();
    let _ = socket.bind(envelope.source_port);
    let to = (*envelope.destination.ip(), envelope.destination.port());
    let _ = socket.send_slice(payload, to);
}

/// Takes the answers to our pings, which `identifier` tells from those of others.
pub(super) fn echo_socket(identifier: u16) -> icmp::Socket<'static> {
    let buffer = || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 4], vec![0; 512]);
    let mut socket = icmp::Socket::new(buffer(), buffer());
    // A new socket can be bound to any identifier.
    let _ = socket.bind(icmp::Endpoint::Ident(identifier));
    socket
}

/// What tells our echo requests from those of others.
pub(super) fn identifier(random: u64) -> u16 {
    let [low, high, ..] = random.to_le_bytes();
    u16::from_le_bytes([low, high])
}
