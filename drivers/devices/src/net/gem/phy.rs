//! PHYs over the management port: registers that all have (IEEE 802.3, clauses 22.2.4 and 28). What a maker's PHY has besides, delays of
//! an RGMII among it, stays as the firmware before us set it.

use core::time::Duration;

use hal::{Clock, Registers};

use super::registers::{CONTROL, PHY_MAINTENANCE, STATUS, config, control, maintenance, status};
use crate::wait::wait_until;

/// How long one frame on the bus may take: 64 bits of MDC, which is no slower than 100 kHz.
const FRAME_LIMIT: Duration = Duration::from_millis(10);
const ADDRESSES: u8 = 32;

const BASIC_CONTROL: u8 = 0;
const BASIC_STATUS: u8 = 1;
const IDENTIFIER_1: u8 = 2;
const IDENTIFIER_2: u8 = 3;
const ADVERTISEMENT: u8 = 4;
const PARTNER: u8 = 5;
const GIGABIT_CONTROL: u8 = 9;
const GIGABIT_STATUS: u8 = 10;

/// Bits of basic control.
mod basic {
    pub(super) const SPEED_100: u16 = 1 << 13;
    pub(super) const NEGOTIATE: u16 = 1 << 12;
    pub(super) const POWER_DOWN: u16 = 1 << 11;
    pub(super) const ISOLATE: u16 = 1 << 10;
    pub(super) const RESTART: u16 = 1 << 9;
    pub(super) const FULL_DUPLEX: u16 = 1 << 8;
    pub(super) const SPEED_1000: u16 = 1 << 6;
}

/// Bits of basic status.
mod basic_status {
    pub(super) const NEGOTIATED: u16 = 1 << 5;
    pub(super) const CAN_NEGOTIATE: u16 = 1 << 3;
    pub(super) const LINK: u16 = 1 << 2;
    /// Registers 9, 10 and 15 are there.
    pub(super) const EXTENDED: u16 = 1 << 8;
}

/// A link that is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// In Mbit/s.
    pub(super) speed: u32,
    pub(super) full_duplex: bool,
}

impl Link {
    pub(super) const GIGABIT: Self = Self::new(1000, true);

    pub(super) const fn new(speed: u32, full_duplex: bool) -> Self {
        Self { speed, full_duplex }
    }

    /// The bits of network_config that the link needs.
    pub(super) const fn config(self) -> u32 {
        let speed = match self.speed {
            1000 => config::GIGABIT,
            100 => config::SPEED_100,
            _ => 0,
        };
        speed | if self.full_duplex { config::FULL_DUPLEX } else { 0 }
    }

    /// What network_config is set to.
    pub(super) const fn of_config(config: u32) -> Self {
        let speed = if config & config::GIGABIT != 0 {
            1000
        } else if config & config::SPEED_100 != 0 {
            100
        } else {
            10
        };
        Self::new(speed, config & config::FULL_DUPLEX != 0)
    }
}

/// The management port.
pub(super) struct Management<'a> {
    pub(super) registers: &'a dyn Registers,
    pub(super) clock: &'a dyn Clock,
}

