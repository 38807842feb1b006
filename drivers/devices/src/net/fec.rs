//! NXP's Ethernet controller ENET, called FEC in device trees, of the i.MX 6SoloX and the i.MX 8M family (i.MX 8M Plus Reference Manual, chapter
//! ENET): the kind with an AXI bus, of which the first of three queues is used.
//!
//! Received frames are handed out where the device put them; what says that one has come is its descriptor in memory, so no register is read
//! while frames flow. A device that found no buffer stops, and is started again once its ring was emptied. Broadcasts and multicasts come in;
//! other people's frames do not, except in QEMU, whose device has no filter.
//!
//! Switching the controller off makes it forget where it is in its rings, and its registers may only be set while it is off: a link of
//! another speed, a bus error and a transmitter that stands all end in a new start, which drops what is in the rings.
//!
//! What is left as the firmware before us set it: pins, the rates of clocks, the PHY's reset and its delays. U-Boot sets them; TF-A, which
//! starts us in U-Boot's place, only opens the clocks' gates (`imx_gpc_init`), so that the registers answer. The controller's bus clock is not
//! asked for: MDC is divided so far that it is slow enough with any.

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
use crate::net::phy::{Management, Wire};
use crate::net::polls::Polls;
use crate::net::{address, check_frame};
use crate::registers::RegistersError;
use crate::wait::wait_until;
use hardware::{Mode, is_there, own_mac, set_format, stop, write_mac};
use mdio::Port;
use registers::control;
use rings::{RECEIVE, Rings};

/// How long a frame waits for a transmit buffer. At 10 Mbit/s the wire sends all 64 in 80 ms.
const TRANSMIT_LIMIT: Duration = Duration::from_millis(200);

/// Why an Ethernet controller is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FecError {
    /// Its registers.
    #[error(transparent)]
    Registers(#[from] RegistersError),
    /// Another device, or nothing at all.
    #[error("what is at {0} is no ENET, or has no clock: its registers do not hold what is written to them")]
    NotThere(PhysAddr),
    /// It may go on using the memory that an earlier program gave it.
    #[error("the controller at {address} does not reset: its register ECR is {control:#010x}")]
    NoReset {
        /// Where.
        address: PhysAddr,
        /// ECR.
        control: u32,
    },
    /// No memory to share.
    #[error("there are no {0:#x} bytes of memory to share with the device")]
    NoMemory(usize),
    /// The memory is where the device cannot address it.
    #[error("the device does not reach the memory at {0}")]
    OutOfReach(PhysAddr),
}

/// An ENET that runs.
pub struct Fec {
    name: String,
    own: Own,
    /// Whose frames come in.
    listens_to: MacAddr,
    registers: Box<dyn Registers>,
    clock: Rc<dyn Clock>,
    rings: Rings,
    wire: Wire,
    mode: Mode,
    polls: Polls,
    running: bool,
}

impl Fec {
    /// Resets the controller of `node`, finds its PHY, and starts it, called as the node is: `ethernet@30be0000`.
    ///
    /// # Errors
    /// [`FecError`]. The controller is left stopped.
    pub fn start(node: &NodeInfo, platform: &dyn Platform) -> Result<Self, FecError> {
        let (address, registers) = crate::registers::open(node, registers::LEN, platform)?;
        let clock = platform.clock();
        if registers.read32(registers::CONTROL) == u32::MAX {
            return Err(FecError::NotThere(address));
        }
        let own = address::choose(&node.ethernet, own_mac(registers.as_ref()), clock.as_ref());
        let mode = Mode::found(registers.as_ref(), node.ethernet.phy_mode);
        stop(registers.as_ref(), clock.as_ref()).map_err(|control| FecError::NoReset { address, control })?;
        if !is_there(registers.as_ref()) {
            return Err(FecError::NotThere(address));
        }
        let mut device = Self {
            name: node.name_or("fec"),
            own,
            listens_to: own.mac,
            rings: Rings::new(platform)?,
            registers,
            clock,
            wire: Wire::Fixed,
            mode,
            polls: Polls::new(RECEIVE),
            running: true,
        };
        mdio::switch_on(device.registers.as_ref());
        let (wire, link) = device.management().attach(&node.ethernet);
        device.wire = wire;
        device.mode.link = link.unwrap_or(mode.link);
        device.set_up();
        Ok(device)
    }

    /// Gives the controller, which was reset, its memory and starts it.
    fn set_up(&mut self) {
        self.rings.reset();
        let registers = self.registers.as_ref();
        let write = |register, value| registers.write32(register, value);
        set_format(registers);
        write_mac(registers, self.listens_to);
        write(registers::RECEIVE_CONTROL, self.mode.receive());
        write(registers::TRANSMIT_CONTROL, self.mode.transmit());
        let (receive, transmit) = self.rings.addresses();
        write(registers::RECEIVE_RING, receive);
        write(registers::TRANSMIT_RING, transmit);
        let reserved = registers.read32(registers::CONTROL) & control::RESERVED;
        let on = control::ENABLE | control::LITTLE_ENDIAN | self.mode.control();
        write(registers::CONTROL, reserved | on);
        self.start_receiver();
    }

    /// Begins anew, with nothing in the rings. A device that does not reset is off, and is tried again when that is noticed.
    fn restart(&mut self) {
        if stop(self.registers.as_ref(), self.clock.as_ref()).is_ok() {
            mdio::switch_on(self.registers.as_ref());
            self.set_up();
        }
    }

    fn management(&self) -> Management<Port<'_>> {
        Management(Port {
            registers: self.registers.as_ref(),
            clock: self.clock.as_ref(),
        })
    }

    /// Says that there are empty buffers: a receiver that found none stands until then.
    fn start_receiver(&self) {
        self.registers.write32(registers::RECEIVE_ACTIVE, 1);
    }

    fn start_transmitter(&self) {
        self.registers.write32(registers::TRANSMIT_ACTIVE, 1);
    }

    /// After a poll that found nothing: was it because the ring was full, and does all run?
    fn look_after(&mut self) {
        let doubts = self.polls.found_nothing();
        if doubts.full {
            self.start_receiver();
        }
        if !doubts.look {
            return;
        }
        if self.registers.read32(registers::CONTROL) & control::ENABLE == 0 {
            // The bus answered a descriptor's or a buffer's access with an error (EIR.EBERR).
            self.restart();
            return;
        }
        self.start_receiver();
        // A start that comes while the transmitter looks at the last descriptor is lost.
        if self.rings.is_transmitting() {
            self.start_transmitter();
        }
    }
}

impl NetDevice for Fec {
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
            self.listens_to = mac;
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
        if link != self.mode.link {
            self.mode.link = link;
            self.restart();
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
                self.restart();
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
            let _ = stop(self.registers.as_ref(), self.clock.as_ref());
            // A system whose tree has no address takes the one that it finds here (Linux `fec`), and the reset has cleared it.
            write_mac(self.registers.as_ref(), self.own.mac);
        }
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
