//! A DHCP server (RFC 2131) with one address to give.

use std::net::Ipv4Addr;

use smoltcp::wire::{DhcpMessageType, DhcpOption, DhcpPacket, DhcpRepr};

/// What the server gives, and how.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The client's address.
    pub address: Ipv4Addr,
    /// The netmask, if it gives one.
    pub netmask: Option<Ipv4Addr>,
    /// The router, if it gives one.
    pub router: Option<Ipv4Addr>,
    /// The boot server (`siaddr`); 0.0.0.0 for none.
    pub boot_server: Ipv4Addr,
    /// The boot file (option 67), if it gives one.
    pub boot_file: Option<String>,
    /// How many requests it refuses before it grants one.
    pub refusals: u32,
}

/// The server.
#[derive(Debug)]
pub struct DhcpServer {
    identifier: Ipv4Addr,
    offer: Offer,
}

impl DhcpServer {
    /// A server with the address `identifier`.
    #[must_use]
    pub fn new(identifier: Ipv4Addr, offer: Offer) -> Self {
        Self { identifier, offer }
    }

    /// What it gives, to change it.
    pub fn offer(&mut self) -> &mut Offer {
        &mut self.offer
    }

    /// The answer to a client's message.
    pub fn answer(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let packet = DhcpPacket::new_checked(message).ok()?;
        let question = DhcpRepr::parse(&packet).ok()?;
        let kind = match question.message_type {
            DhcpMessageType::Discover => DhcpMessageType::Offer,
            DhcpMessageType::Request if question.server_identifier != Some(self.identifier) => return None,
            DhcpMessageType::Request if self.offer.refusals > 0 => {
                self.offer.refusals -= 1;
                DhcpMessageType::Nak
            }
            DhcpMessageType::Request if question.requested_ip == Some(self.offer.address) => DhcpMessageType::Ack,
            DhcpMessageType::Request => DhcpMessageType::Nak,
            _ => return None,
        };
        let boot_file = self.offer.boot_file.as_ref().map(|name| DhcpOption {
            kind: 67,
            data: name.as_bytes(),
        });
        let refused = kind == DhcpMessageType::Nak;
        let reply = DhcpRepr {
            message_type: kind,
            your_ip: if refused {
                Ipv4Addr::UNSPECIFIED
            } else {
                self.offer.address
            },
            server_ip: self.offer.boot_server,
            router: self.offer.router,
            subnet_mask: self.offer.netmask,
            server_identifier: Some(self.identifier),
            lease_duration: Some(86400),
            requested_ip: None,
            client_identifier: None,
            parameter_request_list: None,
            max_size: None,
            additional_options: boot_file.as_slice(),
            ..question
        };
        let mut bytes = vec![0; reply.buffer_len().max(300)];
        reply.emit(&mut DhcpPacket::new_unchecked(&mut bytes[..])).ok()?;
        Some(bytes)
    }
}
