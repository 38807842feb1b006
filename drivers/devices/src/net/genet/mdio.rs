//! The management port, and how a link is written into UMAC_CMD.

use hal::{Clock, Registers};

use super::registers::{MANAGEMENT, command, management};
use crate::net::phy::{FRAME_LIMIT, Link, ManagementPort, Request};
use crate::wait::wait_until;

pub(super) struct Port<'a> {
    pub(super) registers: &'a dyn Registers,
    pub(super) clock: &'a dyn Clock,
}

impl ManagementPort for Port<'_> {
    fn exchange(&self, phy: u8, register: u8, request: Request) -> Option<u16> {
        let idle = || self.registers.read32(MANAGEMENT) & management::BUSY == 0;
        let wait = || wait_until(self.clock, FRAME_LIMIT, idle).then_some(());
        wait()?;
        let phy = u32::from(phy) << management::PHY_SHIFT;
        let register = u32::from(register) << management::REGISTER_SHIFT;
        let operation = match request {
            Request::Read => management::READ,
            Request::Write(value) => management::WRITE | u32::from(value),
        };
        self.registers
            .write32(MANAGEMENT, management::BUSY | phy | register | operation);
        wait()?;
        let answer = self.registers.read32(MANAGEMENT);
        if request == Request::Read && answer & management::FAILED != 0 {
            // What a bus reads as that nobody drives.
            return Some(u16::MAX);
        }
        let [low, high, ..] = answer.to_le_bytes();
        Some(u16::from_le_bytes([low, high]))
    }
}

/// The bits of UMAC_CMD that `link` needs.
pub(super) const fn command_of(link: Link) -> u32 {
    let speed = match link.speed {
        1000 => command::SPEED_1000,
        100 => command::SPEED_100,
        _ => 0,
    };
    speed | if link.full_duplex { 0 } else { command::HALF_DUPLEX }
}