impl Management<'_> {
    /// Does one frame; `None` if the port does not get it done.
    fn exchange(&self, phy: u8, register: u8, request: u32) -> Option<u16> {
        let idle = || self.registers.read32(STATUS) & status::MANAGEMENT_IDLE != 0;
        let wait = || wait_until(self.clock, FRAME_LIMIT, idle).then_some(());
        wait()?;
        let phy = u32::from(phy) << maintenance::PHY_SHIFT;
        let register = u32::from(register) << maintenance::REGISTER_SHIFT;
        let frame = maintenance::FRAME | phy | register | request;
        self.registers.write32(PHY_MAINTENANCE, frame);
        wait()?;
        let [low, high, ..] = self.registers.read32(PHY_MAINTENANCE).to_le_bytes();
        Some(u16::from_le_bytes([low, high]))
    }

    fn read(&self, phy: u8, register: u8) -> Option<u16> {
        self.exchange(phy, register, maintenance::READ)
    }

    fn write(&self, phy: u8, register: u8, value: u16) {
        // A port that does not work shows at the next reading.
        let _ = self.exchange(phy, register, maintenance::WRITE | u32::from(value));
    }

    /// Whether a PHY has this address: the bus floats at ones elsewhere, or is held at zero.
    fn answers(&self, phy: u8) -> Option<bool> {
        let identifier = (self.read(phy, IDENTIFIER_1)?, self.read(phy, IDENTIFIER_2)?);
        Some(!matches!(identifier, (0xffff, 0xffff) | (0, 0)))
    }

    /// The PHY at the address that the tree says, else the first that answers. `None` if there is none.
    pub(super) fn find(&self, stated: Option<u32>) -> Option<u8> {
        self.registers.write32(CONTROL, control::MANAGEMENT);
        let stated = stated.and_then(|phy| u8::try_from(phy).ok());
        let stated = stated.filter(|phy| *phy < ADDRESSES);
        for phy in stated.into_iter().chain(0..ADDRESSES) {
            // With a port that hangs, each further address would cost another wait.
            if self.answers(phy)? {
                return Some(phy);
            }
        }
        None
    }

    /// Wakes the PHY if it is asleep, and has it negotiate if nobody has set it up.
    pub(super) fn wake(&self, phy: u8) {
        let Some(found) = self.read(phy, BASIC_CONTROL) else {
            return;
        };
        let asleep = found & (basic::POWER_DOWN | basic::ISOLATE) != 0;
        let can_negotiate = self.read(phy, BASIC_STATUS).unwrap_or(0) & basic_status::CAN_NEGOTIATE != 0;
        // A speed that somebody has set is as they want it.
        if asleep && can_negotiate {
            let awake = found & !(basic::POWER_DOWN | basic::ISOLATE);
            self.write(phy, BASIC_CONTROL, awake | basic::NEGOTIATE | basic::RESTART);
        } else if asleep {
            self.write(phy, BASIC_CONTROL, found & !(basic::POWER_DOWN | basic::ISOLATE));
        }
    }

    /// The link, if it is up.
    pub(super) fn link(&self, phy: u8) -> Option<Link> {
        // A link that was lost since the last reading reads as down once (22.2.4.2.13).
        self.read(phy, BASIC_STATUS)?;
        let status = self.read(phy, BASIC_STATUS)?;
        if status == 0xffff || status & basic_status::LINK == 0 {
            return None;
        }
        let control = self.read(phy, BASIC_CONTROL)?;
        if control & basic::NEGOTIATE == 0 {
            return Some(forced(control));
        }
        if status & basic_status::NEGOTIATED == 0 {
            return None;
        }
        let gigabit = match status & basic_status::EXTENDED {
            0 => (0, 0),
            _ => (self.read(phy, GIGABIT_CONTROL)?, self.read(phy, GIGABIT_STATUS)?),
        };
        let base = (self.read(phy, ADVERTISEMENT)?, self.read(phy, PARTNER)?);
        Some(negotiated(gigabit, base))
    }
}

/// The link of a PHY that was told what to do (22.2.4.1).
fn forced(control: u16) -> Link {
    let speed = match control & (basic::SPEED_1000 | basic::SPEED_100) {
        0 => 10,
        basic::SPEED_100 => 100,
        _ => 1000,
    };
    Link::new(speed, control & basic::FULL_DUPLEX != 0)
}

/// The best that both sides said they can (28B.3): what this side offers and what the other side does, for 1000BASE-T (40.5.1.1) and for
/// the others.
fn negotiated((own_gigabit, their_gigabit): (u16, u16), (own, theirs): (u16, u16)) -> Link {
    // The other side's bits are two places higher.
    let gigabit = own_gigabit & their_gigabit >> 2;
    let base = own & theirs;
    let best = [
        (gigabit & 1 << 9, 1000, true),
        (gigabit & 1 << 8, 1000, false),
        (base & 1 << 8, 100, true),
        (base & 1 << 7, 100, false),
        (base & 1 << 6, 10, true),
    ];
    let best = best.into_iter().find(|(bit, ..)| *bit != 0);
    best.map_or(Link::new(10, false), |(_, speed, full_duplex)| {
        Link::new(speed, full_duplex)
    })
}

#[cfg(test)]
mod tests {
    use super::{Link, forced, negotiated};

    #[test]
    fn the_best_that_both_sides_can() {
        // What QEMU's 88E1111 says, and others by the tables of clauses 28 and 40.
        for (gigabit, base, expected) in [
            ((0x0300, 0x7c00), (0x01e1, 0xcde1), Link::new(1000, true)),
            ((0x0100, 0x0400), (0x01e1, 0xcde1), Link::new(1000, false)),
            ((0x0300, 0), (0x01e1, 0x41e1), Link::new(100, true)),
            ((0, 0x7c00), (0x01e1, 0x40a1), Link::new(100, false)),
            ((0, 0), (0x0061, 0x01e1), Link::new(10, true)),
            ((0, 0), (0x01e1, 0x0021), Link::new(10, false)),
            ((0, 0), (0, 0), Link::new(10, false)),
        ] {
            assert_eq!(negotiated(gigabit, base), expected, "{gigabit:x?} {base:x?}");
        }
    }

    #[test]
    fn a_speed_that_was_set() {
        assert_eq!(forced(0x0140), Link::new(1000, true));
        assert_eq!(forced(0x2000), Link::new(100, false));
        assert_eq!(forced(0x0100), Link::new(10, true));
    }

    #[test]
    fn the_mac_is_set_as_the_link_is() {
        for speed in [10, 100, 1000] {
            for full_duplex in [false, true] {
                let link = Link::new(speed, full_duplex);
                assert_eq!(Link::of_config(link.config()), link);
            }
        }
    }
}
