//! DHCP messages: what the client writes, and what it looks at first in an answer.

use core::net::Ipv4Addr;

use hal::MacAddr;
use smoltcp::wire::{ArpHardware, DhcpMessageType, DhcpOpCode, DhcpOption, DhcpPacket, EthernetAddress};

use crate::net::settings;

/// Options of RFC 2132 and RFC 4578.
pub(super) mod option {
    pub(in super::super) const NETMASK: u8 = 1;
    pub(in super::super) const ROUTER: u8 = 3;
    pub(in super::super) const DNS: u8 = 6;
    pub(in super::super) const HOSTNAME: u8 = 12;
    pub(in super::super) const DOMAIN: u8 = 15;
    pub(in super::super) const ROOT_PATH: u8 = 17;
    pub(in super::super) const NTP: u8 = 42;
    pub(super) const REQUESTED_ADDRESS: u8 = 50;
    pub(super) const MESSAGE_TYPE: u8 = 53;
    pub(super) const SERVER: u8 = 54;
    pub(super) const PARAMETERS: u8 = 55;
    pub(super) const MAX_SIZE: u8 = 57;
    pub(super) const VENDOR_CLASS: u8 = 60;
    pub(super) const CLIENT_ID: u8 = 61;
    pub(in super::super) const TFTP_SERVER: u8 = 66;
    pub(in super::super) const BOOT_FILE: u8 = 67;
    pub(super) const ARCHITECTURE: u8 = 93;
}

/// What the client would like to be told.
const PARAMETERS: [u8; 9] = [
    option::NETMASK,
    option::ROUTER,
    option::DNS,
    option::HOSTNAME,
    option::DOMAIN,
    option::ROOT_PATH,
    option::NTP,
    option::TFTP_SERVER,
    option::BOOT_FILE,
];

/// What servers choose a boot file by: the same that U-Boot sends on a 64-bit Arm machine, since they know that.
const VENDOR_CLASS: &[u8] = b"U-Boot.armv8";

/// "ARM 64-bit u-boot" (IANA, processor architecture types; RFC 4578 section 2.1).
const ARCHITECTURE: [u8; 2] = [0, 0x16];

/// The largest message that the client takes: the payload of a whole Ethernet frame.
const MAX_SIZE: u16 = 1472;

/// What stands before the options (RFC 2131 section 3).
const DHCP_MAGIC_NUMBER: u32 = 0x6382_5363;

/// The fixed part of a message with the magic number.
const FIXED: usize = 240;

/// The least length of a message: some relays drop shorter ones (RFC 1542 section 2.1, the BOOTP message of 300 bytes).
const LEAST: usize = 300;

/// What counts in any answer.
pub(super) struct Answer {
    pub(super) kind: DhcpMessageType,
    /// The address for us, if it can be one.
    pub(super) address: Option<Ipv4Addr>,
    /// The server's identifier.
    pub(super) server: Option<Ipv4Addr>,
}

impl Answer {
    /// Reads a server's answer to the client `mac` and its question; `None` if it is anything else.
    pub(super) fn parse(packet: &DhcpPacket<&[u8]>, mac: MacAddr, transaction: u32) -> Option<Self> {
        let for_us = packet.opcode() == DhcpOpCode::Reply
            && packet.magic_number() == DHCP_MAGIC_NUMBER
            && packet.transaction_id() == transaction
            && packet.client_hardware_address() == EthernetAddress(mac.0);
        let kind = *find(packet, option::MESSAGE_TYPE)?.first()?;
        for_us.then(|| Self {
            kind: DhcpMessageType::from(kind),
            address: settings::host(packet.your_ip()).ok(),
            server: address(find(packet, option::SERVER)),
        })
    }
}

/// The data of the first option `kind`.
pub(super) fn find<'a>(packet: &'a DhcpPacket<&[u8]>, kind: u8) -> Option<&'a [u8]> {
    packet
        .options()
        .find(|option| option.kind == kind)
        .map(|option| option.data)
}

/// The first address in an option's data, if it is a machine's.
pub(super) fn address(data: Option<&[u8]>) -> Option<Ipv4Addr> {
    let octets = data?.first_chunk::<4>()?;
    settings::host(Ipv4Addr::from(*octets)).ok()
}

/// Writes a question: a DISCOVER, or a REQUEST for the address of an offer and its server. Gives its length; `None` if the buffer is
/// too small.
pub(super) fn write(
    buffer: &mut [u8],
    mac: MacAddr,
    (transaction, seconds): (u32, u16),
    offer: Option<(Ipv4Addr, Ipv4Addr)>,
) -> Option<usize> {
    buffer.fill(0);
    if buffer.len() < LEAST {
        return None;
    }
    let mut packet = DhcpPacket::new_checked(&mut *buffer).ok()?;
    packet.set_opcode(DhcpOpCode::Request);
    packet.set_hardware_type(ArpHardware::Ethernet);
    packet.set_hardware_len(6);
    packet.set_transaction_id(transaction);
    packet.set_secs(seconds);
    packet.set_client_hardware_address(EthernetAddress(mac.0));
    packet.set_magic_number(DHCP_MAGIC_NUMBER);
    let kind = if offer.is_some() {
        DhcpMessageType::Request
    } else {
        DhcpMessageType::Discover
    };
    let MacAddr([a, b, c, d, e, f]) = mac;
    let client_id = [1, a, b, c, d, e, f];
    let offer = offer.map(|(address, server)| (address.octets(), server.octets()));
    let mut len = FIXED;
    let mut writer = packet.options_mut();
    let mut option = |kind, data: &[u8]| {
        len = len.checked_add(2)?.checked_add(data.len())?;
        writer.emit(DhcpOption { kind, data }).ok()
    };
    option(option::MESSAGE_TYPE, &[u8::from(kind)])?;
    option(option::CLIENT_ID, &client_id)?;
    if let Some((address, server)) = &offer {
        option(option::REQUESTED_ADDRESS, address)?;
        option(option::SERVER, server)?;
    }
    option(option::MAX_SIZE, &MAX_SIZE.to_be_bytes())?;
    option(option::PARAMETERS, &PARAMETERS)?;
    option(option::VENDOR_CLASS, VENDOR_CLASS)?;
    option(option::ARCHITECTURE, &ARCHITECTURE)?;
    writer.end().ok()?;
    Some(len.checked_add(1)?.max(LEAST))
}
