//! Addresses of controllers that the tree has none for.

use hal::{Clock, MacAddr};

/// `mac` if a station can have it: it is neither nothing nor a group's (IEEE 802, 8.2).
pub(super) fn station(mac: [u8; 6]) -> Option<MacAddr> {
    let [first, ..] = mac;
    (mac != [0; 6] && first & 1 == 0).then_some(MacAddr(mac))
}

/// A locally administered address for this start (IEEE 802, 8.4).
pub(super) fn made_up(clock: &dyn Clock) -> MacAddr {
    let [_, _, _, a, b, c, d, e] = clock.entropy().to_be_bytes();
    MacAddr([0x02, a, b, c, d, e])
}
