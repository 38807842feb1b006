//! Addresses of controllers.

use hal::node::Ethernet;
use hal::{Clock, MacAddr};

/// `mac` if a station can have it: it is neither nothing nor a group's (IEEE 802, 8.2).
pub(super) fn station(mac: [u8; 6]) -> Option<MacAddr> {
    let [first, ..] = mac;
    (mac != [0; 6] && first & 1 == 0).then_some(MacAddr(mac))
}

/// A controller's own address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) mac: MacAddr,
    /// Nobody gave it one: this one is for this start.
    pub(super) made_up: bool,
}

/// The address that is `given`, else one for this start.
pub(super) fn own(given: Option<MacAddr>, clock: &dyn Clock) -> Own {
    Own {
        mac: given.unwrap_or_else(|| made_up(clock)),
        made_up: given.is_none(),
    }
}

/// The address that the tree has, else the one `found` in the controller, else one for this start.
pub(super) fn choose(node: &Ethernet, found: Option<MacAddr>, clock: &dyn Clock) -> Own {
    own(node.mac.or(found), clock)
}

/// A locally administered address for this start (IEEE 802, 8.4).
fn made_up(clock: &dyn Clock) -> MacAddr {
    let [_, _, _, a, b, c, d, e] = clock.entropy().to_be_bytes();
    MacAddr([0x02, a, b, c, d, e])
}
