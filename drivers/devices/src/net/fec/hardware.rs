//! What is done with the registers alone: stop and reset, addresses, and how pins and link are written into them.

use core::time::Duration;

use hal::node::PhyMode;
use hal::{Clock, MacAddr, Registers};

use super::registers::{self, control, events, receive, transmit, watermark};
use super::rings::BUFFER;
use crate::net::address;
use crate::net::phy::Link;
use crate::wait::wait_until;

/// How long the transmitter may take to stop: one frame at 10 Mbit/s takes 1.3 ms.
const STOP_LIMIT: Duration = Duration::from_millis(20);
/// How long transfers that are under way on the bus may take to end once the DMA is off (Linux waits as long).
const DRAIN: Duration = Duration::from_micros(10);
/// How long a reset may take: the manual says 8 cycles of the bus clock.
const RESET_LIMIT: Duration = Duration::from_millis(1);
/// The longest frame on the wire: with a VLAN tag and the check sequence.
const LONGEST: u32 = 1522;

/// Stops both directions and resets the controller, which forgets all memory it was given. Gives ECR if it does not reset.
///
/// The reset comes last: on the AXI bus of these chips it must not cut off a transfer (Linux `fec` therefore does without).
pub(super) fn stop(registers: &dyn Registers, clock: &dyn Clock) -> Result<(), u32> {
    registers.write32(registers::EVENT_MASK, 0);
    let found = registers.read32(registers::CONTROL);
    if found & control::ENABLE != 0 {
        stop_transmitter(registers, clock);
        registers.write32(registers::CONTROL, found & !(control::ENABLE | control::RESET));
        let _ = wait_until(clock, DRAIN, || false);
    }
    registers.write32(registers::CONTROL, found & !control::ENABLE | control::RESET);
    let control = || registers.read32(registers::CONTROL);
    if wait_until(clock, RESET_LIMIT, || {
        control() & (control::RESET | control::ENABLE) == 0
    }) {
        return Ok(());
    }
    Err(control())
}

/// Lets the frame that is being sent go out whole. A transmitter without a clock or a link never says that it stands: it is switched off all
/// the same.
fn stop_transmitter(registers: &dyn Registers, clock: &dyn Clock) {
    registers.write32(registers::EVENTS, events::STOPPED);
    let found = registers.read32(registers::TRANSMIT_CONTROL);
    registers.write32(registers::TRANSMIT_CONTROL, found | transmit::STOP);
    let stands = || registers.read32(registers::EVENTS) & events::STOPPED != 0;
    let _ = wait_until(clock, STOP_LIMIT, stands);
}

/// Whether what was reset holds what is written to it.
pub(super) fn is_there(registers: &dyn Registers) -> bool {
    let size = buffer_size();
    registers.write32(registers::RECEIVE_BUFFER, size);
    registers.read32(registers::RECEIVE_BUFFER) == size
}

fn buffer_size() -> u32 {
    u32::try_from(BUFFER).unwrap_or(0)
}

/// Sets, while the controller is off, what comes in and how it lies in memory.
pub(super) fn set_format(registers: &dyn Registers) {
    for hash in registers::STATION_HASH {
        registers.write32(hash, 0);
    }
    for hash in registers::GROUP_HASH {
        registers.write32(hash, u32::MAX);
    }
    registers.write32(registers::RECEIVE_BUFFER, buffer_size());
    registers.write32(registers::TRUNCATION, buffer_size());
    registers.write32(registers::TRANSMIT_WATERMARK, watermark::WHOLE_FRAMES);
    registers.write32(registers::EVENT_MASK, 0);
    registers.write32(registers::EVENTS, events::ALL);
}

/// The address that the firmware before us set, if there is one. A reset clears it.
pub(super) fn own_mac(registers: &dyn Registers) -> Option<MacAddr> {
    let [a, b, c, d] = registers.read32(registers::ADDRESS_LOW).to_be_bytes();
    let [e, f, ..] = registers.read32(registers::ADDRESS_HIGH).to_be_bytes();
    address::station([a, b, c, d, e, f])
}

pub(super) fn write_mac(registers: &dyn Registers, mac: MacAddr) {
    let MacAddr([a, b, c, d, e, f]) = mac;
    registers.write32(registers::ADDRESS_LOW, u32::from_be_bytes([a, b, c, d]));
    registers.write32(registers::ADDRESS_HIGH, u32::from_be_bytes([e, f, 0, 0]));
}

/// The pins and the link, as bits of RCR, TCR and ECR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    pins: u32,
    pub(super) link: Link,
}

impl Mode {
    /// The pins as the tree says, else as the registers say that the firmware before us had set them, and the link that it had set. After a
    /// reset, the fastest link that the pins have.
    pub(super) fn found(registers: &dyn Registers, tree: Option<PhyMode>) -> Self {
        let found = registers.read32(registers::RECEIVE_CONTROL);
        let pins = tree.map_or(found & receive::PINS, pins_of);
        let link = if found & receive::LOOP != 0 {
            Link::new(if pins == receive::RGMII { 1000 } else { 100 }, true)
        } else {
            let fast = registers.read32(registers::CONTROL) & control::GIGABIT != 0;
            let speed = match found & receive::SPEED_10 {
                _ if fast => 1000,
                0 => 100,
                _ => 10,
            };
            let transmit = registers.read32(registers::TRANSMIT_CONTROL);
            Link::new(speed, transmit & transmit::FULL_DUPLEX != 0)
        };
        Self { pins, link }
    }

    /// What RCR is set to. Frames come with their check sequence, and with the padding of short ones: taking that off hangs the DMA.
    pub(super) const fn receive(self) -> u32 {
        let slow = if self.link.speed == 10 { receive::SPEED_10 } else { 0 };
        let half = if self.link.full_duplex {
            0
        } else {
            receive::DEAF_WHILE_SENDING
        };
        LONGEST << receive::LONGEST_SHIFT | receive::MII_MODE | self.pins | slow | half
    }

    /// What TCR is set to.
    pub(super) const fn transmit(self) -> u32 {
        if self.link.full_duplex {
            transmit::FULL_DUPLEX
        } else {
            0
        }
    }

    /// The bits of ECR.
    pub(super) const fn control(self) -> u32 {
        if self.link.speed == 1000 { control::GIGABIT } else { 0 }
    }
}

const fn pins_of(mode: PhyMode) -> u32 {
    match mode {
        PhyMode::Mii => 0,
        PhyMode::Rmii => receive::RMII,
        PhyMode::Rgmii | PhyMode::RgmiiId | PhyMode::RgmiiRxId | PhyMode::RgmiiTxId => receive::RGMII,
    }
}
