//! Addresses of controllers.

use hal::node::Ethernet;
use hal::{Clock, MacAddr};

/// `mac` if a station can have it: it is neither nothing nor a group's (IEEE 802, 8.2).
pub(super) fn station(mac: [u8; 6]) -> Option<MacAddr> {
    let [first, ..] = mac;
    (mac != [0; 6] && first & 1 == 0).then_some(MacAddr(mac))
}

/// The address that the tree has, else the one `found` in the controller, else one for this start.
pub(super) fn choose(node: &Ethernet, found: Option<MacAddr>, clock: &dyn Clock) -> MacAddr {
    node.mac.or(found).unwrap_or_else(|| made_up(clock))
}

/// A locally administered address for this start (IEEE 802, 8.4).
pub(super) fn made_up(clock: &dyn Clock) -> MacAddr {
    let [_, _, _, a, b, c, d, e] = clock.entropy().to_be_bytes();
    MacAddr([0x02, a, b, c, d, e])
}
