//! The management port, and how a link is written into network_config.

use hal::{Clock, Registers};

use super::registers::{PHY_MAINTENANCE, STATUS, config, maintenance, status};
use crate::net::phy::{FRAME_LIMIT, Link, ManagementPort, Request};
use crate::wait::wait_until;

/// The management port, which is on ([`super::registers::control::MANAGEMENT`]).
pub(super) struct Port<'a> {
    pub(super) registers: &'a dyn Registers,
    pub(super) clock: &'a dyn Clock,
}

impl ManagementPort for Port<'_> {
    fn exchange(&self, phy: u8, register: u8, request: Request) -> Option<u16> {
        let idle = || self.registers.read32(STATUS) & status::MANAGEMENT_IDLE != 0;
        let wait = || wait_until(self.clock, FRAME_LIMIT, idle).then_some(());
        wait()?;
        let phy = u32::from(phy) << maintenance::PHY_SHIFT;
        let register = u32::from(register) << maintenance::REGISTER_SHIFT;
        let request = match request {
            Request::Read => maintenance::READ,
            Request::Write(value) => maintenance::WRITE | u32::from(value),
        };
        let frame = maintenance::FRAME | phy | register | request;
        self.registers.write32(PHY_MAINTENANCE, frame);
        wait()?;
        let [low, high, ..] = self.registers.read32(PHY_MAINTENANCE).to_le_bytes();
        Some(u16::from_le_bytes([low, high]))
    }
}

/// The bits of network_config that `link` needs.
pub(super) const fn config_of(link: Link) -> u32 {
    let speed = match link.speed {
        1000 => config::GIGABIT,
        100 => config::SPEED_100,
        _ => 0,
    };
    speed | if link.full_duplex { config::FULL_DUPLEX } else { 0 }
}

/// What network_config is set to.
pub(super) const fn link_of(config: u32) -> Link {
    let speed = if config & config::GIGABIT != 0 {
        1000
    } else if config & config::SPEED_100 != 0 {
        100
    } else {
        10
    };
    Link::new(speed, config & config::FULL_DUPLEX != 0)
}

#[cfg(test)]
mod tests {
    use super::{config_of, link_of};
    use crate::net::phy::Link;

    #[test]
    fn the_mac_is_set_as_the_link_is() {
        for speed in [10, 100, 1000] {
            for full_duplex in [false, true] {
                let link = Link::new(speed, full_duplex);
                assert_eq!(link_of(config_of(link)), link);
            }
        }
    }
}
