//! The Cadence gigabit Ethernet controller, GEM (AMD UG585, chapter 16; UG1085, chapter 34), of Zynq, Zynq UltraScale+, Versal and others.
//!
//! Received frames are handed out where the device put them; what says that one has come is its descriptor in memory, so no register is read
//! while frames flow. A device that found no buffer stops, and is started again once its ring was emptied. Broadcasts and multicasts come in;
//! other people's frames do not.
//!
//! What is left as the firmware before us set it: the reference clocks, whose dividers on ZynqMP belong to the speed (a link
//! that comes up at another speed than the firmware chose them for does not work on RGMII), the pins, the PHY's delays but for those of TI's
//! DP83867, the PCS. The controller's bus clock is not asked for: MDC is divided so far that it is slow enough with any.

mod hardware;
mod mdio;
mod registers;
mod rings;

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use core::time::Duration;

use hal::net::TransmitError;
use hal::{Clock, MacAddr, NetDevice, NodeInfo, PhysAddr, Platform, Registers};

use crate::net::address::Own;
use crate::net::phy::{Link, Management, Wire};
use crate::net::polls::Polls;
use crate::net::{address, check_frame};
use crate::registers::RegistersError;
use crate::wait::wait_until;
use hardware::{base_config, own_mac, queue_offsets, stop, wait_for_transmitter, write_mac};
use mdio::{Port, config_of, link_of};
use registers::{config, control, design, dma, receive_status, transmit_status};
use rings::{BUFFER, RECEIVE, Rings};

/// How long a frame waits for a transmit buffer. At 10 Mbit/s the wire sends all 64 in 80 ms.
const TRANSMIT_LIMIT: Duration = Duration::from_millis(200);
/// Controllers before GEM have other registers in places: their module number is lower (Linux `macb`, the same test).
const FIRST_GEM: u32 = 2;

/// Why an Ethernet controller is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GemError {
    /// Its registers.
    #[error(transparent)]
    Registers(#[from] RegistersError),
    /// Another controller: 10/100 MACB, or nothing at all.
    #[error("the module at {address} has the number {number:#010x}, which is no GEM's")]
    NotGem {
        /// Where.
        address: PhysAddr,
        /// Its module id register.
        number: u32,
    },
    /// It does not stop sending what an earlier program gave it.
    #[error("the transmitter does not stop: its status is {0:#x}")]
    NoStop(u32),
    /// No memory to share.
    #[error("there are no {0:#x} bytes of memory to share with the device")]
    NoMemory(usize),
    /// The memory is where the device cannot address it.
    #[error("the device does not reach the memory at {0}")]
    OutOfReach(PhysAddr),
}

/// A GEM that runs.
pub struct Gem {
    name: String,
    own: Own,
    registers: Box<dyn Registers>,
    clock: Rc<dyn Clock>,
    rings: Rings,
    wire: Wire,
    /// What network_config is set to.
    config: u32,
    /// Priority queues 1 to 7 that there are, a bit each.
    queues: u32,
    polls: Polls,
    running: bool,
}

impl Gem {
    /// Stops the controller of `node`, finds its PHY, and starts it, called as the node is: `ethernet@ff0e0000`.
    ///
    /// # Errors
    /// [`GemError`]. The controller is left stopped.
    pub fn start(node: &NodeInfo, platform: &dyn Platform) -> Result<Self, GemError> {
        let (registers, queues, wide) = open(node, platform)?;
        let clock = platform.clock();
        let (found, mac) = (registers.read32(registers::CONFIG), own_mac(registers.as_ref()));
        stop(registers.as_ref(), queues, clock.as_ref())?;
        let mut device = Self {
            name: node.name_or("gem"),
            own: address::choose(&node.ethernet, mac, clock.as_ref()),
            rings: Rings::new(wide, platform)?,
            config: base_config(registers.as_ref(), found),
            registers,
            clock,
            wire: Wire::Fixed,
            queues,
            polls: Polls::new(RECEIVE),
            running: true,
        };
        let link = device.find_wire(node, found);
        device.config |= config_of(link);
        device.set_up(wide);
        Ok(device)
    }

    /// Finds out what is at the other end, and the link to begin with.
    fn find_wire(&mut self, node: &NodeInfo, found: u32) -> Link {
        self.registers.write32(registers::CONFIG, self.config);
        self.registers.write32(registers::CONTROL, control::MANAGEMENT);
        let (wire, link) = self.management().attach(&node.ethernet);
        self.wire = wire;
        link.unwrap_or_else(|| match found & config::LINK {
            0 => Link::GIGABIT,
            _ => link_of(found),
        })
    }

    /// Gives the stopped controller its memory and starts it.
    fn set_up(&mut self, wide: bool) {
        let write = |register, value| self.registers.write32(register, value);
        self.rings.reset_receive();
        self.rings.reset_transmit();
        let length = u32::try_from(BUFFER / 64).unwrap_or(0) << dma::BUFFER_SHIFT;
        let descriptors = if wide { dma::WIDE } else { 0 };
        write(
            registers::DMA_CONFIG,
            dma::BURST_16 | dma::WHOLE_BUFFER | length | descriptors,
        );
        let addresses = self.rings.addresses();
        if wide {
            write(registers::RECEIVE_QUEUE_HIGH, addresses.high);
            write(registers::TRANSMIT_QUEUE_HIGH, addresses.high);
        }
        write(registers::RECEIVE_QUEUE, addresses.receive);
        write(registers::TRANSMIT_QUEUE, addresses.transmit);
        for offset in queue_offsets(self.queues) {
            write(
                registers::RECEIVE_QUEUE_1.saturating_add(offset),
                addresses.parked_receive,
            );
            write(
                registers::TRANSMIT_QUEUE_1.saturating_add(offset),
                addresses.parked_transmit,
            );
        }
        write(registers::HASH_LOW, u32::MAX);
        write(registers::HASH_HIGH, u32::MAX);
        for address in 0..registers::ADDRESSES {
            write(registers::ADDRESS_BOTTOM.saturating_add(8 * address), 0);
        }
        write_mac(self.registers.as_ref(), self.own.mac);
        write(registers::CONFIG, self.config);
        write(registers::CONTROL, control::RUN);
    }

