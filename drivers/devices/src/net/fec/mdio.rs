//! The management port.

use hal::{Clock, Registers};

use super::registers::{EVENTS, MANAGEMENT, MANAGEMENT_SPEED, events, management, speed};
use crate::net::phy::{FRAME_LIMIT, ManagementPort, Request};
use crate::wait::wait_until;

/// The management port, which is on ([`switch_on`]).
pub(super) struct Port<'a> {
    pub(super) registers: &'a dyn Registers,
    pub(super) clock: &'a dyn Clock,
}

/// Gives the bus its clock.
pub(super) fn switch_on(registers: &dyn Registers) {
    // A frame that MMFR still holds would go out as the clock comes on (Linux `fec`, "clear MMFR").
    registers.write32(MANAGEMENT, 0);
    registers.write32(MANAGEMENT_SPEED, speed::SLOWEST | speed::HOLD);
}

impl ManagementPort for Port<'_> {
    fn exchange(&self, phy: u8, register: u8, request: Request) -> Option<u16> {
        let phy = u32::from(phy) << management::PHY_SHIFT;
        let register = u32::from(register) << management::REGISTER_SHIFT;
        let request = match request {
            Request::Read => management::READ,
            Request::Write(value) => management::WRITE | u32::from(value),
        };
        self.registers.write32(EVENTS, events::MANAGEMENT);
        self.registers
            .write32(MANAGEMENT, management::FRAME | phy | register | request);
        let over = || self.registers.read32(EVENTS) & events::MANAGEMENT != 0;
        if !wait_until(self.clock, FRAME_LIMIT, over) {
            return None;
        }
        let [low, high, ..] = self.registers.read32(MANAGEMENT).to_le_bytes();
        Some(u16::from_le_bytes([low, high]))
    }
}
