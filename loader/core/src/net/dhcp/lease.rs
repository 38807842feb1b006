//! What a DHCP server gives.

use alloc::string::String;
use core::net::Ipv4Addr;

use smoltcp::wire::DhcpPacket;

use super::message::{address, find, option};
use crate::net::settings;

/// An address and what came with it. Texts are printable ASCII: anything else a server says is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Our address.
    pub address: Ipv4Addr,
    /// The netmask. If the server gave none, that of the address's class (RFC 1122 section 3.2.1.3).
    pub netmask: Ipv4Addr,
    /// The first router.
    pub gateway: Option<Ipv4Addr>,
    /// The first name server.
    pub dns: Option<Ipv4Addr>,
    /// The second name server.
    pub dns2: Option<Ipv4Addr>,
    /// The first time server.
    pub ntp: Option<Ipv4Addr>,
    /// The DHCP server.
    pub server: Ipv4Addr,
    /// The server to boot from: the message's own field (`siaddr`), else option 66 if it is an address.
    pub boot_server: Option<Ipv4Addr>,
    /// The boot file: option 67, else the message's own field.
    pub boot_file: Option<String>,
    /// Our name.
    pub hostname: Option<String>,
    /// Our domain.
    pub domain: Option<String>,
    /// Where the root file system is.
    pub root_path: Option<String>,
}

impl Lease {
    /// Reads an acknowledgement of `server`; `None` if its address is no machine's.
    pub(super) fn read(packet: &DhcpPacket<&[u8]>, server: Ipv4Addr) -> Option<Self> {
        let address_of_ours = settings::host(packet.your_ip()).ok()?;
        let option_text = |kind| find(packet, kind).and_then(text);
        let named_server = option_text(option::TFTP_SERVER).and_then(|name| name.parse().ok());
        let boot_server = settings::host(packet.server_ip()).ok();
        let given = find(packet, option::NETMASK).and_then(|data| data.first_chunk::<4>());
        let netmask = given
            .map(|octets| Ipv4Addr::from(*octets))
            .filter(|mask| is_netmask(*mask));
        Some(Self {
            address: address_of_ours,
            netmask: netmask.unwrap_or_else(|| class_mask(address_of_ours)),
            gateway: address(find(packet, option::ROUTER)),
            dns: address(find(packet, option::DNS)),
            dns2: address(find(packet, option::DNS).and_then(|data| data.get(4..))),
            ntp: address(find(packet, option::NTP)),
            server,
            boot_server: boot_server.or_else(|| named_server.and_then(|name| settings::host(name).ok())),
            boot_file: option_text(option::BOOT_FILE)
                .or_else(|| packet.get_boot_file().ok().and_then(|name| text(name.as_bytes()))),
            hostname: option_text(option::HOSTNAME),
            domain: option_text(option::DOMAIN),
            root_path: option_text(option::ROOT_PATH),
        })
    }
}

/// A server's text up to a zero byte, if it is printable ASCII and not empty.
fn text(data: &[u8]) -> Option<String> {
    let text = data.split(|byte| *byte == 0).next()?;
    let printable = !text.is_empty() && text.iter().all(|byte| (b' '..=b'~').contains(byte));
    printable.then(|| String::from_utf8_lossy(text).into_owned())
}

fn is_netmask(mask: Ipv4Addr) -> bool {
    let bits = mask.to_bits();
    bits != 0 && bits.leading_ones().saturating_add(bits.trailing_zeros()) >= u32::BITS
}

fn class_mask(address: Ipv4Addr) -> Ipv4Addr {
    match address.octets() {
        [0..=127, ..] => Ipv4Addr::new(255, 0, 0, 0),
        [128..=191, ..] => Ipv4Addr::new(255, 255, 0, 0),
        _ => Ipv4Addr::new(255, 255, 255, 0),
    }
}
