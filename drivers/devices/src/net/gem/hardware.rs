//! What is done with the registers alone: stop, addresses, widths.

use core::time::Duration;

use hal::{Clock, MacAddr, Registers};

use super::GemError;
use super::registers::{self, config, control, receive_status, transmit_status};
use crate::net::address;
use crate::wait::wait_until;

/// How long the transmitter may take to stop: one frame at 10 Mbit/s takes 1.3 ms.
const STOP_LIMIT: Duration = Duration::from_millis(20);

/// Stops both directions and masks all interrupts. Afterwards the device knows of no memory and uses none.
pub(super) fn stop(registers: &dyn Registers, queues: u32, clock: &dyn Clock) -> Result<(), GemError> {
    registers.write32(registers::CONTROL, 0);
    let stopped = wait_for_transmitter(registers, clock);
    registers.write32(registers::INTERRUPT_DISABLE, u32::MAX);
    // Reading clears on some, writing on others.
    let _ = registers.read32(registers::INTERRUPT_STATUS);
    registers.write32(registers::INTERRUPT_STATUS, u32::MAX);
    for offset in queue_offsets(queues) {
        registers.write32(registers::INTERRUPT_DISABLE_1.saturating_add(offset), u32::MAX);
        let _ = registers.read32(registers::INTERRUPT_STATUS_1.saturating_add(offset));
        registers.write32(registers::RECEIVE_QUEUE_1.saturating_add(offset), 0);
        registers.write32(registers::TRANSMIT_QUEUE_1.saturating_add(offset), 0);
    }
    registers.write32(registers::RECEIVE_QUEUE, 0);
    registers.write32(registers::TRANSMIT_QUEUE, 0);
    registers.write32(registers::CONTROL, control::CLEAR_STATISTICS);
    registers.write32(registers::CONTROL, 0);
    registers.write32(registers::TRANSMIT_STATUS, transmit_status::ALL);
    registers.write32(registers::RECEIVE_STATUS, receive_status::ALL);
    stopped
}

pub(super) fn wait_for_transmitter(registers: &dyn Registers, clock: &dyn Clock) -> Result<(), GemError> {
    let status = || registers.read32(registers::TRANSMIT_STATUS);
    if wait_until(clock, STOP_LIMIT, || status() & transmit_status::ACTIVE == 0) {
        return Ok(());
    }
    Err(GemError::NoStop(status()))
}

/// How far the registers of each queue of `queues` lie behind those of queue 1.
pub(super) fn queue_offsets(queues: u32) -> impl Iterator<Item = usize> {
    (1..8_usize)
        .filter(move |queue| queues >> queue & 1 != 0)
        .map(|queue| queue.saturating_sub(1).saturating_mul(4))
}

/// network_config but for the link: `found` is what it was.
pub(super) fn base_config(registers: &dyn Registers, found: u32) -> u32 {
    // design_cfg_1 has the bus width in words; the field counts doublings.
    let width = match registers.read32(registers::DESIGN_1) >> 25 & 7 {
        4 => 2,
        2 => 1,
        _ => 0,
    };
    let frames = config::MULTICAST_HASH | config::LONG_FRAMES | config::STRIP_FCS;
    frames | config::CLOCK_224 | width << config::BUS_WIDTH_SHIFT | found & config::WIRING
}

/// The address that the firmware before us set, if there is one.
pub(super) fn own_mac(registers: &dyn Registers) -> Option<MacAddr> {
    let [a, b, c, d] = registers.read32(registers::ADDRESS_BOTTOM).to_le_bytes();
    let [e, f, ..] = registers.read32(registers::ADDRESS_TOP).to_le_bytes();
    address::station([a, b, c, d, e, f])
}

pub(super) fn write_mac(registers: &dyn Registers, mac: MacAddr) {
    let MacAddr([a, b, c, d, e, f]) = mac;
    registers.write32(registers::ADDRESS_BOTTOM, u32::from_le_bytes([a, b, c, d]));
    registers.write32(registers::ADDRESS_TOP, u32::from_le_bytes([e, f, 0, 0]));
}