    fn management(&self) -> Management<Port<'_>> {
        Management(Port {
            registers: self.registers.as_ref(),
            clock: self.clock.as_ref(),
        })
    }

    /// Looks whether the receiver had to stop, and starts it again.
    fn revive_receiver(&mut self, reasons: u32) {
        let status = self.registers.read32(registers::RECEIVE_STATUS);
        if status & reasons == 0 {
            return;
        }
        self.registers.write32(registers::RECEIVE_STATUS, receive_status::ALL);
        // Off and on again gets a receiver going that hangs after it found no buffer (UG585, 16.7.4). Its place in the ring stays.
        self.registers
            .write32(registers::CONTROL, control::RUN & !control::RECEIVE);
        if status & receive_status::BUS_ERROR != 0 {
            // Nobody knows how far it came.
            self.rings.reset_receive();
            let address = self.rings.addresses().receive;
            self.registers.write32(registers::RECEIVE_QUEUE, address);
        }
        self.registers.write32(registers::CONTROL, control::RUN);
    }

    /// After a poll that found nothing: was it because the ring was full, and does all run?
    fn look_after(&mut self) {
        let doubts = self.polls.found_nothing();
        if doubts.full {
            self.revive_receiver(receive_status::NO_BUFFER | receive_status::OVERRUN | receive_status::BUS_ERROR);
        }
        if doubts.look {
            self.revive_receiver(receive_status::OVERRUN | receive_status::BUS_ERROR);
            // A start that comes while the transmitter looks at the last descriptor is lost.
            if self.rings.is_transmitting() {
                self.start_transmitter();
            }
        }
    }

    fn start_transmitter(&self) {
        self.registers
            .write32(registers::CONTROL, control::RUN | control::START_TRANSMIT);
    }

    /// Drops all that is to be sent, after an error that stopped the transmitter.
    fn revive_transmitter(&mut self) {
        self.registers
            .write32(registers::CONTROL, control::RUN & !control::TRANSMIT);
        // A device that still runs keeps its descriptors: the next frame finds out.
        if wait_for_transmitter(self.registers.as_ref(), self.clock.as_ref()).is_ok() {
            self.registers.write32(registers::TRANSMIT_STATUS, transmit_status::ALL);
            self.rings.reset_transmit();
            let address = self.rings.addresses().transmit;
            self.registers.write32(registers::TRANSMIT_QUEUE, address);
        }
        self.registers.write32(registers::CONTROL, control::RUN);
    }
}

impl NetDevice for Gem {
    fn name(&self) -> &str {
        &self.name
    }

    fn mac(&self) -> MacAddr {
        self.own.mac
    }

    fn mac_is_made_up(&self) -> bool {
        self.own.made_up
    }

    fn listen_to(&mut self, mac: MacAddr) {
        if self.running {
            write_mac(self.registers.as_ref(), mac);
        }
    }

    fn link_up(&mut self) -> bool {
        let Wire::Phy(phy) = self.wire else {
            return self.running;
        };
        let link = self.running.then(|| self.management().link(phy)).flatten();
        let Some(link) = link else {
            return false;
        };
        let config = self.config & !config::LINK | config_of(link);
        if config != self.config {
            self.config = config;
            self.registers.write32(registers::CONFIG, config);
        }
        true
    }

    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool {
        if !self.running {
            return false;
        }
        let received = self.rings.receive(sink);
        if received {
            self.polls.found();
        } else {
            self.look_after();
        }
        received
    }

    fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), TransmitError> {
        check_frame(self.running, len)?;
        if !self.rings.can_transmit() {
            self.start_transmitter();
            let rings = &self.rings;
            if !wait_until(self.clock.as_ref(), TRANSMIT_LIMIT, || rings.can_transmit()) {
                self.revive_transmitter();
                return Err(TransmitError::Busy);
            }
        }
        self.rings.transmit(len, fill);
        self.start_transmitter();
        Ok(())
    }

    fn shutdown(&mut self) {
        if self.running {
            self.running = false;
            // There is nobody left to tell: both directions are off.
            let _ = stop(self.registers.as_ref(), self.queues, self.clock.as_ref());
        }
    }
}

/// The registers of a GEM, the priority queues that it has, and whether its descriptors have 64-bit addresses.
fn open(node: &NodeInfo, platform: &dyn Platform) -> Result<(Box<dyn Registers>, u32, bool), GemError> {
    let (address, registers) = crate::registers::open(node, registers::LEN, platform)?;
    let number = registers.read32(registers::MODULE_ID);
    if number == u32::MAX || number >> 16 & 0xfff < FIRST_GEM {
        return Err(GemError::NotGem { address, number });
    }
    let design = registers.read32(registers::DESIGN_6);
    Ok((registers, design & design::QUEUES, design & design::WIDE != 0))
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
