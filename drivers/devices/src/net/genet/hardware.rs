//! What is done with the registers alone: stop and reset, addresses, pins.

use core::time::Duration;

use hal::node::PhyMode;
use hal::{Clock, MacAddr, Registers};

use super::GenetError;
use super::registers::{self, buffer, command, counters, dma, receive_flush, rgmii};
use crate::net::address;
use crate::wait::wait_until;

/// How long a DMA may take to stop (Linux waits as long): the frame that it is at takes 1.3 ms at 10 Mbit/s.
const STOP_LIMIT: Duration = Duration::from_millis(20);
/// How long frames that are on their way between the wire and memory take to arrive (Linux).
const DRAIN: Duration = Duration::from_millis(10);
/// How long the device must see a reset.
const PULSE: Duration = Duration::from_micros(10);
/// The longest frame on the wire: with a VLAN tag and the check sequence.
const LONGEST: u32 = 1522;

fn pause(clock: &dyn Clock, time: Duration) {
    let _ = wait_until(clock, time, || false);
}

/// Clears and sets bits.
fn change(registers: &dyn Registers, register: usize, (clear, set): (u32, u32)) {
    let value = registers.read32(register);
    registers.write32(register, value & !clear | set);
}

/// Stops the receiver, both DMAs and the transmitter, masks all interrupts, and resets what can be. Afterwards the device uses no memory.
pub(super) fn stop(registers: &dyn Registers, clock: &dyn Clock) -> Result<(), GenetError> {
    for (mask, clear) in registers::INTERRUPT_MASK.into_iter().zip(registers::INTERRUPT_CLEAR) {
        registers.write32(mask, u32::MAX);
        registers.write32(clear, u32::MAX);
    }
    change(registers, registers::COMMAND, (command::RECEIVE, 0));
    let transmit = stop_dma(registers, registers::TRANSMIT_DMA, clock);
    pause(clock, DRAIN);
    let receive = stop_dma(registers, registers::RECEIVE_DMA, clock);
    change(registers, registers::COMMAND, (command::TRANSMIT, 0));
    flush_transmitter(registers, clock);
    reset(registers, clock);
    transmit.and(receive)
}

/// Stops the DMA that begins at `at`: it ends the frame that it is at.
pub(super) fn stop_dma(registers: &dyn Registers, at: usize, clock: &dyn Clock) -> Result<(), GenetError> {
    let control = at.saturating_add(dma::CONTROL);
    change(registers, control, (dma::ENABLE, 0));
    let status = || registers.read32(at.saturating_add(dma::STATUS));
    let stopped = wait_until(clock, STOP_LIMIT, || status() & dma::STOPPED != 0);
    registers.write32(control, 0);
    registers.write32(at.saturating_add(dma::RINGS), 0);
    if stopped {
        return Ok(());
    }
    Err(GenetError::NoStop {
        dma: at,
        status: status(),
    })
}

/// Drops what is between memory and the wire.
pub(super) fn flush_transmitter(registers: &dyn Registers, clock: &dyn Clock) {
    registers.write32(registers::TRANSMIT_FLUSH, 1);
    pause(clock, PULSE);
    registers.write32(registers::TRANSMIT_FLUSH, 0);
}

fn reset(registers: &dyn Registers, clock: &dyn Clock) {
    change(registers, registers::RECEIVE_FLUSH, (0, receive_flush::RESET));
    pause(clock, PULSE);
    registers.write32(registers::RECEIVE_FLUSH, 0);
    pause(clock, PULSE);
    registers.write32(registers::COMMAND, 0);
    registers.write32(registers::COMMAND, command::RESET | command::LOOP);
    pause(clock, PULSE);
    registers.write32(registers::COMMAND, 0);
    registers.write32(registers::COUNTERS, counters::RESET);
    registers.write32(registers::COUNTERS, 0);
}

/// How frames lie in buffers, and how long they may be.
pub(super) fn set_format(registers: &dyn Registers) {
    registers.write32(registers::FRAME_LIMIT, LONGEST);
    change(
        registers,
        registers::RECEIVE_BUFFER,
        (buffer::STATUS_BLOCK, buffer::ALIGN),
    );
    change(registers, registers::TRANSMIT_BUFFER, (buffer::STATUS_BLOCK, 0));
    registers.write32(registers::TRANSMIT_BUFFER_SIZE, 1);
}

/// Sets the pins to RGMII. The controller delays the transmit clock, unless the tree says that the board delays both clocks (the drivers of
/// Linux, FreeBSD, NetBSD and EDK2 agree: `rgmii`, and no other mode). A tree that says nothing is taken to mean `rgmii-rxid`, as the
/// BCM2711's boards have it.
pub(super) fn set_pins(registers: &dyn Registers, mode: Option<PhyMode>) {
    registers.write32(registers::PORT, registers::port::EXTERNAL_GIGABIT);
    let delay = if mode == Some(PhyMode::Rgmii) {
        rgmii::NO_DELAY
    } else {
        0
    };
    let clear = rgmii::NO_DELAY | rgmii::NO_OOB;
    change(
        registers,
        registers::RGMII,
        (clear, rgmii::LINK | rgmii::ENABLE | delay),
    );
}

/// The address that the firmware before us set, if there is one. A device in reset must not be asked.
pub(super) fn own_mac(registers: &dyn Registers) -> Option<MacAddr> {
    if registers.read32(registers::RECEIVE_FLUSH) & receive_flush::RESET != 0 {
        return None;
    }
    let [a, b, c, d] = registers.read32(registers::ADDRESS_0).to_be_bytes();
    let [.., e, f] = registers.read32(registers::ADDRESS_1).to_be_bytes();
    address::station([a, b, c, d, e, f])
}

/// Has what is sent to `mac` come in, and broadcasts; nothing else.
pub(super) fn write_mac(registers: &dyn Registers, mac: MacAddr) {
    let MacAddr([a, b, c, d, e, f]) = mac;
    registers.write32(registers::ADDRESS_0, u32::from_be_bytes([a, b, c, d]));
    registers.write32(registers::ADDRESS_1, u32::from_be_bytes([0, 0, e, f]));
    let filters = [[0xff; 6], [a, b, c, d, e, f]];
    for (index, [a, b, c, d, e, f]) in filters.into_iter().enumerate() {
        let at = registers::FILTER.saturating_add(index.saturating_mul(8));
        registers.write32(at, u32::from_be_bytes([0, 0, a, b]));
        registers.write32(at.saturating_add(4), u32::from_be_bytes([c, d, e, f]));
    }
    registers.write32(registers::FILTERS, 3 << (registers::FILTER_COUNT - 2));
}
