//! PHYs over a controller's management port: registers that all have (IEEE 802.3, clauses 22.2.4 and 28). What a maker's PHY has besides,
//! delays of an RGMII among it, stays as the firmware before us set it, but for those PHYs that have a file here.

mod dp83867;

use core::time::Duration;

use hal::node::Ethernet;

/// How long one frame on the bus may take: 64 bits of MDC, which is no slower than 100 kHz.
pub(super) const FRAME_LIMIT: Duration = Duration::from_millis(10);
const ADDRESSES: u8 = 32;

const BASIC_CONTROL: u8 = 0;
const BASIC_STATUS: u8 = 1;
const IDENTIFIER_1: u8 = 2;
const IDENTIFIER_2: u8 = 3;
const ADVERTISEMENT: u8 = 4;
const PARTNER: u8 = 5;
const GIGABIT_CONTROL: u8 = 9;
const GIGABIT_STATUS: u8 = 10;
/// The way to registers beyond the 32 (22.2.4.3.11).
const MMD_CONTROL: u8 = 13;
const MMD_DATA: u8 = 14;
/// Bits of MMD control: data is the register's number, or what it holds.
const MMD_HOLDS: u16 = 1 << 14;

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
}

/// What is at the other end of the controller's pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// A PHY at this address of the management bus.
    Phy(u8),
    /// Something that does not tell, or has nothing to tell: the link counts as up.
    Fixed,
}

/// What a frame on the management bus is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Read,
    Write(u16),
}

/// The part of a controller that reaches the registers of PHYs.
pub(super) trait ManagementPort {
    /// Does one frame, with what the register held if it was to be read; `None` if the port does not get it done within
    /// [`FRAME_LIMIT`].
    fn exchange(&self, phy: u8, register: u8, request: Request) -> Option<u16>;
}

/// What is done with PHYs, over any port.
pub(super) struct Management<P>(pub(super) P);

impl<P: ManagementPort> Management<P> {
    /// Finds out what is at the other end, wakes it, and gives the link to begin with: `None` if there is nobody to ask.
    pub(super) fn attach(&self, node: &Ethernet) -> (Wire, Option<Link>) {
        if let Some(link) = node.fixed_link {
            return (Wire::Fixed, Some(Link::new(link.speed, link.full_duplex)));
        }
        let Some(phy) = self.find(node.phy) else {
            // On another controller's management bus, perhaps: whoever set the speed knew.
            return (Wire::Fixed, None);
        };
        self.set_up(phy, node);
        self.wake(phy);
        (Wire::Phy(phy), Some(self.link(phy).unwrap_or(Link::GIGABIT)))
    }

    fn read(&self, phy: u8, register: u8) -> Option<u16> {
        self.0.exchange(phy, register, Request::Read)
    }

    fn write(&self, phy: u8, register: u8, value: u16) {
        // A port that does not work shows at the next reading.
        let _ = self.0.exchange(phy, register, Request::Write(value));
    }

    /// Leads the frames of [`MMD_DATA`] to a register of the MMD of that number.
    fn select(&self, phy: u8, (mmd, register): (u16, u16)) {
        self.write(phy, MMD_CONTROL, mmd);
        self.write(phy, MMD_DATA, register);
        self.write(phy, MMD_CONTROL, mmd | MMD_HOLDS);
    }

    /// Changes the bits of `mask` in a register of an MMD to those of `value`. Gives what it held.
    fn change_mmd(&self, phy: u8, register: (u16, u16), (mask, value): (u16, u16)) -> Option<u16> {
        self.select(phy, register);
        let before = self.read(phy, MMD_DATA)?;
        let after = before & !mask | value & mask;
        if after != before {
            self.write(phy, MMD_DATA, after);
        }
        Some(before)
    }

    /// What the PHY calls itself: maker, kind and revision.
    fn identifier(&self, phy: u8) -> Option<(u16, u16)> {
        Some((self.read(phy, IDENTIFIER_1)?, self.read(phy, IDENTIFIER_2)?))
    }

    /// Whether a PHY has this address: the bus floats at ones elsewhere, or is held at zero.
    fn answers(&self, phy: u8) -> Option<bool> {
        let identifier = self.identifier(phy)?;
        Some(!matches!(identifier, (0xffff, 0xffff) | (0, 0)))
    }

    /// Sets what the tree says of a PHY that there is more to know of than the standard has.
    fn set_up(&self, phy: u8, node: &Ethernet) {
        if self.identifier(phy).is_some_and(dp83867::is_one) {
            dp83867::set_up(self, phy, node);
        }
    }

    /// The PHY at the address that the tree says, else the first that answers. `None` if there is none.
    fn find(&self, stated: Option<u32>) -> Option<u8> {
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
    fn wake(&self, phy: u8) {
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
pub(super) mod model;
#[cfg(test)]
mod tests;
