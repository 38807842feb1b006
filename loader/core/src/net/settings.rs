//! Who the machine is on the network.

use core::net::Ipv4Addr;

use hal::MacAddr;
use thiserror::Error;

/// Why an address cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// An Ethernet address that is a group's, or zero.
    #[error("{0} cannot be the address of a network device: it is a group's address or zero")]
    Mac(MacAddr),
    /// An IPv4 address that is not one machine's.
    #[error("{0} cannot be the address of a machine")]
    NotAHost(Ipv4Addr),
    /// A netmask with a gap.
    #[error("{0} is not a netmask: its one bits must stand together at the front")]
    Netmask(Ipv4Addr),
    /// No way to a machine on another network.
    #[error("{target} is not in our network {network}/{prefix} and no gatewayip is set")]
    NoRoute {
        /// The machine.
        target: Ipv4Addr,
        /// Our address.
        network: Ipv4Addr,
        /// The length of our network's prefix, in bits.
        prefix: u8,
    },
    /// The machine itself.
    #[error("{0} is our own address")]
    Ourselves(Ipv4Addr),
}

/// The addresses that a command works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    mac: MacAddr,
    address: Ipv4Addr,
    prefix: u8,
    gateway: Option<Ipv4Addr>,
}

impl Settings {
    /// Settings of a machine that has no address yet: 0.0.0.0.
    ///
    /// # Errors
    /// [`AddressError::Mac`].
    pub fn without_address(mac: MacAddr) -> Result<Self, AddressError> {
        let MacAddr([first, ..]) = mac;
        if first & 1 == 1 || mac == MacAddr([0; 6]) {
            return Err(AddressError::Mac(mac));
        }
        Ok(Self {
            mac,
            address: Ipv4Addr::UNSPECIFIED,
            prefix: 0,
            gateway: None,
        })
    }

    /// The same machine with an address. Without a netmask everyone is taken to be on the same network, as U-Boot does.
    ///
    /// # Errors
    /// [`AddressError::NotAHost`] or [`AddressError::Netmask`].
    pub fn with_address(self, address: Ipv4Addr, netmask: Option<Ipv4Addr>) -> Result<Self, AddressError> {
        let address = host(address)?;
        let netmask = netmask.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let bits = netmask.to_bits();
        if bits.leading_ones().saturating_add(bits.trailing_zeros()) < u32::BITS {
            return Err(AddressError::Netmask(netmask));
        }
        let prefix = u8::try_from(bits.leading_ones()).unwrap_or(32);
        Ok(Self {
            address,
            prefix,
            ..self
        })
    }

    /// The same machine with a router to other networks.
    ///
    /// # Errors
    /// [`AddressError::NotAHost`].
    pub fn with_gateway(self, gateway: Ipv4Addr) -> Result<Self, AddressError> {
        let gateway = Some(host(gateway)?);
        Ok(Self { gateway, ..self })
    }

    /// The Ethernet address.
    #[must_use]
    pub fn mac(&self) -> MacAddr {
        self.mac
    }

    /// The IPv4 address; 0.0.0.0 if there is none.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// How many leading bits of the address name the network.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The router to other networks.
    #[must_use]
    pub fn gateway(&self) -> Option<Ipv4Addr> {
        self.gateway
    }

    /// The router that packets to `target` go through; `None` if it is on our network.
    ///
    /// # Errors
    /// [`AddressError::NoRoute`], [`AddressError::NotAHost`] or [`AddressError::Ourselves`] if `target` cannot be reached.
    pub fn route(&self, target: Ipv4Addr) -> Result<Option<Ipv4Addr>, AddressError> {
        let target = host(target)?;
        if target == self.address {
            return Err(AddressError::Ourselves(target));
        }
        if self.is_neighbour(target) {
            return Ok(None);
        }
        let missing = AddressError::NoRoute {
            target,
            network: self.address,
            prefix: self.prefix,
        };
        self.gateway
            .filter(|gateway| self.is_neighbour(*gateway))
            .map(Some)
            .ok_or(missing)
    }

    fn is_neighbour(&self, other: Ipv4Addr) -> bool {
        let host_bits = u32::MAX.checked_shr(self.prefix.into()).unwrap_or(0);
        (self.address.to_bits() ^ other.to_bits()) & !host_bits == 0
    }
}

/// `address`, if it can be that of one machine.
///
/// # Errors
/// [`AddressError::NotAHost`].
pub fn host(address: Ipv4Addr) -> Result<Ipv4Addr, AddressError> {
    let [first, ..] = address.octets();
    let wrong = first == 0 || first >= 224 || address.is_loopback();
    if wrong {
        Err(AddressError::NotAHost(address))
    } else {
        Ok(address)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use core::net::Ipv4Addr;

    use hal::MacAddr;

    use super::{AddressError, Settings};

    const MAC: MacAddr = MacAddr([0x52, 0x54, 0, 0x12, 0x34, 0x56]);

    fn ip(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    fn settings(address: &str, netmask: &str) -> Result<Settings, AddressError> {
        Settings::without_address(MAC)?.with_address(ip(address), Some(ip(netmask)))
    }

    #[test]
    fn group_addresses_are_refused() {
        assert!(Settings::without_address(MacAddr([1, 0, 0, 0, 0, 1])).is_err());
        assert!(Settings::without_address(MacAddr([0; 6])).is_err());
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            assert_eq!(settings(address, "255.0.0.0"), Err(AddressError::NotAHost(ip(address))));
        }
    }

    #[test]
    fn a_netmask_has_no_gap() {
        for (mask, prefix) in [
            ("0.0.0.0", 0),
            ("255.0.0.0", 8),
            ("255.255.254.0", 23),
            ("255.255.255.255", 32),
        ] {
            assert_eq!(settings("10.0.2.15", mask).unwrap().prefix(), prefix);
        }
        for mask in ["255.0.255.0", "0.0.0.1", "0.255.255.255"] {
            assert_eq!(settings("10.0.2.15", mask), Err(AddressError::Netmask(ip(mask))));
        }
    }

    #[test]
    fn other_networks_are_reached_through_the_gateway() {
        let local = settings("10.0.2.15", "255.255.255.0").unwrap();
        assert_eq!(local.route(ip("10.0.2.2")), Ok(None));
        let error = local.route(ip("10.0.3.2")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "10.0.3.2 is not in our network 10.0.2.15/24 and no gatewayip is set"
        );
        let routed = local.with_gateway(ip("10.0.2.1")).unwrap();
        assert_eq!(routed.route(ip("10.0.3.2")), Ok(Some(ip("10.0.2.1"))));
        assert!(
            local
                .with_gateway(ip("10.0.9.1"))
                .unwrap()
                .route(ip("10.0.3.2"))
                .is_err(),
            "a gateway out of reach"
        );
        assert_eq!(
            local.route(ip("10.0.2.15")),
            Err(AddressError::Ourselves(ip("10.0.2.15")))
        );
        let anywhere = Settings::without_address(MAC)
            .unwrap()
            .with_address(ip("10.0.2.15"), None)
            .unwrap();
        assert_eq!(anywhere.route(ip("192.168.1.1")), Ok(None));
        let alone = settings("10.0.2.15", "255.255.255.255").unwrap();
        assert!(alone.route(ip("10.0.2.2")).is_err());
    }
}
