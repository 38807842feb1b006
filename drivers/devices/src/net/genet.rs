//! The Broadcom gigabit Ethernet controller, GENET version 5: the Raspberry Pi 4's.
//!
//! There is no public manual. What the registers do is taken from drivers that have been published: FreeBSD's and NetBSD's, EDK2's, and by
//! their behaviour Linux's and U-Boot's. QEMU has no model of the device, and **this driver was not run on hardware**: its tests run it
//! against a model that is written after the same drivers.
//!
//! Its descriptors are registers, so a frame costs one reading of its descriptor, and a batch of frames one of the device's count; the
//! buffers lie in memory. A device that finds no buffer drops frames and goes on. Broadcasts come in and what is sent to our address, by exact
//! filters; multicasts do not.
//!
//! On the BCM2711 the pins are set to RGMII, with the controller's delay of the transmit clock as `phy-mode` wants it: all of its boards have a
//! PHY that delays the receive clock, while the controller delays the transmit clock (`rgmii-rxid`). On other chips pins and delays stay as the firmware before us set them, as do the
//! clocks and the PHY's own delays everywhere.

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
use crate::net::{address, check_frame};
use crate::registers::RegistersError;
use crate::wait::wait_until;
use hardware::{flush_transmitter, own_mac, set_format, set_pins, stop, stop_dma, write_mac};
use mdio::{Port, command_of};
use registers::{TRANSMIT_DMA, command};
use rings::Rings;

/// The BCM2711's, which is known how to wire.
const BCM2711: &str = "brcm,bcm2711-genet-v5";
/// How long a frame waits for a transmit buffer. At 10 Mbit/s the wire sends all 64 in 80 ms.
const TRANSMIT_LIMIT: Duration = Duration::from_millis(200);
/// How version 5 calls itself in its revision register (Linux `bcmgenet`, the same test).
const VERSION_5: [u32; 2] = [6, 7];

/// Why an Ethernet controller is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenetError {
    /// Its registers.
    #[error(transparent)]
    Registers(#[from] RegistersError),
    /// Another version, whose registers lie elsewhere, or nothing at all.
    #[error("the controller at {address} has the revision {revision:#010x}, which is not GENET version 5")]
    NotVersion5 {
        /// Where.
        address: PhysAddr,
        /// Its revision register.
        revision: u32,
    },
    /// It does not stop using the memory that an earlier program gave it.
    #[error("the DMA whose registers begin at {dma:#x} does not stop: its status is {status:#x}")]
    NoStop {
        /// The offset of its registers: 0x2000 receives, 0x4000 sends.
        dma: usize,
        /// Its status register.
        status: u32,
    },
    /// No memory to share.
    #[error("there are no {0:#x} bytes of memory to share with the device")]
    NoMemory(usize),
    /// The memory is where the device cannot address it.
    #[error("the device does not reach the memory at {0}")]
    OutOfReach(PhysAddr),
}

/// A GENET that runs.
pub struct Genet {
    name: String,
    own: Own,
    registers: Box<dyn Registers>,
    clock: Rc<dyn Clock>,
    rings: Rings,
    wire: Wire,
    /// What UMAC_CMD is set to.
    command: u32,
    running: bool,
}

impl Genet {
    /// Stops the controller of `node`, finds its PHY, and starts it, called as the node is: `ethernet@7d580000`.
    ///
    /// # Errors
    /// [`GenetError`]. The controller is left stopped, or alone if it is another.
    pub fn start(node: &NodeInfo, platform: &dyn Platform) -> Result<Self, GenetError> {
        let registers = open(node, platform)?;
        let clock = platform.clock();
        let mac = own_mac(registers.as_ref());
        stop(registers.as_ref(), clock.as_ref())?;
        let mut device = Self {
            name: node.name_or("genet"),
            own: address::choose(&node.ethernet, mac, clock.as_ref()),
            rings: Rings::new(platform)?,
            registers,
            clock,
            wire: Wire::Fixed,
            command: command::RUN,
            running: true,
        };
        if node.compatible.iter().any(|name| name == BCM2711) {
            set_pins(device.registers.as_ref(), node.ethernet.phy_mode);
        }
        let (wire, link) = device.management().attach(&node.ethernet);
        device.wire = wire;
        device.command |= command_of(link.unwrap_or(Link::GIGABIT));
        device.set_up();
        Ok(device)
    }

    /// Gives the stopped controller its memory and starts it.
    fn set_up(&mut self) {
        let registers = self.registers.as_ref();
        set_format(registers);
        write_mac(registers, self.own.mac);
        self.rings.start_receive(registers);
        self.rings.start_transmit(registers);
        registers.write32(registers::COMMAND, self.command);
    }

    fn management(&self) -> Management<Port<'_>> {
        Management(Port {
            registers: self.registers.as_ref(),
            clock: self.clock.as_ref(),
        })
    }

    /// Drops all that is to be sent, when the transmitter stands.
    fn revive_transmitter(&mut self) {
        let (registers, clock) = (self.registers.as_ref(), self.clock.as_ref());
        // A device that does not stop keeps its buffers: its ring is off, and the next frame finds out.
        if stop_dma(registers, TRANSMIT_DMA, clock).is_ok() {
            flush_transmitter(registers, clock);
            self.rings.start_transmit(registers);
        }
    }
}

impl NetDevice for Genet {
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
        let command = self.command & !command::LINK | command_of(link);
        if command != self.command {
            self.command = command;
            self.registers.write32(registers::COMMAND, command);
        }
        true
    }

    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> bool {
        self.running && self.rings.receive(self.registers.as_ref(), sink)
    }

    fn transmit(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), TransmitError> {
        check_frame(self.running, len)?;
        let (rings, registers) = (&mut self.rings, self.registers.as_ref());
        if !wait_until(self.clock.as_ref(), TRANSMIT_LIMIT, || rings.can_transmit(registers)) {
            self.revive_transmitter();
            return Err(TransmitError::Busy);
        }
        self.rings.transmit(self.registers.as_ref(), len, fill);
        Ok(())
    }

    fn shutdown(&mut self) {
        if self.running {
            self.running = false;
            // There is nobody left to tell: both directions are off.
            let _ = stop(self.registers.as_ref(), self.clock.as_ref());
        }
    }
}

/// The registers of a GENET of version 5.
fn open(node: &NodeInfo, platform: &dyn Platform) -> Result<Box<dyn Registers>, GenetError> {
    let (address, registers) = crate::registers::open(node, registers::LEN, platform)?;
    let revision = registers.read32(registers::REVISION);
    if revision == u32::MAX || !VERSION_5.contains(&(revision >> 24 & 0xf)) {
        return Err(GenetError::NotVersion5 { address, revision });
    }
    Ok(registers)
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
