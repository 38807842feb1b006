//! Ping: ICMP echo requests (RFC 792).

use core::net::Ipv4Addr;
use core::time::Duration;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::icmp;
use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr, IpAddress};

use super::exchange::{Flow, Progress, Watch};
use super::pace::Pace;
use super::stack::{NetError, Network, Nothing};

/// How long to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The time between two requests.
const INTERVAL: Duration = Duration::from_secs(1);

/// What each request carries.
const PAYLOAD: &[u8] = b"is anybody there";

impl Network {
    /// Asks `target` for an echo, once a second, for ten seconds. Gives how long the answer took, or `None` if there was none.
    ///
    /// # Errors
    /// Every [`NetError`].
    pub fn ping(&mut self, target: Ipv4Addr, watch: &mut dyn Watch) -> Result<Option<Duration>, NetError> {
        self.settings().route(target)?;
        self.wait_for_link(watch)?;
        let identifier = self.echo_identifier();
        let mut pace = Pace::new(self.clock().now());
        let start = pace.now();
        let (mut next, mut sent, mut sequence) = (start, start, 0_u16);
        while self.echo_socket().recv().is_ok() {}
        while pace.now().since(start) < PATIENCE {
            if pace.now() >= next {
                if sequence > 0 {
                    self.forget_neighbors();
                }
                sequence = sequence.wrapping_add(1);
                request(self.echo_socket(), target, (identifier, sequence));
                sent = pace.now();
                next = sent + INTERVAL;
                self.poll_interface(sent);
            }
            if self.step(&mut Nothing, &mut pace) && watch.tick(pace.now(), Progress::default()) == Flow::Stop {
                return Err(NetError::Stopped);
            }
            if answered(self.echo_socket(), target, identifier) {
                return Ok(Some(pace.now().since(sent)));
            }
        }
        Ok(None)
    }
}

fn request(socket: &mut icmp::Socket<'_>, target: Ipv4Addr, (ident, seq_no): (u16, u16)) {
    let request = Icmpv4Repr::EchoRequest {
        ident,
        seq_no,
        data: PAYLOAD,
    };
    // A full socket means that the last requests wait for ARP still: one more would not help.
    if let Ok(buffer) = socket.send(request.buffer_len(), target.into()) {
        request.emit(
            &mut Icmpv4Packet::new_unchecked(buffer),
            &ChecksumCapabilities::default(),
        );
    }
}

/// Takes one message from the socket and says whether it is the echo.
fn answered(socket: &mut icmp::Socket<'_>, target: Ipv4Addr, identifier: u16) -> bool {
    let Ok((bytes, from)) = socket.recv() else { return false };
    let Ok(packet) = Icmpv4Packet::new_checked(bytes) else {
        return false;
    };
    let reply = Icmpv4Repr::parse(&packet, &ChecksumCapabilities::default());
    let is_ours =
        matches!(reply, Ok(Icmpv4Repr::EchoReply { ident, data, .. }) if ident == identifier && data == PAYLOAD);
    is_ours && from == IpAddress::from(target)
}
